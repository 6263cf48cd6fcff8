"""Two versions of a workflow beside each other, looked at from the same place."""

from collections.abc import Collection, Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QSplitter, QVBoxLayout, QWidget

from editor.panels.conflicts.marked_view import MarkedView
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Catalog, Workflow

GAP = 6


class SideBySide(QSplitter):
    """`left` and `right` are the two views; panning or zooming one takes the other along.

    They are empty until `load`; `prepare` before it, on any thread, spares the UI thread the work for large documents.
    """

    def __init__(
        self,
        left: tuple[str, Workflow],
        right: tuple[str, Workflow],
        catalog: Catalog,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        """Each side is a caption and a document."""
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setChildrenCollapsible(False)
        self._is_following = False
        self._documents = (left[1], right[1])
        self.left = self._view(left[0], catalog, theme)
        self.right = self._view(right[0], catalog, theme)
        self.setSizes([1000, 1000])
        self.left.view_changed.connect(self._on_left_moved)
        self.right.view_changed.connect(self._on_right_moved)

    def sizeHint(self) -> QSize:
        return QSize(900, 360)

    def prepare(self) -> None:
        """Do what can be done for `load` on another thread."""
        for view, workflow in zip((self.left, self.right), self._documents, strict=True):
            view.workspace.prepare(workflow)

    def load(self) -> None:
        """Show the documents."""
        for view, workflow in zip((self.left, self.right), self._documents, strict=True):
            view.workspace.replace(workflow)

    def set_marks(self, left: Mapping[str, str], right: Mapping[str, str], strong: str = "") -> None:
        """Outline blocks of each side in these colours of the theme, one block more strongly."""
        self.left.set_marks(left, strong)
        self.right.set_marks(right, strong)

    def show_blocks(self, block_ids: Collection[str]) -> None:
        """Bring these blocks into the middle of both views; one that only one side has is shown there."""
        side = self.left if set(block_ids) & self.left.columns.row_of.keys() else self.right
        side.show_blocks(block_ids)

    def _view(self, caption: str, catalog: Catalog, theme: Theme) -> MarkedView:
        holder = QFrame(self)
        view = MarkedView(Workspace(catalog, Workflow(), holder), theme, caption, holder)
        layout = QVBoxLayout(holder)
        is_first = self.count() <= 1  # the holder is counted already
        layout.setContentsMargins(0 if is_first else GAP, 0, GAP if is_first else 0, GAP)
        layout.setSpacing(4)
        layout.addWidget(plain_label(caption, holder, role="heading"))
        layout.addWidget(view, 1)
        self.addWidget(holder)
        return view

    def _on_left_moved(self) -> None:
        self._take_along(self.left, self.right)

    def _on_right_moved(self) -> None:
        self._take_along(self.right, self.left)

    def _take_along(self, leader: MarkedView, follower: MarkedView) -> None:
        if not self._is_following and self.isVisible():
            self._is_following = True
            follower.follow(leader)
            self._is_following = False
