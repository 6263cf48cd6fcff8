"""Test calls of webhooks: sent as a foreign program would, and kept for as long as the document is open."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from editor.workspace.server_link import ServerLink
from engine import BlockloomError, Json, JsonObject, NotAWorkflowServer, NotOnServer, PlatformClient, new_id

KEPT = 50


@dataclass(frozen=True)
class TestCall:
    """One call that was sent from here. `status` is None until an answer came; `error` says why none came.

    `sent_at` is in seconds since the epoch. `is_foreign` says that the call began a run of another workflow.
    """

    __test__ = False  # its name is no promise to pytest

    key: str
    webhook_id: str
    body: JsonObject
    sent_at: float
    status: int | None = None
    reply: Json = None
    error: str = ""
    took_ms: float | None = None
    is_foreign: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the answer came, or will not come."""
        return self.status is not None or bool(self.error)

    @property
    def has_worked(self) -> bool:
        """Whether the call began a run of this workflow."""
        return self.status is not None and 200 <= self.status < 300 and not self.is_foreign


class WebhookCalls(QObject):
    """The test calls of the open document, newest first.

    Signals:
        changed(): a call was sent or answered.
    """

    changed = Signal()

    def __init__(
        self, link: ServerLink, parent: QObject | None = None, *, wall: Callable[[], float] = time.time
    ) -> None:
        super().__init__(parent)
        self._link = link
        self._wall = wall
        self._calls: dict[str, TestCall] = {}
        link.place_changed.connect(self._on_place_changed)

    def of(self, webhook_id: str) -> list[TestCall]:
        """The calls of this webhook, newest first."""
        return [call for call in reversed(self._calls.values()) if call.webhook_id == webhook_id]

    def call(self, key: str) -> TestCall | None:
        """The call with this key, None when it is not kept any more."""
        return self._calls.get(key)

    async def send(self, webhook_id: str, secret: str, body: JsonObject) -> TestCall:
        """Call the webhook on the document's server; whatever comes of it is in the call that returns."""
        sent = TestCall(new_id(), webhook_id, body, self._wall())
        self._keep(sent)
        try:
            answered = await self._answered(sent, secret)
        except BlockloomError as error:
            answered = replace(sent, error=str(error))
        if sent.key in self._calls:
            self._keep(answered)
        return answered

    async def _answered(self, sent: TestCall, secret: str) -> TestCall:
        began = time.perf_counter()
        reply = await self._link.call(PlatformClient.trigger, sent.webhook_id, secret, sent.body)
        took_ms = (time.perf_counter() - began) * 1000
        answered = replace(sent, status=reply.status, reply=reply.value(), took_ms=took_ms)
        value = answered.reply
        execution_id = value.get("execution_id") if isinstance(value, dict) else None
        if not reply.is_success or not isinstance(execution_id, str):
            return answered
        return replace(answered, is_foreign=await self._is_foreign(execution_id))

    async def _is_foreign(self, execution_id: str) -> bool:
        """Whether this run is one of another workflow: then two workflows have the same address (contract 2.5)."""
        try:
            await self._link.call(PlatformClient.execution, self._link.workflow_id, execution_id)
        except (NotOnServer, NotAWorkflowServer):  # the second where there is no route for one run, only the list
            return True
        except BlockloomError:
            return False
        return False

    def _keep(self, call: TestCall) -> None:
        self._calls[call.key] = call
        while len(self._calls) > KEPT:
            del self._calls[next(iter(self._calls))]
        self.changed.emit()

    def _on_place_changed(self) -> None:
        self._calls.clear()
        self.changed.emit()


def outcome_words(call: TestCall) -> str:
    """What a call came to, in a sentence that says what to do where it failed. Source: contract 2.9."""
    if call.error:
        return call.error
    if call.status is None:
        return "Waiting for the reply…"
    if call.is_foreign:
        return (
            "The call began a run of another workflow, which has the same address. Mint new credentials for this one."
        )
    if call.has_worked:
        return "The call began a run."
    told = call.reply.get("error") if isinstance(call.reply, dict) else None
    said = f": {told}" if isinstance(told, str) and told else ""
    return _REFUSALS.get(call.status, f"The server answered with status {call.status}{said}.")


_REFUSALS = {
    400: "The address is not one that the server can read. Mint new credentials and save.",
    401: "The server does not accept the secret. Save the workflow, so that it knows this one.",
    403: "The workflow is off. Arm it for one call, or deploy it.",
    404: "The server does not know this address. Save the workflow first.",
    504: "The run took longer than the server allows.",
}


def reply_body(call: TestCall) -> Json:
    """What the person wants to see of the reply: the output of the run where there is one."""
    if call.has_worked and isinstance(call.reply, dict) and "output" in call.reply:
        return call.reply["output"]
    return call.reply
