"""Which workflow of which server was open last, and on which server the document of a file lives. Kept in settings."""

from pathlib import Path

from editor.workspace.connections import ServerConnections
from editor.workspace.server_link import ServerPlace
from editor.workspace.settings import Settings
from engine import Connection

MAX_FILES = 50
_LAST, _OF_FILES = "last_server", "server_places"


class RememberedPlaces:
    """Places by ids, so a connection may get another name or address; one that was removed is forgotten."""

    def __init__(self, settings: Settings, connections: ServerConnections) -> None:
        self._settings = settings
        self._connections = connections

    def last(self) -> tuple[Connection, str] | None:
        """Connection and workflow id of the document that was open last; None when it lived on no server."""
        return self._found(self._settings.get(_LAST, []))

    def set_last(self, place: ServerPlace | None) -> None:
        """The open document lives here."""
        self._settings.set(_LAST, [place.connection_id, place.workflow_id] if place else [])

    def of_file(self, path: Path | None) -> ServerPlace | None:
        """Where the document of this file was saved on a server, None when nobody knows."""
        found = self._found(self._of_files().get(str(path))) if path else None
        return ServerPlace(found[0].connection_id, found[1], found[0].name) if found else None

    def keep(self, path: Path, place: ServerPlace) -> None:
        """The document of this file lives there as well: saving it there again makes no second workflow."""
        others = {key: value for key, value in self._of_files().items() if key != str(path)}
        known = [*others.items(), (str(path), [place.connection_id, place.workflow_id])]
        self._settings.set(_OF_FILES, dict(known[-MAX_FILES:]))

    def _of_files(self) -> dict[str, object]:
        places: dict[str, object] = self._settings.get(_OF_FILES, {})
        return places

    def _found(self, told: object) -> tuple[Connection, str] | None:
        if not (isinstance(told, list) and len(told) == 2):
            return None
        connection = self._connections.find(str(told[0]))
        return (connection, str(told[1])) if connection else None
