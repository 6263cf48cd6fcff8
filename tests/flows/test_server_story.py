"""The story of issue 5 with real widgets and a real server process: save, arm, call, deploy, share, lose, and go on."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from editor.panels.conflicts.dialog import MergeDialog
from editor.panels.connections.save_dialog import SaveToServerDialog
from editor.panels.deploy.review_dialog import DeployDialog
from editor.workspace.workspace import SERVER
from engine import Connection, edits
from tests.flows.test_never_freeze import chain_file, idle, measured, open_now

pytestmark = pytest.mark.slow
LEFT = Qt.MouseButton.LeftButton
CODE = 'output = "Dear " + input_data["Webhook"]["output"]["name"]'
START_MS = 40_000


class Storyteller:
    """A player who knows their way around servers."""

    def __init__(self, player: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.player = player
        self.window = player.window
        self.desk = player.window.on_server
        self._loop = loop

    @property
    def chip(self) -> str:
        """What the chip in the toolbar says."""
        return self.desk.chip.text()

    def finished(self, coroutine: Any) -> Any:
        """What it returns, the window alive meanwhile."""
        task = self._loop.create_task(coroutine)
        self.player.wait(task.done)
        return task.result()

    def start_local_server(self) -> None:
        """By the menu, as anybody does."""
        self.player.action("start_server")
        self.player.wait(lambda: self.window.server_flow.local.server.state.kind == "running", START_MS)

    def draw(self) -> None:
        """A webhook, a code block that greets, and the reply, wired by hand."""
        player, canvas = self.player, self.window.canvas
        player.action("new")
        player.settled()
        for number, kind in enumerate(("webhook", "code", "response")):
            player.drop_block_type(kind, QPoint(150 + 290 * number, 160))
        for first, second in (("Webhook", "Code"), ("Code", "Response")):
            self.window.workspace.select([player.block(first).id, player.block(second).id])
            canvas.commands.connect_selected()
        code = player.block("Code").id
        self.window.workspace.edit("Write code", edits.configure, code, "code", CODE)
        self.window.workspace.edit("Name it", edits.set_name, "Greeter")
        assert len(self.window.workspace.workflow.edges) == 2

    def save_to_server(self) -> None:
        """To the local server, under the name that is offered."""
        self.player.action("save_server")
        dialog = self.player.dialog(SaveToServerDialog)
        self.player.picture("save to server", dialog)
        QTest.mouseClick(dialog.accept_button, LEFT)
        self.wait_saved()

    def wait_saved(self) -> None:
        """Until the server has what is on screen."""
        self.player.wait(lambda: self.window.workspace.is_saved_in(SERVER) and self.window.server_link.is_placed)

    def choose_in_chip(self, action_id: str) -> None:
        """Click the chip, and an entry of its menu."""
        QTest.mouseClick(self.desk.chip, LEFT)
        menu = self.player.dialog(QMenu)
        self.player.picture("menu of the chip", menu)
        action = self.window.actions_by_id[action_id]
        QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())

    def answer(self, key: str) -> str:
        """Answer the open question; returns what it was."""
        words = str(self.player.question().text())
        self.player.answer(key)
        return words

    def show_webhook(self) -> Any:
        """The panel of the webhook block."""
        self.player.action("show_webhook")
        self.player.wait(self.desk.webhook_panel.isVisible)
        return self.desk.webhook_panel

    def curl(self) -> "subprocess.Popen[bytes]":
        """Copy the line from the panel, and paste it into a terminal."""
        panel = self.show_webhook()
        panel.form.show_body({"name": "Ada"})
        assert panel.credentials.kinds.currentText() == "curl"
        QTest.mouseClick(panel.credentials.copy_snippet, LEFT)
        line = QGuiApplication.clipboard().text()
        return subprocess.Popen(["/bin/bash", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def reply_of(self, terminal: "subprocess.Popen[bytes]") -> str:
        """What the terminal shows in the end."""
        self.player.wait(lambda: terminal.poll() is not None)
        assert terminal.stdout is not None
        assert terminal.stderr is not None
        with terminal.stdout, terminal.stderr:
            return (terminal.stdout.read() + terminal.stderr.read()).decode()

    def last_statuses(self) -> list[str]:
        """How the blocks of the run on the canvas ended."""
        run = self.window.workspace.run
        return [item.status for item in run.blocks.values()] if run else []


@pytest.fixture
def begin(open_window: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> Callable[[], Storyteller]:
    """Opens one more editor."""
    return lambda: Storyteller(open_window(), loop)


def test_from_the_canvas_to_a_server_and_back(begin: Callable[[], Storyteller]) -> None:
    """Draw, save, arm, call by curl, deploy, call again, undeploy: each step is seen on the screen."""
    me = begin()
    player, window = me.player, me.window
    assert me.chip == "Not on a server"
    me.start_local_server()
    me.draw()
    player.picture("drawn")
    me.save_to_server()
    assert "Local server" in window.windowTitle()
    player.wait(lambda: me.chip == "Off")

    me.choose_in_chip("arm")
    assert "“Greeter” on Local server" in me.answer("arm")
    player.wait(lambda: me.chip.startswith("Armed "))
    first = me.chip
    player.wait(lambda: me.chip != first)  # it counts
    me.show_webhook()
    player.picture("armed")

    reply = me.reply_of(me.curl())

    assert '"output":"Dear Ada"' in reply.replace(": ", ":")
    player.wait(lambda: me.last_statuses() == ["done"] * 3 and not window.runs.is_active)
    player.wait(lambda: me.chip == "Off")
    player.picture("called")
    assert "not active" in me.reply_of(me.curl())  # exactly one call

    me.choose_in_chip("deploy")
    dialog = player.dialog(DeployDialog)
    player.picture("review", dialog)
    assert dialog.deploy_button.text() == "Deploy “Greeter” on Local server"
    QTest.mouseClick(dialog.deploy_button, LEFT)
    player.wait(lambda: me.chip.startswith("Live v"))
    player.action("show_history")
    for _ in range(3):
        assert "Dear Ada" in me.reply_of(me.curl())
    player.wait(lambda: me.desk.history_panel.view.rows.rowCount() == 4)
    player.picture("live")

    code = player.block("Code").id
    window.workspace.edit("Change", edits.configure, code, "code", CODE.replace("Dear", "Hello"))
    me.choose_in_chip("deploy")
    dialog = player.dialog(DeployDialog)
    player.picture("second review", dialog)
    assert dialog._plan.changes.summary == "1 block changed"
    QTest.mouseClick(dialog.deploy_button, LEFT)
    player.wait(lambda: me.chip == "Live v3")
    assert "Hello Ada" in me.reply_of(me.curl())

    me.choose_in_chip("undeploy")
    assert "“Greeter” on Local server" in me.answer("undeploy")
    player.wait(lambda: me.chip == "Off")
    assert "not active" in me.reply_of(me.curl())

    called = window.workspace.run
    player.action("run_on_server")
    player.wait(lambda: window.workspace.run is not called and me.last_statuses() == ["done"] * 3)
    player.wait(lambda: not window.runs.is_active)
    assert window.runs.origin.startswith("on Local server, v")
    player.picture("run on the server")


def test_two_editors_on_one_workflow_lose_nothing(
    begin: Callable[[], Storyteller], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both change the same block and save: the second one is shown both versions and decides."""
    me = begin()
    me.start_local_server()
    me.draw()
    me.save_to_server()
    code = me.player.block("Code").id
    link = me.window.server_link
    key = me.finished(me.window.connections.key_of(link.connection))

    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):  # another machine
        monkeypatch.setenv(name, str(tmp_path / "other" / name.lower()))
    other = begin()
    theirs = other.finished(other.window.connections.save(Connection("Desk", link.connection.url, key)))
    other.finished(other.window.server_flow._open(theirs, link.workflow_id))
    other.player.wait(lambda: other.chip == "Off")
    other.window.workspace.edit("Change", edits.configure, code, "code", 'output = "theirs"')
    other.window.workspace.edit("Describe", edits.set_description, "described by them")
    other.player.action("save")
    other.wait_saved()

    me.window.workspace.edit("Change", edits.configure, code, "code", 'output = "mine"')
    me.player.action("save")
    dialog = me.player.dialog(MergeDialog)
    me.player.picture("conflict", dialog)
    dialog._on_all_mine()
    dialog.accept()
    me.wait_saved()

    merged = me.window.workspace.workflow
    assert merged.block(code).config["code"] == 'output = "mine"'
    assert merged.description == "described by them"
    other.desk.deployment.look_now()
    other.player.wait(lambda: other.window.server_link.stored.version > other.window.server_link.base.version)


def test_a_server_that_is_killed_in_a_save_costs_no_work(begin: Callable[[], Storyteller]) -> None:
    """The editor says so, keeps everything, and saves when the server is back."""
    me = begin()
    me.start_local_server()
    me.draw()
    me.save_to_server()
    server = me.window.server_flow.local.server
    code = me.player.block("Code").id

    me.window.workspace.edit("Change", edits.configure, code, "code", 'output = "kept"')
    os.kill(server._pid, signal.SIGSTOP)  # it takes the call, and dies before it answers
    me.player.action("save")
    me.player.wait(lambda: me.window.server_link.save_state.kind == "saving")
    idle(me.player, 200)
    os.kill(server._pid, signal.SIGKILL)

    me.player.wait(lambda: me.window.server_link.save_state.kind in ("waiting", "failed"))
    assert me.window.server_link.save_state.reason
    assert me.window.workspace.workflow.block(code).config["code"] == 'output = "kept"'
    me.desk.deployment.look_now()
    me.player.wait(lambda: me.chip == "Unreachable")
    me.player.picture("server gone")

    me.player.wait(lambda: server.state.kind in ("failed", "stopped"))
    me.start_local_server()
    if me.window.server_link.save_state.kind != "idle":
        me.player.wait(lambda: me.window.workspace.is_saved_in(SERVER), START_MS)
    me.player.wait(lambda: me.chip == "Off", START_MS)
    stored = me.finished(me.window.server_link.refresh())
    assert stored.version >= 2


def test_a_streamed_run_of_a_thousand_blocks_beside_the_window(
    begin: Callable[[], Storyteller], tmp_path: Path
) -> None:
    """Saving and following it, with canvas, run panel and history looking on, never holds the window up for long."""
    me = begin()
    player, window = me.player, me.window
    me.start_local_server()
    open_now(player, chain_file(tmp_path, 1_000))
    idle(player, 1_000)

    with measured("saving 1,000 blocks to a server"):
        me.save_to_server()
        idle(player)
    player.wait(lambda: me.chip == "Off")
    player.action("show_history")
    idle(player, 500)
    with measured("streamed run of 1,000 blocks"):
        player.action("run_on_server")
        player.wait(lambda: window.workspace.run is not None and window.workspace.run.is_finished, START_MS)
        player.wait(lambda: not window.runs.is_active)
        idle(player)

    assert me.last_statuses() == ["done"] * 1_000
