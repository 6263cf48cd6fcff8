"""Requests made from our own description of the API: none is an error of the server, each reply is as described."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.faults.server_process import KEY, ServerProcess, started, webhook_graph

EXAMPLES = settings().max_examples // 12
"""For each operation; there are many, and each example is a request to a real server."""
SECRET = "s"


def seeded(server: ServerProcess) -> dict[str, str]:
    """Ids that exist, by the name of the path parameter: with made-up ones most requests would end at a 404."""
    ids = {"webhook_id": str(uuid.uuid4()), "table": "things", "row_id": "1"}
    ids["workflow_id"] = server.call("POST", "/api/workflows", {"name": "Described"})[1]["id"]
    path = f"/api/workflows/{ids['workflow_id']}"
    server.call("PUT", f"{path}/graph", webhook_graph(ids["webhook_id"], SECRET))
    server.call("POST", f"{path}/deploy")
    ids["execution_id"] = server.call("POST", f"{path}/execute", {})[1]["execution_id"]
    ids["agent_id"] = server.call("POST", "/api/agents", {"name": "Described"})[1]["id"]
    orchestration = server.call("POST", "/api/orchestrations", {"name": "Described"})[1]
    ids["orchestration_id"] = orchestration["id"]
    ids["session_id"] = server.call("POST", "/api/copilot/sessions", {"workflow_id": ids["workflow_id"]})[1]["id"]
    return ids


def check_operation(operation: Any, known: dict[str, str]) -> None:
    """Call an operation in many ways, with ids that exist and with others."""
    names = [name for name in known if f"{{{name}}}" in operation.path and operation.method != "delete"]

    @given(case=operation.as_strategy(), exists=st.booleans())
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def check(case: Any, exists: bool) -> None:
        if exists:
            case.path_parameters.update({name: known[name] for name in names})
        # The contract has words of its own for what it requires, so no field is described as required.
        excluded = [positive_data_acceptance]
        case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"}, excluded_checks=excluded)

    check()


@pytest.mark.slow
def test_no_request_breaks_the_server(tmp_path: Path) -> None:
    """For every operation: no 5xx, no status, content type or shape that is not described, nothing without a key."""
    with started(tmp_path, "--rate-limit", "off") as server:
        known = seeded(server)
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
        for result in schema.get_all_operations():
            check_operation(result.ok(), known)
        assert "Traceback" not in server.err()
