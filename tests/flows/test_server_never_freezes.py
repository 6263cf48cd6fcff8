"""The window never stops answering while ten thousand blocks go to a server and come back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from editor.workspace.workspace import SERVER
from engine import edits
from engine.document import workflow_to_api
from tests.editor.fake_server import FakeServer
from tests.editor.server_window import ServerPlayer, windows
from tests.flows.test_never_freeze import chain, idle, measured

BLOCKS = 10_000

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> FakeServer:
    """A server with one large workflow."""
    made = FakeServer()
    told = workflow_to_api(chain(BLOCKS))
    made.add("Large", told["blocks"], told["edges"])
    return made


@pytest.fixture
def player(qtbot: Any, loop: asyncio.AbstractEventLoop, tmp_path: Path, server: FakeServer) -> Iterator[ServerPlayer]:
    """A window that knows the server."""
    for play in windows(qtbot, loop, tmp_path, server):
        yield play()


def test_ten_thousand_blocks_from_a_server_and_back(player: ServerPlayer, server: FakeServer) -> None:
    """Opening, an edit, saving, and saving again after somebody else saved, whose change is merged."""
    window = player.window
    idle(player)

    with measured(f"opening {BLOCKS} blocks from a server"):
        player.open("Large")
        idle(player, 1_000)
    with measured(f"an edit among {BLOCKS} blocks"):
        window.workspace.edit("Change", edits.configure, "b7", "mine", 1)
        idle(player, 1_500)  # the journal and the problems come after it
    with measured(f"saving {BLOCKS} blocks to a server"):
        player.action("save")
        player.wait(lambda: window.workspace.is_saved_in(SERVER))
        idle(player, 1_000)

    assert player.stored("b7")["mine"] == 1
