"""Settings of language models: the default one, the server they are asked at, and keys."""

from urllib.parse import urlsplit

from PySide6.QtWidgets import QLineEdit, QWidget

from editor.panels.forms.simple_fields import ModelField
from editor.panels.settings.key_row import KeyRow
from editor.panels.settings.model_test import QUESTION, ModelTest
from editor.panels.settings.page import Page, SettingsContext, environment_note
from editor.text import set_style
from editor.workspace.model_keys import PROVIDERS
from editor.workspace.run_preferences import MODEL_VARIABLE, URL_VARIABLE
from engine import Field, llm

_MODEL = Field("default_model", "Default model", "model", placeholder="local/extractive: offline, selects sentences")


class ModelsPage(Page):
    """Which models are asked and how they are reached."""

    title = "Models"
    icon = "sparkles"

    def __init__(self, context: SettingsContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = context.preferences
        self.model = ModelField(_MODEL, self.holder)
        self.test = ModelTest(context.theme, context.network, context.tasks, self._question, "Test", self.holder)
        self.url = QLineEdit(self.holder)
        self.url.setPlaceholderText("https://api.openai.com/v1")
        self.url.setAccessibleName("Address of the OpenAI-compatible server")
        self._build(context)
        self._show()
        self.model.edited.connect(self._on_model_edited)
        self.url.textEdited.connect(self._on_url_edited)

    def _build(self, context: SettingsContext) -> None:
        self.add_heading("Default model")
        note = "Asked by agents that name no model. Any name that your provider knows may be typed."
        self.add_row("Model", self.model, note)
        self.model_override = self.add_note("", "warning")
        self.add_control(self.test)
        self.add_heading("OpenAI-compatible server")
        self.add_row(
            "Address", self.url, "Also for servers of your own, such as http://localhost:11434/v1. Empty: OpenAI's."
        )
        self.url_problem = self.add_note("", "error")
        self.add_heading("Keys")
        self.add_note("Keys stay in the system's keyring, never in a workflow or a file of Blockloom.")
        self.keys = {}
        for provider in PROVIDERS:
            row = KeyRow(provider, self._preferences.keys, context.theme, context.tasks, self.holder)
            self.keys[provider.key_name] = row
            self.add_row(provider.label, row)

    def _show(self) -> None:
        model = self._preferences.from_environment(MODEL_VARIABLE)
        self.model.show_value(model or self._preferences.default_model)
        self.model.setEnabled(not model)
        self.model_override.setText(environment_note(MODEL_VARIABLE))
        self.model_override.setVisible(bool(model))
        url = self._preferences.from_environment(URL_VARIABLE)
        self.url.setText(url or self._preferences.openai_url)
        self.url.setEnabled(not url)
        self._show_url_problem(environment_note(URL_VARIABLE) if url else "", is_error=False)

    def _question(self) -> tuple[llm.ModelSettings, llm.ModelRequest]:
        return self._preferences.model_settings(), llm.ModelRequest(self.model.box.currentText().strip(), QUESTION)

    def _on_model_edited(self, value: object) -> None:
        self.test.clear()
        self._preferences.set("default_model", str(value).strip())

    def _on_url_edited(self, text: str) -> None:
        self.test.clear()
        problem = url_problem(text)
        self._show_url_problem(problem, is_error=True)
        if not problem:
            self._preferences.set("openai_base_url", text.strip())

    def _show_url_problem(self, text: str, *, is_error: bool) -> None:
        set_style(self.url_problem, "role", "error" if is_error else "warning")
        self.url_problem.setText(text)
        self.url_problem.setVisible(bool(text))
        set_style(self.url, "invalid", "true" if text and is_error else "false")


def url_problem(text: str) -> str:
    """Why this is no address of a server, "" when it is one or empty."""
    text = text.strip()
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    return "" if is_address else "The address must begin with https:// or http:// and name a server."
