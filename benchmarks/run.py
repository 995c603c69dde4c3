"""`make bench`: every measurement with its aim, one after another, into docs/benchmarks.md.

    python -m benchmarks.run [--only NAME ...]

Each program runs in a process of its own and prints one line of JSON; here it becomes rows of a
table with the command that makes them. What is missed is said as missed. With --only, just those
run, and the page is printed instead of written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    aim: str = ""
    met: bool | None = None
    """None where there is no aim."""


@dataclass(frozen=True, slots=True)
class Program:
    """One measurement."""

    name: str
    arguments: tuple[str, ...]
    rows: Callable[[Figures], Sequence[Row]]

    @property
    def command(self) -> str:
        return " ".join(["python -m", f"benchmarks.{self.name}", *self.arguments])


def _import(f: Figures) -> list[Row]:
    rows = [
        Row(
            f"import of {f['rows']:,} rows, whole process, against bare sqlite3 without sealing or "
            f"look-up ({f['bare_sqlite_seconds']} s); median of {f['rounds']}",
            f"{f['times_bare']} times ({f['seconds']} s)",
            f"<= {f['aim_times']:.0f} times",
            f["times_bare"] <= f["aim_times"],
        )
    ]
    if "times_sqlite" in f:
        rows.append(
            Row(
                "the same on PostgreSQL against ours on SQLite",
                f"{f['times_sqlite']} times ({f['postgresql_seconds']} s)",
                f"<= {f['aim_times_sqlite']:.0f} times",
                f["times_sqlite"] <= f["aim_times_sqlite"],
            )
        )
    return rows


def _lookup(f: Figures) -> list[Row]:
    return [
        Row(
            f"lookup by {kind} among {f['removals']:,} removals, whole process",
            f"{seconds:.2f} s",
            f"< {f['aim']} s",
            seconds < f["aim"],
        )
        for kind, seconds in f["seconds"].items()
    ]


def _declared(f: Figures) -> list[Row]:
    rate = f["sha256_a_second"]
    return [
        Row(
            f"declared digests matched a second, {f['removals']:,} removals",
            f"{rate:,.0f}",
            f"> {f['aim_a_second']:,}",
            rate > f["aim_a_second"],
        ),
        Row("pointer oids matched a second", f"{f['pointers_a_second']:,.0f}"),
        Row("loading that registry, and its memory", _load(f)),
        Row(
            f"a whole new registry against {f['artifacts']:,} stored files",
            f"{f['past_seconds']:.1f} s",
        ),
    ]


def _load(f: Figures) -> str:
    return f"{f['load_seconds']:.1f} s, {f['registry_mib']:.0f} MiB"


def _scan(f: Figures) -> list[Row]:
    times = f["times_as_fast"]
    return [
        Row(
            f"scan of {f['repositories']:,} repositories at {f['latency_seconds'] * 1000:.0f} ms "
            f"against the plain loop (the loop on {f['loop_sample']:,}, scaled)",
            f"{times:.1f} times as fast ({f['scan_seconds']:.0f} s)",
            f">= {f['aim_times']:.0f} times",
            times >= f["aim_times"],
        )
    ]


def _quota(f: Figures) -> list[Row]:
    met = f["share_used"] >= f["aim_share"] and not f["refused"]
    return [
        Row(
            f"quota used over {f['windows']} windows of {f['quota']:,} requests, and refusals",
            f"{f['share_used']:.1%}, {f['refused']}",
            f">= {f['aim_share']:.0%}, none",
            met,
        )
    ]


def _listing(f: Figures) -> list[Row]:
    return [
        Row(
            f"peak memory listing {f['repositories']:,} repositories "
            f"(a tenth of them: {f['peak_mib_of_a_tenth']:.0f} MiB)",
            f"{f['peak_mib']:.0f} MiB",
            f"< {f['aim_mib']} MiB",
            f["peak_mib"] < f["aim_mib"],
        )
    ]


def _storage(f: Figures) -> list[Row]:
    each, whole = f["bytes_a_repository"], f["gib_for_the_largest_hub"]
    return [
        Row("the memory of a walk, a repository; the largest hub", f"{each:.0f} B; {whole:.1f} GiB")
    ]


_OF_SHA = (
    ("linear", "sketch 1 of a", 1.3),
    ("sketch", "sketch 2 of a", 1.5),
    ("sketch_first", "the first sketch 2 of a process, a", 2.2),
    ("all_digests", "all digests and sketch 2 in one pass, a", 2.6),
)
"""What is measured against SHA-256 at rank 16, and the aim."""


def _fingerprint(f: Figures) -> list[Row]:
    rows = [
        Row(
            f"{what} {kind} adapter ({f['bytes'] / 1e6:.0f} MB) against its SHA-256 "
            f"({f[f'{kind}_sha256_gb_a_second']} GB/s)",
            f"{f[f'{kind}_{key}']} times",
            f"<= {aim} times",
            f[f"{kind}_{key}"] <= aim,
        )
        for key, what, aim in _OF_SHA
        for kind in ("float16", "bfloat16")
    ]
    rows.append(
        Row(
            "bytes of an SDXL adapter of rank 16 that a scan reads first, beside its header",
            f"{f['searched_share']:.2%} (header {f['header_share']:.2%})",
            "<= 1 %",
            f["searched_share"] <= 0.01,
        )
    )
    rows.append(
        Row(
            f"peak memory fingerprinting a file of {f['gigabytes']:.0f} GB",
            f"{f['peak_mib']} MiB",
            "< 500 MiB",
            f["peak_mib"] < 500,
        )
    )
    return rows


def _as_told(f: Figures) -> list[Row]:
    return [
        Row(
            row["what"],
            row["measured"],
            row.get("aim", ""),
            row.get("met"),
        )
        for row in f["rows"]
    ]


PROGRAMS = (
    Program("import_list", ("--json",), _import),
    Program("lookup", ("--json",), _lookup),
    Program("declared", (), _declared),
    Program("fingerprint", (), _fingerprint),
    Program("plan", (), _as_told),
    Program("search_sketches", (), _as_told),
    Program("scan", (), _scan),
    Program("quota", (), _quota),
    Program("listing", ("--repositories", "1000000"), _listing),
    Program("storage", (), _storage),
)


def figures_of(program: Program) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{program.name}", *program.arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=PAGE.parents[1],
    )
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def table(results: Sequence[tuple[Program, Sequence[Row]]]) -> str:
    lines = ["| what | measured | aim | met |", "|---|---|---|---|"]
    for _, rows in results:
        for row in rows:
            met = "" if row.met is None else "yes" if row.met else "**no**"
            lines.append(f"| {row.what} | {row.measured} | {row.aim} | {met} |")
    return "\n".join(lines)


def page(results: Sequence[tuple[Program, Sequence[Row]]]) -> str:
    commands = "\n".join(f"    {program.command}" for program, _ in results)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    load = os.getloadavg()[0]
    return f"""# Measurements

`make bench` makes this page: on {datetime.now(UTC):%Y-%m-%d}, {machine},
load {load:.1f} at the end. Ratios are of times measured side by side in one run; seconds are this
machine's and move with what else it does. Hubs are our own replica on the same machine, never the
live site.

{table(results)}

Detection power has [a page of its own](detection.md). The programs:

{commands}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[p.name for p in PROGRAMS])
    only = parser.parse_args().only
    results = []
    for program in PROGRAMS:
        if only and program.name not in only:
            continue
        print(f"$ {program.command}", file=sys.stderr, flush=True)
        started = time.monotonic()
        rows = program.rows(figures_of(program))
        for row in rows:
            print(f"  {row.what}: {row.measured} {row.aim}", file=sys.stderr)
        print(f"  ({time.monotonic() - started:.0f} s)", file=sys.stderr)
        results.append((program, rows))
    if only:
        print(table(results))
    else:
        # What was written by hand stands below, from its first heading on.
        _, found, by_hand = PAGE.read_text().partition("\n## ")
        PAGE.write_text(page(results) + found + by_hand)
        print(f"Wrote {PAGE}")


if __name__ == "__main__":
    main()
