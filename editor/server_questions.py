"""What a save to a server asks a person: keys, merges, ids, and what to do about a workflow that is gone."""

from PySide6.QtWidgets import QDialog, QWidget

from editor import aio
from editor.aio import in_thread
from editor.dialogs import Option, choose
from editor.panels.conflicts.dialog import MergeDialog
from editor.panels.connections.key_dialog import KeyDialog
from editor.text import count_text
from editor.theme import Theme
from editor.workspace.connections import ServerConnections
from editor.workspace.workspace import Workspace
from engine import Connection, Workflow, merge


class ServerQuestions:
    """Asks in dialogs over one window; see `server_saver.Questions`."""

    def __init__(self, window: QWidget, workspace: Workspace, connections: ServerConnections, theme: Theme) -> None:
        self._window = window
        self._workspace = workspace
        self._connections = connections
        self._theme = theme

    async def new_key(self, connection: Connection, _reason: str) -> bool:
        """Ask for the key and keep it; False when the person gave up."""
        dialog = KeyDialog(connection, self._theme, self._window)
        try:
            if await aio.ask(dialog) != QDialog.DialogCode.Accepted:
                return False
            await self._connections.save(connection.with_key(dialog.key))
            return True
        finally:
            dialog.deleteLater()

    async def settle(self, merged: merge.Merge, connection: Connection) -> Workflow | None:
        """Show both versions side by side; the document as the person wants it, None when they gave up."""
        dialog = MergeDialog(merged, connection.name, self._workspace.catalog, self._theme, self._window)
        try:
            await in_thread(dialog.prepare)
            dialog.load()
            if await aio.ask(dialog) != QDialog.DialogCode.Accepted:
                return None
            return await in_thread(dialog.result_workflow)
        finally:
            dialog.deleteLater()

    async def may_rewrite_ids(self, count: int, connection: Connection) -> bool:
        """Ask whether blocks may get other ids."""
        answer = await choose(
            self._window,
            f"{count_text(count, 'block')} need another id for “{connection.name}”",
            "This server takes ids of one form only. Blocks get new ids, and wires and references follow. "
            "Names and places stay, and Undo takes it back.",
            [
                Option("rewrite", "Rewrite Ids and Save", is_default=True),
                Option("cancel", "Cancel", is_cancel=True),
            ],
        )
        return answer == "rewrite"

    async def may_save_as_new(self, connection: Connection) -> bool:
        """Ask what to do about a workflow that somebody deleted."""
        name = self._workspace.workflow.name or "Untitled"
        answer = await choose(
            self._window,
            f"“{name}” is no longer on “{connection.name}”",
            "Somebody has deleted it there. Your document is still here. A new one gets another address on the server; "
            "webhooks keep theirs.",
            [
                Option("new", "Save It as a New One", is_default=True),
                Option("cancel", "Cancel", is_cancel=True),
            ],
        )
        return answer == "new"
