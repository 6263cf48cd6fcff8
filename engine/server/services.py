"""What the routes work with: the store, the runs, the limits. Opened once per server process, closed with it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.blocks import Catalog, default_catalog
from engine.run.context import RunSettings
from engine.server.auth import Key
from engine.server.metrics import Metrics
from engine.server.runs.loaded import Workflows
from engine.server.runs.port import RunService
from engine.server.selfcall import SelfCall
from engine.store import Database, open_database


@dataclass(frozen=True)
class ServerSettings:
    """What the owner of the server decided. Times in seconds; `None` for an age keeps everything.

    `max_runs` run at once, `max_waiting` more wait for their turn, and whoever comes then gets a 503.
    """

    execute_timeout_s: float = 300
    stream_timeout_s: float = 600
    webhook_timeout_s: float = 300
    schedule_timeout_s: float = 600
    max_runs: int = 16
    max_waiting: int = 256
    drain_s: float = 10
    keep_executions_s: float | None = None
    run: RunSettings = field(default_factory=RunSettings)


class RunLimit(Protocol):
    """How often one caller may start runs."""

    text: str
    """What a caller reads who has started too many."""

    async def retry_after(self, caller: str) -> int | None:
        """None when the run was counted and may start, else the seconds after which to try again."""


class SecretLimit(Protocol):
    """How often one webhook may be called with a wrong secret."""

    async def wrong_secret(self, webhook_id: str) -> int | None:
        """To be asked after a wrong secret only: None to refuse it as wrong, else the seconds to stay away."""


@dataclass
class Services:
    """Everything that routes use. A limit that is None does not limit."""

    db: Database
    keys: Sequence[Key]
    catalog: Catalog
    workflows: Workflows
    runs: RunService
    settings: ServerSettings
    own: SelfCall
    run_limit: RunLimit | None = None
    secret_limit: SecretLimit | None = None
    metrics: Metrics = field(default_factory=Metrics)


@asynccontextmanager
async def open_services(
    where: Path | str,
    keys: Sequence[Key],
    settings: ServerSettings | None = None,
    *,
    run_limit: RunLimit | None = None,
    secret_limit: SecretLimit | None = None,
    catalog: Catalog | None = None,
) -> AsyncIterator[Services]:
    """The services on this database: a folder for SQLite in it, or a URL. Leaving lets runs end, then closes.

    Raises:
        StoreUnavailable: the database cannot be opened.
    """
    from engine.server.runs.local import open_runs

    settings = settings or ServerSettings()
    catalog = catalog or default_catalog()
    async with AsyncExitStack() as stack:
        db = await open_database(where)
        stack.push_async_callback(db.close)
        workflows, own, metrics = Workflows(db, catalog), SelfCall(), Metrics()
        runs = await stack.enter_async_context(
            open_runs(
                db,
                own.settings_for(db, settings.run),
                places=settings.max_runs,
                max_waiting=settings.max_waiting,
                drain_s=settings.drain_s,
                keep_s=settings.keep_executions_s,
                observe=metrics.run_ended,
            )
        )
        metrics.watch("blockloom_runs_under_way", "Runs under way.", lambda: len(runs.live))
        metrics.watch("blockloom_runs_waiting", "Runs that wait for a place.", lambda: runs.waiting)
        yield Services(db, (*keys, own), catalog, workflows, runs, settings, own, run_limit, secret_limit, metrics)
