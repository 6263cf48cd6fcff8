"""Fields of source text: code, and JSON that is read while it is typed."""

import json
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from editor.panels.forms.base import FieldEditor, FormContext
from editor.panels.forms.code_edit import CodeEdit
from editor.panels.forms.completion import CompletionPopup
from engine import JsonObject, edits, references

JSON_LINES = (3, 20)


class CodeField(FieldEditor):
    """Source text, never resolved. Its language is that of the config key `language_key`, where there is one."""

    def __init__(
        self, context: FormContext, language: str, parent: QWidget | None = None, *, language_key: str = ""
    ) -> None:
        super().__init__(parent)
        self._language = language
        self._language_key = language_key
        self.edit = CodeEdit(context.theme, language, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.edit)
        self.setFocusProxy(self.edit)
        self.edit.text_edited.connect(self.tell)
        self.edit.left.connect(self.left)

    def show_beside(self, config: JsonObject) -> None:
        chosen = config.get(self._language_key)
        self.edit.highlighter.set_language(chosen if isinstance(chosen, str) and chosen else self._language)

    def show_value(self, value: Any) -> None:
        self.edit.show_text(value if isinstance(value, str) else references.text_of(value) if value else "")

    def insert_text(self, text: str) -> bool:
        found = references.find(text)
        if self.edit.isReadOnly() or not found or found[0].kind != "block":
            return False
        self.edit.insertPlainText(code_of(found[0]))
        self.edit.setFocus()
        return True


class JsonField(FieldEditor):
    """Any JSON value as text. What cannot be read stays in the field, with line and column, and is not stored.

    A text that is no JSON but begins like a reference is stored as text, since it becomes a value when it is resolved.
    An empty field takes the key away.
    """

    def __init__(self, context: FormContext, parent: QWidget | None = None, *, only_objects: bool = False) -> None:
        super().__init__(parent)
        self._only_objects = only_objects
        self._value: Any = None
        self.edit = CodeEdit(context.theme, "json", self, lines=JSON_LINES, with_references=True)
        self.popup = CompletionPopup(self.edit, context)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.edit)
        self.setFocusProxy(self.edit)
        self.edit.text_edited.connect(self._on_text_edited)
        self.edit.left.connect(self.left)

    def show_value(self, value: Any) -> None:
        typed, problem, _ = read_json(self.edit.toPlainText(), only_objects=self._only_objects)
        if problem and value == self._value:
            return  # the document has not changed: what is being typed stays
        self._value = value
        if problem or typed != value or type(typed) is not type(value):
            self.edit.show_text(json_text(value))
            self._tell("", None)

    def forget(self) -> None:
        self.edit.show_text("")
        self._value = None
        self._tell("", None)

    def insert_text(self, text: str) -> bool:
        self.edit.insertPlainText(text)
        self.edit.setFocus()
        return True

    def _on_text_edited(self, text: str) -> None:
        value, problem, line = read_json(text, only_objects=self._only_objects)
        self._tell(problem, line)
        if not problem:
            self._value = None if value is edits.ABSENT else value
            self.edited.emit(value)

    def _tell(self, problem: str, line: int | None) -> None:
        self.edit.set_problem_line(line)
        self._set_own_problem(problem)


def json_text(value: Any) -> str:
    """A value as a JSON field shows it: indented, nothing for null, a reference without quotes."""
    if value is None:
        return ""
    if isinstance(value, str) and is_whole_reference(value):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)


def read_json(text: str, *, only_objects: bool = False) -> tuple[Any, str, int | None]:
    """The value in a JSON field's text, or why there is none and in which line."""
    if not text.strip():
        return edits.ABSENT, "", None
    if not only_objects and is_whole_reference(text.strip()):
        return text.strip(), "", None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return None, f"Line {error.lineno}, column {error.colno}: {_words(error.msg)}", error.lineno
    except RecursionError:
        return None, "This is nested too deeply. Keep it below some hundred levels.", None
    except ValueError as error:
        return None, str(error), None
    if only_objects and not isinstance(value, dict):
        return None, 'This must be an object in braces, such as {"name": "value"}.', 1
    return value, "", None


def is_whole_reference(text: str) -> bool:
    """Whether the text is one reference and nothing else."""
    found = references.find(text)
    return len(found) == 1 and found[0].text == text


def _words(message: str) -> str:
    """The parser's message as a sentence that says what would be right."""
    known = {
        "Expecting value": "a value is missing here: text in double quotes, a number, true, false, null, { or [.",
        "Expecting ',' delimiter": "a comma is missing before this.",
        "Expecting ':' delimiter": "a colon is missing after the key.",
        "Expecting property name enclosed in double quotes": "a key in double quotes is missing here.",
        "Illegal trailing comma before end of object": "take away the comma after the last entry.",
        "Illegal trailing comma before end of array": "take away the comma after the last entry.",
        "Extra data": "there is more text after the end of the value.",
        "Unterminated string starting at": "this text has no closing quote.",
        "Invalid control character at": "a line break cannot stand in quotes; write \\n instead.",
    }
    return known.get(message, f"{message}.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON. Use null or a number.")


def code_of(reference: references.Reference) -> str:
    """How code gets at what the reference stands for: code is never resolved, it has all results in `input_data`.

    Python and JavaScript spell it alike.
    """
    keys = (reference.name, *reference.keys)
    return "input_data" + "".join(f"[{json.dumps(key, ensure_ascii=False)}]" for key in keys)
