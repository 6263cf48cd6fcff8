"""The command line: what it prints, where, and how it exits."""

import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.blocks import Catalog, default_catalog
from engine.cli import desktop, main
from engine.cli.output import printable
from engine.cli.progress import Progress, summary
from engine.cli.reply import execution_reply
from engine.cli.variables import BadVariable, read_variables
from engine.document import Block, Workflow
from engine.events import (
    BlockFailed,
    BlockFinished,
    BlockStarted,
    RunFinished,
    RunStarted,
    decode_events,
)
from engine.run.executionlog import FollowedRun
from engine.runstate import RunState, replay

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "resources/examples"
SUMMARIZER = EXAMPLES / "document-summarizer.workflow.json"
Invoke = Callable[..., Any]


@pytest.fixture
def invoke() -> Invoke:
    """Calls the command in this process: `invoke("run", path)` has `exit_code`, `stdout` and `stderr`."""
    return lambda *words: CliRunner().invoke(main.app, main.with_command([str(word) for word in words]))


@pytest.fixture
def workflow_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workflow of these blocks, `(id, type, config)`, each joined to the next, and returns its path."""

    def write(*blocks: tuple[str, str, dict[str, Any]]) -> Path:
        ids = [block_id for block_id, _, _ in blocks]
        graph = {
            "name": "Test",
            "blocks": [{"id": i, "type": kind, "name": i.title(), "config": config} for i, kind, config in blocks],
            "edges": [{"id": f"e-{a}", "source": a, "target": b} for a, b in pairwise(ids)],
        }
        path = tmp_path / "test.workflow.json"
        path.write_text(json.dumps(graph), encoding="utf-8")
        return path

    return write


START = ("start", "starter", {"input": {"text": "from the file"}})
RESPONSE = ("result", "response", {"output": "<Start.output.text>"})


class TestWords:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ([], ["open"]),
            (["x.workflow.json"], ["open", "x.workflow.json"]),
            (["./run"], ["open", "./run"]),
            (["run", "x.json"], ["run", "x.json"]),
            (["check", "x.json"], ["check", "x.json"]),
            (["--version"], ["--version"]),
            (["rnu"], ["rnu"]),
        ],
    )
    def test_a_file_opens_the_editor(self, arguments: list[str], expected: list[str]) -> None:
        """Without a command the first word is a file; a word that is neither is left to be refused."""
        assert main.with_command(arguments) == expected

    def test_unknown_command_is_refused(self, invoke: Invoke) -> None:
        """A misspelt command is no file to open."""
        done = invoke("rnu", "x.json")

        assert done.exit_code == 2
        assert "rnu" in done.stderr

    def test_version_and_help(self, invoke: Invoke) -> None:
        """Both are told without touching anything else."""
        assert invoke("--version").stdout.startswith("blockloom")
        assert "check" in invoke("--help").stdout


class TestVariables:
    def test_three_ways_to_give_one(self, tmp_path: Path) -> None:
        """Text as it is, a file's text, or any JSON value."""
        (tmp_path / "a.txt").write_text("﻿from a file\n", encoding="utf-8")

        variables = read_variables(
            ["a=1", f"b=@{tmp_path / 'a.txt'}", "c:=[1, true]", "d=", "e=@@home", "f=x=y:=z", "a=2"]
        )

        assert variables == {"a": "2", "b": "from a file\n", "c": [1, True], "d": "", "e": "@home", "f": "x=y:=z"}

    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`NAME=@-` reads what is piped in."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("gepipet ü".encode())))

        assert read_variables(["text=@-"]) == {"text": "gepipet ü"}

    @pytest.mark.parametrize("assignment", ["", "text", "=x", ":=1", "a:={", "a:=NaN", "a=@/no/such/file"])
    def test_mistakes_are_told(self, assignment: str) -> None:
        """The error shows the option and what would be right."""
        with pytest.raises(BadVariable, match="--var"):
            read_variables([assignment])

    @given(st.text(max_size=20))
    def test_any_word_is_read_or_refused(self, word: str) -> None:
        """No word makes the command break."""
        try:
            variables = read_variables([f"x:={word}", word.replace("@", "")])
        except BadVariable:
            return

        assert "x" in variables


class TestRun:
    def test_output_is_printed_as_it_is(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """A text comes without quotes, and nothing else is on standard output."""
        done = invoke("run", workflow_file(START, RESPONSE), "--var", "text=hello")

        assert (done.exit_code, done.stdout) == (0, "hello\n")

    def test_other_values_are_printed_as_json(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """A reference to an object keeps its type, and that is printed as JSON."""
        done = invoke("run", workflow_file(START, RESPONSE), "--var", 'text:={"a": [1, null]}')

        assert json.loads(done.stdout) == {"a": [1, None]}

    def test_json_has_the_keys_of_the_api(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """`--json` prints what the API's execute route replies."""
        done = invoke("run", workflow_file(START, RESPONSE), "--json")

        reply = json.loads(done.stdout)
        assert set(reply) == {"execution_id", "status", "output", "block_outputs", "block_logs"}
        assert (reply["status"], reply["output"]) == ("completed", "from the file")
        assert [log["block_id"] for log in reply["block_logs"]] == ["start", "result"]
        assert set(reply["block_logs"][0]) == {
            *("block_id", "block_type", "block_name", "status", "duration_ms"),
            *("config", "output", "input", "agent_run_id"),
        }
        assert reply["block_logs"][0]["input"] is None
        assert reply["block_logs"][1]["input"] == {"start": reply["block_outputs"]["start"]}

    def test_events_are_recorded(self, invoke: Invoke, workflow_file: Callable[..., Path], tmp_path: Path) -> None:
        """The file holds the run, one event a line, and replays to the same output."""
        done = invoke("run", workflow_file(START, RESPONSE), "--events", tmp_path / "run.jsonl")

        state = replay(decode_events((tmp_path / "run.jsonl").read_bytes().splitlines()))
        assert (done.exit_code, state.status, state.output) == (0, "completed", "from the file")

    def test_events_that_cannot_be_written_end_it_before(
        self, invoke: Invoke, workflow_file: Callable[..., Path], tmp_path: Path
    ) -> None:
        """Nothing runs when its record cannot be kept."""
        done = invoke("run", workflow_file(START, RESPONSE), "--events", tmp_path / "none" / "run.jsonl")

        assert (done.exit_code, done.stdout) == (2, "")
        assert "cannot be recorded" in done.stderr

    def test_what_leads_nowhere_is_told(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """On standard error, beside the output, which stays as it is; the run is a success."""
        result = invoke("run", workflow_file(("s", "starter", {}), ("r", "response", {"output": "<S.output.gone>!"})))

        assert (result.exit_code, result.stdout.strip()) == (0, "<S.output.gone>!")
        assert 'Block "R" went on, but: <S.output.gone> has no value in this run' in result.stderr

    def test_failed_block_exits_with_1(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """A block that reports a failure is named on standard error."""
        broken = ("fetch", "general_api", {"url": "http://127.0.0.1:9/", "method": "GET"})

        done = invoke("run", workflow_file(START, broken, ("result", "response", {"output": "done"})))

        assert done.exit_code == 1
        assert 'Block "Fetch" failed' in done.stderr

    def test_no_response_block_prints_nothing(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """The final output of a workflow without a response is null; that is said, not printed."""
        done = invoke("run", workflow_file(START))

        assert (done.exit_code, done.stdout) == (0, "")
        assert "no response block" in done.stderr

    @pytest.mark.parametrize("content", [None, b"", b"{", b'{"blocks": 3}', b"\xff\xfe\x00"])
    def test_unreadable_file_exits_with_2(self, invoke: Invoke, tmp_path: Path, content: bytes | None) -> None:
        """No file, or no workflow in it, is told in one sentence."""
        path = tmp_path / "broken.json"
        if content is not None:
            path.write_bytes(content)

        done = invoke("run", path)

        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.strip()
        assert "Traceback" not in done.stderr

    def test_graph_with_errors_exits_with_2(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """A workflow with errors is not run; they are listed."""
        path = workflow_file(START, ("a", "code", {"code": "output = 1"}))
        graph = json.loads(path.read_text(encoding="utf-8"))
        graph["edges"].append({"id": "back", "source": "a", "target": "a"})
        path.write_text(json.dumps(graph), encoding="utf-8")

        done = invoke("run", path)

        assert done.exit_code == 2
        assert "error:" in done.stderr

    def test_bad_variable_exits_with_2(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """A variable that cannot be read ends it before the run."""
        done = invoke("run", workflow_file(START, RESPONSE), "--var", "text")

        assert (done.exit_code, done.stdout) == (2, "")


class TestCheck:
    def test_good_workflow_exits_with_0(self, invoke: Invoke) -> None:
        """The example that comes with the program has nothing wrong with it."""
        done = invoke("check", SUMMARIZER, "--json")

        report = json.loads(done.stdout)
        assert (done.exit_code, report["errors"]) == (0, 0)
        assert report["code_isolation"] is None

    def test_errors_exit_with_1(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """Each problem is a line with its severity, block and sentence, or an object of the report."""
        path = workflow_file(START, ("fetch", "general_api", {"url": ""}), RESPONSE)

        lines, report = invoke("check", path), invoke("check", path, "--json")

        problems = json.loads(report.stdout)["problems"]
        assert (lines.exit_code, report.exit_code) == (1, 1)
        assert 'error: block "Fetch"' in lines.stdout
        assert {"severity", "code", "block_id", "block_name", "edge_id", "field", "message"} == set(problems[0])

    def test_code_isolation_is_told(self, invoke: Invoke, workflow_file: Callable[..., Path]) -> None:
        """Where a workflow runs code, the report says how well it is held here."""
        path = workflow_file(START, ("work", "code", {"code": "output = 1"}), RESPONSE)

        assert "code isolation: " in invoke("check", path).stdout

    def test_unreadable_file_exits_with_2(self, invoke: Invoke, tmp_path: Path) -> None:
        """A file that is not there is not a workflow with errors."""
        assert invoke("check", tmp_path / "none.json").exit_code == 2


class TestExamples:
    @pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.workflow.json")), ids=lambda path: path.name)
    def test_every_example_is_canonical_and_free_of_problems(self, path: Path, invoke: Invoke) -> None:
        """An example opens without a word of warning, and saving it changes no byte."""
        from engine import files

        report = json.loads(invoke("check", path, "--json").stdout)

        assert report["problems"] == []
        assert files.encode(files.read(path).workflow) == path.read_bytes()

    def test_summarizer_answers_with_the_texts_own_sentences(self, invoke: Invoke) -> None:
        """The first example works offline on the article beside it."""
        article = EXAMPLES / "harbour-article.txt"

        done = invoke("run", SUMMARIZER, "--var", f"text=@{article}")

        assert done.exit_code == 0, done.stderr
        assert done.stdout.split(". ")[0] in article.read_text(encoding="utf-8")

    @pytest.mark.parametrize(("text", "route"), [("short", "short"), ("long " * 200, "long")])
    def test_branches_route_by_length(self, invoke: Invoke, text: str, route: str) -> None:
        """Short and long texts leave the condition by different ports."""
        done = invoke("run", EXAMPLES / "condition-branches.workflow.json", "--var", f"text={text}")

        assert done.exit_code == 0, done.stderr
        assert route in done.stdout.lower()


class TestReply:
    def test_raised_block_has_an_error_and_secrets_are_hidden(self) -> None:
        """A log tells what failed, and shows no secret from the file."""
        workflow = Workflow(blocks={"hook": Block("hook", "webhook", config={"webhook_secret": "s3cret"})})
        run = FollowedRun(
            [
                RunStarted(seq=1, at=0, run_id="r", blocks=("hook",)),
                BlockStarted(seq=2, at=0, block_id="hook", block_type="webhook", block_name="Hook"),
                BlockFailed(seq=3, at=0, block_id="hook", error="no", duration_ms=1.23456),
                RunFinished(seq=4, at=0, status="completed"),
            ]
        )

        reply = execution_reply(workflow, default_catalog(), run)

        assert reply["block_outputs"] == {"hook": {"error": "no"}}
        assert (reply["block_logs"][0]["status"], reply["block_logs"][0]["duration_ms"]) == ("error", 1.23)
        assert "s3cret" not in json.dumps(reply)


class TestProgress:
    def test_it_is_silent_without_a_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A pipe gets results and errors only."""
        with Progress(RunState()) as progress:
            progress.follow(BlockStarted(seq=1, at=0, block_id="a"))

        assert capsys.readouterr() == ("", "")

    def test_line_names_the_blocks_at_work(self) -> None:
        """It counts what ended and names a few of those that run."""
        state = replay(
            [
                RunStarted(seq=1, at=0, run_id="r", blocks=("a", "b", "c")),
                BlockStarted(seq=2, at=0, block_id="a"),
                BlockFinished(seq=3, at=0, block_id="a", result={}),
                BlockStarted(seq=4, at=0, block_id="b", block_name="Fetch page"),
            ]
        )

        assert summary(state) == "1 of 3 blocks · Fetch page"

    def test_foreign_text_cannot_command_the_terminal(self) -> None:
        """Escape sequences in a model's answer are shown, not obeyed; line breaks and tabs stay."""
        assert printable("a\tb\r\n\x1b]0;title\x07\x9b2J") == "a\tb\n�]0;title��2J"


class TestDesktop:
    def test_no_display_is_told(self) -> None:
        """Without any display there is nothing to open a window on."""
        assert "DISPLAY" in str(desktop.obstacle({}, lambda _file: True))

    def test_missing_libraries_are_told_with_commands(self) -> None:
        """The packages of Debian and Fedora are named for exactly the libraries that are missing."""
        absent = {"libEGL.so.1", "libxcb-cursor.so.0"}

        text = str(desktop.obstacle({"DISPLAY": ":0"}, lambda file: file not in absent))

        assert "sudo apt install libegl1 libxcb-cursor0\n" in text
        assert "sudo dnf install libglvnd-egl xcb-util-cursor" in text

    @pytest.mark.parametrize(
        "environment",
        [{"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}, {"QT_QPA_PLATFORM": "offscreen"}],
    )
    def test_nothing_is_in_the_way(self, environment: dict[str, str]) -> None:
        """With its libraries and a display the editor opens."""
        assert desktop.obstacle(environment, lambda _file: True) is None

    def test_one_way_to_the_screen_is_enough(self) -> None:
        """In a Wayland session X11's libraries may be missing."""
        environment = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}

        assert desktop.obstacle(environment, lambda file: "xcb" not in file) is None

    def test_a_qt_that_does_not_load_is_no_traceback(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A library that only the import of Qt misses is told like the others."""

        class Editor:
            @staticmethod
            def main(_arguments: list[str]) -> int:
                raise ImportError("libOdd.so.1: cannot open shared object file")

        monkeypatch.setattr(desktop, "obstacle", lambda _environment: None)
        monkeypatch.setattr(desktop.importlib, "import_module", lambda _name: Editor)

        assert desktop.open_editor([Path("x.json")]) == 2
        assert "libOdd.so.1" in capsys.readouterr().err

    def test_files_are_handed_to_the_editor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The editor gets the paths as they were typed, and its status is the command's."""
        seen: list[str] = []

        class Editor:
            @staticmethod
            def main(arguments: list[str]) -> int:
                seen.extend(arguments)
                return 0

        monkeypatch.setattr(desktop, "obstacle", lambda _environment: None)
        monkeypatch.setattr(desktop.importlib, "import_module", lambda _name: Editor)

        assert desktop.open_editor([Path("x.json")]) == 0
        assert seen == ["x.json"]


@pytest.fixture
def monkeypatch_signal() -> Iterator[Callable[[int, Any], None]]:
    """Handles signals in another way for one test."""
    before: dict[int, Any] = {}

    def handle(number: int, handler: Any) -> None:
        before.setdefault(number, signal.signal(number, handler))

    yield handle
    for number, handler in before.items():
        signal.signal(number, handler)


class TestProcess:
    """What only a process of its own shows."""

    @staticmethod
    def start(*words: object, **options: Any) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", "from engine.cli.main import main; main()", *map(str, words)]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            **options,
        )

    @staticmethod
    def lines_of(pipe: Path) -> Iterator[bytes]:
        """Lines written to a named pipe, up to the run's last event or 20 seconds of silence."""
        # Opened for both directions: that neither waits for a writer, nor ends when there is none yet.
        descriptor = os.open(pipe, os.O_RDWR)
        read = b""
        try:
            while select.select([descriptor], [], [], 20)[0]:
                read += os.read(descriptor, 65536)
                *lines, read = read.split(b"\n")
                yield from lines
                if lines and b"RunFinished" in lines[-1]:
                    return
        finally:
            os.close(descriptor)

    def test_reader_that_has_gone_away_is_no_error(self, workflow_file: Callable[..., Path]) -> None:
        """`blockloom run FILE | head -1` ends without a word."""
        process = self.start("run", workflow_file(START, RESPONSE), "--var", "text=" + "x" * 100_000)
        assert process.stdout is not None
        process.stdout.close()

        _, errors = process.communicate(timeout=30)

        assert (process.returncode, errors) == (0, b"")

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals between processes")
    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
    def test_interrupt_cancels_the_run(
        self,
        workflow_file: Callable[..., Path],
        tmp_path: Path,
        sent: int,
        monkeypatch_signal: Callable[[int, Any], None],
    ) -> None:
        """Ctrl+C ends the run's blocks, closes its record, and exits with 130."""
        # Tests that run in the background ignore SIGINT, and a process would inherit that; one on a terminal does not.
        monkeypatch_signal(signal.SIGINT, signal.default_int_handler)
        events = tmp_path / "run.jsonl"
        os.mkfifo(events)
        endless = ("work", "code", {"code": "while True:\n    pass"})
        process = self.start("run", workflow_file(START, endless, RESPONSE), "--events", events)
        lines = []

        for line in self.lines_of(events):
            lines.append(line)
            if b'"BlockStarted"' in line and b'"work"' in line:
                process.send_signal(sent)
        process.communicate(timeout=30)

        state = replay(decode_events(lines))
        assert process.returncode == 130
        assert state.status == "cancelled"


def test_catalog_is_made_without_the_heavy_libraries() -> None:
    """Starting a run imports neither the models' libraries nor the network's before a block needs them."""
    code = (
        "import sys, engine.cli.execute, engine.cli.main, engine.blocks, engine.check, engine.run.runner\n"
        "engine.blocks.default_catalog()\n"
        "heavy = {'pydantic', 'pydantic_ai', 'httpx', 'networkx', 'numpy', 'rich', 'keyring', 'openai'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=30,
    )

    assert done.stdout == "[]\n"
    assert isinstance(default_catalog(), Catalog)
