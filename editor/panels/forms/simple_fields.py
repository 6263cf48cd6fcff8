"""Fields of one small control: number, choice, switch, secret, model."""

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QCompleter, QHBoxLayout, QLineEdit, QWidget

from editor.panels.forms.base import FieldEditor, FormContext, no_wheel_focus
from editor.panels.forms.text_field import shown_text
from editor.panels.widgets import IconButton
from editor.text import plain_label, tooltip_text
from engine import Field, edits, references
from engine import available_models as offered_models


class NumberField(FieldEditor):
    """A number as text, with its unit. Empty takes the key away; a reference is kept as text; arrows step."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self._value: Any = None
        self.edit = QLineEdit(self)
        self.edit.setPlaceholderText(field.placeholder or _range_words(field))
        self.unit = plain_label(field.unit, self, role="muted")
        self.unit.setVisible(bool(field.unit))
        layout = _row(self, self.edit, self.unit)
        layout.setStretch(0, 1)
        self.setFocusProxy(self.edit)
        self.watch(self.edit)
        self.edit.textEdited.connect(self._on_text_edited)

    def show_value(self, value: Any) -> None:
        if self.own_problem and value == self._value:
            return  # the document has not changed: what is being typed stays
        self._value = value
        text = shown_text(value)
        if number_in(self.edit.text()) != value and text != self.edit.text():
            with QSignalBlocker(self.edit):
                self.edit.setText(text)
        self._set_own_problem(number_problem(self._field, number_in(text)))

    def forget(self) -> None:
        super().forget()
        with QSignalBlocker(self.edit):
            self.edit.clear()

    def keyPressEvent(self, event: Any) -> None:
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}
        number = number_in(self.edit.text() or "0")
        if event.key() not in steps or not isinstance(number, int | float) or self.edit.isReadOnly():
            super().keyPressEvent(event)
            return
        moved = number + steps[event.key()] * self._field.step
        low, high = self._field.minimum, self._field.maximum
        moved = max(moved, low) if low is not None else moved
        moved = min(moved, high) if high is not None else moved
        self.edit.setText(f"{round(moved, 6):g}")
        self._on_text_edited(self.edit.text())

    def _on_text_edited(self, text: str) -> None:
        value = number_in(text)
        self._set_own_problem(number_problem(self._field, value))
        if isinstance(value, str) and not references.contains(value):
            return
        self._value = value
        self.edited.emit(edits.ABSENT if value is None else value)


class ChoiceField(FieldEditor):
    """One of some values. A stored value that is none of them is shown as it is and kept."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.box = QComboBox(self)
        no_wheel_focus(self.box)
        for choice in field.choices:
            self.box.addItem(choice.label)
            self.box.setItemData(self.box.count() - 1, tooltip_text(choice.help), Qt.ItemDataRole.ToolTipRole)
        self._stranger: Any = None
        _row(self, self.box)
        self.setFocusProxy(self.box)
        self.watch(self.box)
        self.box.activated.connect(self._on_activated)

    def show_value(self, value: Any) -> None:
        values = [choice.value for choice in self._field.choices]
        shown = self._field.default if value is None else value
        with QSignalBlocker(self.box):
            while self.box.count() > len(values):
                self.box.removeItem(self.box.count() - 1)
            if shown in values:
                self.box.setCurrentIndex(values.index(shown))
            elif shown in (None, ""):
                self.box.setCurrentIndex(-1)
            else:
                self._stranger = shown
                self.box.addItem(shown_text(shown)[:60])
                self.box.setCurrentIndex(self.box.count() - 1)

    def _on_activated(self, number: int) -> None:
        choices = self._field.choices
        self.edited.emit(choices[number].value if number < len(choices) else self._stranger)


class SwitchField(FieldEditor):
    """True or false. The label is the switch's own words."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.box = QCheckBox(field.label, self)
        _row(self, self.box).addStretch(1)
        self.setFocusProxy(self.box)
        self.watch(self.box)
        self.box.toggled.connect(self.tell)

    def show_value(self, value: Any) -> None:
        with QSignalBlocker(self.box):
            self.box.setChecked(bool(self._field.default if value is None else value))


class SecretField(FieldEditor):
    """Text that is hidden until asked for. It can be copied without being shown."""

    def __init__(self, context: FormContext, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit = QLineEdit(self)
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setPlaceholderText(field.placeholder)
        self.edit.setReadOnly(field.read_only)
        self.reveal = IconButton(context.theme, "eye", "Show the secret", self)
        self.reveal.setCheckable(True)
        self.copy = IconButton(context.theme, "copy", "Copy the secret", self)
        layout = _row(self, self.edit, self.reveal, self.copy)
        layout.setSpacing(2)
        layout.setStretch(0, 1)
        self.setFocusProxy(self.edit)
        self.watch(self.edit)
        self.edit.textEdited.connect(self.tell)
        self.reveal.toggled.connect(self._on_reveal_toggled)
        self.copy.clicked.connect(self._on_copy_clicked)

    def show_value(self, value: Any) -> None:
        text = shown_text(value)
        if text != self.edit.text():
            with QSignalBlocker(self.edit):
                self.edit.setText(text)

    def _on_reveal_toggled(self, shown: bool) -> None:
        modes = QLineEdit.EchoMode
        self.edit.setEchoMode(modes.Normal if shown else modes.Password)
        self.reveal.set_icon("eye-off" if shown else "eye", "Hide the secret" if shown else "Show the secret")

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.edit.text())


class ModelField(FieldEditor):
    """The name of a language model: one that is offered, or any other typed in."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QComboBox(self)
        self.box.setEditable(True)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(8)
        no_wheel_focus(self.box)
        for model in offered_models():
            self.box.addItem(model.name)
            words = f"{model.label} ({model.provider})\n{model.help}"
            self.box.setItemData(self.box.count() - 1, tooltip_text(words), Qt.ItemDataRole.ToolTipRole)
        self.box.setCurrentIndex(-1)
        completer = self.box.completer()
        assert completer is not None
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        edit = self.box.lineEdit()
        assert edit is not None
        edit.setPlaceholderText(field.placeholder or "The model chosen in the settings")
        _row(self, self.box)
        self.setFocusProxy(self.box)
        self.watch(self.box)
        edit.installEventFilter(self._undo_filter)
        self.box.editTextChanged.connect(self.tell)

    def show_value(self, value: Any) -> None:
        text = shown_text(value)
        if text != self.box.currentText():
            with QSignalBlocker(self.box):
                self.box.setEditText(text)


def number_in(text: str) -> int | float | str | None:
    """The number in a text: an int where it is one, the text itself where it is none, None where it is empty."""
    text = text.strip()
    if not text:
        return None
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if number - number == 0:  # not infinite, not "not a number"
            return number
    return text


def number_problem(field: Field, value: Any) -> str:
    """Why a value is no number, or none in the field's range; "" when it is one, or a reference to one."""
    if isinstance(value, str) and not references.contains(value):
        return "This must be a number, such as 1500 or 0.7."
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    low, high = field.minimum, field.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        return f"This must be {_range_words(field)}."
    return ""


def _range_words(field: Field) -> str:
    low, high = field.minimum, field.maximum
    if low is not None and high is not None:
        return f"{_words(low)} to {_words(high)}"
    if low is not None:
        return f"{_words(low)} or more"
    return f"{_words(high)} or less" if high is not None else ""


def _words(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


def _row(owner: QWidget, *widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout(owner)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    for widget in widgets:
        layout.addWidget(widget)
    return layout
