"""What happens around a webhook block: test calls, and new credentials."""

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from editor.aio import Tasks
from editor.deploy_flow import DeployFlow
from editor.notices import NoticeBar
from editor.workspace.deployment import Deployment
from editor.workspace.webhook_calls import WebhookCalls
from editor.workspace.workspace import Workspace
from engine import JsonObject, edits


class WebhookFlow(QObject):
    """Does what the webhook panel asks for. Public methods start a task or an edit and return at once."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        deployment: Deployment,
        calls: WebhookCalls,
        deploy_flow: DeployFlow,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._deployment = deployment
        self._calls = calls
        self._deploy_flow = deploy_flow
        self._notices = notices
        self._tasks = tasks

    def send_call(self, block_id: str, body: JsonObject) -> None:
        """Call a webhook of the document, arming the workflow first where it is off."""
        self._tasks.start("test-call", self._send_call, block_id, body)

    def mint(self, block_id: str) -> None:
        """Give a webhook block another address and secret, as one step that can be undone."""
        block = self._workspace.workflow.blocks.get(block_id)
        kind = self._workspace.catalog.find("webhook")
        if block is None or kind is None:
            return
        # A displayed address is made of the id, so an old one would be wrong.
        kept = {key: value for key, value in block.config.items() if key != "webhook_url"}
        if self._workspace.edit("Mint new credentials", edits.set_config, block_id, {**kept, **kind.mint()}):
            words = (
                "This webhook has a new address and secret. Whoever uses the old ones is refused once this is saved."
            )
            # It goes by itself: after later edits the button would undo one of those.
            self._notices.show_notice(words, "success", "Undo", self._workspace.undo)

    async def _send_call(self, block_id: str, body: JsonObject) -> None:
        if not self._deploy_flow.is_placed("called"):
            return
        if self._deployment.state.kind == "off" and not await self._deploy_flow.arm_and_wait():
            return
        block = self._workspace.workflow.blocks.get(block_id)
        if block is None or not self._deploy_flow.is_placed("called"):
            return
        webhook_id, secret = (str(block.config.get(key) or "") for key in ("webhook_id", "webhook_secret"))
        await self._calls.send(webhook_id, secret, body)
        self._deployment.look_now()
