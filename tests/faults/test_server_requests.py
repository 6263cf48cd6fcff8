"""Requests that are meant to break a server, against a real one: each gets an answer in JSON, and none is a 5xx.

Source: reliability 2.6, 3.3 and B9.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.faults.server_process import KEY, ServerProcess, started, webhook_graph

AUTH = f"Authorization: Bearer {KEY}\r\n".encode()
HOOK, SECRET = "0123abcd-0000-4000-8000-00000000aaaa", "s3cret-of-the-hook"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with started(tmp_path_factory.mktemp("server"), "--rate-limit", "off") as running:
        yield running


@pytest.fixture(scope="module")
def workflow_id(server: ServerProcess) -> str:
    """A workflow with a webhook, neither deployed nor armed."""
    _, created = server.call("POST", "/api/workflows", {"name": "Hook"})
    status, _ = server.call("PUT", f"/api/workflows/{created['id']}/graph", webhook_graph(HOOK, SECRET))
    assert status == 200
    return str(created["id"])


def request(method: str, path: bytes, *headers: bytes, body: bytes = b"", auth: bytes = AUTH) -> bytes:
    """A request with a JSON body; `headers` without line ends."""
    lines = b"".join(header + b"\r\n" for header in headers)
    content = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
    return method.encode() + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + auth + lines + content + b"\r\n" + body


LIST = b"/api/workflows"
NEW = ("POST", LIST)
ODD_IDS = {
    "no UUID": b"nonsense",
    "upper case": b"AAAAAAAA-0000-4000-8000-000000000000",
    "braces": b"%7Baaaaaaaa-0000-4000-8000-000000000000%7D",
    "URN": b"urn:uuid:aaaaaaaa-0000-4000-8000-000000000000",
    "no hyphens": b"aaaaaaaa000040008000000000000000",
    "odd hyphens": b"5-5-0e8400e29b41d4a716446655440000",
    "full-width digits": quote("１２３４５６７８-0000-4000-8000-000000000000").encode(),
    "NUL": b"%00",
    "half a character": b"%ed%a0%80",
    "dots": b"%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "quote": b"'%20or%201=1--",
    "very long": b"a" * 9_000,
}
ODD_BODIES = {
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": "x", "variables": {"a": 1e999}}',
    "thousands of digits": b'{"name": "x", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    "half a character": b'{"name": "\\ud800"}',
    "NUL": b'{"name": "a\\u0000b"}',
    "no UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "deep": b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "very deep": b'{"a":' * 100_000,
    "the same key twice": b'{"name": "a", "name": "b"}',
    "list": b"[]",
    "text": b'"name"',
    "number": b"7",
    "null": b"null",
    "cut off": b'{"name": "x"',
    "no JSON": b"name=x",
    "name too long": b'{"name": "' + b"x" * 300 + b'"}',
    "name of another kind": b'{"name": {"a": 1}}',
}
REQUESTS: dict[str, tuple[bytes, frozenset[int]]] = {
    **{f"id: {name}": (request("GET", LIST + b"/" + text), frozenset({404, 400})) for name, text in ODD_IDS.items()},
    **{f"body: {name}": (request(*NEW, body=text), frozenset({400})) for name, text in ODD_BODIES.items()},
    "body of another type": (
        request(*NEW, b"Content-Type: text/plain", b"Content-Length: 2").removesuffix(b"\r\n") + b"\r\n{}",
        frozenset({415}),
    ),
    "no key": (request("GET", LIST, auth=b""), frozenset({401})),
    "key in bytes": (request("GET", LIST, auth=b"Authorization: Bearer \xff\xfe\r\n"), frozenset({401})),
    "key not in ASCII": (request("GET", LIST, auth="Authorization: Bearer schlüssel\r\n".encode()), frozenset({401})),
    "key twice": (
        request("GET", LIST, b"Authorization: Bearer x", auth=b"Authorization: Bearer y\r\n"),
        frozenset({401}),
    ),
    "wrong method": (request("DELETE", LIST), frozenset({405})),
    "unknown path": (request("GET", b"/api/nothing"), frozenset({404})),
    "slash at the end": (request("GET", LIST + b"/"), frozenset({404})),
    "odd paging": (
        request("GET", LIST + b"?limit=-1&offset=99999999999999999999&q=%00&order=asc"),
        frozenset({200, 400}),
    ),
    "odd sorting": (request("GET", LIST + b"?sort=name;drop%20table"), frozenset({400})),
    "query in bytes": (request("GET", LIST + b"?q=%ff%fe"), frozenset({200, 400})),
    "foreign host": (request("GET", LIST).replace(b"Host: localhost", b"Host: evil.example.com"), frozenset({421})),
    "foreign page": (request(*NEW, b"Origin: https://evil.example.com", body=b'{"name": "x"}'), frozenset({403})),
    "preflight": (request("OPTIONS", LIST, b"Origin: https://evil.example.com", auth=b""), frozenset({403})),
    "doubled length": (request(*NEW, b"Content-Length: 2", b"Content-Length: 2") + b"{}", frozenset({400})),
    "length and chunks": (
        request(*NEW, b"Content-Length: 2", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        frozenset({400}),
    ),
    "header too long": (request("GET", LIST, b"X: " + b"a" * 40_000), frozenset({431})),
    "URL too long": (request("GET", LIST + b"?q=" + b"a" * 20_000), frozenset({414})),
    "body too long": (request(*NEW, b"Content-Type: application/json", b"Content-Length: 100000000"), frozenset({413})),
    "webhook: no UUID": (request("POST", b"/api/webhooks/nonsense", auth=b""), frozenset({400})),
    "webhook: unknown": (
        request("POST", b"/api/webhooks/00000000-0000-4000-8000-000000000000", auth=b""),
        frozenset({404}),
    ),
    "webhook: token in bytes": (
        request("POST", b"/api/webhooks/" + HOOK.encode(), auth=b"Authorization: Bearer \xff\r\n"),
        frozenset({401}),
    ),
    "webhook: token not in ASCII": (
        request("POST", b"/api/webhooks/" + HOOK.encode() + b"?token=%C3%BC", auth=b""),
        frozenset({401}),
    ),
    "webhook: half a character": (
        request("POST", b"/api/webhooks/" + HOOK.encode() + b"?token=%ed%a0%80", auth=b""),
        frozenset({401}),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.usefixtures("workflow_id")
def test_every_bad_request_gets_a_reply_that_says_so(server: ServerProcess, name: str) -> None:
    """In JSON, with the fitting status: no request makes the server fail, and afterwards it answers as before."""
    data, statuses = REQUESTS[name]

    reply = server.send(data)

    assert reply.status in statuses, reply.body[:300]
    assert reply.headers["content-type"] == "application/json"
    assert reply.status == 200 or isinstance(json.loads(reply.body)["error"], str)
    assert not [header for header in reply.headers if header.startswith("access-control")]
    assert server.call("GET", "/api/health")[0] == 200


GRAPHS = {
    "cycle": {"blocks": [{"id": "a", "type": "split"}], "edges": [{"source": "a", "target": "a"}]},
    "same id twice": {"blocks": [{"id": "a", "type": "split"}, {"id": "a", "type": "split"}]},
    "edge to nowhere": {"blocks": [{"id": "a", "type": "split"}], "edges": [{"source": "a", "target": "b"}]},
    "unknown type": {"blocks": [{"id": "a", "type": "nothing"}]},
    "no ids": {"blocks": [{}]},
    "other kinds": {"blocks": "x", "edges": 7},
    "null position": {"blocks": [{"id": "a", "type": "split", "position": None}]},
    "ids of other kinds": {"blocks": [{"id": 7, "type": "split"}]},
    "long ids": {"blocks": [{"id": "a" * 300, "type": "split"}]},
    "null config": {"blocks": [{"id": "a", "type": "agent", "config": None}]},
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_no_graph_makes_the_server_fail(server: ServerProcess, graph: Any) -> None:
    """It is stored or refused, and what was stored can be run or says why not."""
    _, created = server.call("POST", "/api/workflows", {"name": "Odd"})

    status, reply = server.call("PUT", f"/api/workflows/{created['id']}/graph", graph)

    assert status in (200, 400), reply
    assert status == 200 or reply["error"]
    status, reply = server.call("POST", f"/api/workflows/{created['id']}/execute", {})
    assert status == 200 or reply["error_code"] == "EXECUTION_FAILED"


def test_a_space_after_bearer_decides_on_the_wire(server: ServerProcess, workflow_id: str) -> None:
    """With the space there is an empty token that shadows the one in the URL, without it there is none (X6)."""
    server.call("POST", f"/api/workflows/{workflow_id}/deploy")
    path = f"/api/webhooks/{HOOK}?token={SECRET}".encode()

    with_space = server.send(request("POST", path, auth=b"Authorization: Bearer \r\n"))
    without = server.send(request("POST", path, auth=b"Authorization: Bearer\r\n"))
    server.call("POST", f"/api/workflows/{workflow_id}/undeploy")

    assert (with_space.status, json.loads(with_space.body)) == (401, {"error": "Unauthorized"})
    assert without.status == 200


def test_a_call_that_never_arrives_does_not_use_up_an_armed_webhook(server: ServerProcess, workflow_id: str) -> None:
    """Too long, cut off or with a wrong secret: the one call that is allowed is still to come."""
    server.call("POST", f"/api/workflows/{workflow_id}/arm")
    hook = f"/api/webhooks/{HOOK}".encode()
    right = f"Authorization: Bearer {SECRET}\r\n".encode()

    too_long = server.send(request("POST", hook, b"Content-Length: 2000000", auth=right))
    chunk = b"%x\r\n%s\r\n" % (2_000_000, b"x" * 2_000_000)
    too_long_in_chunks = server.send(request("POST", hook, b"Transfer-Encoding: chunked", auth=right) + chunk)
    wrong = server.send(request("POST", hook, auth=b"Authorization: Bearer wrong\r\n"))
    server.wire().send(request("POST", hook, b"Content-Length: 9", auth=right) + b"{").socket.close()
    accepted = server.send(request("POST", hook, body=b'{"n": 1}', auth=right))
    again = server.send(request("POST", hook, body=b'{"n": 2}', auth=right))

    assert (too_long.status, too_long_in_chunks.status, wrong.status) == (413, 413, 401)
    assert (accepted.status, json.loads(accepted.body)["output"]) == (200, {"n": 1})
    assert again.status == 403


def test_many_wrong_secrets_are_told_to_stay_away_and_right_ones_pass(server: ServerProcess, workflow_id: str) -> None:
    """Nobody can guess for long, and nobody can lock others out by guessing."""
    server.call("POST", f"/api/workflows/{workflow_id}/deploy")
    guess = request("POST", f"/api/webhooks/{HOOK}?token=guess".encode(), auth=b"")

    statuses = [server.send(guess) for _ in range(70)]
    right = server.send(request("POST", f"/api/webhooks/{HOOK}?token={SECRET}".encode(), auth=b""))
    server.call("POST", f"/api/workflows/{workflow_id}/undeploy")

    assert statuses[0].status == 401
    assert statuses[-1].status == 429
    assert int(statuses[-1].headers["retry-after"]) > 0
    assert right.status == 200


def test_a_body_of_100_megabytes_takes_no_memory(server: ServerProcess) -> None:
    """Announced or not, it is refused before more than the bound has been read."""
    server.call("POST", "/api/workflows", {"name": "warm"})
    before = server.memory_mb("VmHWM")
    announced = request(*NEW, b"Content-Type: application/json", b"Content-Length: 100000000")
    chunked = request(*NEW, b"Content-Type: application/json", b"Transfer-Encoding: chunked")
    piece = b"%x\r\n%s\r\n" % (1_000_000, b"x" * 1_000_000)

    replies = [server.send(announced + b"x" * 100_000_000), server.send(chunked + piece * 100)]

    assert [reply.status for reply in replies] == [413, 413]
    assert server.memory_mb("VmHWM") - before < 64


def test_nothing_secret_is_in_the_log(server: ServerProcess) -> None:
    """After everything above: no key, no secret of a webhook, no query, and no fault of ours."""
    log = server.err()

    assert KEY not in log
    assert SECRET not in log
    assert "token=" not in log
    assert not re.findall(r'"level":"(?:error|critical)".*', log)
    assert "Traceback" not in log


def test_all_files_are_the_owners_alone(server: ServerProcess) -> None:
    """The data folder and what is in it; other users of the machine see nothing."""
    folder: Path = server.data
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}

    assert modes.pop(folder.name) == 0o700
    assert len(modes) >= 3
    assert set(modes.values()) <= {0o600, 0o700}
