"""Settings of code blocks: how well they are kept apart here, what they may import, and their limits."""

import re

from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.settings.page import Page, SettingsContext
from editor.panels.widgets import IconLabel
from editor.text import plain_label, set_style
from editor.workspace.run_preferences import MODULES_VARIABLE, RESTRICTED_VARIABLE, UNISOLATED_VARIABLE
from engine import code

LEVELS = {
    "strong": ("circle-check", "success"),
    "basic": ("circle-check", "success"),
    "none": ("triangle-alert", "warning"),
}
_SEPARATORS = re.compile(r"[\s,;]+")


class CodePage(Page):
    """How code of workflows runs on this machine."""

    title = "Code"
    icon = "code"

    def __init__(self, context: SettingsContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = context.preferences
        self.level_icon = IconLabel(context.theme, "loader-circle", "text_faint", 18, self.holder)
        self.level = plain_label("Trying some attacks…", self.holder, role="label", wrap=True)
        self.restricted = QCheckBox("Use the restricted interpreter where code cannot be isolated", self.holder)
        self.modules = PlainEdit(self.holder, lines=(1, 4))
        self.modules.setPlaceholderText("None beyond the usual ones")
        self.modules.setAccessibleName("More modules that code may import")
        self._build()
        self.restricted.setChecked(self._preferences.restricted_code)
        self.modules.show_text(", ".join(self._preferences.code_modules))
        self.restricted.toggled.connect(self._on_restricted_toggled)
        self.modules.text_edited.connect(self._on_modules_edited)
        context.tasks.start("probe", self._probe)

    def _build(self) -> None:
        self.add_heading("Isolation")
        line = QWidget(self.holder)
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 4, 0, 2)
        layout.setSpacing(8)
        layout.addWidget(self.level_icon)
        layout.addWidget(self.level, 1)
        self.add_control(line)
        self.attacks = self.add_note("")
        self.add_control(self.restricted, "It is safe anywhere, but knows only a part of Python and few modules.")
        for variable in (UNISOLATED_VARIABLE, RESTRICTED_VARIABLE):
            if self._preferences.from_environment(variable) == "1":
                self.add_note(f"The environment variable {variable} is set and decides for every workflow.", "warning")
        self.add_heading("Modules")
        note = "Names with commas between. They load where they are installed; the isolation holds for them as well."
        self.add_row("Code may also import", self.modules, note)
        if listed := self._preferences.from_environment(MODULES_VARIABLE):
            self.add_note(f"The environment variable {MODULES_VARIABLE} adds: {listed}", "warning")
        self.module_problem = self.add_note("", "error")
        self.module_problem.hide()
        self.add_heading("Limits of one block")
        self.add_note(limit_words(code.CodeLimits()))

    async def _probe(self) -> None:
        isolation = await code.probe()
        icon, color = LEVELS[isolation.level]
        self.level_icon.set_icon(icon, color)
        self.level.setText(f"{isolation.level.capitalize()}, because {isolation.because}.")
        self.attacks.setText(attack_words(isolation))

    def _on_restricted_toggled(self, checked: bool) -> None:
        self._preferences.set("restricted_code", checked)

    def _on_modules_edited(self, text: str) -> None:
        names = [name for name in _SEPARATORS.split(text.strip()) if name]
        wrong = next((name for name in names if not name.isidentifier()), "")
        problem = f"“{wrong}” is no name of a module. Give top-level names such as shapely." if wrong else ""
        self.module_problem.setText(problem)
        self.module_problem.setVisible(bool(problem))
        set_style(self.modules, "invalid", "true" if problem else "false")
        if not problem:
            self._preferences.set("code_modules", list(dict.fromkeys(names)))


def attack_words(isolation: code.Isolation) -> str:
    """What was tried, in a sentence."""
    tried = len(isolation.held) + len(isolation.reached)
    if not tried:
        return ""
    if not isolation.reached:
        return f"All {tried} attacks that were tried failed: {', '.join(isolation.held)}."
    return f"{len(isolation.reached)} of {tried} attacks succeeded: {', '.join(isolation.reached)}."


def limit_words(limits: code.CodeLimits) -> str:
    """The limits of a block in a sentence."""
    return (
        f"{limits.wall_s:g} seconds in all, of which {limits.cpu_s} computing; {limits.memory_mb} MB of memory; "
        f"a result of {limits.output_bytes >> 20} MB; {limits.print_bytes >> 20} MB printed; {limits.threads} threads; "
        "no processes, no files, no network. A block's own time limit can only shorten this."
    )
