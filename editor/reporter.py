"""Errors that nobody expected: written to a log file in the user's folder, so that a report can hold them."""

import logging
import logging.handlers
import sys
from pathlib import Path
from types import TracebackType

import platformdirs

_LOG = logging.getLogger("blockloom")


def start_log(folder: Path | None = None) -> None:
    """Write errors to `blockloom.log`, two files of at most 1 MB, for this user alone."""
    folder = folder or Path(platformdirs.user_log_dir("blockloom", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = logging.handlers.RotatingFileHandler(folder / "blockloom.log", maxBytes=1 << 20, backupCount=1)
    except OSError:
        return  # no folder to write to: errors still show in the window
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _LOG.addHandler(handler)
    _LOG.propagate = False


def report_error(error: BaseException) -> None:
    """Write an unexpected error down, with where it came from. Messages of ours never hold secrets."""
    _LOG.error("%s: %s", type(error).__name__, error, exc_info=error)


def catch_unexpected() -> None:
    """From here on an error in a slot is written down, and the program goes on."""

    def on_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            report_error(error)

    sys.excepthook = on_error
