"""`blockloom` without a command: opens the editor, or says in words why this machine cannot show it.

Qt ends the process without a Python error when a library of the system is missing, so what it needs is tried first.
"""

import ctypes
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.cli.output import say

CANNOT_OPEN = 2


class Library(NamedTuple):
    """A shared library of the system, and the packages that hold it."""

    file: str
    debian: str
    fedora: str


# What the Qt wheels leave to the system, read from them with `readelf -d`.
BASE_LIBRARIES = (
    Library("libEGL.so.1", "libegl1", "libglvnd-egl"),
    Library("libGL.so.1", "libgl1", "libglvnd-glx"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    Library("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    Library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    Library("libX11.so.6", "libx11-6", "libX11"),
)
X11_LIBRARIES = (
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    Library("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    Library("libxcb-randr.so.0", "libxcb-randr0", "libxcb"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    Library("libxcb-sync.so.1", "libxcb-sync1", "libxcb"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb"),
    Library("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
)
WAYLAND_LIBRARIES = (
    Library("libwayland-client.so.0", "libwayland-client0", "libwayland-client"),
    Library("libwayland-cursor.so.0", "libwayland-cursor0", "libwayland-cursor"),
)
_NO_SCREEN = (
    "There is no display to open the editor on: neither DISPLAY nor WAYLAND_DISPLAY is set. Start it from a desktop "
    "session, or over SSH with X forwarding (ssh -X)."
)
_RUN_HINT = "“blockloom run FILE” and “blockloom check FILE” need neither a display nor these libraries."


def open_editor(paths: Sequence[Path]) -> int:
    """Open the editor with these files and stay until it is closed; 2 when this machine cannot show it."""
    reason = obstacle(os.environ) if sys.platform.startswith("linux") else None
    if reason is None:
        # By name: the editor stands above the command line, and nothing of it may load for the other commands.
        editor = importlib.import_module("editor.app")
        try:
            return int(editor.main([str(path) for path in paths]))
        except ImportError as error:
            if not _is_about_qt(error):
                raise
            reason = f"The editor cannot open: Qt does not load here ({error}).\n{_usual_remedy()}"
    say(f"{reason}\n{_RUN_HINT}")
    return CANNOT_OPEN


def obstacle(environment: Mapping[str, str], can_load: Callable[[str], bool] | None = None) -> str | None:
    """What keeps the editor from opening on this Linux machine, with the commands that help; None when nothing does."""
    can_load = can_load or _can_load
    platform = environment.get("QT_QPA_PLATFORM", "").partition(":")[0]
    has_wayland, has_x11 = bool(environment.get("WAYLAND_DISPLAY")), bool(environment.get("DISPLAY"))
    if not platform and not has_wayland and not has_x11:
        return _NO_SCREEN
    missing = [library for library in BASE_LIBRARIES if not can_load(library.file)]
    missing += _missing_for_screen(platform, has_wayland, has_x11, can_load)
    return missing_libraries(missing) if missing else None


def missing_libraries(missing: Sequence[Library]) -> str:
    """The sentence and the commands for these libraries."""
    names = ", ".join(library.file for library in missing)
    debian = " ".join(sorted({library.debian for library in missing}))
    fedora = " ".join(sorted({library.fedora for library in missing}))
    return (
        f"The editor cannot open: libraries of the system are missing: {names}.\n"
        f"  Debian, Ubuntu, Mint:  sudo apt install {debian}\n"
        f"  Fedora:                sudo dnf install {fedora}"
    )


def _missing_for_screen(
    platform: str, has_wayland: bool, has_x11: bool, can_load: Callable[[str], bool]
) -> list[Library]:
    """What the way to the screen lacks. With both kinds of display Qt takes the one that works, so one will do."""
    ways: list[tuple[Library, ...]] = []
    if platform.startswith("wayland") or (not platform and has_wayland):
        ways.append(WAYLAND_LIBRARIES)
    if platform == "xcb" or (not platform and has_x11):
        ways.append(X11_LIBRARIES)
    lacking = [[library for library in way if not can_load(library.file)] for way in ways]
    return min(lacking, key=len, default=[])


def _can_load(file: str) -> bool:
    try:
        ctypes.CDLL(file)
    except OSError:
        return False
    return True


def _is_about_qt(error: ImportError) -> bool:
    return (error.name or "").startswith(("PySide6", "shiboken6")) or ".so" in str(error)


def _usual_remedy() -> str:
    if not sys.platform.startswith("linux"):
        return "Install Blockloom anew."
    return missing_libraries((*BASE_LIBRARIES, *X11_LIBRARIES)).partition("\n")[2]
