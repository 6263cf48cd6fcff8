"""Settings are a comfort: they come back, and a broken file costs nothing but them."""

import stat
from pathlib import Path

from editor.workspace.settings import MAX_RECENT, Settings


def test_a_value_comes_back_at_the_next_start(tmp_path: Path) -> None:
    """What was set is read by the next one who opens the same file."""
    Settings(tmp_path / "settings.json").set("theme", "dark")

    assert Settings(tmp_path / "settings.json").get("theme", "system") == "dark"


def test_a_broken_file_means_defaults(tmp_path: Path) -> None:
    """A file that is no JSON, or holds another kind of value, does not stop the program."""
    path = tmp_path / "settings.json"
    path.write_text('{"theme": 7')
    assert Settings(path).get("theme", "system") == "system"

    path.write_text('{"theme": 7}')
    assert Settings(path).get("theme", "system") == "system"


def test_recent_files_are_newest_first_without_repeats(tmp_path: Path) -> None:
    """Opening a file again moves it to the top; the list does not grow for ever."""
    settings = Settings(tmp_path / "settings.json")
    for number in range(MAX_RECENT + 5):
        settings.add_recent(tmp_path / f"{number}.json")

    settings.add_recent(tmp_path / "9.json")

    recent = settings.recent_files()
    assert recent[0].endswith("9.json")
    assert len(recent) == len(set(recent)) == MAX_RECENT


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Other users of the machine cannot read it."""
    Settings(tmp_path / "settings.json").set("theme", "dark")

    assert stat.S_IMODE((tmp_path / "settings.json").stat().st_mode) == 0o600
