"""The main window: the canvas in the middle, panels around it, and what each action does.

It composes and forwards. What happens around files and runs is in `file_flow.py` and `run_flow.py`; menus, toolbar and
keys are made in `menus.py` from the table in `actions.py`.
"""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QMainWindow, QToolBar, QWidget

from editor.aio import Tasks, in_thread
from editor.canvas.canvas import Canvas
from editor.canvas.commands import QuickAddRequest
from editor.canvas.minimap import Minimap
from editor.docks import Docks
from editor.file_drops import FileDrops
from editor.file_flow import FileFlow
from editor.menus import ActionSet
from editor.notices import NoticeBar
from editor.on_server import OnServer
from editor.panels.inspector import InspectorPanel
from editor.panels.outline import OutlinePanel
from editor.panels.palette import PalettePanel
from editor.panels.problems import ProblemsPanel
from editor.panels.quick_add import QuickAddPopup
from editor.panels.runs import RunPanel
from editor.panels.scrubber import Scrubber
from editor.reporter import report_error
from editor.run_flow import RunFlow
from editor.run_setup import RunSetup
from editor.server_flow import ServerFlow
from editor.text import set_tooltip
from editor.theme import Theme
from editor.view_flow import ViewFlow
from editor.welcome import Welcome
from editor.workspace.connections import ServerConnections
from editor.workspace.documents import Documents
from editor.workspace.journal import Journal
from editor.workspace.network import Network
from editor.workspace.places import save_details, save_words, title_words
from editor.workspace.problem_watcher import ProblemWatcher
from editor.workspace.replay import Replay
from editor.workspace.runs import Runs
from editor.workspace.server_directory import ServerDirectory
from editor.workspace.settings import Settings
from editor.workspace.workspace import Workspace
from engine import LocalRunner, Problem

MIN_CANVAS_SIZE = (320, 200)
"""In a small window the panels give way to the canvas down to their own least sizes."""
CONTEXT_MENU = (
    "run_to_here",
    "-",
    "cut",
    "copy",
    "paste",
    "duplicate",
    "-",
    "rename",
    "toggle_enabled",
    "-",
    "delete",
    "heal",
)
CANVAS_MENU = ("quick_add", "paste", "-", "select_all", "fit")
EDGE_MENU = ("delete",)


class Window(QMainWindow):
    """One window with one document.

    Signals:
        closed(): the window is gone and all its tasks have ended.
    """

    closed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        theme: Theme,
        settings: Settings,
        runner: LocalRunner,
        journals: Path,
        connections: ServerConnections | None = None,
    ) -> None:
        """`connections` are those saved on this machine unless others are given; the window ends them."""
        super().__init__()
        self.setObjectName("main-window")
        self.workspace = workspace
        self._theme = theme
        self._settings = settings
        self._may_close = False
        self.tasks = Tasks(self)
        self.runs = Runs(workspace, runner, self)
        self.problem_watcher = ProblemWatcher(workspace, self.tasks, self)
        self.documents = Documents(workspace, self.tasks, self)
        self.journal = Journal(workspace, self.tasks, journals, self)
        self.network = connections.network if connections else Network()
        self.notices = NoticeBar(theme, self)
        self.setup = RunSetup(self, workspace, runner, settings, self.network, theme, self.notices, self.tasks)
        self.canvas = Canvas(workspace, theme, self)
        self._file_drops = FileDrops(self)
        self.file_flow = FileFlow(self, workspace, self.documents, self.journal, settings, self.notices, self.tasks)
        self.connections = connections or ServerConnections(self.network, parent=self)
        self.server_flow = ServerFlow(
            self,
            workspace,
            self.documents,
            self.file_flow,
            self.journal,
            settings,
            theme,
            self.notices,
            self.tasks,
            self.connections,
        )
        self.server_link = self.server_flow.link
        self.file_flow.server = self.server_flow
        self.run_flow = RunFlow(self, workspace, self.runs, self.problem_watcher, theme, self.notices, self.tasks)
        self.on_server = OnServer(
            self,
            workspace,
            self.server_link,
            self.server_flow,
            settings,
            self.runs,
            self.run_flow,
            self.problem_watcher,
            theme,
            self.notices,
            self.tasks,
        )
        ServerDirectory(self.server_link, self.setup.directories, self.setup.use_platform, self.tasks, self)
        self._build_center()
        self._build_docks()
        self.view_flow = ViewFlow(
            self, self.canvas, self.minimap, self.docks, theme, settings, self.notices, self.tasks
        )
        self.actions_by_id = ActionSet(self, self.canvas, theme, self._handlers())
        self._build_bars()
        self.setup.serve(self.run_flow, self.canvas, self.actions_by_id, self.statusBar())
        self.setup.keep_trust(self.file_flow, self.journal)
        self._connect()
        self.view_flow.restore(self.actions_by_id)
        self._update_all()

    # --- composition --------------------------------------------------------------------------------------------

    def _build_center(self) -> None:
        center = QWidget(self)
        center.setMinimumSize(*MIN_CANVAS_SIZE)
        layout = QGridLayout(center)
        layout.setContentsMargins(0, 0, 0, 0)
        # Both in one cell: a notice lies over the canvas, so that the graph does not move when one comes or goes.
        layout.addWidget(self.canvas, 0, 0)
        layout.addWidget(self.notices, 0, 0, Qt.AlignmentFlag.AlignTop)
        self.notices.raise_()
        self.setCentralWidget(center)
        self.minimap = Minimap(self.canvas, self._theme)
        self.welcome = Welcome(self.workspace, self._theme, self.canvas)

    def _build_docks(self) -> None:
        workspace, theme = self.workspace, self._theme
        self.palette_panel = PalettePanel(workspace, theme)
        self.outline_panel = OutlinePanel(workspace, theme)
        self.inspector = InspectorPanel(workspace, theme, library=self.setup.library)
        self.run_panel = RunPanel(workspace, theme)
        self.run_panel.add_scrubber(Scrubber(Replay(workspace, self.runs, self.tasks, self), theme))
        self.problems_panel = ProblemsPanel(workspace, theme)
        panels = {
            "palette": self.palette_panel,
            "outline": self.outline_panel,
            "inspector": self.inspector,
            "runs": self.run_panel,
            "problems": self.problems_panel,
            **self.on_server.panels(),
        }
        self.docks = Docks(self, panels)

    def _build_bars(self) -> None:
        self.actions_by_id.fill_menu_bar(self)
        self.actions_by_id.set_recent(self._settings.recent_files())
        toolbar = QToolBar("Toolbar", self)
        toolbar.setObjectName("toolbar")
        toolbar.setMovable(False)
        self.addToolBar(toolbar)
        self.actions_by_id.fill_toolbar(toolbar)
        self.on_server.attach(self.actions_by_id, toolbar, self.inspector, self.run_panel)
        self._saved_label = QLabel(self)
        self._saved_label.setObjectName("saved-label")
        self._problem_label = QLabel(self)
        self._zoom_label = QLabel(self)
        for label in (self._saved_label, self._problem_label, self._zoom_label):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setContentsMargins(8, 0, 8, 0)
            self.statusBar().addPermanentWidget(label)
        self.statusBar().setSizeGripEnabled(False)

    def _connect(self) -> None:
        workspace = self.workspace
        workspace.workflow_changed.connect(self._on_workflow_changed)
        workspace.selection_changed.connect(self._update_states)
        workspace.saved_changed.connect(self._update_title)
        workspace.problems_changed.connect(self._update_problems)
        workspace.run_replaced.connect(self._update_states)
        workspace.edit_refused.connect(self._say)
        self.documents.path_changed.connect(self._on_path_changed)
        self.documents.save_state_changed.connect(self._update_title)
        self.server_link.save_state_changed.connect(self._update_title)
        self.server_link.place_changed.connect(self._on_place_changed)
        self.server_link.connection_changed.connect(self._update_title)
        self.server_flow.local.server.changed.connect(self._update_states)
        self.runs.active_changed.connect(self._update_states)
        self.run_flow.problem_found.connect(self._show_problem)
        self.run_flow.shown.connect(self._on_run_shown)
        self.on_server.panel_wanted.connect(self.docks.show)
        self.on_server.block_wanted.connect(self._on_reveal_block)
        self.on_server.problem_found.connect(self._show_problem)
        self.on_server.message.connect(self._say)
        self.on_server.states_changed.connect(self._update_states)
        self.tasks.failed.connect(self._on_task_failed)
        self.canvas.message.connect(self._say)
        self.canvas.open_requested.connect(self._on_open_requested)
        self.canvas.quick_add_requested.connect(self._on_quick_add)
        self.canvas.file_dropped.connect(self._on_file_dropped)
        self._file_drops.dropped.connect(self._on_file_dropped)
        self.canvas.context_menu_requested.connect(self._on_context_menu)
        self.canvas.zoom_changed.connect(self._update_zoom)
        self.palette_panel.add_requested.connect(self._on_add_requested)
        self.outline_panel.reveal_requested.connect(self._on_reveal_block)
        self.problems_panel.reveal_requested.connect(self._reveal)
        self.inspector.message.connect(self._say)
        self.inspector.leave_requested.connect(self.canvas.setFocus)
        self.run_panel.copy_all_requested.connect(self.run_flow.copy_value)
        self.run_panel.save_requested.connect(self.run_flow.save_value)
        self.welcome.example_chosen.connect(self._on_example_chosen)
        self.welcome.open_requested.connect(self.file_flow.open)
        self.welcome.server_requested.connect(self.server_flow.open_from_server)
        self.actions_by_id.recent_chosen.connect(self._on_recent_chosen)
        self.actions_by_id.example_chosen.connect(self._on_example_chosen)
        self._theme.changed.connect(self._update_states)
        for name in self.docks.names():
            self.docks[name].visibilityChanged.connect(self.actions_by_id[f"show_{name}"].setChecked)

    def _handlers(self) -> dict[str, Callable[[], None]]:
        canvas, files, run = self.canvas, self.file_flow, self.run_flow
        handlers: dict[str, Callable[[], None]] = {
            "new": files.new,
            "open": self._open,
            "open_example": self._open_example,
            "save": files.save,
            "save_as": files.save_as,
            "quit": self._quit,
            "undo": self._undo,
            "redo": self._redo,
            "cut": canvas.commands.cut,
            "copy": canvas.commands.copy,
            "paste": canvas.commands.paste,
            "duplicate": canvas.commands.duplicate,
            "delete": canvas.commands.delete_selection,
            "heal": canvas.commands.heal_selection,
            "select_all": canvas.commands.select_all,
            "rename": canvas.rename_selected,
            "toggle_enabled": canvas.commands.toggle_enabled,
            "connect": canvas.commands.connect_selected,
            "quick_add": canvas.request_quick_add,
            "find": self._find,
            "zoom_in": canvas.zoom_in,
            "zoom_out": canvas.zoom_out,
            "zoom_100": canvas.zoom_100,
            "fit": canvas.fit,
            "run": self._run,
            "run_again": run.run_again,
            "run_to_here": self._run_to_here,
            "stop": run.stop,
            "clear_run": run.clear,
            "open_run": run.open_recorded,
            "save_run": run.save_recorded,
        }
        for others in (self.view_flow, self.setup, self.server_flow, self.on_server):
            handlers |= others.handlers()
        return handlers

    # --- what actions do ----------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.file_flow.open()

    def _open_example(self) -> None:
        self.file_flow.open_example()

    def _quit(self) -> None:
        self.close()

    def _undo(self) -> None:
        label = self.workspace.undo_label
        self.workspace.undo()
        self._say(f"Undone: {label}" if label else "Nothing to undo")

    def _redo(self) -> None:
        label = self.workspace.redo_label
        self.workspace.redo()
        self._say(f"Done again: {label}" if label else "Nothing to redo")

    def _find(self) -> None:
        self.docks.show("outline")
        self.outline_panel.focus_search()

    def _run(self) -> None:
        self.run_flow.run()

    def _run_to_here(self) -> None:
        self.run_flow.run(self.workspace.selection.only_block)

    # --- what others ask for ------------------------------------------------------------------------------------

    def _on_add_requested(self, type_name: str) -> None:
        self.canvas.commands.add_beside(type_name)
        self.canvas.setFocus()

    def _on_quick_add(self, request: QuickAddRequest) -> None:
        commands = self.canvas.commands

        def accepts(type_name: str) -> bool:
            return commands.accepts(request, type_name)

        def add(type_name: str) -> None:
            commands.add(request, type_name)

        previous = self.workspace.workflow.blocks.get(request.source[0] if request.source else request.beside)
        popup = QuickAddPopup(
            self.workspace,
            self._theme,
            accepts,
            request.text,
            self,
            previous_type=previous.type if previous else "",
        )
        popup.chosen.connect(add)
        popup.closed.connect(self.canvas.setFocus)
        popup.show_at(request.global_pos)

    def _on_open_requested(self, _block_id: str) -> None:
        self.docks.show("inspector")
        self.inspector.focus_first_field()

    def _on_context_menu(self, place: QPoint, hit: str) -> None:
        ids = {"block": CONTEXT_MENU, "edge": EDGE_MENU}.get(hit, CANVAS_MENU)
        menu = self.actions_by_id.context_menu(ids, self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def _on_file_dropped(self, path: str) -> None:
        self.file_flow.open(Path(path))

    def _on_recent_chosen(self, path: str) -> None:
        self.file_flow.open(Path(path))

    def _on_example_chosen(self, path: str) -> None:
        self.file_flow.open_example(Path(path))

    def _on_reveal_block(self, block_id: str) -> None:
        self._reveal(block_id, "")

    def _reveal(self, block_id: str, edge_id: str) -> None:
        if block_id:
            self.workspace.select([block_id])
            self.canvas.center_on(block_id)
        elif edge_id:
            self.workspace.select([], [edge_id])
            self.canvas.center_on_edge(edge_id)

    def _show_problem(self, problem: Problem) -> None:
        self.docks.show("problems")
        self._reveal(problem.block_id or "", problem.edge_id or "")

    def _on_run_shown(self) -> None:
        self.docks.show("runs")

    def _on_task_failed(self, key: str, error: Exception) -> None:
        report_error(error)
        self.notices.show_notice(f"Something went wrong ({key}): {error}", "error")

    def _say(self, text: str) -> None:
        self.statusBar().showMessage(text, 5000)

    # --- what the window shows about itself ---------------------------------------------------------------------

    def _on_workflow_changed(self, _change: object) -> None:
        self._update_states()
        self._update_title()

    def _on_path_changed(self) -> None:
        self.actions_by_id.set_recent(self._settings.recent_files())
        self._update_title()

    def _update_all(self) -> None:
        self._update_states()
        self._update_title()
        self._update_problems()
        self._update_zoom()

    def _update_states(self) -> None:
        workspace, selected = self.workspace, self.workspace.selection
        states = {
            "undo": workspace.undo_label is not None,
            "redo": workspace.redo_label is not None,
            "blocks": bool(workspace.workflow.blocks),
            "block": bool(selected.blocks),
            "any": bool(selected),
            "one": selected.only_block is not None,
            "two": len(selected.blocks) == 2,
            "idle": not self.runs.is_active,
            "running": self.runs.is_active,
            "run": workspace.run is not None and not self.runs.is_active,
            **self.server_flow.states(),
            **self.on_server.states(),
        }
        actions = self.actions_by_id
        actions.set_states([name for name, holds in states.items() if holds])
        actions["undo"].setText(f"&Undo {workspace.undo_label}" if workspace.undo_label else "&Undo")
        actions["redo"].setText(f"&Redo {workspace.redo_label}" if workspace.redo_label else "&Redo")
        actions[f"theme_{self._theme.choice}"].setChecked(True)

    def _on_place_changed(self) -> None:
        self._update_states()
        self._update_title()

    def _update_title(self) -> None:
        told = self.workspace, self.documents, self.server_link
        self.setWindowTitle(f"{title_words(*told)}[*] – Blockloom")
        self.setWindowModified(self.workspace.is_dirty)
        self._saved_label.setText(save_words(*told))
        set_tooltip(self._saved_label, save_details(self.server_link))

    def _update_problems(self) -> None:
        found = self.workspace.problems
        errors = sum(problem.severity == "error" for problem in found)
        warnings = sum(problem.severity == "warning" for problem in found)
        words = [_count(errors, "error"), _count(warnings, "warning")]
        self._problem_label.setText(", ".join(word for word in words if word) or "No problems")
        self.docks["problems"].setWindowTitle(f"Problems ({errors + warnings})" if errors + warnings else "Problems")

    def _update_zoom(self) -> None:
        self._zoom_label.setText(f"{round(self.canvas.zoom * 100)} %")

    # --- opening and closing ------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """Coming back to the window is the moment to notice that the file was changed elsewhere."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange:
            self.on_server.deployment.set_watched(self.isActiveWindow())
            if self.isActiveWindow():
                self.documents.check_disk()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved work first; the window closes itself once that is settled."""
        if self._may_close:
            event.accept()
            return
        event.ignore()
        self.tasks.start("close", self._leave)

    async def _leave(self) -> None:
        if not await self.file_flow.ask_to_leave():
            return
        self.docks.save(self._settings)
        self.runs.leave()
        await in_thread(self.runs.close)
        await self.on_server.close()
        await self.server_flow.close()
        await in_thread(self.network.close)
        self.journal.discard()
        self._may_close = True
        self.close()
        self.closed.emit()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
