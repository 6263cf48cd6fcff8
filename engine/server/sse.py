"""The frames of a streamed run: run events as the contract writes them.

Source: contract 2.1 (SSE) and 2.7.
"""

from typing import Any

import msgspec

from engine.document import JsonObject
from engine.events import AnyEvent, BlockChunk, BlockFailed, BlockFinished, BlockStarted
from engine.server.errors import EXECUTION_TIMEOUT
from engine.server.runs.port import FinishedRun
from engine.server.runs.record import AGENT_TYPE

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
DESCRIPTION: dict[str, Any] = {
    "description": "Events as they happen, each a frame `data: JSON`.",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["data"],
                "properties": {"data": {"type": "string", "description": "A JSON object; `type` says what happened."}},
            },
            "example": 'data: {"type":"done","execution_id":"01a21385-ea23-741b-91e6-4953f00fff93"}\n\n',
        }
    },
}
"""What the documentation says of a route that streams."""


def frame(content: JsonObject) -> bytes:
    """One frame."""
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


class FrameWriter:
    """Turns the events of one run into frames. Retries, skips and printed text have none."""

    def __init__(self) -> None:
        self._types: dict[str, str] = {}

    def frame_of(self, event: AnyEvent) -> bytes | None:
        """The frame for an event, None when it has none. The last event of a run has `last_frame` instead."""
        if isinstance(event, BlockStarted):
            self._types[event.block_id] = event.block_type
            return self._frame("block_start", event.block_id) if event.attempt == 1 else None
        if isinstance(event, BlockChunk):
            is_answer = event.stream == "output" and self._types.get(event.block_id) == AGENT_TYPE
            return self._frame("block_chunk", event.block_id, chunk=event.text) if is_answer else None
        if isinstance(event, BlockFinished):
            return self._ended("block_complete", event, event.result)
        if isinstance(event, BlockFailed):
            return self._ended("block_error", event, {"error": event.error})
        return None

    def _ended(self, kind: str, event: BlockFinished | BlockFailed, data: JsonObject) -> bytes:
        return self._frame(kind, event.block_id, data=data, duration_ms=round(event.duration_ms, 2))

    def _frame(self, kind: str, block_id: str, **more: Any) -> bytes:
        return frame({"type": kind, "block_id": block_id, "block_type": self._types.get(block_id, ""), **more})


def last_frame(run: FinishedRun) -> bytes:
    """The frame that ends a run's stream: `done`, or `error` with a code for a timeout only."""
    if run.status == "completed":
        return frame({"type": "done", "execution_id": run.execution_id})
    code = {"error_code": run.error_code} if run.error_code == EXECUTION_TIMEOUT else {}
    return frame({"type": "error", "error": run.error, **code})
