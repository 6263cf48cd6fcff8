"""The workflows of a server as a whole: listing them, copying one. Runs on the network thread; no Qt."""

from dataclasses import dataclass

from engine import Catalog, PlatformClient, WorkflowRow, to_own_server, wiring

PAGE_SIZE = 50
MAX_NAME = 255


@dataclass(frozen=True)
class Sort:
    """An order of the list: what the person reads, and what the server is told."""

    label: str
    field: str
    order: str

    def sorted(self, rows: tuple[WorkflowRow, ...]) -> tuple[WorkflowRow, ...]:
        """The rows in this order, those without a value last: what a server does, for a list that is kept here."""
        known = [row for row in rows if getattr(row, self.field)]
        known.sort(key=lambda row: str(getattr(row, self.field)).casefold(), reverse=self.order == "desc")
        return (*known, *(row for row in rows if not getattr(row, self.field)))


SORTS = (
    Sort("Newest first", "created_at", "desc"),
    Sort("Name", "name", "asc"),
    Sort("Changed last", "updated_at", "desc"),
    Sort("Run last", "last_execution_at", "desc"),
)


@dataclass(frozen=True)
class ListPage:
    """Some rows of a list and how many there are in all."""

    rows: tuple[WorkflowRow, ...]
    total: int


async def list_workflows(client: PlatformClient, search: str, sort: Sort, offset: int) -> ListPage:
    """The next rows of the list, from this offset.

    Raises:
        ServerError: as the client does.
    """
    page = await client.workflows(search=search, sort=sort.field, order=sort.order, limit=PAGE_SIZE, offset=offset)
    return ListPage(page.items, page.total)


async def duplicate(client: PlatformClient, workflow_id: str, name: str, catalog: Catalog) -> str:
    """Make a copy on the same server, with webhook addresses and secrets of its own; returns the copy's id.

    Raises:
        ServerError: as the client does; an empty copy may be left behind when the graph could not be saved.
    """
    source = (await client.workflow(workflow_id)).workflow
    color = source.extra.get("color")
    copy_id = await client.create_workflow(
        name,
        description=source.description,
        variables=source.variables,
        color=color if isinstance(color, str) else None,
    )
    graph = to_own_server(wiring.mint_anew(source, catalog))
    edges = [{key: value for key, value in edge.items() if key != "id"} for edge in graph.edges]
    await client.save_graph(copy_id, graph.blocks, edges)
    return copy_id


def copy_name(name: str) -> str:
    """What a copy is called at first."""
    return f"{name[: MAX_NAME - 7]} (copy)"
