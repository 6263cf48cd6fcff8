"""The question before a workflow from elsewhere runs for the first time: what it would do, in plain words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from editor.panels.widgets import IconLabel, line, make_room_for_bold
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.trust_store import Choices, CodeChoice
from engine import Workflow, trust

MOST_ITEMS = 40
MOST_NAMES = 4
WIDTH, MOST_HEIGHT, SLACK = 552, 680, 32
NameOf = Callable[[Literal["agent", "orchestration"], str], str | None]
"""The name of a stored agent or orchestration by its id, None when it is not known here."""


@dataclass(frozen=True)
class Item:
    """One thing that the workflow would do."""

    icon: str
    text: str
    detail: str = ""


@dataclass(frozen=True)
class TrustQuestion:
    """All that the dialog shows.

    `origin` says how something foreign came in, "" when nothing has. `local_hosts` wait for a decision, and so does
    code when `no_isolation` says why this machine cannot isolate it. `accept` is what agreeing is called.
    """

    name: str
    items: Sequence[Item]
    origin: Literal["", "opened", "pasted"] = "opened"
    local_hosts: Sequence[str] = ()
    no_isolation: str = ""
    accept: str = "Run It"


class TrustDialog(QDialog):
    """Asks once. Cancel is what Enter and Escape mean."""

    def __init__(self, question: TrustQuestion, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trust-dialog")
        self.setWindowTitle("Before this workflow runs")
        self.setModal(True)
        self._theme = theme
        self.host_boxes = {host: QCheckBox(f"Allow {_plain(host)}", self) for host in question.local_hosts}
        self.code_buttons = _code_buttons(self) if question.no_isolation else {}
        self.accept_button = QPushButton(question.accept, self)
        self.accept_button.setAutoDefault(False)
        self.cancel_button = QPushButton("Cancel", self)
        make_room_for_bold(self.cancel_button)
        self.cancel_button.setDefault(True)
        self._build(question)
        self.accept_button.clicked.connect(self.accept)
        self.cancel_button.clicked.connect(self.reject)
        self.cancel_button.setFocus()

    def choices(self, before: Choices) -> Choices:
        """What is allowed now, where `before` was allowed."""
        allowed = [host for host, box in self.host_boxes.items() if box.isChecked()]
        chosen = next((choice for choice, button in self.code_buttons.items() if button.isChecked()), before.code)
        return Choices(tuple(dict.fromkeys((*before.hosts, *allowed))), chosen)

    def _build(self, question: TrustQuestion) -> None:
        head, buttons, scroll = self._head(question), self._buttons(), self._list(question)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(line(self))
        layout.addWidget(scroll, 1)
        layout.addWidget(line(self))
        layout.addLayout(buttons)
        # A scroll area asks for little; here all is shown that fits.
        around = head.totalHeightForWidth(WIDTH) + buttons.sizeHint().height() + SLACK
        self.resize(WIDTH, min(MOST_HEIGHT, around + self._rows.totalHeightForWidth(WIDTH)))

    def _head(self, question: TrustQuestion) -> QHBoxLayout:
        title = f"Run “{question.name}”?" if question.accept == "Run It" else f"Trust “{question.name}”?"
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(plain_label(title, self, role="title", wrap=True))
        words.addWidget(plain_label(_WHY[question.origin], self, role="muted", wrap=True))
        head = QHBoxLayout()
        head.setContentsMargins(20, 18, 20, 14)
        head.setSpacing(14)
        look = ("lock", "warning") if question.origin else ("info", "accent")
        icon = IconLabel(self._theme, *look, 26, self)
        head.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(words, 1)
        return head

    def _list(self, question: TrustQuestion) -> QScrollArea:
        holder = QWidget(self)
        rows = self._rows = QVBoxLayout(holder)
        rows.setContentsMargins(20, 14, 20, 14)
        rows.setSpacing(12)
        for item in question.items[:MOST_ITEMS]:
            rows.addLayout(self._row(item, holder))
        hidden = len(question.items) - MOST_ITEMS
        if hidden > 0:
            rows.addWidget(plain_label(f"And {hidden:,} more of this kind.", holder, role="muted"))
        for section in (self._hosts_section(holder), self._code_section(question, holder)):
            if section is not None:
                rows.addWidget(section)
        rows.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(holder)
        return scroll

    def _row(self, item: Item, parent: QWidget) -> QHBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(plain_label(item.text, parent, role="label", wrap=True))
        if item.detail:
            words.addWidget(plain_label(item.detail, parent, role="muted", wrap=True))
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(IconLabel(self._theme, item.icon, "text_muted", 18, parent), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        return row

    def _hosts_section(self, parent: QWidget) -> QFrame | None:
        if not self.host_boxes:
            return None
        words = (
            "These addresses are on this machine or in your own network. What you allow here is open to this workflow "
            "only; what you leave out is refused while it runs."
        )
        return self._section("Local addresses", words, list(self.host_boxes.values()), parent)

    def _code_section(self, question: TrustQuestion, parent: QWidget) -> QFrame | None:
        if not self.code_buttons:
            return None
        words = f"This machine cannot keep code apart from your files and programs: {question.no_isolation}."
        return self._section("Code without isolation", words, list(self.code_buttons.values()), parent)

    def _section(self, title: str, words: str, controls: Sequence[QWidget], parent: QWidget) -> QFrame:
        frame = QFrame(parent)
        frame.setProperty("role", "card")
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(8)
        layout.addWidget(plain_label(title, frame, role="label"))
        layout.addWidget(plain_label(words, frame, role="muted", wrap=True))
        for control in controls:
            layout.addWidget(control)
        return frame

    def _buttons(self) -> QHBoxLayout:
        buttons = QHBoxLayout()
        buttons.setContentsMargins(20, 12, 20, 14)
        buttons.setSpacing(8)
        buttons.addWidget(plain_label("You are asked once, and again if it was changed elsewhere.", self, role="faint"))
        buttons.addStretch(1)
        buttons.addWidget(self.accept_button)
        buttons.addWidget(self.cancel_button)
        return buttons


def items_of(
    effects: Sequence[trust.WorkflowEffect], workflow: Workflow, name_of: NameOf, *, is_isolated: bool = True
) -> list[Item]:
    """The effects in words, those that matter most first. `is_isolated` says that code is kept apart here."""
    by_agent = {
        block_id
        for effect in effects
        if effect.kind == "agent" and effect.target and name_of("agent", effect.target)
        for block_id in effect.block_ids
    }
    # A known agent brings its own model, so what its blocks would fall back to is not asked.
    shown = [effect for effect in effects if effect.kind != "model" or not by_agent.issuperset(effect.block_ids)]
    shown.sort(key=lambda effect: _ORDER.index(effect.kind))
    items = [_item(effect, _places(effect, workflow), name_of) for effect in shown] or [_NOTHING]
    if not is_isolated:
        return items
    kept = "It is kept apart from your files and programs."
    return [replace(item, detail=f"{item.detail} {kept}") if item.icon == "code" else item for item in items]


_WHY = {
    "": "This workflow needs a decision of yours before it runs:",
    "opened": "It was opened from elsewhere. Run it only if you know where it comes from and want it to do this:",
    "pasted": "Blocks from elsewhere were pasted into it. Run it only if you know them and want it to do this:",
}
_NOTHING = Item("check", "Does nothing outside of this program", "Its blocks only pass values on.")
_ORDER = ("code", "http", "platform", "model", "agent", "orchestration")
_KEY_WORDS = {"OPENAI_API_KEY": "your OpenAI key", "ANTHROPIC_API_KEY": "your Anthropic key"}


def _item(effect: trust.WorkflowEffect, places: str, name_of: NameOf) -> Item:
    target = effect.target
    if effect.kind == "code":
        return Item("code", "Runs code of its own", places)
    if effect.kind == "http":
        text = f"Calls {target}" if target else "Calls web addresses that only the run will tell"
        return Item("api", text, places)
    if effect.kind == "platform":
        return Item("platform", f"Uses the connected server, with your key for it: {target or 'any call'}", places)
    if effect.kind == "model":
        return Item("agent", _model_words(target, effect.key_name), places)
    if effect.kind == "agent":
        return Item("agent", _stored_words("Asks", "agent", target, name_of("agent", target)), places)
    return Item(
        "orchestration", _stored_words("Runs", "orchestration", target, name_of("orchestration", target)), places
    )


def _model_words(target: str, key_name: str) -> str:
    if not target:
        return "Asks a language model that your settings or the run decide, with your key for it"
    if not key_name:
        return f"Asks {target}, which works on this machine"
    return f"Asks the language model {target}, with {_KEY_WORDS.get(key_name, key_name)}"


def _stored_words(verb: str, noun: str, target: str, name: str | None) -> str:
    if not target:
        return f"{verb} a stored {noun} that only the run will tell"
    if name is None:
        return f"{verb} a stored {noun} that is not known here ({target})"
    return f"{verb} your stored {noun} “{name}”"


def _places(effect: trust.WorkflowEffect, workflow: Workflow) -> str:
    """Which blocks do it: `In “A”, “B” and 3 more blocks.`"""
    names = [f"“{workflow.blocks[block_id].label}”" for block_id in effect.block_ids[:MOST_NAMES]]
    more = len(effect.block_ids) - len(names)
    if more:
        names.append(f"{more:,} more {'block' if more == 1 else 'blocks'}")
    return f"In {', '.join(names[:-1])} and {names[-1]}." if len(names) > 1 else f"In {names[0]}."


def _code_buttons(parent: QWidget) -> dict[CodeChoice, QRadioButton]:
    buttons: dict[CodeChoice, QRadioButton] = {
        "restricted": QRadioButton("Use the restricted interpreter: safe, but it knows only a part of Python", parent),
        "unisolated": QRadioButton("Run it without isolation: it can do all that you can do here", parent),
    }
    group = QButtonGroup(parent)
    for button in buttons.values():
        group.addButton(button)
    buttons["restricted"].setChecked(True)
    return buttons


def _plain(text: str) -> str:
    """A text as a button shows it: no letter of it is a mnemonic."""
    return text.replace("&", "&&")
