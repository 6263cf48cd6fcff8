"""The window in which a stored agent is made or changed, and asked something to try it."""

from collections.abc import Sequence

import msgspec
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.forms.simple_fields import ModelField, NumberField
from editor.panels.library.form import MAX_NAME, EntityDialog
from editor.panels.settings.model_test import QUESTION, ModelTest
from editor.panels.settings.page import SettingsContext
from editor.panels.widgets import line
from editor.workspace.directories import Source
from engine import Field, JsonObject, directory, edits, llm

_MODEL = Field("model", "Model", "model")
_TEMPERATURE = Field("temperature", "Temperature", "number", minimum=0, maximum=2, step=0.1)
_MAX_TOKENS = Field("max_tokens", "Max tokens", "number", minimum=1, maximum=1_000_000, unit="tokens")
_PROMPT_HELP = "How it behaves whatever it is asked, such as its tone or what it must leave out."
_MODEL_HELP = "Empty: the default model of the settings."


class AgentDialog(EntityDialog):
    """One agent."""

    def __init__(
        self,
        agent: directory.StoredAgent,
        sources: Sequence[Source],
        context: SettingsContext,
        parent: QWidget | None = None,
        *,
        is_new: bool = False,
    ) -> None:
        """`sources` are where it can be kept; one that exists stays where it is, the only source given."""
        super().__init__("New agent" if is_new else "Edit agent", parent)
        self._agent = agent
        self._sources = tuple(sources)
        self._context = context
        self._numbers: JsonObject = {}
        self.name = QLineEdit(agent.name, self.holder)
        self.name.setMaxLength(MAX_NAME)
        self.name.setPlaceholderText("Help desk")
        self.model = ModelField(_MODEL, self.holder)
        self.model.show_value(agent.model)
        self.system_prompt = PlainEdit(self.holder, lines=(4, 12))
        self.system_prompt.setPlaceholderText("You are a careful editor.")
        self.system_prompt.show_text(agent.system_prompt)
        self.temperature = NumberField(_TEMPERATURE, self.holder)
        self.max_tokens = NumberField(_MAX_TOKENS, self.holder)
        self.place = QComboBox(self.holder)
        self.place.addItems([source.name for source in sources])
        self.prompt = QLineEdit(QUESTION.rpartition("\n")[2], self.holder)
        self.prompt.setPlaceholderText("Ask it something")
        self.test = ModelTest(context.theme, context.network, context.tasks, self._question, "Ask", self.holder)
        self._fill()
        for field in (self.temperature, self.max_tokens):
            field.show_value(agent.settings.get(self._key_of(field)))
            field.edited.connect(self._on_number_edited)
            field.problem_changed.connect(self.update_state)
        self.name.textChanged.connect(self.update_state)
        self.update_state()
        self.resize(560, 620)
        self.name.setFocus()

    def agent(self) -> directory.StoredAgent:
        """The agent as it stands in the form; what the form does not show is as it was."""
        old = self._agent
        settings = {key: value for key, value in {**old.settings, **self._numbers}.items() if value is not edits.ABSENT}
        return msgspec.structs.replace(
            old,
            name=self.name.text().strip(),
            model=self.model.box.currentText().strip(),
            system_prompt=self.system_prompt.toPlainText(),
            settings=settings,
        )

    def source(self) -> Source:
        """Where it is kept."""
        return self._sources[max(0, self.place.currentIndex())]

    def problem(self) -> str:
        if not self.name.text().strip():
            return "An agent needs a name."
        for field in (_TEMPERATURE, _MAX_TOKENS):
            editor = self.temperature if field is _TEMPERATURE else self.max_tokens
            if editor.own_problem:
                return f"{field.label}: {editor.own_problem}"
        return ""

    def _fill(self) -> None:
        self.add_field("Name", self.name)
        self.add_field("Model", self.model, _MODEL_HELP)
        self.add_field("System prompt", self.system_prompt, _PROMPT_HELP)
        self.add_field("Temperature", self.temperature)
        self.add_field("Max tokens", self.max_tokens)
        self.place.setVisible(len(self._sources) > 1)
        if len(self._sources) > 1:
            self.add_field("Kept", self.place)
        self.form.addSpacing(12)
        self.form.addWidget(line(self.holder))
        row = QWidget(self.holder)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.prompt, 1)
        self.add_field("Try it", row)
        self.prompt.setAccessibleName("What it is asked")
        self.form.addWidget(self.test)
        self.form.addStretch(1)

    def _key_of(self, field: NumberField) -> str:
        return "temperature" if field is self.temperature else "max_tokens"

    def _on_number_edited(self, value: object) -> None:
        key = "temperature" if self.sender() is self.temperature else "max_tokens"
        self._numbers[key] = value
        self.update_state()

    def _question(self) -> tuple[llm.ModelSettings, llm.ModelRequest]:
        agent = self.agent()
        max_tokens = agent.settings.get("max_tokens")
        temperature = agent.settings.get("temperature")
        request = llm.ModelRequest(
            agent.model,
            self.prompt.text(),
            agent.system_prompt,
            temperature if isinstance(temperature, int | float) else None,
            int(max_tokens) if isinstance(max_tokens, int | float) else None,
        )
        return self._context.preferences.model_settings(), request
