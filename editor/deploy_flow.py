"""What happens around deploying: arming, the review before a deploy, undeploying.

Everything that leaves the document asks once, naming server and workflow; what the server says afterwards is shown.
"""

from datetime import UTC, datetime
from typing import Protocol

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from editor import aio
from editor.aio import Tasks, in_thread
from editor.dialogs import Option, choose
from editor.notices import NoticeBar
from editor.panels.deploy.review_dialog import DeployDialog, DeployPlan
from editor.panels.webhook.advice import advice
from editor.theme import Theme
from editor.workspace.deployment import Deployment
from editor.workspace.problem_watcher import ProblemWatcher
from editor.workspace.server_link import ServerLink, ServerPlace
from editor.workspace.workspace import Workspace
from engine import (
    Block,
    PlatformClient,
    ServerError,
    Workflow,
    deployreview,
    to_platform,
)


class SavesToServer(Protocol):
    """Who brings the document to its server."""

    def save_to_server(self) -> None:
        """Save it, asking for a server where it lives on none."""

    async def save_and_wait(self) -> bool:
        """Whether the document as it is on screen is on the server now; what went wrong has been told."""


class DeployFlow(QObject):
    """Leads through arming, deploying and undeploying. Public methods start a task and return at once.

    Signals:
        problem_found(Problem): the person wants to see this error, which keeps the workflow from being deployed.
        webhook_wanted(str): show the panel of the webhook block with this id.
    """

    problem_found = Signal(object)
    webhook_wanted = Signal(str)

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        link: ServerLink,
        deployment: Deployment,
        saver: SavesToServer,
        problem_watcher: ProblemWatcher,
        theme: Theme,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._link = link
        self._deployment = deployment
        self._saver = saver
        self._problem_watcher = problem_watcher
        self._theme = theme
        self._notices = notices
        self._tasks = tasks
        self._asked: set[ServerPlace] = set()
        deployment.window_closed.connect(self._on_window_closed)

    def arm(self) -> None:
        """Let the webhook take one call."""
        self._tasks.start("deploy", self.arm_and_wait)

    def deploy(self) -> None:
        """Show what a deploy would change, and deploy when the person agrees."""
        self._tasks.start("deploy", self._review_and_deploy)

    def undeploy(self) -> None:
        """Let the webhook take no more calls, after a question."""
        self._tasks.start("deploy", self._ask_and_undeploy)

    def show_webhook(self) -> None:
        """Show the panel of the webhook block, or say that there is none."""
        block = self._webhook()
        if block is None:
            self._tell_no_webhook()
        else:
            self.webhook_wanted.emit(block.id)

    # --- arming -------------------------------------------------------------------------------------------------

    async def arm_and_wait(self) -> bool:
        """Whether the workflow is armed now; what kept it from being so has been told."""
        if not self.is_placed("armed"):
            return False
        if self._webhook() is None:
            self._tell_no_webhook()
            return False
        if self._deployment.state.kind == "live":
            self._notices.show_notice(
                "It is live already: every call begins a run, so there is nothing to arm.", "info"
            )
            return False
        place = self._link.place
        if not await self._may_arm() or not await self._saver.save_and_wait() or place != self._link.place:
            return False
        try:
            await self._deployment.arm()
        except ServerError as error:
            self._notices.show_notice(f"Not armed. {error}", "error", "Try Again", self.arm)
            return False
        self._notices.show_notice("Armed: the next call begins a run.", "success", "Show Address", self.show_webhook)
        return True

    async def _may_arm(self) -> bool:
        """Whether the person agrees; asked once for each workflow while the window is open."""
        place = self._link.place
        if place is None:
            return False
        if place in self._asked:
            return True
        answer = await choose(
            self._window,
            f"Arm “{self._name()}” on {place.name}?",
            "For ten minutes the server takes one call of the webhook. The workflow is saved there first.",
            [Option("arm", "Arm", is_default=True), Option("cancel", "Cancel", is_cancel=True)],
        )
        if answer == "arm":
            self._asked.add(place)
        return answer == "arm"

    def _on_window_closed(self, end: str) -> None:
        words = {
            "used": "The one call came. The workflow is off again.",
            "over": "The ten minutes are over and no call came. The workflow is off again.",
            "ended": "The workflow is not armed any more. Somebody else may have ended it.",
        }
        again = ("Arm Again", self.arm)
        self._notices.show_notice(words[end], "info", *(again if end == "over" else ("", None)))

    # --- deploying ----------------------------------------------------------------------------------------------

    async def _review_and_deploy(self) -> None:
        if not self.is_placed("deployed"):
            return
        place = self._link.place
        try:
            plan = await self._plan()
        except ServerError as error:
            self._notices.show_notice(f"Not deployed. {error}", "error", "Try Again", self.deploy)
            return
        if place != self._link.place or not await self._agrees(plan):
            return
        if not await self._saver.save_and_wait() or place != self._link.place:
            return
        try:
            remark = await self._deployment.deploy()
        except ServerError as error:
            words = f"Not deployed. {_ended(str(error))} {self._what_is_so()}"
            self._notices.show_notice(words, "error", "Try Again", self.deploy)
            return
        done = f"“{self._name()}” is live on {place.name if place else ''}."
        self._notices.show_notice(remark or done, "warning" if remark else "success")

    async def _agrees(self, plan: DeployPlan) -> bool:
        dialog = DeployDialog(plan, self._theme, self._window)
        dialog.problem_chosen.connect(self.problem_found)
        answer = await aio.ask(dialog)
        dialog.deleteLater()
        return answer == QDialog.DialogCode.Accepted

    async def _plan(self) -> DeployPlan:
        workspace, link = self._workspace, self._link
        workflow = workspace.workflow
        problems = self._problem_watcher.check_now()
        deployed = await self._deployed_graph()
        changes = None
        if deployed is not None:
            now = workflow if self._is_own else (await in_thread(to_platform, workflow, workspace.catalog)).workflow
            changes = await in_thread(deployreview.changes, deployed[0], now, workspace.catalog)
        is_live = self._deployment.state.kind == "live"
        told = self._deployment.state.last
        version = deployed[1] if deployed else (told.version if told and is_live else None)
        return DeployPlan(
            server=link.connection.name if link.connection else "",
            workflow=self._name(),
            blocks=len(workflow.blocks),
            is_live=is_live,
            version=version,
            changes=changes,
            problems=problems,
            schedule=deployreview.planned_schedule(workflow, datetime.now(UTC)),
            replaces_schedule=bool(told and told.schedule),
            warnings=tuple(self._warnings(workflow)),
        )

    async def _deployed_graph(self) -> tuple[Workflow, int] | None:
        """What callers get now, and its version; while it is not live, what was deployed last where that is kept.

        Callers of a live workflow get what was saved last, not what was there when it was deployed (contract 2.6).
        """
        if self._deployment.state.kind == "live":
            stored = await self._link.call(PlatformClient.workflow, self._link.workflow_id)
            return stored.workflow, stored.version
        if "deployment" in self._link.extensions:
            kept = await self._link.call(PlatformClient.deployment, self._link.workflow_id)
            return (kept.workflow, kept.version) if kept else None
        return None

    @property
    def _is_own(self) -> bool:
        """Whether the server keeps graphs word for word, as ours do."""
        return self._link.base is not None and self._link.base.revision is not None

    def _warnings(self, workflow: Workflow) -> list[str]:
        """What webhooks lack for being called, and that there is nothing at all that could begin a run."""
        hooks = [block for block in workflow.blocks.values() if block.type == "webhook"]
        found = [
            sentence
            for block in hooks
            for sentence in advice(block, workflow, on_server=None, is_saved=True, state=self._deployment.state)
        ]
        has_schedule = deployreview.planned_schedule(workflow, datetime.now(UTC)) is not None
        if not hooks and not has_schedule:
            found.append("It has neither a webhook nor a schedule, so nothing will begin a run by itself.")
        return found

    async def _ask_and_undeploy(self) -> None:
        place = self._link.place
        if place is None:
            return
        answer = await choose(
            self._window,
            f"Undeploy “{self._name()}” on {place.name}?",
            "From then on calls of its webhook are refused, and its schedule ends.",
            [Option("undeploy", "Undeploy", is_destructive=True), Option("cancel", "Cancel", is_cancel=True)],
        )
        if answer != "undeploy" or place != self._link.place:
            return
        try:
            remark = await self._deployment.undeploy()
        except ServerError as error:
            words = f"Not undeployed. {_ended(str(error))} {self._what_is_so()}"
            self._notices.show_notice(words, "error", "Try Again", self.undeploy)
            return
        done = f"“{self._name()}” is off: calls are refused."
        self._notices.show_notice(remark or done, "warning" if remark else "success")

    # --- words --------------------------------------------------------------------------------------------------

    def is_placed(self, done: str) -> bool:
        """Whether the document is on a server, where workflows are `done`; else what to do is said."""
        if self._link.is_placed:
            return True
        words = f"A workflow is {done} on a server, and this one is on this machine only. Save it to a server first."
        self._notices.show_notice(words, "info", "Save to Server…", self._saver.save_to_server)
        return False

    def _what_is_so(self) -> str:
        """What is known of the state after a call that failed."""
        if self._deployment.state.kind in ("off", "armed", "live"):
            return f"The server says: {self._deployment.text}."
        return "What is so there now is not known."

    def _tell_no_webhook(self) -> None:
        words = "There is no Webhook block that could be called. Add one from the list of blocks, under Start."
        self._notices.show_notice(words, "warning")

    def _webhook(self) -> Block | None:
        """The webhook block that is selected, else the first one."""
        workflow = self._workspace.workflow
        hooks = [block for block in workflow.blocks.values() if block.type == "webhook"]
        selected = self._workspace.selection.only_block
        return next((block for block in hooks if block.id == selected), hooks[0] if hooks else None)

    def _name(self) -> str:
        return self._workspace.workflow.name or "Untitled"


def _ended(sentence: str) -> str:
    """The sentence with a full stop where it has no end: a server's own words are put into ours."""
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
