"""The live list of what is wrong with the workflow, each with its place and, where one is known, its remedy."""

from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QListView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from editor.panels.widgets import EmptyState
from editor.text import elided, tooltip_text
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Problem, Workflow

SEVERITIES = {
    "error": ("circle-alert", "error", "Error"),
    "warning": ("triangle-alert", "warning", "Warning"),
    "info": ("info", "text_muted", "Note"),
}
PADDING = 8
ICON = 16
FIX_HEIGHT = 26
_Index = QModelIndex | QPersistentModelIndex


class ProblemsPanel(QWidget):
    """All problems, errors first.

    Signals:
        reveal_requested(str, str): block id or "", edge id or "": select this and bring it into view.
        count_changed(int, int): how many errors and how many other problems there are.
    """

    reveal_requested = Signal(str, str)
    count_changed = Signal(int, int)

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.problems = ProblemModel(self)
        self.view = ProblemView(self.problems, theme, self)
        self.empty = EmptyState(theme, "circle-check", "No problems", "The workflow is ready to run.", self)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        self.view.chosen.connect(self._on_chosen)
        self.view.fix_chosen.connect(self._on_fix_chosen)
        workspace.problems_changed.connect(self._refresh)
        workspace.workflow_changed.connect(self._on_workflow_changed)
        theme.changed.connect(self.view.viewport().update)
        self._refresh()

    def _refresh(self) -> None:
        found = self._workspace.problems
        self.problems.show(found, self._workspace.workflow)
        is_empty = not self._workspace.workflow.blocks
        words = "What is wrong with the workflow appears here." if is_empty else "The workflow is ready to run."
        self.empty.set_words("No problems", words)
        self._stack.setCurrentWidget(self.view if found else self.empty)
        errors = sum(1 for problem in found if problem.severity == "error")
        self.count_changed.emit(errors, len(found) - errors)

    def _on_workflow_changed(self, _change: object) -> None:
        # Names of blocks may be others; what is wrong is told a moment later by the checker.
        self.problems.set_workflow(self._workspace.workflow)

    def _on_chosen(self, problem: Problem) -> None:
        self.reveal_requested.emit(problem.block_id or "", problem.edge_id or "")

    def _on_fix_chosen(self, problem: Problem) -> None:
        if problem.fix is not None:
            self._workspace.edit(problem.fix.label, problem.fix.apply)


class ProblemModel(QAbstractListModel):
    """Rows of problems."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._problems: tuple[Problem, ...] = ()
        self._workflow = Workflow()

    def show(self, problems: tuple[Problem, ...], workflow: Workflow) -> None:
        """Show these problems of this workflow."""
        self.beginResetModel()
        self._problems, self._workflow = problems, workflow
        self.endResetModel()

    def set_workflow(self, workflow: Workflow) -> None:
        """Take names from this workflow."""
        self._workflow = workflow
        if self._problems:
            self.dataChanged.emit(self.index(0), self.index(len(self._problems) - 1))

    def problem(self, index: _Index) -> Problem:
        """The problem in this row."""
        return self._problems[index.row()]

    def place(self, problem: Problem) -> str:
        """Where the problem is, in words."""
        workflow = self._workflow
        block = workflow.blocks.get(problem.block_id or "")
        if block is not None:
            return block.label
        edge = workflow.edges.get(problem.edge_id or "")
        if edge is not None:
            ends = (workflow.blocks.get(end) for end in (edge.source, edge.target))
            return " → ".join(end.label if end else "?" for end in ends)
        return "Workflow"

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.isValid() else len(self._problems)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        problem = self.problem(index)
        roles = Qt.ItemDataRole
        if role in (roles.DisplayRole, roles.AccessibleTextRole):
            return f"{SEVERITIES[problem.severity][2]}, {self.place(problem)}: {problem.message}"
        if role == roles.AccessibleDescriptionRole and problem.fix:
            return f"Ctrl+Enter: {problem.fix.label}"
        if role == roles.ToolTipRole:
            return tooltip_text(problem.message)
        return None


class ProblemView(QListView):
    """The list. A click or Enter chooses a row; the fix button of a row, or Ctrl+Enter, takes its remedy.

    Signals:
        chosen(object): this problem was chosen.
        fix_chosen(object): the remedy of this problem was chosen.
    """

    chosen = Signal(object)
    fix_chosen = Signal(object)

    def __init__(self, problems: ProblemModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._problems = problems
        self._delegate = ProblemDelegate(theme, self)
        self.setModel(problems)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Problems")
        self.setMouseTracking(True)
        self.setAcceptDrops(False)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)

    def fix_rect(self, index: QModelIndex) -> QRect:
        """Where the fix button of this row is, in the viewport; empty when it has none."""
        return self._delegate.fix_rect(self.visualRect(index), self.font(), self._problems.problem(index))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        point = event.position().toPoint()
        index = self.indexAt(point)
        if event.button() != Qt.MouseButton.LeftButton or not index.isValid():
            return
        signal = self.fix_chosen if self.fix_rect(index).contains(point) else self.chosen
        signal.emit(self._problems.problem(index))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        point = event.position().toPoint()
        index = self.indexAt(point)
        over_fix = index.isValid() and self.fix_rect(index).contains(point)
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over_fix else Qt.CursorShape.ArrowCursor)
        self._delegate.hovered_fix = index.row() if over_fix else -1
        self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._delegate.hovered_fix = -1

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            wants_fix = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            signal = self.fix_chosen if wants_fix else self.chosen
            signal.emit(self._problems.problem(self.currentIndex()))
        else:
            super().keyPressEvent(event)


class ProblemDelegate(QStyledItemDelegate):
    """Paints a row: icon, place, the sentence wrapped, and the fix as a button."""

    def __init__(self, theme: Theme, parent: QListView) -> None:
        super().__init__(parent)
        self._theme = theme
        self._view = parent
        self.hovered_fix = -1

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        problem = _problem(index)
        width = self._view.viewport().width()
        font: QFont = option.font
        metrics = QFontMetrics(font)
        wrapped = self._sentence_rect(QRect(0, 0, width, 10_000), metrics, problem)
        height = PADDING + metrics.lineSpacing() + 2 + wrapped.height() + PADDING
        if problem.fix:
            height += FIX_HEIGHT + 6
        return QSize(width, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        model = index.model()
        assert isinstance(model, ProblemModel)
        problem = model.problem(index)
        rect: QRect = option.rect
        font: QFont = option.font
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_background(painter, rect, state)
        icon, color, _ = SEVERITIES[problem.severity]
        colors = self._theme.colors
        pixmap = self._theme.pixmap(icon, ICON, getattr(colors, color), painter.device().devicePixelRatioF())
        painter.drawPixmap(rect.x() + 10, rect.y() + PADDING, pixmap)
        self._paint_words(painter, rect, font, model.place(problem), problem)
        if problem.fix:
            hovered = self.hovered_fix == index.row()
            self._paint_fix(painter, self.fix_rect(rect, font, problem), problem.fix.label, hovered=hovered)
        painter.restore()

    def fix_rect(self, row: QRect, font: QFont, problem: Problem) -> QRect:
        """Where the fix button of a row is; empty when it has none."""
        if problem.fix is None:
            return QRect()
        left = row.x() + 10 + ICON + 10
        width = QFontMetrics(font).horizontalAdvance(problem.fix.label[:60]) + 22
        return QRect(left, row.bottom() - PADDING - FIX_HEIGHT + 1, min(width, row.right() - left - 8), FIX_HEIGHT)

    def _paint_background(self, painter: QPainter, rect: QRect, state: QStyle.StateFlag) -> None:
        colors = self._theme.colors
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent_soft if selected else colors.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(3, 1, -3, -1), 7, 7)

    def _paint_words(self, painter: QPainter, rect: QRect, font: QFont, place: str, problem: Problem) -> None:
        colors = self._theme.colors
        metrics = QFontMetrics(font)
        bold = QFont(font)
        bold.setWeight(QFont.Weight.DemiBold)
        left = rect.x() + 10 + ICON + 10
        line = QRect(left, rect.y() + PADDING, rect.right() - left - 8, metrics.lineSpacing())
        painter.setFont(bold)
        painter.setPen(QColor(colors.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, elided(place, painter.fontMetrics(), line.width()))
        painter.setFont(font)
        painter.setPen(QColor(colors.text_muted))
        sentence = self._sentence_rect(rect, metrics, problem)
        painter.drawText(sentence, _WRAP, problem.message[:400])

    def _paint_fix(self, painter: QPainter, rect: QRect, label: str, *, hovered: bool) -> None:
        colors = self._theme.colors
        painter.setPen(QColor(colors.border_strong))
        painter.setBrush(QColor(colors.hover if hovered else colors.raised))
        painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setPen(QColor(colors.text))
        text = elided(label, painter.fontMetrics(), rect.width() - 16)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)

    def _sentence_rect(self, rect: QRect, metrics: QFontMetrics, problem: Problem) -> QRect:
        left = rect.x() + 10 + ICON + 10
        top = rect.y() + PADDING + metrics.lineSpacing() + 2
        room = QRect(left, top, max(40, rect.right() - left - 8), 2000)
        return metrics.boundingRect(room, _WRAP, problem.message[:400])


_WRAP = int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)


def _problem(index: _Index) -> Problem:
    model = index.model()
    assert isinstance(model, ProblemModel)
    return model.problem(index)
