"""Questions and file choosers that are awaited: none of them blocks the event loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton, QWidget

from editor import aio


@dataclass(frozen=True)
class Option:
    """One button of a question. `is_cancel` is what Escape means, `is_default` what Enter means."""

    key: str
    label: str
    is_default: bool = False
    is_cancel: bool = False
    is_destructive: bool = False


async def choose(parent: QWidget, text: str, detail: str, options: Sequence[Option]) -> str:
    """The key of the option that the person chose. All text is shown as it is, never as markup."""
    box = QMessageBox(parent)
    box.setObjectName("question")
    box.setWindowTitle("Blockloom")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(text)
    box.setInformativeText(detail)
    buttons: dict[QPushButton, str] = {}
    for option in options:
        button = box.addButton(option.label, _role(option))
        button.setObjectName(f"option-{option.key}")
        buttons[button] = option.key
        if option.is_default:
            box.setDefaultButton(button)
        if option.is_cancel:
            box.setEscapeButton(button)
    try:
        await aio.ask(box)
        clicked = box.clickedButton()
        cancel = next((option.key for option in options if option.is_cancel), options[-1].key)
        return next((key for button, key in buttons.items() if button is clicked), cancel)
    finally:
        box.deleteLater()


async def tell(parent: QWidget, text: str, detail: str = "") -> None:
    """Say something that must be seen before going on."""
    await choose(parent, text, detail, [Option("ok", "OK", is_default=True, is_cancel=True)])


async def ask_open(parent: QWidget, title: str, folder: Path, filters: str) -> Path | None:
    """The existing file that the person picked, None when they did not."""
    dialog = QFileDialog(parent, title, str(folder), filters)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    return await _picked(dialog)


async def ask_save(parent: QWidget, title: str, suggested: Path, filters: str, suffix: str) -> Path | None:
    """Where to save, None when the person gave up. The chooser has asked about an existing file already."""
    dialog = QFileDialog(parent, title, str(suggested.parent), filters)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.selectFile(suggested.name)
    path = await _picked(dialog)
    if path is None or path.suffix:
        return path
    return path.with_name(path.name + suffix)


async def _picked(dialog: QFileDialog) -> Path | None:
    dialog.setObjectName("file-chooser")
    try:
        if await aio.ask(dialog) != QFileDialog.DialogCode.Accepted:
            return None
        files = dialog.selectedFiles()
        return Path(files[0]) if files else None
    finally:
        dialog.deleteLater()


def _role(option: Option) -> QMessageBox.ButtonRole:
    if option.is_cancel:
        return QMessageBox.ButtonRole.RejectRole
    return QMessageBox.ButtonRole.DestructiveRole if option.is_destructive else QMessageBox.ButtonRole.AcceptRole
