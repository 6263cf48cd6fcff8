"""The open workflow, its history, what is selected, what is wrong with it and the run being followed.

This is the only mutable state of the editor, and `edit` is the only way to change the document. Widgets show what the
workspace has and ask for edits; they keep no copy.
"""

from collections.abc import Callable, Iterable
from typing import Concatenate, Final, Literal, ParamSpec

from PySide6.QtCore import QObject, Signal

from editor.workspace.history import History, Step, now_s
from editor.workspace.selection import Selection, selection
from engine import Catalog, Change, EditError, Problem, RunState, Workflow, difference

P = ParamSpec("P")
Home = Literal["file", "server"]
"""Where a document may live. One that is in neither yet counts as one for a file."""
FILE: Final[Home] = "file"
SERVER: Final[Home] = "server"


class Workspace(QObject):
    """One open document.

    Signals:
        workflow_changed(Change): after any edit, undo, redo or reload; carries what differs.
        workflow_replaced(): another document was opened; comes before `workflow_changed`.
        selection_changed(Selection): what is selected changed.
        run_changed(frozenset): ids of the blocks whose run status changed; at most once a frame.
        run_replaced(): another run is followed now, or none.
        problems_changed(): `problems` is another tuple.
        saved_changed(): `is_dirty` may have changed.
        edit_refused(str): an edit was not possible; the sentence says why.
    """

    workflow_changed = Signal(object)
    workflow_replaced = Signal()
    selection_changed = Signal(object)
    run_changed = Signal(object)
    run_replaced = Signal()
    problems_changed = Signal()
    saved_changed = Signal()
    edit_refused = Signal(str)

    def __init__(self, catalog: Catalog, workflow: Workflow | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.catalog = catalog
        self.preparations: list[Callable[[Workflow], None]] = []
        """What widgets do with a large document before it is shown, on a helper thread."""
        self._workflow = workflow or Workflow()
        self._saved: dict[Home, Workflow | None] = {FILE: self._workflow}
        self._history = History()
        self._selection = Selection()
        self._problems: tuple[Problem, ...] = ()
        self._run: RunState | None = None

    # --- the document -------------------------------------------------------------------------------------------

    @property
    def workflow(self) -> Workflow:
        """The document as it is now."""
        return self._workflow

    @property
    def is_dirty(self) -> bool:
        """Whether the document differs from what was saved last, in any place where it lives."""
        return any(saved is not self._workflow for saved in self._saved.values())

    @property
    def undo_label(self) -> str | None:
        """Name of the step that undo takes back, None when there is none."""
        return self._history.undo_label

    @property
    def redo_label(self) -> str | None:
        """Name of the step that redo does again, None when there is none."""
        return self._history.redo_label

    def edit(
        self,
        label: str,
        function: Callable[Concatenate[Workflow, P], Workflow],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> bool:
        """Apply a pure edit as one undoable step named `label`; False when it changes nothing or is refused.

        The function gets the current workflow and these arguments. What it raises as `EditError` is told by
        `edit_refused`.
        """
        return self._apply(label, lambda workflow: function(workflow, *args, **kwargs), None, None)

    def edit_merging(self, merge_key: str, label: str, function: Callable[[Workflow], Workflow]) -> bool:
        """As `edit`, but one step together with the last edit of the same key: for typing and for held arrow keys."""
        return self._apply(label, function, merge_key, None)

    def edit_and_select(self, label: str, function: Callable[[Workflow], Workflow], block_ids: Iterable[str]) -> bool:
        """As `edit`, and these blocks are selected afterwards; undo brings the old selection back."""
        return self._apply(label, function, None, selection(block_ids))

    def end_typing(self) -> None:
        """The next edit starts a step of its own, whatever its merge key."""
        self._history.seal()

    def undo(self) -> None:
        """Take the last step back."""
        step = self._history.undo()
        if step:
            self._show(step.before, step.selection_before, difference(self._workflow, step.before))

    def redo(self) -> None:
        """Do the step again that was undone last."""
        step = self._history.redo()
        if step:
            self._show(step.after, step.selection_after, difference(self._workflow, step.after))

    def prepare(self, workflow: Workflow) -> None:
        """Let widgets get ready for a document that `replace` shows next. Not on the UI thread."""
        for prepare in self.preparations:
            prepare(workflow)

    def replace(self, workflow: Workflow, *, saved: bool = True) -> None:
        """Show another document: history, selection and run go. `saved` says whether it is what is on disk.

        It lives on no server, until whoever opened it says that it does.
        """
        before, self._workflow = self._workflow, workflow
        self._saved = {FILE: workflow if saved else None}
        self._history.clear()
        self._selection = Selection()
        self._problems = ()
        self.set_run(None)
        self.workflow_replaced.emit()
        self.workflow_changed.emit(difference(before, workflow))
        self.selection_changed.emit(self._selection)
        self.problems_changed.emit()
        self.saved_changed.emit()

    def mark_saved(self, workflow: Workflow) -> None:
        """This document, which may be an older one by now, is what is on disk. Later edits stay unsaved."""
        self.set_place(FILE, workflow)

    def mark_unsaved(self) -> None:
        """Nothing on disk holds this document."""
        self.set_place(FILE, None)

    def lives_in(self, home: Home) -> bool:
        """Whether the document lives there."""
        return home in self._saved

    def is_saved_in(self, home: Home) -> bool:
        """Whether the document lives there and is there as it is now."""
        return self._saved.get(home) is self._workflow

    def set_place(self, home: Home, saved: Workflow | None, *, only: bool = False) -> None:
        """The document lives there, and `saved` is what is there; with `only` it lives nowhere else."""
        self._saved = {home: saved} if only else {**self._saved, home: saved}
        self.saved_changed.emit()

    def drop_place(self, home: Home) -> None:
        """The document does not live there any more. One that then lives nowhere is unsaved."""
        if home in self._saved:
            left = {other: saved for other, saved in self._saved.items() if other != home}
            self._saved = left or {FILE: None}
            self.saved_changed.emit()

    # --- selection ----------------------------------------------------------------------------------------------

    @property
    def selection(self) -> Selection:
        """Ids of what is selected."""
        return self._selection

    def select(self, blocks: Iterable[str] = (), edges: Iterable[str] = ()) -> None:
        """Select exactly these; ids that the document does not have are left out."""
        self._set_selection(selection(blocks, edges).within(self._workflow))

    # --- problems and runs --------------------------------------------------------------------------------------

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the document, errors first; a moment behind while somebody types."""
        return self._problems

    def set_problems(self, problems: tuple[Problem, ...]) -> None:
        """Called by the checker when it has looked at the document."""
        if problems != self._problems:
            self._problems = problems
            self.problems_changed.emit()

    @property
    def run(self) -> RunState | None:
        """The run that is shown, live or old; None when there is none."""
        return self._run

    def set_run(self, run: RunState | None) -> None:
        """Show this run."""
        if run is not self._run:
            self._run = run
            self.run_replaced.emit()

    def tell_run_changed(self, block_ids: frozenset[str]) -> None:
        """Called by whoever folds events into `run`."""
        self.run_changed.emit(block_ids)

    # --- inside -------------------------------------------------------------------------------------------------

    def _apply(
        self,
        label: str,
        function: Callable[[Workflow], Workflow],
        merge_key: str | None,
        select: Selection | None,
    ) -> bool:
        before = self._workflow
        try:
            after = function(before)
        except EditError as error:
            self.edit_refused.emit(str(error))
            return False
        change = difference(before, after)
        if change.is_empty:
            return False
        selected = (select or self._selection).within(after)
        self._history.push(Step(label, before, after, self._selection, selected, merge_key, now_s()))
        self._show(after, selected, change)
        return True

    def _show(self, workflow: Workflow, selected: Selection, change: Change) -> None:
        self._workflow = workflow
        self.workflow_changed.emit(change)
        self._set_selection(selected.within(workflow))
        self.saved_changed.emit()

    def _set_selection(self, selected: Selection) -> None:
        if selected != self._selection:
            self._selection = selected
            self.selection_changed.emit(selected)
