"""Stand-ins answer for hosts that are not there, and say so; every other host is called as ever."""

import asyncio
import json
from typing import Any

import pytest

from engine.document import Block, Workflow
from engine.run.context import RunSettings, open_services
from engine.run.runner import run
from engine.runstate import RunState
from engine.standins import NOTE, made_up


async def called(url: str, settings: RunSettings, **config: Any) -> dict[str, Any]:
    """The result of a General API block that calls this address."""
    block = Block("call", "general_api", "Call", config={"url": url, "timeout": 2000, **config})
    state = RunState()
    async with open_services(settings) as services:
        await run(Workflow(blocks={"call": block}), state.fold, services=services)
    result = state.blocks["call"].result
    assert result is not None
    return result


def test_a_host_that_is_stood_in_for_is_not_called() -> None:
    """The block gets its own data back with an id, and a note that it is made up, although there is no such host."""
    settings = RunSettings(stand_ins=("api.nowhere.invalid",))

    result = asyncio.run(
        called("https://API.nowhere.invalid/cases?x=1", settings, method="POST", body='{"subject": "Lamp"}')
    )

    assert result["status_code"] == 200
    assert result["output"] == {"id": "stand-in", "subject": "Lamp", "stand_in": NOTE}


def test_other_hosts_are_called_under_the_usual_rules() -> None:
    """A stand-in for one host opens no other: an address of this machine is refused as ever."""
    result = asyncio.run(called("http://127.0.0.1:9/", RunSettings(stand_ins=("api.nowhere.invalid", "127.0.0.1:8"))))

    assert "127.0.0.1" in result["error"]


@pytest.mark.parametrize(
    ("body", "sent"), [(None, None), (b"", None), (b"plain", "plain"), (b"[1, 2]", [1, 2]), (b"\xff", "\ufffd")]
)
def test_what_is_no_object_is_shown_as_it_was_asked(body: bytes | None, sent: object) -> None:
    """Without an object to give back, the answer says what was asked."""
    reply = json.loads(made_up("GET", "https://a.example/x", body).body)

    assert reply == {"method": "GET", "address": "https://a.example/x", "sent": sent, "stand_in": NOTE}
