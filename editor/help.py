"""The list of keys and the words about the program."""

from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from editor.actions import ACTIONS, MENU_ORDER

MOUSE = (
    ("Select, or select several", "Click; Shift+click; drag on the empty canvas"),
    ("Move the view", "Middle button, Space and drag, or scroll"),
    ("Zoom at the cursor", "Ctrl and scroll, or pinch"),
    ("Wire two blocks", "Drag from a port to a block"),
    ("Put a block into a wire", "Drag it onto the wire; Alt prevents it"),
    ("Copy blocks", "Alt and drag"),
    ("Walk along the wires", "Arrow keys"),
    ("Move the selected blocks", "Ctrl and arrow keys"),
    ("Edit the selected block", "Enter; Escape goes back"),
)


class ShortcutsDialog(QDialog):
    """Every key and every mouse gesture."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard Shortcuts")
        self.resize(560, 560)
        tree = QTreeWidget(self)
        tree.setHeaderLabels(["What", "How"])
        tree.setRootIsDecorated(False)
        tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        tree.setDragDropMode(QTreeWidget.DragDropMode.NoDragDrop)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        groups: list[tuple[str, tuple[tuple[str, str], ...]]] = [("Canvas", MOUSE)]
        for menu in MENU_ORDER:
            keys = tuple((row.title, ", ".join(row.shortcuts)) for row in ACTIONS if row.menu == menu and row.shortcuts)
            groups.append((menu, keys))
        for title, rows in groups:
            heading = QTreeWidgetItem(tree, [title])
            font = heading.font(0)
            font.setBold(True)
            heading.setFont(0, font)
            heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
            for what, how in rows:
                QTreeWidgetItem(heading, [what, how])
        tree.expandAll()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(tree)
        layout.addWidget(buttons)


def program_version() -> str:
    """The installed version, or "0" in a tree that was never installed."""
    try:
        return version("blockloom")
    except PackageNotFoundError:
        return "0"


def about_text() -> str:
    """Version and licences."""
    return (
        f"Version {program_version()}, with Qt {qVersion()}\n\n"
        "Apache License 2.0. Icons by Lucide (ISC and MIT licences). Qt and PySide6 under the LGPL."
    )
