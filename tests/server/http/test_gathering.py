"""Writes of one turn of the event loop leave together, in order, and before the connection ends."""

import asyncio
from typing import Any

from engine.server.http.gathering import MAX_HELD, GatheringTransport


class Wire:
    """Stands in for a connection's transport and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def write_eof(self) -> None:
        self.told.append("end")

    def close(self) -> None:
        self.told.append("closed")

    def abort(self) -> None:
        self.told.append("aborted")

    def is_closing(self) -> bool:
        return "closed" in self.told

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


def played(*calls: tuple[str, Any] | str) -> list[Any]:
    """What reaches the wire when these are called, "turn" being a turn of the event loop."""

    async def main() -> list[Any]:
        wire = Wire()
        transport = GatheringTransport(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
        for call in calls:
            if call == "turn":
                await asyncio.sleep(0)
            elif isinstance(call, str):
                getattr(transport, call)()
            else:
                getattr(transport, call[0])(call[1])
        await asyncio.sleep(0)
        return wire.told

    return asyncio.run(main())


def test_head_and_body_are_one_piece() -> None:
    """What is written in one turn is sent at its end; the next turn begins anew."""
    assert played(("write", b"head "), ("write", b"body"), "turn", ("write", b"next")) == [b"head body", b"next"]


def test_nothing_is_lost_when_the_connection_ends() -> None:
    """Closing, and ending the sending side, wait for what is held; an abort does not, and later writes are dropped."""
    assert played(("write", b"a"), "close") == [b"a", "closed"]
    assert played(("write", b"a"), "write_eof", ("write", b"b")) == [b"a", "end", b"b"]
    assert played(("write", b"a"), "abort") == ["aborted"]
    assert played("close", ("write", b"a")) == ["closed"]


def test_much_is_not_held() -> None:
    """Whoever writes much reaches the connection at once, and with it the limits of what a client takes."""
    piece = b"x" * (MAX_HELD // 2 + 1)
    assert played(("write", piece), ("write", piece), ("write", b"rest")) == [piece * 2, b"rest"]


def test_the_rest_goes_straight_through() -> None:
    """What is not about writing is the transport's own."""

    async def main() -> None:
        transport = GatheringTransport(Wire(), asyncio.get_running_loop())  # type: ignore[arg-type]
        assert transport.get_extra_info("peername") == "the peername"
        assert not transport.is_closing()

    asyncio.run(main())
