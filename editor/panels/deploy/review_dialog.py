"""The question before a deploy: what changes for callers, what is in the way, when the schedule will run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from editor.panels.deploy.change_rows import ChangeList
from editor.panels.widgets import IconLabel, heading, line, make_room_for_bold
from editor.text import count_text, plain_label
from editor.theme import Theme
from engine import Problem, deployreview

MAX_PROBLEMS = 8
WIDTH, MAX_HEIGHT = 620, 640
_MARGIN = 20


@dataclass(frozen=True)
class DeployPlan:
    """What the question is about. Names are those that people know.

    `version` is the one that was deployed last, None when none is known of; `changes` is what differs from it, None
    where that is not known either. `blocks` counts those that go live.
    """

    server: str
    workflow: str
    blocks: int
    is_live: bool = False
    version: int | None = None
    changes: deployreview.Changes | None = None
    problems: tuple[Problem, ...] = ()
    schedule: deployreview.Schedule | None = None
    replaces_schedule: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def blockers(self) -> list[str]:
        """What has to be mended before, in sentences."""
        errors = [problem.message for problem in self.problems if problem.severity == "error"]
        refused = [item.message for item in self.schedule.problems if item.severity == "error"] if self.schedule else []
        return errors + refused


class DeployDialog(QDialog):
    """Accepted by the one button that deploys.

    Signals:
        problem_chosen(object): the person wants to see this problem (`Problem`); the dialog is closed.
    """

    problem_chosen = Signal(object)

    def __init__(self, plan: DeployPlan, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plan = plan
        self._theme = theme
        self.setObjectName("deploy-dialog")
        self.setWindowTitle("Deploy")
        self.setModal(True)
        self.deploy_button = QPushButton(_button_text(plan), self)
        self.deploy_button.setObjectName("deploy")
        make_room_for_bold(self.deploy_button)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setAutoDefault(False)
        self.show_button = QPushButton("Show the Problem", self)
        self.show_button.setAutoDefault(False)
        self._build()
        self.deploy_button.clicked.connect(self.accept)
        self.cancel_button.clicked.connect(self.reject)
        self.show_button.clicked.connect(self._on_show_clicked)

    def _build(self) -> None:
        blocked = bool(self._plan.blockers)
        self.deploy_button.setDefault(not blocked)
        self.deploy_button.setEnabled(not blocked)
        self.show_button.setVisible(any(problem.severity == "error" for problem in self._plan.problems))
        title = plain_label(f"Deploy “{self._plan.workflow}” on {self._plan.server}?", self, role="dialog-title")
        title.setWordWrap(True)
        intro = plain_label(_intro(self._plan), self, role="muted", wrap=True)
        head = QVBoxLayout()
        head.setContentsMargins(_MARGIN, 18, _MARGIN, 12)
        head.setSpacing(6)
        head.addWidget(title)
        head.addWidget(intro)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(_MARGIN, 12, _MARGIN, 16)
        buttons.setSpacing(8)
        buttons.addWidget(self.show_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.deploy_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(line(self))
        layout.addWidget(self._scrolled(), 1)
        layout.addWidget(line(self))
        layout.addLayout(buttons)

    def _scrolled(self) -> QScrollArea:
        holder = QWidget(self)
        content = QVBoxLayout(holder)
        content.setContentsMargins(_MARGIN, 14, _MARGIN, 14)
        content.setSpacing(18)
        for section in (self._problems(holder), self._warnings(holder), self._changes(holder), self._schedule(holder)):
            if section is not None:
                content.addWidget(section)
        content.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(holder)
        holder.ensurePolished()
        wanted = content.heightForWidth(WIDTH) if content.hasHeightForWidth() else content.sizeHint().height()
        self.resize(WIDTH, min(MAX_HEIGHT, wanted + 190))
        return scroll

    def _problems(self, parent: QWidget) -> QWidget | None:
        blockers = self._plan.blockers
        if not blockers:
            return None
        title = f"{count_text(len(blockers), 'error')} to mend first"
        return _Lines(self._theme, title, "circle-alert", "error", blockers, parent)

    def _warnings(self, parent: QWidget) -> QWidget | None:
        warnings = [problem.message for problem in self._plan.problems if problem.severity == "warning"]
        schedule = self._plan.schedule
        warnings += [item.message for item in schedule.problems if item.severity == "warning"] if schedule else []
        found = [*self._plan.warnings, *warnings]
        return _Lines(self._theme, "Good to know", "triangle-alert", "warning", found, parent) if found else None

    def _changes(self, parent: QWidget) -> QWidget:
        plan = self._plan
        if not plan.is_live and plan.changes is None:
            words = f"Nothing is live now. {count_text(plan.blocks, 'block')} go live."
            return _Section("What changes for callers", words, parent)
        since = "the live version" if plan.is_live else "the last deploy"
        title = f"Changes since {since}" + (f", v{plan.version}" if plan.version is not None else "")
        if plan.changes is None:
            words = "This server does not keep the version that was deployed, so its changes cannot be listed."
            return _Section(title, words, parent)
        if plan.changes.is_empty:
            moved = f" {plan.changes.summary}." if plan.changes.moved else ""
            same = "callers get the same as now" if plan.is_live else "callers get the same as then"
            return _Section(title, f"None: {same}.{moved}", parent)
        section = _Section(title, plan.changes.summary, parent)
        section.add(ChangeList(plan.changes, self._theme, section))
        return section

    def _schedule(self, parent: QWidget) -> QWidget | None:
        schedule = self._plan.schedule
        if schedule is None:
            if not self._plan.replaces_schedule:
                return None
            return _Section("Schedule", "The schedule that runs now ends: this version has none.", parent)
        section = _Section("Schedule", schedule.words, parent)
        if schedule.next_fires:
            section.add(plain_label(f"Next times, in {schedule.timezone}:", section, role="muted"))
            for fire in schedule.next_fires:
                section.add(plain_label(fire_text(fire), section))
        elif not schedule.problems:
            section.add(plain_label("It will not run again: its time is over.", section, role="warning", wrap=True))
        return section

    def _on_show_clicked(self) -> None:
        first = next(problem for problem in self._plan.problems if problem.severity == "error")
        self.reject()
        self.problem_chosen.emit(first)


class _Section(QWidget):
    """A heading, a sentence, and what is added below."""

    def __init__(self, title: str, words: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(5)
        self._layout.addWidget(heading(title, self))
        self._layout.addWidget(plain_label(words, self, wrap=True))

    def add(self, widget: QWidget) -> None:
        """Show this below."""
        self._layout.addWidget(widget)


class _Lines(QWidget):
    """A heading, and sentences with an icon each; of many the first ones."""

    def __init__(
        self, theme: Theme, title: str, icon: str, color: str, sentences: Sequence[str], parent: QWidget
    ) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(heading(title, self))
        for sentence in sentences[:MAX_PROBLEMS]:
            row = QHBoxLayout()
            row.setSpacing(8)
            row.addWidget(IconLabel(theme, icon, color, 16, self), 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(plain_label(sentence, self, wrap=True), 1)
            layout.addLayout(row)
        if len(sentences) > MAX_PROBLEMS:
            layout.addWidget(plain_label(f"And {len(sentences) - MAX_PROBLEMS:,} more.", self, role="muted"))


def fire_text(fire: datetime) -> str:
    """An instant as people read it, such as `Mon 1 Mar 2027, 09:00`."""
    return f"{fire:%a} {fire.day} {fire:%b %Y, %H:%M}"


def _intro(plan: DeployPlan) -> str:
    by_time = " and runs by its schedule" if plan.schedule else ""
    if plan.is_live:
        # On a server the saved graph is what runs, so a deployed workflow changes with every save (contract 2.6).
        again = " and begins its schedule anew" if plan.schedule else ""
        return f"It is live already: callers get what was saved last. This saves it as it is on the canvas{again}."
    return f"It then takes every call of its webhook{by_time}, until you undeploy it."


def _button_text(plan: DeployPlan) -> str:
    name = plan.workflow if len(plan.workflow) <= 28 else f"{plan.workflow[:27]}…"
    return f"Deploy “{name}” on {plan.server[:28]}".replace("&", "&&")
