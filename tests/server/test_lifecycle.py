"""Deploy, undeploy and arm (contract 1, 2.6, 3.1): states, the captured schedule, the deployed graph."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from engine.document import JsonObject
from tests.server.support import Api, Play, block, new_workflow, save_graph


async def state_of(api: Api, workflow_id: str) -> JsonObject:
    found: JsonObject = (await api.get(f"/api/workflows/{workflow_id}")).json()
    return found


async def call(api: Api, workflow_id: str, action: str) -> JsonObject:
    reply = await api.post(f"/api/workflows/{workflow_id}/{action}")
    assert reply.status_code == 200, reply.text
    told: JsonObject = reply.json()
    return told


def test_states_follow_the_contract(play: Play) -> None:
    """Deploying clears the arm, arming changes no state, undeploying takes everything back; each moves `updated_at`."""

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api)
        seen = {(await state_of(api, workflow_id))["updated_at"]}

        armed = await call(api, workflow_id, "arm")
        left = datetime.fromisoformat(armed["armed_until"]) - datetime.now(UTC)
        assert timedelta(seconds=570) < left < timedelta(seconds=630)
        assert (await state_of(api, workflow_id))["armed_until"] == armed["armed_until"]
        seen.add((await state_of(api, workflow_id))["updated_at"])

        assert await call(api, workflow_id, "deploy") == {"ok": True, "state": "deployed"}
        found = await state_of(api, workflow_id)
        assert (found["state"], found["armed_until"], found["deployed_version"]) == ("deployed", None, 2)
        seen.add(found["updated_at"])

        await call(api, workflow_id, "arm")
        assert (await state_of(api, workflow_id))["armed_until"] is None  # of no effect while deployed

        assert await call(api, workflow_id, "undeploy") == {"ok": True, "state": "internal"}
        found = await state_of(api, workflow_id)
        assert (found["state"], found["armed_until"]) == ("internal", None)
        seen.add(found["updated_at"])
        assert len(seen) == 4

    play(story)


def test_arming_again_restarts_the_window(play: Play) -> None:
    """The window does not add up, it begins anew."""

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api)
        first = await call(api, workflow_id, "arm")
        second = await call(api, workflow_id, "arm")
        assert first["armed_until"] <= second["armed_until"]
        assert datetime.fromisoformat(second["armed_until"]) < datetime.now(UTC) + timedelta(seconds=630)

    play(story)


def test_the_deployed_graph_can_be_read(play: Play) -> None:
    """What was deployed stays readable while the graph is edited, and after undeploying; before, it is a 404."""

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api, [block("a", "starter")])
        path = f"/api/workflows/{workflow_id}/deployment"
        assert (await api.get(path)).status_code == 404

        await call(api, workflow_id, "deploy")
        revision = (await state_of(api, workflow_id))["revision"]
        await save_graph(api, workflow_id, [block("b", "starter")])
        await call(api, workflow_id, "undeploy")

        deployed = (await api.get(path)).json()
        assert (deployed["version"], deployed["revision"]) == (2, revision)
        assert [item["id"] for item in deployed["blocks"]] == ["a"]

    play(story)


def test_a_schedule_is_captured_when_deployed(play: Play) -> None:
    """Later edits of the starter change nothing until the next deploy; the next times are told; undeploying ends it."""
    starter = block("s", "starter", schedule_enabled=True, schedule_interval_value="15", schedule_timezone="Asia/Tokyo")

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api, [starter])
        assert (await state_of(api, workflow_id))["schedule_config"] is None

        await call(api, workflow_id, "deploy")
        await save_graph(api, workflow_id, [block("s", "starter")])

        found = await state_of(api, workflow_id)
        assert found["schedule_config"] == {
            "enabled": True,
            "type": "interval",
            "timezone": "Asia/Tokyo",
            "start_at": None,
            "end_at": None,
            "max_runs": None,
            "interval_seconds": 900,
            "cron": None,
        }
        runs = [datetime.fromisoformat(instant) for instant in found["next_runs"]]
        assert [after - before for before, after in pairwise(runs)] == [timedelta(minutes=15)] * 4

        await call(api, workflow_id, "undeploy")
        found = await state_of(api, workflow_id)
        assert (found["schedule_config"], found["next_runs"]) == (None, [])

    play(story)


NEVER: list[tuple[JsonObject, str]] = [
    ({"schedule_type": "cron", "schedule_cron": "every day"}, "schedule_cron"),
    ({"schedule_type": "cron", "schedule_cron": "61 * * * *"}, "schedule_cron"),
    ({"schedule_timezone": "Mars/Base"}, "schedule_timezone"),
    ({"schedule_start_at": "tomorrow"}, "schedule_start_at"),
]


def test_a_schedule_that_never_runs_is_refused(play: Play) -> None:
    """Deploying with such a schedule is a 400 that names block and field, and changes nothing (W15)."""

    async def story(api: Api) -> None:
        for config, field in NEVER:
            workflow_id = await new_workflow(api, [block("When", "starter", schedule_enabled=True, **config)])
            reply = await api.post(f"/api/workflows/{workflow_id}/deploy")
            assert (reply.status_code, reply.json()["error_code"]) == (400, "VALIDATION_ERROR"), config
            assert reply.json()["error"].startswith(f"Block “When”, {field}: ")
            assert (await state_of(api, workflow_id))["state"] == "internal"

    play(story)
