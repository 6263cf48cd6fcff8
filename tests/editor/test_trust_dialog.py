"""The question before a foreign workflow runs: plain words, nothing allowed unasked, Cancel by default."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel

from editor.panels.trust_dialog import TrustDialog, TrustQuestion, items_of
from editor.theme import Theme
from editor.workspace.trust_store import Choices
from engine import Block, Workflow, default_catalog
from engine.trust import effects_of

AGENT = "7b1c1f0e-0000-4000-8000-000000000001"


@pytest.fixture
def theme(qapp):
    return Theme("light")


def dialog(qtbot, theme, question: TrustQuestion) -> TrustDialog:
    shown = TrustDialog(question, theme)
    qtbot.addWidget(shown)
    shown.show()
    return shown


def items(*blocks: Block, names: dict[str, str] | None = None, is_isolated: bool = True):
    workflow = Workflow(blocks={block.id: block for block in blocks})
    effects = effects_of(workflow, default_catalog())
    return items_of(effects, workflow, lambda _kind, key: (names or {}).get(key), is_isolated=is_isolated)


def test_every_kind_of_effect_has_its_words():
    """Code, hosts, models with their key, agents by name, orchestrations and the server, code and hosts first."""
    shown = items(
        Block("a", "agent", "Write", config={"model": "claude-haiku-4-5", "input": "Hi"}),
        Block("b", "agent", "Ask", config={"agent_id": AGENT, "input": "Hi"}),
        Block("c", "orchestration", "Team", config={"orchestration_id": "t", "input": "Hi"}),
        Block("d", "general_api", "Send", config={"url": "https://hooks.example.net/in"}),
        Block("e", "code", "Count", config={"code": "output = 1"}),
        Block("f", "platform_api", "Rows", config={"resource": "database", "db_operation": "list_tables"}),
        names={AGENT: "Help desk"},
    )

    assert [item.text for item in shown] == [
        "Runs code of its own",
        "Calls hooks.example.net",
        "Uses the connected server, with your key for it: GET /api/database/tables",
        "Asks the language model claude-haiku-4-5, with your Anthropic key",
        "Asks your stored agent “Help desk”",
        "Runs a stored orchestration that is not known here (t)",
    ]
    assert shown[0].detail == "In “Count”. It is kept apart from your files and programs."


def test_what_only_the_run_will_tell_is_said_so():
    """A host, a model or an agent that a value decides is no promise."""
    shown = items(
        Block("a", "general_api", "Send", config={"url": "<Start.output.url>"}),
        Block("b", "agent", "Write", config={"model": "", "input": "Hi"}),
    )

    assert [item.text for item in shown] == [
        "Calls web addresses that only the run will tell",
        "Asks a language model that your settings or the run decide, with your key for it",
    ]


def test_a_known_agent_brings_its_own_model():
    """The model that a block names beside a stored agent is told only where nobody knows the agent."""
    block = Block("a", "agent", "Ask", config={"agent_id": AGENT, "model": "gpt-5.4", "input": "Hi"})

    assert [item.text for item in items(block, names={AGENT: "Desk"})] == ["Asks your stored agent “Desk”"]
    assert len(items(block)) == 2


def test_many_blocks_are_counted():
    """A list of a hundred blocks is no list that anybody reads."""
    blocks = [Block(str(number), "code", f"Step {number}", config={"code": "output = 1"}) for number in range(100)]

    assert items(*blocks)[0].detail.startswith("In “Step 0”, “Step 1”, “Step 2”, “Step 3” and 96 more blocks.")


def test_a_workflow_that_does_nothing_outside_says_so():
    """An empty list would look like a fault."""
    assert [item.text for item in items(Block("a", "starter", "Start"))] == ["Does nothing outside of this program"]


def test_enter_and_escape_mean_cancel(qtbot, theme):
    """Who just presses Enter has not agreed."""
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        shown = dialog(qtbot, theme, TrustQuestion("Foreign", []))
        QTest.keyClick(shown, key)
        assert shown.result() == QDialog.DialogCode.Rejected
        assert not shown.isVisible()


def test_local_addresses_are_allowed_one_by_one(qtbot, theme):
    """Nothing is ticked; what was allowed before stays."""
    shown = dialog(qtbot, theme, TrustQuestion("Foreign", [], local_hosts=["localhost:11434", "nas"]))
    assert shown.choices(Choices(("printer",))) == Choices(("printer",))

    shown.host_boxes["nas"].setChecked(True)

    assert shown.choices(Choices(("printer",))) == Choices(("printer", "nas"))


def test_code_without_isolation_is_a_choice(qtbot, theme):
    """The restricted interpreter is chosen unless the person wants the whole language."""
    shown = dialog(qtbot, theme, TrustQuestion("Foreign", [], no_isolation="bubblewrap is not installed"))
    assert shown.choices(Choices()).code == "restricted"

    shown.code_buttons["unisolated"].setChecked(True)

    assert shown.choices(Choices()).code == "unisolated"


def test_where_code_is_isolated_nothing_is_decided_about_it(qtbot, theme):
    """A choice made on another machine stays as it was."""
    shown = dialog(qtbot, theme, TrustQuestion("Foreign", []))

    assert shown.choices(Choices(code="unisolated")).code == "unisolated"


def test_names_from_the_file_are_shown_as_they_are(qtbot, theme):
    """A name that looks like markup is text, so it cannot hide or fetch anything."""
    name = "<img src='file:///etc/passwd'>Nice"
    block = Block("a", "code", name, config={"code": "output = 1"})

    shown = dialog(qtbot, theme, TrustQuestion(name, items(block), local_hosts=["a&b"]))

    labels = shown.findChildren(QLabel)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)
    assert any(name in label.text() for label in labels)
    assert shown.host_boxes["a&b"].text() == "Allow a&&b"


def test_both_themes_paint_the_question(qtbot, theme):
    """The dialog is painted in light and in dark with everything that it can ask."""
    question = TrustQuestion("W", items(Block("a", "code", "A", config={"code": "x"})), "opened", ["nas"], "no bwrap")
    shown = dialog(qtbot, theme, question)

    for choice in ("dark", "light"):
        theme.choose(choice)
        assert not shown.grab().isNull()
