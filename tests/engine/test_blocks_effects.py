"""Agent, code and general API: what they ask of their run's services, which are scripted here."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.blocks import default_catalog
from engine.blocks.general_api import encoded_body, timeout_ms
from engine.code import CodeResult
from engine.document import Block, Edge, JsonObject, Workflow
from engine.errors import BlockError, ModelError
from engine.events import AnyEvent, BlockChunk
from engine.llm import Completion, ModelRequest
from engine.run.bodies import decoded_body
from engine.run.context import Services
from engine.run.http import HttpReply
from engine.run.runner import run
from engine.runstate import BlockRun, replay


class ScriptedModels:
    """Answers with the prompt, word by word, or fails as told."""

    def __init__(self, error: Exception | None = None, usage: JsonObject | None = None) -> None:
        self.asked: list[ModelRequest] = []
        self._error, self._usage = error, usage

    async def complete(self, request: ModelRequest, on_text: Callable[[str], None]) -> Completion:
        self.asked.append(request)
        for word in request.prompt.split():
            on_text(word)
        if self._error:
            raise self._error
        return Completion(request.prompt, request.model or "default", self._usage)


class ScriptedCode:
    """Gives one answer and remembers what it was asked."""

    def __init__(self, answer: CodeResult) -> None:
        self.asked: list[tuple[str, JsonObject, JsonObject, JsonObject]] = []
        self._answer = answer

    async def run(self, source: str, scope: JsonObject, input_data: JsonObject, **options: Any) -> CodeResult:
        options.pop("on_print")("printed")
        self.asked.append((source, dict(scope), dict(input_data), options))
        return self._answer


class ScriptedHttp:
    """Gives one reply, or fails as told, and remembers the request."""

    def __init__(self, reply: HttpReply | Exception) -> None:
        self.asked: list[tuple[str, str, JsonObject]] = []
        self._reply = reply

    async def request(self, method: str, url: str, **options: Any) -> HttpReply:
        self.asked.append((method, url, options))
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply


OK = HttpReply(200, {"content-type": "application/json"}, b'{"a": 1}')


def ran(kind: str, config: JsonObject, events: list[AnyEvent] | None = None, **services: Any) -> BlockRun:
    """One block of this type after a starter called Start with n = 5."""
    blocks = {"s": Block("s", "starter", "Start"), "x": Block("x", kind, "X", config=config)}
    workflow = Workflow(blocks=blocks, edges={"e": Edge("e", "s", "x")})
    events = [] if events is None else events
    work = run(workflow, events.append, catalog=default_catalog(), services=Services(**services), variables={"n": 5})
    asyncio.run(work)
    return replay(events).blocks["x"]


class TestAgent:
    @pytest.mark.parametrize(
        ("config", "prompt"),
        [
            ({"input": "i", "message": "m", "messages": "ms", "prompt": "p"}, "i"),
            ({"input": "", "message": "m", "prompt": "p"}, "m"),
            ({"messages": "ms", "prompt": "p"}, "ms"),
            ({"prompt": "p"}, "p"),
            ({"input": {"k": [1]}}, '{"k":[1]}'),
            ({"input": "n is <Start.output.n>"}, "n is 5"),
        ],
    )
    def test_the_first_prompt_that_is_not_empty(self, config: JsonObject, prompt: str) -> None:
        """`input`, `message`, `messages`, `prompt`, in this order (X3)."""
        models = ScriptedModels()

        found = ran("agent", config, models=models)

        assert models.asked[0].prompt == prompt
        assert found.result == {"output": prompt, "model": "default"}

    def test_the_answer_is_told_as_it_arrives(self) -> None:
        """Each piece is a chunk of the block's output."""
        events: list[AnyEvent] = []

        found = ran("agent", {"input": "one two"}, events, models=ScriptedModels(usage={"total_tokens": 4}))

        assert [event.text for event in events if isinstance(event, BlockChunk)] == ["one", "two"]
        assert found.text == "onetwo"
        assert found.result is not None
        assert found.result["usage"] == {"total_tokens": 4}

    def test_settings_reach_the_model(self) -> None:
        """Numbers may be text; the longest answer is a whole number."""
        models = ScriptedModels()
        config = {"input": "x", "model": "m", "system_prompt": "be brief", "temperature": "0.5", "max_tokens": 9.9}

        ran("agent", config, models=models)

        assert models.asked == [ModelRequest("m", "x", "be brief", 0.5, 9)]

    @pytest.mark.parametrize("config", [{}, {"input": "  "}, {"input": "x", "temperature": "hot"}])
    def test_what_makes_no_sense_is_not_asked(self, config: JsonObject) -> None:
        """An empty prompt and a setting that is no number fail the block."""
        models = ScriptedModels()

        assert ran("agent", config, models=models).status == "failed"
        assert models.asked == []

    def test_a_model_that_cannot_answer_fails_the_block(self) -> None:
        """Never a null output that looks like success (W3)."""
        found = ran("agent", {"input": "x"}, models=ScriptedModels(ModelError("no key")))

        assert (found.status, found.error) == ("failed", "no key")

    def test_without_models_it_says_so(self) -> None:
        """A run without the service fails the block, not the run."""
        assert "no access" in str(ran("agent", {"input": "x"}).error)


class TestCode:
    def test_code_sees_results_by_id_and_name(self) -> None:
        """Both as variables and in `input_data`; the source is never resolved."""
        code = ScriptedCode(CodeResult(output={"k": 1}))

        found = ran("code", {"code": "output = '<Start.output.n>'"}, code=code)

        source, scope, input_data, options = code.asked[0]
        result = {"output": {"n": 5}}
        assert source == "output = '<Start.output.n>'"
        assert scope == input_data == {"Start": result, "s": result}
        assert options == {"language": "python", "imports": None, "allow_http": False, "timeout_s": None}
        assert found.result == {"output": {"k": 1}}
        assert found.printed == "printed"

    def test_failing_code_is_a_reported_failure(self) -> None:
        """Shape (b): null output, the error next to it, followers run."""
        found = ran("code", {"code": "x"}, code=ScriptedCode(CodeResult(error="NameError: x")))

        assert found.status == "done"
        assert found.result == {"output": None, "error": "NameError: x"}
        assert found.error == "NameError: x"

    @pytest.mark.parametrize("source", ["", "  \n", None, 5])
    def test_no_code_gives_null(self, source: Any) -> None:
        """A blank block needs no worker."""
        assert ran("function", {"code": source}).result == {"output": None}

    def test_older_module_lists(self) -> None:
        """`imports` and `custom_packages` limit what may be imported."""
        code = ScriptedCode(CodeResult())

        ran("code", {"code": "x", "imports": ["json"], "custom_packages": "pandas>=2, yaml", "timeout": 500}, code=code)

        assert code.asked[0][3] == {
            "language": "python",
            "imports": ["json", "pandas", "yaml"],
            "allow_http": False,
            "timeout_s": 0.5,
        }

    def test_a_new_block_explains_itself(self) -> None:
        """The code that a new block starts with is valid, and passes on what came before."""
        source = default_catalog().new_block("code", ()).config["code"]
        scope: dict[str, Any] = {"input_data": {"A": {"output": 1}, "B": {"output": 2}}}

        exec(compile(source, "new block", "exec"), scope)

        assert scope["output"] == 2


class TestGeneralApi:
    def test_a_reply_of_any_status_is_a_success(self) -> None:
        """404 is an ordinary result."""
        http = ScriptedHttp(HttpReply(404, {"x": "y"}, b"nothing here"))

        found = ran("general_api", {"url": "http://h/<Start.output.n>"}, http=http)

        assert found.error is None
        assert found.result == {"output": "nothing here", "status_code": 404, "headers": {"x": "y"}}
        assert http.asked[0][:2] == ("GET", "http://h/5")

    def test_a_request_is_made_of_its_fields(self) -> None:
        """Method in capitals, tables as pairs, JSON with its type, milliseconds as seconds."""
        http = ScriptedHttp(OK)
        config = {
            "url": " http://h ",
            "method": "post",
            "params": [{"cells": {"Key": "q", "Value": "<Start.output.n>"}}, {"cells": {"Key": "", "Value": "x"}}],
            "headers": '{"A": 1}',
            "body": '{"a": <Start.output.n>}',
            "timeout": "1500",
        }

        ran("api_call", config, http=http)

        method, url, options = http.asked[0]
        assert (method, url) == ("POST", "http://h")
        assert options == {
            "params": [("q", "5")],
            "headers": [("A", "1"), ("Content-Type", "application/json")],
            "body": b'{"a":5}',
            "timeout_s": 1.5,
            "follow_redirects": False,
        }

    def test_lists_of_parameters_repeat_their_name(self) -> None:
        """As forms on the web do."""
        http = ScriptedHttp(OK)

        ran("general_api", {"url": "http://h", "params": {"t": ["a", 1, None, True]}}, http=http)

        assert http.asked[0][2]["params"] == [("t", "a"), ("t", "1"), ("t", ""), ("t", "true")]

    def test_an_own_content_type_wins(self) -> None:
        """However it is spelled."""
        http = ScriptedHttp(OK)

        ran("general_api", {"url": "http://h", "headers": {"content-type": "x/y"}, "body": {"a": 1}}, http=http)

        assert http.asked[0][2]["headers"] == [("content-type", "x/y")]

    def test_no_reply_is_a_reported_failure(self) -> None:
        """Shape (b) with a text that is never empty (W4)."""
        for error in (BlockError("host is down"), BlockError("")):
            found = ran("general_api", {"url": "http://h"}, http=ScriptedHttp(error))

            assert found.status == "done"
            assert found.result is not None
            assert found.result["output"] is None
            assert found.error == found.result["error"] != ""

    def test_a_null_method_fails_the_block(self) -> None:
        """Contract 3.9: null raises."""
        assert ran("general_api", {"url": "http://h", "method": None}, http=ScriptedHttp(OK)).status == "failed"

    def test_retry_covers_a_reply_that_did_not_come(self) -> None:
        """A reported failure is tried again."""
        http = ScriptedHttp(BlockError("down"))

        ran("general_api", {"url": "http://h", "retry": {"attempts": 3}}, http=http)

        assert len(http.asked) == 3

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (None, (None, "")),
            ("", (None, "")),
            ("plain", (b"plain", "")),
            ('{"a":1}', (b'{"a":1}', "application/json")),
            ([1], (b"[1]", "application/json")),
            ({"ä": None}, ('{"ä":null}'.encode(), "application/json")),
            ("42", (b"42", "application/json")),
            (True, (b"true", "application/json")),
            ("{broken", (b"{broken", "")),
        ],
    )
    def test_bodies(self, value: Any, expected: tuple[bytes | None, str]) -> None:
        """What reads as JSON is JSON, any other text is sent as it stands."""
        assert encoded_body(value) == expected

    @pytest.mark.parametrize(
        ("body", "kind", "expected"),
        [
            (b"", "", ""),
            (b'{"a": [1, 2.5, null]}', "", {"a": [1, 2.5, None]}),
            (b"text", "application/json", "text"),
            (b'{"a": NaN}', "", '{"a": NaN}'),
            (b"1e999", "", "1e999"),
            ("ä".encode("latin-1"), "text/plain; charset=ISO-8859-1", "ä"),
            ("ä".encode(), "text/plain; charset=nonsense", "ä"),
            (b"\xff", "", "\ufffd"),
            (b"[" * 100_000, "", "[" * 100_000),
        ],
    )
    def test_replies(self, body: bytes, kind: str, expected: Any) -> None:
        """JSON where it is JSON, else text, and nothing in a reply can break it."""
        found = asyncio.run(decoded_body(body, kind))

        assert found == expected
        json.dumps(found, allow_nan=False)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (1500, 1500),
            ("1500", 1500),
            (0, 30_000),
            ("", 30_000),
            (None, 30_000),
            ("x", 30_000),
            ("nan", 30_000),
            (-1, 30_000),
        ],
    )
    def test_timeouts(self, value: Any, expected: float) -> None:
        """Milliseconds; 30 seconds for what is none."""
        assert timeout_ms(value) == expected


def test_code_that_cannot_be_read_is_told_before_a_run() -> None:
    """The line and Python's words stand beside the field while typing."""
    block_type = default_catalog().find("code")
    assert block_type is not None

    found = block_type.check({"code": "a = 1\noutput = = 2"})

    assert [(problem.field, problem.severity) for problem in found] == [("code", "warning")]
    assert "Line 2" in found[0].message
    assert block_type.check({"code": "output = 1"}) == []
