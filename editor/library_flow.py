"""What happens around stored agents and orchestrations: the library's window, making, changing, copying, deleting."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QWidget

from editor import aio
from editor.aio import Tasks
from editor.dialogs import Option, choose, tell
from editor.panels.library.agent_dialog import AgentDialog
from editor.panels.library.manager import LibraryDialog
from editor.panels.library.orchestration_dialog import OrchestrationDialog
from editor.panels.settings.page import SettingsContext
from editor.theme import Theme
from editor.workspace.directories import Directories, EntityKind, Listed, Source, Stored
from editor.workspace.network import Network
from editor.workspace.run_preferences import RunPreferences
from editor.workspace.workspace import Workspace
from engine import Catalog, DirectoryError, Workflow, directory, new_id

Done = Callable[[str], None]


class LibraryFlow(QObject):
    """Leads through the library. `directories` are what it shows; every public method starts a task and returns."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        directories: Directories,
        preferences: RunPreferences,
        network: Network,
        theme: Theme,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self.directories = directories
        self._window = window
        self._workspace = workspace
        self._preferences = preferences
        self._network = network
        self._theme = theme
        self._tasks = tasks

    def open(self) -> None:
        """Show the library."""
        self._tasks.start("library", self._open)

    def new(self, kind: EntityKind, done: Done | None = None) -> None:
        """Let the person make an agent or orchestration; `done` gets its id once it is kept."""
        self._tasks.start("library-entity", self._make, kind, done, self._window)

    def edit(self, kind: EntityKind, entity_id: str) -> None:
        """Let the person change the one of this id; nothing happens when it is not known."""
        listed = self.directories.find(kind, entity_id)
        if listed is not None:
            self._tasks.start("library-entity", self._change, listed, self._window)

    # --- inside -------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        dialog = LibraryDialog(self.directories, self._theme, self._window)
        tasks = Tasks(dialog)
        tasks.failed.connect(self._tasks.failed)

        def make(kind: EntityKind) -> None:
            tasks.start("entity", self._make, kind, dialog.select, dialog)

        def change(listed: Listed) -> None:
            tasks.start("entity", self._change, listed, dialog)

        def duplicate(listed: Listed) -> None:
            tasks.start("entity", self._duplicate, listed, dialog)

        def delete(listed: Listed) -> None:
            tasks.start("entity", self._delete, listed, dialog)

        dialog.new_requested.connect(make)
        dialog.edit_requested.connect(change)
        dialog.duplicate_requested.connect(duplicate)
        dialog.delete_requested.connect(delete)
        self.directories.refresh_soon()
        try:
            await aio.ask(dialog)
        finally:
            await tasks.close()
            dialog.deleteLater()

    async def _make(self, kind: EntityKind, done: Done | None, parent: QWidget) -> None:
        sources = [source for source in self.directories.sources if source.can_write]
        stored: Stored = (
            directory.StoredAgent(id=new_id(), name="")
            if kind == "agent"
            else directory.StoredOrchestration(id=new_id(), name="", strategy="sequential")
        )
        kept = await self._ask(stored, sources, parent, is_new=True) if sources else None
        if kept is not None and done is not None:
            done(kept.id)

    async def _change(self, listed: Listed, parent: QWidget) -> None:
        stored = await self._whole(listed, parent)
        if stored is not None:
            await self._ask(stored, [listed.source], parent, is_new=False)

    async def _ask(self, stored: Stored, sources: list[Source], parent: QWidget, *, is_new: bool) -> Stored | None:
        """What the person made of it, once it is kept; None when they gave up."""
        tasks = Tasks()
        tasks.failed.connect(self._tasks.failed)
        context = SettingsContext(self._theme, self._preferences, self._network, tasks)
        dialog: AgentDialog | OrchestrationDialog
        if isinstance(stored, directory.StoredAgent):
            dialog = AgentDialog(stored, sources, context, parent, is_new=is_new)
        else:
            agents = await self.directories.agents()
            dialog = OrchestrationDialog(stored, sources, agents, self._theme, parent, is_new=is_new)
        try:
            while await aio.ask(dialog) == QDialog.DialogCode.Accepted:
                made = dialog.agent() if isinstance(dialog, AgentDialog) else dialog.orchestration()
                try:
                    kept = await self.directories.save(made, dialog.source())
                except DirectoryError as error:
                    await tell(parent, f"“{made.name}” is not saved", str(error))
                else:
                    return replace(made, id=kept)
            return None
        finally:
            await tasks.close()
            dialog.deleteLater()

    async def _duplicate(self, listed: Listed, parent: LibraryDialog) -> None:
        stored = await self._whole(listed, parent)
        if stored is None:
            return
        source = listed.source if listed.source.can_write else _first_writable(self.directories)
        copy = _copy_of(stored, f"{stored.name} copy")
        try:
            kept = await self.directories.save(copy, source)
        except DirectoryError as error:
            await tell(parent, f"“{stored.name}” is not copied", str(error))
        else:
            parent.select(kept)

    async def _delete(self, listed: Listed, parent: QWidget) -> None:
        users = list(users_of(self._workspace.workflow, self._workspace.catalog, listed.kind, listed.id))
        users += self._orchestrations_with(listed)
        words = f"It is used by {', '.join(users[:6])}{' and others' if len(users) > 6 else ''}. " if users else ""
        options = [Option("delete", "Delete", is_destructive=True), Option("cancel", "Cancel", is_cancel=True)]
        text = f"Delete the {listed.kind} “{listed.name}”?"
        if await choose(parent, text, f"{words}This cannot be undone.", options) != "delete":
            return
        try:
            await self.directories.remove(listed)
        except DirectoryError as error:
            await tell(parent, f"“{listed.name}” is not deleted", str(error))

    async def _whole(self, listed: Listed, parent: QWidget) -> Stored | None:
        """The agent or orchestration with all that belongs to it; a list may leave members out."""
        if listed.kind == "agent":
            return listed.stored
        try:
            found = await listed.source.orchestration(listed.id)
        except DirectoryError as error:
            await tell(parent, f"“{listed.name}” could not be read", str(error))
            return None
        return found or listed.stored

    def _orchestrations_with(self, listed: Listed) -> list[str]:
        found = []
        for item in self.directories.known("orchestration") if listed.kind == "agent" else ():
            stored = item.stored
            if isinstance(stored, directory.StoredOrchestration):
                members = {entity.entity_ref_id for entity in stored.entities}
                found += [f"the orchestration “{item.name}”"] if listed.id in members else []
        return found


def users_of(workflow: Workflow, catalog: Catalog, kind: EntityKind, entity_id: str) -> Iterator[str]:
    """The blocks of a workflow that use this agent or orchestration, in words."""
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        fields = block_type.fields if block_type else ()
        if any(field.kind == kind and block.config.get(field.key) == entity_id for field in fields):
            yield f"the block “{block.label}”"


def _copy_of(stored: Stored, name: str) -> Stored:
    if isinstance(stored, directory.StoredAgent):
        return replace(stored, id=new_id(), name=name)
    members = tuple(replace(item, id=new_id()) for item in stored.entities)
    return replace(stored, id=new_id(), name=name, entities=members)


def _first_writable(directories: Directories) -> Source:
    return next(source for source in directories.sources if source.can_write)
