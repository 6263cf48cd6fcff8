"""Which editor a form field gets."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from editor.panels.forms.base import FieldEditor, FormContext
from editor.panels.forms.entity_field import EntityField
from editor.panels.forms.row_fields import BranchesField, PairsField, VariablesField
from editor.panels.forms.schema_field import SchemaField
from editor.panels.forms.simple_fields import ChoiceField, ModelField, NumberField, SecretField, SwitchField
from editor.panels.forms.source_fields import CodeField, JsonField
from editor.panels.forms.text_field import LONG_LINES, TextField
from engine import Expression, ExpressionError, Field

Maker = Callable[[Field, FormContext, QWidget, bool], FieldEditor]


def make_editor(field: Field, context: FormContext, parent: QWidget, *, raw: bool = False) -> FieldEditor:
    """The editor of a field. `raw` fields hold source text, so nothing in them is completed as a reference."""
    return _MAKERS[field.kind](field, context, parent, raw)


def expression_problem(text: str) -> str:
    """Why a condition does not parse, "" when it does."""
    try:
        Expression(text)
    except ExpressionError as error:
        return str(error)
    return ""


def _text(field: Field, context: FormContext, parent: QWidget, raw: bool) -> FieldEditor:
    lines = LONG_LINES if field.kind == "long_text" else (1, 1)
    editor = TextField(context, parent, lines=lines, placeholder=field.placeholder, takes_references=not raw)
    editor.set_read_only(field.read_only)
    return editor


def _number(field: Field, _context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return NumberField(field, parent)


def _choice(field: Field, _context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return ChoiceField(field, parent)


def _switch(field: Field, _context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return SwitchField(field, parent)


def _pairs(_field: Field, context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return PairsField(context, parent)


def _code(field: Field, context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return CodeField(context, field.language, parent, language_key=field.language_key)


def _json(_field: Field, context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return JsonField(context, parent)


def _schema(_field: Field, context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return SchemaField(context, parent)


def _agent(field: Field, context: FormContext, parent: QWidget, raw: bool) -> FieldEditor:
    if context.library is None:
        return _text(field, context, parent, raw)
    return EntityField("agent", context.library, context.theme, parent)


def _orchestration(field: Field, context: FormContext, parent: QWidget, raw: bool) -> FieldEditor:
    if context.library is None:
        return _text(field, context, parent, raw)
    return EntityField("orchestration", context.library, context.theme, parent)


def _secret(field: Field, context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return SecretField(context, field, parent)


def _branches(field: Field, context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return BranchesField(context, field, expression_problem, parent)


def _model(field: Field, _context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return ModelField(field, parent)


def _variables(_field: Field, context: FormContext, parent: QWidget, _raw: bool) -> FieldEditor:
    return VariablesField(context, parent)


_MAKERS: dict[str, Maker] = {
    "text": _text,
    "long_text": _text,
    "number": _number,
    "choice": _choice,
    "switch": _switch,
    "pairs": _pairs,
    "code": _code,
    "json": _json,
    "schema": _schema,
    "agent": _agent,
    "orchestration": _orchestration,
    "secret": _secret,
    "branches": _branches,
    "model": _model,
    "variables": _variables,
}
