"""The head of the inspector: what the selected block is, its name, and whether it takes part in runs."""

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from editor.panels.widgets import ElidedLabel, IconLabel, UndoIsTheWindows
from editor.text import count_text, plain_label, set_role, set_style, set_tooltip
from editor.theme import Theme
from editor.workspace.naming import MAX_NAME_LENGTH, name_refusal, name_warning
from editor.workspace.workspace import Workspace
from engine import Block, BlockType, edits, wiring


class BlockHeader(QWidget):
    """Icon, name and switch of one block. A new name counts on Enter or when the caret leaves, Escape takes it back.

    Signals:
        message(str): what renaming did.
    """

    message = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._block_id = ""
        self.tile = IconLabel(theme, "unknown", "text_muted", 36, self)
        self.name = QLineEdit(self)
        self.name.setMaxLength(MAX_NAME_LENGTH)
        self.name.setAccessibleName("Name of the block")
        set_style(self.name, "quiet", True)
        self.kind = ElidedLabel("", "muted", self)
        self.enabled = QCheckBox("On", self)
        self.enabled.setAccessibleName("Block takes part in runs")
        set_tooltip(self.enabled, "A block that is off is passed over in runs (D)")
        self.name_message = plain_label("", self, role="error", wrap=True)
        self.name_message.hide()
        self._build()
        self.name.installEventFilter(self)
        self.name.installEventFilter(UndoIsTheWindows(self))
        self.name.textEdited.connect(self._on_name_typed)
        self.name.editingFinished.connect(self.commit)
        self.enabled.toggled.connect(self._on_enabled_toggled)

    def show_block(self, block: Block, block_type: BlockType | None) -> None:
        """Show this block; a name that is being typed for the same block stays."""
        same = block.id == self._block_id
        if not same:
            self.commit()
            self._block_id = block.id
        self.tile.set_tile(block_type.icon if block_type else "unknown", block_type.hue if block_type else "grey")
        words = f"{block_type.label} · {block_type.description}" if block_type else f"{block.type} · not known here"
        self.kind.set_text(words)
        with QSignalBlocker(self.name), QSignalBlocker(self.enabled):
            if not (same and self.name.hasFocus() and self.name.isModified()) and self.name.text() != block.name:
                self.name.setText(block.name)
                self.name.setModified(False)
                self.name.setCursorPosition(0)
            self.name.setPlaceholderText(block.id)
            self.enabled.setChecked(block.enabled)
        self._show_name_message(self.name.text())

    def focus_name(self) -> None:
        """Put the caret into the name, all of it selected."""
        self.name.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.name.selectAll()

    def commit(self) -> None:
        """Give the block the typed name, if it is another one and allowed; else the old one comes back."""
        workflow = self._workspace.workflow
        block = workflow.blocks.get(self._block_id)
        if block is None or not self.name.isModified():
            return
        name = self.name.text().strip()
        self.name.setModified(False)
        refusal = name_refusal(workflow, block.id, name) if name != block.name else ""
        if refusal or name == block.name:
            self.name.setText(block.name)
            self._show_name_message(block.name)
            if refusal:
                self.message.emit(f"Not renamed. {refusal}")
            return
        count = wiring.count_rewritten(workflow, self._workspace.catalog, block.id, name)
        if self._workspace.edit("Rename block", wiring.rename, self._workspace.catalog, block.id, name):
            updated = f"; {count_text(count, 'reference')} updated" if count else ""
            self.message.emit(f"Renamed{updated}")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self.name.isModified():
            escapes = event.key() == Qt.Key.Key_Escape
            if escapes:
                self._take_back()
            return escapes
        return super().eventFilter(watched, event)

    def _take_back(self) -> None:
        block = self._workspace.workflow.blocks.get(self._block_id)
        self.name.setText(block.name if block else "")
        self.name.setModified(False)
        self._show_name_message(self.name.text())

    def _build(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.name)
        kind_line = QHBoxLayout()
        kind_line.setContentsMargins(6, 0, 0, 0)
        kind_line.addWidget(self.kind)
        words.addLayout(kind_line)
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(self.tile)
        top.addLayout(words, 1)
        top.addWidget(self.enabled)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.name_message)

    def _on_name_typed(self, text: str) -> None:
        self._show_name_message(text.strip())

    def _show_name_message(self, name: str) -> None:
        block = self._workspace.workflow.blocks.get(self._block_id)
        typed = self.name.isModified() and block is not None and name != block.name
        refusal = name_refusal(self._workspace.workflow, self._block_id, name) if typed else ""
        text = refusal or (name_warning(name) if name else "")
        self.name_message.setText(text)
        self.name_message.setVisible(bool(text))
        set_role(self.name_message, "error" if refusal else "warning")
        set_style(self.name, "invalid", "true" if refusal else "false")

    def _on_enabled_toggled(self, enabled: bool) -> None:
        if self._block_id in self._workspace.workflow.blocks:
            label = "Enable block" if enabled else "Disable block"
            self._workspace.edit(label, edits.set_enabled, [self._block_id], enabled)
