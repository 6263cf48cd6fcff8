"""Workflows over HTTP: list, create, read, change, delete (contract 2.2 to 2.4)."""

from uuid import UUID, uuid4

from tests.server.support import Api, Play, block, new_workflow

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOT_FOUND = {"error": "Workflow not found", "error_code": "WORKFLOW_NOT_FOUND"}


def test_a_new_workflow_can_be_read(play: Play) -> None:
    """Creating answers id and name; reading then gives the contract's fields, with an empty graph."""

    async def story(api: Api) -> None:
        created = await api.post("/api/workflows", json={"name": "Über uns", "variables": {"n": 3}, "color": None})
        assert created.status_code == 201
        assert set(created.json()) == {"id", "name"}

        found = (await api.get(f"/api/workflows/{created.json()['id']}")).json()

        assert (found["name"], found["variables"]) == ("Über uns", {"n": 3})
        assert (found["version"], found["state"]) == (1, "internal")
        assert (found["blocks"], found["edges"], found["schedule_config"]) == ([], [], None)
        assert (found["armed_until"], found["deployed_at"], found["next_runs"]) == (None, None, [])

    play(story)


def test_names_are_required_and_bounded(play: Play) -> None:
    """A missing name has the contract's words; what is too long, or of a wrong kind, is told with its field."""
    refused = {
        "Name is required": [{}, {"name": ""}, {"name": None}, {"description": "x"}],
        "name has 256": [{"name": "x" * 256}],
        "color has 51": [{"name": "x", "color": "x" * 51}],
        "name: ": [{"name": 5}],
        "variables: ": [{"name": "x", "variables": [1]}],
    }

    async def story(api: Api) -> None:
        for words, bodies in refused.items():
            for body in bodies:
                reply = await api.post("/api/workflows", json=body)
                assert reply.status_code == 400, body
                assert reply.json()["error"].startswith(words)
        assert (await api.post("/api/workflows", json={"name": "   "})).status_code == 201
        assert (await api.get("/api/workflows")).json()["total"] == 1

    play(story)


def test_patch_changes_what_it_names(play: Play) -> None:
    """Only the four fields can be changed; null empties a description, and a name cannot be emptied."""

    async def story(api: Api) -> None:
        path = f"/api/workflows/{await new_workflow(api, description='old', color='red')}"
        before = (await api.get(path)).json()

        assert (await api.patch(path, json={"description": None, "variables": {"a": 1}})).json() == {"ok": True}
        assert (await api.patch(path, json={"name": None})).status_code == 400
        nothing = await api.patch(path, json={"state": "deployed", "version": 9})
        assert (nothing.status_code, nothing.json()) == (400, {"error": "No fields to update"})

        after = (await api.get(path)).json()
        assert (after["description"], after["variables"], after["color"]) == (None, {"a": 1}, "red")
        assert (after["version"], after["revision"]) == (before["version"], before["revision"])
        assert after["updated_at"] > before["updated_at"]

    play(story)


def test_what_is_not_there_is_told_so(play: Play) -> None:
    """Unknown and malformed ids are a 404 in JSON everywhere, and deleting them is done already."""

    async def story(api: Api) -> None:
        for odd in (UNKNOWN, "x", "00", "%00", "%F0%9F", "a" * 300, "{" + UNKNOWN + "}", "1 OR 1=1"):
            path = f"/api/workflows/{odd}"
            assert (await api.get(path)).json() == NOT_FOUND, odd
            assert (await api.patch(path, json={"name": "x"})).status_code == 404
            assert (await api.put(f"{path}/graph", json={})).json() == NOT_FOUND
            assert (await api.post(f"{path}/execute", json={})).json() == NOT_FOUND
            assert (await api.post(f"{path}/execute/stream", json={})).json() == NOT_FOUND
            assert (await api.post(f"{path}/deploy")).json() == {"error": "Workflow not found"}
            assert (await api.get(f"{path}/executions")).json() == {"executions": []}
            assert (await api.get(f"{path}/executions/{odd}/logs")).json() == {"error": "Execution not found"}
            assert (await api.delete(path)).status_code == 204

    play(story)


def test_ids_are_read_however_they_are_spelled(play: Play) -> None:
    """A UUID in capitals, without hyphens or in braces means the same workflow."""

    async def story(api: Api) -> None:
        known = UUID(await new_workflow(api))
        for spelled in (str(known).upper(), known.hex, "{" + str(known) + "}", known.urn):
            assert (await api.get(f"/api/workflows/{spelled}")).json()["id"] == str(known)

    play(story)


def test_lists_are_paged_sorted_and_searched(play: Play) -> None:
    """Limits fall back and are clamped, search finds literal text in any case, sorts have an allow-list."""

    async def story(api: Api) -> None:
        names = ["alpha", "Beta", "gamma_1", "gamma%2", "ÜBER"]
        for name in names:
            await api.post("/api/workflows", json={"name": name})

        async def listed(**params: object) -> dict[str, object]:
            reply = (await api.get("/api/workflows", params=params)).json()
            return {**reply, "names": [row["name"] for row in reply["workflows"]]}

        assert (await listed())["names"] == names[::-1]
        assert (await listed(sort="name", order="ASC"))["names"][:2] == ["alpha", "Beta"]
        page = await listed(limit=2, offset=1)
        assert (page["names"], page["total"], page["limit"], page["offset"]) == (["gamma%2", "gamma_1"], 5, 2, 1)
        for limit, effective in {"0": 1, "1000": 100, "abc": 50, "-3": 1, "9" * 5000: 50}.items():
            assert (await listed(limit=limit))["limit"] == effective
        assert (await listed(offset="-5"))["offset"] == 0
        assert (await listed(offset="9" * 30))["names"] == []
        for text, found in {"_": ["gamma_1"], "%": ["gamma%2"], "GAMMA": 2, "über": ["ÜBER"], " beta ": 1}.items():
            got = (await listed(q=text))["names"]
            assert got == found or len(got) == found, text  # type: ignore[arg-type]
        assert (await listed(q="\0"))["names"] == []
        bad_sort = await api.get("/api/workflows", params={"sort": "color"})
        assert bad_sort.json()["error"] == (
            "Invalid sort 'color'. Allowed: created_at, last_execution_at, name, updated_at"
        )
        bad_order = await api.get("/api/workflows", params={"order": "up"})
        assert bad_order.json()["error"] == "Invalid order 'up'. Allowed: asc, desc"

    play(story)


def test_the_last_run_sorts_with_nothing_behind(play: Play) -> None:
    """Workflows that never ran come last in both directions, and runs are counted."""

    async def story(api: Api) -> None:
        ids = [await new_workflow(api, [block("s", "starter")], name=str(number)) for number in range(3)]
        for workflow_id in (ids[1], ids[0], ids[0]):
            await api.post(f"/api/workflows/{workflow_id}/execute", json={})

        for order, expected in {"desc": "012", "asc": "102"}.items():
            params = {"sort": "last_execution_at", "order": order}
            rows = (await api.get("/api/workflows", params=params)).json()["workflows"]
            assert "".join(row["name"] for row in rows) == expected
        assert {row["name"]: row["execution_count"] for row in rows} == {"0": 2, "1": 1, "2": 0}

    play(story)


def test_deleting_takes_everything_along(play: Play) -> None:
    """Graph, runs and webhook go with the workflow, and the webhook's id is free again."""

    async def story(api: Api) -> None:
        hook = block("h", "webhook", webhook_id=str(uuid4()), webhook_secret="s")
        workflow_id = await new_workflow(api, [hook])
        execution_id = (await api.post(f"/api/workflows/{workflow_id}/execute", json={})).json()["execution_id"]

        assert (await api.delete(f"/api/workflows/{workflow_id}")).status_code == 204

        logs = await api.get(f"/api/workflows/{workflow_id}/executions/{execution_id}/logs")
        assert logs.status_code == 404
        await new_workflow(api, [hook])

    play(story)


BODIES: list[tuple[bytes, str, int]] = [
    (b"", "application/json", 400),
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b"3", "application/json", 400),
    (b'{"name": NaN}', "application/json", 400),
    (b'{"name": "\\ud800"}', "application/json", 400),
    (b'{"name": "a\\u0000"}', "application/json", 400),
    (b'{"name": "a", "name": "b"}', "application/json", 400),
    (b'{"name": "a", "variables": {"n": 1e999}}', "application/json", 400),
    (b'{"name":' + b"[" * 100_000, "application/json", 400),
    (b'\xff\xfe{"name": 1}', "application/json", 400),
    (b'{"name": "a"}', "text/plain", 415),
    (b"name=a", "application/x-www-form-urlencoded", 415),
    (b'{"name": "a"}', "", 415),
    (b'{"name": "a"}', "application/vnd.api+json; charset=utf-8", 201),
]


def test_bodies_are_json_objects_or_refused(play: Play) -> None:
    """Whatever is sent, the answer is JSON that says what is wrong with it, and nothing is created by half."""

    async def story(api: Api) -> None:
        for body, content_type, status in BODIES:
            headers = {"Content-Type": content_type} if content_type else {}
            reply = await api.post("/api/workflows", content=body, headers=headers)
            case = (body[:40], content_type, reply.text)
            assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json"), case
            assert reply.json().keys() & {"error", "id"}, case
        assert (await api.get("/api/workflows")).json()["total"] == sum(status == 201 for *_, status in BODIES)

    play(story)


def test_framework_errors_are_json_too(play: Play) -> None:
    """Unknown paths, methods and trailing slashes get the contract's shape."""

    async def story(api: Api) -> None:
        for method, path, status in (
            ("GET", "/api/nothing", 404),
            ("GET", "/api/workflows/", 404),
            ("DELETE", "/api/workflows", 405),
            ("GET", "/nothing", 404),
        ):
            reply = await api.request(method, path)
            assert (reply.status_code, list(reply.json())) == (status, ["error"]), path
            assert status != 405 or reply.headers["allow"]

    play(story)


def test_everything_but_health_and_webhooks_needs_a_key(play: Play) -> None:
    """Without a key nothing is told, not even which paths there are; the words are the contract's."""

    async def story(api: Api) -> None:
        del api.headers["Authorization"]
        for path in ("/api/workflows", "/api/nothing", "/api/agents", f"/api/workflows/{UNKNOWN}/execute"):
            reply = await api.post(path, content=b"not json")
            assert (reply.status_code, reply.json()) == (401, {"error": "Authorization header required"}), path
        for header in ("Token x", "Bearer", "Bearer a b", ""):
            reply = await api.get("/api/workflows", headers={"Authorization": header})
            assert reply.json() == {"error": "Authorization header required"}
        for token in ("wrong", "\xff\xfe"):
            reply = await api.get("/api/workflows", headers={"Authorization": f"bearer {token}".encode("latin-1")})
            assert (reply.status_code, reply.json()["error"][:14]) == (401, "Invalid token:")
        assert (await api.get("/api/health")).json()["status"] == "ok"
        assert (await api.get("/health")).json() == {"status": "healthy", "service": "project-service"}
        assert (await api.post(f"/api/webhooks/{UNKNOWN}")).status_code == 404

    play(story)
