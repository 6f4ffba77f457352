"""What Prometheus is told."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = self._counter("requests", "Requests by route and status", "route", "status")
        self.seconds = Histogram(
            "shortlist_request_seconds",
            "Seconds from the request's first byte to the answer's last",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_size = Histogram(
            "shortlist_batch_size",
            "Tasks done together",
            ["queue"],
            buckets=_SIZES,
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "shortlist_batch_seconds",
            "Seconds a batch took",
            ["queue"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.answers = self._counter("answers", "Short lists by what they are", "kind")
        self.changes = self._counter("changes", "Changes of the state by outcome", "outcome")
        self.reloads = self._counter("reloads", "Versions loaded or refused", "outcome")
        self.failures = self._counter("failures", "What was left out, and why", "what")
        self.ready = Gauge("shortlist_ready", "1 when it answers", registry=self.registry)
        self.items = Gauge("shortlist_items", "Items in the catalogue", registry=self.registry)

    def watch(self, queue: str, waiting: Callable[[], int]) -> Callable[[int, float], None]:
        """Follow a queue; what is returned is to be told of each batch."""
        gauge = Gauge(f"shortlist_waiting_{queue}", "What waits", registry=self.registry)
        gauge.set_function(lambda: float(waiting()))
        size, seconds = self.batch_size.labels(queue), self.batch_seconds.labels(queue)

        def on_batch(units: int, took: float) -> None:
            size.observe(units)
            seconds.observe(took)

        return on_batch

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"shortlist_{name}", about, labels, registry=self.registry)
