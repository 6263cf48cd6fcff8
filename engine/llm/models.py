"""The one door to language models: it picks the provider by the model's name."""

from collections.abc import Callable

from engine.llm.port import LOCAL_MODEL, Completion, ModelRequest, OnText
from engine.llm.settings import ModelSettings, missing_key


class Models:
    """Language models as a run sees them. Holds settings only: it needs no closing and serves any number of calls."""

    def __init__(self, settings: ModelSettings | None = None) -> None:
        self._settings = settings or ModelSettings.from_environment()

    async def complete(self, request: ModelRequest, on_text: OnText | None = None) -> Completion:
        """The model's answer; each piece of it goes to `on_text` as it arrives.

        A name of "" is the model of the settings, else the offline one. `claude-*` is Anthropic's, every other name
        goes to the OpenAI-compatible server of the settings.

        Raises:
            ModelError: no key, no server, no such model, or the provider refused; the text says what to do.
        """
        tell: Callable[[str], None] = on_text or _to_nobody
        name = self.name_of(request.model)
        if name == LOCAL_MODEL:
            from engine.llm import extractive

            return await extractive.complete(request, tell)
        from engine.llm import providers

        return await providers.complete(name, request, tell, self._settings)

    @property
    def settings(self) -> ModelSettings:
        """Where models are reached and with which keys."""
        return self._settings

    def name_of(self, name: str) -> str:
        """The model that a block means by this name: "" is the one of the settings, else the offline one."""
        return name.strip() or self._settings.default_model or LOCAL_MODEL

    def problem_with(self, name: str) -> str | None:
        """Why the model of this name cannot be asked, as far as that is known without asking; None when it can.

        May ask the keyring, which can wait: not for a UI thread or an event loop.
        """
        chosen = self.name_of(name)
        return None if chosen == LOCAL_MODEL else missing_key(chosen, self._settings)


def _to_nobody(_text: str) -> None:
    return
