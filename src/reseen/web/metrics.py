"""Figures for Prometheus: requests, decisions, the gate, jobs. Labels are words of our own, never
names, places or anything that came from outside.

With several workers each writes to files of its own, and whoever is asked adds them up
(PROMETHEUS_MULTIPROC_DIR, which `serve` sets before they start).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from reseen.operations import jobs
from reseen.review import totals
from reseen.store.database import Store
from reseen.web.service import Service

REQUESTS = Histogram(
    "reseen_request_seconds",
    "Seconds that requests took, by route and status.",
    ("route", "method", "status"),
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
CHECKS = Counter(
    "reseen_gate_checks",
    "Sets of digests and files that the gate answered, by advice and strongest rung.",
    ("advice", "rung"),
)
GATE_AGE = Gauge(
    "reseen_gate_age_seconds",
    "Seconds since the gate last heard of the store: the oldest worker.",
    multiprocess_mode="livemax",
)
GATE_READY = Gauge(
    "reseen_gate_ready",
    "1 while the canary is answered rightly: the worst worker.",
    multiprocess_mode="livemin",
)
GATE_REMOVALS = Gauge(
    "reseen_gate_removals",
    "Removals in force that the gate knows.",
    multiprocess_mode="livemin",
)
_METHODS = frozenset({"GET", "HEAD", "POST"})


def counted(route: str, method: str, status: int, seconds: float) -> None:
    """One request. `route`: the template, never the path."""
    method = method if method in _METHODS else "other"
    REQUESTS.labels(route, method, str(status)).observe(seconds)


class GateFigures:
    """Carries over what the gate counts for itself; once in each worker, now and then."""

    def __init__(self, service: Service) -> None:
        self._gate = service.gate
        self._told: dict[tuple[str, str], int] = {}

    def carry(self) -> None:
        status = self._gate.status()
        for labels, count in status.checks.items():
            CHECKS.labels(*labels).inc(count - self._told.get(labels, 0))
            self._told[labels] = count
        GATE_AGE.set(status.age)
        GATE_REMOVALS.set(status.removals)
        GATE_READY.set(1 if self._gate.ready().ready else 0)


def exposition(store: Store) -> bytes:
    """All figures in Prometheus' text format."""
    registry: CollectorRegistry = REGISTRY
    if os.environ.keys() & {"PROMETHEUS_MULTIPROC_DIR"}:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    of_the_store = CollectorRegistry()
    of_the_store.register(_Stored(store))
    return generate_latest(registry) + generate_latest(of_the_store)


class _Stored(Collector):
    """What the store tells: the same for every worker."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        wanted = (
            ("reseen_cases", "Cases, by state.", "state", totals.cases_by_state),
            (
                *("reseen_decisions", "Decisions ever made, by verdict.", "verdict"),
                totals.decisions_by_verdict,
            ),
            ("reseen_notices", "Notices, by state.", "state", totals.notices_by_state),
            ("reseen_jobs", "Work in the background, by state.", "state", jobs.by_state),
        )
        with self._store.read() as connection:
            for name, meaning, label, counted_by in wanted:
                family = GaugeMetricFamily(name, meaning, labels=[label])
                for word, count in counted_by(connection).items():
                    family.add_metric([word], count)
                yield family
