"""Starts the editor: event loop, settings, theme, services and the window. The only place that wires them together."""

import asyncio
import io
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

EMPTY = "--empty"
"""Begin with an empty workflow, so that a second window does not open the file of the first again."""


def forbid_unpickling() -> None:
    """No data from outside is ever turned into objects: `pickle.loads` refuses whatever would need a class.

    Must run before PySide6 is imported. We use no pickles ourselves: the engine's workers talk JSON.
    """

    class Refusing(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> NoReturn:
            raise pickle.UnpicklingError(f"{module}.{name} is not loaded from data")

    def loads(data: bytes, /, **options: Any) -> Any:
        return Refusing(io.BytesIO(data), **options).load()

    pickle.loads = loads  # type: ignore[assignment]


def main(arguments: Sequence[str] = ()) -> int:
    """Open the editor, with the file that is named first in the arguments if any; returns the exit status."""
    forbid_unpickling()
    from PySide6.QtWidgets import QApplication

    from editor.reporter import catch_unexpected, start_log

    start_log()
    catch_unexpected()
    application = QApplication([sys.argv[0], *arguments])
    application.setApplicationName("blockloom")
    application.setApplicationDisplayName("Blockloom")
    application.setDesktopFileName("blockloom")
    # The loop ends when the window has put everything away, not when Qt sees the last window go.
    application.setQuitOnLastWindowClosed(False)
    starts_empty = EMPTY in arguments
    path = Path(arguments[0]) if arguments and not starts_empty else None
    return _run(application, path, starts_empty=starts_empty)


def _run(application: Any, path: Path | None, *, starts_empty: bool) -> int:
    import qasync

    from editor.collector import Collector
    from editor.theme import Theme
    from editor.window import Window
    from editor.workspace.journal import journal_folder
    from editor.workspace.settings import Settings
    from editor.workspace.workspace import Workspace
    from engine import LocalRunner, Workflow, default_catalog

    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    settings = Settings()
    theme = Theme(_theme_choice(settings.get("theme", "system")), application)
    theme.apply(application)
    application.setWindowIcon(theme.icon("workflow", theme.colors.accent))
    workspace = Workspace(default_catalog(), Workflow(name="Untitled"))
    window = Window(workspace, theme, settings, LocalRunner(), journal_folder())
    Collector(application)
    ended = asyncio.Event()
    window.closed.connect(ended.set)
    window.show()
    with loop:
        loop.run_until_complete(_live(window, path, ended, starts_empty=starts_empty))
    return 0


async def _live(window: Any, path: Path | None, ended: asyncio.Event, *, starts_empty: bool) -> None:
    if not starts_empty:
        window.tasks.start("first", window.file_flow.show_first, path)
    await ended.wait()
    await window.tasks.close()


def _theme_choice(text: str) -> Any:
    return text if text in ("system", "light", "dark") else "system"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
