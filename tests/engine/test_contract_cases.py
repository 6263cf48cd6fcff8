"""The contract's own cases, as far as they are about what a run comes to, played on the engine without a server.

`tests/data/engine-cases.json` holds those of the conformance cases whose request is one execution: blocks, edges, the
body of the request and what the reply must hold. Values such as `${uuid:S}` are placeholders.
"""

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from engine.blocks import default_catalog
from engine.cli.reply import execution_reply
from engine.code import CodeRunner
from engine.document import JsonObject, workflow_from_api
from engine.run.context import Services
from engine.run.executionlog import FollowedRun
from engine.run.http import HttpClient
from engine.run.runner import run
from tests.engine.local_server import LOCAL, Server, echo

CASES = json.loads((Path(__file__).parents[1] / "data" / "engine-cases.json").read_text(encoding="utf-8"))


def filled(value: Any, echo_url: str) -> Any:
    """The value with placeholders replaced in every string and key."""
    if isinstance(value, dict):
        return {filled(key, echo_url): filled(item, echo_url) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, echo_url) for item in value]
    if not isinstance(value, str):
        return value
    named = re.sub(r"\$\{uuid:(\w+)\}", lambda match: str(uuid.uuid5(uuid.NAMESPACE_URL, match[1])), value)
    return named.replace("${ECHO_URL}", echo_url)


async def played(case: JsonObject) -> tuple[JsonObject, JsonObject]:
    """The reply, and what is expected of it."""
    async with Server(echo) as server, HttpClient(LOCAL) as http, CodeRunner() as code:
        case = filled(case, f"http://127.0.0.1:{server.port}")
        graph = {key: case[key] for key in ("blocks", "edges")}
        workflow = workflow_from_api({**graph, "variables": case.get("workflow_variables", {})})
        body, followed = case["body"], FollowedRun()
        variables = body["variables"] if "variables" in body else body.get("input")
        await run(workflow, followed.take, services=Services(http=http, code=code), variables=variables)
    reply = execution_reply(workflow, default_catalog(), followed)
    return json.loads(json.dumps(reply)), case["expect"]


def assert_matches(expected: Any, found: Any, exact: bool) -> None:
    """The matchers of the cases; without `exact`, what is expected may be a part of what was found."""
    if isinstance(expected, dict) and next(iter(expected), "").startswith("$"):
        [(kind, wanted)] = expected.items()
        kinds = {"string": str, "number": (int, float), "object": dict}
        assert {
            "$any": lambda: True,
            "$type": lambda: isinstance(found, kinds[wanted]),
            "$regex": lambda: re.search(wanted, found, re.DOTALL),
            "$one_of": lambda: found in wanted,
            "$match": lambda: wanted == "uuid" and uuid.UUID(found),
        }[kind](), (expected, found)
    elif isinstance(expected, dict):
        assert isinstance(found, dict)
        assert expected.keys() == found.keys() if exact else expected.keys() <= found.keys()
        for key, item in expected.items():
            assert_matches(item, found[key], exact)
    elif isinstance(expected, list):
        assert len(expected) == len(found) if exact else len(expected) <= len(found)
        for item, other in zip(expected, found, strict=False):
            assert_matches(item, other, exact)
    else:
        assert expected == found
        assert isinstance(expected, bool) is isinstance(found, bool)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_case_of_the_contract(case: JsonObject) -> None:
    """What the cases expect of an execution's reply, `must` and `should` alike."""
    reply, expect = asyncio.run(played(case))

    for kind in ("json_exact", "json_subset"):
        if kind in expect:
            assert_matches(expect[kind], reply, exact=kind == "json_exact")
    for path, keys in expect.get("json_absent_keys", {}).items():
        assert not set(keys) & reply[path].keys()
