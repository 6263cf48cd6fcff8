"""What goes wrong between the editor and a server, and what the person sees: never a traceback or lost work.

Each fault is played on the real window. The words that are asserted are those on the screen.
"""

import asyncio
import datetime
import http.server
import ipaddress
import json
import ssl
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from editor.panels.conflicts.dialog import MergeDialog
from editor.panels.connections.key_dialog import KeyDialog
from editor.panels.connections.save_dialog import SaveToServerDialog
from editor.panels.server_browser.dialog import ServerBrowser
from editor.workspace.server_saver import Backoff
from engine import Block, edits
from tests.editor.fake_server import FakeServer
from tests.editor.server_window import ServerPlayer, Windows, server_with_orders, windows

FOR_EVER = 100_000


@pytest.fixture
def server() -> FakeServer:
    """A server of ours with one workflow."""
    return server_with_orders()


@pytest.fixture
def play(
    qtbot: Any, loop: asyncio.AbstractEventLoop, tmp_path: Path, server: FakeServer, caplog: Any
) -> Iterator[Windows]:
    """Opens windows; at the end no task may have failed with an error that nobody meant."""
    yield from windows(qtbot, loop, tmp_path, server)
    assert [record.getMessage() for record in caplog.records if record.name == "blockloom"] == []


def opened(play: Windows, *, edited: bool = True) -> ServerPlayer:
    """A window with "Orders" from the server, and one edit that is not saved."""
    player = play()
    player.open("Orders")
    player.window.server_flow.saver._backoff = Backoff(0.005, 0.02)
    if edited:
        player.configure("out", "output", "my work")
    return player


def has_my_work(player: ServerPlayer) -> bool:
    """Whether the document still says what was typed."""
    return player.window.workspace.workflow.block("out").config["output"] == "my work"


@dataclass(frozen=True)
class Fault:
    """A fault of the save, the state that it leads to, and what the notice says."""

    name: str
    kind: str | int
    state: str
    notice: str
    method: str = "PUT"
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


KEPT = "Your work is kept, and it is tried again by itself."
FAULTS = [
    Fault(
        "down",
        "refused",
        "waiting",
        "Not saved to “Team”. Nothing answers at 127.0.0.1:8400. Check the address and the port, and that the server "
        f"runs. {KEPT}",
    ),
    Fault(
        "not allowed",
        403,
        "failed",
        "Not saved to “Team”. “Team” does not allow this: This endpoint requires the project's service role key",
        body={"error": "This endpoint requires the project's service role key"},
    ),
    Fault(
        "too many, with a time",
        429,
        "waiting",
        f"Not saved to “Team”. “Team” asks for a pause; try again in 90 s: slow down {KEPT}",
        body={"error": "slow down"},
        headers={"retry-after": "90"},
    ),
    Fault(
        "too many, without a time",
        429,
        "waiting",
        f"Not saved to “Team”. “Team” asks for a pause; try again in a minute: slow down {KEPT}",
        body={"error": "slow down"},
    ),
    Fault(
        "a page in place of an answer",
        "html",
        "failed",
        "Not saved to “Team”. “Team” failed with status 500: 500 Internal Server Error",
    ),
    Fault(
        "certificate",
        "tls",
        "waiting",
        "Not saved to “Team”. The connection to 127.0.0.1:8400 is not safe: [SSL: CERTIFICATE_VERIFY_FAILED] "
        f"certificate verify failed: self-signed certificate. {KEPT}",
    ),
    Fault(
        "proxy",
        "proxy",
        "waiting",
        "Not saved to “Team”. The proxy on the way to 127.0.0.1:8400 refuses: 407 Proxy Authentication Required. "
        f"Check HTTPS_PROXY and NO_PROXY. {KEPT}",
    ),
    Fault(
        "something else answers",
        "foreign",
        "failed",
        "Not saved to “Team”. 127.0.0.1:8400 answers, but not as a workflow server does. Check the address.",
    ),
    Fault(
        "refused by the server",
        400,
        "failed",
        "Not saved to “Team”. “Team” refused this (status 400): Unknown block type: odd",
        body={"error": "Unknown block type: odd", "error_code": "VALIDATION_ERROR"},
    ),
    Fault(
        "hosted edition without balance",
        402,
        "failed",
        "Not saved to “Team”. “Team” refused this (status 402): Balance used up",
        body={"error": "Balance used up", "error_code": "PAYMENT_REQUIRED"},
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_the_person_sees_and_how_it_goes_on(play: Windows, server: FakeServer, fault: Fault) -> None:
    """The notice says what is wrong and stays; nothing is lost; once the fault is gone one press saves."""
    player = opened(play)
    bad = server.fail(fault.kind, fault.method, times=FOR_EVER, body=fault.body, headers=fault.headers)

    player.action("save")
    player.wait(lambda: player.window.server_link.save_state.kind == fault.state)

    assert player.notice == fault.notice
    assert player.state.startswith("Not saved to “Team”")
    assert has_my_work(player)
    assert player.window.workspace.is_dirty
    bad.times = 0
    player.press(player.window.notices._button)
    player.wait(lambda: not player.window.workspace.is_dirty)
    assert player.stored("out")["output"] == "my work"
    assert player.notice == "Saved to “Team”"


@pytest.mark.parametrize("kind", ["lost", "cut"])
@pytest.mark.parametrize("own", [True, False], ids=["our server", "platform server"])
def test_a_reply_that_is_lost_makes_no_second_version(play: Windows, server: FakeServer, kind: str, own: bool) -> None:
    """The server did it and nobody heard: the next try looks first, finds it there, and writes nothing again."""
    server.own = own
    if not own:
        _with_uuids(server)
    player = opened(play, edited=False)
    out = player.block("Out").id
    player.configure(out, "output", "my work")
    row = server.workflows[player.window.server_link.workflow_id]
    version = row["version"]
    server.fail(kind, "PUT")

    player.save()
    player.wait(lambda: not player.window.workspace.is_dirty)

    assert player.stored(out)["output"] == "my work"
    assert row["version"] == version + 1
    assert len(server.sent("PUT")) == 1
    assert player.notice == "Saved to “Team”"


def test_a_reply_is_lost_and_somebody_else_saves_meanwhile(play: Windows, server: FakeServer) -> None:
    """Neither version is written over: both are shown."""
    player = opened(play)
    away = server.fail("refused", "GET", times=FOR_EVER)
    server.fail("lost", "PUT")
    player.action("save")
    player.wait(lambda: player.window.server_link.save_state.kind == "waiting" and away.times < FOR_EVER)
    server.edit(player.window.server_link.workflow_id, "out", output="theirs")
    away.times = 0

    dialog: MergeDialog = player.dialog(MergeDialog)

    assert dialog.detail.mine.toPlainText() == "my work"
    assert dialog.detail.theirs.toPlainText() == "theirs"
    player.press(dialog.mine_button)
    player.press(dialog.accept_button)
    player.wait(lambda: not player.window.workspace.is_dirty)
    assert player.stored("out")["output"] == "my work"


def test_a_first_save_whose_reply_is_lost_makes_one_workflow(play: Windows, server: FakeServer) -> None:
    """What the lost reply left behind is taken, not made again."""
    player = play()
    player.window.server_flow.saver._backoff = Backoff(0.005, 0.02)
    server.fail("lost", "POST")

    player.action("save_server")
    dialog: SaveToServerDialog = player.dialog(SaveToServerDialog)
    dialog.name_edit.setText("Once")
    player.press(dialog.accept_button)
    player.wait(lambda: player.window.server_link.is_placed and not player.window.workspace.is_dirty)

    assert sorted(row["name"] for row in server.workflows.values()) == ["Once", "Orders"]


def test_a_slow_server_is_waited_for_in_view_and_stopped_at_once(play: Windows, server: FakeServer) -> None:
    """After a moment the notice says what is waited for, with Stop; the window works meanwhile."""
    player = opened(play)
    server.fail("slow", "PUT", times=FOR_EVER)

    player.action("save")
    player.wait(lambda: player.notice == "Saving to “Team”…")
    assert player.state == "Saving to “Team”…"
    player.configure("out", "output", "typed while saving")
    began = perf_counter()
    player.press(player.window.notices._button)
    player.wait(lambda: not player.window.server_flow.saver.is_busy)

    assert perf_counter() - began < 0.5
    assert player.notice == "Not saved to “Team”. Your work is kept here."
    assert player.window.workspace.workflow.block("out").config["output"] == "typed while saving"
    server.release()
    player.press(player.window.notices._button)
    player.wait(lambda: not player.window.workspace.is_dirty)
    assert player.stored("out")["output"] == "typed while saving"


def opening_slowly(play: Windows, server: FakeServer) -> ServerPlayer:
    """A window that waits for a workflow, and says so."""
    player = play()
    player.action("open_server")
    browser: ServerBrowser = player.dialog(ServerBrowser)
    player.wait(lambda: browser.list.current_key)
    server.fail("slow", "GET", times=FOR_EVER)
    player.press(browser.open_button)
    player.wait(lambda: player.notice == "Opening from “Team”…")
    return player


def test_opening_from_a_slow_server_can_be_stopped(play: Windows, server: FakeServer) -> None:
    """What is on screen stays."""
    player = opening_slowly(play, server)

    player.press(player.window.notices._button)
    player.settled()

    assert not player.window.server_link.is_placed
    assert player.window.workspace.workflow.blocks


def test_what_was_slow_to_open_takes_its_notice_along(play: Windows, server: FakeServer) -> None:
    """The notice waits as long as the server does, and no longer."""
    player = opening_slowly(play, server)

    server.release()
    player.settled()

    assert player.window.server_link.is_placed
    assert player.notice == ""


def test_a_key_that_nobody_has_is_asked_for_once(play: Windows, server: FakeServer) -> None:
    """Whoever gives up is told, and not asked again by itself."""
    player = opened(play)
    server.key = "revoked"

    player.action("save")
    dialog: KeyDialog = player.dialog(KeyDialog)
    player.press(dialog.cancel_button)
    player.wait(lambda: player.window.server_link.save_state.kind == "failed")

    assert player.notice == (
        "Not saved to “Team”. “Team” does not accept the key. Enter the server's API key in the connection."
    )
    assert has_my_work(player)
    assert QApplication.activeModalWidget() is None


def test_a_wrong_key_given_in_answer_is_not_asked_for_in_a_loop(play: Windows, server: FakeServer) -> None:
    """One question a save."""
    player = opened(play)
    server.key = "revoked"

    player.action("save")
    dialog: KeyDialog = player.dialog(KeyDialog)
    dialog.field.edit.setText("wrong again")
    dialog.field.edited.emit()
    player.press(dialog.accept_button)
    player.wait(lambda: player.window.server_link.save_state.kind == "failed")

    assert QApplication.activeModalWidget() is None
    assert has_my_work(player)


@pytest.mark.parametrize("answer", ["new", "cancel"])
def test_a_workflow_that_was_deleted_elsewhere(play: Windows, server: FakeServer, answer: str) -> None:
    """It is offered to be saved as a new one; whoever says no keeps the document and is told where it is not."""
    player = opened(play)
    old_id = player.window.server_link.workflow_id
    del server.workflows[old_id]

    player.action("save")
    assert player.question().text() == "“Orders” is no longer on “Team”"
    player.answer(answer)
    player.wait(lambda: not player.window.server_flow.saver.is_busy)

    assert has_my_work(player)
    if answer == "new":
        assert player.stored("out")["output"] == "my work"
        assert player.window.server_link.workflow_id != old_id
        assert not player.window.workspace.is_dirty
    else:
        assert player.notice.startswith("Not saved to “Team”. The workflow was deleted on the server.")


@pytest.mark.parametrize("status", [409, 412])
def test_a_revision_that_moved_at_the_last_moment(play: Windows, server: FakeServer, status: int) -> None:
    """Both answers mean the same: look, merge, save."""
    player = opened(play)
    server.edit(player.window.server_link.workflow_id, "start", theirs=1)
    server.fail(status, "PUT", body={"error": "moved"})

    player.action("save")
    dialog: MergeDialog = player.dialog(MergeDialog)
    assert dialog.heading.text() == "“Team” has a newer version of this workflow"
    player.press(dialog.accept_button)
    player.wait(lambda: not player.window.workspace.is_dirty)

    assert player.stored("start") == {"theirs": 1}
    assert player.stored("out")["output"] == "my work"


def test_a_document_that_is_too_large_names_its_largest_block(play: Windows, server: FakeServer) -> None:
    """So that one knows where to begin."""
    player = opened(play)
    big = Block("big", "code", "Big one", config={"code": "x" * 300_000})
    player.window.workspace.edit("Add", edits.add_blocks, [big])
    server.fail(413, "PUT", times=FOR_EVER, body={"error": "The body is larger than 10 MB"})

    player.action("save")
    player.wait(lambda: player.window.server_link.save_state.kind == "failed")

    assert "The largest block is “Big one” with 0.3 MB." in player.notice


def test_a_pause_that_the_server_asks_for_is_kept(play: Windows, server: FakeServer) -> None:
    """With `Retry-After: 0` the next try comes by itself and saves."""
    player = opened(play)
    server.fail(429, "PUT", body={"error": "slow down"}, headers={"retry-after": "0.01"})

    player.action("save")
    player.wait(lambda: not player.window.workspace.is_dirty)

    assert player.stored("out")["output"] == "my work"
    assert len(server.sent("PUT")) == 2


def test_a_clock_that_is_an_hour_off_moves_no_times(play: Windows, server: FakeServer) -> None:
    """Times are told by the server's clock: what was made just now was made just now."""
    server.clock_ahead_s = 3600.0
    server.add("Made now")
    player = play()

    player.action("open_server")
    browser: ServerBrowser = player.dialog(ServerBrowser)
    player.wait(lambda: browser.list.current_key)

    row = browser.list.rows.rows[browser.list.rows.row_of(browser.list.current_key)]
    assert row.detail == "Created just now"
    player.press(browser.cancel_button)
    player.closed()
    player.open("Made now")
    ahead = player.window.server_link.server_now() - datetime.datetime.now(datetime.UTC)
    assert abs(ahead.total_seconds() - 3600) < 5


@pytest.mark.parametrize("kind", ["foreign", "html", "tls"])
def test_a_workflow_that_cannot_be_opened_leaves_what_is_on_screen(
    play: Windows, server: FakeServer, kind: str
) -> None:
    """The reason is told, with the way to the connections."""
    player = play()
    before = player.window.workspace.workflow
    player.action("open_server")
    browser: ServerBrowser = player.dialog(ServerBrowser)
    player.wait(lambda: browser.list.current_key)
    server.fail(kind, "GET", times=FOR_EVER)

    player.press(browser.open_button)
    player.settled()

    assert player.notice.startswith("Not opened. ")
    assert player.window.workspace.workflow is before


def test_a_list_that_cannot_be_read_says_why(play: Windows, server: FakeServer) -> None:
    """The reason stands over the empty list, and Try Again asks anew."""
    player = play()
    bad = server.fail("foreign", "GET", times=FOR_EVER)
    player.action("open_server")
    browser: ServerBrowser = player.dialog(ServerBrowser)
    player.wait(lambda: browser.banner.text())
    assert "not as a workflow server does" in browser.banner.text()
    assert browser.empty.title.text() == "The list cannot be read"

    bad.times = 0
    player.press(browser.retry_button)
    player.wait(lambda: browser.list.current_key)
    assert not browser.banner.isVisible()
    player.press(browser.cancel_button)
    player.closed()


def test_leaving_while_the_server_is_away_loses_nothing(play: Windows, server: FakeServer) -> None:
    """Save, which cannot be done now, keeps the window open; the reason stands in the notice."""
    player = opened(play)
    server.fail("refused", times=FOR_EVER)

    player.action("new")
    player.answer("save")
    player.settled()

    assert player.window.workspace.workflow.name == "Orders"
    assert has_my_work(player)
    assert player.notice.startswith("Not saved to “Team”. Nothing answers")


# --- real sockets -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_certificate_that_nobody_signed(play: Windows, tmp_path: Path) -> None:
    """A real TLS server with a certificate of its own: the connection test says that it is not safe, in words."""
    with _tls_server(tmp_path) as url:
        play.transport_for = None
        play.url = url
        player = play()

        report = player.run(player.window.connections.test(player.window.connections.all()[0]))

    assert not report.is_fine
    assert "is not safe" in report.words
    assert "self-signed certificate" in report.words or "self signed certificate" in report.words


@pytest.mark.slow
def test_a_proxy_that_is_not_there(play: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere, and a proxy in the environment at which nothing listens: said in words, at once."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    play.transport_for = None
    play.url = "http://flows.invalid"
    player = play()

    report = player.run(player.window.connections.test(player.window.connections.all()[0]))

    assert not report.is_fine
    assert report.words == (
        "Nothing answers at 127.0.0.1:9, the proxy on the way to flows.invalid. Check HTTPS_PROXY and NO_PROXY."
    )


def _with_uuids(server: FakeServer) -> None:
    """Store the workflow as a platform server would have it."""
    ids = {"start": str(uuid.UUID(int=1)), "hook": str(uuid.UUID(int=2)), "out": str(uuid.UUID(int=3))}
    for row in server.workflows.values():
        text = json.dumps([row["blocks"], row["edges"]])
        for old, new in ids.items():
            text = text.replace(f'"{old}"', f'"{new}"')
        row["blocks"], row["edges"] = json.loads(text)


class _tls_server:  # noqa: N801 - used as a function
    """A TLS server on loopback with a certificate that it signed itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_self_signed(self._folder))
        self._server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return f"https://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _self_signed(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    key_path, certificate_path = folder / "key.pem", folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    unprotected = serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unprotected))
    certificate_path.write_bytes(certificate.public_bytes(pem))
    return certificate_path, key_path
