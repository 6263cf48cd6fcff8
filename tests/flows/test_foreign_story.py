"""A workflow from somebody else: opened without harm, asked about once, and asked about again when it was changed."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

import engine.code
from editor.panels.run_form import RunForm
from editor.panels.trust_dialog import TrustDialog
from engine import Workflow, edits, files
from engine.code import Isolation
from tests.flows.test_everyday import descendants, graph_file

pytestmark = pytest.mark.slow


def foreign(folder: Path, code: str = "output = 6 * 7", url: str = "") -> Path:
    """A file that this user did not make."""
    blocks: dict[str, tuple[str, dict[str, Any]]] = {"Start": ("starter", {}), "Clean up": ("code", {"code": code})}
    edges = ["Start>Clean up", "Clean up>End"]
    if url:
        blocks["Send it"] = ("general_api", {"url": url, "timeout": 2000})
        edges = ["Start>Clean up", "Clean up>Send it", "Send it>End"]
    return graph_file(folder, {**blocks, "End": ("response", {})}, *edges)


def own_file(folder: Path, code: str) -> Path:
    """A file in our own format, so that saving goes to it."""
    path = folder / "foreign.workflow.json"
    path.write_bytes(files.encode(files.read(foreign(folder, code)).workflow))
    return path


def words(dialog: TrustDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def answer(player: Any, *, accept: bool) -> str:
    """Answer the question about trust; returns what it said."""
    dialog = player.dialog(TrustDialog)
    said = words(dialog)
    button = dialog.accept_button if accept else dialog.cancel_button
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    player.wait(lambda: not player.window.tasks.is_busy("run-form"))
    return said


def run_unasked(player: Any) -> Any:
    """Run, and fail when anything is asked."""
    before = player.window.workspace.run
    player.action("run")
    player.wait(lambda: player.window.workspace.run is not before and not player.window.runs.is_active)
    return player.window.workspace.run


def is_restricted(player: Any) -> bool:
    return bool(player.window.setup.trust_flow.mark.isVisible())


def test_opening_runs_nothing_and_running_asks_once(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """The file opens restricted; the first run says what it would do; Enter means no; agreeing holds from then on."""
    before = descendants()
    player = open_window(foreign(tmp_path), trusts=False)
    player.wait(lambda: is_restricted(player))
    assert player.window.workspace.run is None
    assert descendants() == before, "opening a file starts no process"
    player.picture("restricted")

    player.action("run")
    dialog = player.dialog(TrustDialog)
    assert "Runs code of its own" in words(dialog)
    assert "In “Clean up”." in words(dialog)
    player.picture("question", dialog)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    player.wait(lambda: not player.window.tasks.is_busy("run-form"))
    assert player.window.workspace.run is None
    assert is_restricted(player)

    player.action("run")
    answer(player, accept=True)
    player.wait(lambda: player.window.workspace.run and not player.window.runs.is_active)
    assert player.window.workspace.run.output == 42
    assert not is_restricted(player)

    assert run_unasked(player).output == 42
    player.open_file(foreign(tmp_path))
    player.settled()
    assert run_unasked(player).output == 42


@pytest.mark.parametrize("action", ["run", "run_to_here", "run_again"])
def test_every_way_to_run_asks(open_window: Callable[..., Any], tmp_path: Path, action: str) -> None:
    """A part of a foreign workflow, and the same input once more, are runs as well."""
    player = open_window(foreign(tmp_path), trusts=False)
    player.window.workspace.select([player.block("Clean up").id])

    player.action(action)

    assert "Runs code of its own" in answer(player, accept=False)
    assert player.window.workspace.run is None


def test_own_edits_keep_the_trust_and_changes_from_outside_do_not(
    open_window: Callable[..., Any], tmp_path: Path
) -> None:
    """What the person changes and saves here runs unasked, also at the next start; what others change does not."""
    path = own_file(tmp_path, "output = 1")
    player = open_window(path, trusts=False)
    player.action("run")
    answer(player, accept=True)
    player.wait(lambda: player.window.workspace.run and not player.window.runs.is_active)

    code = player.block("Clean up").id
    player.window.workspace.edit("Edit", edits.configure, code, "code", "output = 2")
    assert run_unasked(player).output == 2
    player.window.workspace.edit("Edit", edits.configure, code, "code", "output = 3")
    player.action("save")
    player.settled()
    player.wait(lambda: not player.window.tasks.is_busy("remember-trust"))

    again = open_window(path, trusts=False)
    assert run_unasked(again).output == 3
    changed = files.read(path).workflow
    path.write_bytes(files.encode(edits.configure(changed, code, "code", "output = 'evil'")))
    again.window.documents.check_disk()
    again.wait(lambda: "changed by another program" in again.window.notices.text)
    QTest.mouseClick(again.window.notices.findChild(QPushButton), Qt.MouseButton.LeftButton)
    again.answer("reload")
    again.wait(lambda: is_restricted(again))
    again.action("run")
    answer(again, accept=False)
    assert again.window.workspace.run is None


def test_a_document_that_comes_while_one_is_asked_about_does_not_run(
    open_window: Callable[..., Any], tmp_path: Path
) -> None:
    """Agreeing to one workflow is no agreement to the one that took its place meanwhile."""
    player = open_window(foreign(tmp_path), trusts=False)
    other = files.read(foreign(tmp_path, "output = 'another'")).workflow

    player.action("run")
    dialog = player.dialog(TrustDialog)
    player.window.workspace.replace(other)
    QTest.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    player.wait(lambda: not player.window.tasks.is_busy("run-form"))

    assert player.window.workspace.run is None
    player.wait(lambda: is_restricted(player))


@pytest.fixture
def service() -> Iterator[str]:
    """A service on this machine: `host:port`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"hello": "from here"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Nothing is printed."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_local_addresses_are_open_to_the_workflow_they_were_allowed_to(
    open_window: Callable[..., Any], tmp_path: Path, service: str
) -> None:
    """Left out it is refused; ticked it is reached, remembered with the workflow, and shut to all others."""
    player = open_window(foreign(tmp_path, url=f"http://{service}/"), trusts=False)
    player.action("run")
    said = answer(player, accept=True)
    assert f"Calls {service}" in said
    player.wait(lambda: player.window.workspace.run and not player.window.runs.is_active)
    refused = player.window.workspace.run.blocks[player.block("Send it").id]
    assert "on this machine or in a private network" in str(refused.error)

    player.window.workspace.edit("Describe", edits.set_description, "touched")
    assert run_unasked(player).output is None, "who has just said no is not asked again"
    player.window.workspace.mark_saved(player.window.workspace.workflow)

    # Opened again it may run, but nobody has decided about the address, so that is asked.
    player.open_file(foreign(tmp_path, url=f"http://{service}/"))
    player.settled()
    player.action("run")
    dialog = player.dialog(TrustDialog)
    assert "needs a decision of yours" in words(dialog)
    player.picture("local address", dialog)
    dialog.host_boxes[service].click()
    answer(player, accept=True)
    player.wait(lambda: not player.window.runs.is_active and player.window.workspace.run.is_finished)
    reached = player.window.workspace.run.blocks[player.block("Send it").id]
    assert reached.result is not None
    assert reached.result["output"] == {"hello": "from here"}

    player.open_file(foreign(tmp_path, url=f"http://{service}/"))
    player.settled()
    assert run_unasked(player).output == {"hello": "from here"}
    player.open_file(foreign(tmp_path, code="output = 0", url=f"http://{service}/"))
    player.settled()
    player.action("run")
    assert not player.dialog(TrustDialog).host_boxes[service].isChecked()
    answer(player, accept=False)


def test_a_new_document_of_ones_own_is_never_asked_about(open_window: Callable[..., Any]) -> None:
    """Who builds a workflow here runs it at once, code and all."""
    player = open_window(trusts=False)
    player.action("new")
    player.settled()
    made = Workflow(
        "Mine",
        blocks=files.parse(b'{"blocks": [{"id": "c", "type": "code", "config": {"code": "output = 5"}}]}')[0].blocks,
    )
    player.window.workspace.edit("Build", lambda now: now.with_blocks(made.blocks.values()))

    assert run_unasked(player).blocks["c"].result == {"output": 5}
    assert not is_restricted(player)


def test_trust_can_be_given_without_running(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """A click on the mark shows what the workflow would do; agreeing takes the mark away and runs nothing."""
    player = open_window(foreign(tmp_path), trusts=False)
    player.wait(lambda: is_restricted(player))

    QTest.mouseClick(player.window.setup.trust_flow.mark, Qt.MouseButton.LeftButton)
    dialog = player.dialog(TrustDialog)
    assert dialog.accept_button.text() == "Trust It"
    QTest.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)

    player.wait(lambda: not is_restricted(player))
    assert player.window.workspace.run is None


def test_the_question_comes_before_the_form(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Nobody types in values for a workflow that they then do not run."""
    blocks = {"Start": ("starter", {"input": {"text": "x"}}), "Code": ("code", {"code": "output = 1"})}
    player = open_window(graph_file(tmp_path, blocks, "Start>Code"), trusts=False)

    player.action("run")
    dialog = player.dialog(TrustDialog)
    QTest.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)

    form = player.dialog(RunForm)
    form.reject()
    player.wait(lambda: not player.window.tasks.is_busy("run-form"))


def crash(player: Any, folder: Path) -> None:
    """What is in the folder of journals after the process of this window died: its work, and nobody who keeps it."""
    journals = folder / "journals"
    player.wait(lambda: list(journals.glob("*.json")))
    (journal,) = journals.glob("*.json")
    head, _, body = journal.read_bytes().partition(b"\n")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = journals / "left.json"
    left.write_bytes(json.dumps(json.loads(head) | {"pid": dead.pid}).encode() + b"\n" + body)
    left.chmod(0o600)


@pytest.mark.parametrize("is_own", [True, False])
def test_what_was_trusted_stays_so_through_a_crash(
    open_window: Callable[..., Any], tmp_path: Path, is_own: bool
) -> None:
    """Own work that comes back runs unasked; a foreign workflow that was only edited is still asked about."""
    first = open_window(None if is_own else foreign(tmp_path), trusts=False)
    if is_own:
        first.action("new")
        first.settled()
    blocks = files.read(foreign(tmp_path, "output = 'mine'")).workflow.blocks
    first.window.workspace.edit("Build", lambda now: now.with_blocks(blocks.values()))
    crash(first, tmp_path)

    second = open_window(asks=True, trusts=False)
    second.answer("recover")
    second.wait(lambda: not second.window.tasks.is_busy("first"))

    if is_own:
        assert run_unasked(second).blocks["Clean up"].result == {"output": "mine"}
    else:
        second.action("run")
        answer(second, accept=False)
        assert second.window.workspace.run is None


def test_blocks_pasted_from_elsewhere_are_asked_about(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Code from a web page does not run because it was pasted into one's own workflow; own copies need no question."""
    player = open_window(trusts=False)
    window = player.window
    player.action("new")
    player.settled()
    own = files.read(foreign(tmp_path)).workflow
    window.workspace.edit("Build", lambda now: now.with_blocks(own.blocks.values()))
    window.workspace.select([player.block("Clean up").id])
    window.canvas.commands.copy()
    window.canvas.commands.paste()
    assert run_unasked(player).status == "completed"

    QGuiApplication.clipboard().setText(
        files.encode(files.read(foreign(tmp_path, "output = 'evil'")).workflow).decode()
    )
    window.canvas.commands.paste()
    assert window.setup.trust_flow.mark.text() == "Restricted: pasted from elsewhere"
    window.canvas.commands.copy()
    player.action("run")
    assert "Blocks from elsewhere were pasted into it" in answer(player, accept=False)

    # What is copied from a restricted workflow is not vouched for in another window.
    other = open_window(trusts=False)
    other.action("new")
    other.settled()
    other.window.canvas.commands.paste()
    other.wait(lambda: is_restricted(other))


@pytest.mark.parametrize(
    ("choice", "fallback", "unisolated"), [("restricted", "monty", False), ("unisolated", None, True)]
)
def test_code_that_cannot_be_isolated_is_decided_about(
    open_window: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    fallback: str | None,
    unisolated: bool,
) -> None:
    """On a machine without isolation even a trusted workflow with code asks once how to run it, and remembers it."""

    async def probe() -> Isolation:
        return Isolation("none", "bubblewrap (bwrap) is not installed")

    monkeypatch.setattr(engine.code, "probe", probe, raising=False)
    player = open_window(foreign(tmp_path))
    player.wait(lambda: player.window.setup.trust.is_trusted)

    player.action("run")
    dialog = player.dialog(TrustDialog)
    assert "needs a decision of yours" in words(dialog)
    assert "bubblewrap (bwrap) is not installed" in words(dialog)
    assert "kept apart" not in words(dialog)
    player.picture(f"no isolation {choice}", dialog)
    dialog.code_buttons[choice].click()
    answer(player, accept=True)
    player.wait(lambda: player.window.workspace.run and not player.window.runs.is_active)

    used = player.window.setup._runner.settings
    assert (used.code_fallback, used.allow_unisolated) == (fallback, unisolated)
    assert run_unasked(player).output == 42
