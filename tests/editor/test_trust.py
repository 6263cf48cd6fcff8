"""Documents from elsewhere wait for an answer; the answer and the person's own work are remembered."""

import json
import stat
from pathlib import Path

import pytest

from editor.aio import Tasks
from editor.theme import RESOURCES
from editor.workspace.document_trust import DocumentTrust
from editor.workspace.trust_store import MOST_KEPT, Choices, TrustStore
from editor.workspace.workspace import Workspace
from engine import Block, Workflow, default_catalog, edits, files, wiring
from engine.trust import fingerprint

CODE = Workflow("Foreign", blocks={"a": Block("a", "code", "Code", config={"code": "output = 1"})})
ALLOWED = Choices(("localhost:11434",), "restricted")


@pytest.fixture
def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path / "data" / "trusted.json")


@pytest.fixture
def workspace(qapp) -> Workspace:
    return Workspace(default_catalog(), Workflow("New"))


@pytest.fixture
def document(loop, qtbot, workspace, store):
    tasks = Tasks()
    trust = DocumentTrust(workspace, tasks, store)
    trust.wait = lambda condition: qtbot.waitUntil(condition, timeout=5_000)
    yield trust
    task = loop.create_task(tasks.close())
    qtbot.waitUntil(task.done)


def do(loop, qtbot, awaitable):
    """Run a coroutine to its end on Qt's loop."""
    task = loop.create_task(awaitable)
    qtbot.waitUntil(task.done, timeout=5_000)
    return task.result()


# The store


def test_what_was_allowed_is_found_again(store):
    """The next window knows the fingerprint and its choices."""
    store.add("one", ALLOWED)

    assert store.find("one") == ALLOWED
    assert store.find("two") is None


def test_the_store_holds_hashes_only_and_is_for_its_owner(store, tmp_path):
    """Nothing of a workflow is in the file, and nobody else can read or write it."""
    store.add(fingerprint(CODE, default_catalog()), Choices())

    path = tmp_path / "data" / "trusted.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "output" not in path.read_text()


@pytest.mark.parametrize("content", ["", "[]", '{"workflows": 7}', '{"workflows": {"one": 5}}', '{"workflows": {"o'])
def test_a_broken_store_means_asking_again(store, tmp_path, content):
    """A file that cannot be read allows nothing and breaks nothing."""
    store.add("one", Choices())
    (tmp_path / "data" / "trusted.json").write_text(content)

    assert store.find("one") is None
    store.add("two", ALLOWED)
    assert store.find("two") == ALLOWED


def test_a_store_that_others_may_write_allows_nothing(store, tmp_path):
    """What decides about running code is not taken from another user of the machine."""
    store.add("one", Choices())
    (tmp_path / "data" / "trusted.json").chmod(0o666)

    assert store.find("one") is None


def test_the_store_does_not_grow_for_ever(store, tmp_path):
    """The oldest are forgotten."""
    entries = {f"old {number}": {"hosts": [], "code": "", "at": number} for number in range(MOST_KEPT)}
    store.add("one", Choices())
    (tmp_path / "data" / "trusted.json").write_text(json.dumps({"workflows": entries}))

    store.add("new", Choices())

    assert store.find("old 0") is None
    assert store.find("new") is not None
    assert store.find(f"old {MOST_KEPT - 1}") is not None


# The document


def test_a_document_from_elsewhere_is_restricted(loop, qtbot, document, workspace):
    """It is so until somebody agrees, and its own edits do not change that."""
    workspace.replace(CODE)

    assert do(loop, qtbot, document.settle()) is False
    workspace.edit("Name", edits.set_name, "Mine now")
    assert document.is_restricted


def test_agreeing_once_is_enough(loop, qtbot, document, workspace):
    """The same workflow opened again runs without a question, with what was allowed; another one does not."""
    workspace.replace(CODE)
    do(loop, qtbot, document.settle())
    do(loop, qtbot, document.allow(ALLOWED))

    workspace.replace(Workflow("Other"))
    workspace.replace(CODE.changed(name="The same blocks"))

    assert do(loop, qtbot, document.settle()) is True
    assert document.choices == ALLOWED
    workspace.replace(CODE.with_blocks([CODE.block("a").changed(config={"code": "output = 2"})]))
    assert do(loop, qtbot, document.settle()) is False


def test_what_was_made_here_is_trusted_and_stays_so(loop, qtbot, document, workspace):
    """A new document is the person's own: saved and opened again it runs without a question."""
    workspace.replace(Workflow("Untitled"))
    do(loop, qtbot, document.settle())
    workspace.edit("Add", lambda now: now.with_blocks(CODE.blocks.values()))
    assert not document.is_restricted

    workspace.mark_saved(workspace.workflow)
    saved = workspace.workflow
    document.wait(lambda: document.store.find(fingerprint(saved, workspace.catalog)) is not None)

    workspace.replace(Workflow("Other"))
    workspace.replace(saved)
    assert do(loop, qtbot, document.settle()) is True


def test_what_is_pasted_before_the_document_is_known_is_asked_about(loop, qtbot, document, workspace):
    """Looking a document up takes a moment, and somebody may be quicker than that."""
    harmless = Workflow(blocks={"s": Block("s", "starter", "Start")})
    workspace.replace(harmless)
    workspace.edit("Paste", lambda now: now.with_blocks(CODE.blocks.values()))
    document.doubt(CODE.blocks.values())

    assert do(loop, qtbot, document.settle()) is False
    assert document.is_restricted
    assert document.origin == "pasted"
    document.vouch()
    assert do(loop, qtbot, document.settle()) is True
    workspace.replace(harmless)
    assert do(loop, qtbot, document.settle()) is True


def test_a_new_document_is_known_at_once(document, workspace):
    """What is copied from it before anything could be looked up is the person's own."""
    workspace.replace(Workflow("Untitled"))

    assert document.is_trusted


def test_saving_a_restricted_document_does_not_make_it_trusted(loop, qtbot, document, workspace):
    """Keeping a copy of a foreign file is no agreement to run it."""
    workspace.replace(CODE)
    do(loop, qtbot, document.settle())

    workspace.mark_saved(workspace.workflow)

    workspace.replace(Workflow("Other"))
    workspace.replace(CODE)
    assert do(loop, qtbot, document.settle()) is False


def test_a_code_block_that_is_switched_off_is_asked_about_too(loop, qtbot, document, workspace):
    """Switching it on is one key: that it does not run yet is no reason to trust it."""
    workspace.replace(CODE.with_blocks([CODE.block("a").changed(enabled=False)]))

    assert do(loop, qtbot, document.settle()) is False


def test_a_document_that_reaches_nothing_needs_no_question(loop, qtbot, document, workspace):
    """Blocks that only pass values on are nobody's risk."""
    workspace.replace(Workflow(blocks={"a": Block("a", "starter", "Start"), "b": Block("b", "response", "End")}))

    assert do(loop, qtbot, document.settle()) is True


@pytest.mark.parametrize("path", sorted((RESOURCES / "examples").glob("*.workflow.json")), ids=lambda path: path.name)
def test_shipped_examples_are_trusted(loop, qtbot, document, workspace, path):
    """What comes with the program runs at once, also with webhook addresses of its own; a changed one does not."""
    shipped = files.read(path).workflow
    workspace.replace(wiring.mint_anew(shipped, workspace.catalog))
    assert do(loop, qtbot, document.settle()) is True

    workspace.replace(shipped.with_blocks([Block("extra", "code", "Extra", config={"code": "output = 0"})]))
    assert do(loop, qtbot, document.settle()) is False
