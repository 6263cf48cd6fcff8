"""Copies of what servers told: private, without secrets, and never in anybody's way."""

import stat
from pathlib import Path

import msgspec
import pytest

from editor.workspace.secret_fields import with_secrets, without_secrets
from editor.workspace.server_cache import MAX_WORKFLOWS, ServerCache
from engine import Block, Edge, StoredWorkflow, Workflow, WorkflowRow, default_catalog, difference

HOOK = {"webhook_id": "b5a0b1a2-6b5a-4c69-8a1f-9a5f6d2f7c11", "webhook_secret": "canary-secret", "kept": 1}


def stored(workflow_id: str = "w1") -> StoredWorkflow:
    blocks = [Block("hook", "webhook", "Hook", 1.5, 2, HOOK), Block("x", "odd type", "Odd", config={"a": None})]
    workflow = Workflow(
        "Flow", "D", {"n": 1}, {b.id: b for b in blocks}, {"e": Edge("e", "hook", "x", None, None)}, {"color": "#fff"}
    )
    return StoredWorkflow(
        id=workflow_id,
        workflow=workflow,
        version=7,
        state="deployed",
        revision="r7",
        tells_arming=True,
        next_runs=("a",),
    )


@pytest.fixture
def cache(tmp_path: Path) -> ServerCache:
    return ServerCache(default_catalog(), tmp_path / "data" / "servers")


def test_a_copy_says_all_but_the_secrets(cache: ServerCache) -> None:
    """Facts and graph come back; the webhook's secret does not."""
    cache.keep("c1", stored())

    kept = cache.find("c1", "w1")

    assert kept is not None
    bare = without_secrets(stored().workflow, default_catalog())
    assert difference(kept.stored.workflow, bare).is_empty
    assert msgspec.structs.replace(kept.stored, workflow=Workflow()) == msgspec.structs.replace(
        stored(), workflow=Workflow()
    )
    assert "webhook_secret" not in kept.stored.workflow.block("hook").config


def test_a_copy_is_for_its_owner_alone_and_holds_no_secret(cache: ServerCache, tmp_path: Path) -> None:
    """Folders 0700, files 0600, and the secret's text in none of them."""
    cache.keep("c1", stored())
    cache.keep_list("c1", [WorkflowRow(id="w1", name="Flow")])

    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        assert path.is_dir() or b"canary-secret" not in path.read_bytes()


def test_ids_of_servers_name_no_files(cache: ServerCache, tmp_path: Path) -> None:
    """An id such as `../../x` stays in the folder."""
    cache.keep("../..", stored("../../../evil"))

    assert cache.find("../..", "../../../evil") is not None
    assert all(path.is_relative_to(tmp_path) for path in tmp_path.rglob("*"))
    assert not list(tmp_path.parent.glob("evil*"))


def test_a_broken_copy_is_none(cache: ServerCache, tmp_path: Path) -> None:
    """Whatever stands in the file, nobody gets an error for it."""
    cache.keep("c1", stored())
    cache.keep_list("c1", [WorkflowRow(id="w1")])
    for path in (item for item in tmp_path.rglob("*") if item.is_file()):
        whole = path.read_bytes()
        for broken in (b"", b"{", whole[: len(whole) // 2], b"[]\n{}", b'{"facts": 1, "kept_at": []}\n' + whole):
            path.write_bytes(broken)
            cache.find("c1", "w1")
            cache.find_list("c1")
    assert cache.find_list("other") is None


def test_the_oldest_copies_go(cache: ServerCache, tmp_path: Path) -> None:
    """A machine that opens many workflows keeps a bounded number."""
    for number in range(MAX_WORKFLOWS + 5):
        cache.keep("c1", stored(f"w{number}"))

    assert len(list(tmp_path.rglob("*.workflow"))) == MAX_WORKFLOWS
    assert cache.find("c1", f"w{MAX_WORKFLOWS + 4}") is not None


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    """Copies are a comfort."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache = ServerCache(default_catalog(), blocked)

    cache.keep("c1", stored())
    cache.keep_list("c1", [])

    assert cache.find("c1", "w1") is None
    assert cache.find_list("c1") is None


def test_what_is_forgotten_is_gone(cache: ServerCache) -> None:
    """One workflow, or all of a connection."""
    cache.keep("c1", stored("a"))
    cache.keep("c1", stored("b"))

    cache.forget("c1", "a")
    assert not cache.has("c1", "a")
    assert cache.has("c1", "b")
    cache.forget("c1")
    assert not cache.has("c1", "b")


def test_secrets_go_and_come_back() -> None:
    """Taking out and putting back is the same document; what has a secret of its own keeps it."""
    catalog, whole = default_catalog(), stored().workflow
    bare = without_secrets(whole, catalog)

    assert difference(with_secrets(bare, whole, catalog), whole).is_empty
    assert with_secrets(whole, bare, catalog) is whole
    assert without_secrets(bare, catalog) is bare
    other = whole.with_blocks([whole.block("hook").changed(config={**HOOK, "webhook_secret": "mine"})])
    assert with_secrets(other, whole, catalog) is other
