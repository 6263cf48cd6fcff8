"""Lists for people: a table on a terminal, tab-separated lines for other programs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from engine.cli.output import print_result, printable, say


@dataclass(frozen=True)
class Table:
    """Rows of texts under these headings. `empty` is said when there are none, `more` after the last one."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    empty: str = "Nothing found."
    more: str = ""


def print_table(table: Table) -> None:
    """Print the rows."""
    if not table.rows:
        say(table.empty)
        return
    if sys.stdout.isatty():
        _print_rich(table)
    else:
        print_result("\n".join("\t".join(_one_line(cell) for cell in row) for row in table.rows))
    if table.more:
        say(table.more)


def _print_rich(table: Table) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=None, pad_edge=False, header_style="bold")
    for heading in table.headings:
        shown.add_column(heading, overflow="fold")
    for row in table.rows:
        # As text, never as markup: names come from elsewhere.
        shown.add_row(*(Text(printable(_one_line(cell))) for cell in row))
    Console().print(shown)


def _one_line(cell: str) -> str:
    return " ".join(cell.split())
