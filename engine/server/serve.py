"""The server as a process: what it is given, what it opens, and how it ends.

Everything that can be wrong is found before the first request is taken, and said in a sentence. A signal ends it within
five seconds: who is being answered gets a while, what is cut off is recorded as such.
"""

import asyncio
import gc
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Scope
from structlog import get_logger

from engine.client.connection import is_loopback
from engine.llm.settings import ModelSettings
from engine.server.app import create_app
from engine.server.http.border import Border, Observe
from engine.server.http.bounds import Bounds
from engine.server.http.graceful import GracefulServer
from engine.server.http.hosts import HostPolicy
from engine.server.http.protocol import bounded
from engine.server.keys import ApiKey, KeptKey, key_of
from engine.server.limits import RUNS, SecretLimit, run_limit
from engine.server.logs import configure_logs
from engine.server.places import (
    BACKLOG,
    CannotServe,
    allow_many_connections,
    default_folder,
    listen,
    only_server_in,
    prepare_folder,
)
from engine.server.scheduler import Scheduler
from engine.server.services import ServerSettings, Services, open_services
from engine.server.version import program_version
from engine.server.watchdog import StallWatchdog

DRAIN_REQUESTS_S = 2.0
DRAIN_RUNS_S = 0.5
"""Together, with what it takes to cut off the rest and close the database, below five seconds."""
SECONDS_IN_DAY = 86_400
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, not bound to


@dataclass(frozen=True)
class ServeOptions:
    """What the owner of a server says when starting it. `rate_limit` None does not limit.

    Without `database`, an SQLite file in the data folder. Without `api_key`, one that is made and kept there.
    `allowed_hosts` are names that the server goes by beside its own. `keep_days` None keeps runs for ever.
    """

    host: str = "127.0.0.1"
    port: int = 8400
    data: Path | None = None
    database: str = ""
    api_key: str = ""
    rate_limit: int | None = RUNS
    allowed_hosts: Sequence[str] = ()
    keep_days: float | None = None
    log_level: str = "info"
    bounds: Bounds = field(default_factory=Bounds)

    @property
    def settings(self) -> ServerSettings:
        """What of it the services need."""
        keep_s = None if self.keep_days is None else self.keep_days * SECONDS_IN_DAY
        return ServerSettings(drain_s=DRAIN_RUNS_S, keep_executions_s=keep_s)


def serve(options: ServeOptions, announce: Callable[[str], None]) -> None:
    """Serve until a signal ends it. `announce` gets lines for the person who started it, the key among them.

    Raises:
        CannotServe, KeyUnusable, StoreUnavailable: it could not begin.
    """
    if not options.api_key and not is_loopback(options.host):
        raise CannotServe(
            f"{options.host} can be reached by other machines, so the server needs a key that you choose: "
            "set BLOCKLOOM_API_KEY, or give --api-key."
        )
    os.umask(0o077)
    allow_many_connections()
    with ExitStack() as stack:
        where, key = _open_places(options, stack)
        listener = stack.enter_context(listen(options.host, options.port))
        secrets = [options.api_key, key.made or "", *ModelSettings.from_environment().keys.values()]
        log_request = configure_logs(options.log_level, secrets=secrets)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(options, where, key, listener, log_request, announce))


def _open_places(options: ServeOptions, stack: ExitStack) -> tuple[Path | str, KeptKey]:
    """Where the data are, held against other servers, and the key. A database and a key of one's own need no folder."""
    if options.database and options.api_key:
        return options.database, _own_key(options)
    folder = prepare_folder(options.data or default_folder())
    if not options.database:
        stack.enter_context(only_server_in(folder))
    key = _own_key(options) if options.api_key else key_of(folder)
    return options.database or folder, key


def _own_key(options: ServeOptions) -> KeptKey:
    return KeptKey(ApiKey.of(options.api_key), None, "the one that was given")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None  # Windows
    return uvloop.new_event_loop


async def _run(
    options: ServeOptions,
    where: Path | str,
    key: KeptKey,
    listener: socket.socket,
    log_request: Observe,
    announce: Callable[[str], None],
) -> None:
    """Open everything, serve, close everything, in this order and back."""
    config = uvicorn.Config(
        "",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
    )

    def tell_ready() -> None:
        for line in _words_about(options, listener, where, key):
            announce(line)
        get_logger().info("serving", address=_address(options.host, listener), version=program_version())

    server = GracefulServer(config, DRAIN_REQUESTS_S, tell_ready)
    with server.capture_signals():
        async with AsyncExitStack() as stack:
            services = await stack.enter_async_context(open_services(where, [key.key], options.settings))
            services.run_limit = run_limit(services.db, options.rate_limit)
            services.secret_limit = SecretLimit()
            metrics, deadline_s = services.metrics, options.settings.schedule_timeout_s
            await stack.enter_async_context(StallWatchdog(metrics.loop_stalled))
            await stack.enter_async_context(Scheduler(services.db, services.workflows, services.runs, deadline_s))
            config.http = bounded(options.bounds, lambda status, *_rest: metrics.request_refused(status))
            config.app = _bordered(options, services, log_request)
            # What was loaded until now lasts: looking through it for garbage again and again would hold requests up.
            gc.collect()
            gc.freeze()
            await server.serve([listener])
        get_logger().info("stopped")


def _bordered(options: ServeOptions, services: Services, log_request: Observe) -> ASGIApp:
    """The application behind its border, with every request counted and logged."""

    def observe(scope: Scope, status: int, seconds: float) -> None:
        services.metrics.request_done(scope, status, seconds)
        log_request(scope, status, seconds)

    hosts = HostPolicy.for_server(options.host, options.allowed_hosts, socket.gethostname())
    return Border(create_app(services), hosts, observe)


def _address(host: str, listener: socket.socket) -> str:
    name = _WILDCARDS.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


def _words_about(options: ServeOptions, listener: socket.socket, where: Path | str, key: KeptKey) -> list[str]:
    """What whoever started the server needs to know, a line each. The key is among them once, when it was made."""
    address = _address(options.host, listener)
    lines = [f"Blockloom {program_version()} serves {address} (the API is described at {address}/docs)"]
    if isinstance(where, Path):
        lines.append(f"Data: {where}")
    if key.made is not None:
        lines.append(f"API key, shown this once: {key.made}")
    lines.append(f"API key: {key.place}")
    if not is_loopback(options.host):
        lines += [
            f"Other machines can reach this server at {options.host}. With the key they can do everything; without it "
            "they can ask for its health and call webhooks by their secrets.",
            "Nothing is encrypted on the way. Over any network that is not yours alone, put a proxy with TLS in front.",
        ]
    return lines
