"""Figures for Prometheus: what is counted, under which labels, and who may see them."""

from typing import Any

from engine.server.metrics import Metrics
from tests.server.support import Api, Play


class Route:
    path = "/api/workflows/{workflow_id}"


def scope(path: str = "/a", route: Any = None) -> dict[str, Any]:
    return {"method": "GET", "path": path, "route": route}


def test_requests_are_counted_by_route_and_status() -> None:
    """Routes as they are written in the code, so that ids and guesses make no new figures."""
    metrics = Metrics()
    for status in (200, 200, 404):
        metrics.request_done(scope(route=Route()), status, 0.004)
    for number in range(50):
        metrics.request_done({"method": f"HACK{number}", "path": f"/{number}"}, 404, 0.004)
        metrics.request_done(scope(f"/api/webhooks/{number}"), 200, 0.004)
    metrics.request_refused(413)

    text = metrics.text().decode()

    route = 'route="/api/workflows/{workflow_id}"'
    assert f'blockloom_http_requests_total{{method="GET",{route},status="200"}} 2.0' in text
    assert 'blockloom_http_requests_total{method="other",route="none",status="404"} 50.0' in text
    assert f'blockloom_http_request_duration_seconds_bucket{{le="0.005",{route}}} 3.0' in text
    assert 'blockloom_http_requests_total{method="GET",route="/api/webhooks/{webhook_id}",status="200"} 50.0' in text
    assert 'blockloom_http_refused_total{status="413"} 1.0' in text
    assert "HACK" not in text


def test_runs_and_what_is_watched_are_shown() -> None:
    """By what started them and how they ended; the queue as it is when somebody asks."""
    metrics, waiting = Metrics(), 3
    metrics.run_ended("webhook", "completed", 1.5)
    metrics.loop_stalled(0.5)
    metrics.watch("blockloom_runs_waiting", "Runs that wait.", lambda: waiting)
    waiting = 7

    text = metrics.text().decode()

    assert 'blockloom_runs_total{status="completed",trigger="webhook"} 1.0' in text
    assert 'blockloom_run_duration_seconds_sum{trigger="webhook"} 1.5' in text
    assert "blockloom_event_loop_stall_seconds_total 0.5" in text
    assert "blockloom_runs_waiting 7.0" in text


def test_the_figures_of_a_server_need_its_key(play: Play) -> None:
    """They tell what a server is used for, so they are for its owner; every run is in them."""

    async def story(api: Api) -> None:
        workflow_id = (await api.post("/api/workflows", json={"name": "Empty"})).json()["id"]
        await api.post(f"/api/workflows/{workflow_id}/execute", json={})

        without_key = await api.get("/metrics", headers={"Authorization": ""})
        reply = await api.get("/metrics")

        assert without_key.status_code == 401
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'blockloom_runs_total{status="completed",trigger="manual"} 1.0' in reply.text
        assert "blockloom_runs_under_way 0.0" in reply.text
        assert "blockloom_runs_waiting 0.0" in reply.text

    play(story)
