"""The window in which a stored orchestration is made or changed: how several agents work together."""

from collections.abc import Sequence

import msgspec
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from editor.panels.forms.base import no_wheel_focus
from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.forms.simple_fields import ModelField
from editor.panels.library.form import MAX_NAME, EntityDialog
from editor.panels.library.members import Members
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.directories import Listed, Source
from engine import Field, directory

STRATEGIES: tuple[tuple[directory.Strategy, str, str], ...] = (
    (
        "supervisor",
        "Led by a supervisor",
        "A model hands tasks to the agents, reads their answers and writes the result.",
    ),
    ("sequential", "One after another", "Each agent works on what the one before it wrote."),
    ("parallel", "All at once", "Every agent gets the whole task; their answers stand below each other."),
)
_MODEL = Field("model", "Supervisor's model", "model")


class OrchestrationDialog(EntityDialog):
    """One orchestration."""

    def __init__(
        self,
        orchestration: directory.StoredOrchestration,
        sources: Sequence[Source],
        agents: Sequence[Listed],
        theme: Theme,
        parent: QWidget | None = None,
        *,
        is_new: bool = False,
    ) -> None:
        """`sources` are where it can be kept; `agents` are those that can be its members."""
        super().__init__("New orchestration" if is_new else "Edit orchestration", parent)
        self._stored = orchestration
        self._sources = tuple(sources)
        self.name = QLineEdit(orchestration.name, self.holder)
        self.name.setMaxLength(MAX_NAME)
        self.name.setPlaceholderText("Support team")
        self.description = QLineEdit(orchestration.description, self.holder)
        self.description.setPlaceholderText("What it is for")
        self.strategy = QComboBox(self.holder)
        no_wheel_focus(self.strategy)
        self.strategy.addItems([words for _, words, _ in STRATEGIES])
        self.strategy.setCurrentIndex([name for name, _, _ in STRATEGIES].index(orchestration.strategy))
        self.strategy_help = plain_label("", self.holder, role="muted", wrap=True)
        self.members = Members(orchestration.entities, agents, theme, self.holder)
        self.model = ModelField(_MODEL, self.holder)
        self.model.show_value(orchestration.orchestrator_config.get("model"))
        self.prompt = PlainEdit(self.holder, lines=(3, 10))
        self.prompt.setPlaceholderText("How it leads, such as whom to ask first")
        self.prompt.show_text(str(orchestration.orchestrator_config.get("system_prompt") or ""))
        self.place = QComboBox(self.holder)
        self.place.addItems([source.name for source in sources])
        self._fill()
        self.name.textChanged.connect(self.update_state)
        self.members.changed.connect(self.update_state)
        self.strategy.currentIndexChanged.connect(self._show_strategy)
        self._show_strategy()
        self.update_state()
        self.resize(620, 640)
        self.name.setFocus()

    def orchestration(self) -> directory.StoredOrchestration:
        """The orchestration as it stands in the form; what the form does not show is as it was."""
        old = self._stored
        supervisor = {"model": self.model.box.currentText().strip(), "system_prompt": self.prompt.toPlainText()}
        kept = {key: value for key, value in old.orchestrator_config.items() if key not in supervisor}
        return msgspec.structs.replace(
            old,
            name=self.name.text().strip(),
            description=self.description.text(),
            strategy=self._chosen(),
            orchestrator_config={**kept, **{key: value for key, value in supervisor.items() if value}},
            entities=self.members.entities(),
        )

    def source(self) -> Source:
        """Where it is kept."""
        return self._sources[max(0, self.place.currentIndex())]

    def problem(self) -> str:
        if not self.name.text().strip():
            return "An orchestration needs a name."
        return "" if self.members.rows else "Add at least one agent."

    def _fill(self) -> None:
        self.add_field("Name", self.name)
        self.add_field("Description", self.description)
        self.add_field("How they work together", self.strategy)
        self.form.addWidget(self.strategy_help)
        self.add_field("Agents", self.members)
        self._supervisor = [
            self.add_field("Supervisor's model", self.model),
            plain_label(
                "Empty: the default model. The offline model cannot lead; then every agent gets the whole task.",
                self.holder,
                role="muted",
                wrap=True,
            ),
        ]
        self.form.addWidget(self._supervisor[1])
        self._supervisor.append(self.add_field("Supervisor's prompt", self.prompt))
        self.place.setVisible(len(self._sources) > 1)
        if len(self._sources) > 1:
            self.add_field("Kept", self.place)
        self.form.addStretch(1)

    def _chosen(self) -> directory.Strategy:
        return STRATEGIES[self.strategy.currentIndex()][0]

    def _show_strategy(self) -> None:
        name, _, words = STRATEGIES[self.strategy.currentIndex()]
        self.strategy_help.setText(words)
        for widget in (*self._supervisor, self.model, self.prompt):
            widget.setVisible(name == "supervisor")
