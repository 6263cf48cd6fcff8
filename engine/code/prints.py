"""What a worker prints, heard while it runs."""

import asyncio
import codecs
import os
from collections.abc import Callable

from engine.code.limits import CodeLimits


class Prints:
    """What a worker prints: text that grows while it runs, cut at the limit. `on_print` hears each piece."""

    def __init__(self, descriptor: int, limits: CodeLimits, on_print: Callable[[str], None] | None) -> None:
        self._descriptor = descriptor
        self._left = limits.print_bytes
        self._note = cut_note(limits)
        self._on_print = on_print
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._loop.add_reader(descriptor, self._read)

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._pieces)

    def close(self) -> None:
        """Take what is there already and stop listening."""
        while self._open and self._read():
            pass
        self._stop(self._decoder.decode(b"", final=True))

    def _read(self) -> bool:
        """Take one piece; False when there is none now."""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._stop("")
            return False
        self._add(self._decoder.decode(data[: self._left]))
        self._left -= len(data)
        if self._left < 0:
            self._stop(self._note)
        return True

    def _stop(self, last: str) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            # A flood hits a closed pipe from here on, instead of our time.
            os.close(self._descriptor)
            self._add(last)

    def _add(self, piece: str) -> None:
        if piece:
            self._pieces.append(piece)
            if self._on_print is not None:
                self._on_print(piece)


def cut_note(limits: CodeLimits) -> str:
    """What stands where a flood was cut."""
    return f"\n[cut here: a block may print {limits.print_bytes:,} bytes]\n"
