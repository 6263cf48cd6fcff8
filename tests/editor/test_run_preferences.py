"""Settings about runs reach the engine; environment variables win, and keys are in no file."""

import pytest

from editor.workspace import model_keys
from editor.workspace.model_keys import ModelKeys
from editor.workspace.run_preferences import RunPreferences
from editor.workspace.settings import Settings
from editor.workspace.trust_store import Choices


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "settings.json")


def preferences(settings, **environment: str) -> RunPreferences:
    return RunPreferences(settings, ModelKeys(environment), environment=environment)


def test_settings_become_what_a_run_works_with(qapp, settings):
    """Model, server, hosts and modules are handed to the engine, and told when they change."""
    shown = preferences(settings)
    told = []
    shown.changed.connect(lambda: told.append(True))
    shown.set("default_model", "gpt-5.4")
    shown.set("openai_base_url", "http://localhost:11434/v1")
    shown.set("local_hosts", ["localhost:11434"])
    shown.set("code_modules", ["shapely"])

    run = preferences(settings).run_settings(Choices(("nas:80",)), stand_ins=("a.example",))

    assert run.models.default_model == "gpt-5.4"
    assert run.models.openai_base_url == "http://localhost:11434/v1"
    assert run.allow_private_hosts == ("localhost:11434", "nas:80")
    assert run.code_modules.allows("shapely")
    assert run.stand_ins == ("a.example",)
    assert len(told) == 4


def test_the_environment_wins(qapp, settings):
    """What an administrator set is not changed by a setting."""
    shown = preferences(settings, BLOCKLOOM_MODEL="theirs", OPENAI_BASE_URL="http://theirs/v1", OPENAI_API_KEY="k")
    shown.set("default_model", "mine")
    shown.set("openai_base_url", "http://mine/v1")

    models = shown.model_settings()

    assert (models.default_model, models.openai_base_url) == ("theirs", "http://theirs/v1")
    assert shown.keys.place("OPENAI_API_KEY") == "environment"


@pytest.mark.parametrize(
    ("setting", "choice", "fallback", "unisolated"),
    [
        (False, "", None, False),
        (True, "", "monty", False),
        (False, "restricted", "monty", False),
        (True, "unisolated", None, True),
    ],
)
def test_how_code_runs_without_isolation(qapp, settings, setting, choice, fallback, unisolated):
    """What was allowed to one workflow comes before the setting for all."""
    shown = preferences(settings)
    shown.set("restricted_code", setting)

    run = shown.run_settings(Choices(code=choice))

    assert (run.code_fallback, run.allow_unisolated) == (fallback, unisolated)


@pytest.mark.parametrize(
    ("listed", "variable", "host", "allowed"),
    [
        (["localhost"], "", "localhost:11434", True),
        (["localhost:11434"], "", "LOCALHOST:11434", True),
        (["localhost:11434"], "", "localhost:80", False),
        (["*"], "", "10.0.0.1", True),
        ([], "1", "10.0.0.1", True),
        ([], "nas, printer", "printer", True),
        ([], "", "[::1]:80", False),
        (["::1"], "", "[::1]:80", True),
    ],
)
def test_a_local_host_that_is_allowed_is_not_asked_about(qapp, settings, listed, variable, host, allowed):
    """With or without a port, by the setting or by the environment."""
    shown = preferences(settings, BLOCKLOOM_ALLOW_PRIVATE_HOSTS=variable)
    shown.set("local_hosts", listed)

    assert shown.allows_host(host) is allowed


def test_a_key_without_a_keyring_lasts_for_the_session_and_is_in_no_file(qapp, settings, tmp_path):
    """On a machine without a keyring the key works until the program ends, and nothing writes it down."""
    keys = ModelKeys({})

    place = keys.keep("OPENAI_API_KEY", "  sk-canary ")

    assert place == "session"
    assert keys.given() == {"OPENAI_API_KEY": "sk-canary"}
    assert "canary" not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert keys.keep("OPENAI_API_KEY", "") == "none"


def test_a_key_goes_to_the_keyring_where_there_is_one(monkeypatch):
    """With a keyring the key is kept there alone."""
    kept: dict[str, str] = {}
    monkeypatch.setattr(model_keys.llm, "keep_key", lambda name, key: kept.__setitem__(name, key) is None)
    monkeypatch.setattr(model_keys.llm, "stored_key", kept.get)
    keys = ModelKeys({})

    assert keys.keep("ANTHROPIC_API_KEY", "secret") == "keyring"
    assert keys.given() == {}
