"""Saves the open document to its server: tries again by itself, asks where a person must decide, loses nothing.

What is sent is the document as it is when it is sent. Edits made meanwhile stay unsaved. The questions are asked by
whoever implements `Questions`, so nothing here knows of dialogs.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from PySide6.QtCore import QObject, Signal

from editor.aio import Tasks, in_thread
from editor.workspace.secret_fields import with_secrets
from editor.workspace.server_link import IDLE, SaveState, ServerLink
from editor.workspace.server_save import (
    MAY_HAVE_ARRIVED,
    UNTITLED,
    Creation,
    Draft,
    Moved,
    Outcome,
    Partial,
    Refused,
    Saved,
    largest_block,
    save_document,
)
from editor.workspace.workspace import FILE, SERVER, Workspace
from engine import (
    Connection,
    NotOnServer,
    RefusedByServer,
    ServerError,
    ServerFault,
    ServerUnreachable,
    StoredWorkflow,
    TooManyRequests,
    Workflow,
    merge,
    rewrite_ids,
)

T = TypeVar("T")
TASK = "server-save"
MERGE_LABEL = "Merge changes from server"
UNKNOWN_PAUSE_S = 60.0
"""How long to wait when a server asks for a pause and does not say how long."""
_MAX_FAULTS = 3
_UNAUTHORIZED, _TOO_LARGE = 401, 413


class Questions(Protocol):
    """What only a person can decide. Each answer may take as long as it likes."""

    async def new_key(self, connection: Connection, reason: str) -> bool:
        """Ask for the key of a server that does not accept the one it was sent; True when there is another one now."""

    async def settle(self, merged: merge.Merge, connection: Connection) -> Workflow | None:
        """The merged document as the person wants it; None when they gave up."""

    async def may_rewrite_ids(self, count: int, connection: Connection) -> bool:
        """Whether so many blocks may get ids that this server takes."""

    async def may_save_as_new(self, connection: Connection) -> bool:
        """The workflow was deleted on the server: whether to save it there as a new one."""


@dataclass(frozen=True)
class Backoff:
    """Pauses between tries: each twice the one before, up to `most_s`, and never quite as long as anybody else's."""

    first_s: float = 1.0
    most_s: float = 60.0

    def delay_s(self, tries: int) -> float:
        """Seconds to wait after so many tries that failed."""
        jitter = 0.75 + 0.5 * secrets.SystemRandom().random()
        return min(self.most_s, self.first_s * 2.0 ** min(tries - 1, 30)) * jitter


class ServerSaver(QObject):
    """One save at a time; its state is the link's `save_state`.

    Signals:
        saved(Saved): the server has the document as it was when it was sent.
    """

    saved = Signal(object)

    def __init__(
        self,
        workspace: Workspace,
        link: ServerLink,
        tasks: Tasks,
        questions: Questions,
        backoff: Backoff | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._link = link
        self._tasks = tasks
        self._questions = questions
        self._backoff = backoff or Backoff()
        self._hurry = asyncio.Event()
        self._first_news: asyncio.Future[bool] | None = None
        self._is_moving = False
        self._wants_again = False
        self._has_saved = True
        self._sent: Workflow | None = None
        link.place_changed.connect(self._on_place_changed)
        link.connection_changed.connect(self.try_now)

    # --- what flows ask for -------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save where the document lives. While a save is under way, what was edited meanwhile is saved after it."""
        if not self._tasks.start(TASK, self._save):
            self._wants_again = True
            self.try_now()

    def save_to(self, connection: Connection, *, also_in_file: bool) -> None:
        """Save the document as a new workflow of this server, and let it live there from now on."""
        self._tasks.restart(TASK, self._create_and_save, connection, also_in_file)

    async def wait(self) -> bool:
        """Whether the save that was begun is done. False as soon as it needs a person or another try."""
        if not self._tasks.is_busy(TASK):
            return self._link.save_state == IDLE
        if self._first_news is None:
            self._first_news = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._first_news)

    def try_now(self) -> None:
        """Do not wait any longer before the next try."""
        self._hurry.set()

    def stop(self) -> None:
        """Give up the save. What was sent already may have arrived; the next save looks."""
        self._tasks.cancel(TASK)

    @property
    def has_saved(self) -> bool:
        """Whether the last save that was begun came to its end."""
        return self._has_saved

    @property
    def is_busy(self) -> bool:
        """Whether a save is under way, waiting included."""
        return self._tasks.is_busy(TASK)

    # --- one save -----------------------------------------------------------------------------------------------

    async def _create_and_save(self, connection: Connection, also_in_file: bool) -> None:
        try:
            if await self._create(connection, also_in_file):
                await self._save_until_settled()
        finally:
            self._end()

    async def _save(self) -> None:
        try:
            await self._save_until_settled()
        finally:
            self._end()

    async def _save_until_settled(self) -> bool:
        while self._link.is_placed:
            try:
                outcome = await self._patiently(self._send)
            except NotOnServer as error:
                if not await self._save_as_new(error):
                    return False
                continue
            if outcome is None:
                return False
            if isinstance(outcome, Saved):
                if self._take_saved(outcome):
                    return True
            elif not await self._can_go_on(outcome):
                return False
        return False

    async def _send(self) -> Outcome:
        link, workflow = self._link, self._workspace.workflow
        assert link.base is not None
        self._sent, self._has_saved = workflow, False
        draft = Draft(workflow, link.base, link.is_partial, link.unconfirmed)
        try:
            return await link.call(save_document, draft, self._workspace.catalog)
        except (*MAY_HAVE_ARRIVED, asyncio.CancelledError):
            if link.base is draft.base:
                link.unconfirmed = workflow
            raise

    async def _create(self, connection: Connection, also_in_file: bool) -> bool:
        creation = Creation(self._workspace.workflow.name or UNTITLED)

        async def create() -> StoredWorkflow:
            return await self._link.connections.call(connection, creation.create, self._workspace.workflow)

        try:
            stored = await self._patiently(create, connection)
        except NotOnServer as error:
            self._fail(str(error))
            return False
        if stored is None:
            return False
        self._is_moving = True
        self._link.attach(connection, stored, None, also_in_file=also_in_file)
        self._is_moving = False
        self._tell(SaveState("saving"))
        return True

    async def _patiently(self, step: Callable[[], Awaitable[T]], connection: Connection | None = None) -> T | None:
        """What the step returns in the end; None when it needs a person, who has been told by the state.

        Raises:
            NotOnServer: what was asked for is not there.
        """
        has_asked, tries = False, 0
        while True:
            self._tell(SaveState("saving"))
            self._hurry.clear()
            try:
                return await step()
            except NotOnServer:
                raise
            except (ServerUnreachable, ServerFault, TooManyRequests) as error:
                tries += 1
                if isinstance(error, ServerFault) and tries >= _MAX_FAULTS:
                    self._fail(str(error))
                    return None
                await self._wait_before(tries, error)
            except ServerError as error:
                server = connection or self._link.connection
                may_ask = error.status == _UNAUTHORIZED and not has_asked and server is not None
                has_asked = True
                if may_ask and server is not None and await self._questions.new_key(server, str(error)):
                    continue
                self._fail(await self._words_of(error))
                return None

    async def _wait_before(self, tries: int, error: ServerError) -> None:
        self._tell(SaveState("waiting", str(error)))
        asked = (error.retry_after_s or UNKNOWN_PAUSE_S) if isinstance(error, TooManyRequests) else 0.0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(asked, self._backoff.delay_s(tries))):
                await self._hurry.wait()

    async def _words_of(self, error: ServerError) -> str:
        if isinstance(error, RefusedByServer) and error.status == _TOO_LARGE:
            return f"{error} {await in_thread(largest_block, self._workspace.workflow)}"
        return str(error)

    def _fail(self, reason: str) -> None:
        self._tell(SaveState("failed", reason))

    # --- what an outcome asks for -------------------------------------------------------------------------------

    def _take_saved(self, outcome: Saved) -> bool:
        """Whether nothing is left to do: what was edited meanwhile waits until somebody wants that saved, too."""
        self._link.rebase(outcome.base, self._sent)
        self._link.notes = (*outcome.warnings, *outcome.rewritten)
        self._has_saved = True
        self.saved.emit(outcome)
        goes_on = self._wants_again and not self._workspace.is_saved_in(SERVER)
        self._wants_again = False
        if not goes_on:
            self._tell(IDLE)
        return not goes_on

    async def _can_go_on(self, outcome: Outcome) -> bool:
        if isinstance(outcome, Moved):
            return await self._merge(outcome)
        if isinstance(outcome, Partial):
            return await self._fill_in(outcome)
        return await self._rewrite(outcome) if isinstance(outcome, Refused) else False

    async def _merge(self, outcome: Moved) -> bool:
        """Bring both versions together; the next try then saves over the server's version knowingly."""
        connection, sent = self._link.connection, self._sent
        theirs = outcome.theirs
        merged = await in_thread(merge.merge, outcome.base.workflow, outcome.mine, theirs.workflow)
        if not merged.conflicts and not merged.from_theirs:
            self._link.rebase(theirs, None)  # all that they have is here already, such as after a reply that was lost
            return True
        if connection is None:
            return False
        self._tell(SaveState("conflict", f"“{connection.name}” has a newer version."))
        chosen = await self._questions.settle(merged, connection)
        if chosen is None:
            return False
        if self._workspace.workflow is sent and self._link.workflow_id == theirs.id:
            self._workspace.edit(MERGE_LABEL, lambda _: chosen)
            self._link.rebase(theirs, None)
        return True

    async def _fill_in(self, outcome: Partial) -> bool:
        """Put the secrets back that the copy on this machine did not have."""
        link, catalog = self._link, self._workspace.catalog
        fresh = outcome.fresh.workflow
        filled = await in_thread(with_secrets, self._workspace.workflow, fresh, catalog)
        self._workspace.edit("Read secrets from the server", lambda _: filled)
        if link.base is not None:
            known = await in_thread(with_secrets, link.base.workflow, fresh, catalog)
            link.rebase(msgspec.structs.replace(link.base, workflow=known), None)
        return True

    async def _rewrite(self, outcome: Refused) -> bool:
        connection = self._link.connection
        if not outcome.bad_ids or connection is None:
            more = f" And {len(outcome.reasons) - 1} more." if len(outcome.reasons) > 1 else ""
            self._fail(f"{outcome.reasons[0]}{more}")
            return False
        if not await self._questions.may_rewrite_ids(len(outcome.bad_ids), connection):
            self._fail(outcome.reasons[0])
            return False
        self._workspace.edit("Rewrite block ids", rewrite_ids, self._workspace.catalog)
        return True

    async def _save_as_new(self, error: NotOnServer) -> bool:
        connection = self._link.connection
        if connection is None or not await self._questions.may_save_as_new(connection):
            self._fail(f"The workflow was deleted on the server. {error}")
            return False
        return await self._create(connection, self._workspace.lives_in(FILE))

    # --- telling ------------------------------------------------------------------------------------------------

    def _tell(self, state: SaveState) -> None:
        self._link.set_save_state(state)
        if state.kind in ("waiting", "failed", "idle"):
            self._tell_first_news(state == IDLE)

    def _tell_first_news(self, is_saved: bool) -> None:
        news, self._first_news = self._first_news, None
        if news is not None and not news.done():
            news.set_result(is_saved)

    def _end(self) -> None:
        """However the task ended, nothing is under way any more."""
        self._wants_again = False
        if self._link.save_state.kind in ("saving", "waiting"):
            self._link.set_save_state(IDLE)
        self._tell_first_news(False)

    def _on_place_changed(self) -> None:
        if not self._is_moving:
            self.stop()
