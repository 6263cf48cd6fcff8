"""The seed guide "Build Workflows Programmatically", its five steps as a client plays them."""

from uuid import uuid4

import httpx

from tests.server.support import HEADERS, KEY, Api, Play

TEXT = (
    "Workflows are graphs of blocks. Each block does one thing and hands its result to the next. "
    "A server keeps the graph, runs it, and records what every block gave. "
    "So a document can be summarized by a program that nobody has to watch."
)


def test_the_five_steps_of_the_guide(play: Play) -> None:
    """Create, save the graph, execute, deploy and arm, trigger: as written, with its free ids and its one reference.

    Free block ids (X2), `message` (X3), `{{variables.text}}` (X4), a response without config (X5), a body that is the
    variables, and credentials that the client makes itself.
    """

    async def story(api: Api) -> None:
        assert api.headers["apikey"] == KEY
        assert HEADERS["Authorization"] == f"Bearer {KEY}"
        # 1. Create a workflow.
        created = await api.post(
            "/api/workflows", json={"name": "Document Summarizer", "description": "Summarizes uploaded documents"}
        )
        assert created.status_code == 201
        workflow_id = created.json()["id"]

        # 2. Save its graph.
        graph = {
            "blocks": [
                {"id": "start", "type": "starter", "position": {"x": 0, "y": 0}, "config": {}},
                {
                    "id": "summarize",
                    "type": "agent",
                    "position": {"x": 300, "y": 0},
                    "config": {"message": "Summarize this document: {{variables.text}}"},
                },
                {"id": "out", "type": "response", "position": {"x": 600, "y": 0}, "config": {}},
            ],
            "edges": [{"source": "start", "target": "summarize"}, {"source": "summarize", "target": "out"}],
        }
        saved = await api.put(f"/api/workflows/{workflow_id}/graph", json=graph)
        assert (saved.status_code, saved.json()) == (200, {"ok": True, "blocks": 3, "edges": 2})

        # 3. Execute it.
        reply = await api.post(f"/api/workflows/{workflow_id}/execute", json={"variables": {"text": TEXT}})
        assert reply.status_code == 200, reply.text
        run = reply.json()
        assert run["status"] == "completed"
        assert run["output"] == run["block_outputs"]["summarize"]["output"] != ""
        assert run["output"] in TEXT
        assert [log["block_id"] for log in run["block_logs"]] == ["start", "summarize", "out"]
        assert run["block_logs"][0]["output"] == {"output": {"text": TEXT}}
        rows = (await api.get(f"/api/workflows/{workflow_id}/executions")).json()["executions"]
        assert [row["id"] for row in rows] == [run["execution_id"]]

        # 4. Give it a webhook, and arm it for one call.
        webhook_id, secret = str(uuid4()), "made-by-the-client"
        graph["blocks"][0] = {
            "id": "start",
            "type": "webhook",
            "config": {"webhook_id": webhook_id, "webhook_secret": secret},
        }
        assert (await api.put(f"/api/workflows/{workflow_id}/graph", json=graph)).status_code == 200
        armed = await api.post(f"/api/workflows/{workflow_id}/arm")
        assert armed.json().keys() == {"ok", "armed_until"}  # no credentials: the client has made them

        # 5. Trigger it: without the platform's key, the body being the variables.
        transport = api._transport
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as anybody:
            url = f"/api/webhooks/{webhook_id}"
            bearer = {"Authorization": f"Bearer {secret}"}
            once = await anybody.post(url, json={"text": TEXT}, headers=bearer)
            assert once.status_code == 200, once.text
            assert once.json() == {
                "execution_id": once.json()["execution_id"],
                "status": "completed",
                "output": run["output"],
            }
            again = await anybody.post(url, json={"text": TEXT}, headers=bearer)
            assert (again.status_code, again.json()) == (403, {"error": "Webhook is not active"})

            assert (await api.post(f"/api/workflows/{workflow_id}/deploy")).json() == {"ok": True, "state": "deployed"}
            for _ in range(2):
                assert (await anybody.post(f"{url}?token={secret}", json={"text": TEXT})).status_code == 200

    play(story)
