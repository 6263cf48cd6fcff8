"""A JSON value as a tree: children are made when a row is opened, some hundred at a time."""

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from editor.panels.preview import one_line_value, preview
from editor.text import tooltip_text
from editor.theme import Theme

CHUNK = 200
TIP_LENGTH = 2000
_Index = QModelIndex | QPersistentModelIndex


class Node:
    """One value with its key and its place in the tree. `children` is as far as they were asked for."""

    __slots__ = ("children", "items", "key", "number", "parent", "row", "value")

    def __init__(self, key: str, value: Any, parent: "Node | None", row: int) -> None:
        self.key = key
        self.value = value
        self.parent = parent
        self.row = row
        self.children: list[Node] = []
        self.items: list[tuple[str, Any]] | None = None
        self.number = 0

    @property
    def count(self) -> int:
        """How many children there are, made or not."""
        return len(self.value) if isinstance(self.value, dict | list) else 0

    def grow(self, count: int) -> "list[Node]":
        """Make this many more children; returns them."""
        start = len(self.children)
        if isinstance(self.value, dict):
            if self.items is None:
                self.items = list(self.value.items())
            part = self.items[start : start + count]
        else:
            part = [(str(start + place), item) for place, item in enumerate(self.value[start : start + count])]
        made = [Node(key, item, self, start + place) for place, (key, item) in enumerate(part)]
        self.children += made
        return made


class JsonTreeModel(QAbstractItemModel):
    """Two columns: the key, and the value on one line."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._root = Node("", {}, None, 0)
        # Indexes hold numbers, not pointers: one that a view kept too long leads to nothing, not into freed memory.
        self._nodes: dict[int, Node] = {}
        self._last_number = 0

    def show(self, value: Any) -> None:
        """Show this value; one that has no children is shown as a single row."""
        self.beginResetModel()
        has_children = isinstance(value, dict | list)
        self._root = Node("", value if has_children else {"value": value}, None, 0)
        self._nodes = {}
        self._grow(self._root)
        self.endResetModel()

    def value(self, index: _Index) -> Any:
        """The value in this row."""
        return self._node(index).value

    def path(self, index: _Index) -> str:
        """The dotted keys that lead to this row, as a reference spells them."""
        keys = []
        node: Node | None = self._node(index)
        while node is not None and node is not self._root:
            keys.append(node.key)
            node = node.parent
        return ".".join(reversed(keys))

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's signature
        node = self._node(parent)
        if not 0 <= row < len(node.children):
            return QModelIndex()
        return self.createIndex(row, column, node.children[row].number)

    def parent(self, index: _Index) -> QModelIndex:  # type: ignore[override]
        parent = self._node(index).parent
        if parent is None or parent is self._root:
            return QModelIndex()
        return self.createIndex(parent.row, 0, parent.number)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.column() > 0 else len(self._node(parent).children)

    def columnCount(self, _parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 2

    def hasChildren(self, parent: _Index = QModelIndex()) -> bool:  # noqa: B008 - the signature is Qt's
        return self._node(parent).count > 0

    def canFetchMore(self, parent: _Index) -> bool:  # noqa: N802 - the name is Qt's
        node = self._node(parent)
        return len(node.children) < node.count

    def fetchMore(self, parent: _Index) -> None:  # noqa: N802 - the name is Qt's
        node = self._node(parent)
        start = len(node.children)
        count = min(CHUNK, node.count - start)
        if count > 0:
            place = self.createIndex(node.row, 0, node.number) if parent.isValid() else QModelIndex()
            self.beginInsertRows(place, start, start + count - 1)
            self._grow(node)
            self.endInsertRows()

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Key", "Value")[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        node = self._node(index)
        roles = Qt.ItemDataRole
        if role == roles.DisplayRole:
            return node.key[:200] if index.column() == 0 else one_line_value(node.value)
        if role == roles.ForegroundRole:
            return QColor(self._color(node, index.column()))
        if role == roles.ToolTipRole and index.column() == 1 and isinstance(node.value, str):
            return tooltip_text(preview(node.value, TIP_LENGTH)[0])
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def _color(self, node: Node, column: int) -> str:
        colors = self._theme.colors
        if column == 0:
            return colors.code_name
        if isinstance(node.value, str):
            return colors.code_string
        return colors.text_muted if isinstance(node.value, dict | list) else colors.code_number

    def _node(self, index: _Index) -> Node:
        return self._nodes.get(index.internalId(), self._root) if index.isValid() else self._root

    def _grow(self, node: Node) -> None:
        for child in node.grow(min(CHUNK, node.count - len(node.children))):
            self._last_number += 1
            child.number = self._last_number
            self._nodes[child.number] = child
