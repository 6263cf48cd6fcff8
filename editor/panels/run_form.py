"""The form before a run: a value for each variable that the workflow asks for, typed or read from a file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from editor import aio
from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.forms.source_fields import read_json
from editor.panels.widgets import IconButton
from editor.text import count_text, plain_label, set_role, set_style
from editor.theme import Theme
from engine import JsonObject, RunInput

MAX_FILE_BYTES = 10 * 1024 * 1024
TEXT, JSON = 0, 1


class RunForm(QDialog):
    """Asks for the variables of a run. It remembers nothing: it is given values, and gives values."""

    def __init__(
        self, inputs: Sequence[RunInput], values: JsonObject, theme: Theme, parent: QWidget | None = None
    ) -> None:
        """`values` are those of the last run; where they have none, a variable starts with its default."""
        super().__init__(parent)
        self.setWindowTitle("Run the workflow")
        self.setModal(True)
        self.tasks = aio.Tasks(self)
        self.fields = [VariableField(item, values.get(item.name, item.default), theme, self) for item in inputs]
        self.run_button = QPushButton("Run", self)
        self.run_button.setDefault(True)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setAutoDefault(False)
        self._build()
        self.run_button.clicked.connect(self.accept)
        self.cancel_button.clicked.connect(self.reject)
        for field in self.fields:
            field.changed.connect(self._update)
            field.file_wanted.connect(self._on_file_wanted)
            field.file_dropped.connect(self._on_file_dropped)
        self._update()
        if self.fields:
            self.fields[0].text.setFocus()

    def values(self) -> JsonObject:
        """The value of each variable, by name; those left out keep what the workflow says."""
        return {field.name: field.value() for field in self.fields if field.is_given()}

    def accept(self) -> None:
        if all(not field.problem for field in self.fields):
            super().accept()

    def done(self, code: int) -> None:
        self.tasks.cancel("file")
        super().done(code)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.accept()
        else:
            super().keyPressEvent(event)

    async def read_into(self, field: "VariableField", path: Path) -> None:
        """Read a text file into a field; what is wrong with the file is told beside the field."""
        try:
            text = await aio.in_thread(read_text_file, path)
        except OSError as error:
            field.set_file_problem(f"{path.name} could not be read: {error.strerror or error}.")
        except ValueError as error:
            field.set_file_problem(str(error))
        else:
            field.set_text(text)

    def _build(self) -> None:
        holder = QWidget(self)
        fields = QVBoxLayout(holder)
        fields.setContentsMargins(18, 12, 18, 12)
        fields.setSpacing(16)
        for field in self.fields:
            fields.addWidget(field)
        fields.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(holder)
        intro = plain_label("The run starts with these values.", self, role="muted", wrap=True)
        intro.setContentsMargins(18, 16, 18, 0)
        hint = plain_label("Ctrl+Enter runs", self, role="faint")
        buttons = QHBoxLayout()
        buttons.setContentsMargins(18, 10, 18, 14)
        buttons.setSpacing(8)
        buttons.addWidget(hint)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.run_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(intro)
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)
        self.setMinimumSize(360, 240)
        self.resize(560, min(240 + 150 * len(self.fields), 640))

    def _update(self) -> None:
        self.run_button.setEnabled(all(not field.problem for field in self.fields))

    def _on_file_wanted(self, field: "VariableField") -> None:
        dialog = QFileDialog(self, f"A file for {field.name}")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["Text files (*.txt *.md *.csv *.json *.log *.html *.xml)", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._field_for_file = field
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.open()

    def _on_file_selected(self, path: str) -> None:
        self.tasks.restart("file", self.read_into, self._field_for_file, Path(path))

    def _on_file_dropped(self, field: "VariableField", path: str) -> None:
        self.tasks.restart("file", self.read_into, field, Path(path))


class VariableField(QWidget):
    """One variable: its name, its value as text or JSON, and a file to take the text from.

    Signals:
        changed(): the value or its type changed.
        file_wanted(object): the person wants to choose a file; the field itself.
        file_dropped(object, str): a file was dropped on the field: the field, and the file's path.
    """

    changed = Signal()
    file_wanted = Signal(object)
    file_dropped = Signal(object, str)

    def __init__(self, item: RunInput, value: Any, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = item.name
        self._initial = value
        self._file_problem = ""
        self._was_edited = False
        self.text = DropEdit(self)
        self.text.setPlaceholderText("Type or paste a value, or drop a text file here")
        self.text.setAccessibleName(item.name)
        self.kind = QComboBox(self)
        self.kind.addItems(["Text", "JSON"])
        self.kind.setAccessibleName(f"Type of {item.name}")
        self.file = IconButton(theme, "file", f"Take the value of {item.name} from a file", self, text="From file…")
        self.size_label = plain_label("", self, role="muted")
        self.message = plain_label("", self, role="error", wrap=True)
        self._build(item)
        is_text = value is None or isinstance(value, str)
        self.kind.setCurrentIndex(TEXT if is_text else JSON)
        self.text.show_text((value or "") if is_text else json.dumps(value, indent=2, ensure_ascii=False))
        self.text.text_edited.connect(self._on_text_edited)
        self.text.file_dropped.connect(self._on_file_dropped)
        self.kind.currentIndexChanged.connect(self._on_kind_changed)
        self.file.clicked.connect(self._on_file_clicked)
        self._show_state()

    @property
    def problem(self) -> str:
        """Why the text is no value of the chosen type, "" when it is one."""
        if self.kind.currentIndex() == TEXT or not self.text.toPlainText().strip():
            return ""
        return read_json(self.text.toPlainText())[1]

    def is_given(self) -> bool:
        """Whether the field has a value: something typed, or something it started with."""
        has_text = bool(
            self.text.toPlainText().strip() if self.kind.currentIndex() == JSON else self.text.toPlainText()
        )
        return has_text or (self.kind.currentIndex() == TEXT and (self._was_edited or self._initial is not None))

    def value(self) -> Any:
        """The value as it is typed."""
        text = self.text.toPlainText()
        return text if self.kind.currentIndex() == TEXT else json.loads(text)

    def set_text(self, text: str) -> None:
        """Show this text as the value, as if it was typed."""
        self.text.show_text(text)
        self._on_text_edited(text)

    def set_file_problem(self, problem: str) -> None:
        """Say why a file could not be taken; the text stays as it was."""
        self._file_problem = problem
        self._show_state()

    def _build(self, item: RunInput) -> None:
        head = QHBoxLayout()
        head.setSpacing(6)
        name = plain_label(item.name[:80], self, role="label")
        name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        head.addWidget(name, 1)
        head.addWidget(self.file)
        head.addWidget(self.kind)
        foot = QHBoxLayout()
        foot.addWidget(self.message, 1)
        foot.addWidget(self.size_label, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(head)
        if not item.declared:
            hint = "Some block uses it, and nothing gives it a value yet."
            layout.addWidget(plain_label(hint, self, role="muted", wrap=True))
        layout.addWidget(self.text)
        layout.addLayout(foot)

    def _on_text_edited(self, _text: str) -> None:
        self._file_problem = ""
        self._was_edited = True
        self._show_state()
        self.changed.emit()

    def _on_kind_changed(self, _index: int) -> None:
        self._show_state()
        self.changed.emit()

    def _on_file_clicked(self) -> None:
        self.file_wanted.emit(self)

    def _on_file_dropped(self, path: str) -> None:
        self.file_dropped.emit(self, path)

    def _show_state(self) -> None:
        text = self.text.toPlainText()
        self.size_label.setText(count_text(len(text), "character") if text else "")
        problem = self._file_problem or self.problem
        self.message.setText(problem)
        set_role(self.message, "error")
        set_style(self.text, "invalid", "true" if self.problem else "false")


class DropEdit(PlainEdit):
    """A text area that takes a dropped text file.

    Signals:
        file_dropped(str): the path of the file.
    """

    file_dropped = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, lines=(4, 12))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_file(event.mimeData()):
            event.acceptProposedAction()
        else:
            super().dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped_file(event.mimeData())
        if path:
            event.acceptProposedAction()
            self.file_dropped.emit(path)
        else:
            super().dropEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return bool(dropped_file(source)) or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        path = dropped_file(source)
        if path:
            self.file_dropped.emit(path)
        else:
            super().insertFromMimeData(source)


def dropped_file(data: QMimeData) -> str:
    """The path of the one local file in a drop or paste, "" when it is something else."""
    urls = data.urls() if data.hasUrls() else []
    return urls[0].toLocalFile() if len(urls) == 1 and urls[0].isLocalFile() else ""


def read_text_file(path: Path) -> str:
    """The text of a UTF-8 file of at most `MAX_FILE_BYTES`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is too big or no UTF-8 text; the sentence is for people.
    """
    if not path.is_file():
        raise ValueError(f"{path.name} is not a file. Choose a text file.")
    with path.open("rb") as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{path.name} is bigger than 10 MB. Choose a smaller file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not UTF-8 text (byte {error.start:,}). Save it as UTF-8 first.") from None
