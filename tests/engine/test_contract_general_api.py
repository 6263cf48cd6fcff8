"""Contract 3.9 with W4 and W35: what a General API block sends, what it makes of answers, when it tries again."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.blocks import default_catalog
from engine.blocks._spec import Effect
from engine.blocks.general_api import retry_after_s
from engine.document import Block, JsonObject, Workflow
from engine.errors import BlockError, DeadlineExceeded
from engine.events import AnyEvent, BlockRetrying
from engine.run.clock import FakeClock
from engine.run.context import Services
from engine.run.http import HttpClient, HttpReply
from engine.run.runner import run
from engine.runstate import BlockRun, replay
from tests.engine.local_server import LOCAL, Server, echo, reply

TYPE = default_catalog().find("general_api")
BUSY = HttpReply(503, {}, b"")
OK = HttpReply(200, {}, b"done")
KINDS = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH"]
IDEMPOTENT = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}


async def ran_against(config: JsonObject, answer: Any, path: str = "/echo") -> tuple[BlockRun, list[str]]:
    """One block against a server here; the requests as the server saw them."""
    async with Server(answer) as server, HttpClient(LOCAL) as http:
        config = {"url": f"http://127.0.0.1:{server.port}{path}", **config}
        events: list[AnyEvent] = []
        workflow = Workflow(blocks={"x": Block("x", "general_api", "X", config=config)})
        await run(workflow, events.append, services=Services(http=http))
        return replay(events).blocks["x"], [request.decode() for request in server.requests]


def echoed(config: JsonObject, path: str = "/echo") -> JsonObject:
    """What a server sees of the request of a block with this config."""
    found, _ = asyncio.run(ran_against(config, echo, path))
    assert found.error is None
    assert found.result is not None
    seen: JsonObject = found.result["output"]
    return seen


class Script:
    """Answers requests from a list, of which the last one goes on; errors are raised."""

    def __init__(self, *answers: HttpReply | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def request(self, *_args: Any, **_options: Any) -> HttpReply:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def retried(script: Script, config: JsonObject) -> tuple[BlockRun, list[float], list[str]]:
    """The block after its run, the seconds waited between attempts, and the reasons told."""
    clock, events = FakeClock(), list[AnyEvent]()
    workflow = Workflow(blocks={"x": Block("x", "general_api", "X", config={"url": "http://h", **config})})
    asyncio.run(clock.drive(run(workflow, events.append, services=Services(http=script), clock=clock)))
    waits = [event for event in events if isinstance(event, BlockRetrying)]
    return replay(events).blocks["x"], [event.delay_s for event in waits], [event.error for event in waits]


class TestRequest:
    def test_a_body_is_sent_with_every_method_that_has_one(self) -> None:
        """GET included; objects and lists with their content type, other text without any."""
        seen = echoed({"method": "get", "body": {"a": [1]}})
        assert (seen["method"], seen["body_json"], seen["headers"]["content-type"]) == (
            "GET",
            {"a": [1]},
            "application/json",
        )

        found, requests = asyncio.run(ran_against({"method": "POST", "body": "plain text"}, reply(b"")))
        assert found.error is None
        assert requests[0].endswith("\r\n\r\nplain text")
        assert "content-type" not in requests[0].lower()

    @pytest.mark.parametrize(("body", "sent"), [("42", 42), (True, True), ('"text"', "text"), (0, 0), (False, False)])
    def test_scalars_are_sent(self, body: Any, sent: Any) -> None:
        """The platform drops them (W35)."""
        assert echoed({"method": "POST", "body": body})["body_json"] == sent

    @pytest.mark.parametrize("body", ["NaN", '{"a": NaN}', "1e999", "{'a': 1}", "\ud800", '{"a": "\\ud800"}'])
    def test_what_only_looks_like_json_is_text(self, body: str) -> None:
        """Nothing that other JSON readers refuse is called JSON."""
        found, requests = asyncio.run(ran_against({"method": "POST", "body": body}, reply(b"")))

        assert found.error is None
        assert "application/json" not in requests[0]

    def test_parameters_join_the_query(self) -> None:
        """What the address has stays, unless a parameter of the same name is given (W35)."""
        seen = echoed({"params": [{"cells": {"Key": "b", "Value": 3}}, {"cells": {"Key": "c"}}]}, "/echo?a=1&b=2")

        assert seen["query"] == {"a": ["1"], "b": ["3"]}

    @pytest.mark.parametrize("params", ["no json", "[1]", 5, None, "", [], {}, [{"cells": {"Key": "", "Value": 1}}]])
    def test_unreadable_parameters_are_none(self, params: Any) -> None:
        """The address keeps its own query."""
        assert echoed({"params": params}, "/echo?a=1")["query"] == {"a": ["1"]}

    @pytest.mark.parametrize(
        ("value", "sent"), [(5, "5"), (True, "true"), (None, ""), ({"a": 1}, '{"a":1}'), ("text", "text"), ("ä", "Ã¤")]
    )
    def test_header_values_are_text(self, value: Any, sent: str) -> None:
        """A number, which is an error on the platform, reads as its text (W35)."""
        assert echoed({"headers": {"X-One": value}})["headers"]["x-one"] == sent

    @pytest.mark.parametrize(
        "headers", [{"A\nB": "1"}, {"A": "1\r\nB: 2"}, {"Ä": "1"}, {"A": "\ud800"}, {"": "x", "A B": "1"}]
    )
    def test_headers_that_would_break_the_request_are_told(self, headers: JsonObject) -> None:
        """Shape (b), and nothing is sent."""
        found, requests = asyncio.run(ran_against({"headers": headers}, echo))

        assert found.error
        assert found.result is not None
        assert found.result["output"] is None
        assert requests == []

    @pytest.mark.parametrize(("method", "status"), [("", "done"), ("B AD", "done"), (None, "failed")])
    def test_methods_that_are_none(self, method: Any, status: str) -> None:
        """Null raises (a), empty or broken text reports (b)."""
        found, _ = asyncio.run(ran_against({"method": method}, echo))

        assert (found.status, bool(found.error)) == (status, True)

    def test_redirects_are_followed_on_wish(self) -> None:
        """Off by contract; the switch may be text."""
        assert asyncio.run(ran_against({}, echo, "/redirect"))[0].result["status_code"] == 302  # type: ignore[index]
        for value in (True, "true"):
            found = asyncio.run(ran_against({"follow_redirects": value}, echo, "/redirect"))[0]
            assert found.result is not None
            assert found.result["status_code"] == 200


class TestReply:
    @pytest.mark.parametrize("status", ["204 No Content", "301 Moved", "404 Not Found", "500 Oh", "599 Odd"])
    def test_any_status_is_a_success(self, status: str) -> None:
        """With the code as a number, and the log says so."""
        found, _ = asyncio.run(ran_against({}, reply(b"", status=status)))

        assert found.error is None
        assert found.result == {"output": "", "status_code": int(status[:3]), "headers": {"content-length": "0"}}

    def test_a_timeout_is_an_error_with_words(self) -> None:
        """The platform's empty text made it look like a success (W4)."""

        async def silent(_writer: asyncio.StreamWriter, _request: bytes) -> None:
            await asyncio.Event().wait()

        found, _ = asyncio.run(ran_against({"timeout": "20"}, silent))

        assert found.result == {"output": None, "error": found.error}
        assert "20 ms" in str(found.error)

    def test_halves_of_characters_in_json_are_replaced(self) -> None:
        """JSON can spell what text cannot hold; the rest of the reply is kept."""
        found, _ = asyncio.run(ran_against({}, reply(b'{"a": "x\\ud800y", "\\udfff": [1.5]}')))

        assert found.result is not None
        assert found.result["output"] == {"a": "x\ufffdy", "\ufffd": [1.5]}


class TestRepeating:
    """The block's retry policy; without one there is a single attempt."""

    POLICY: JsonObject = {"retry": {"attempts": 3, "delay_ms": 100, "backoff": 2}}  # noqa: RUF012

    def test_without_a_policy_nothing_is_tried_again(self) -> None:
        """Contract 3.9: no retries."""
        script = Script(BUSY)

        found, waits, _ = retried(script, {})

        assert (script.asked, waits) == (1, [])
        assert found.result is not None
        assert found.result["status_code"] == 503

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_answers_that_may_pass_are_tried_again(self, status: int) -> None:
        """With growing waits; the first good answer stands."""
        script = Script(HttpReply(status, {}, b""), BlockError("down"), OK)

        found, waits, reasons = retried(script, self.POLICY)

        assert (script.asked, waits) == (3, [0.1, 0.2])
        assert reasons == [f"The server answered {status}.", "down"]
        assert found.result is not None
        assert (found.result["output"], found.error, found.attempt) == ("done", None, 3)

    @pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 501])
    def test_other_answers_stand(self, status: int) -> None:
        """Asking again would not change them."""
        script = Script(HttpReply(status, {}, b""))

        retried(script, self.POLICY)

        assert script.asked == 1

    def test_the_last_answer_is_the_result(self) -> None:
        """A server that stays busy has answered all the same: a success with its status."""
        found, _, _ = retried(Script(BUSY), self.POLICY)

        assert found.error is None
        assert found.result is not None
        assert found.result["status_code"] == 503

    @pytest.mark.parametrize("method", KINDS)
    @pytest.mark.parametrize("first", [BUSY, BlockError("broken off"), DeadlineExceeded("slow")])
    def test_only_what_may_be_sent_twice_is(self, method: str, first: Any) -> None:
        """POST and PATCH are repeated only where the policy says so."""
        for allowed in (False, True):
            script = Script(first, OK)
            retry = {**self.POLICY["retry"], "repeat_unsafe": allowed}

            retried(script, {"method": method.lower(), "retry": retry})

            assert script.asked == (2 if allowed or method in IDEMPOTENT else 1)

    def test_what_cannot_get_better_is_not_tried_again(self) -> None:
        """A refused address, a reply that is too large."""
        script = Script(BlockError("never", retryable=False))

        found, _, _ = retried(script, self.POLICY)

        assert (script.asked, found.error) == (1, "never")

    @pytest.mark.parametrize(
        ("told", "wait"),
        [
            ("7", 7.0),
            ("0", 0.1),
            ("Wed, 25 Nov 2026 10:00:30 GMT", 30.0),
            ("Wed, 25 Nov 2026 09:00:00 GMT", 0.1),
            ("soon", 0.1),
            ("-5", 0.1),
        ],
    )
    def test_a_server_may_ask_to_wait(self, told: str, wait: float) -> None:
        """Retry-After in seconds or as a date, by the server's own clock; never less than the policy."""
        headers = {"retry-after": told, "date": "Wed, 25 Nov 2026 10:00:00 GMT"}

        _, waits, _ = retried(Script(HttpReply(429, headers, b""), OK), self.POLICY)

        assert waits == [pytest.approx(wait)]

    def test_nobody_waits_for_hours(self) -> None:
        """An answer that asks for more than ten minutes stands as it is."""
        script = Script(HttpReply(429, {"retry-after": "3600"}, b""), OK)

        found, waits, _ = retried(script, self.POLICY)

        assert (script.asked, waits) == (1, [])
        assert found.result is not None
        assert found.result["status_code"] == 429

    @given(st.text(max_size=40))
    def test_any_retry_after_is_a_number_of_seconds(self, told: str) -> None:
        """Whatever a server sends."""
        assert retry_after_s({"retry-after": told}) >= 0

    def test_the_policy_is_checked(self) -> None:
        """A value that makes no sense is told before anything is sent."""
        script = Script(OK)

        found, _, _ = retried(script, {"retry": {"attempts": 2, "repeat_unsafe": "yes"}})

        assert (found.status, script.asked) == ("failed", 0)
        assert "repeat_unsafe" in str(found.error)


def test_following_redirects_may_lead_anywhere() -> None:
    """What a trust question has to say of it: the server that is named, and others that nobody knows yet."""
    assert TYPE is not None

    found = TYPE.effects({"url": "https://api.example.com/x", "follow_redirects": True})

    assert found == (Effect("http", "api.example.com"), Effect("http"))
    json.dumps([effect.target for effect in found])
