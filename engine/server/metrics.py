"""Figures about one server process for Prometheus: requests by route and status, runs by trigger and status, the queue.

Labels take few values whatever is sent: routes as they are written in the code, known methods, no ids and no names.
"""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

from engine.server.http.bounds import WEBHOOK_PREFIX

NO_ROUTE = "none"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The figures of one server process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "blockloom_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "blockloom_http_request_duration_seconds",
            "Time to the end of the reply.",
            ["route"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._refused = Counter(
            "blockloom_http_refused",
            "Requests that were too long, too slow or malformed.",
            ["status"],
            registry=self.registry,
        )
        self._runs = Counter("blockloom_runs", "Runs that ended.", ["trigger", "status"], registry=self.registry)
        self._run_seconds = Histogram(
            "blockloom_run_duration_seconds",
            "Time from the start of a run to its end.",
            ["trigger"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._stalls = Counter(
            "blockloom_event_loop_stall_seconds", "Time in which nothing else could go on.", registry=self.registry
        )
        # Looking a child up by its labels costs more than counting does.
        self._request_children: dict[tuple[str, str, int], Any] = {}
        self._seconds_children: dict[str, Any] = {}
        self._run_children: dict[tuple[str, str], tuple[Any, Any]] = {}

    def request_done(self, scope: Scope, status: int, seconds: float) -> None:
        """A request was answered; 0 says that the client left before."""
        route = getattr(scope.get("route"), "path", None) or _route_without_framework(scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "other"
        key = (method, route, status)
        child = self._request_children.get(key)
        if child is None:
            child = self._request_children[key] = self._requests.labels(*key)
            self._seconds_children[route] = self._request_seconds.labels(route)
        child.inc()
        self._seconds_children[route].observe(seconds)

    def request_refused(self, status: int) -> None:
        """A request was refused before it became one."""
        self._refused.labels(status).inc()

    def run_ended(self, trigger: str, status: str, seconds: float) -> None:
        """A run ended."""
        children = self._run_children.get((trigger, status))
        if children is None:
            children = self._runs.labels(trigger, status), self._run_seconds.labels(trigger)
            self._run_children[trigger, status] = children
        count, times = children
        count.inc()
        times.observe(seconds)

    def loop_stalled(self, seconds: float) -> None:
        """The event loop stood still."""
        self._stalls.inc(seconds)

    def watch(self, name: str, words: str, value: Callable[[], float]) -> None:
        """Also show what this function says whenever somebody asks."""
        Gauge(name, words, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self.registry)


def _route_without_framework(path: str) -> str:
    """Webhooks are answered in front of the framework, which knows the other routes."""
    return f"{WEBHOOK_PREFIX}{{webhook_id}}" if path.startswith(WEBHOOK_PREFIX) else NO_ROUTE
