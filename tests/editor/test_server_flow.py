"""A window and a server: open, save, merge, lose the network, come back; the real window plays with a fake server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from editor.panels.conflicts.dialog import MergeDialog
from editor.panels.connections.key_dialog import KeyDialog
from editor.panels.connections.save_dialog import SaveToServerDialog
from editor.panels.server_browser.dialog import ServerBrowser
from editor.panels.server_browser.name_dialog import NameDialog
from editor.workspace.workspace import SERVER
from engine import Workflow, edits, files
from tests.editor.fake_server import KEY, FakeServer
from tests.editor.server_window import BLOCKS, ServerPlayer, Windows, server_with_orders, windows


@pytest.fixture
def server() -> FakeServer:
    """A server of ours with one workflow."""
    return server_with_orders()


@pytest.fixture
def play(qtbot: Any, loop: Any, tmp_path: Path, server: FakeServer) -> Iterator[Windows]:
    """Opens windows that share settings, journals and the server."""
    yield from windows(qtbot, loop, tmp_path, server)


def test_a_workflow_of_the_server_is_opened_changed_and_saved(play: Windows, server: FakeServer) -> None:
    """The title shows where it lives, the status bar how saving stands, and Ctrl+S writes there."""
    player = play()

    player.open("Orders")
    assert player.title == "Orders – Team[*] – Blockloom"
    assert player.state == "Saved to “Team”"
    player.configure("out", "output", "changed")
    assert player.state == "Unsaved changes"
    player.save()

    assert player.stored("out") == {"output": "changed"}
    assert player.state == "Saved to “Team”"
    assert player.notice == "Saved to “Team”"


def test_saving_what_is_live_says_that_callers_get_it(play: Windows, server: FakeServer) -> None:
    """On a server the saved graph is what runs, so nobody changes what others call without knowing."""
    player = play()
    next(iter(server.workflows.values()))["state"] = "deployed"
    player.open("Orders")
    player.configure("out", "output", "changed")

    player.save()

    assert player.notice == "Saved to “Team”. It is live there: callers get this version from now on"


def test_opening_alone_changes_nothing(play: Windows, server: FakeServer) -> None:
    """Nothing is sent, and nothing is unsaved, by looking at a workflow (W29)."""
    player = play()

    player.open("Orders")

    assert not player.window.workspace.is_dirty
    assert {seen.method for seen in server.requests} == {"GET"}


def test_a_document_is_saved_to_a_server_for_the_first_time(play: Windows, server: FakeServer) -> None:
    """The dialog asks for server and name; from then on the document lives there."""
    player = play()
    player.action("new")
    player.settled()
    player.window.canvas.commands.add_beside("starter")

    player.action("save_server")
    dialog: SaveToServerDialog = player.dialog(SaveToServerDialog)
    dialog.name_edit.setText("Fresh")
    player.press(dialog.accept_button)
    player.wait(lambda: player.window.workspace.is_saved_in(SERVER))

    assert player.title == "Fresh – Team[*] – Blockloom"
    assert sorted(row["name"] for row in server.workflows.values()) == ["Fresh", "Orders"]
    assert not player.window.workspace.is_dirty


def test_what_somebody_else_saved_is_merged_side_by_side(play: Windows, server: FakeServer) -> None:
    """Both versions are shown, the conflict decided, and the save goes on."""
    player = play()
    player.open("Orders")
    server.edit(player.window.server_link.workflow_id, "out", output="theirs")
    player.configure("out", "output", "mine")

    player.action("save")
    dialog: MergeDialog = player.dialog(MergeDialog)
    assert player.state == "Not saved: “Team” has a newer version"
    assert not dialog.accept_button.isEnabled()
    assert dialog.detail.mine.toPlainText() == "mine"
    assert dialog.detail.theirs.toPlainText() == "theirs"
    player.press(dialog.detail.take_theirs)
    player.press(dialog.accept_button)
    player.wait(lambda: not player.window.workspace.is_dirty)

    assert player.stored("out")["output"] == "theirs"
    assert player.window.workspace.undo_label == "Merge changes from server"


def test_giving_up_a_merge_keeps_everything(play: Windows, server: FakeServer) -> None:
    """The notice stays until it is settled, and its button asks again."""
    player = play()
    player.open("Orders")
    server.edit(player.window.server_link.workflow_id, "out", output="theirs")
    player.configure("out", "output", "mine")

    player.action("save")
    dialog: MergeDialog = player.dialog(MergeDialog)
    player.press(dialog.cancel_button)
    player.closed()
    player.wait(lambda: not player.window.server_flow.saver.is_busy)

    assert player.notice == "Not saved. “Team” has a newer version."
    assert player.stored("out")["output"] == "theirs"
    assert player.window.workspace.workflow.block("out").config["output"] == "mine"
    player.press(player.window.notices._button)
    again: MergeDialog = player.dialog(MergeDialog)
    player.press(again.mine_button)
    player.press(again.accept_button)
    player.wait(lambda: not player.window.workspace.is_dirty)
    assert player.stored("out")["output"] == "mine"


def test_a_server_that_is_away_keeps_nobody_from_working(play: Windows, server: FakeServer) -> None:
    """The notice says so and that trying goes on; once the server is back the work is saved and the notice goes."""
    player = play()
    player.open("Orders")
    player.configure("out", "output", "changed")
    away = server.fail("refused", times=1000)

    player.action("save")
    player.wait(lambda: player.window.server_link.save_state.kind == "waiting")
    assert player.notice.startswith("Not saved to “Team”. Nothing answers at 127.0.0.1:8400.")
    assert player.state == "Not saved to “Team”: trying again"
    player.configure("out", "output", "changed while away")
    away.times = 0
    player.press(player.window.notices._button)
    player.wait(lambda: not player.window.workspace.is_dirty)

    assert player.stored("out")["output"] == "changed while away"
    assert player.notice == "Saved to “Team”"


def test_a_key_that_was_revoked_is_asked_for_once(play: Windows, server: FakeServer) -> None:
    """The same save goes on with the new key."""
    player = play()
    player.open("Orders")
    player.configure("out", "output", "changed")
    server.key = "another-key"

    player.action("save")
    dialog: KeyDialog = player.dialog(KeyDialog)
    dialog.field.edit.setText("another-key")
    dialog.field.edited.emit()
    player.press(dialog.accept_button)
    player.wait(lambda: not player.window.workspace.is_dirty)

    assert player.stored("out")["output"] == "changed"


def test_leaving_asks_about_what_the_server_does_not_have(play: Windows, server: FakeServer) -> None:
    """As for files: save, give up, or stay."""
    player = play()
    player.open("Orders")
    player.configure("out", "output", "changed")

    player.action("new")
    assert "Save the changes to “Orders”?" in player.question().text()
    player.answer("save")
    player.settled()

    assert player.window.workspace.workflow.name == "Untitled"
    row = next(iter(server.workflows.values()))
    assert row["blocks"][2]["config"]["output"] == "changed"
    assert not player.window.server_link.is_placed


def test_work_can_be_taken_along_while_the_server_is_away(
    play: Windows, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wants to leave need not wait for it: the work goes to a file."""
    path = tmp_path / "orders.workflow.json"

    async def choose_path(*_arguments: Any) -> Path:
        return path

    monkeypatch.setattr("editor.file_flow.ask_save", choose_path)
    player = play()
    player.open("Orders")
    player.configure("out", "output", "changed while away")
    server.fail("refused", times=1000)

    player.action("new")
    player.answer("file")
    player.wait(lambda: player.window.workspace.workflow.name == "Untitled")

    assert "changed while away" in path.read_text()


def test_a_crash_costs_neither_work_nor_place(play: Windows, server: FakeServer, tmp_path: Path) -> None:
    """The next start offers the work, and saving it writes to the server it came from, over the right base."""
    first = play()
    first.open("Orders")
    first.configure("out", "output", "before the crash")
    first.window.journal.write_now()
    (journal,) = (tmp_path / "journals").glob("*.json")
    crashed = json.loads(journal.read_text().partition("\n")[0])
    assert crashed["server"]["workflow_id"] == first.window.server_link.workflow_id
    kept = journal.read_text()
    play.close(first.window)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    head, _, body = kept.partition("\n")
    journal.write_text(json.dumps(json.loads(head) | {"pid": gone.pid}) + "\n" + body)

    second = play(asks=True)
    assert "It belongs to “Team”." in second.question().informativeText()
    second.answer("recover")
    second.wait(lambda: not second.window.tasks.is_busy("first"))
    assert second.title == "Orders – Team[*] – Blockloom"
    assert second.window.workspace.is_dirty
    second.save()

    assert second.stored("out")["output"] == "before the crash"
    assert second.stored("hook")["webhook_secret"] == "canary-secret"
    assert not second.window.workspace.is_dirty


def test_the_last_document_is_there_at_the_next_start_without_the_server(play: Windows, server: FakeServer) -> None:
    """The copy on this machine is shown, without its secrets, and gives way to the real one when the server is back."""
    first = play()
    first.open("Orders")
    first.wait(lambda: not first.window.tasks.is_busy("server-cache"))
    play.close(first.window)
    away = server.fail("refused", times=1000)

    second = play()
    second.wait(lambda: not second.window.tasks.is_busy("server-fresh"))
    assert second.title == "Orders – Team[*] – Blockloom"
    assert second.notice.startswith("This is the copy that was kept on this computer.")
    assert "webhook_secret" not in second.window.workspace.workflow.block("hook").config
    away.times = 0
    second.press(second.window.notices._button)
    second.wait(lambda: not second.window.server_link.is_partial)

    assert second.window.workspace.workflow.block("hook").config["webhook_secret"] == "canary-secret"
    assert not second.window.workspace.is_dirty


def test_a_copy_that_was_edited_offline_gets_its_secrets_back(play: Windows, server: FakeServer) -> None:
    """What is saved has them, though the copy had not."""
    first = play()
    first.open("Orders")
    first.wait(lambda: not first.window.tasks.is_busy("server-cache"))
    play.close(first.window)
    away = server.fail("refused", times=1000)
    second = play()
    second.wait(lambda: not second.window.tasks.is_busy("server-fresh"))

    second.configure("out", "output", "written offline")
    away.times = 0
    second.save()

    assert second.stored("out")["output"] == "written offline"
    assert second.stored("hook")["webhook_secret"] == "canary-secret"
    assert not second.window.workspace.is_dirty


def test_no_secret_and_no_key_is_written_to_disk(play: Windows, server: FakeServer, tmp_path: Path) -> None:
    """Neither the webhook's secret nor the server's key is in any file after opening, saving and closing."""
    player = play()
    player.open("Orders")
    player.configure("out", "output", "changed")
    player.save()
    player.wait(lambda: not player.window.tasks.is_busy("server-cache"))
    play.close(player.window)

    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Orders" in everything
    assert b"canary-secret" not in everything
    assert KEY.encode() not in everything


def test_a_file_saved_to_a_server_again_makes_no_second_workflow(
    play: Windows, server: FakeServer, tmp_path: Path
) -> None:
    """The dialog offers the workflow that it was saved to before."""
    path = tmp_path / "mine.workflow.json"
    files.save(path, Workflow("Mine"))
    player = play()
    player.open_file(path)
    player.wait(lambda: player.window.documents.path == path)
    player.settled()
    player.action("save_server")
    player.press(player.dialog(SaveToServerDialog).accept_button)
    player.wait(lambda: player.window.workspace.is_saved_in(SERVER))
    assert player.title == "Mine – mine.workflow.json, Team[*] – Blockloom"
    player.closed()

    player.open_file(path)
    player.wait(lambda: not player.window.server_link.is_placed)
    player.settled()
    player.action("save_server")
    dialog: SaveToServerDialog = player.dialog(SaveToServerDialog)
    assert dialog.update_box.isChecked()
    player.press(dialog.accept_button)
    player.wait(lambda: player.window.workspace.is_saved_in(SERVER))

    assert sorted(row["name"] for row in server.workflows.values()) == ["Mine", "Orders"]


def test_save_writes_to_both_homes(play: Windows, server: FakeServer, tmp_path: Path) -> None:
    """A document with a file and a server is saved in both by one Ctrl+S."""
    path = tmp_path / "mine.workflow.json"
    files.save(path, Workflow("Mine"))
    player = play()
    player.open_file(path)
    player.wait(lambda: player.window.documents.path == path)
    player.settled()
    player.action("save_server")
    player.press(player.dialog(SaveToServerDialog).accept_button)
    player.wait(lambda: player.window.workspace.is_saved_in(SERVER))
    player.closed()

    player.window.workspace.edit("Describe", edits.set_description, "in both")
    player.save()

    assert files.read(path).workflow.description == "in both"
    assert server.workflows[player.window.server_link.workflow_id]["description"] == "in both"
    assert not player.window.workspace.is_dirty


def test_leaving_the_server_lets_save_write_elsewhere(play: Windows, server: FakeServer) -> None:
    """The workflow there stays; the document is unsaved until it has another home."""
    player = play()
    player.open("Orders")

    player.action("detach_server")

    assert player.title == "Orders[*] – Blockloom"
    assert player.window.workspace.is_dirty
    assert len(server.workflows) == 1
    assert player.notice.startswith("Save does not write to “Team” any more.")


# --- the list -----------------------------------------------------------------------------------------------------


def browse(player: ServerPlayer) -> ServerBrowser:
    """The open list, once it has asked the server."""
    player.action("open_server")
    browser: ServerBrowser = player.dialog(ServerBrowser)
    player.wait(lambda: not browser.listing.is_busy and browser.count_label.text() != "Loading…")
    return browser


def test_the_list_is_searched_sorted_and_paged(play: Windows, server: FakeServer) -> None:
    """Typing searches at the server after a pause, the order is the server's, and the end of the list loads more."""
    for number in range(70):
        server.add(f"Invoice {number:02}")
    player = play()
    browser = browse(player)
    assert len(browser.listing.rows) == 50
    assert browser.count_label.text() == "50 of 71 workflows"

    browser.list.scrollToBottom()
    player.wait(lambda: len(browser.listing.rows) == 71)
    QTest.keyClicks(browser.search, "voice 1")
    player.wait(lambda: [row.name for row in browser.listing.rows][:1] == ["Invoice 19"])
    browser.sort_box.setCurrentIndex(1)
    player.wait(lambda: [row.name for row in browser.listing.rows][:1] == ["Invoice 10"])
    assert len(browser.listing.rows) == 10
    browser.search.setText("nothing like this")
    player.wait(lambda: browser.empty.title.text() == "Nothing found")
    player.press(browser.cancel_button)
    player.closed()


def test_workflows_are_made_renamed_copied_and_deleted(play: Windows, server: FakeServer) -> None:
    """A copy has webhook credentials of its own; deleting names server and workflow first."""
    player = play()
    browser = browse(player)

    player.press(browser.copy_button)
    player.press(player.dialog(NameDialog).accept_button)
    player.wait(lambda: len(browser.listing.rows) == 2)
    copy = next(row for row in server.workflows.values() if row["name"] == "Orders (copy)")
    hook = next(block["config"] for block in copy["blocks"] if block["id"] == "hook")
    assert hook["webhook_id"] != BLOCKS[1]["config"]["webhook_id"]
    assert hook["webhook_secret"] != "canary-secret"
    assert len(copy["edges"]) == 1
    player.wait(
        lambda: QApplication.activeModalWidget() is browser and not player.window.tasks.is_busy("server-browser")
    )

    browser.list.select(copy["id"])
    browser._update()
    player.press(browser.rename_button)
    dialog: NameDialog = player.dialog(NameDialog)
    dialog.name_edit.setText("Renamed")
    player.press(dialog.accept_button)
    player.wait(lambda: copy["name"] == "Renamed")
    player.wait(lambda: browser.listing.find(copy["id"]).name == "Renamed" and not browser.listing.is_busy)
    player.wait(lambda: not player.window.tasks.is_busy("server-browser"))

    browser.list.select(copy["id"])
    browser._update()
    player.press(browser.delete_button)
    assert player.question().text() == "Delete “Renamed” from “Team”?"
    player.answer("delete")
    player.wait(lambda: len(browser.listing.rows) == 1 and not player.window.tasks.is_busy("server-browser"))

    player.press(browser.new_button)
    dialog = player.dialog(NameDialog)
    dialog.name_edit.setText("Brand new")
    player.press(dialog.accept_button)
    player.wait(lambda: player.window.workspace.workflow.name == "Brand new")
    assert player.window.server_link.is_placed


def test_the_list_is_there_without_the_server(play: Windows, server: FakeServer) -> None:
    """What was listed last is shown with its age and the reason; a workflow that was opened before can be read."""
    player = play()
    player.open("Orders")
    player.wait(lambda: not any(player.window.tasks.is_busy(key) for key in ("server-cache", "server-list-copy")))
    player.action("new")
    player.settled()
    server.fail("refused", times=1000)

    browser = browse(player)
    assert [row.name for row in browser.listing.rows] == ["Orders"]
    assert "What you see was kept on this computer just now." in browser.banner.text()
    player.press(browser.open_button)
    player.wait(lambda: player.window.server_link.is_partial)
    player.settled()

    assert player.notice.startswith("“Team” cannot be reached. This is the copy")


def test_without_a_connection_the_list_says_what_to_do(play: Windows) -> None:
    """An empty state that leads on."""
    player = play(connected=False)

    browser = browse(player)

    assert browser.empty.title.text() == "No server yet"
    player.press(browser.cancel_button)
    player.closed()


def test_a_connection_that_gets_another_name_and_address_is_followed(play: Windows, server: FakeServer) -> None:
    """The title says the new name, and the next save goes to the new address."""
    player = play()
    player.open("Orders")
    connection = player.window.server_link.connection
    assert connection is not None
    player.run(player.window.connections.save(replace(connection, name="Office", url="http://127.0.0.1:8500")))

    assert player.title == "Orders – Office[*] – Blockloom"
    player.configure("out", "output", "changed")
    player.save()
    assert server.sent("PUT")[-1].headers["host"] == "127.0.0.1:8500"


def test_a_document_whose_connection_is_removed_is_unsaved_and_kept(play: Windows, server: FakeServer) -> None:
    """It lives on no server any more; the work is on screen."""
    player = play()
    player.open("Orders")
    connection = player.window.server_link.connection
    assert connection is not None

    player.run(player.window.connections.remove(connection.connection_id))

    assert player.title == "Orders[*] – Blockloom"
    assert player.window.workspace.is_dirty
    assert len(player.window.workspace.workflow.blocks) == 3
