"""A tiny question to a language model, and its answer in a sentence."""

from collections.abc import Callable
from time import perf_counter

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from editor.aio import Tasks
from editor.panels.usage import usage_words
from editor.panels.widgets import IconLabel
from editor.text import duration_text, one_line, plain_label, set_role
from editor.theme import Theme
from editor.workspace.network import Network
from engine import BlockloomError, llm

QUESTION = "Repeat this sentence:\n\nThe model answers."
SHOWN = 300


class ModelTest(QWidget):
    """A button that asks, and the words of the answer with its time and usage."""

    def __init__(
        self,
        theme: Theme,
        network: Network,
        tasks: Tasks,
        request: Callable[[], tuple[llm.ModelSettings, llm.ModelRequest]],
        label: str,
        parent: QWidget | None = None,
    ) -> None:
        """`request` gives what is asked, at the moment of the click; `label` are the words of the button."""
        super().__init__(parent)
        self._network = network
        self._tasks = tasks
        self._request = request
        self.button = QPushButton(label, self)
        self.button.setAutoDefault(False)
        self.icon = IconLabel(theme, "circle-check", "success", 16, self)
        self.result = plain_label("", self, role="muted", wrap=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setSpacing(8)
        layout.addWidget(self.button)
        layout.addWidget(self.icon)
        layout.addWidget(self.result, 1)
        self.icon.hide()
        self.button.clicked.connect(self._on_clicked)

    def clear(self) -> None:
        """Another model is meant now: what was told of the last one goes."""
        self._tell("", "muted", "")

    def _on_clicked(self) -> None:
        self._tasks.restart(f"model-test-{id(self)}", self._ask)

    async def _ask(self) -> None:
        settings, request = self._request()
        self.button.setEnabled(False)
        self._tell("Asking…", "muted", "")
        began = perf_counter()
        try:
            answer = await self._network.run(llm.Models(settings).complete, request)
        except BlockloomError as error:
            self._tell(str(error), "error", "circle-x")
        else:
            self._tell(answer_words(answer, (perf_counter() - began) * 1000), "text", "circle-check")
        finally:
            self.button.setEnabled(True)

    def _tell(self, text: str, role: str, icon: str) -> None:
        self.result.setText(text)
        set_role(self.result, role)
        self.icon.setVisible(bool(icon))
        if icon:
            self.icon.set_icon(icon, "error" if role == "error" else "success")


def answer_words(answer: llm.Completion, duration_ms: float) -> str:
    """The answer, how long it took and how much was read and written."""
    usage = usage_words(answer.usage)
    facts = f"{answer.model} answered in {duration_text(duration_ms)}{f' ({usage})' if usage else ''}"
    return f"{facts}: “{one_line(answer.text, SHOWN)}”"
