"""Webhooks (contract 2.9): the order of checks, what counts as a token and as a body, and the one armed call."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import update

from engine.document import JsonObject
from engine.server.app import create_app
from engine.store.dbtime import US, now_us
from engine.store.schema import WORKFLOWS
from tests.server.support import Api, Live, Play, block, new_workflow, save_graph, wires

SECRET = "s3cret"
INACTIVE = {"error": "Webhook is not active"}


@dataclass(frozen=True)
class Answer:
    """What a raw call got."""

    status: int
    body: JsonObject
    headers: Mapping[bytes, bytes]


async def raw_call(
    api: Api, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b"", query: str = ""
) -> Answer:
    """POST with header values exactly as given: client libraries trim and refuse some of them."""
    told: list[Any] = []
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
    scope |= {"query_string": query.encode(), "http_version": "1.1", "scheme": "http", "root_path": ""}

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    await create_app(api.services)(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in told[1:])
    return Answer(told[0]["status"], json.loads(content), dict(told[0]["headers"]))


async def hooked(api: Api, webhook_id: str, action: str | None = "deploy", secret: Any = SECRET) -> str:
    """A workflow that gives back what its webhook gets, in the state that this action leads to."""
    hook = block("hook", "webhook", webhook_id=webhook_id, webhook_secret=secret)
    blocks = [hook, block("out", "response", output="<hook.output>")]
    workflow_id = await new_workflow(api, blocks, wires("hook>out"))
    if action:
        await api.post(f"/api/workflows/{workflow_id}/{action}")
    return workflow_id


async def call(api: Api, webhook_id: str, body: Any = None, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {SECRET}", **more.pop("headers", {})}
    content = {} if body is None else {"json": body}
    return await api.post(f"/api/webhooks/{webhook_id}", headers=headers, **content, **more)


async def count(api: Api, workflow_id: str) -> int:
    reply = await api.get(f"/api/workflows/{workflow_id}/executions?detail=true&limit=1")
    total: int = reply.json()["total"]
    return total


def test_checks_come_in_the_contracts_order(play: Play) -> None:
    """Id, existence, secret, state: an earlier fault is told even when later ones are there as well."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        for odd in ("not-a-uuid", "é", "1"):
            reply = await call(api, odd)
            assert reply.status_code == 400
            assert reply.json() == {"error": "Invalid webhook ID", "error_code": "VALIDATION_ERROR"}
        for unknown in (str(uuid4()), "{" + str(uuid4()) + "}", uuid4().hex):
            reply = await call(api, unknown, headers={"Authorization": "Bearer wrong"})
            assert reply.status_code == 404
            assert reply.json() == {"error": "Webhook not found", "error_code": "WORKFLOW_NOT_FOUND"}

        workflow_id = await hooked(api, webhook_id, action=None)
        assert (await call(api, UUID(webhook_id).hex)).status_code == 404  # compared as text
        wrong = await call(api, webhook_id, headers={"Authorization": "Bearer wrong"})
        assert (wrong.status_code, wrong.json()) == (401, {"error": "Unauthorized"})
        dormant = await call(api, webhook_id)
        assert (dormant.status_code, dormant.json()) == (403, INACTIVE)
        assert (await api.get(f"/api/webhooks/{webhook_id}")).status_code == 405
        assert await count(api, workflow_id) == 0

        await api.post(f"/api/workflows/{workflow_id}/arm")
        assert (await call(api, webhook_id, headers={"Authorization": "Bearer wrong"})).status_code == 401
        assert (await call(api, webhook_id, {"n": 1})).json()["output"] == {"n": 1}  # the armed call was not used up

    play(story)


TOKENS: list[tuple[bytes | None, str, int]] = [
    (b"Bearer s3cret", "", 200),
    (b"bEARER   s3cret  ", "token=wrong", 200),
    (None, "token=s3cret", 200),
    (None, "a=1&token=s3cret&token=wrong", 200),
    (b"Bearer", "token=s3cret", 200),  # no seventh character: not a Bearer header at all
    (b"Basic abc", "token=s3cret", 200),
    (b"Bearer ", "token=s3cret", 401),  # the trailing space makes it one, with an empty token (X6)
    (b"Bearer wrong", "token=s3cret", 401),
    (b"Bearer s3cret2", "", 401),
    (b"Bearer \xff\xfe", "", 401),
    (b"Bearer s3cret\x00", "", 401),
    (None, "token=%ff%00", 401),
    (None, "token=", 401),
    (None, "", 401),
    (b"s3cret", "", 401),
]


def test_tokens_are_read_as_the_contract_has_it(play: Play) -> None:
    """A Bearer header always shadows the query; bytes that are no text are a wrong token, never a fault."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        await hooked(api, webhook_id)
        for authorization, query, status in TOKENS:
            headers = [] if authorization is None else [(b"authorization", authorization)]
            answer = await raw_call(api, f"/api/webhooks/{webhook_id}", headers, query=query)
            assert answer.status == status, (authorization, query, answer.body)

    play(story)


def test_a_webhook_without_a_secret_opens_to_nobody(play: Play) -> None:
    """Missing, empty and non-text secrets are a permanent 401."""

    async def story(api: Api) -> None:
        for secret in (None, "", 5, ["s3cret"], True):
            webhook_id = str(uuid4())
            await hooked(api, webhook_id, secret=secret)
            for token in ("s3cret", "5", "", "None", "True"):
                reply = await call(api, webhook_id, headers={"Authorization": f"Bearer {token}"})
                assert reply.status_code == 401, (secret, token)

    play(story)


BODIES: list[tuple[bytes, str, JsonObject]] = [
    (b'{"a": 1}', "application/json", {"a": 1}),
    (b'{"a": 1}', "application/vnd.x+json; charset=utf-8", {"a": 1}),
    (b'{"a": 1}', "text/plain", {}),
    (b'{"a": 1}', "", {}),
    (b"", "application/json", {}),
    (b"{broken", "application/json", {}),
    (b"\xff\xfe", "application/json", {}),
    (b'{"a": NaN}', "application/json", {}),
    (b"[" * 5000, "application/json", {}),
    (b"0", "application/json", {}),
    (b"null", "application/json", {}),
    (b"[]", "application/json", {}),
    (b'""', "application/json", {}),
    (b'{"a": "x\\u0000y"}', "application/json", {"a": "x\ufffdy"}),
]


def test_bodies_are_read_leniently(play: Play) -> None:
    """The whole body is the variables; what is absent, broken or empty is an empty object."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        await hooked(api, webhook_id)
        for body, content_type, output in BODIES:
            headers = [(b"authorization", b"Bearer s3cret"), (b"content-type", content_type.encode())]
            answer = await raw_call(api, f"/api/webhooks/{webhook_id}", headers, body)
            case = (body[:40], content_type, answer.body)
            assert (answer.status, answer.body["output"]) == (200, output), case
            assert answer.body.keys() == {"execution_id", "status", "output"}, case
            assert answer.headers[b"x-execution-id"].decode() == answer.body["execution_id"], case

    play(story)


def test_why_a_run_failed_is_for_the_owner(play: Play) -> None:
    """The caller reads a general text and the id; the execution has the reason."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        workflow_id = await hooked(api, webhook_id)
        reply = await call(api, webhook_id, [1, 2])
        assert reply.status_code == 500
        assert (reply.json()["error"], reply.json()["error_code"]) == ("Workflow execution failed", "EXECUTION_FAILED")
        row = (await api.get(f"/api/workflows/{workflow_id}/executions")).json()["executions"][0]
        assert (row["id"], row["error"]) == (
            reply.json()["execution_id"],
            "variables must be an object, not a list.",
        )
        assert row["input"] == [1, 2]

    play(story)


def test_a_caller_who_hangs_up_uses_nothing(play: Play) -> None:
    """The body is read first: a request that ends in the middle of it takes no armed call and leaves no execution."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        workflow_id = await hooked(api, webhook_id, action="arm")
        messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
        scope = {"type": "http", "method": "POST", "path": f"/api/webhooks/{webhook_id}", "query_string": b""}

        async def receive() -> Any:
            return next(messages)

        async def send(_message: Any) -> None:
            raise AssertionError("there is nobody to answer")

        await create_app(api.services)({**scope, "headers": [(b"authorization", b"Bearer s3cret")]}, receive, send)

        assert await count(api, workflow_id) == 0
        assert (await call(api, webhook_id, {})).status_code == 200

    play(story)


def test_changes_count_at_once(play: Play) -> None:
    """What is remembered of a workflow never outlives a change: secret, graph, variables, state, another owner."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        workflow_id = await hooked(api, webhook_id)
        path = f"/api/workflows/{workflow_id}"

        def hook(secret: str) -> JsonObject:
            return block("hook", "webhook", webhook_id=webhook_id, webhook_secret=secret)

        assert (await call(api, webhook_id, {"a": 1})).json()["output"] == {"a": 1}
        await api.patch(path, json={"variables": {"b": 2}})
        assert (await call(api, webhook_id, {"a": 1})).json()["output"] == {"a": 1, "b": 2}
        await save_graph(api, workflow_id, [hook("new"), block("out", "response", output="changed")], wires("hook>out"))
        assert (await call(api, webhook_id)).status_code == 401
        new = {"Authorization": "Bearer new"}
        assert (await call(api, webhook_id, headers=new)).json()["output"] == "changed"
        await api.post(f"{path}/undeploy")
        assert (await call(api, webhook_id, headers=new)).status_code == 403
        await api.delete(path)
        assert (await call(api, webhook_id, headers=new)).status_code == 404
        await hooked(api, webhook_id)
        assert (await call(api, webhook_id, {"c": 3})).json()["output"] == {"c": 3}

    play(story)


def test_one_armed_call_whoever_comes(play: Play) -> None:
    """Of two hundred callers at the same time one runs, and there is one execution; then it is over."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        workflow_id = await hooked(api, webhook_id, action="arm")
        for round_ in range(1, 4):
            replies = await asyncio.gather(*(call(api, webhook_id, {"n": n}) for n in range(200)))
            assert sorted(reply.status_code for reply in replies) == [200] + [403] * 199
            assert await count(api, workflow_id) == round_
            assert (await api.get(f"/api/workflows/{workflow_id}")).json()["armed_until"] is None
            await api.post(f"/api/workflows/{workflow_id}/arm")

    play(story)


def test_the_window_closes_by_the_databases_clock(play: Play) -> None:
    """An armed window that has passed lets nobody in, and is not shown as open."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        workflow_id = await hooked(api, webhook_id, action="arm")
        past = update(WORKFLOWS).values(armed_until=now_us() - US)
        await api.services.db.write(lambda connection: connection.execute(past).close())
        assert (await api.get(f"/api/workflows/{workflow_id}")).json()["armed_until"] is None
        assert (await call(api, webhook_id)).status_code == 403

    play(story)


def test_a_repeated_call_is_the_same_run(play: Play) -> None:
    """With an `Idempotency-Key` a call that is sent again gets its first reply, though it was the one armed call."""

    async def story(api: Api) -> None:
        webhook_id = str(uuid4())
        workflow_id = await hooked(api, webhook_id, action="arm")
        key = {"Idempotency-Key": "delivery-1"}
        replies = await asyncio.gather(*(call(api, webhook_id, {"n": 1}, headers=key) for _ in range(10)))
        assert {reply.status_code for reply in replies} == {200}
        assert len({reply.text for reply in replies}) == 1
        assert await count(api, workflow_id) == 1
        assert (await call(api, webhook_id, {"n": 2}, headers=key)).status_code == 422
        assert (await call(api, webhook_id, {"n": 1})).status_code == 403

    play(story)


def test_wrong_secrets_are_counted_and_right_ones_never(play: Play, database: Any) -> None:
    """The limit on wrong secrets is asked after a wrong one only."""
    from tests.server.support import serving

    class Limit:
        asked = 0

        async def wrong_secret(self, _webhook_id: str) -> int | None:
            self.asked += 1
            return 9 if self.asked > 2 else None

    async def main() -> None:
        limit = Limit()
        async with serving(database, secret_limit=limit) as api:
            webhook_id = str(uuid4())
            await hooked(api, webhook_id)
            statuses = [(await call(api, webhook_id, headers={"Authorization": "Bearer x"})) for _ in range(3)]
            assert [reply.status_code for reply in statuses] == [401, 401, 429]
            assert statuses[-1].headers["retry-after"] == "9"
            assert (await call(api, webhook_id)).status_code == 200
            assert limit.asked == 3

    asyncio.run(main())


def test_any_history_of_states_and_calls_is_the_contracts(live: Live) -> None:
    """Arming, deploying, undeploying, letting time pass and calling, in any order, go as in the contract's table."""

    class Histories(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.webhook_id = str(uuid4())
            self.workflow_id = live.run(hooked(live.api, self.webhook_id, action=None))
            self.is_deployed = self.is_armed = False
            self.runs = 0

        @rule(action=st.sampled_from(["arm", "deploy", "undeploy"]))
        def act(self, action: str) -> None:
            assert live.run(live.api.post(f"/api/workflows/{self.workflow_id}/{action}")).status_code == 200
            self.is_armed = action == "arm"
            self.is_deployed = {"arm": self.is_deployed, "deploy": True, "undeploy": False}[action]

        @rule()
        def let_time_pass(self) -> None:
            is_it = WORKFLOWS.c.id == self.workflow_id
            later = update(WORKFLOWS).where(is_it).values(armed_until=WORKFLOWS.c.armed_until - 600 * US)
            live.run(live.api.services.db.write(lambda connection: connection.execute(later).close()))
            self.is_armed = False

        @rule(callers=st.integers(1, 4), is_right=st.booleans())
        def call(self, callers: int, is_right: bool) -> None:
            secret = {} if is_right else {"headers": {"Authorization": "Bearer wrong"}}

            async def together() -> list[int]:
                calls = (call(live.api, self.webhook_id, {}, **secret) for _ in range(callers))
                return sorted(reply.status_code for reply in await asyncio.gather(*calls))

            winners = callers if self.is_deployed else int(self.is_armed)
            expected = [200] * winners + [403] * (callers - winners) if is_right else [401] * callers
            assert live.run(together()) == expected
            if is_right:
                self.runs += winners
                self.is_armed = False if not self.is_deployed else self.is_armed

        def teardown(self) -> None:
            assert live.run(count(live.api, self.workflow_id)) == self.runs

    run_state_machine_as_test(Histories, settings=hypothesis_settings(max_examples=25, stateful_step_count=20))
