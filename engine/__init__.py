"""Blockloom's engine: the document, the blocks and the run. No Qt anywhere below here.

This is the whole surface that the editor uses. Names are imported when they are first asked for: `import engine` itself
costs nothing, and a command pays only for what it touches.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine import code as code
    from engine import deployreview as deployreview
    from engine import directory as directory
    from engine import edits as edits
    from engine import files as files
    from engine import llm as llm
    from engine import merge as merge
    from engine import recording as recording
    from engine import references as references
    from engine import snippets as snippets
    from engine import trust as trust
    from engine import wiring as wiring
    from engine.blocks import Catalog as Catalog
    from engine.blocks import default_catalog as default_catalog
    from engine.blocks._fields import Field as Field
    from engine.blocks._fields import pairs_of as pairs_of
    from engine.blocks._spec import BlockType as BlockType
    from engine.blocks._spec import Port as Port
    from engine.change import Change as Change
    from engine.change import difference as difference
    from engine.change import same_json as same_json
    from engine.check import Checker as Checker
    from engine.check import Problem as Problem
    from engine.check import Suggestion as Suggestion
    from engine.check import suggestions as suggestions
    from engine.client.connection import Connection as Connection
    from engine.client.connection import address_problem as address_problem
    from engine.client.connection import from_environment as from_environment
    from engine.client.connection import is_unprotected as is_unprotected
    from engine.client.connection import tidy_address as tidy_address
    from engine.client.platform import PlatformClient as PlatformClient
    from engine.client.records import Execution as Execution
    from engine.client.records import ServerReport as ServerReport
    from engine.client.records import StoredWorkflow as StoredWorkflow
    from engine.client.records import WorkflowFacts as WorkflowFacts
    from engine.client.records import WorkflowRow as WorkflowRow
    from engine.client.saved import Connections as Connections
    from engine.compare import Difference as Difference
    from engine.compare import differences as differences
    from engine.directory.remote import RemoteDirectory as RemoteDirectory
    from engine.document import Block as Block
    from engine.document import Edge as Edge
    from engine.document import Json as Json
    from engine.document import JsonObject as JsonObject
    from engine.document import Workflow as Workflow
    from engine.document import new_id as new_id
    from engine.errors import AccessDenied as AccessDenied
    from engine.errors import BlockloomError as BlockloomError
    from engine.errors import DirectoryError as DirectoryError
    from engine.errors import EditError as EditError
    from engine.errors import ExpressionError as ExpressionError
    from engine.errors import FileError as FileError
    from engine.errors import NotAWorkflowServer as NotAWorkflowServer
    from engine.errors import NotOnServer as NotOnServer
    from engine.errors import RefusedByServer as RefusedByServer
    from engine.errors import RevisionMoved as RevisionMoved
    from engine.errors import ServerError as ServerError
    from engine.errors import ServerFault as ServerFault
    from engine.errors import ServerUnreachable as ServerUnreachable
    from engine.errors import TooManyRequests as TooManyRequests
    from engine.events import AnyEvent as AnyEvent
    from engine.expressions import Expression as Expression
    from engine.inputs import RunInput as RunInput
    from engine.inputs import run_inputs as run_inputs
    from engine.llm.choices import available_models as available_models
    from engine.loopthread import LoopThread as LoopThread
    from engine.platformgraph import PlatformGraph as PlatformGraph
    from engine.platformgraph import to_own_server as to_own_server
    from engine.platformgraph import to_platform as to_platform
    from engine.platformids import rewrite_ids as rewrite_ids
    from engine.run.context import RunSettings as RunSettings
    from engine.run.local import LocalRunner as LocalRunner
    from engine.run.local import RunHandle as RunHandle
    from engine.run.remote import RemoteHandle as RemoteHandle
    from engine.run.remote import RemoteRunner as RemoteRunner
    from engine.run.remote import past_run as past_run
    from engine.runstate import BlockRun as BlockRun
    from engine.runstate import Delegation as Delegation
    from engine.runstate import RunState as RunState
    from engine.runstate import decisions as decisions
    from engine.runstate import replay as replay
    from engine.samegraph import from_platform as from_platform
    from engine.samegraph import same_graph as same_graph

_MODULES = (
    "deployreview",
    "edits",
    "files",
    "merge",
    "recording",
    "references",
    "snippets",
    "wiring",
    "trust",
    "code",
    "directory",
    "llm",
)
_NAMES = {
    "from_environment": "client.connection",
    "RemoteDirectory": "directory.remote",
    "differences": "compare",
    "Difference": "compare",
    "replay": "runstate",
    "past_run": "run.remote",
    "RemoteRunner": "run.remote",
    "RemoteHandle": "run.remote",
    "tidy_address": "client.connection",
    "is_unprotected": "client.connection",
    "address_problem": "client.connection",
    "DirectoryError": "errors",
    "Delegation": "runstate",
    "RunSettings": "run.context",
    "WorkflowRow": "client.records",
    "rewrite_ids": "platformids",
    "RefusedByServer": "errors",
    "TooManyRequests": "errors",
    "NotOnServer": "errors",
    "AccessDenied": "errors",
    "WorkflowFacts": "client.records",
    "Execution": "client.records",
    "to_platform": "platformgraph",
    "to_own_server": "platformgraph",
    "same_json": "change",
    "same_graph": "samegraph",
    "from_platform": "samegraph",
    "ServerFault": "errors",
    "NotAWorkflowServer": "errors",
    "RevisionMoved": "errors",
    "PlatformGraph": "platformgraph",
    "ServerUnreachable": "errors",
    "ServerError": "errors",
    "StoredWorkflow": "client.records",
    "ServerReport": "client.records",
    "PlatformClient": "client.platform",
    "Connections": "client.saved",
    "Connection": "client.connection",
    "Catalog": "blocks",
    "default_catalog": "blocks",
    "Field": "blocks._fields",
    "pairs_of": "blocks._fields",
    "BlockType": "blocks._spec",
    "Port": "blocks._spec",
    "Change": "change",
    "difference": "change",
    "Checker": "check",
    "Problem": "check",
    "suggestions": "check",
    "Block": "document",
    "Edge": "document",
    "Json": "document",
    "JsonObject": "document",
    "Workflow": "document",
    "new_id": "document",
    "BlockloomError": "errors",
    "EditError": "errors",
    "FileError": "errors",
    "AnyEvent": "events",
    "RunInput": "inputs",
    "run_inputs": "inputs",
    "LocalRunner": "run.local",
    "LoopThread": "loopthread",
    "RunHandle": "run.local",
    "BlockRun": "runstate",
    "RunState": "runstate",
    "decisions": "runstate",
    "available_models": "llm.choices",
    "Suggestion": "check",
    "Expression": "expressions",
    "ExpressionError": "errors",
}

__all__ = [*_MODULES, *_NAMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
