"""The canvas' geometry on plain numbers: the camera, wires, what lies under a point, the grid, and arrow keys."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from editor.canvas.camera import MAX_ZOOM, MIN_ZOOM, Camera, next_step
from editor.canvas.cards import WIDTH
from editor.canvas.columns import Columns
from editor.canvas.geometry import (
    GRID,
    Ends,
    Rect,
    backward_chains,
    forward_chains,
    goes_back,
    nearest_in_direction,
    sample,
    snapped,
    wire_boxes,
)
from editor.canvas.hits import hit
from editor.canvas.walking import step_from
from engine import Block, Edge, Workflow, default_catalog, edits

VIEW = (900, 600)
PORT_REACH = 24
RIGHT, LEFT, DOWN, UP = (1, 0), (-1, 0), (0, 1), (0, -1)
zooms = st.floats(MIN_ZOOM, MAX_ZOOM)
ratios = st.sampled_from([1.0, 1.25, 1.5, 2.0, 3.0])
origins = st.integers(-100_000, 100_000)
cameras = st.builds(Camera, zooms, ratios, origins, origins, st.just(VIEW[0]), st.just(VIEW[1]))
view_points = st.tuples(st.floats(0, VIEW[0]), st.floats(0, VIEW[1]))
lengths = st.floats(-5_000, 5_000)
heights = st.floats(60, 400)
parts = st.floats(0.05, 0.95)


class TestCamera:
    @given(cameras, zooms, view_points)
    def test_zooming_keeps_the_point_under_the_cursor(self, camera, zoom, at):
        """The scene point under the pointer is within a pixel of it afterwards."""
        point = camera.to_scene(*at)

        x, y = camera.zoomed(zoom, *at).to_view(*point)

        assert abs(x - at[0]) <= 1
        assert abs(y - at[1]) <= 1

    @given(cameras, st.floats(-500, 500), st.floats(-500, 500), st.lists(st.tuples(lengths, lengths), min_size=2))
    def test_panning_moves_every_point_by_the_same_whole_pixels(self, camera, dx, dy, points):
        """No point shifts against another, so a pan can copy what was painted."""
        panned = camera.panned(dx, dy)

        shifts = set()
        for point in points:
            (old_x, old_y), (new_x, new_y) = camera.device(*point), panned.device(*point)
            shifts.add((new_x - old_x, new_y - old_y))

        assert shifts == {(round(dx * camera.ratio), round(dy * camera.ratio))}
        assert panned.zoom == camera.zoom

    @given(cameras, lengths, lengths, st.floats(0, 14_000), st.floats(0, 9_000))
    def test_fitting_shows_all_and_never_enlarges(self, camera, left, top, width, height):
        """Everything is in view, in the middle, at 100 % at most."""
        rect = Rect(left, top, left + width, top + height)

        fitted = camera.fitted(rect)

        shown, pixel = fitted.shown(), 1 / fitted.scale
        assert MIN_ZOOM <= fitted.zoom <= 1.0
        assert shown.left - pixel <= rect.left <= rect.right <= shown.right + pixel
        assert shown.top - pixel <= rect.top <= rect.bottom <= shown.bottom + pixel
        assert (shown.left + shown.right) / 2 == pytest.approx((rect.left + rect.right) / 2, abs=pixel)
        assert (shown.top + shown.bottom) / 2 == pytest.approx((rect.top + rect.bottom) / 2, abs=pixel)

    def test_fitting_what_is_too_large_stops_at_the_limit(self):
        """A graph that does not fit at 5 % is shown at 5 %, its middle in the middle."""
        fitted = Camera(1.0, 1.0, 0, 0, *VIEW).fitted(Rect(0, 0, 1e6, 1e6))

        assert fitted.zoom == MIN_ZOOM
        assert fitted.to_scene(VIEW[0] / 2, VIEW[1] / 2) == pytest.approx((5e5, 5e5), abs=1 / MIN_ZOOM)

    @pytest.mark.parametrize(("wanted", "zoom"), [(0.0, 0.05), (0.049, 0.05), (0.05, 0.05), (4, 4.0), (1e9, 4.0)])
    def test_zoom_has_limits(self, wanted, zoom):
        """Nothing goes below 5 % or above 400 %."""
        assert Camera(1.0, 1.0, 0, 0, *VIEW).zoomed(wanted, 10, 10).zoom == zoom

    @given(zooms)
    def test_key_steps_reach_both_limits(self, zoom):
        """Each step goes on in its direction until there is no further."""
        for direction, limit in ((1, MAX_ZOOM), (-1, MIN_ZOOM)):
            at = zoom
            for _ in range(12):
                following = next_step(at, direction)
                assert (following - at) * direction > 0 or following == limit
                at = following
            assert at == limit

    @given(cameras, ratios)
    def test_another_screen_shows_the_same_corner(self, camera, ratio):
        """Dragged to a screen of another pixel ratio, the scene point in the corner stays."""
        moved = camera.resized(camera.width, camera.height, ratio)

        assert moved.to_scene(0, 0) == pytest.approx(camera.to_scene(0, 0), abs=1 / moved.scale)
        assert moved.zoom == camera.zoom


def ends_between(source, target, source_part=0.5, target_part=0.5):
    """A wire between two cards, `Rect`s, that leaves and arrives this far down their sides."""
    numbers = (
        source.right,
        source.top + source.height * source_part,
        target.left,
        target.top + target.height * target_part,
        source.top,
        source.bottom,
        target.top,
        target.bottom,
    )
    return Ends(*(np.array([number], dtype=np.float64) for number in numbers))


def card(x, y, height):
    return Rect(x, y, x + WIDTH, y + height)


def points_of(ends):
    chains = backward_chains(ends) if goes_back(ends)[0] else forward_chains(ends)
    return sample(chains, 24)[0]


cards = st.builds(card, lengths, lengths, heights)
wires = st.builds(ends_between, cards, cards, parts, parts)


@st.composite
def cards_against_the_flow(draw):
    """Two cards whose wire goes back: the target lies left of the source, or with room above or below it."""
    source = draw(cards)
    height, gap, aside = draw(heights), draw(st.floats(33, 2_000)), draw(st.floats(-1_500, 15))
    where = draw(st.sampled_from(["left", "above", "below"]))
    if where == "left":
        return source, card(source.left - gap - WIDTH, draw(lengths), height)
    y = source.top - gap - height if where == "above" else source.bottom + gap
    return source, card(source.right + aside, y, height)


class TestWires:
    @given(wires)
    def test_a_wire_joins_its_ends(self, ends):
        """Every point is a number, the first is where it leaves and the last where it arrives."""
        points = points_of(ends)

        assert np.isfinite(points).all()
        assert points[0] == pytest.approx((ends.source_x[0], ends.source_y[0]))
        assert points[-1] == pytest.approx((ends.target_x[0], ends.target_y[0]))

    @given(wires)
    def test_a_wire_stays_in_its_box(self, ends):
        """What is repainted for a wire, and searched for it, holds all of it."""
        (left, top, right, bottom), points = wire_boxes(ends)[0], points_of(ends)

        assert points[:, 0].min() >= left - 1e-6
        assert points[:, 0].max() <= right + 1e-6
        assert points[:, 1].min() >= top - 1e-6
        assert points[:, 1].max() <= bottom + 1e-6

    @given(cards_against_the_flow(), parts, parts)
    def test_a_wire_against_the_flow_goes_around_its_blocks(self, pair, source_part, target_part):
        """It crosses neither the card that it leaves nor the one where it arrives."""
        ends = ends_between(*pair, source_part, target_part)
        points = points_of(ends)

        assert goes_back(ends)[0]
        for block in pair:
            x, y = points[:, 0], points[:, 1]
            within = (x > block.left + 1) & (x < block.right - 1) & (y > block.top + 1) & (y < block.bottom - 1)
            assert not within.any()

    @given(st.floats(-5_000, 5_000), st.floats(-300, 300), parts, parts)
    def test_a_wire_along_the_flow_leaves_and_arrives_rightwards(self, x, y, source_part, target_part):
        """At both ends a wire points to the right, wherever its blocks are."""
        ends = ends_between(card(0, 0, 100), card(x, y, 100), source_part, target_part)
        points = points_of(ends)

        assert points[1, 0] > points[0, 0]
        assert points[-1, 0] > points[-2, 0]

    def test_no_wires_are_no_trouble(self):
        """The functions take empty arrays: a graph of loose blocks has no wires."""
        none = Ends(*(np.empty(0) for _ in Ends._fields))

        assert forward_chains(none).shape[0] == backward_chains(none).shape[0] == 0
        assert wire_boxes(none).shape == (0, 4)


def graph(*blocks, edges=()):
    """A workflow of code blocks from `(id, x, y)`, or of whole `Block`s, with wires from pairs of ids."""
    made = [item if isinstance(item, Block) else Block(item[0], "code", item[0], item[1], item[2]) for item in blocks]
    wires = [Edge(f"{source}>{target}", source, target) for source, target in edges]
    return Workflow(blocks={item.id: item for item in made}, edges={item.id: item for item in wires})


def columns_of(workflow):
    return Columns(workflow, default_catalog())


class TestHits:
    ASK = Block("ask", "condition", "Ask", 0, 0, {"branches": [{"expression": "1"}, {"expression": "2"}]})

    @given(st.floats(1, 60), st.floats(0, 200), st.floats(0.35, 4))
    @example(1.0, 100.0, 1.0)
    def test_the_nearest_port_in_reach_wins(self, beside, y, zoom):
        """Beside a card a port is caught from 24 pixels away, and never one that is farther than another."""
        columns = columns_of(graph(self.ASK))
        x, reach = WIDTH + beside, min(PORT_REACH, PORT_REACH / zoom)
        outputs = {port: columns.anchor(0, "out", port) for port in ("if", "elif_1", "else")}
        away = {port: float(np.hypot(px - x, py - y)) for port, (px, py) in outputs.items()}
        nearest = min(away.values())

        found = hit(columns, x, y, zoom)

        if nearest <= reach:
            assert (found.kind, found.side) == ("port", "out")
            assert away[found.port] == nearest
        else:
            assert found.kind == "empty"

    def test_between_two_blocks_the_nearer_port_wins(self):
        """Where the reach of an output and an input overlap, the nearer one is taken."""
        columns = columns_of(graph(("a", 0, 0), ("b", WIDTH + 30, 0)))

        left, right = hit(columns, WIDTH + 12, 30, 1.0), hit(columns, WIDTH + 18, 30, 1.0)

        assert (left.block_id, left.side) == ("a", "out")
        assert (right.block_id, right.side) == ("b", "in")

    def test_a_port_under_another_card_is_not_caught(self):
        """What is covered cannot be taken hold of."""
        columns = columns_of(graph(("under", 0, 0), ("over", 200, -20)))

        found = hit(columns, WIDTH, 30, 1.0)

        assert (found.kind, found.block_id) == ("block", "over")

    def test_a_block_lies_over_a_wire(self):
        """A wire behind a card is not what a click there means."""
        columns = columns_of(graph(("a", 0, 0), ("mid", 400, 0), ("b", 800, 0), edges=[("a", "b")]))

        assert hit(columns, 520, 30, 1.0).block_id == "mid"
        assert hit(columns, 340, 30, 1.0).edge_id == "a>b"

    def test_the_topmost_block_wins(self):
        """Of two cards over each other the one drawn last is hit, and after it went back the other."""
        workflow = graph(("a", 0, 0), ("b", 60, 20))

        assert hit(columns_of(workflow), 120, 45, 1.0).block_id == "b"
        assert hit(columns_of(edits.bring_to_front(workflow, ["a"])), 120, 45, 1.0).block_id == "a"

    def test_a_wire_is_caught_from_seven_pixels(self):
        """However far the view is, the reach is on the screen; near an end the hit says which."""
        columns = columns_of(graph(("a", 0, 0), ("b", 800, 0), edges=[("a", "b")]))

        assert hit(columns, 520, 36, 1.0).edge_id == "a>b"
        assert hit(columns, 520, 38, 1.0).kind == "empty"
        assert hit(columns, 520, 42, 0.5).edge_id == "a>b"
        assert [hit(columns, x, 30, 1.0).side for x in (280, 520, 760)] == ["out", None, "in"]

    def test_far_away_there_are_no_ports(self):
        """Where ports are too small to see, a press on one means its block, or nothing."""
        columns = columns_of(graph(("a", 0, 0)))

        assert hit(columns, WIDTH - 1, 30, MIN_ZOOM).kind == "block"
        assert hit(columns, WIDTH + 5, 30, MIN_ZOOM).kind == "empty"

    def test_nothing_is_under_any_point_of_an_empty_document(self):
        """No blocks, no trouble."""
        assert hit(columns_of(Workflow()), 0, 0, 1.0).kind == "empty"


class TestSnapping:
    @given(st.floats(-1e6, 1e6))
    def test_snapping_goes_to_the_nearest_line(self, value):
        """The result is on the grid, at most half of it away, and stays there."""
        found = snapped(value)

        assert found % GRID == 0
        assert abs(found - value) <= GRID / 2
        assert snapped(found) == found

    @given(st.integers(-1_000, 1_000))
    def test_halves_go_up_everywhere(self, line):
        """Left of the origin as right of it, so that equal steps stay equal."""
        assert snapped(line * GRID + GRID / 2) == (line + 1) * GRID


class TestWalking:
    def walk(self, workflow, start, *directions):
        """The blocks that these arrows lead to, one after another."""
        columns, found = columns_of(workflow), []
        for direction in directions:
            start = step_from(workflow, columns, start, direction)
            found.append(start)
        return found

    def test_right_and_left_follow_the_flow(self):
        """Also where the next block lies to the left, and another one nearer to the right."""
        workflow = graph(("a", 0, 0), ("b", -300, 200), ("near", 300, 0), edges=[("a", "b")])

        assert self.walk(workflow, "a", RIGHT, LEFT) == ["b", "a"]

    def test_of_several_wires_the_straightest_is_taken(self):
        """Where the flow parts, right leads to the block that is most level."""
        workflow = graph(
            ("a", 0, 0),
            ("up", 300, -200),
            ("level", 300, 30),
            ("down", 300, 200),
            edges=[("a", "up"), ("a", "level"), ("a", "down")],
        )

        assert self.walk(workflow, "a", RIGHT) == ["level"]

    def test_up_and_down_go_through_siblings(self):
        """Blocks after the same block are passed in the order in which they lie, near strangers left out."""
        workflow = graph(
            ("a", 0, 0),
            ("one", 300, -200),
            ("two", 320, 0),
            ("three", 300, 200),
            ("stranger", 310, 60),
            edges=[("a", "one"), ("a", "two"), ("a", "three")],
        )

        assert self.walk(workflow, "one", DOWN, DOWN, UP, UP) == ["two", "three", "two", "one"]

    def test_blocks_before_the_same_block_are_siblings(self):
        """What leads to one block stands side by side too."""
        workflow = graph(("one", 0, 0), ("two", 0, 200), ("end", 300, 100), edges=[("one", "end"), ("two", "end")])

        assert self.walk(workflow, "one", DOWN, UP) == ["two", "one"]

    def test_where_no_wire_leads_the_nearest_block_is_taken(self):
        """Straight ahead counts for more than near but aside."""
        workflow = graph(("a", 0, 0), ("aside", 150, 200), ("ahead", 350, 0), ("below", 0, 300))

        assert self.walk(workflow, "a", RIGHT, LEFT, DOWN) == ["ahead", "a", "below"]

    def test_at_the_border_an_arrow_leads_nowhere(self):
        """There is nothing above the topmost block, and nothing for a block that is not there."""
        workflow = graph(("a", 0, 0), ("b", 0, 200))

        assert self.walk(workflow, "a", UP) == [None]
        assert self.walk(workflow, "gone", DOWN) == [None]

    @given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=9), st.data())
    def test_the_nearest_lies_in_its_direction(self, points, data):
        """What is found lies on that side within about 60 degrees; what lies straight ahead is never overlooked."""
        x, y = (np.array(axis, dtype=np.float64) for axis in zip(*points, strict=True))
        start = data.draw(st.integers(0, len(points) - 1))

        for direction in (RIGHT, LEFT, DOWN, UP):
            along = (x - x[start]) * direction[0] + (y - y[start]) * direction[1]
            across = np.abs((x - x[start]) * direction[1]) + np.abs((y - y[start]) * direction[0])
            found = nearest_in_direction(x, y, start, direction)
            if found is None:
                assert not ((along > 0) & (across == 0)).any()
            else:
                assert along[found] > 0
                assert across[found] <= along[found] * 1.75
