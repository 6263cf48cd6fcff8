"""The inspector: what is selected, as a form. It shows the document and asks for edits, and keeps nothing itself."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QVBoxLayout, QWidget

from editor.panels.block_form import BlockForm, FoldSection
from editor.panels.forms.base import Completion, EntityLibrary, FormContext
from editor.panels.inputs_section import InputsSection, copy_reference
from editor.panels.inspector_header import BlockHeader
from editor.panels.inspector_pages import EdgePage, ManyPage, UnknownPage, WorkflowPage
from editor.panels.widgets import line
from editor.theme import Theme
from editor.workspace.selection import Selection
from editor.workspace.workspace import Workspace
from engine import Block, BlockType, Change, Workflow, edits, suggestions, wiring

MARGIN = 14


class BlockPanel(Protocol):
    """What stands in the place of a form for blocks of one type."""

    def show_block(self, block: Block) -> None:
        """Show this block."""


class InspectorPanel(QWidget):
    """Shows and edits the one selected block, else an edge, several blocks, or the workflow itself.

    Signals:
        message(str): something to say for a moment, such as how many references a rename updated.
        leave_requested(): Escape was pressed: the canvas shall have the keyboard again.
    """

    message = Signal(str)
    leave_requested = Signal()

    def __init__(
        self,
        workspace: Workspace,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        library: EntityLibrary | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._context = FormContext(theme, self._completions, library)
        self._forms: dict[str, BlockForm] = {}
        self._form: BlockForm | None = None
        self._panels: dict[str, QWidget] = {}
        self.header = BlockHeader(workspace, theme, self)
        self.inputs_fold = FoldSection(theme, "Input", self, is_open=True)
        self.inputs = InputsSection(workspace, theme, self)
        self.inputs_fold.content_layout.addWidget(self.inputs)
        self.unknown = UnknownPage(self)
        self.workflow_page = WorkflowPage(workspace, self._context, self)
        self.edge_page = EdgePage(workspace, self._context, self)
        self.many_page = ManyPage(workspace, self)
        self._inputs_due = QTimer(self)
        self._inputs_due.setSingleShot(True)
        self._inputs_due.timeout.connect(self._refresh_inputs)
        self._build()
        self._connect()
        self.refresh()

    def put_in_place_of_form(self, type_name: str, panel: QWidget) -> None:
        """Show this widget, a `BlockPanel`, for blocks of this type."""
        self._panels[type_name] = panel
        panel.hide()
        self._block_layout.insertWidget(self._block_layout.count() - 1, panel)
        self.refresh()

    @property
    def form(self) -> BlockForm | None:
        """The form that is shown, None when no block of a known type is selected."""
        return self._form

    def focus_first_field(self) -> None:
        """Put the caret into the first field of what is selected."""
        if self._block() is None:
            self.workflow_page.rows["name"].editor.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif self._form is None or not self._form.focus_first():
            self.header.focus_name()

    def refresh(self) -> None:
        """Show what is selected now."""
        workflow, selected = self._workspace.workflow, self._workspace.selection
        block = self._block()
        if block is not None:
            self._show_block(block)
        elif len(selected.edges) == 1 and not selected.blocks:
            self._leave_block()
            self.edge_page.show_edge(workflow, workflow.edges[next(iter(selected.edges))])
            self._show_page(self.edge_page)
        elif selected:
            self._leave_block()
            self.many_page.show_selection(workflow, selected)
            self._show_page(self.many_page)
        else:
            self._leave_block()
            self.workflow_page.show_workflow(workflow)
            self._show_page(self.workflow_page)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.leave_requested.emit()
        else:
            super().keyPressEvent(event)

    # --- inside -------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._block_page = QWidget(self)
        self._block_layout = QVBoxLayout(self._block_page)
        self._block_layout.setContentsMargins(0, 0, 0, 0)
        self._block_layout.setSpacing(12)
        for widget in (self.header, line(self), self.inputs_fold, line(self), self.unknown):
            self._block_layout.addWidget(widget)
        self._block_layout.addStretch(1)
        self._pages = (self.workflow_page, self._block_page, self.edge_page, self.many_page)
        self._page: QWidget = self.workflow_page
        holder = QWidget(self)
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(MARGIN, 10, MARGIN, MARGIN)
        for page in self._pages:  # not a stack: that would keep the room of its highest page
            page.hide()
            inner.addWidget(page)
        self.scroller = QScrollArea(self)
        self.scroller.setWidgetResizable(True)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroller.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.scroller.setWidget(holder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.scroller)

    def _connect(self) -> None:
        workspace = self._workspace
        workspace.workflow_replaced.connect(self._on_workflow_replaced)
        workspace.workflow_changed.connect(self._on_workflow_changed)
        workspace.selection_changed.connect(self._on_selection_changed)
        workspace.problems_changed.connect(self._on_problems_changed)
        workspace.run_changed.connect(self._on_run_changed)
        workspace.run_replaced.connect(self._on_run_replaced)
        self.header.message.connect(self.message)
        self.inputs.chosen.connect(self._on_reference_chosen)
        self.edge_page.block_chosen.connect(self._on_block_chosen)

    def _block(self) -> Block | None:
        return self._workspace.workflow.blocks.get(self._workspace.selection.only_block or "")

    def _show_block(self, block: Block) -> None:
        block_type = self._workspace.catalog.find(block.type)
        self.header.show_block(block, block_type)
        form = self._form_of(block_type) if block_type else None
        if form is not self._form:
            if self._form is not None:
                self._form.hide()
            self._form = form
        self.unknown.setVisible(form is None)
        if form is None:
            self.unknown.show_block(block)
        else:
            form.show_block(block)
            form.show_problems(self._workspace.problems)
            form.setVisible(block.type not in self._panels)
        self._show_panel(block)
        self._inputs_due.start(0)
        self._show_page(self._block_page)

    def _show_panel(self, block: Block) -> None:
        for type_name, panel in self._panels.items():
            panel.setVisible(type_name == block.type)
            if type_name == block.type:
                cast(BlockPanel, panel).show_block(block)

    def _leave_block(self) -> None:
        self.header.commit()
        self._inputs_due.stop()

    def _show_page(self, page: QWidget) -> None:
        if page is not self._page:
            self._page.hide()
            self._page = page
            self.scroller.verticalScrollBar().setValue(0)
        page.show()

    def _form_of(self, block_type: BlockType) -> BlockForm:
        form = self._forms.get(block_type.type)
        if form is None:
            form = BlockForm(block_type, self._context, self._block_page)
            form.edited.connect(self._on_edited)
            form.left.connect(self._workspace.end_typing)
            self._block_layout.insertWidget(self._block_layout.count() - 1, form)
            self._forms[block_type.type] = form
        return form

    def _completions(self) -> Sequence[Completion]:
        block = self._block()
        if block is None:
            return ()
        return suggestions(self._workspace.workflow, self._workspace.catalog, block.id)

    def _refresh_inputs(self) -> None:
        block = self._block()
        if block is None:
            return
        block_type = self._workspace.catalog.find(block.type)
        is_entry = block_type is not None and block_type.trigger is not None
        found = suggestions(self._workspace.workflow, self._workspace.catalog, block.id)
        self.inputs.show_suggestions(found, is_entry=is_entry)

    def _on_edited(self, block_id: str, key: str, value: Any) -> None:
        workflow, catalog = self._workspace.workflow, self._workspace.catalog
        block = workflow.blocks.get(block_id)
        if block is None:
            return
        block_type = catalog.find(block.type)
        field = block_type.field(key) if block_type else None
        older_keys = [older for older in field.older_keys if older in block.config] if field else []
        if value in ("", edits.ABSENT) and key not in block.config and not older_keys:
            return

        def change(current: Workflow) -> Workflow:
            changed = wiring.configure(current, catalog, block_id, key, value)
            # Older keys say the same, so that whoever reads those is not told something else.
            for older in older_keys:
                changed = wiring.configure(changed, catalog, block_id, older, value)
            return changed

        label = f"Change {self._label_of(key)} of {block.label}"
        self._workspace.edit_merging(f"config:{block_id}:{key}", label, change)

    def _label_of(self, key: str) -> str:
        row = self._form.rows.get(key) if self._form else None
        return row.field.label if row else key

    def _on_workflow_replaced(self) -> None:
        for form in self._forms.values():
            form.forget()
        for row in self.workflow_page.rows.values():
            row.forget()

    def _on_workflow_changed(self, change: Change) -> None:
        block = self._block()
        only_moved = not (
            change.blocks_added
            or change.blocks_removed
            or change.blocks_changed
            or change.edges_added
            or change.edges_removed
            or change.edges_changed
            or change.meta
        )
        if only_moved:
            return
        own_typing = (
            block is not None
            and change.blocks_changed == {block.id}
            and not (change.edges_added or change.edges_removed or change.edges_changed or change.meta)
        )
        if own_typing and block is not None and self._form is not None and self._page is self._block_page:
            self.header.show_block(block, self._workspace.catalog.find(block.type))
            self._form.show_block(block)
            self._show_panel(block)
            return
        self.refresh()

    def _on_selection_changed(self, _selected: Selection) -> None:
        focused = QApplication.focusWidget()
        if focused is not None and self.isAncestorOf(focused):
            self._workspace.end_typing()
        self.refresh()

    def _on_problems_changed(self) -> None:
        if self._form is not None and self._block() is not None:
            self._form.show_problems(self._workspace.problems)
        elif self._page is self.edge_page:
            self.refresh()

    def _on_run_changed(self, _block_ids: frozenset[str]) -> None:
        if self.isVisible() and self._page is self._block_page:
            self.inputs.show_values()

    def _on_run_replaced(self) -> None:
        if self._page is self._block_page:
            self.inputs.show_values()

    def _on_reference_chosen(self, reference: str) -> None:
        if self._form is not None and self._form.insert_text(reference):
            return
        copy_reference(reference)
        for row in self.inputs.rows:
            if row.reference == reference:
                row.tell_copied()
        self.message.emit(f"Copied {reference}")

    def _on_block_chosen(self, block_id: str) -> None:
        self._workspace.select([block_id])
