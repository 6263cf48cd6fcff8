"""Settings of how the window looks and moves."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QRadioButton, QWidget

from editor.panels.settings.page import Page, SettingsContext
from editor.theme import ThemeChoice

THEMES: tuple[tuple[ThemeChoice, str], ...] = (("system", "As the system"), ("light", "Light"), ("dark", "Dark"))


class AppearancePage(Page):
    """Theme and motion.

    Signals:
        theme_chosen(str): "system", "light" or "dark".
        motion_chosen(bool): whether things glide to their places.
    """

    title = "Appearance"
    icon = "sun-moon"
    theme_chosen = Signal(str)
    motion_chosen = Signal(bool)

    def __init__(self, context: SettingsContext, *, animated: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self.themes: dict[str, QRadioButton] = {}
        self.add_heading("Colours")
        for choice, words in THEMES:
            button = self.themes[choice] = QRadioButton(words, self.holder)
            button.setChecked(context.theme.choice == choice)
            self._group.addButton(button)
            self.add_control(button)
        self.add_heading("Motion")
        self.reduced = QCheckBox("Less motion", self.holder)
        self.reduced.setChecked(not animated)
        self.add_control(self.reduced, "Blocks, views and values of a run change at once, without gliding or pulses.")
        self._group.buttonClicked.connect(self._on_theme_clicked)
        self.reduced.toggled.connect(self._on_reduced_toggled)

    def _on_theme_clicked(self, button: QRadioButton) -> None:
        self.theme_chosen.emit(next(choice for choice, item in self.themes.items() if item is button))

    def _on_reduced_toggled(self, reduced: bool) -> None:
        self.motion_chosen.emit(not reduced)
