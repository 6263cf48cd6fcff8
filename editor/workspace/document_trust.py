"""Whether the open document may run: what was made or allowed here may, what came from elsewhere waits for an answer.

A document that is opened is known by its fingerprint or it is restricted. Edits made here keep whatever it is: they are
the person's own. Blocks that were copied elsewhere are not. All looking and remembering happens off the UI thread.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from PySide6.QtCore import QObject, Signal

from editor.aio import Tasks, in_thread
from editor.theme import RESOURCES
from editor.workspace.trust_store import Choices, TrustStore
from editor.workspace.workspace import Workspace
from engine import Block, BlockloomError, Catalog, Workflow, files, trust

Origin = Literal["opened", "pasted"]


class DocumentTrust(QObject):
    """The trust in one workspace's document.

    Signals:
        changed(): `is_restricted` or `choices` may be others.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace, tasks: Tasks, store: TrustStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.store = store
        self.choices = Choices()
        """What this document was allowed beyond the usual."""
        self._workspace = workspace
        self._tasks = tasks
        self._is_trusted = True
        self._is_doubted = False
        """Whether it is only what was pasted that has to be asked about, and not what was opened."""
        self._opened: Workflow | None = None
        self._remembered: Workflow | None = None
        workspace.workflow_replaced.connect(self._on_workflow_replaced)
        workspace.saved_changed.connect(self._on_saved_changed)

    @property
    def origin(self) -> Origin:
        """How what is foreign in it came in."""
        return "pasted" if self._is_doubted else "opened"

    @property
    def is_restricted(self) -> bool:
        """Whether the document came from elsewhere and nobody has agreed to run it."""
        return not self._is_trusted and self._opened is None

    @property
    def is_trusted(self) -> bool:
        """Whether it is known that the document may run."""
        return self._is_trusted and self._opened is None

    async def settle(self) -> bool:
        """Whether the document may run, once that is known."""
        while self._opened is not None:
            await self._look(self._opened)
        return self._is_trusted

    async def allow(self, choices: Choices) -> None:
        """The person agreed: the document may run, now and when it is opened again."""
        self.choices = choices
        self._remembered = None
        self.vouch()
        await self.remember()

    def vouch(self) -> None:
        """The document that is shown was worked on here."""
        self._opened = None
        self._is_trusted, self._is_doubted = True, False
        self.changed.emit()

    def doubt(self, blocks: Iterable[Block]) -> None:
        """These blocks came from elsewhere: if they would do anything, the document has to be asked about."""
        pasted = Workflow(blocks={block.id: block for block in blocks})
        if not self.is_restricted and trust.effects_of(pasted, self._workspace.catalog, also_disabled=True):
            self._is_trusted, self._is_doubted = False, True
            self.changed.emit()

    async def remember(self) -> None:
        """Know the document, as it is now, again when it is opened."""
        workflow, choices = self._workspace.workflow, self.choices
        if self._is_trusted and workflow is not self._remembered:
            self._remembered = workflow
            await in_thread(_remember, workflow, self._workspace.catalog, self.store, choices)

    def _on_workflow_replaced(self) -> None:
        workflow = self._workspace.workflow
        # There is nothing to look up about a new one, and what is copied from it at once is vouched for.
        self._opened, self._is_trusted = (workflow, False) if workflow.blocks else (None, True)
        self._is_doubted, self.choices = False, Choices()
        if workflow.blocks:
            self._tasks.restart("trust", self._look, workflow)
        self.changed.emit()

    def _on_saved_changed(self) -> None:
        if self._is_trusted and not self._workspace.is_dirty:
            self._tasks.restart("remember-trust", self.remember)

    async def _look(self, workflow: Workflow) -> None:
        known = await in_thread(_known, workflow, self._workspace.catalog, self.store)
        if workflow is self._opened:
            self._opened, self._is_trusted = None, known is not None and not self._is_doubted
            self._is_doubted = self._is_doubted and known is not None
            self.choices = known or Choices()
            self.changed.emit()


def _known(workflow: Workflow, catalog: Catalog, store: TrustStore) -> Choices | None:
    """What a document that was opened is allowed; None for one that has to be asked about."""
    if not trust.effects_of(workflow, catalog, also_disabled=True):
        return Choices()
    mark = trust.fingerprint(workflow, catalog)
    found = store.find(mark)
    return Choices() if found is None and mark in _shipped(catalog) else found


def _remember(workflow: Workflow, catalog: Catalog, store: TrustStore, choices: Choices) -> None:
    if trust.effects_of(workflow, catalog, also_disabled=True):
        mark = trust.fingerprint(workflow, catalog)
        if store.find(mark) != choices:
            store.add(mark, choices)


@lru_cache(maxsize=4)
def _shipped(catalog: Catalog) -> frozenset[str]:
    """The fingerprints of the examples that come with the program."""
    found = set()
    for path in (RESOURCES / "examples").glob("*.workflow.json"):
        try:
            found.add(trust.fingerprint(files.read(path).workflow, catalog))
        except BlockloomError:
            continue  # a damaged example is asked about like any other file
    return frozenset(found)
