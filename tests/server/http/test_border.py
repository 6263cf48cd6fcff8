"""The border around the application: what is refused before it, and what every reply carries."""

from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, Router
from starlette.testclient import TestClient

from engine.server.http.border import Border
from engine.server.http.hosts import HostPolicy

EVIL = {"Origin": "https://evil.example.com"}
SENSITIVE = ["/api/workflows", "/api/workflows/1/deploy", "/api/health", "/metrics"]


async def _break(_scope: Any, _receive: Any, send: Any) -> None:
    if _scope["path"] == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[1,", "more_body": True})
    raise RuntimeError("broken")


async def _answer(request: Request) -> Response:
    if request.url.path == "/run":
        return Response("ok", headers={"X-Execution-Id": "e1"})
    if request.url.path == "/docs":
        return HTMLResponse("<p>ok")
    return Response("ok", headers={"Cache-Control": "no-cache"} if request.url.path.endswith("stream") else None)


METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]
ROUTES = Router([Route("/{path:path}", _answer, methods=METHODS)])


async def application(scope: Any, receive: Any, send: Any) -> None:
    await (_break if scope["path"] in ("/crash", "/half") else ROUTES)(scope, receive, send)


def client(observed: list[Any] | None = None) -> TestClient:
    seen = observed if observed is not None else []
    border = Border(application, HostPolicy(), lambda scope, *rest: seen.append((scope["path"], *rest)))
    return TestClient(border, base_url="http://127.0.0.1:8400")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", SENSITIVE)
@pytest.mark.parametrize("headers", [EVIL, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}])
def test_a_page_of_another_site_gets_nothing(method: str, path: str, headers: dict[str, str]) -> None:
    """Whatever it asks for, with a key or without, and no reply may be read by it."""
    reply = client().request(method, path, headers={**headers, "Authorization": "Bearer right"})

    assert reply.status_code == 403
    assert "another site" in reply.json()["error"]
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_rebound_name_gets_nothing() -> None:
    """A page whose name leads to this machine is the same origin for the browser, so its name gives it away."""
    headers = {"Host": "evil.example.com:8400", "Origin": "http://evil.example.com:8400"}

    for path in (*SENSITIVE, "/", "/docs", "/api/webhooks/1"):
        reply = client().post(path, headers=headers)
        assert reply.status_code == 421
        assert "--allow-host" in reply.json()["error"]


def test_a_webhook_may_be_called_from_anywhere() -> None:
    """Its secret decides; still no page may read the reply."""
    reply = client().post("/api/webhooks/1", headers=EVIL)

    assert reply.status_code == 200
    assert "access-control-allow-origin" not in reply.headers


def test_programs_and_own_pages_are_answered() -> None:
    """Programs send neither header; the page of the API's description calls from the same origin."""
    own = {"Origin": "http://127.0.0.1:8400", "Sec-Fetch-Site": "same-origin"}

    assert client().get("/api/workflows").status_code == 200
    assert client().get("/api/workflows", headers=own).status_code == 200
    assert client().get("/docs", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_reply_is_data_for_the_caller_alone() -> None:
    """Nothing to guess, frame or keep; a route that says how its reply is cached keeps its word."""
    plain, stream, page = (client().get(path) for path in ("/api/workflows", "/api/stream", "/docs"))

    assert plain.headers["x-content-type-options"] == "nosniff"
    assert plain.headers["cross-origin-resource-policy"] == "same-origin"
    assert plain.headers["cache-control"] == "no-store"
    assert stream.headers["cache-control"] == "no-cache"
    assert (page.headers["x-frame-options"], page.headers["referrer-policy"]) == ("DENY", "no-referrer")


def test_every_request_is_observed_once() -> None:
    """Refused ones too, and those whose application fails: they get an error and not a torn connection."""
    observed: list[Any] = []
    http = client(observed)
    http.get("/api/a")
    http.get("/api/b", headers=EVIL)

    reply = http.get("/crash")

    assert reply.status_code == 500
    assert "went wrong inside the server" in reply.json()["error"]
    assert [(path, status) for path, status, _ in observed] == [("/api/a", 200), ("/api/b", 403), ("/crash", 500)]
    assert all(seconds >= 0 for _, _, seconds in observed)


def test_the_run_that_a_reply_names_is_known_to_who_observes() -> None:
    """So that the log of a request tells which run it began."""
    seen: list[Any] = []
    border = Border(application, HostPolicy(), lambda scope, *_rest: seen.append(scope["state"]))

    TestClient(border, base_url="http://localhost").get("/run")

    assert seen[0]["execution_id"] == "e1"


def test_a_reply_that_breaks_off_is_not_passed_for_a_whole_one() -> None:
    """When the application fails in the middle, the connection must end."""
    with pytest.raises(RuntimeError):
        client().get("/half")


@pytest.fixture(autouse=True)
def quiet_log() -> Any:
    with structlog.testing.capture_logs() as logs:
        yield logs
