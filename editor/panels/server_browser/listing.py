"""The list of a server's workflows as it is asked for page by page; from the copy on this machine when it is away."""

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from editor.aio import Tasks, in_thread
from editor.workspace.connections import ServerConnections
from editor.workspace.server_cache import ServerCache
from editor.workspace.server_library import SORTS, Sort, list_workflows
from engine import Connection, ServerError, WorkflowRow

TASK, KEEP_TASK = "server-list", "server-list-copy"


class Listing(QObject):
    """Rows of one server, with a search and an order.

    `trouble` says why the server could not be asked; `kept_at` is then the age of the copy that is shown instead, in
    seconds since the epoch, None when there is none.

    Signals:
        changed(): rows, trouble or `is_busy` are others.
    """

    changed = Signal()

    def __init__(
        self, connections: ServerConnections, cache: ServerCache, tasks: Tasks, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._connections = connections
        self._cache = cache
        self._tasks = tasks
        self.connection: Connection | None = None
        self.search = ""
        self.sort = SORTS[0]
        self.rows: tuple[WorkflowRow, ...] = ()
        self.total = 0
        self.trouble = ""
        self.kept_at: float | None = None
        tasks.busy_changed.connect(self._on_busy_changed)

    def show(self, connection: Connection | None, search: str, sort: Sort) -> None:
        """List this server's workflows from the beginning."""
        self.connection, self.search, self.sort = connection, search, sort
        self.reload()

    def reload(self) -> None:
        """Ask anew."""
        if self.connection is not None:
            self._tasks.restart(TASK, self._load, self.connection, 0)
        else:
            self.rows, self.total, self.trouble, self.kept_at = (), 0, "", None
            self.changed.emit()

    def more(self) -> None:
        """Load the next page, if there is one and none is on its way."""
        if self.connection is not None and self.has_more and not self.is_busy and not self.trouble:
            self._tasks.start(TASK, self._load, self.connection, len(self.rows))

    @property
    def is_busy(self) -> bool:
        """Whether the server is being asked."""
        return self._tasks.is_busy(TASK)

    @property
    def has_more(self) -> bool:
        """Whether the server has rows that are not here yet."""
        return len(self.rows) < self.total

    def find(self, workflow_id: str) -> WorkflowRow | None:
        """The row of this workflow, if it is among those loaded."""
        return next((row for row in self.rows if row.id == workflow_id), None)

    def stop(self) -> None:
        """Give up what is on its way."""
        self._tasks.cancel(TASK)

    async def _load(self, connection: Connection, offset: int) -> None:
        search, sort = self.search, self.sort
        try:
            page = await self._connections.call(connection, list_workflows, search, sort, offset)
        except ServerError as error:
            await self._show_copy(connection, str(error), offset)
            self.changed.emit()
        else:
            earlier = self.rows if offset else ()
            known = {row.id for row in earlier}
            # What came or went meanwhile shifts the pages: a row may be told twice.
            self.rows = (*earlier, *(row for row in page.rows if row.id not in known))
            self.total = page.total if page.rows else len(self.rows)
            self.trouble, self.kept_at = "", None
            self.changed.emit()
            if not search and sort is SORTS[0]:
                # On its own, so that whoever opens a workflow at once does not stop it.
                self._tasks.restart(KEEP_TASK, in_thread, self._cache.keep_list, connection.connection_id, self.rows)

    async def _show_copy(self, connection: Connection, trouble: str, offset: int) -> None:
        self.trouble = trouble
        if offset:
            return  # what is shown already is newer than any copy
        kept = await in_thread(self._cache.find_list, connection.connection_id)
        self.kept_at = kept.kept_at if kept else None
        self.rows = self.sort.sorted(tuple(_fitting(kept.rows, self.search))) if kept else ()
        self.total = len(self.rows)

    def _on_busy_changed(self, key: str, _is_busy: bool) -> None:
        if key == TASK:
            self.changed.emit()


def _fitting(rows: Iterable[WorkflowRow], search: str) -> Iterable[WorkflowRow]:
    wanted = search.strip().casefold()
    return (row for row in rows if wanted in (row.name or "").casefold())
