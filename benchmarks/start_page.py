"""The start page and the search box over many cases: what each figure costs.

    python -m benchmarks.start_page [--cases N] [--on sqlite|postgresql|both]

Fills a store (one case in ten decided, 500 notices, one list of every removal), then asks for each
figure of the start page as the page does, and searches; prints milliseconds, the median of nine.
PostgreSQL is started for this where it is installed; else that is said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import text, update

from benchmarks import take_into_cases
from benchmarks.take_into_cases import REMOVALS
from reseen.observed import blind_spots, hubs_seen
from reseen.registry import list_looks, lookup, one_list
from reseen.review import cases, corrections, list_figures, overview, places
from reseen.review.roles import Role, Who
from reseen.scan import looks
from reseen.store import schema, service_schema
from reseen.store.database import Store, insert_many, now

WHO = Who(1, "sample", Role.READER)


def furnish(store: Store, count: int) -> None:
    """So many cases over half a year, with decisions, notices and a list."""
    take_into_cases.fill(store, 2 * count)
    cases.put_all(store)
    at, c = now(), service_schema.cases.c
    with store.write() as connection:
        spread = at - (c.pk * 7_919 % (180 * 24)) * 3_600_000_000
        connection.execute(update(service_schema.cases).values(opened_at=spread))
        decided = {"state": "decided", "verdict": "confirm", "version": 1}
        connection.execute(update(service_schema.cases).where(c.pk % 10 == 0).values(decided))
        insert_many(
            *(connection, service_schema.decisions),
            ("pk", "id", "case_pk", "at", "verdict", "version"),
            (
                (n, f"dc-{n:012d}", n * 10, at - n * 600_000_000, "confirm", 0)
                for n in range(1, count // 10 + 1)
            ),
        )
        connection.execute(
            schema.lists.insert(), [{"pk": 1, "name": "sample list", "created_at": at}]
        )
        insert_many(
            *(connection, schema.claims),
            ("pk", "removal_pk", "list_pk", "source", "in_force", "added_at"),
            ((n, n, 1, 0, 1, at) for n in range(1, REMOVALS + 1)),
        )
    _notices(store, at)
    with store.write() as connection:
        connection.execute(text("ANALYZE"))  # as the database does by itself in time


def _notices(store: Store, at: int) -> None:
    columns = ("pk", "id", "hub", "account", "state", "created_at", "changed_at", "due_at")
    with store.write() as connection:
        insert_many(
            *(connection, service_schema.notices, (*columns, "version")),
            (
                (
                    *(n, f"nt-{n:012d}", "hub.example", f"account-{n}"),
                    *(("gone" if n % 2 else "sent"), at, at - n, at + n * 10**9, 1),
                )
                for n in range(1, 501)
            ),
        )
        insert_many(
            *(connection, service_schema.notice_items),
            ("notice_pk", "sighting_pk", "case_pk", "added_at"),
            ((n, n * 20, n * 10, at) for n in range(1, 501)),
        )
        insert_many(
            *(connection, service_schema.notice_steps, ("pk", "notice_pk", "at", "state")),
            ((n, n, at, "gone" if n % 2 else "sent") for n in range(1, 501)),
        )


def figures(store: Store) -> Mapping[str, Callable[[Any], object]]:
    """What is asked, by what it is called here."""
    at = now()
    return {
        "open by rung and age": lambda c: overview.open_cases(c, at),
        "clocks": lambda c: overview.clocks(c, WHO, at),
        "decided lately": lambda c: overview.decided_lately(c, at),
        "time to gone": overview.time_to_gone,
        "corrections": corrections.due,
        "weeks": lambda c: overview.weeks(c, at),
        "lists": list_looks.freshness,
        "hubs": lambda c: looks.last_looks(c, hubs_seen.hubs(c)),
        "not judged": lambda c: blind_spots.count_unjudged(c, most=blind_spots.COUNTED),
        "search: digest": lambda c: lookup.removals_named(c, None, "ab" * 16, most=20),
        "search: repository": lambda c: places.repositories(
            c, ["hub.example"], ["account-007/lora-7"], most=20
        ),
        "search: account": lambda c: places.accounts(c, ["hub.example"], "account-007", most=20),
        "one list": lambda c: (
            one_list.by_number(c, 1),
            one_list.removals_of(c, 1, after=0, most=51),
            list_figures.sightings_of_list(c, "sample list"),
        ),
    }


def measure(store: Store, count: int, clock: Callable[[], float]) -> dict[str, float]:
    """Milliseconds of each figure, and of the start page's together. `clock`: this process's own
    time where the database is in it, so that what else the machine does does not count."""
    furnish(store, count)
    took = {}
    for name, asked in figures(store).items():
        times = []
        for _ in range(9):
            with store.read() as connection:
                started = clock()
                asked(connection)
                times.append(clock() - started)
        took[name] = round(statistics.median(times) * 1000, 1)
    together = sum(ms for name, ms in took.items() if not name.startswith(("search", "one list")))
    return {**took, "start page": round(together, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--on", choices=["sqlite", "postgresql", "both"], default="both")
    given = parser.parse_args()
    from tests.postgres import Missing

    for kind in ("sqlite", "postgresql") if given.on == "both" else (given.on,):
        try:
            with take_into_cases.url_of(kind) as url, Store(url) as store:
                clock = time.process_time if kind == "sqlite" else time.perf_counter
                took = measure(store, given.cases, clock)
        except Missing as e:
            print(f"{kind}: not measured: {e}", file=sys.stderr)
            continue
        print(json.dumps({"on": kind, "cases": given.cases, "milliseconds": took}))


if __name__ == "__main__":
    main()
