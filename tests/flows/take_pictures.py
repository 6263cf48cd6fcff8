"""Makes the pictures of the README from the real window: the summarizer after a run, light.

python tests/flows/take_pictures.py
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE))
TARGET = TREE / "resources" / "help" / "window.png"


async def play(window: object, article: str) -> None:
    """Open the example, splice nothing, run it, show the summary, keep the picture."""
    from editor.window import Window

    assert isinstance(window, Window)
    await window.file_flow.show_first(None)
    workspace = window.workspace
    agent = next(block for block in workspace.workflow.blocks.values() if block.type == "agent")
    ended = asyncio.Event()
    window.runs.finished.connect(lambda _state: ended.set())
    window.runs.start({"text": article})
    await ended.wait()
    workspace.select([agent.id])
    await asyncio.sleep(1.0)  # pulses and glides come to rest
    TARGET.parent.mkdir(exist_ok=True)
    window.grab().save(str(TARGET))
    await asyncio.to_thread(window.runs.close)
    await window.tasks.close()


def main() -> None:
    """Start the window as the program does, with folders of its own, and play."""
    with tempfile.TemporaryDirectory() as folder:
        # A screen in memory, as large as what people have.
        screens = Path(folder) / "screens.json"
        screens.write_text('{"screens": [{"name": "memory", "x": 0, "y": 0, "width": 1920, "height": 1080}]}')
        os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={screens}"
        from editor.app import forbid_unpickling

        forbid_unpickling()
        import qasync
        from PySide6.QtWidgets import QApplication

        from editor.theme import RESOURCES, Theme
        from editor.window import Window
        from editor.workspace.settings import Settings
        from editor.workspace.workspace import Workspace
        from engine import LocalRunner, Workflow, default_catalog

        application = QApplication([])
        loop = qasync.QEventLoop(application)
        asyncio.set_event_loop(loop)
        theme = Theme("light")
        theme.apply(application)
        workspace = Workspace(default_catalog(), Workflow(name="Untitled"))
        window = Window(workspace, theme, Settings(Path(folder) / "settings.json"), LocalRunner(), Path(folder))
        window.show()
        article = (RESOURCES / "examples" / "harbour-article.txt").read_text("utf-8")
        loop.run_until_complete(play(window, article))
    print(TARGET.relative_to(TREE))
    sys.stdout.flush()
    os._exit(0)  # what is left of Qt needs no tidying


if __name__ == "__main__":
    main()
