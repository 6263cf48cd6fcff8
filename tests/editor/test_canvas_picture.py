"""The picture is a function of document, marks, camera and theme: layers show what painting afresh shows."""

import random

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from editor.canvas.canvas import Canvas
from editor.canvas.hits import NOTHING
from editor.canvas.marks import RUNNING
from editor.canvas.picture import render
from engine import Block, Edge, RunState, Workflow, edits
from engine.events import BlockFailed, BlockFinished, BlockStarted, RunStarted
from engine.problem import Problem

NEARLY = 10
"""Levels of 255 by which a pixel may differ: a card that is blended twice is rounded twice."""


def pixels(image):
    """The colours of an image, `(height, width, 4)`."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    data = np.frombuffer(image.constBits(), dtype=np.uint8)
    return data.reshape(image.height(), image.bytesPerLine() // 4, 4)[:, : image.width(), :3].astype(int)


def assert_alike(shown, wanted, most=NEARLY):
    left, right = pixels(shown), pixels(wanted)
    assert left.shape == right.shape
    different = (np.abs(left - right) > most).any(axis=2)
    assert not different.any(), f"{different.sum()} pixels differ, the first at {np.argwhere(different)[0]}"


def shown(canvas):
    QApplication.processEvents()
    return canvas.grab().toImage()


def afresh(canvas):
    return render(canvas.picture())


@pytest.fixture
def crowd(workspace):
    """A hundred blocks of all kinds with wires in every direction."""
    chance = random.Random(3)
    kinds = ("agent", "code", "condition", "split", "response", "unheard of")
    blocks, wires = {}, {}
    for number in range(100):
        config = {"branches": 2} if kinds[number % 6] == "split" else {}
        place = number % 10 * 300 + chance.randrange(40), number // 10 * 170
        blocks[f"b{number}"] = Block(f"b{number}", kinds[number % 6], f"Step {number}", *place, config, number % 7 > 0)
    for number in range(120):
        source, target = chance.sample(list(blocks), 2)
        wires[f"e{number}"] = Edge(f"e{number}", source, target)
    workspace.replace(Workflow(blocks=blocks, edges=wires))
    return workspace


def look_at(canvas, zoom, x=600.0, y=400.0):
    canvas.set_camera(canvas.camera.zoomed(zoom, 0, 0).centered(x, y))
    canvas.set_hover(NOTHING)


@pytest.mark.parametrize("zoom", [0.06, 0.2, 0.4, 1.0, 1.37])
def test_panning_shows_what_painting_afresh_shows(crowd, canvas, zoom):
    """After many small and large pans at every level of detail, no stale strip is left."""
    chance = random.Random(1)
    look_at(canvas, zoom)

    for _ in range(12):
        far = chance.choice([5, 60, 400])
        canvas.set_camera(canvas.camera.panned(chance.randint(-far, far), chance.randint(-far, far)))
        shown(canvas)

    assert_alike(shown(canvas), afresh(canvas))


def test_every_edit_shows_what_painting_afresh_shows(crowd, canvas):
    """Selecting, moving, removing, a run and problems repair the picture where it changed, and everywhere they must."""
    look_at(canvas, 0.7)
    shown(canvas)
    run = RunState()
    steps = [
        lambda: crowd.select(["b22", "b23"]),
        lambda: crowd.select((), ["e4"]),
        lambda: crowd.edit("Move", edits.move_blocks, ["b22"], 64, 32),
        lambda: crowd.edit("Off", edits.set_enabled, ["b23"], False),
        lambda: crowd.edit("Remove", edits.remove, ["b12"]),
        crowd.undo,
        lambda: crowd.set_run(run),
        lambda: tell(crowd, run, RunStarted(seq=1, at=0.0, run_id="r", blocks=tuple(crowd.workflow.blocks))),
        lambda: tell(crowd, run, BlockStarted(seq=2, at=0.0, block_id="b22", inputs=("b11",))),
        lambda: tell(crowd, run, BlockFinished(seq=3, at=0.0, block_id="b22", result={}, duration_ms=320)),
        lambda: tell(crowd, run, BlockFailed(seq=4, at=0.0, block_id="b23", error="no")),
        lambda: crowd.set_problems((Problem("x", "error", "wrong", block_id="b13"),)),
        lambda: crowd.select(list(crowd.workflow.blocks)),
        lambda: crowd.select(),
    ]

    for step in steps:
        step()
        if not (canvas.marks.status == RUNNING).any():  # running rings turn
            assert_alike(shown(canvas), afresh(canvas))


def tell(workspace, run, event):
    workspace.tell_run_changed(run.fold(event))


def test_a_pan_moves_every_pixel_by_the_same_way(workspace, canvas):
    """What was seen is seen again so many pixels further, exactly."""
    look_at(canvas, 0.83, 300, 60)
    canvas.set_camera(canvas.camera.panned(3, 2))
    before = pixels(shown(canvas))

    canvas.set_camera(canvas.camera.panned(-37, -21))

    after = pixels(shown(canvas))
    assert np.array_equal(after[:-21, :-37], before[21:, 37:])


@pytest.mark.parametrize("zoom", [0.1, 0.5, 1.0])
def test_many_dragged_blocks_look_as_if_they_were_there(crowd, canvas, hand, zoom):
    """While a crowd is dragged one sees what one gets."""
    look_at(canvas, zoom)
    canvas.set_snap(False)
    crowd.select([f"b{number}" for number in range(40)])
    hand.press("b22").move(180, 100).move(-60, 30)
    dragged = shown(canvas)

    hand.release()
    look_at(canvas, zoom)

    # Rounded on the way: a card may stand one pixel beside where it comes to rest.
    ours, theirs = pixels(dragged), pixels(shown(canvas))
    assert (np.abs(ours - theirs).max(axis=2) > 60).mean() < 0.02


def test_a_drag_leaves_no_trace_when_it_is_given_up(crowd, canvas, hand):
    """After Escape the picture is that of before, pixel by pixel."""
    look_at(canvas, 1.0)
    crowd.select([f"b{number}" for number in range(40)])
    before = shown(canvas)

    hand.press("b22").move(120, 60).key(Qt.Key.Key_Escape).release()
    look_at(canvas, 1.0)

    assert_alike(shown(canvas), before)


def test_an_image_has_the_asked_for_sharpness(workspace, canvas):
    """Exports at twice the size have twice the pixels and show all blocks."""
    once, twice = canvas.render_document(1.0), canvas.render_document(2.0)

    assert (twice.width(), twice.height()) == (2 * once.width(), 2 * once.height())
    assert twice.devicePixelRatio() == 2.0
    bounds = canvas.columns.bounds()
    assert once.width() >= bounds.width


def test_painting_needs_no_window(workspace, theme, qapp):
    """The same code makes an image of a canvas that was never shown, such as for exports."""
    unseen = Canvas(workspace, theme)

    image = unseen.render_document(1.0)

    assert len(np.unique(pixels(image).reshape(-1, 3), axis=0)) > 20


def test_the_other_theme_paints_in_its_colours(workspace, canvas, theme):
    """Changing the theme repaints the canvas at once."""
    light = shown(canvas).pixelColor(QPoint(3, 590))

    theme.choose("dark")

    dark = shown(canvas).pixelColor(QPoint(3, 590))
    assert light.lightness() > 200
    assert dark.lightness() < 50


def test_states_differ_in_more_than_colour(workspace, canvas):
    """Every run state paints another shape: without colours the cards still differ from each other."""
    run = RunState()
    workspace.set_run(run)
    cards = []
    for event in (
        RunStarted(seq=1, at=0.0, run_id="r", blocks=("start",)),
        BlockFinished(seq=2, at=0.0, block_id="start", result={}, duration_ms=320),
        BlockFailed(seq=3, at=0.0, block_id="start", error="no"),
    ):
        tell(workspace, run, event)
        canvas.set_hover(NOTHING)
        corner = canvas.scene_to_view(0, 0)
        card = shown(canvas).copy(corner.x() + 100, corner.y() + 30, 135, 24)
        cards.append(pixels(card.convertToFormat(QImage.Format.Format_Grayscale8)) < 170)

    for index, card in enumerate(cards):
        assert all((card != other).any() for other in cards[index + 1 :])
