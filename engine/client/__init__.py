"""The one typed client of the platform API: editor, command line and the Platform API block speak through it.

Names are imported when first asked for: a run that calls no server does not pay for httpx here.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.client.connection import Connection as Connection
    from engine.client.connection import address_problem as address_problem
    from engine.client.keys import KeyStore as KeyStore
    from engine.client.platform import PlatformClient as PlatformClient
    from engine.client.records import AgentRecord as AgentRecord
    from engine.client.records import Deployment as Deployment
    from engine.client.records import Execution as Execution
    from engine.client.records import Page as Page
    from engine.client.records import SavedGraph as SavedGraph
    from engine.client.records import ServerReport as ServerReport
    from engine.client.records import StoredWorkflow as StoredWorkflow
    from engine.client.records import WorkflowRow as WorkflowRow
    from engine.client.saved import Connections as Connections
    from engine.client.transport import Reply as Reply

_NAMES = {
    "AgentRecord": "records",
    "Connection": "connection",
    "Connections": "saved",
    "Deployment": "records",
    "Execution": "records",
    "KeyStore": "keys",
    "Page": "records",
    "PlatformClient": "platform",
    "Reply": "transport",
    "SavedGraph": "records",
    "ServerReport": "records",
    "StoredWorkflow": "records",
    "WorkflowRow": "records",
    "address_problem": "connection",
}

__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
