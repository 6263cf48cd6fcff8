"""Workflows over HTTP: list, create, read, change, delete."""

from tests.server.support import Api, Play


def test_a_new_workflow_can_be_read(play: Play) -> None:
    """Creating answers id and name; reading then gives the contract's fields, with an empty graph."""

    async def story(api: Api) -> None:
        created = await api.post("/api/workflows", json={"name": "Über uns", "variables": {"n": 3}})
        assert created.status_code == 201
        assert set(created.json()) == {"id", "name"}

        found = (await api.get(f"/api/workflows/{created.json()['id']}")).json()

        assert found["name"] == "Über uns"
        assert found["variables"] == {"n": 3}
        assert (found["version"], found["state"]) == (1, "internal")
        assert (found["blocks"], found["edges"], found["schedule_config"]) == ([], [], None)
        listed = (await api.get("/api/workflows", params={"q": "über"})).json()
        assert [row["id"] for row in listed["workflows"]] == [found["id"]]

    play(story)
