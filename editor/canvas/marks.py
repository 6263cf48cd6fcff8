"""What the canvas shows beside the document: selection, run states and problems, as columns by the same rows."""

from collections.abc import Collection, Iterable

import numpy as np

from editor.canvas.columns import Columns
from editor.canvas.geometry import Mask, Rows
from editor.text import duration_text, one_line
from editor.workspace.selection import Selection
from engine import BlockRun, Problem, RunState

NONE, WAITING, RUNNING, DONE, FAILED, SKIPPED = range(6)
_CODES = {"waiting": WAITING, "running": RUNNING, "done": DONE, "failed": FAILED, "skipped": SKIPPED}
STATUS_ICONS = {
    WAITING: "clock",
    RUNNING: "loader-circle",
    DONE: "circle-check",
    FAILED: "circle-x",
    SKIPPED: "minus",
}
PREVIEW_CHARS = 120


class Marks:
    """`selected`, `status`, `errors`, `warnings` by block; `edge_selected`, `edge_fired`, `edge_errors` by edge.

    `status` holds the codes of this module. `texts` and `previews` hold the words of those rows that have any.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.resize()

    def resize(self) -> None:
        """Start over after rows of the columns changed; whoever calls then sets everything anew."""
        blocks, edges = len(self._columns), len(self._columns.edge_ids)
        self.selected = np.zeros(blocks, dtype=np.bool_)
        self.status = np.zeros(blocks, dtype=np.uint8)
        self.errors = np.zeros(blocks, dtype=np.int32)
        self.warnings = np.zeros(blocks, dtype=np.int32)
        self.edge_selected = np.zeros(edges, dtype=np.bool_)
        self.edge_fired: Mask = np.zeros(edges, dtype=np.bool_)
        self.edge_errors = np.zeros(edges, dtype=np.bool_)
        self.texts: dict[int, str] = {}
        self.previews: dict[int, str] = {}
        self.problem_texts: dict[int, str] = {}

    def set_selection(self, selection: Selection) -> None:
        """Take over what is selected."""
        self.selected[:] = False
        self.selected[self._columns.rows(selection.blocks)] = True
        self.edge_selected[:] = False
        self.edge_selected[self._columns.edge_rows(selection.edges)] = True

    def set_problems(self, problems: Iterable[Problem]) -> None:
        """Take over what is wrong with which block and edge."""
        self.errors[:], self.warnings[:], self.edge_errors[:] = 0, 0, False
        self.problem_texts = {}
        for problem in problems:
            row = self._columns.row_of.get(problem.block_id or "")
            edge_row = self._columns.edge_row_of.get(problem.edge_id or "")
            if edge_row is not None and problem.severity == "error":
                self.edge_errors[edge_row] = True
            if row is None or problem.severity == "info":
                continue
            counts = self.errors if problem.severity == "error" else self.warnings
            counts[row] += 1
            known = self.problem_texts.get(row)
            self.problem_texts[row] = f"{known}\n{problem.message}" if known else problem.message

    def set_run(self, run: RunState | None) -> None:
        """Take over all states of a run, or of none."""
        self.status[:], self.edge_fired[:] = NONE, False
        self.texts, self.previews = {}, {}
        if run is not None:
            self.update_run(run, run.blocks)

    def update_run(self, run: RunState, block_ids: Collection[str]) -> None:
        """Take over the states of these blocks."""
        for block_id in block_ids:
            row, block_run = self._columns.row_of.get(block_id), run.blocks.get(block_id)
            if row is None or block_run is None:
                continue
            # A run that is over leaves nothing waiting or running.
            is_left = run.is_finished and block_run.status in ("waiting", "running")
            # A block that reports an error is no success, though its followers go on.
            has_error = block_run.status == "done" and block_run.error is not None
            self.status[row] = NONE if is_left else FAILED if has_error else _CODES[block_run.status]
            self.texts[row] = "" if is_left else status_text(block_run)
            self._set_preview(row, block_run)
        self._follow_edges(run, self._columns.rows(block_ids))

    def _set_preview(self, row: int, block_run: BlockRun) -> None:
        text = block_run.text or block_run.printed
        if block_run.status == "running" and text:
            self.previews[row] = one_line(text[-400:].rstrip().rpartition("\n")[2], PREVIEW_CHARS)
        else:
            self.previews.pop(row, None)

    def _follow_edges(self, run: RunState, rows: Rows) -> None:
        """A wire has fired when its target began with its source among the inputs."""
        columns = self._columns
        touched = columns.edges_of(rows)
        began = np.isin(self.status, (RUNNING, DONE, FAILED))
        self.edge_fired[touched] = False
        for edge_row in touched[began[columns.source[touched]] & began[columns.target[touched]]].tolist():
            target = run.blocks.get(columns.ids[columns.target[edge_row]])
            self.edge_fired[edge_row] = bool(target and columns.ids[columns.source[edge_row]] in target.inputs)


def status_text(run: BlockRun) -> str:
    """The words beside a status icon."""
    if run.status == "done":
        return duration_text(run.duration_ms) if not run.error else "reported an error"
    if run.status == "running":
        return "running" if run.attempt < 2 else f"try {run.attempt}"
    return {"waiting": "waiting", "failed": "failed", "skipped": "skipped"}[run.status]
