"""What the platform's engine does badly, and ours does better: contract section 7, by number.

Left out, because no engine is involved: W10, W14 to W19, W23, W24, W37, W38 (server), W29 to W32 (editor and copilot),
W39 (a picker of the studio). W11 and W25 are tests of the platform's client and of the agent block.
"""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import wiring
from engine.blocks import default_catalog
from engine.check import problems
from engine.code import CodeLimits, CodeRunner, ModulePolicy
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.errors import ModelError
from engine.events import AnyEvent, BlockRetrying, BlockSkipped, RunFinished, encode_event
from engine.fragment import copy_fragment
from engine.llm import Completion, ModelRequest
from engine.run.clock import FakeClock
from engine.run.context import Services
from engine.run.executionlog import FollowedRun
from engine.run.http import HttpClient
from engine.run.runner import run
from engine.runstate import RunState, replay
from tests.engine.local_server import LOCAL, Server, reply
from tests.engine.oracle import catalog_for
from tests.engine.scripted import services_that

CATALOG = default_catalog()


def graph(*blocks: Block, links: str = "", variables: JsonObject | None = None) -> Workflow:
    """Links are `a>b`, `a.handle>b` and, with a condition, `a.handle:condition>b`."""
    edges = {}
    for link in links.split():
        source, target = link.split(">")
        source, _, handle = source.partition(".")
        handle, colon, condition = handle.partition(":")
        edges[link] = Edge(link, source, target, handle or None, None, condition if colon else None)
    return Workflow(blocks={block.id: block for block in blocks}, edges=edges, variables=variables or {})


async def events_of(workflow: Workflow, **options: Any) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    await run(workflow, events.append, **options)
    return events


def ran(workflow: Workflow, **options: Any) -> RunState:
    return replay(asyncio.run(events_of(workflow, **options)))


def with_code(workflow: Workflow, **limits: Any) -> RunState:
    async def work() -> RunState:
        async with CodeRunner(CodeLimits(**limits)) as code:
            return replay(await events_of(workflow, services=Services(code=code)))

    return asyncio.run(work())


class TestCode:
    @pytest.mark.parametrize(
        "source",
        [
            "import os\noutput = os.getpid()",
            "import subprocess\noutput = subprocess.run('id')",
            "import socket\noutput = socket.create_connection(('127.0.0.1', 80))",
            "output = open('/etc/passwd').read()",
            "from urllib.request import urlopen\noutput = urlopen('file:///etc/passwd').read().decode()",
        ],
    )
    def test_w01_code_reaches_neither_files_nor_the_network_nor_programs(self, source: str) -> None:
        """Code runs in a process of its own that has given up everything; modules are an allow-list."""
        state = with_code(graph(Block("c", "code", "C", config={"code": source})))

        assert state.blocks["c"].error
        assert state.blocks["c"].result is not None
        assert state.blocks["c"].result["output"] is None

    @pytest.mark.parametrize(
        "look", ["os.environ.get('SERVICE_KEY')", "os.open(PATH, os.O_RDONLY)", "os.listdir(FOLDER)"]
    )
    def test_w01_code_inherits_nothing_even_where_a_module_is_allowed(
        self, look: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A person who allows `os` has opened a door to an empty room: no environment, no files of theirs."""
        monkeypatch.setenv("SERVICE_KEY", "s3cret")
        (tmp_path / "s3cret.txt").write_text("s3cret")
        source = f"import os\nFOLDER = {str(tmp_path)!r}\nPATH = FOLDER + '/s3cret' + '.txt'\noutput = str({look})"

        async def work() -> RunState:
            async with CodeRunner(modules=ModulePolicy().also(["os"])) as code:
                workflow = graph(Block("c", "code", "C", config={"code": source}))
                return replay(await events_of(workflow, services=Services(code=code)))

        result = asyncio.run(work()).blocks["c"].result

        assert result is not None
        assert result["output"] in (None, "None")
        assert "s3cret.txt" not in str(result["output"])

    def test_w02_an_endless_loop_ends_with_its_deadline_and_holds_nobody_up(self) -> None:
        """The block is ended from outside, the others run meanwhile, the event loop turns."""
        beats: list[float] = []

        async def work() -> RunState:
            async def beat() -> None:
                while True:
                    beats.append(time.perf_counter())
                    await asyncio.sleep(0.005)

            workflow = graph(
                Block("s", "starter", "S"),
                Block("loop", "code", "Loop", config={"code": "while True:\n    pass", "timeout": 300}),
                Block("other", "code", "Other", config={"code": "output = 'done'"}),
                links="s>loop s>other",
            )
            async with CodeRunner() as code:
                task = asyncio.create_task(beat())
                events = await events_of(workflow, services=Services(code=code))
                task.cancel()
            return replay(events)

        state = asyncio.run(work())

        assert "300 ms" in str(state.blocks["loop"].error)
        assert state.blocks["other"].result == {"output": "done"}
        assert state.status == "completed"
        assert len(beats) > 20

    def test_w12_what_cannot_be_sent_fails_its_block_alone(self) -> None:
        """A set, a date, a number that is none: the run goes to its end and every event can be written."""
        sources = ["output = {1}", "import datetime\noutput = datetime.datetime(2026, 1, 1)", "output = float('nan')"]
        blocks = [Block(f"c{number}", "code", config={"code": source}) for number, source in enumerate(sources)]

        state = with_code(graph(*blocks, Block("r", "response", "R", config={"output": "fine"})))

        assert (state.status, state.output) == ("completed", "fine")
        json.dumps([run.result for run in state.blocks.values()], allow_nan=False)

    def test_w40_code_cannot_change_what_others_gave(self) -> None:
        """Each block works on a copy of its own; what a block gave stays what it was."""
        change = "Start['output']['l'].append(9)\ninput_data['Start']['output']['n'] = 9\noutput = Start"
        workflow = graph(
            Block("s", "starter", "Start", config={"input": {"l": [1], "n": 1}}),
            Block("a", "code", "A", config={"code": change}),
            Block("r", "response", "R", config={"output": "<Start.output>"}),
            links="s>a a>r",
        )

        state = with_code(workflow)

        assert state.blocks["a"].result is not None
        assert state.blocks["a"].result["output"]["output"]["l"] == [1, 9]
        assert state.output == {"l": [1], "n": 1}


class TestFailures:
    def test_w03_a_model_that_fails_fails_its_block(self) -> None:
        """Never a null output that looks like a success; followers are skipped, and say why."""

        class NoKey:
            async def complete(self, _request: ModelRequest, on_text: Callable[[str], None]) -> Completion:
                on_text("half an ans")
                raise ModelError("There is no key for this model.")

        workflow = graph(Block("a", "agent", "A", config={"input": "x"}), Block("b", "split", "B"), links="a>b")

        state = ran(workflow, services=Services(models=NoKey()))

        assert (state.blocks["a"].status, state.blocks["b"].status) == ("failed", "skipped")
        assert state.blocks["a"].error == "There is no key for this model."

    def test_w04_a_request_without_an_answer_is_an_error(self) -> None:
        """Also where the library has no text for it: the status comes from a flag."""

        async def silent(_writer: asyncio.StreamWriter, _request: bytes) -> None:
            await asyncio.Event().wait()

        async def work() -> FollowedRun:
            async with Server(silent) as server, HttpClient(LOCAL) as http:
                config = {"url": f"http://127.0.0.1:{server.port}/", "timeout": 10}
                return FollowedRun(
                    await events_of(graph(Block("a", "general_api", "A", config=config)), services=Services(http=http))
                )

        followed = asyncio.run(work())

        [entry] = [followed.log_entry(item) for item in followed.ended_runs()]
        assert entry["status"] == "error"
        assert entry["output"]["error"]

    def test_w09_failures_and_skipped_blocks_are_told(self) -> None:
        """The run is completed as on the platform; what failed, why, and what was left out stands beside it."""
        workflow = graph(
            Block("a", "agent", "A"), Block("b", "split", "B"), Block("c", "split", "C", enabled=False), links="a>b"
        )

        events = asyncio.run(events_of(workflow, services=services_that()))

        state = replay(events)
        assert state.status == "completed"
        assert [(item.block_id, bool(item.error)) for item in state.failed_blocks] == [("a", True)]
        skips = {event.block_id: event.reason for event in events if isinstance(event, BlockSkipped)}
        assert skips == {"b": "upstream-failed", "c": "disabled"}

    def test_w13_a_block_is_tried_again_where_its_policy_says_so(self) -> None:
        """With growing waits, and each attempt told."""
        clock = FakeClock()
        config = {"url": "https://h/", "retry": {"attempts": 3, "delay_ms": 100, "backoff": 3}}
        work = events_of(
            graph(Block("a", "general_api", "A", config=config)), services=services_that(fails=True), clock=clock
        )

        events = asyncio.run(clock.drive(work))

        assert [event.delay_s for event in events if isinstance(event, BlockRetrying)] == pytest.approx([0.1, 0.3])
        assert replay(events).blocks["a"].attempt == 3


class TestTime:
    def test_w06_branches_run_at_the_same_time(self) -> None:
        """Two branches of a split that take a second each take one second."""
        clock = FakeClock()
        workflow = graph(
            Block("s", "starter", "S"),
            Block("p", "split", "P"),
            Block("a", "work", "A"),
            Block("b", "work", "B"),
            links="s>p p.1>a p.2>b",
        )

        asyncio.run(clock.drive(events_of(workflow, catalog=catalog_for(clock, lambda _id: 1.0), clock=clock)))

        assert clock.elapsed == 1.0

    def test_w07_the_deadline_is_around_the_whole_run(self) -> None:
        """A second block that takes too long is ended like a first one."""
        clock = FakeClock()
        workflow = graph(Block("a", "work", "A"), Block("b", "work", "B"), links="a>b")
        delays = {"a": 1.0, "b": 1000.0}
        work = events_of(workflow, catalog=catalog_for(clock, delays.__getitem__), clock=clock, deadline_s=300)

        state = replay(asyncio.run(clock.drive(work)))

        assert clock.elapsed == 300
        assert (state.status, state.blocks["a"].status, state.blocks["b"].status) == ("failed", "done", "failed")

    def test_w08_a_run_that_is_broken_off_is_cancelled_not_completed(self) -> None:
        """What had ended by then is kept, the last event says how it ended."""
        events: list[AnyEvent] = []

        async def work() -> None:
            clock, told = FakeClock(), asyncio.Event()

            def take(event: AnyEvent) -> None:
                events.append(event)
                if len(events) == 4:  # the second block has begun
                    told.set()

            workflow = graph(Block("a", "split", "A", config={"input": 1}), Block("b", "work", "B"), links="a>b")
            task = asyncio.create_task(run(workflow, take, catalog=catalog_for(clock, lambda _id: 1.0), clock=clock))
            await told.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(work())

        assert isinstance(events[-1], RunFinished)
        assert events[-1].status == "cancelled"
        assert replay(events).blocks["a"].result == {"output": 1}


class TestReferences:
    @pytest.mark.parametrize("data", ["<S.output.secret>", "{{variables.secret}}", "<I.output>", "<S.output>"])
    @pytest.mark.parametrize("use", ["<I.output>", "text: <I.output>", "{{variables.data}}"])
    def test_w05_data_that_looks_like_a_reference_stays_data(self, data: str, use: str) -> None:
        """Resolved once: as a whole, inside text, through variables and through every block on the way."""
        workflow = graph(
            Block("s", "starter", "S"),
            Block("i", "split", "I", config={"input": "{{variables.data}}"}),
            Block("p", "split", "P", config={"input": use}),
            Block("r", "response", "R", config={"output": "<P.output>"}),
            links="s>i i>p p>r",
        )

        state = ran(workflow, variables={"data": data, "secret": "S3"})

        assert state.output == ("text: " if use.startswith("text") else "") + data

    def test_w33_names_and_keys_that_are_not_there_are_told(self) -> None:
        """Before a run by the check, in a run as a warning of the block; the text stays as on the platform."""
        text = "<Nobody.output> <S.output.typo> {{variables.gone}} <S.output.n>"
        blocks = [
            Block("s", "starter", "S", config={"input": {"n": 1}}),
            Block("r", "response", "R", config={"output": text}),
        ]
        workflow = graph(*blocks, links="s>r")

        told = " ".join(problem.message for problem in problems(workflow, CATALOG))
        state = ran(workflow)

        assert "Nobody" in told
        assert "gone" in told
        assert state.output == "<Nobody.output> <S.output.typo> {{variables.gone}} 1"
        assert [warning.split(" has")[0] for warning in state.blocks["r"].warnings] == text.split(" ")[:3]

    @pytest.mark.parametrize("use", ["<Nobody.output>", "<S.output.typo>", "<S.typo>"])
    def test_w33_a_whole_reference_is_told_as_well(self, use: str) -> None:
        """Those are filled in by another way, and warn all the same."""
        workflow = graph(
            Block("s", "starter", "S"),
            Block("r", "response", "R", config={"output": use, "status": "<S.output>"}),
            links="s>r",
        )

        assert ran(workflow).blocks["r"].warnings == (f"{use} has no value in this run, so it stays as it is written.",)

    def test_w33_values_inside_text_are_json_unless_the_platforms_form_is_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that a body of JSON with a value in it is JSON; a switch gives what a platform server would give."""
        text = "<S.output.t>|<S.output.o>|<S.output.none>|<S.output.s>"
        workflow = graph(Block("s", "starter", "S"), Block("r", "response", "R", config={"output": text}), links="s>r")
        variables = {"t": True, "o": {"k": ["v", 1.5]}, "none": None, "s": "text"}

        assert ran(workflow, variables=variables).output == 'true|{"k":["v",1.5]}|null|text'

        monkeypatch.setenv("BLOCKLOOM_PLATFORM_TEXT", "1")
        assert ran(workflow, variables=variables).output == "True|{'k': ['v', 1.5]}|None|text"

    def test_w33_of_equal_names_the_first_keeps_it_and_the_check_says_so(self) -> None:
        """As the platform resolves it, but not in silence."""
        blocks = [Block(name, "split", "Same", config={"input": name}) for name in "ab"]
        workflow = graph(*blocks, Block("r", "response", "R", config={"output": "<Same.output>"}), links="a>r b>r")

        assert ran(workflow).output == "a"
        assert "duplicate-name" in {problem.code for problem in problems(workflow, CATALOG)}


class TestRouting:
    CHOICE = Block("c", "condition", "C", config={"branches": [{"expression": "True"}, {"expression": "True"}]})

    def ran_blocks(self, link: str, source: Block | None = None) -> set[str]:
        workflow = graph(source or self.CHOICE, Block("t", "split", "T"), links=link)
        return {item.block_id for item in ran(workflow).log} - {"c"}

    def test_w20_order_and_final_output_are_those_of_the_document(self) -> None:
        """However often it is run: of several responses the last one in the order gives the output."""
        blocks = [Block(f"r{number}", "response", config={"output": number}) for number in range(6)]
        workflow = graph(*blocks)

        found = [ran(workflow) for _ in range(5)]

        assert {state.output for state in found} == {5}
        assert {tuple(item.block_id for item in state.log) for state in found} == {tuple(f"r{n}" for n in range(6))}

    @pytest.mark.parametrize("config", [{}, {"input": None}, {"input": ""}, {"input": "", "_inputMappings": []}])
    def test_w21_a_split_without_input_passes_on_what_is_connected(self, config: JsonObject) -> None:
        """Not what happened to run last."""
        workflow = graph(
            Block("s", "split", "S", config={"input": "mine"}),
            Block("other", "split", "O", config={"input": "not mine"}),
            Block("p", "split", "P", config=config),
            links="s>p other>x",
        )

        result = ran(workflow).blocks["p"].result

        assert result == {"output": "mine"}

    @pytest.mark.parametrize(
        ("link", "runs"),
        [
            ("c.if>t", True),
            ("c.elif_1>t", False),
            ("c.else>t", False),
            ("c.if:if>t", True),
            ("c.if:else>t", False),
            ("c>t", True),
        ],
    )
    def test_w26_an_edge_follows_the_branch_it_is_drawn_from(self, link: str, runs: bool) -> None:
        """Where its condition is missing; a condition that is there decides alone (X21)."""
        assert (self.ran_blocks(link) == {"t"}) is runs

    @pytest.mark.parametrize("link", ["c.output:output>t", "c:output>t", "c:input>t"])
    def test_w27_names_of_default_ports_are_no_conditions(self, link: str) -> None:
        """What the studio leaves behind in graphs made by programs; an empty condition never fires, as stored."""
        source = Block("c", "split", "C", config={"input": 1})

        assert self.ran_blocks(link, source) == {"t"}
        assert self.ran_blocks("c.output:>t", source) == set()

    @pytest.mark.parametrize("link", ["c.1:1>t", "c.2:2>t"])
    def test_w28_numbers_of_split_branches_are_no_conditions(self, link: str) -> None:
        """What the copilot writes; a condition that does not repeat its handle is still one that nobody meets."""
        source = Block("c", "split", "C", config={"input": 1})

        assert self.ran_blocks(link, source) == {"t"}
        assert self.ran_blocks("c.1:2>t", source) == set()

    @pytest.mark.parametrize("expression", ["<Nobody.output> == 1", "1 +", "len(n) == 1", "n > 'a'", "undefined_name"])
    def test_w34_a_condition_without_an_answer_warns(self, expression: str) -> None:
        """It counts as false, as on the platform; the block's warnings say which branch, and why."""
        block = Block(
            "c", "condition", "C", config={"branches": [{"expression": expression}, {"expression": "n == 1"}]}
        )

        found = ran(graph(block), variables={"n": 1}).blocks["c"]

        assert found.result is not None
        assert found.result["route"] == "elif_1"
        assert found.error is None
        assert len(found.warnings) == 1
        assert found.warnings[0].startswith("“if” has no answer: ")

    def test_w36_what_is_odd_in_a_graph_is_told_before_a_run(self) -> None:
        """Doubles of single blocks, circles, wires from ports that are not there, forgotten blocks."""
        circle = [Block("a", "split", "A"), Block("b", "split", "B")]
        starts = [Block("s", "starter", "S"), Block("s2", "starter", "S2")]
        workflow = graph(
            *starts, *circle, self.CHOICE, Block("o", "split", "O"), links="s>a a>b b>a s>c c.elif_7>o s>gone"
        )

        codes = {problem.code for problem in problems(workflow, CATALOG)}

        assert {"several-of-one", "cycle", "unknown-port", "dangling-edge"} <= codes
        loose = graph(starts[0], Block("o", "split", "O"))
        assert "unreachable" in {problem.code for problem in problems(loose, CATALOG)}


class TestSecretsAndRequests:
    HOOK = Block("h", "webhook", "H", config={"webhook_id": "id-1", "webhook_secret": "s3cret"})

    def test_w22_a_secret_is_in_no_event(self) -> None:
        """Neither in the config of a start nor anywhere else that a log is made of."""
        events = asyncio.run(events_of(graph(self.HOOK)))

        assert b"s3cret" not in b"".join(map(encode_event, events))
        assert b"id-1" in b"".join(map(encode_event, events))

    def test_w22_a_copy_of_a_webhook_is_another_webhook(self) -> None:
        """Pasting mints an address and a secret of its own."""
        workflow = graph(self.HOOK)

        copied = wiring.paste(workflow, CATALOG, copy_fragment(workflow, ["h"]), 10, 10)

        configs = [block.config for block in copied.blocks.values()]
        assert len({config["webhook_id"] for config in configs}) == 2
        assert len({config["webhook_secret"] for config in configs}) == 2

    def test_w35_a_request_is_what_was_asked_for(self) -> None:
        """The address keeps its query, scalars are sent, headers may be numbers, one connection serves all."""

        async def work() -> tuple[RunState, list[bytes], int]:
            async with Server(reply(b"{}")) as server, HttpClient(LOCAL) as http:
                address = f"http://127.0.0.1:{server.port}/?a=1"
                config = {"url": address, "params": {"b": 2}, "headers": {"X-N": 5}, "method": "POST", "body": "7"}
                blocks = [Block(name, "general_api", name.upper(), config=config) for name in "abc"]
                events = await events_of(graph(*blocks, links="a>b b>c"), services=Services(http=http))
                return replay(events), server.requests, server.connections

        state, requests, connections = asyncio.run(work())

        assert not state.failed_blocks
        assert all(request.startswith(b"POST /?a=1&b=2 ") and request.endswith(b"\r\n\r\n7") for request in requests)
        assert all(b"x-n: 5" in request.lower() for request in requests)
        assert connections == 1

    def test_w35_a_private_address_needs_a_word(self) -> None:
        """Refused in words, as a reported failure; the run goes on."""

        async def work() -> Json:
            async with HttpClient() as http:
                block = Block("a", "general_api", "A", config={"url": "http://127.0.0.1:9/"})
                return replay(await events_of(graph(block), services=Services(http=http))).blocks["a"].result

        result = asyncio.run(work())

        assert "BLOCKLOOM_ALLOW_PRIVATE_HOSTS=127.0.0.1:9" in result["error"]
