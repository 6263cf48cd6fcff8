"""What happens around trust: the question before a run, and the mark of a document that came from elsewhere."""

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QToolButton, QWidget

from editor import aio
from editor.aio import Tasks, in_thread
from editor.panels.trust_dialog import TrustDialog, TrustQuestion, items_of
from editor.text import set_tooltip
from editor.theme import Theme
from editor.workspace.directories import Directories
from editor.workspace.document_trust import DocumentTrust
from editor.workspace.run_preferences import RunPreferences
from editor.workspace.workspace import Workspace
from engine import Workflow, code, trust

MARK_TEXTS = {"opened": "Restricted: opened from elsewhere", "pasted": "Restricted: pasted from elsewhere"}
MARK_TIP = "Before the next run you see what this workflow would do. Click to see it now."


class TrustFlow(QObject):
    """Asks about the open document where something is to be asked, and remembers the answer."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        document: DocumentTrust,
        preferences: RunPreferences,
        directories: Directories,
        theme: Theme,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._document = document
        self._preferences = preferences
        self._directories = directories
        self._theme = theme
        self._tasks = tasks
        self._decided: Workflow | None = None
        self._refused: set[str] = set()
        """Local hosts that were left out when they were asked about: nobody is asked twice in a row."""
        self.mark = QToolButton(window)
        self.mark.setObjectName("restricted-mark")
        set_tooltip(self.mark, MARK_TIP)
        self.mark.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.mark.setProperty("mark", "warning")
        self.mark.clicked.connect(self.review)
        document.changed.connect(self._show_mark)
        workspace.workflow_replaced.connect(self._refused.clear)
        theme.changed.connect(self._paint)
        self._paint()
        self._show_mark()

    async def may_run(self) -> bool:
        """Whether the document may run now. Asks where nobody has decided yet, and remembers what is decided."""
        is_trusted = await self._document.settle()
        if is_trusted and self._workspace.workflow is self._decided:
            return True
        question = await self._question("Run It", is_foreign=not is_trusted)
        if question is not None and not await self._ask(question):
            return False
        self._decided = self._workspace.workflow
        await self._document.remember()
        return self._document.is_trusted  # the last word: another document may have come meanwhile

    def review(self) -> None:
        """Show what the document would do, and let the person trust it without running it."""
        self._tasks.start("trust-review", self._review)

    async def _review(self) -> None:
        is_trusted = await self._document.settle()
        question = await self._question("Trust It", is_foreign=not is_trusted)
        if question is not None:
            await self._ask(question)

    async def _question(self, accept: str, *, is_foreign: bool) -> TrustQuestion | None:
        """What there is to ask; None when all is decided."""
        workflow, catalog = self._workspace.workflow, self._workspace.catalog
        effects = await in_thread(trust.effects_of, workflow, catalog)
        hosts = [host for host in trust.local_hosts(effects) if not self._is_host_decided(host)]
        no_isolation = await self._missing_isolation(effects)
        asks_code = bool(no_isolation) and not self._document.choices.code
        if not (is_foreign or hosts or asks_code):
            return None
        items = items_of(effects, workflow, self._directories.name_of, is_isolated=not no_isolation)
        name = workflow.name or "Untitled"
        origin = self._document.origin if is_foreign else ""
        return TrustQuestion(name, items, origin, hosts, no_isolation if asks_code else "", accept)

    def _is_host_decided(self, host: str) -> bool:
        is_decided = host in self._refused or host in self._document.choices.hosts
        return is_decided or self._preferences.allows_host(host)

    async def _missing_isolation(self, effects: list[trust.WorkflowEffect]) -> str:
        """Why code of the workflow cannot be isolated here; "" when it can, has none, or the settings have decided."""
        if all(effect.kind != "code" for effect in effects) or self._preferences.decided_about_code():
            return ""
        isolation = await code.probe()
        return isolation.because if isolation.level == "none" else ""

    async def _ask(self, question: TrustQuestion) -> bool:
        asked_about = self._workspace.workflow
        dialog = TrustDialog(question, self._theme, self._window)
        try:
            accepted = await aio.ask(dialog) == QDialog.DialogCode.Accepted
            choices = dialog.choices(self._document.choices)
        finally:
            dialog.deleteLater()
        if not accepted or self._workspace.workflow is not asked_about:
            return False
        self._refused |= set(question.local_hosts) - set(choices.hosts)
        await self._document.allow(choices)
        return True

    def _show_mark(self) -> None:
        self.mark.setText(MARK_TEXTS[self._document.origin])
        self.mark.setVisible(self._document.is_restricted)

    def _paint(self) -> None:
        self.mark.setIcon(self._theme.icon("lock", self._theme.colors.warning))
