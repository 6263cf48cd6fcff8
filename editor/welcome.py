"""What the empty canvas says: how to begin, with the examples one click away."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from editor.theme import RESOURCES, Theme
from editor.workspace.workspace import Workspace

MAX_WIDTH = 400
EXAMPLES = (
    ("sparkles", "Summarize a document", "document-summarizer.workflow.json"),
    ("condition", "Choose a path by a condition", "condition-branches.workflow.json"),
    ("api", "Call an HTTP API", "http-api.workflow.json"),
    ("orchestration", "Sort letters with agents", "support-triage.workflow.json"),
)


class Welcome(QWidget):
    """Lies over the canvas while the workflow has no blocks.

    Signals:
        example_chosen(str): path of an example.
        open_requested(): the person wants to open a file.
        server_requested(): the person wants to open a workflow of a server.
    """

    example_chosen = Signal(str)
    open_requested = Signal()
    server_requested = Signal()

    def __init__(self, workspace: Workspace, theme: Theme, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._workspace = workspace
        self._theme = theme
        self._canvas = canvas
        self._buttons: list[tuple[QPushButton, str]] = []
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addWidget(_label("An empty workflow", "title"))
        layout.addWidget(_label("Press Tab to add a block, drag one from the left, or drop a file here.", "muted"))
        layout.addSpacing(8)
        for icon, title, name in EXAMPLES:
            layout.addWidget(self._button(icon, title, self._example_handler(name)))
        layout.addWidget(self._button("folder-open", "Open a file…", self.open_requested.emit))
        layout.addWidget(self._button("platform", "Open from server…", self.server_requested.emit))
        canvas.installEventFilter(self)
        workspace.workflow_changed.connect(self._update)
        theme.changed.connect(self._paint)
        self._paint()
        self._update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the middle of the canvas."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _button(self, icon: str, title: str, handler: Callable[[], object]) -> QPushButton:
        button = QPushButton(title, self)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(handler)
        self._buttons.append((button, icon))
        return button

    def _example_handler(self, name: str) -> Callable[[], None]:
        path = str(RESOURCES / "examples" / name)

        def choose() -> None:
            self.example_chosen.emit(path)

        return choose

    def _update(self) -> None:
        self.setVisible(not self._workspace.workflow.blocks)
        self._place()

    def _place(self) -> None:
        width = min(MAX_WIDTH, self._canvas.width() - 24)
        self.resize(width, self.heightForWidth(width))
        middle = self._canvas.rect().center() - self.rect().center()
        self.move(QPoint(max(0, middle.x()), max(0, middle.y())))

    def _paint(self) -> None:
        for button, icon in self._buttons:
            button.setIcon(self._theme.icon(icon))


def _label(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    return label
