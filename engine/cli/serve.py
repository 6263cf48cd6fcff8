"""`blockloom serve`: the platform's API on this machine."""

from collections.abc import Sequence
from pathlib import Path

from engine.cli.inspection import OK, UNUSABLE
from engine.cli.output import print_result, say
from engine.errors import BlockloomError

INTERRUPTED = 130


def serve(
    *,
    host: str,
    port: int,
    data: Path | None,
    database: str,
    api_key: str,
    rate_limit: str,
    allowed_hosts: Sequence[str],
    keep_days: float | None,
    log_level: str,
) -> int:
    """Serve until a signal comes. Returns 0 when it ended as asked, 2 when it could not begin, with the reason told."""
    # Loaded here: the server's libraries take a second, and a mistake in the options needs none of them.
    from engine.server.limits import read_limit
    from engine.server.serve import ServeOptions
    from engine.server.serve import serve as serve_until_signal

    try:
        options = ServeOptions(
            host=host,
            port=port,
            data=data,
            database=database,
            api_key=api_key,
            rate_limit=read_limit(rate_limit),
            allowed_hosts=tuple(allowed_hosts),
            keep_days=keep_days,
            log_level=log_level,
        )
        serve_until_signal(options, print_result)
    except BlockloomError as error:
        say(f"The server cannot start: {error}")
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK
