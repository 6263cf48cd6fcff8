"""The tables. Instants are whole microseconds since the epoch (UTC), JSON is text exactly as it is sent.

JSON is not a JSON column on purpose: a graph comes back word for word, the same on every database, and is passed on
without being read. Ids are text, since block ids and foreign ids need not be UUIDs.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

ID_LENGTH = 36
NAME_LENGTH = 255

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Instant = BigInteger
# SQLite numbers rows by themselves only where the key is exactly INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")


def _workflow_id(**options: object) -> Column[str]:
    owner = ForeignKey("workflows.id", ondelete="CASCADE")
    return Column("workflow_id", String(ID_LENGTH), owner, nullable=False, **options)  # type: ignore[arg-type]


WORKFLOWS = Table(
    "workflows",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("description", Text),
    Column("variables", Text, nullable=False),
    Column("color", String(50)),
    Column("version", Integer, nullable=False),
    Column("revision", String(64), nullable=False),
    # Counts changes of what a run is made of (graph, variables, name); what was loaded is true while it is the same.
    Column("stamp", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("armed_until", Instant),
    Column("created_at", Instant, nullable=False, index=True),
    Column("updated_at", Instant, nullable=False, index=True),
    Column("execution_count", Integer, nullable=False, server_default="0"),
    Column("last_execution_at", Instant, index=True),
    Column("deployed_at", Instant),
    Column("deployed_version", Integer),
    Column("deployed_revision", String(64)),
    Column("schedule_config", Text),
    Column("schedule_last_run_at", Instant),
    Column("schedule_run_count", Integer, nullable=False, server_default="0"),
    Column("schedule_next_at", Instant, index=True),
    Column("schedule_owner", String(ID_LENGTH)),
    Column("schedule_lease_until", Instant),
)

# A graph is read and replaced as a whole, so it is one document: order, unknown fields and spellings stay as they came.
# Rows of earlier revisions stay as long as a run or the deployment refers to them; both tell what they ran with.
GRAPHS = Table(
    "graphs",
    METADATA,
    _workflow_id(primary_key=True),
    Column("revision", String(64), primary_key=True),
    Column("blocks", Text, nullable=False),
    Column("edges", Text, nullable=False),
    # Whether a run refers to it. One that no run has used goes when the next one is saved.
    Column("used", Integer, nullable=False, server_default="0"),
)

# The address book of webhook blocks: unique by the database, whoever saves at the same time.
WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("webhook_id", String(NAME_LENGTH), primary_key=True),
    _workflow_id(index=True),
)

EXECUTIONS = Table(
    "executions",
    METADATA,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    _workflow_id(),
    Column("version", Integer, nullable=False),
    Column("revision", String(64), nullable=False),
    Column("trigger", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("input", Text),
    Column("output", Text),
    Column("error", Text),
    Column("error_code", String(50)),
    Column("error_count", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("owner", String(ID_LENGTH)),
    Column("cancel_requested_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("completed_at", Instant),
    Index("ix_executions_workflow_id_number", "workflow_id", "number"),
)
# Only rows of runs that go on are in it, so finding the orphans of a crash never reads history.
Index(
    "ix_executions_running",
    EXECUTIONS.c.owner,
    sqlite_where=EXECUTIONS.c.status == "running",
    postgresql_where=EXECUTIONS.c.status == "running",
)

# What happened in a run, several events a row: JSON lines. Logs and outputs are folds over them.
RUN_EVENTS = Table(
    "run_events",
    METADATA,
    Column("execution_id", String(ID_LENGTH), ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True),
    Column("last_seq", Integer, primary_key=True),
    Column("events", LargeBinary, nullable=False),
)

# Server processes that own runs; one whose lease has run out is dead.
SERVERS = Table(
    "servers",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
)

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("scope", String(300), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("execution_id", String(ID_LENGTH), nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)

AGENTS = Table(
    "agents",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("model", String(NAME_LENGTH), nullable=False),
    Column("system_prompt", Text),
    Column("settings", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
    Column("updated_at", Instant, nullable=False),
)

# Every model run, of an agent block or of an agent route. `run_id` is what the run route wants; both ids are accepted
# (W24).
AGENT_RUNS = Table(
    "agent_runs",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("run_id", String(64), nullable=False, unique=True),
    Column("agent_id", String(ID_LENGTH), index=True),
    Column("session_id", String(ID_LENGTH), index=True),
    Column("execution_id", String(ID_LENGTH), ForeignKey("executions.id", ondelete="CASCADE"), index=True),
    Column("block_id", String(NAME_LENGTH)),
    Column("status", String(20), nullable=False),
    Column("data", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("completed_at", Instant),
)

ORCHESTRATIONS = Table(
    "orchestrations",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("description", Text, nullable=False),
    Column("strategy", String(50), nullable=False),
    Column("orchestrator_config", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
    Column("updated_at", Instant, nullable=False),
)

ORCHESTRATION_ENTITIES = Table(
    "orchestration_entities",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column(
        "orchestration_id",
        String(ID_LENGTH),
        ForeignKey("orchestrations.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("entity_type", String(50), nullable=False),
    Column("entity_ref_id", String(ID_LENGTH), nullable=False),
    Column("role_description", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("position", Integer, nullable=False),
)

COPILOT_SESSIONS = Table(
    "copilot_sessions",
    METADATA,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    _workflow_id(index=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

COPILOT_MESSAGES = Table(
    "copilot_messages",
    METADATA,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    Column(
        "session_id",
        String(ID_LENGTH),
        ForeignKey("copilot_sessions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("role", String(20), nullable=False),
    Column("content", Text, nullable=False),
    Column("workflow_diff", Text),
    Column("pre_snapshot", Text),
    Column("created_at", Instant, nullable=False),
)

# Everything whose fields only its own route knows: knowledge bases, sources, sessions, their messages, context
# handlers, assignments, settings, rows of user tables. `kind` says which, `parent_id` whose.
RECORDS = Table(
    "records",
    METADATA,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("kind", String(50), nullable=False),
    Column("id", String(NAME_LENGTH), nullable=False),
    Column("parent_id", String(NAME_LENGTH), nullable=False, server_default=""),
    Column("name", String(NAME_LENGTH), nullable=False, server_default=""),
    Column("status", String(50)),
    Column("data", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("uq_records_kind_parent_id_id", "kind", "parent_id", "id", unique=True),
)

# Hits of rate limits that several processes share: how many in the window that began at this instant.
RATE_COUNTERS = Table(
    "rate_counters",
    METADATA,
    Column("name", String(300), primary_key=True),
    Column("window_start", Instant, primary_key=True),
    Column("hits", Integer, nullable=False),
)
