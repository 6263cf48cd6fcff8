"""What all tests share: no screen, folders of their own, and one Qt event loop that asyncio runs on."""

import asyncio
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Few examples while working; HYPOTHESIS_PROFILE=thorough looks for longer. A build machine tries the same ones each
# time: what it says must be about the change.
_SLOW_MACHINE = [HealthCheck.too_slow]
settings.register_profile(
    "default",
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=_SLOW_MACHINE,
)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1_500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the settings, journals or keys of whoever runs it."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "BLOCKLOOM_ALLOW_PRIVATE_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Garbage of a test with Qt is collected between tests, on this thread.

    Elsewhere a helper thread may happen to collect a file watcher or timer, and Qt objects must end where they live.
    """
    if not {"qapp", "qtbot", "loop"} & set(getattr(item, "fixturenames", ())):
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()  # what lasts is not looked at again, so that this stays quick
        gc.enable()


@pytest.fixture(scope="session")
def qt_loop(qapp: Any) -> Iterator[asyncio.AbstractEventLoop]:
    """asyncio on Qt's event loop, as in the editor: tasks go on whenever a test lets Qt work."""
    import qasync

    loop = qasync.QEventLoop(qapp, already_running=True)
    asyncio.events._set_running_loop(None)
    yield loop
    loop.stop()  # ends Qt's own loop too, so only at the very end
    loop.close()
    # Without a screen the clipboard outlives Python, and what Python put on it cannot be let go of then.
    qapp.clipboard().clear()


@pytest.fixture
def loop(qt_loop: asyncio.AbstractEventLoop) -> Iterator[asyncio.AbstractEventLoop]:
    """The running loop, for this test alone; a task that the test leaves behind fails it."""
    asyncio.set_event_loop(qt_loop)
    asyncio.events._set_running_loop(qt_loop)
    yield qt_loop
    asyncio.events._set_running_loop(None)
    asyncio.set_event_loop(None)
    left = [task for task in asyncio.all_tasks(qt_loop) if not task.done()]
    for task in left:
        task.cancel()
    assert left == []
