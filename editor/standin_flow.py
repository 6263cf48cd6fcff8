"""What happens around stand-ins: a document that calls services which are not there is run without them, and says so.

The agents and orchestrations that a shipped example asks are added to the library by the same click.
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QToolButton, QWidget

from editor.aio import Tasks, in_thread
from editor.notices import NoticeBar
from editor.text import set_tooltip
from editor.theme import RESOURCES, Theme
from editor.workspace.directories import Directories, EntityKind, Source, Stored
from editor.workspace.workspace import Workspace
from engine import DirectoryError, directory, trust

COMPANIONS = RESOURCES / "examples" / "companions.library.json"
"""What shipped examples ask, by the ids that they ask for."""
RESERVED_ENDINGS = (".example.com", ".example.org", ".example.net", ".example", ".invalid", ".test")
"""Names that no service ever has (RFC 2606)."""


class StandInFlow(QObject):
    """Stand-ins of the open document: off for each one that is opened.

    Signals:
        changed(): `hosts` are others.
    """

    changed = Signal()

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        directories: Directories,
        notices: NoticeBar,
        theme: Theme,
        tasks: Tasks,
        run: Callable[[], None],
    ) -> None:
        super().__init__(window)
        self.hosts: tuple[str, ...] = ()
        """Hosts that are answered for on this machine while the document is open."""
        self._workspace = workspace
        self._directories = directories
        self._notices = notices
        self._theme = theme
        self._tasks = tasks
        self._run = run
        self._offered = ""
        """The offer that is shown, which goes with the document."""
        self.mark = QToolButton(window)
        self.mark.setObjectName("stand-ins-mark")
        self.mark.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.mark.setProperty("mark", "info")
        self.mark.clicked.connect(self.stop)
        workspace.workflow_replaced.connect(self._on_workflow_replaced)
        self.changed.connect(self._show_mark)
        theme.changed.connect(self._show_mark)
        self._show_mark()

    def toggle(self) -> None:
        """Use stand-ins for the open document, or the real services again."""
        if self.hosts:
            self.stop()
        else:
            self._tasks.start("stand-ins", self.use)

    def stop(self) -> None:
        """Call the real services again."""
        self._set_hosts(())

    async def use(self) -> bool:
        """Answer for every web service that the document calls, and have what it asks in the library.

        False when the library cannot be written; the person is told.
        """
        workflow, catalog = self._workspace.workflow, self._workspace.catalog
        effects = await in_thread(trust.effects_of, workflow, catalog, also_disabled=True)
        try:
            for stored in await self._missing(effects):
                await self._directories.save(stored, self._library())
        except DirectoryError as error:
            self._notices.show_notice(str(error), "error")
            self.changed.emit()  # who has ticked the action sees that nothing came of it
            return False
        self._set_hosts(_public_hosts(effects))
        if not self.hosts:
            self._notices.show_notice("This workflow calls no web service by name, so none is stood in for.", "info")
        return True

    def _on_workflow_replaced(self) -> None:
        self._set_hosts(())
        if self._offered and self._notices.text == self._offered:
            self._notices.dismiss()
        self._offered = ""
        self._tasks.restart("offer-stand-ins", self._offer)

    async def _offer(self) -> None:
        """Offer stand-ins where the document cannot work without."""
        workflow, catalog = self._workspace.workflow, self._workspace.catalog
        effects = await in_thread(trust.effects_of, workflow, catalog)
        fictions = [host for host in _public_hosts(effects) if _is_reserved(host)]
        missing = await self._missing(effects)
        if self._workspace.workflow is not workflow or not (fictions or missing):
            return
        parts = [f"calls {fictions[0]}, which is no real service"] if fictions else []
        parts += ["asks agents that you do not have yet"] if missing else []
        words = f"This workflow {', and '.join(parts)}. Stand-ins on this machine can answer instead."
        self._offered = words
        self._notices.show_notice(words, "warning", "Run With Stand-Ins", self._on_accepted)

    def _on_accepted(self) -> None:
        self._tasks.start("stand-ins", self._use_and_run)

    async def _use_and_run(self) -> None:
        if await self.use():
            self._run()

    async def _missing(self, effects: list[trust.WorkflowEffect]) -> list[Stored]:
        """What the document asks, no source has, and comes with the program; members of orchestrations first."""
        asked = {effect.target for effect in effects if effect.kind in ("agent", "orchestration")} - {""}
        if not asked:
            return []
        shipped = await in_thread(directory.Library(COMPANIONS).read)
        teams = [item for item in shipped.orchestrations.values() if item.id in asked]
        asked |= {entity.entity_ref_id for team in teams for entity in team.entities}
        wanted: list[Stored] = [item for item in shipped.agents.values() if item.id in asked]
        wanted += teams
        if not wanted:
            return []
        await self._directories.refresh()
        kinds: list[tuple[Stored, bool]] = [
            (item, self._directories.find(_kind(item), item.id) is not None) for item in wanted
        ]
        return [item for item, is_there in kinds if not is_there]

    def _library(self) -> Source:
        return self._directories.sources[0]

    def _set_hosts(self, hosts: tuple[str, ...]) -> None:
        self.hosts = hosts
        self.changed.emit()

    def _show_mark(self) -> None:
        self.mark.setVisible(bool(self.hosts))
        self.mark.setIcon(self._theme.icon("plug", self._theme.colors.accent))
        shown = self.hosts[0] if len(self.hosts) == 1 else f"{len(self.hosts)} services"
        self.mark.setText(f"Stand-ins answer for {shown}")
        names = "\n".join(self.hosts[:20])
        tip = f"These are not called; made-up answers take their place:\n{names}\nClick to call the real ones again."
        set_tooltip(self.mark, tip)


def _kind(stored: Stored) -> EntityKind:
    return "agent" if isinstance(stored, directory.StoredAgent) else "orchestration"


def _public_hosts(effects: list[trust.WorkflowEffect]) -> tuple[str, ...]:
    hosts = dict.fromkeys(item.target for item in effects if item.kind == "http" and item.target)
    return tuple(host for host in hosts if not trust.is_local_host(host))


def _is_reserved(host: str) -> bool:
    name = host.partition(":")[0]
    return name.endswith(RESERVED_ENDINGS) or f".{name}" in RESERVED_ENDINGS
