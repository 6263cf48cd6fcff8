"""What the inspector shows when no single block is selected: the workflow, an edge, several things."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFormLayout, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from editor.panels.forms.base import FormContext
from editor.panels.forms.field_row import FieldRow
from editor.panels.forms.source_fields import JsonField, json_text
from editor.panels.forms.text_field import TextField
from editor.panels.widgets import heading
from editor.text import count_text, plain_label, set_tooltip
from editor.theme import mono_font
from editor.workspace.selection import Selection
from editor.workspace.workspace import Workspace
from engine import Block, Edge, Field, Workflow, edits

_NAME = Field("name", "Name", "text", placeholder="Untitled workflow")
_DESCRIPTION = Field("description", "Description", "long_text", placeholder="What it is for")
_VARIABLES = Field(
    "variables", "Variables", "json", "Values every run starts with. Blocks use them as {{variables.name}}."
)
_CONDITION = Field("condition", "Condition", "text", "The route on which the edge is followed. Empty: always.")
_Apply = Callable[[Workflow, Any], Workflow]


class WorkflowPage(QWidget):
    """The workflow's own name, description and variables."""

    def __init__(self, workspace: Workspace, context: FormContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        self.title = heading("Workflow", self)
        layout.addWidget(self.title)
        name = TextField(context, self, placeholder=_NAME.placeholder, takes_references=False)
        description = TextField(
            context, self, lines=(3, 10), placeholder=_DESCRIPTION.placeholder, takes_references=False
        )
        fields = ((_NAME, name), (_DESCRIPTION, description), (_VARIABLES, JsonField(context, self, only_objects=True)))
        self.rows = {field.key: FieldRow(field, editor, context.theme, self) for field, editor in fields}
        for row in self.rows.values():
            row.edited.connect(self._on_edited)
            row.left.connect(workspace.end_typing)
            layout.addWidget(row)
        self.facts = plain_label("", self, role="muted", wrap=True)
        layout.addWidget(self.facts)
        layout.addStretch(1)

    def show_workflow(self, workflow: Workflow) -> None:
        """Show this workflow."""
        self.rows["name"].show_value(workflow.name)
        self.rows["description"].show_value(workflow.description)
        self.rows["variables"].show_value(workflow.variables or None)
        blocks, wires = len(workflow.blocks), len(workflow.edges)
        self.facts.setText(f"{count_text(blocks, 'block')}, {count_text(wires, 'connection')}")

    def _on_edited(self, key: str, value: Any) -> None:
        label, apply = _WORKFLOW_EDITS[key]
        self._workspace.edit_merging(f"workflow:{key}", label, lambda workflow: apply(workflow, value))


class EdgePage(QWidget):
    """One edge: where it goes, by which ports, and the route it needs.

    Signals:
        block_chosen(str): the id of an end that was clicked.
    """

    block_chosen = Signal(str)

    def __init__(self, workspace: Workspace, context: FormContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._edge_id = ""
        self.source, self.target = self._end_button("From"), self._end_button("To")
        self.source_port, self.target_port = plain_label("", self), plain_label("", self)
        self._ends = form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for words, widget in (
            ("From", self.source),
            ("Output", self.source_port),
            ("To", self.target),
            ("Input", self.target_port),
        ):
            form.addRow(plain_label(words, self, role="muted"), widget)
        editor = TextField(context, self, placeholder="Always", takes_references=False)
        self.condition = FieldRow(_CONDITION, editor, context.theme, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        layout.addWidget(heading("Connection", self))
        layout.addLayout(form)
        layout.addWidget(self.condition)
        layout.addStretch(1)
        self.condition.edited.connect(self._on_edited)
        self.condition.left.connect(workspace.end_typing)

    def show_edge(self, workflow: Workflow, edge: Edge) -> None:
        """Show this edge."""
        self._edge_id = edge.id
        source, target = workflow.blocks.get(edge.source), workflow.blocks.get(edge.target)
        for button, block, block_id in ((self.source, source, edge.source), (self.target, target, edge.target)):
            button.setText(_button_text(block.label if block else f"{block_id} (missing)"))
            button.setEnabled(block is not None)
        self.source_port.setText(self._port_label(source, edge.source_port, outputs=True))
        self.target_port.setText(self._port_label(target, edge.target_port, outputs=False))
        for label in (self.source_port, self.target_port):
            self._ends.setRowVisible(label, bool(label.text()))
        self.condition.show_value(edge.condition)
        problems = [item for item in self._workspace.problems if item.edge_id == edge.id]
        first = problems[0] if problems else None
        self.condition.show_problem(first.message if first else "", first.severity if first else "error")

    def _end_button(self, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("chip", True)
        button.setAccessibleName(f"{words} block")
        set_tooltip(button, "Select this block")
        button.clicked.connect(self._on_end_clicked)
        return button

    def _port_label(self, block: Block | None, port: str, *, outputs: bool) -> str:
        if block is None:
            return port
        catalog = self._workspace.catalog
        ports = catalog.outputs(block) if outputs else catalog.inputs(block)
        found = next((item for item in ports if item.name == port), None)
        if found is None:
            return f"{port or 'without a name'} (not there)"
        return found.label or found.name

    def _on_end_clicked(self) -> None:
        edge = self._workspace.workflow.edges.get(self._edge_id)
        if edge is not None:
            self.block_chosen.emit(edge.source if self.sender() is self.source else edge.target)

    def _on_edited(self, _key: str, value: Any) -> None:
        edge = self._workspace.workflow.edges.get(self._edge_id)
        if edge is not None:
            changed = edge.changed(condition=value or None)
            key = f"edge-condition:{edge.id}"
            self._workspace.edit_merging(
                key, "Change condition", lambda workflow: edits.replace_edge(workflow, edge.id, changed)
            )


class ManyPage(QWidget):
    """Several things are selected: how many, and what can be done with all of them."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.title = plain_label("", self, role="title")
        self.enabled = QCheckBox("On: takes part in runs", self)
        self.enabled.setTristate(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.title)
        layout.addWidget(self.enabled)
        keys = QFormLayout()
        keys.setHorizontalSpacing(14)
        for key, words in _KEYS:
            keys.addRow(plain_label(key, self, role="badge"), plain_label(words, self, role="muted", wrap=True))
        layout.addLayout(keys)
        layout.addStretch(1)
        self.enabled.clicked.connect(self._on_enabled_clicked)

    def show_selection(self, workflow: Workflow, selected: Selection) -> None:
        """Show what is selected."""
        words = []
        if selected.blocks:
            words.append(count_text(len(selected.blocks), "block"))
        if selected.edges:
            words.append(count_text(len(selected.edges), "connection"))
        self.title.setText(f"{' and '.join(words)} selected")
        states = {workflow.blocks[block_id].enabled for block_id in selected.blocks if block_id in workflow.blocks}
        checks = Qt.CheckState
        with QSignalBlocker(self.enabled):
            state = (
                checks.PartiallyChecked if len(states) == 2 else checks.Checked if True in states else checks.Unchecked
            )
            self.enabled.setCheckState(state)
        self.enabled.setVisible(bool(states))

    def _on_enabled_clicked(self) -> None:
        blocks = self._workspace.selection.blocks
        # A partial mark is something to see, not to choose.
        enabled = self.enabled.checkState() != Qt.CheckState.Unchecked
        label = f"{'Enable' if enabled else 'Disable'} {count_text(len(blocks), 'block')}"
        self._workspace.edit(label, edits.set_enabled, blocks, enabled)


class UnknownPage(QWidget):
    """The config of a block of a type that nobody here knows, as it is stored."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.words = plain_label("", self, role="muted", wrap=True)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setFont(mono_font())
        self.text.setAccessibleName("Stored config")
        self.text.setMinimumHeight(160)
        layout.addWidget(self.words)
        layout.addWidget(self.text, 1)

    def show_block(self, block: Block) -> None:
        """Show this block's config."""
        self.words.setText(
            f"No block type here is called “{block.type}”. The block is kept and saved word for word; a run stops "
            "before it. Install the package it comes from, or delete it."
        )
        text = json_text(block.config)
        if text != self.text.toPlainText():
            self.text.setPlainText(text)


_KEYS = (
    ("Del", "delete"),
    ("Ctrl+Del", "delete and join what is left"),
    ("Ctrl+D", "duplicate"),
    ("D", "switch on or off"),
    ("Ctrl+L", "connect two blocks"),
    ("Ctrl+C", "copy"),
)


def _set_variables(workflow: Workflow, value: Any) -> Workflow:
    return edits.set_variables(workflow, value if isinstance(value, dict) else {})


_WORKFLOW_EDITS: dict[str, tuple[str, _Apply]] = {
    "name": ("Name the workflow", edits.set_name),
    "description": ("Describe the workflow", edits.set_description),
    "variables": ("Change variables", _set_variables),
}


def _button_text(name: str) -> str:
    return (name if len(name) <= 28 else f"{name[:27]}…").replace("&", "&&")
