"""Frames on a worker's socket: four bytes of length, then that many bytes of JSON.

JSON because it cannot carry behaviour; a length because the reader decides how much it takes before it reads any.
"""

import socket
import struct

HEADER = struct.Struct(">I")
MAX_JOB = 256 << 20
"""Bytes of one block's inputs, all results it may look at together."""


class FrameError(Exception):
    """The other side went away or does not keep to the protocol."""


def send(sock: socket.socket, body: bytes) -> None:
    """Write one frame, waiting as long as it takes."""
    sock.sendall(HEADER.pack(len(body)) + body)


def receive(sock: socket.socket, most: int) -> bytes:
    """Read one frame of at most `most` bytes.

    Raises:
        FrameError: the connection ended, or the frame is longer.
    """
    (length,) = HEADER.unpack(_exactly(sock, HEADER.size))
    if length > most:
        raise FrameError(f"a frame of {length} bytes, at most {most} are taken")
    return _exactly(sock, length)


def _exactly(sock: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = sock.recv(min(count, 1 << 20))
        if not part:
            raise FrameError("the connection ended in the middle of a frame")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
