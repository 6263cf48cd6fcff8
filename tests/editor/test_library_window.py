"""The library: agents and orchestrations are found, made, changed, copied, tried and deleted."""

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton, QWidget

from editor.aio import Tasks
from editor.library_flow import LibraryFlow, users_of
from editor.panels.library.agent_dialog import AgentDialog
from editor.panels.library.manager import LibraryDialog, found
from editor.panels.library.orchestration_dialog import OrchestrationDialog
from editor.theme import Theme
from editor.workspace.directories import Directories, LibrarySource
from editor.workspace.model_keys import ModelKeys
from editor.workspace.network import Network
from editor.workspace.run_preferences import RunPreferences
from editor.workspace.settings import Settings
from editor.workspace.workspace import Workspace
from engine import Block, Workflow, default_catalog
from engine.directory import Entity, Library, StoredAgent, StoredOrchestration

WRITER = StoredAgent(id="w", name="Writer", model="local/extractive", system_prompt="Say it in one sentence.",
                     settings={"temperature": 0.2, "top_p": 0.9}, knowledge_bases=("k",))  # fmt: skip
DESK = StoredAgent(id="d", name="Help desk", model="gpt-5.4")
TEAM = StoredOrchestration(
    id="t",
    name="Team",
    strategy="sequential",
    orchestrator_config={"model": "gpt-5.4", "style": "calm"},
    entities=(Entity(id="m1", entity_ref_id="d", position=0), Entity(id="m2", entity_ref_id="w", position=1)),
)


class Stage:
    """A window with a library, and what a person does with it."""

    def __init__(self, loop, qtbot, tmp_path) -> None:
        self.library = Library(tmp_path / "library.json")
        for agent in (WRITER, DESK):
            self.library.save_agent(agent)
        self.library.save_orchestration(TEAM)
        self.tasks, self.network, self.theme = Tasks(), Network(), Theme("light")
        block = Block("a", "agent", "Answer", config={"agent_id": "w", "input": "Hi"})
        self.workspace = Workspace(default_catalog(), Workflow(blocks={"a": block}))
        self.directories = Directories([LibrarySource(self.library)], self.tasks, tmp_path / "names.json")
        preferences = RunPreferences(Settings(tmp_path / "s.json"), ModelKeys({}), environment={})
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.window.show()
        self.flow = LibraryFlow(
            self.window, self.workspace, self.directories, preferences, self.network, self.theme, self.tasks
        )
        self._qtbot, self._loop = qtbot, loop
        self.directories.refresh_soon()
        self.wait(lambda: self.directories.known("agent"))

    def wait(self, condition) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=10_000)

    def dialog(self, kind):
        def shown():
            return [item for item in QApplication.topLevelWidgets() if isinstance(item, kind) and item.isVisible()]

        self.wait(shown)
        return shown()[-1]

    def manager(self) -> LibraryDialog:
        self.flow.open()
        return self.dialog(LibraryDialog)

    def answer(self, key: str) -> str:
        box = self.dialog(QMessageBox)
        text = f"{box.text()}\n{box.informativeText()}"
        box.findChild(QPushButton, f"option-{key}").click()
        self.wait(lambda: not shiboken6.isValid(box))
        return text

    def close(self) -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, LibraryDialog | AgentDialog | OrchestrationDialog):
                widget.reject()
        task = self._loop.create_task(self.tasks.close())
        self.wait(task.done)
        self.network.close()


@pytest.fixture
def stage(loop, qtbot, tmp_path):
    stage = Stage(loop, qtbot, tmp_path)
    yield stage
    stage.close()


def titles(manager: LibraryDialog) -> list[str]:
    return [row.title for row in manager.list.rows.rows]


def test_the_library_lists_and_finds(stage):
    """Both kinds have their list; a few letters find by name first, then by what one is."""
    manager = stage.manager()
    assert titles(manager) == ["Help desk", "Writer"]

    QTest.keyClicks(manager.search, "sentence")
    assert titles(manager) == ["Writer"]
    manager.search.setText("nothing like it")
    assert not manager.empty.isHidden()
    manager.search.clear()
    manager.tabs.setCurrentIndex(1)

    assert titles(manager) == ["Team"]
    assert found(stage.directories.known("agent"), "help")[0].name == "Help desk"


def test_an_agent_is_made(stage):
    """The new agent is kept, listed and selected; without a name it cannot be saved."""
    manager = stage.manager()
    manager.new.click()
    form = stage.dialog(AgentDialog)
    assert not form.save_button.isEnabled()
    assert form.problem_label.text() == "An agent needs a name."

    QTest.keyClicks(form.name, "Translator")
    form.model.box.setEditText("local/extractive")
    form.system_prompt.setPlainText("Into plain words.")
    QTest.keyClicks(form.temperature.edit, "0.5")
    QTest.mouseClick(form.save_button, Qt.MouseButton.LeftButton)

    stage.wait(lambda: "Translator" in titles(manager))
    kept = next(item for item in stage.library.read().agents.values() if item.name == "Translator")
    assert (kept.model, kept.system_prompt, kept.settings) == (
        "local/extractive",
        "Into plain words.",
        {"temperature": 0.5},
    )
    stage.wait(lambda: manager.list.current_key == kept.id)


def test_changing_an_agent_keeps_what_the_form_does_not_show(stage):
    """Unknown settings and knowledge bases survive an edit; an emptied number goes."""
    stage.flow.edit("agent", "w")
    form = stage.dialog(AgentDialog)
    assert form.temperature.edit.text() == "0.2"

    form.temperature.edit.selectAll()
    QTest.keyClick(form.temperature.edit, Qt.Key.Key_Delete)
    form.name.setText("Author")
    form.save_button.click()

    stage.wait(lambda: stage.library.read().agents["w"].name == "Author")
    kept = stage.library.read().agents["w"]
    assert kept.settings == {"top_p": 0.9}
    assert (kept.system_prompt, kept.knowledge_bases) == (WRITER.system_prompt, ("k",))


def test_an_agent_is_tried_before_it_is_saved(stage):
    """One prompt shows what it answers, as it stands in the form."""
    stage.flow.edit("agent", "w")
    form = stage.dialog(AgentDialog)
    form.prompt.setText("The lamp flickers. It is warm. The lamp and its switch get warm.")

    form.test.button.click()

    stage.wait(lambda: "local/extractive answered in" in form.test.result.text())
    assert stage.library.read().agents["w"] == WRITER


def test_escape_and_cancel_change_nothing(stage):
    """An edit that is given up leaves the library as it was."""
    stage.flow.edit("agent", "w")
    form = stage.dialog(AgentDialog)
    form.name.setText("Somebody else")

    QTest.keyClick(form, Qt.Key.Key_Escape)

    stage.wait(lambda: not stage.tasks.is_busy("library-entity"))
    assert stage.library.read().agents["w"] == WRITER


def test_members_of_an_orchestration_are_ordered(stage):
    """Agents are added, moved and given a part; what the form does not show stays."""
    stage.flow.edit("orchestration", "t")
    form = stage.dialog(OrchestrationDialog)
    rows = form.members.rows
    assert [row.agent.currentText() for row in rows] == ["Help desk", "Writer"]
    assert form.model.isHidden()

    rows[1].up.click()
    form.members.rows[0].role.setText("Says it first")
    form.members.rows[0].changed.emit()
    form.strategy.setCurrentIndex(0)
    assert not form.model.isHidden()
    form.save_button.click()

    stage.wait(lambda: stage.library.read().orchestrations["t"].strategy == "supervisor")
    kept = stage.library.read().orchestrations["t"]
    assert [(item.id, item.entity_ref_id, item.position, item.role_description) for item in kept.entities] == [
        ("m2", "w", 0, "Says it first"),
        ("m1", "d", 1, ""),
    ]
    assert kept.orchestrator_config == {"model": "gpt-5.4", "style": "calm"}


def test_an_orchestration_needs_an_agent(stage):
    """One without members cannot do anything, and says so."""
    stage.flow.new("orchestration")
    form = stage.dialog(OrchestrationDialog)
    form.name.setText("Empty team")
    assert form.problem_label.text() == "Add at least one agent."

    form.members.add.click()
    assert form.save_button.isEnabled()
    form.members.rows[0].remove.click()

    assert not form.save_button.isEnabled()


def test_a_copy_is_another_one(stage):
    """A duplicate has its own id and name, and the same instructions."""
    manager = stage.manager()
    manager.select("w")

    manager.duplicate.click()

    stage.wait(lambda: "Writer copy" in titles(manager))
    copy = next(item for item in stage.library.read().agents.values() if item.name == "Writer copy")
    assert copy.id != "w"
    assert (copy.system_prompt, copy.settings) == (WRITER.system_prompt, WRITER.settings)


def test_deleting_names_who_uses_it(stage):
    """The question tells the blocks of the open workflow and the orchestrations; only Delete deletes."""
    manager = stage.manager()
    manager.select("w")
    manager.delete.click()

    told = stage.answer("cancel")
    assert "Delete the agent “Writer”?" in told
    assert "It is used by the block “Answer”, the orchestration “Team”." in told
    assert "w" in stage.library.read().agents
    manager.delete.click()
    stage.answer("delete")

    stage.wait(lambda: titles(manager) == ["Help desk"])
    assert "w" not in stage.library.read().agents


def test_a_library_that_cannot_be_written_says_so_and_keeps_the_form(stage):
    """What was typed is not lost because the disk is full."""
    stage.flow.edit("agent", "w")
    form = stage.dialog(AgentDialog)
    form.name.setText("Author")
    stage.library.path.write_text("{")

    form.save_button.click()
    told = stage.answer("ok")

    assert "“Author” is not saved" in told
    assert "damaged" in told
    stage.wait(form.isVisible)
    assert form.name.text() == "Author"


def test_users_are_found_by_the_kind_of_field():
    """An orchestration of the same id is no agent."""
    block = Block("a", "orchestration", "All", config={"orchestration_id": "x", "input": "x"})
    workflow = Workflow(blocks={"a": block})

    assert list(users_of(workflow, default_catalog(), "orchestration", "x")) == ["the block “All”"]
    assert list(users_of(workflow, default_catalog(), "agent", "x")) == []
