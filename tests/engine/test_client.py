"""The typed client against a scripted server: what is sent, what comes back, and the words for what goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client import Connection, PlatformClient, address_problem
from engine.client.connection import from_environment, is_unprotected, tidy_address
from engine.client.records import Page
from engine.client.sse import FrameTooLarge, frames
from engine.errors import (
    AccessDenied,
    NotAWorkflowServer,
    NotOnServer,
    RefusedByServer,
    RevisionMoved,
    ServerError,
    ServerFault,
    ServerUnreachable,
    TooManyRequests,
)

T = TypeVar("T")
KEY = "key-that-nobody-may-see"
HTML = b"<html><head><style>p {}</style></head><body><h1>Internal Server Error</h1><p>try &amp; retry</p></body></html>"
Handler = Callable[[httpx.Request], httpx.Response]


class Script:
    """A server that answers with the given replies in turn, the last one again and again, and keeps the requests."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._replies = list(replies)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self._replies[0] if len(self._replies) == 1 else self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def asked(server: Handler, question: Callable[[PlatformClient], Coroutine[Any, Any, T]]) -> T:
    """What the client answers when it speaks to this server."""

    async def ask() -> T:
        connection = Connection("Work", "https://flows.example", KEY)
        async with PlatformClient(connection, httpx.MockTransport(server), retries=False) as client:
            return await question(client)

    return asyncio.run(ask())


def error_of(server: Handler, question: Callable[[PlatformClient], Coroutine[Any, Any, Any]]) -> ServerError:
    with pytest.raises(ServerError) as raised:
        asked(server, question)
    return raised.value


def reply(value: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=value, headers=headers)


class TestRequests:
    def test_a_key_goes_in_both_headers(self) -> None:
        """Gateways look at one, services at the other."""
        server = Script(reply({"workflows": [], "total": 0}))

        asked(server, lambda client: client.workflows())

        headers = server.requests[0].headers
        assert headers["apikey"] == KEY
        assert headers["authorization"] == f"Bearer {KEY}"

    @pytest.mark.parametrize("key", ["é", "CANARY\nX: y"])
    def test_a_key_that_no_header_can_hold_is_told_without_it(self, key: str) -> None:
        """It was copied with something around it; the text does not repeat it."""

        async def ask() -> None:
            connection = Connection("x", "https://a.example", key)
            async with PlatformClient(connection, httpx.MockTransport(Script(reply({})))) as client:
                await client.workflows()

        with pytest.raises(AccessDenied) as raised:
            asyncio.run(ask())

        assert key not in str(raised.value)

    def test_without_a_key_no_bearer_header_is_sent(self) -> None:
        """An empty one would shadow a token in the address (X6)."""
        server = Script(reply({"status": "ok"}))

        async def ask() -> None:
            async with PlatformClient(Connection("x", "https://a.example"), httpx.MockTransport(server)) as client:
                await client.extensions()

        asyncio.run(ask())

        assert "authorization" not in server.requests[0].headers

    def test_a_webhook_is_called_with_its_secret_and_not_with_our_key(self) -> None:
        """The platform's key is nothing that a webhook needs to know."""
        server = Script(reply({"execution_id": "1", "status": "completed", "output": None}))

        asked(server, lambda client: client.trigger("hook", "s3cret", {"a": 1}))

        request = server.requests[0]
        assert request.headers["authorization"] == "Bearer s3cret"
        assert "apikey" not in request.headers
        assert json.loads(request.content) == {"a": 1}

    def test_ids_are_one_part_of_the_path(self) -> None:
        """An id from elsewhere cannot lead to another route."""
        server = Script(reply({}, 404))

        error_of(server, lambda client: client.workflow("../agents?x=1"))

        assert server.requests[0].url.raw_path == b"/api/workflows/..%2Fagents%3Fx%3D1"

    def test_a_save_names_the_revision_it_builds_on(self) -> None:
        """`If-Match` in quotes, as the standard has it; the reply tells the new revision."""
        server = Script(reply({"ok": True, "blocks": 1, "edges": 0, "revision": "b", "version": 4}))

        saved = asked(server, lambda client: client.save_graph("w", [{"id": "a"}], [], if_match="a"))

        assert server.requests[0].headers["if-match"] == '"a"'
        assert (saved.revision, saved.version) == ("b", 4)

    def test_the_revision_of_a_save_may_stand_in_its_headers(self) -> None:
        """The body is the contract's to the letter (2.5)."""
        headers = {"etag": '"b7"', "x-workflow-version": "5"}
        server = Script(reply({"ok": True, "blocks": 0, "edges": 0}, **headers))

        saved = asked(server, lambda client: client.save_graph("w", [], []))

        assert (saved.revision, saved.version) == ("b7", 5)


class TestReplies:
    def test_a_page_of_workflows(self) -> None:
        """Rows with what they have; unknown keys are passed over."""
        row = {"id": "1", "name": "One", "state": "deployed", "version": 3, "execution_count": 2, "new": True}
        server = Script(reply({"workflows": [row], "total": 70, "limit": 50, "offset": 0}))

        page = asked(server, lambda client: client.workflows(search="o"))

        assert isinstance(page, Page)
        assert (page.total, page.items[0].name, page.items[0].is_deployed) == (70, "One", True)

    def test_a_workflow_is_a_document_without_the_servers_bookkeeping(self) -> None:
        """What the server tells about it is beside the document; fields that nobody knows stay in it."""
        told = {
            "id": "w",
            "name": "Flow",
            "description": None,
            "variables": {"a": 1},
            "version": 7,
            "color": "#fff",
            "created_at": "2026-01-01T00:00:00+00:00",
            "updated_at": None,
            "state": "internal",
            "schedule_config": None,
            "blocks": [{"id": "s", "type": "starter", "config": None}],
            "edges": [],
            "mood": "sunny",
        }

        stored = asked(Script(reply(told)), lambda client: client.workflow("w"))

        assert (stored.id, stored.version, stored.revision, stored.tells_arming) == ("w", 7, None, False)
        assert stored.workflow.extra == {"color": "#fff", "mood": "sunny"}
        assert stored.workflow.variables == {"a": 1}

    @pytest.mark.parametrize("graph", ['[{"id": "s", "type": "starter"}]', '[{"id": "s", "config": {"x": NaN}}]'])
    def test_facts_of_a_workflow_are_told_without_its_graph(self, graph: str) -> None:
        """They are the same as with the graph, whatever stands in that."""
        body = (
            '{"id": "w", "version": 7, "state": "deployed", "armed_until": null, "revision": "r", "next_runs": ["t"], '
            f'"schedule_config": null, "updated_at": null, "blocks": {graph}, "edges": []}}'
        )

        facts = asked(Script(httpx.Response(200, text=body)), lambda client: client.facts("w"))

        assert (facts.id, facts.version, facts.state, facts.revision) == ("w", 7, "deployed", "r")
        assert (facts.armed_until, facts.tells_arming, facts.next_runs) == (None, True, ("t",))
        error = error_of(Script(httpx.Response(200, text="[]")), lambda client: client.facts("w"))
        assert isinstance(error, NotAWorkflowServer)

    def test_one_execution_is_found_in_the_list_where_there_is_no_route_for_it(self) -> None:
        """The platform has none (2.14)."""

        def server(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/executions"):
                return reply({"executions": [{"id": "x", "status": "failed", "error": "no"}]})
            return httpx.Response(404, html="<h1>Not Found</h1>")

        found = asked(server, lambda client: client.execution("w", "x"))

        assert (found.status, found.error, found.is_over) == ("failed", "no", True)

    def test_a_server_of_others_has_no_deployment_to_show(self) -> None:
        """Routes that only ours has are missed without a fuss."""
        server = Script(httpx.Response(404, html="<h1>Not Found</h1>"))

        assert asked(server, lambda client: client.deployment("w")) is None

    def test_the_clock_of_the_server_is_known_from_its_replies(self) -> None:
        """So that a countdown is right on a machine whose clock is not."""
        ahead = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

        async def question(client: PlatformClient) -> float | None:
            await client.workflows()
            return client.clock_offset_s

        offset = asked(Script(reply({"workflows": []}, date=ahead)), question)

        assert offset == pytest.approx(3600, abs=5)

    @pytest.mark.parametrize("body", [b"[]", b"{", b"<html>login</html>", b'{"workflows": 3}', b""])
    def test_a_reply_of_another_kind_is_no_workflow_server(self, body: bytes) -> None:
        """A login page, another service: the address is what is wrong."""
        error = error_of(Script(httpx.Response(200, content=body)), lambda client: client.workflows())

        assert isinstance(error, NotAWorkflowServer)
        assert "Check the address" in str(error)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (301, NotAWorkflowServer),
            (400, RefusedByServer),
            (401, AccessDenied),
            (402, RefusedByServer),
            (403, AccessDenied),
            (404, NotOnServer),
            (409, RevisionMoved),
            (412, RevisionMoved),
            (413, RefusedByServer),
            (415, RefusedByServer),
            (422, RefusedByServer),
            (429, TooManyRequests),
            (500, ServerFault),
            (503, ServerFault),
            (504, ServerFault),
        ],
    )
    def test_each_status_has_its_kind_and_the_servers_words(self, status: int, kind: type[ServerError]) -> None:
        """What to do depends on the kind; the server's sentence is shown; the key never is."""
        told = {"error": "no such luck", "error_code": "SOME_CODE", "revision": "r9"}

        error = error_of(Script(reply(told, status)), lambda client: client.workflow("w"))

        assert type(error) is kind
        assert error.status == status
        assert KEY not in str(error)
        if status not in (301, 401):
            assert "no such luck" in str(error)
            assert error.code == "SOME_CODE"

    def test_a_page_for_browsers_is_shown_as_text(self) -> None:
        """Servers answer with HTML when they break (2.1)."""
        error = error_of(Script(httpx.Response(500, content=HTML)), lambda client: client.workflow("w"))

        assert str(error) == "“Work” failed with status 500: Internal Server Error try & retry"

    def test_the_message_key_of_a_gateway_wins(self) -> None:
        """Priority `message`, `error`, then the page (2.1)."""
        error = error_of(Script(reply({"message": "quota", "error": "x"}, 402)), lambda client: client.deploy("w"))

        assert str(error).endswith("refused this (status 402): quota")

    @pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("100000", 120), ("soon", None), ("-3", 0)])
    def test_a_pause_is_as_long_as_the_server_says(self, header: str, seconds: float | None) -> None:
        """In seconds, at most two minutes; what cannot be read counts as not said."""
        server = Script(reply({"error": "slow down"}, 429, **{"retry-after": header}))

        error = error_of(server, lambda client: client.arm("w"))

        assert isinstance(error, TooManyRequests)
        assert error.retry_after_s == seconds

    def test_a_pause_until_a_date(self) -> None:
        """The other form of the header."""
        due = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

        error = error_of(Script(reply({}, 429, **{"retry-after": due})), lambda client: client.arm("w"))

        assert isinstance(error, TooManyRequests)
        assert error.retry_after_s == pytest.approx(30, abs=3)

    def test_a_moved_revision_is_told(self) -> None:
        """The merge begins from it."""
        server = Script(reply({"error": "moved", "revision": "r9"}, 412))

        error = error_of(server, lambda client: client.save_graph("w", [], [], if_match="r1"))

        assert isinstance(error, RevisionMoved)
        assert error.revision == "r9"


class TestConnections:
    @pytest.mark.parametrize(
        ("raised", "words"),
        [
            (httpx.ConnectError("refused"), "Nothing answers at flows.example"),
            (httpx.ConnectError("[Errno -2] Name or service not known"), "There is no host called flows.example"),
            (httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), "is not safe"),
            (httpx.ConnectTimeout(""), "did not answer within 5 s"),
            (httpx.ReadError("reset"), "broke before the reply was complete"),
            (httpx.RemoteProtocolError("peer closed"), "broke before the reply was complete"),
            (httpx.ProxyError("407"), "The proxy on the way to flows.example refuses"),
        ],
    )
    def test_what_keeps_a_reply_from_coming_has_words(self, raised: Exception, words: str) -> None:
        """Each with what to look at."""
        error = error_of(Script(raised), lambda client: client.deploy("w"))

        assert isinstance(error, ServerUnreachable)
        assert words in str(error)
        assert error.may_have_arrived is isinstance(raised, httpx.ReadError | httpx.RemoteProtocolError)

    def test_reading_is_tried_again_and_changing_is_not(self) -> None:
        """Nobody knows whether a change arrived; a question may be asked twice."""
        reading, changing = Script(reply({}, 503), reply({"workflows": []})), Script(reply({}, 503))

        async def ask() -> None:
            connection = Connection("Work", "https://flows.example", KEY)
            async with PlatformClient(connection, httpx.MockTransport(reading)) as client:
                await client.workflows()
            async with PlatformClient(connection, httpx.MockTransport(changing)) as client:
                with pytest.raises(ServerFault):
                    await client.deploy("w")

        asyncio.run(ask())

        assert (len(reading.requests), len(changing.requests)) == (2, 1)

    def test_a_test_of_the_connection_is_a_sentence_whatever_happens(self) -> None:
        """The dialog shows it as it stands."""

        def ours(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/api/health":
                return reply({"status": "ok", "service": "blockloom", "version": "1", "extensions": ["revision"]})
            return reply({"workflows": [], "total": 3})

        fine = asked(ours, lambda client: client.test())
        refused = asked(Script(reply({"error": "no"}, 401)), lambda client: client.test())

        assert (fine.is_fine, fine.words) == (True, "Connected to blockloom 1 with 3 workflows.")
        assert fine.extensions == {"revision"}
        assert not refused.is_fine
        assert "does not accept the key" in refused.words


class TestStreams:
    def test_a_run_is_followed_frame_by_frame(self) -> None:
        """The id is known at once where the server tells it in a header."""
        body = b'data: {"type":"block_start"}\n\n: keepalive\n\ndata: {"type":\ndata: "done"}\r\n\r\ndata: nonsense\n\n'
        server = Script(
            httpx.Response(200, content=body, headers={"content-type": "text/event-stream", "x-execution-id": "e1"})
        )

        async def question(client: PlatformClient) -> tuple[str | None, list[Any]]:
            async with client.execute_stream("w", {"a": 1}) as stream:
                return stream.execution_id, [frame["type"] async for frame in stream.frames]

        assert asked(server, question) == ("e1", ["block_start", "done"])
        assert json.loads(server.requests[0].content) == {"variables": {"a": 1}}

    def test_a_refused_stream_is_an_ordinary_error(self) -> None:
        """Errors before the stream are plain replies (X12)."""

        async def question(client: PlatformClient) -> None:
            async with client.execute_stream("w", {}):
                raise AssertionError("the body is not entered")

        error = error_of(Script(reply({"error": "Rate limit exceeded."}, 429)), question)

        assert isinstance(error, TooManyRequests)

    @given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=6), st.data())
    def test_frames_are_the_same_however_the_bytes_are_cut(
        self, values: list[dict[str, str]], data: st.DataObject
    ) -> None:
        """A network cuts where it likes."""
        whole = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
        pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

        async def arriving() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        async def read() -> list[Any]:
            return [frame async for frame in frames(arriving())]

        assert asyncio.run(read()) == values

    def test_a_frame_without_end_is_given_up(self) -> None:
        """A stream cannot fill the memory."""

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        async def read() -> None:
            async for _ in frames(endless(), most=10_000):
                raise AssertionError("no frame comes")

        with pytest.raises(FrameTooLarge):
            asyncio.run(read())


class TestAddresses:
    @pytest.mark.parametrize(
        ("pasted", "tidy"),
        [
            (" http://127.0.0.1:8400/ ", "http://127.0.0.1:8400"),
            ("localhost:8400", "http://localhost:8400"),
            ("flows.example/api/", "https://flows.example"),
            ("https://a.example/base/api", "https://a.example/base"),
        ],
    )
    def test_addresses_are_taken_as_people_paste_them(self, pasted: str, tidy: str) -> None:
        """With or without scheme, slash and `/api`."""
        assert tidy_address(pasted) == tidy
        assert address_problem(pasted) is None

    @pytest.mark.parametrize(
        "wrong", ["", "ftp://x", "http://", "https://a:b@c.example", "https://x.example?key=1", "http://x:99999"]
    )
    def test_what_is_no_address_is_told(self, wrong: str) -> None:
        """A sentence for the dialog, before anything is called."""
        assert address_problem(wrong)

    def test_a_key_in_the_clear_is_noticed(self) -> None:
        """Plain http is fine on this machine only."""
        assert is_unprotected("http://flows.example")
        assert not is_unprotected("http://[::1]:8400")
        assert not is_unprotected("https://flows.example")

    def test_a_connection_never_shows_its_key(self) -> None:
        """It ends up in tracebacks and logs otherwise."""
        connection = from_environment({"BLOCKLOOM_URL": "localhost:1", "BLOCKLOOM_API_KEY": KEY})

        assert connection is not None
        assert connection.key == KEY
        assert KEY not in repr(connection)
