"""Arbitrary documents for property tests, and a small catalog that depends on no real block."""

from collections.abc import Callable

from hypothesis import strategies as st

from engine.blocks import Catalog
from engine.blocks._fields import Field
from engine.blocks._spec import NO_PORTS, BlockContext, BlockType, Outcome, OutputField, Port
from engine.document import Block, Edge, Json, JsonObject, Workflow

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4)
names = st.text("ABCab12_- é", min_size=1, max_size=6)
ids = st.sampled_from(["a", "b", "c", "d", "e é", "0"])

_positions = st.fixed_dictionaries({"x": st.integers(-999, 999), "y": st.floats(-999, 999).map(lambda y: round(y, 2))})
api_blocks = st.builds(
    lambda known, unknown: {**unknown, **known},
    st.fixed_dictionaries(
        {"id": ids, "type": texts.filter(bool)},
        optional={
            "name": names | st.none(),
            "config": objects | st.none(),
            "enabled": st.booleans() | st.none() | st.integers(),
            "position": _positions | st.none() | values,
        },
    ),
    objects,
)
api_edges = st.builds(
    lambda known, unknown: {**unknown, **known},
    st.fixed_dictionaries(
        {"source": ids, "target": ids},
        optional={
            "id": texts,
            "sourceHandle": texts | st.none() | values,
            "targetHandle": texts | st.none(),
            "condition": texts | st.none() | values,
        },
    ),
    # An id that is no text is refused, which is a test of its own.
    objects.map(lambda unknown: {key: value for key, value in unknown.items() if key != "id"}),
)
api_workflows = st.builds(
    lambda known, unknown: {**unknown, **known},
    st.fixed_dictionaries(
        {"blocks": st.lists(api_blocks, max_size=5), "edges": st.lists(api_edges, max_size=5)},
        optional={
            "name": texts | st.none(),
            "variables": objects | st.none(),
            "layout": values | st.dictionaries(ids, values),
            "_layout": values,
            "format": values,
        },
    ),
    objects,
)

RAW = {"code": frozenset({"code"}), "condition": frozenset({"expression", "branches"})}


def raw_fields(type_name: str) -> frozenset[str]:
    """As the catalog knows them."""
    return RAW.get(type_name, frozenset())


def graph(blocks: dict[str, str], *wires: str) -> Workflow:
    """A workflow from `{id: type}` and wires such as `a>b` or `a.if>b`, ids of edges being the wires themselves."""
    edges = {}
    for wire in wires:
        source, _, target = wire.partition(">")
        source, _, port = source.partition(".")
        edges[wire] = Edge(wire, source, target, port or None, None, port or None)
    made = {item: Block(item, kind, item.title(), 300.0 * at) for at, (item, kind) in enumerate(blocks.items())}
    return Workflow(blocks=made, edges=edges)


def small_catalog() -> Catalog:
    """Starter, webhook, step, condition, split, code and response: enough for every rule."""
    routes = ("if", "else")
    return Catalog(
        [
            _type("starter", trigger="manual", inputs=NO_PORTS, singleton=True),
            _type("webhook", trigger="webhook", inputs=NO_PORTS, mint=_mint()),
            _type(
                "step",
                fields=(
                    Field("text", "Text", "text"),
                    Field("url", "Address", "text", required=True, check=_check_url),
                ),
                output_fields=lambda _config: (OutputField("output", "text", "what came out"),),
            ),
            _type("plain"),
            _type(
                "condition",
                fields=(Field("branches", "Branches", "branches"),),
                raw_fields=RAW["condition"],
                outputs=lambda config: tuple(Port(name, name, name) for name in config.get("routes", routes)),
            ),
            _type("split", outputs=lambda _config: (Port("1"), Port("2"))),
            _type("code", raw_fields=RAW["code"], aliases=("function",)),
            _type("response", outputs=lambda _config: NO_PORTS),
        ]
    )


def _type(name: str, **more: object) -> BlockType:
    return BlockType(name, name.title(), "", "Data", "box", "grey", _run, **more)  # type: ignore[arg-type]


def _run(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    return Outcome({})


def _check_url(value: Json) -> str | None:
    return None if str(value).startswith("http") else "give an address that begins with http"


def _mint() -> Callable[[], JsonObject]:
    counter = iter(range(1, 10_000))
    return lambda: {"webhook_id": f"00000000-0000-0000-0000-{next(counter):012d}", "webhook_secret": "fresh"}
