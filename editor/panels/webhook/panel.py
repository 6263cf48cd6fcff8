"""The webhook panel: all about one webhook block, from its address to the last call that came. A page of the inspector.

It shows the document, the state on the server and the calls, and asks for everything else.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from editor.panels.block_form import FoldSection
from editor.panels.history.run_rows import call_row
from editor.panels.two_line_list import TwoLineList
from editor.panels.webhook.advice import advice, sample_body
from editor.panels.webhook.call_form import CallForm
from editor.panels.webhook.credentials import Credentials
from editor.panels.widgets import IconLabel
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.deployment import Deployment
from editor.workspace.server_link import ServerLink
from editor.workspace.webhook_calls import WebhookCalls
from editor.workspace.workspace import SERVER, Workspace
from engine import Block, Execution, JsonObject

SHOWN_RECEIVED = 6
_CLOCK_MS = 20_000


class WebhookPanel(QWidget):
    """Shows one webhook block.

    Signals:
        save_requested(): save the workflow to a server.
        arm_requested(): let the webhook take one call.
        deploy_requested(): let it take all calls, after a question.
        undeploy_requested(): let it take none, after a question.
        call_requested(str, object): block id and body: send a test call, arming the workflow first where it is off.
        mint_requested(str): block id: give it another address and secret.
        run_chosen(str): the id of a run that is to be shown.
        message(str): something to say for a moment.
    """

    save_requested = Signal()
    arm_requested = Signal()
    deploy_requested = Signal()
    undeploy_requested = Signal()
    call_requested = Signal(str, object)
    mint_requested = Signal(str)
    run_chosen = Signal(str)
    message = Signal(str)

    def __init__(
        self,
        workspace: Workspace,
        link: ServerLink,
        deployment: Deployment,
        calls: WebhookCalls,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._link = link
        self._deployment = deployment
        self._calls = calls
        self._block_id = ""
        self._bodies: dict[str, JsonObject] = {}
        self._runs: Sequence[Execution] = ()
        self.state = plain_label("", self, role="title", wrap=True)
        self.next_step = plain_label("", self, role="muted", wrap=True)
        self.first_button = QPushButton(self)
        self.second_button = QPushButton(self)
        self.credentials = Credentials(theme, self)
        self.test_fold = FoldSection(theme, "Try it", self, is_open=True)
        self.form = CallForm(theme, self)
        self.received_fold = FoldSection(theme, "Calls received", self, is_open=True)
        self.received = TwoLineList(theme, "Calls received", self)
        self.no_calls = plain_label("", self, role="muted", wrap=True)
        self.mint_fold = FoldSection(theme, "New address and secret", self)
        self.mint_button = QPushButton("Mint New Credentials", self)
        self._advice = _Advice(theme, self)
        self._times = QTimer(self)
        self._times.setInterval(_CLOCK_MS)
        self._build()
        self._connect()

    def show_block(self, block: Block) -> None:
        """Show this webhook block."""
        if block.id != self._block_id:
            self._block_id = block.id
            sample = sample_body(self._workspace.workflow, self._workspace.catalog)
            self.form.show_body(self._bodies.get(block.id, sample or {"name": "value"}))
        self._show(block)

    def refresh(self) -> None:
        """Show document, server and calls as they are now."""
        block = self._block()
        if block is not None and self.isVisible():
            self._show(block)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    # --- inside -------------------------------------------------------------------------------------------------

    def _show(self, block: Block) -> None:
        webhook_id = str(block.config.get("webhook_id") or "")
        secret = block.config.get("webhook_secret")
        connection = self._link.connection
        self.credentials.show_webhook(
            connection.url if connection else "",
            webhook_id,
            secret if isinstance(secret, str) else "",
            self.form.body,
        )
        self._show_state()
        self._advice.show_sentences(self._sentences(block))
        self._show_calls()
        self._show_received()

    def _build(self) -> None:
        card = QFrame(self)
        card.setProperty("role", "card")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(12, 10, 12, 10)
        inner.setSpacing(6)
        inner.addWidget(self.state)
        inner.addWidget(self.next_step)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        buttons.addWidget(self.first_button)
        buttons.addWidget(self.second_button)
        buttons.addStretch(1)
        inner.addLayout(buttons)
        self.test_fold.content_layout.addWidget(self.form)
        self.received_fold.content_layout.addWidget(self.received)
        self.received_fold.content_layout.addWidget(self.no_calls)
        words = (
            "Whoever calls the old address, or with the old secret, is refused once this is saved. It can be undone."
        )
        self.mint_fold.content_layout.addWidget(plain_label(words, self, role="muted", wrap=True))
        self.mint_fold.content_layout.addWidget(self.mint_button, alignment=Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for widget in (
            card,
            self._advice,
            self.credentials,
            self.test_fold,
            self.received_fold,
            self.mint_fold,
        ):
            layout.addWidget(widget)

    def _connect(self) -> None:
        self._deployment.state_changed.connect(self.refresh)
        self._deployment.ticked.connect(self._show_state)
        self._deployment.runs_told.connect(self._on_runs_told)
        self._link.place_changed.connect(self._on_place_changed)
        self._link.save_state_changed.connect(self.refresh)
        self._workspace.saved_changed.connect(self.refresh)
        self._calls.changed.connect(self._show_calls)
        self.form.send_requested.connect(self._on_send)
        self.form.body_changed.connect(self._on_body_changed)
        self.received.chosen.connect(self.run_chosen)
        self.credentials.message.connect(self.message)
        self.first_button.clicked.connect(self._on_first)
        self.second_button.clicked.connect(self._on_second)
        self.mint_button.clicked.connect(self._on_mint)
        self._times.timeout.connect(self._on_time)
        self._times.start()

    def _block(self) -> Block | None:
        return self._workspace.workflow.blocks.get(self._block_id)

    def _server(self) -> str:
        return self._link.connection.name if self._link.connection else ""

    def _show_state(self) -> None:
        kind = self._deployment.state.kind
        self.state.setText(f"{self._deployment.text}" + (f" · {self._server()}" if self._server() else ""))
        steps = {
            "none": "Save the workflow to a server, and others can call it there.",
            "off": "Calls are refused. Arm it to try it with one call, or deploy it for good.",
            "armed": "The next call begins a run, and it appears on the canvas.",
            "live": "Each call begins a run.",
        }
        self.next_step.setText(steps.get(kind) or self._deployment.state.trouble or "The server is being asked…")
        first, second = {
            "none": ("Save to Server…", ""),
            "off": ("Arm for One Call", "Deploy…"),
            "armed": ("Arm Again", "Deploy…"),
            "live": ("Undeploy…", ""),
        }.get(kind, ("", ""))
        for button, words in ((self.first_button, first), (self.second_button, second)):
            button.setText(words)
            button.setVisible(bool(words))
        self._show_send_button(kind)

    def _show_send_button(self, kind: str) -> None:
        if kind == "none":
            self.form.set_button(
                "Send Test Call", "A test call needs a server: save the workflow there first.", enabled=False
            )
        elif kind in ("armed", "live"):
            self.form.set_button("Send Test Call", "", enabled=True)
        elif kind == "off":
            self.form.set_button(
                "Arm and Send Test Call", "The workflow is off, so it is armed for this call.", enabled=True
            )
        else:
            self.form.set_button("Send Test Call", "", enabled=True)

    def _sentences(self, block: Block) -> list[str]:
        base = self._link.base
        state = self._link.save_state
        return advice(
            block,
            self._workspace.workflow,
            on_server=base.workflow if base else None,
            is_saved=self._workspace.is_saved_in(SERVER),
            state=self._deployment.state,
            refusal=state.reason if state.kind == "failed" else "",
        )

    def _show_calls(self) -> None:
        block = self._block()
        if block is not None:
            self.form.show_calls(self._calls.of(str(block.config.get("webhook_id") or "")))

    def _show_received(self) -> None:
        now = self._link.server_now().timestamp()
        calls = [run for run in self._runs if run.trigger in (None, "webhook")]
        self.received.set_rows([call_row(run, now) for run in calls])
        self.received.setVisible(bool(calls))
        self.received.setFixedHeight(self.received.height_of(SHOWN_RECEIVED))
        self.no_calls.setVisible(not calls)
        placed = self._link.is_placed
        self.no_calls.setText("None yet." if placed else "Calls appear here once the workflow is on a server.")

    def _on_runs_told(self, runs: list[Execution]) -> None:
        self._runs = runs
        if self._block() is not None:
            self._show_received()

    def _on_place_changed(self) -> None:
        self._runs = ()
        self.refresh()

    def _on_time(self) -> None:
        if self.isVisible():
            self.form.refresh_times()
            self._show_received()

    def _on_send(self, body: JsonObject) -> None:
        self.call_requested.emit(self._block_id, body)

    def _on_body_changed(self) -> None:
        if self._block_id:
            self._bodies[self._block_id] = self.form.body
            self.refresh()

    def _on_first(self) -> None:
        signals = {"none": self.save_requested, "live": self.undeploy_requested}
        signals.get(self._deployment.state.kind, self.arm_requested).emit()

    def _on_second(self) -> None:
        self.deploy_requested.emit()

    def _on_mint(self) -> None:
        self.mint_requested.emit(self._block_id)


class _Advice(QWidget):
    """Sentences with a warning's sign."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: list[str] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self.hide()

    def show_sentences(self, sentences: list[str]) -> None:
        """Show these in place of those before."""
        if sentences == self._shown:
            return
        self._shown = sentences
        while (item := self._layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for sentence in sentences:
            row = QWidget(self)
            line = QHBoxLayout(row)
            line.setContentsMargins(0, 0, 0, 0)
            line.setSpacing(8)
            line.addWidget(IconLabel(self._theme, "triangle-alert", "warning", 16, row), 0, Qt.AlignmentFlag.AlignTop)
            line.addWidget(plain_label(sentence, row, wrap=True), 1)
            self._layout.addWidget(row)
        self.setVisible(bool(sentences))
