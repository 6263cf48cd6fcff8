"""The commands that speak to a server, against the server's application."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine import files
from engine.cli import main, remote
from engine.cli.remote import CommandError
from engine.client import Connection, Connections, PlatformClient
from engine.client.keys import MemoryKeys
from engine.document import Block, Edge, Workflow, new_id
from engine.errors import NotOnServer
from tests.server.support import KEY, Api, serving

SECRET = new_id()


def hook_workflow(name: str = "Hook") -> Workflow:
    """A webhook whose payload is answered."""
    hook = Block("h", "webhook", "Hook", config={"webhook_id": new_id(), "webhook_secret": SECRET})
    answer = Block("r", "response", "Answer", config={"output": "Hello <Hook.output.name>"})
    return Workflow(name=name, blocks={"h": hook, "r": answer}, edges={"e": Edge("e", "h", "r")})


def on_server(tmp_path: Path, story: Callable[[PlatformClient, Api], Awaitable[None]]) -> None:
    """Play a story with a client of an application on SQLite."""

    async def play() -> None:
        async with serving(tmp_path / "data") as api:
            await story(PlatformClient(Connection("Test", "http://server", KEY), api._transport), api)

    asyncio.run(play())


def test_a_file_goes_to_the_server_and_comes_back(tmp_path: Path) -> None:
    """Saved as a new workflow, saved over it, read again: the same document, and no file is overwritten unasked."""
    path, workflow = tmp_path / "hook.workflow.json", hook_workflow()
    files.save(path, workflow)

    async def story(client: PlatformClient, _api: Api) -> None:
        made, said = await remote.push(client, path, "")
        again, _ = await remote.push(client, path, "Hook")
        listed, table = await remote.list_workflows(client, "hoo", 10)
        pulled, _ = await remote.pull(client, made["id"], tmp_path / "copy.workflow.json", force=False)

        assert made["id"] in str(said)
        assert again["id"] == made["id"]
        assert listed["total"] == 1
        assert not isinstance(table, str)
        assert table.rows[0][:4] == (made["id"], "Hook", "internal", "v3")
        assert files.read(Path(pulled["file"])).workflow == workflow
        with pytest.raises(CommandError, match="is there already"):
            await remote.pull(client, "Hook", path, force=False)

    on_server(tmp_path, story)


def test_a_workflow_is_armed_called_deployed_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole life of a webhook from the command line; a refused call is told."""
    path = tmp_path / "hook.workflow.json"
    files.save(path, hook_workflow())

    async def story(client: PlatformClient, _api: Api) -> None:
        made, _ = await remote.push(client, path, "")
        refused, _ = await remote.trigger(client, "Hook", "{}")
        armed, _ = await remote.arm(client, "Hook")
        once, text = await remote.trigger(client, made["id"], '{"name": "Ada"}')
        twice, _ = await remote.trigger(client, made["id"], "{}")
        deployed, words = await remote.deploy(client, "Hook")
        monkeypatch.setenv(remote.WEBHOOK_VARIABLE, SECRET)
        hook = files.read(path).workflow.blocks["h"].config["webhook_id"]
        by_id, _ = await remote.trigger(client, hook, '{"name": "Ben"}')
        taken, _ = await remote.undeploy(client, "Hook")
        runs, table = await remote.executions(client, "Hook", 10)

        assert (refused["status_code"], refused["refused"]) == (403, True)
        assert armed["armed_until"]
        assert (once["status_code"], text) == (200, "Hello Ada")
        assert twice["status_code"] == 403
        assert (deployed["state"], words) == ("deployed", "“Hook” is deployed (v2)")
        assert by_id["reply"]["output"] == "Hello Ben"
        assert taken["state"] == "internal"
        assert [run["status"] for run in runs["executions"]] == ["completed", "completed"]
        assert not isinstance(table, str)
        assert len(table.rows) == 2

    on_server(tmp_path, story)


def test_agents_are_made_and_listed(tmp_path: Path) -> None:
    """With the server's usual model when none is named."""

    async def story(client: PlatformClient, _api: Api) -> None:
        made, _ = await remote.create_agent(client, "Ada", "", "Be exact.")
        listed, _ = await remote.list_agents(client, "")

        assert [agent["id"] for agent in listed["agents"]] == [made["id"]]
        assert listed["agents"][0]["system_prompt"] == "Be exact."

    on_server(tmp_path, story)


def test_a_name_must_mean_one_workflow(tmp_path: Path) -> None:
    """Otherwise the candidates are named, or that there is none."""

    async def story(client: PlatformClient, _api: Api) -> None:
        for _ in range(2):
            await client.create_workflow("Twin")

        with pytest.raises(CommandError, match="Several workflows fit “Twin”"):
            await remote.deploy(client, "Twin")
        with pytest.raises(CommandError, match="no workflow called “Nobody”"):
            await remote.deploy(client, "Nobody")
        with pytest.raises(NotOnServer):
            await remote.deploy(client, new_id())

    on_server(tmp_path, story)


@pytest.mark.parametrize("data", ["{", "@missing.json"])
def test_what_is_no_json_is_not_sent(tmp_path: Path, data: str) -> None:
    """The text says what would be right."""

    async def story(client: PlatformClient, _api: Api) -> None:
        with pytest.raises(CommandError, match="--data"):
            await remote.trigger(client, "Hook", data)

    on_server(tmp_path, story)


class TestChoice:
    """Which server is meant."""

    def invoke(self, *words: str) -> Any:
        return CliRunner().invoke(main.app, list(words))

    def test_no_server_is_told_with_both_ways_out(self) -> None:
        """Exit code 2, nothing on standard output."""
        result = self.invoke("list")

        assert (result.exit_code, result.stdout) == (2, "")
        assert "BLOCKLOOM_URL" in result.stderr
        assert "--server" in result.stderr

    def test_a_server_that_is_away_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In the client's words, without a traceback."""
        monkeypatch.setenv("BLOCKLOOM_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("STAMINA_NO_RETRY", "1")

        result = self.invoke("agents", "list")

        assert result.exit_code == 2
        assert "Nothing answers at 127.0.0.1:9" in result.stderr

    def test_a_saved_connection_wins_when_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Over the environment; without a name the environment wins over the active one."""
        Connections(keys=MemoryKeys()).save(Connection("Work", "https://flows.example"))
        assert remote.connection_for("").url == "https://flows.example"

        monkeypatch.setenv("BLOCKLOOM_URL", "http://127.0.0.1:9")

        assert remote.connection_for("").url == "http://127.0.0.1:9"
        assert remote.connection_for("Work").url == "https://flows.example"

    def test_json_is_one_object(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """For scripts, whatever the command."""
        monkeypatch.setenv("BLOCKLOOM_URL", "http://127.0.0.1:9")

        async def work(_client: PlatformClient) -> remote.Answer:
            return {"a": 1}, "text"

        assert remote.run_command(work, server="", as_json=True) == 0
        assert json.loads(capsys.readouterr().out) == {"a": 1}
