"""The settings window: what it shows is true, what is changed counts at once, and no key is ever shown."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit

from editor.aio import Tasks
from editor.panels.settings.appearance_page import AppearancePage
from editor.panels.settings.code_page import CodePage, attack_words
from editor.panels.settings.dialog import SettingsDialog
from editor.panels.settings.models_page import ModelsPage, url_problem
from editor.panels.settings.network_page import NetworkPage
from editor.panels.settings.page import SettingsContext
from editor.theme import Theme
from editor.workspace import model_keys
from editor.workspace.model_keys import ModelKeys
from editor.workspace.network import Network
from editor.workspace.run_preferences import RunPreferences
from editor.workspace.settings import Settings
from engine.code import Isolation

CANARY = "sk-canary-1234"


@pytest.fixture
def theme(qapp):
    theme = Theme("light")
    theme.apply(qapp)
    return theme


@pytest.fixture
def make(loop, qtbot, theme, tmp_path):
    """A page with settings of its own, and the context it got."""
    opened = []

    def make_one(kind, values=None, environment=None, *, is_alone=True, **more):
        settings = Settings(tmp_path / "settings.json")
        for name, value in (values or {}).items():
            settings.set(name, value)
        given = environment or {}
        preferences = RunPreferences(settings, ModelKeys(given), environment=given)
        context = SettingsContext(theme, preferences, Network(), Tasks())
        opened.append(context)
        page = kind(context, **more)
        page.keep = preferences
        if is_alone:
            qtbot.addWidget(page)
            page.resize(600, 600)
            page.show()
        return page

    yield make_one
    for context in opened:
        task = loop.create_task(context.tasks.close())
        qtbot.waitUntil(task.done)
        context.network.close()


def words(page) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if not label.isHidden())


# Models


def test_the_default_model_is_kept_and_tested(make, qtbot):
    """A name that is typed is the setting, and one click asks it a tiny question off the UI thread."""
    page = make(ModelsPage)
    page.model.box.setEditText("local/extractive")
    assert page.keep.default_model == "local/extractive"

    page.test.button.click()

    qtbot.waitUntil(lambda: "answered in" in page.test.result.text())
    assert "“The model answers.”" in page.test.result.text()
    assert "6 tokens read, 3 written" in page.test.result.text()
    assert page.test.button.isEnabled()


def test_a_model_that_cannot_answer_says_why(make, qtbot):
    """Without a key the test tells what is missing, in words."""
    page = make(ModelsPage, {"default_model": "claude-haiku-4-5"})

    page.test.button.click()

    qtbot.waitUntil(lambda: "ANTHROPIC_API_KEY" in page.test.result.text())
    assert page.test.result.property("role") == "error"


def test_what_was_told_of_one_model_goes_with_the_next(make, qtbot):
    """An answer must not stand beside another model's name."""
    page = make(ModelsPage, {"default_model": "local/extractive"})
    page.test.button.click()
    qtbot.waitUntil(lambda: "answered in" in page.test.result.text())

    page.model.box.setEditText("another")

    assert page.test.result.text() == ""


def test_the_environment_is_shown_and_decides(make):
    """What a variable sets cannot be edited here, and the page says which variable it is."""
    page = make(ModelsPage, {"default_model": "mine"}, {"BLOCKLOOM_MODEL": "theirs", "OPENAI_BASE_URL": "http://x/v1"})

    assert page.model.box.currentText() == "theirs"
    assert not page.model.isEnabled()
    assert not page.url.isEnabled()
    assert "BLOCKLOOM_MODEL is set and decides this" in words(page)
    assert "OPENAI_BASE_URL is set and decides this" in words(page)


def test_an_address_that_is_none_is_not_kept(make):
    """The last good address stays until the new one is one."""
    page = make(ModelsPage, {"openai_base_url": "http://localhost:11434/v1"})
    page.url.selectAll()

    QTest.keyClicks(page.url, "localhost")

    assert page.keep.openai_url == "http://localhost:11434/v1"
    assert "must begin with https://" in words(page)


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ("", False),
        ("http://localhost:11434/v1", False),
        ("https://a", False),
        ("ftp://a", True),
        ("http://", True),
        ("http://[", True),
        ("http://a:99999", True),
    ],
)
def test_addresses_of_servers(text, is_wrong):
    """Only web addresses with a host are taken."""
    assert bool(url_problem(text)) is is_wrong


def test_a_key_is_kept_for_the_session_where_there_is_no_keyring(make, qtbot, tmp_path):
    """The page says so, shows the key nowhere, and writes it into no file."""
    page = make(ModelsPage)
    row = page.keys["OPENAI_API_KEY"]
    qtbot.waitUntil(lambda: row.state.text() == "No key")
    assert row.edit.echoMode() == QLineEdit.EchoMode.Password

    QTest.keyClicks(row.edit, CANARY)
    QTest.mouseClick(row.keep, Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: "until Blockloom ends" in row.state.text())
    assert row.edit.text() == ""
    assert CANARY not in words(page)
    assert page.keep.model_settings().keys == {"OPENAI_API_KEY": CANARY}
    assert all(CANARY not in path.read_text() for path in tmp_path.rglob("*.json"))
    row.forget.click()
    qtbot.waitUntil(lambda: row.state.text() == "No key")
    assert page.keep.model_settings().keys == {}


def test_a_key_in_the_keyring_is_said_to_be_there(make, qtbot, monkeypatch):
    """A stored key is a fact, never a text."""
    monkeypatch.setattr(model_keys.llm, "stored_key", lambda _name: CANARY)

    page = make(ModelsPage)

    row = page.keys["ANTHROPIC_API_KEY"]
    qtbot.waitUntil(lambda: row.state.text() == "Kept in this system's keyring")
    assert not row.forget.isHidden()
    assert CANARY not in words(page)


def test_a_key_from_the_environment_decides(make, qtbot):
    """It is not kept a second time."""
    page = make(ModelsPage, environment={"OPENAI_API_KEY": CANARY})

    row = page.keys["OPENAI_API_KEY"]
    qtbot.waitUntil(lambda: "environment variable OPENAI_API_KEY" in row.state.text())
    assert not row.edit.isEnabled()
    assert CANARY not in words(page)


# Code


def test_the_isolation_of_this_machine_is_tried_and_told(make, qtbot):
    """The level and its reason come from attacks that were tried, off the UI thread."""
    page = make(CodePage)

    qtbot.waitUntil(lambda: ", because " in page.level.text(), timeout=20_000)

    assert page.level.text().split(",")[0] in ("Strong", "Basic", "None")
    assert "attacks" in page.attacks.text() or page.level.text().startswith("None")


def test_attacks_are_counted_in_words():
    """What held and what did not is told."""
    held, reached = ("read file", "fork process"), ("write file",)

    assert attack_words(Isolation("strong", "x", held=held)).startswith("All 2 attacks that were tried failed")
    assert attack_words(Isolation("none", "x", held=held, reached=reached)) == "1 of 3 attacks succeeded: write file."
    assert attack_words(Isolation("none", "x")) == ""


def test_modules_and_the_restricted_interpreter_are_settings(make):
    """Names are taken however they are separated; what is no module's name is told and not kept."""
    page = make(CodePage)

    page.modules.setPlainText("shapely, geopy rtree")
    assert page.keep.code_modules == ("shapely", "geopy", "rtree")
    page.modules.setPlainText("shapely, os;rm -rf")
    assert page.keep.code_modules == ("shapely", "geopy", "rtree")
    assert "“-rf” is no name of a module" in words(page)
    page.restricted.click()

    assert page.keep.restricted_code


def test_limits_and_variables_are_shown(make):
    """What a block may use, and what the environment adds."""
    page = make(CodePage, environment={"BLOCKLOOM_CODE_MODULES": "rtree", "BLOCKLOOM_ALLOW_UNISOLATED_CODE": "1"})

    assert "60 seconds in all, of which 30 computing; 512 MB of memory" in words(page)
    assert "BLOCKLOOM_CODE_MODULES adds: rtree" in words(page)
    assert "BLOCKLOOM_ALLOW_UNISOLATED_CODE is set" in words(page)


# Network


def test_local_hosts_are_listed_one_a_line(make):
    """What is listed is allowed; an address with a scheme is told and not kept."""
    page = make(NetworkPage)

    page.hosts.setPlainText("localhost:11434\n\nnas.local\n10.0.0.0/8\n[::1]:80")
    assert page.keep.local_hosts == ("localhost:11434", "nas.local", "10.0.0.0/8", "[::1]:80")
    page.hosts.setPlainText("http://localhost")

    assert page.keep.local_hosts[0] == "localhost:11434"
    assert "without http://" in words(page)


def test_allowing_every_address_says_what_it_means(make):
    """The consequence stands beside the box."""
    page = make(NetworkPage, {"local_hosts": ["nas.local"]})
    assert page.warning.isHidden()

    page.all.click()

    assert not page.warning.isHidden()
    assert page.keep.local_hosts == ("nas.local", "*")
    page.all.click()
    assert page.keep.local_hosts == ("nas.local",)


# Appearance and the window


def test_theme_and_motion_are_told(make):
    """Choosing one tells whoever can do it; nothing is told while the page opens."""
    page = make(AppearancePage, animated=True)
    told = []
    page.theme_chosen.connect(told.append)
    page.motion_chosen.connect(told.append)

    page.themes["dark"].click()
    page.reduced.click()

    assert told == ["dark", False]


def test_the_window_shows_one_page_after_the_other(make, qtbot, theme):
    """Pages are chosen by keyboard or mouse, and painted in both themes."""
    pages = [make(kind, is_alone=False) for kind in (ModelsPage, CodePage, NetworkPage)]
    pages.append(make(AppearancePage, is_alone=False, animated=True))
    dialog = SettingsDialog(theme, pages)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.list.setFocus()

    for page in pages[1:]:
        QTest.keyClick(dialog.list, Qt.Key.Key_Down)
        assert dialog.stack.currentWidget() is page
    for choice in ("dark", "light"):
        theme.choose(choice)
        assert not dialog.grab().isNull()
