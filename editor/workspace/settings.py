"""What the editor remembers between starts: one small JSON file in the user's configuration folder. No secrets."""

from pathlib import Path
from typing import Any

import platformdirs

from editor.workspace.private_json import read_object, write_object

MAX_RECENT = 12


class Settings:
    """Values by name, with a default for each. A file that is missing or broken means the defaults."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path(platformdirs.user_config_dir("blockloom", appauthor=False)) / "settings.json"
        self._values: dict[str, Any] = read_object(self._path)

    def get(self, name: str, default: Any) -> Any:
        """The value, or the default when it is not there or of another kind than the default."""
        value = self._values.get(name, default)
        return value if default is None or isinstance(value, type(default)) else default

    def set(self, name: str, value: Any) -> None:
        """Remember a JSON value; it is on disk when this returns, unless the folder cannot be written."""
        if self._values.get(name) != value:
            # Another window may have remembered something meanwhile.
            self._values = {**self._values, **read_object(self._path), name: value}
            # Settings are a comfort: a folder that cannot be written must not stop anybody's work.
            write_object(self._path, self._values)

    def recent_files(self) -> list[str]:
        """Paths of files opened or saved lately, newest first."""
        return [path for path in self.get("recent_files", []) if isinstance(path, str)]

    def add_recent(self, path: Path) -> None:
        """Put a file at the top of the recent ones."""
        others = [item for item in self.recent_files() if item != str(path)]
        self.set("recent_files", [str(path), *others][:MAX_RECENT])
