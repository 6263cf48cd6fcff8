"""Tasks have owners, errors are heard, dialogs do not freeze the loop."""

import asyncio
from typing import Any

import pytest
from PySide6.QtWidgets import QDialog

from editor.aio import Tasks, ask, in_thread


@pytest.fixture
def tasks(qapp: object) -> Tasks:
    return Tasks()


def test_two_clicks_start_one_task(tasks: Tasks, qtbot: Any, loop: object) -> None:
    """While the task of a key runs, another one of that key is not started."""
    gate = asyncio.Event()
    started: list[int] = []

    async def work() -> None:
        started.append(1)
        await gate.wait()

    assert tasks.start("run", work)
    assert not tasks.start("run", work)
    gate.set()

    qtbot.waitUntil(lambda: not tasks.is_busy("run"))
    assert started == [1]


def test_an_error_nobody_awaits_is_heard(tasks: Tasks, qtbot: Any, loop: object) -> None:
    """A task that fails tells its owner which one it was and why."""

    async def work() -> None:
        raise ValueError("broken")

    with qtbot.waitSignal(tasks.failed) as told:
        tasks.start("run", work)

    assert told.args[0] == "run"
    assert str(told.args[1]) == "broken"


def test_a_cancelled_task_is_no_error(tasks: Tasks, qtbot: Any, loop: object) -> None:
    """Giving something up is not a failure."""
    failures: list[object] = []
    tasks.failed.connect(lambda key, error: failures.append(error))

    tasks.start("run", asyncio.sleep, 3600)
    tasks.cancel("run")

    qtbot.waitUntil(lambda: not tasks.is_busy("run"))
    assert failures == []


def test_other_work_goes_on_while_a_dialog_is_open(tasks: Tasks, qtbot: Any, loop: object) -> None:
    """A question does not stop the world."""
    dialog = QDialog()
    qtbot.addWidget(dialog)
    answers: list[int] = []
    worked: list[int] = []

    async def question() -> None:
        answers.append(await ask(dialog))

    async def work() -> None:
        worked.append(await in_thread(lambda: 7))

    tasks.start("question", question)
    qtbot.waitUntil(dialog.isVisible)
    tasks.start("work", work)
    qtbot.waitUntil(lambda: worked == [7])
    assert answers == []

    dialog.accept()
    qtbot.waitUntil(lambda: answers == [QDialog.DialogCode.Accepted])
