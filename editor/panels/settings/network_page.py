"""Settings of the network: which addresses on this machine and near it every workflow may call."""

import re

from PySide6.QtWidgets import QCheckBox, QWidget

from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.settings.page import Page, SettingsContext
from editor.text import set_style
from editor.workspace.run_preferences import EVERY_HOST, HOSTS_VARIABLE

_HOST = re.compile(r"[\w.\-]+(:\d{1,5})?|\[?[0-9a-fA-F:]+\]?(:\d{1,5})?|[0-9a-fA-F:.]+/\d{1,3}")


class NetworkPage(Page):
    """Which local hosts are open to workflows."""

    title = "Network"
    icon = "platform"

    def __init__(self, context: SettingsContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = context.preferences
        self.hosts = PlainEdit(self.holder, lines=(4, 10))
        self.hosts.setPlaceholderText("localhost:11434\nnas.local\n10.0.0.0/8")
        self.hosts.setAccessibleName("Local addresses that every workflow may call")
        self.all = QCheckBox("Allow every address on this machine and in private networks", self.holder)
        self._build()
        listed = self._preferences.local_hosts
        self.hosts.show_text("\n".join(host for host in listed if host != EVERY_HOST))
        self.all.setChecked(EVERY_HOST in listed)
        self._show_all()
        self.hosts.text_edited.connect(self._on_edited)
        self.all.toggled.connect(self._on_all_toggled)

    def _build(self) -> None:
        self.add_heading("Local addresses")
        self.add_note(
            "Public web addresses can be called by every workflow. Addresses on this machine and in your own network "
            "are refused, because services there often trust whoever reaches them."
        )
        note = "One a line: a name, an address or a network, with a port where only that one is meant."
        self.add_row("Every workflow may call", self.hosts, note)
        self.problem = self.add_note("", "error")
        self.problem.hide()
        self.add_note(
            "What is listed here is open to every workflow that you run, also to one from somebody else. To open an "
            "address to one workflow only, allow it when you are asked before its run."
        )
        self.add_control(self.all)
        self.warning = self.add_note(
            "Any workflow can then reach your router, your printer and every service on this machine.", "warning"
        )
        if listed := self._preferences.from_environment(HOSTS_VARIABLE):
            self.add_note(f"The environment variable {HOSTS_VARIABLE} adds: {listed}", "warning")
        self.add_note("Addresses of the machine's own infrastructure (such as 169.254.169.254) are never called.")

    def _on_edited(self, text: str) -> None:
        wrong = next((host for host in _lines(text) if not _HOST.fullmatch(host)), "")
        problem = f"“{wrong}” is no host. Give a name such as localhost:11434, without http://." if wrong else ""
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        set_style(self.hosts, "invalid", "true" if problem else "false")
        if not problem:
            self._keep()

    def _on_all_toggled(self, _checked: bool) -> None:
        self._show_all()
        self._keep()

    def _keep(self) -> None:
        hosts = [host for host in _lines(self.hosts.toPlainText()) if _HOST.fullmatch(host)]
        self._preferences.set("local_hosts", [*dict.fromkeys(hosts), *([EVERY_HOST] if self.all.isChecked() else [])])

    def _show_all(self) -> None:
        self.hosts.setEnabled(not self.all.isChecked())
        self.warning.setVisible(self.all.isChecked())


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
