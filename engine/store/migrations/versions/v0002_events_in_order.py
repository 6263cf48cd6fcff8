"""In SQLite, what runs did lies in the order in which it came, many runs on a page.

A table without row ids is an index, and SQLite moves every value of more than a quarter of a page out of an index, onto
a page of its own. That made four kilobytes of nearly every run.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table anew, with all that is in it."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "run_events_in_order",
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_run_events_execution_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("execution_id", "last_seq", name=op.f("pk_run_events")),
    )
    # Ids of executions grow with time, so this is the order in which they came. Other programs delete executions
    # without what belongs to them, and such leftovers must not keep a server from starting.
    op.execute(
        "INSERT INTO run_events_in_order SELECT * FROM run_events"
        " WHERE execution_id IN (SELECT id FROM executions) ORDER BY execution_id, last_seq"
    )
    op.drop_table("run_events")
    op.rename_table("run_events_in_order", "run_events")
