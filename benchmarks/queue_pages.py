"""The queue with a million cases on PostgreSQL: each page, filter and grouping, and ten reviewers.

    python -m benchmarks.queue_pages [--cases N] [--write docs/queue.md]

What is timed is what a page asks of the store: the cases with everything that a row shows, and how
many there are. Median and slowest of several turns, after one that nobody times: in time of the
processor, ours and that of our server process, so that what else the machine does does not count;
all of the store is in memory. A server of PostgreSQL is started for this; the store is made in the
database itself and is as large as it says.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path

from sqlalchemy import Connection, func, select, text

from benchmarks import start_page
from reseen.errors import Conflict
from reseen.records import Rung
from reseen.review import claims, decide
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import COUNTED, LAST, QueuePlace, queue
from reseen.review.queue_groups import GROUPS, groups
from reseen.review.roles import Role, Who
from reseen.review.verdicts import UNDO, Verdict
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.store.service_schema import cases, decisions

AIM = 50.0
"""Milliseconds of a page."""
TURNS = 5
REVIEWERS, EACH = 10, 30
HUB, LARGE = "hub.example", "account-0"

_ROWS = """
INSERT INTO lists (pk, name, created_at, entitled)
  VALUES (1, 'sample list', 1, 0), (2, 'small list', 1, 0);
INSERT INTO users (pk, name, role, created_at)
  SELECT n, 'reviewer-' || n, 'reviewer', 1 FROM generate_series(1, 10) n;
INSERT INTO removals (pk, id, added_at)
  SELECT n, 'rm-' || lpad(n::text, 8, '0'), 1 FROM generate_series(1, :removals) n;
INSERT INTO claims (pk, removal_pk, list_pk, source, added_at, in_force, site)
  SELECT n, n, CASE WHEN n % 5000 = 0 THEN 2 ELSE 1 END, 0, 1, 1, 'models.example'
  FROM generate_series(1, :removals) n;
INSERT INTO repositories (pk, hub, type, repo, downloads, likes, flags)
  SELECT n, 'hub.example', 'model',
    'account-' || CASE WHEN n % 10 = 0 THEN 0 ELSE n % 40000 END || '/lora-' || n,
    (n::bigint * 7919) % 9973, 1, 0 FROM generate_series(1, :cases) n;
INSERT INTO artifacts (pk, repository_pk, commit, path, size, sha256, git_oid, flags, seen_at)
  SELECT n, n, '\\x01', 'model.safetensors', 100000000,
    decode(md5((n % :removals)::text) || md5((n % :removals)::text), 'hex'),
    decode(md5(n::text), 'hex'), 2, 1 FROM generate_series(1, :cases) n;
INSERT INTO sightings (pk, id, removal_pk, artifact_pk, rung, state, confirmed, missed, first_seen,
    last_seen, touched)
  SELECT n, 'sg-' || n, n % :removals + 1, n, (ARRAY[70, 70, 60, 50, 50, 40, 30, 20])[n % 8 + 1],
    CASE WHEN n % 50 = 0 THEN 'gone' ELSE 'live' END, 'none', 0, 1, 1, 0
  FROM generate_series(1, :cases) n;
INSERT INTO evidence (sighting_pk, rung, kind, value, why, at, stands)
  SELECT pk, rung, 'sha256', 'sample', 'Every byte was read.', 1, 1 FROM sightings;
INSERT INTO cases (pk, id, removal_pk, repository_pk, hub, account, opened_at, changed_at, state,
    verdict, rung, reach, live, version, claimed_by, claimed_until, strength, sha256)
  SELECT s.pk, 'cs-' || lpad(s.pk::text, 12, '0'), s.removal_pk, s.artifact_pk, 'hub.example',
    split_part(r.repo, '/', 1), 1700000000000000 + s.pk * 1000000, 1,
    CASE WHEN s.pk % 20 = 0 THEN 'decided' WHEN s.pk % 20 = 1 THEN 'second' ELSE 'open' END,
    CASE WHEN s.pk % 40 = 0 THEN 'confirm' WHEN s.pk % 20 = 0 THEN 'not-this-model' END,
    s.rung, r.downloads + 1, CASE WHEN s.state = 'gone' THEN 0 ELSE 1 END, 1,
    CASE WHEN s.pk % 5000 = 3 THEN s.pk % 9 + 1 END,
    CASE WHEN s.pk % 5000 = 3 THEN 9000000000000000 END,
    CASE WHEN s.pk % 8 = 6 AND s.pk % 3 = 0 THEN 55 ELSE s.rung END, a.sha256
  FROM sightings s JOIN repositories r ON r.pk = s.artifact_pk
  JOIN artifacts a ON a.pk = s.artifact_pk;
INSERT INTO case_sightings (sighting_pk, case_pk, added_at, rung, confirmed)
  SELECT pk, pk, 1, rung, 'none' FROM sightings;
INSERT INTO assignments (case_pk, user_pk, by_pk, at)
  SELECT pk, pk % 10 + 1, 1, 1 FROM cases WHERE pk % 100 = 7;
"""


def fill(store: Store, count: int) -> None:
    """As many cases: one removal in one repository each; a tenth of them one account's."""
    indices = [i for t in (cases, schema.sightings, schema.artifacts) for i in t.indexes]
    with store.write() as connection:
        for index in indices:
            index.drop(connection)
        for statement in _ROWS.split(";\n"):
            if statement.strip():
                values = {"cases": count, "removals": max(count // 50, 1)}
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                connection.execute(text(statement), used)
        for index in indices:
            index.create(connection)
        for table in ("cases", "sightings", "users", "removals"):
            connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table}', 'pk'), {count + 1})")
            )
    with store._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def filters() -> dict[str, CaseFilter]:
    """Each that the page offers, and some that find little among many."""
    usual = CaseFilter()
    return {
        "nothing chosen": usual,
        "any state": replace(usual, state="any"),
        "decided": replace(usual, state="decided"),
        "second pair of eyes": replace(usual, state="second"),
        "at least tensors": replace(usual, rung=Rung.TENSORS),
        "refuted: none is": replace(usual, mark="refuted"),
        "at no hub": replace(usual, hub="elsewhere.example"),
        "at the hub": replace(usual, hub=HUB),
        "of an account of a tenth": replace(usual, hub=HUB, account=LARGE),
        "of a small account": replace(usual, hub=HUB, account="account-777"),
        "account without its hub": replace(usual, account="account-777"),
        "of a large list": replace(usual, list="sample list"),
        "of a small list": replace(usual, list="small list"),
        "of one removal": replace(usual, removal="rm-00000007"),
        "of the same bytes": replace(usual, same="cs-000000000017"),
        "claimed by me": replace(usual, claimed="me"),
        "claimed by nobody": replace(usual, claimed="nobody"),
        "claimed by others": replace(usual, claimed="other"),
        "assigned to me": replace(usual, assigned="me"),
        "assigned to a colleague": replace(usual, assigned="@reviewer-5"),
        "assigned to nobody": replace(usual, assigned="nobody"),
        "gone": replace(usual, live="gone"),
        "waits for a day": replace(usual, older=1),
        "waits for ten years: none": replace(usual, older=3_650),
        "decided: not this model": replace(usual, state="decided", verdict=Verdict.NOT_THIS_MODEL),
        "by the beginning of an id": replace(usual, text="0000001234"),
    }


Timed = tuple[str, float, float]


def timed(connection: Connection, parts: dict[str, Callable[[], object]]) -> Iterator[Timed]:
    """Of each, milliseconds: the median, and the slowest."""
    connection.execute(text("SET max_parallel_workers_per_gather = 0"))  # one process, so one clock
    server = connection.scalar(text("SELECT pg_backend_pid()"))
    told = Path(f"/proc/{server}/schedstat")

    def clock() -> float:
        return time.process_time() * 1000 + int(told.read_text().split()[0]) / 1e6

    for name, act in parts.items():
        act()
        taken = []
        for _ in range(TURNS):
            started = clock()
            act()
            taken.append(clock() - started)
        yield name, statistics.median(taken), max(taken)


def pages(store: Store, me: Who) -> Iterator[Timed]:
    """Every page of the queue, and the figures of the start page."""
    with store.read() as connection:
        middle = connection.execute(
            select(cases.c.strength, cases.c.reach, cases.c.opened_at, cases.c.pk)
            .where(cases.c.strength == int(Rung.DECLARED))
            .order_by(cases.c.reach.desc())
            .offset(1_000)
            .limit(1)
        ).one()
        places = {"first": None, "middle": QueuePlace(*middle), "last": LAST}

        def page(which: CaseFilter, name: str) -> Callable[[], object]:
            return lambda: queue(connection, which, me, place=places[name])

        def grouping(by: str, which: CaseFilter) -> Callable[[], object]:
            return lambda: groups(connection, which, by, me)

        parts = {f"{name} page": page(CaseFilter(), name) for name in places}
        for name, which in filters().items():
            parts[name] = page(which, "first")
            parts[f"{name}, last page"] = page(which, "last")
        for by in GROUPS:
            parts[f"grouped by {by}"] = grouping(by, CaseFilter())
            large = CaseFilter(hub=HUB, account=LARGE)
            parts[f"one account by {by}"] = grouping(by, large)
        yield from timed(connection, parts)


def ten_reviewers(url: str) -> dict[str, float]:
    """Ten people take the next case and decide it, at once: nothing is lost, nothing done twice."""
    keyring, load = Keyring(b"\x07" * 32), os.getloadavg()[0]
    begun = threading.Barrier(REVIEWERS)

    def work(number: int) -> tuple[list[str], list[float], int]:
        me = Who(number, f"reviewer-{number}", Role.REVIEWER)
        said: list[str] = []
        taken: list[float] = []
        refused = 0
        with Store(url) as store:
            begun.wait()
            while len(said) < EACH:
                started = time.perf_counter()
                try:
                    with store.write() as connection:
                        claim = claims.claim_next(connection, CaseFilter(), me)
                    assert claim is not None
                    with store.write() as connection:
                        shown = decide.ShownCase(claim.case, 1)
                        by = decide.DecidedBy(me, "Looked at both, sample reason.")
                        made = decide.decide(connection, keyring, shown, Verdict.CONFIRM, by)
                except Conflict:
                    refused += 1
                    continue
                said.append(made.id)
                taken.append((time.perf_counter() - started) * 1000)
        return said, taken, refused

    with ThreadPoolExecutor(REVIEWERS) as pool:
        done = list(pool.map(work, range(1, REVIEWERS + 1)))
    said = [id for some, _, _ in done for id in some]
    taken = sorted(ms for _, some, _ in done for ms in some)
    with Store(url) as store, store.read() as connection:
        rows = connection.execute(
            select(decisions.c.id, decisions.c.case_pk).where(decisions.c.verdict != UNDO)
        ).all()
        count = connection.scalar(select(func.count()).select_from(decisions))
    assert {row.id for row in rows} == set(said), "a decision is lost"
    assert max(Counter(row.case_pk for row in rows).values()) == 1, "a case was decided twice"
    return {
        "decisions": float(count or 0),
        "refused": float(sum(refused for _, _, refused in done)),
        "median": statistics.median(taken),
        "load": load,
        "slowest of 20": taken[len(taken) * 19 // 20],
    }


def start_figures(store: Store) -> Iterator[Timed]:
    """What the start page asks, of the same store."""
    with store.read() as connection:

        def asked(figure: Callable[[Connection], object]) -> Callable[[], object]:
            return lambda: figure(connection)

        figures = {
            f"start page: {name}": asked(figure)
            for name, figure in start_page.figures(store).items()
            if not name.startswith(("search", "one list"))
        }
        yield from timed(connection, figures)


def written(count: int, found: list[Timed], ten: dict[str, float]) -> str:
    """The page of docs."""
    missed = [(name, median) for name, median, _ in found if median > AIM]
    lines = [
        "# The queue, measured",
        "",
        "<!-- written by `make bench-queue`; do not edit -->",
        f"{count:,} cases on PostgreSQL, one removal in one repository each, a tenth of them of",
        "one account; what a page asks of the store, with everything that its rows show.",
        "Milliseconds of the processor, ours and the server's together: medians of",
        f"{TURNS}, all of the store in memory. The aim is {AIM:.0f} ms a page.",
        "",
        f"Of {len(found)} measured, {len(found) - len(missed)} hold it."
        + (" Missed:" if missed else ""),
        "",
        *(f"- {name}: {median:.0f} ms" for name, median in missed),
        *([""] if missed else []),
        "| page | median | slowest |",
        "|---|---:|---:|",
        *(f"| {name} | {median:.1f} | {most:.1f} |" for name, median, most in found),
        "",
        f"Cases are counted, and put into groups, up to {COUNTED:,}; where there are more, the",
        "page says so. Pages after the first go on from the place of a case in the queue's order,",
        "not from a number of rows. The start page counts all that waits.",
        "",
        f"**Ten reviewers at once** take the next case and decide it: {ten['decisions']:,.0f}",
        f"decisions, none lost, no case decided twice, {ten['refused']:,.0f} refused and taken",
        f"again. By the clock a decision with its claim took {ten['median']:.0f} ms, and",
        f"{ten['slowest of 20']:.0f} ms at most in 19 of 20, all ten writing on two cores, with",
        f"{ten['load']:.0f} other processes that wanted them.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    from tests.postgres import Cluster, Missing

    try:
        cluster = Cluster()
    except Missing as e:
        sys.exit(f"not measured: {e}")
    with cluster, cluster.database() as url:
        with Store(url) as store:
            started = time.perf_counter()
            fill(store, given.cases)
            print(
                f"{given.cases:,} cases made in {time.perf_counter() - started:.0f} s", flush=True
            )
            found = []
            every = chain(pages(store, Who(4, "reviewer-4", Role.REVIEWER)), start_figures(store))
            for name, median, most in every:
                found.append((name, median, most))
                slow = "" if median <= AIM else "   <-- slow"
                print(f"{median:8.1f} {most:8.1f}  {name}{slow}", flush=True)
        ten = ten_reviewers(url)
        print(ten)
    if given.write:
        given.write.write_text(written(given.cases, found, ten), "utf-8")


if __name__ == "__main__":
    main()
