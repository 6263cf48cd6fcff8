"""How much and how long a client may send. All can be set; the defaults are those of the design."""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

KIB, MIB = 1024, 1024 * 1024
WEBHOOK_PREFIX = "/api/webhooks/"


@dataclass(frozen=True)
class Bounds:
    """Sizes in bytes, times in seconds.

    `receive_s` is for a whole request, from its first byte to its last; `idle_s` for a connection that says nothing;
    `stalled_s` for a client that does not read its reply; `linger_s` for one that goes on sending after a refusal.
    """

    head: int = 32 * KIB
    url: int = 16 * KIB
    body: int = 8 * MIB
    webhook_body: int = 1 * MIB
    receive_s: float = 10
    idle_s: float = 5
    stalled_s: float = 60
    linger_s: float = 2
    pipelined: int = 16
    """Requests that may wait behind one that is still being answered on the same connection."""

    def body_of(self, url: bytes) -> int:
        """The longest body for a request to this URL, read as a router reads it: escapes undone, query left out."""
        path = url.partition(b"?")[0]
        if b"%" in path:
            path = unquote_to_bytes(path)
        return self.webhook_body if path.startswith(WEBHOOK_PREFIX.encode()) else self.body


def size_in_words(size: int) -> str:
    """A size as people write it, such as `8 MB`."""
    if size >= MIB:
        return f"{size / MIB:g} MB"
    return f"{size / KIB:g} KB" if size >= KIB else f"{size} bytes"
