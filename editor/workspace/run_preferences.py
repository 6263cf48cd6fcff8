"""What the person decided about runs, kept in the settings and given to the engine. Environment variables win.

Keys are in no settings: see `model_keys.py`.
"""

import os
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from editor.workspace.model_keys import ModelKeys
from editor.workspace.settings import Settings
from editor.workspace.trust_store import Choices
from engine import RunSettings, code, llm

EVERY_HOST = "*"
MODEL_VARIABLE = "BLOCKLOOM_MODEL"
URL_VARIABLE = "OPENAI_BASE_URL"
HOSTS_VARIABLE = "BLOCKLOOM_ALLOW_PRIVATE_HOSTS"
MODULES_VARIABLE = "BLOCKLOOM_CODE_MODULES"
UNISOLATED_VARIABLE = "BLOCKLOOM_ALLOW_UNISOLATED_CODE"
RESTRICTED_VARIABLE = "BLOCKLOOM_RESTRICTED_PYTHON"


class RunPreferences(QObject):
    """Models, code and network, as they are set for every run.

    Signals:
        changed(): one of them is another.
    """

    changed = Signal()

    def __init__(
        self,
        settings: Settings,
        keys: ModelKeys,
        parent: QObject | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(parent)
        self.keys = keys
        self._settings = settings
        self._environment = os.environ if environment is None else environment

    def from_environment(self, variable: str) -> str:
        """What an environment variable says, which wins over the setting; "" when it is not set."""
        return self._environment.get(variable, "").strip()

    @property
    def default_model(self) -> str:
        """The model of blocks and agents that name none; "" for the offline one."""
        return str(self._settings.get("default_model", ""))

    @property
    def openai_url(self) -> str:
        """The address of the OpenAI-compatible server; "" for OpenAI's own."""
        return str(self._settings.get("openai_base_url", ""))

    @property
    def local_hosts(self) -> tuple[str, ...]:
        """Hosts on this machine and near it that every workflow may call."""
        return _texts(self._settings.get("local_hosts", []))

    @property
    def code_modules(self) -> tuple[str, ...]:
        """Modules that code blocks may import beyond the usual ones."""
        return _texts(self._settings.get("code_modules", []))

    @property
    def restricted_code(self) -> bool:
        """Whether Python runs in the restricted interpreter where it cannot be isolated."""
        return bool(self._settings.get("restricted_code", False))

    def set(self, name: str, value: Any) -> None:
        """Keep one of them; `name` is the setting's."""
        if self._settings.get(name, None) != value:
            self._settings.set(name, value)
            self.changed.emit()

    def model_settings(self) -> llm.ModelSettings:
        """How models are reached now."""
        given = llm.ModelSettings.from_environment(self._environment)
        return llm.ModelSettings(
            default_model=given.default_model or self.default_model,
            openai_base_url=given.openai_base_url or self.openai_url,
            anthropic_base_url=given.anthropic_base_url,
            keys=self.keys.given(),
        )

    def run_settings(self, choices: Choices, **more: Any) -> RunSettings:
        """What the next run works with. `choices` are what this workflow was allowed; `more` are further fields."""
        restricted = choices.code == "restricted" or (self.restricted_code and choices.code == "")
        return RunSettings(
            allow_private_hosts=(*self.local_hosts, *choices.hosts),
            code_modules=code.ModulePolicy.from_environment().also(self.code_modules),
            code_fallback="monty" if restricted else None,
            allow_unisolated=choices.code == "unisolated",
            models=self.model_settings(),
            **more,
        )

    def allows_host(self, host: str) -> bool:
        """Whether every workflow may call this local host."""
        listed = self.from_environment(HOSTS_VARIABLE).lower()
        if listed in ("1", "true", "yes"):
            return True
        names = {name.strip().lower() for name in (*self.local_hosts, *listed.split(","))}
        return EVERY_HOST in names or host.lower() in names or _without_port(host.lower()) in names

    def decided_about_code(self) -> bool:
        """Whether it is settled how code runs on a machine that cannot isolate it."""
        variables = (UNISOLATED_VARIABLE, RESTRICTED_VARIABLE)
        return self.restricted_code or any(self.from_environment(name) == "1" for name in variables)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.strip("[]") if colon and port.isdecimal() and (name.endswith("]") or ":" not in name) else host
