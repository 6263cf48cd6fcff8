"""What a frame of the canvas costs: the real canvas in the real window, played with real mouse and wheel events.

    python tests/bench/canvas.py [--blocks 10000] [--frames 60] [--json]

The canvas is 1920x1080 pixels, on a screen that is only memory. A frame is timed from the event that asks for it until
every pixel of the canvas has been painted into the window; `natural` counts what the canvas itself asks to repaint. The
figures stand next to `limit`: a widget of the same size that lays down one finished pixmap.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import qasync
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from editor.canvas.canvas import Canvas
from editor.theme import Theme
from editor.window import Window
from editor.workspace.settings import Settings
from editor.workspace.workspace import Workspace
from engine import Block, Edge, LocalRunner, Workflow, default_catalog

WIDTH, HEIGHT = 1920, 1080
SEED = 7
EDGES_PER_BLOCK = 1.5
STEP_X, STEP_Y = 320, 150
TYPES = ("agent", "code", "condition", "split", "general_api")


def graph(count: int) -> Workflow:
    """Blocks on a jittered grid, each with wires to some that come a little later."""
    chance = random.Random(SEED)
    catalog = default_catalog()
    rows = max(1, round((count * STEP_X / STEP_Y / 1.8) ** 0.5))
    blocks, edges = {}, {}
    for index in range(count):
        block_type = catalog.find(TYPES[chance.randrange(len(TYPES))])
        assert block_type is not None
        x = index // rows * STEP_X + chance.randrange(-24, 24)
        y = index % rows * STEP_Y + chance.randrange(-16, 16)
        blocks[f"b{index}"] = Block(f"b{index}", block_type.type, f"Step {index}", x, y, block_type.new_config())
    while len(edges) < EDGES_PER_BLOCK * (count - rows):
        source = chance.randrange(count - 1)
        target = source + rows + chance.randrange(-3, 4)
        if source < target < count:
            ports = catalog.outputs(blocks[f"b{source}"])
            port = ports[chance.randrange(len(ports))]
            edge = Edge(f"e{len(edges)}", f"b{source}", f"b{target}", port.name or None, None, port.route)
            edges[edge.id] = edge
    return Workflow(name="Bench", blocks=blocks, edges=edges)


class Blit(QWidget):
    """The least a frame can cost."""

    def __init__(self) -> None:
        super().__init__()
        self.resize(WIDTH, HEIGHT)
        self._pixmap = QPixmap(WIDTH, HEIGHT)
        self._pixmap.fill(Qt.GlobalColor.darkBlue)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._pixmap)
        painter.end()


@dataclass
class Figures:
    """Milliseconds of single frames."""

    full: list[float] = field(default_factory=list)
    natural: list[float] = field(default_factory=list)

    def summary(self, limit_ms: float) -> dict[str, float]:
        """Median and 95th percentile of full frames, how often the limit fits into one, and natural frames."""
        median = statistics.median(self.full)
        return {
            "median_ms": round(median, 2),
            "p95_ms": round(sorted(self.full)[int(len(self.full) * 0.95)], 2),
            "ratio": round(median / limit_ms, 1),
            "natural_ms": round(statistics.median(self.natural), 2),
        }


class Player:
    """Plays the canvas and takes the time."""

    def __init__(self, window: Window, frames: int) -> None:
        self.canvas: Canvas = window.canvas
        self.workspace = window.workspace
        self._frames = frames

    async def measure(self, events: Callable[[], Iterator[Callable[[], None]]]) -> Figures:
        """Time `frames` events twice: each with a full repaint, then each with what it asks for itself."""
        figures = Figures()
        for times, is_full in ((figures.full, True), (figures.natural, False)):
            await settle()
            for _, event in zip(range(self._frames), events(), strict=False):
                gc.disable()
                start = time.perf_counter()
                event()
                if is_full:
                    self.canvas.repaint()
                else:
                    QApplication.sendPostedEvents()  # what asked to be repainted is repainted now
                times.append((time.perf_counter() - start) * 1000)
                gc.enable()
        return figures

    def pan(self) -> Iterator[Callable[[], None]]:
        """Scroll slantwise, a long way."""
        while True:
            for dx, dy in ((-40, -24),) * 80 + ((40, 24),) * 80:
                yield lambda dx=dx, dy=dy: self.wheel(dx, dy)

    def zoom(self) -> Iterator[Callable[[], None]]:
        """Zoom in and out around the middle, each time to another scale."""
        while True:
            for delta in (60, 60, 60, -45, -45, -45, -45):
                yield lambda delta=delta: self.wheel(0, delta, Qt.KeyboardModifier.ControlModifier)

    def drag(self, block_id: str) -> Iterator[Callable[[], None]]:
        """Hold a block and move it; it is put back at the end."""
        start = self.place_of(block_id)
        self.mouse(QEvent.Type.MouseButtonPress, start)
        try:
            for step in range(1, 100_000):
                place = start + QPoint(step * 7 % 300, step * 5 % 200)
                yield lambda place=place: self.mouse(QEvent.Type.MouseMove, place)
        finally:
            self.canvas.keyPressEvent(escape())
            self.mouse(QEvent.Type.MouseButtonRelease, start)

    def hover(self) -> Iterator[Callable[[], None]]:
        """Move over the canvas with no button held."""
        for step in range(100_000):
            place = QPoint(40 + step * 53 % (WIDTH - 80), 40 + step * 29 % (HEIGHT - 80))
            yield lambda place=place: self.mouse(QEvent.Type.MouseMove, place, Qt.MouseButton.NoButton)

    def refit(self) -> Iterator[Callable[[], None]]:
        """All blocks in view, painted from nothing."""
        while True:
            yield self.canvas.paint_anew

    def place_of(self, block_id: str) -> QPoint:
        """Where a block's title is in the view."""
        block = self.workspace.workflow.block(block_id)
        return self.canvas.scene_to_view(block.x + 120, block.y + 30)

    def wheel(self, dx: int, dy: int, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Turn the wheel over the middle of the canvas."""
        middle = QPointF(WIDTH / 2, HEIGHT / 2)
        pixels = QPoint() if keys else QPoint(dx, dy)
        none, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
        QApplication.sendEvent(
            self.canvas, QWheelEvent(middle, middle, pixels, QPoint(dx, dy), none, keys, phase, False)
        )

    def mouse(self, kind: QEvent.Type, place: QPoint, held: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        """Press, move or release."""
        button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
        at = QPointF(place)
        none = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(self.canvas, QMouseEvent(kind, at, self.canvas.mapToGlobal(at), button, held, none))


def escape() -> QKeyEvent:
    """The key that gives a drag up."""
    return QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)


async def settle(seconds: float = 0.1) -> None:
    """Let everything that waits be done."""
    gc.collect()
    await asyncio.sleep(seconds)


def resident_kb() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 1024


async def limit_ms(frames: int) -> float:
    """What laying down one finished frame costs."""
    blit = Blit()
    blit.show()
    await settle()
    times = []
    for _ in range(frames):
        start = time.perf_counter()
        blit.repaint()
        times.append((time.perf_counter() - start) * 1000)
    blit.close()
    return statistics.median(times)


async def open_window(folder: Path) -> Window:
    """The editor's own window, its canvas as large as the screen we compare on."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme = Theme("light", application)
    theme.apply(application)
    workspace = Workspace(default_catalog(), Workflow(name="Bench"))
    window = Window(workspace, theme, Settings(), LocalRunner(), folder)
    window.resize(WIDTH, HEIGHT)
    window.show()
    await settle()
    canvas = window.canvas
    window.resize(window.width() + WIDTH - canvas.width(), window.height() + HEIGHT - canvas.height())
    await settle()
    assert (canvas.width(), canvas.height()) == (WIDTH, HEIGHT), canvas.size()
    canvas.animated = False
    return window


async def measure(blocks: int, frames: int, folder: Path) -> dict[str, object]:
    """All figures for a graph of this many blocks."""
    limit = await limit_ms(frames)
    window = await open_window(folder)
    player, canvas = Player(window, frames), window.canvas
    workflow = graph(blocks)
    before_kb = resident_kb()
    start = time.perf_counter()
    window.workspace.replace(workflow)
    build_ms = (time.perf_counter() - start) * 1000
    start = time.perf_counter()
    canvas.repaint()
    first_ms = (time.perf_counter() - start) * 1000
    await settle(3.0 if blocks >= 5000 else 1.0)
    rss = (resident_kb() - before_kb) / max(blocks, 1)
    cases = {}
    canvas.fit()
    cases["fit"] = await player.measure(player.refit)
    cases["fit_pan"] = await player.measure(player.pan)
    middle = list(workflow.blocks)[blocks // 2]
    canvas.zoom_100()
    canvas.center_on(middle)
    cases["pan"] = await player.measure(player.pan)
    canvas.center_on(middle)
    cases["zoom"] = await player.measure(player.zoom)
    canvas.zoom_100()
    canvas.center_on(middle)
    window.workspace.select([middle])
    cases["drag_one"] = await player.measure(lambda: player.drag(middle))
    chosen = list(workflow.blocks)[max(0, blocks // 2 - 500) : blocks // 2 + 500]
    window.workspace.select(chosen)
    cases["drag_1000"] = await player.measure(lambda: player.drag(middle))
    window.workspace.select()
    cases["hover"] = await player.measure(player.hover)
    return {
        "blocks": blocks,
        "edges": len(workflow.edges),
        "limit_ms": round(limit, 2),
        "build_ms": round(build_ms, 1),
        "first_paint_ms": round(first_ms, 1),
        "rss_kb_per_block": round(rss, 2),
        "cases": {name: figures.summary(limit) for name, figures in cases.items()},
    }


def show(result: dict[str, object]) -> None:
    """The figures as a table."""
    for name, value in result.items():
        if name != "cases":
            print(f"{name:18} {value}")
    print(f"\n{'':12}{'median':>8}{'p95':>8}{'natural':>9}   ms{'ratio':>8}")
    for name, case in result["cases"].items():  # type: ignore[attr-defined]
        print(f"{name:12}{case['median_ms']:8}{case['p95_ms']:8}{case['natural_ms']:9}     {case['ratio']:8}")


def main() -> int:
    """Measure and print; the status says whether the targets were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            os.environ[name] = folder
        application = QApplication([])
        loop = qasync.QEventLoop(application)
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(measure(options.blocks, options.frames, Path(folder)))
    print(json.dumps(result)) if options.json else show(result)
    sys.stdout.flush()
    os._exit(0)  # no questions about the unsaved document


if __name__ == "__main__":
    main()
