"""Garbage goes, and it goes on the UI thread."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject

from editor.collector import Collector


@pytest.fixture
def collector(qapp: Any) -> Iterator[Collector]:
    owner = QObject()
    collector = Collector(owner)
    yield collector
    collector.stop()


class Knot:
    """Refers to itself, so only a collection frees it."""

    def __init__(self, freed_on: list[int]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: freed_on.append(threading.get_ident()))


def test_what_a_worker_leaves_is_freed_on_the_ui_thread(collector: Collector, qtbot: Any) -> None:
    """A cycle made on another thread does not end there, however much that thread allocates."""
    freed_on: list[int] = []
    kept: list[list[int]] = []

    def work() -> None:
        Knot(freed_on)
        kept.extend([number] for number in range(5000))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert freed_on == []

    qtbot.waitUntil(lambda: freed_on == [threading.get_ident()])


def test_python_collects_again_afterwards(collector: Collector) -> None:
    """Stopping gives back what was taken."""
    assert not gc.isenabled()

    collector.stop()

    assert gc.isenabled()
