"""What the editor remembers between starts: one small JSON file in the user's configuration folder. No secrets."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

MAX_RECENT = 12


class Settings:
    """Values by name, with a default for each. A file that is missing or broken means the defaults."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path(platformdirs.user_config_dir("blockloom", appauthor=False)) / "settings.json"
        self._values: dict[str, Any] = _read(self._path)

    def get(self, name: str, default: Any) -> Any:
        """The value, or the default when it is not there or of another kind than the default."""
        value = self._values.get(name, default)
        return value if default is None or isinstance(value, type(default)) else default

    def set(self, name: str, value: Any) -> None:
        """Remember a JSON value; it is on disk when this returns, unless the folder cannot be written."""
        if self._values.get(name) != value:
            self._values[name] = value
            self._write()

    def recent_files(self) -> list[str]:
        """Paths of files opened or saved lately, newest first."""
        return [path for path in self.get("recent_files", []) if isinstance(path, str)]

    def add_recent(self, path: Path) -> None:
        """Put a file at the top of the recent ones."""
        others = [item for item in self.recent_files() if item != str(path)]
        self.set("recent_files", [str(path), *others][:MAX_RECENT])

    def _write(self) -> None:
        # Settings are a comfort: a folder that cannot be written must not stop anybody's work.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".settings-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self._values, file, indent=2, sort_keys=True)
            Path(name).replace(self._path)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
