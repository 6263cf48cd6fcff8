"""Where the document lives and how saving it stands, in words for title and status bar. No widgets."""

from editor.workspace.documents import Documents
from editor.workspace.server_link import ServerLink
from editor.workspace.workspace import Workspace

UNTITLED = "Untitled"


def title_words(workspace: Workspace, documents: Documents, link: ServerLink) -> str:
    """The name of the document and of its places: `Invoices – invoices.workflow.json, Team server`."""
    places = [documents.path.name if documents.path else "", link.connection.name if link.connection else ""]
    where = ", ".join(place for place in places if place)
    name = workspace.workflow.name or UNTITLED
    return f"{name} – {where}" if where else name


def save_words(workspace: Workspace, documents: Documents, link: ServerLink) -> str:
    """How saving stands, in a few words."""
    server = f"“{link.connection.name}”" if link.connection else ""
    told = {
        "saving": f"Saving to {server}…" if server else "Saving to the server…",
        "waiting": f"Not saved to {server}: trying again" if server else "Not saved: trying again",
        "failed": f"Not saved to {server}" if server else "Not saved to the server",
        "conflict": f"Not saved: {server} has a newer version",
    }
    if link.save_state.kind in told:
        return told[link.save_state.kind]
    if documents.is_saving:
        return "Saving…"
    if documents.save_error is not None:
        return "Not saved: the last try failed"
    if workspace.is_dirty:
        return "Unsaved changes"
    if link.is_partial:
        return f"Copy from {server}, read without it"
    if server:
        return f"Saved to {server}"
    return "Saved" if documents.path else "Not in a file yet"


def save_details(link: ServerLink) -> str:
    """More about it: why something is not saved, else what a server was told in another form."""
    return link.save_state.reason or "\n".join(link.notes)
