"""Server-sent events as the platform writes them: `data:` lines and an empty line; comments are passed over.

The libraries at hand read lines of any length; here a frame has a limit, because the sender is not trusted.

Source: contract 2.1 "SSE".
"""

from collections.abc import AsyncIterator

from engine.document import JsonObject

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""A frame holds a whole block result, and those may be 10 MB."""


class FrameTooLarge(ValueError):
    """A frame is larger than any that a server of ours would send."""


async def frames(pieces: AsyncIterator[bytes], most: int = MAX_FRAME_BYTES) -> AsyncIterator[JsonObject]:
    """The JSON objects in a stream of bytes, as they arrive. What is no JSON object is passed over.

    Raises:
        FrameTooLarge: a frame goes on for more than `most` bytes.
    """
    buffer = bytearray()
    lines: list[bytes] = []
    size = 0
    async for piece in pieces:
        buffer += piece
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end]).rstrip(b"\r")
            del buffer[: end + 1]
            if line:
                size += len(line)
                lines.append(line)
            elif lines:
                frame, lines, size = _object(lines), [], 0
                if frame is not None:
                    yield frame
        if size + len(buffer) > most:
            raise FrameTooLarge(f"a frame of the stream is larger than {most >> 20} MB")


def _object(lines: list[bytes]) -> JsonObject | None:
    import msgspec

    data = b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
    try:
        value = msgspec.json.decode(data) if data else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
