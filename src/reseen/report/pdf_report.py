"""A report as PDF: the findings in words, the bar, tables by model and account, the evidence.

What comes in: `Findings`. What goes out: the bytes of a PDF, in the words of the HTML page.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reseen.report import figures, in_words
from reseen.report.gather import Findings, Group, by_account, by_removal
from reseen.report.html import CONFIRMED_MEANING, source_of
from reseen.report.pdf import PdfPages
from reseen.texts import visible

MOST_ROWS = 500
"""Sightings in the PDF; the tables have them all."""
MOST_GROUPS = 100

_COLOURS = {
    "confirmed": (138, 28, 28),
    "allowed": (28, 107, 54),
    "read": (47, 111, 178),
    "word": (170, 200, 230),
    "none": (225, 229, 233),
    "unfindable": (245, 235, 210),
}


def render(findings: Findings, *, locations: bool, font: Path | None = None) -> bytes:
    """The PDF. `locations`: say where each copy stands."""
    pages, found = PdfPages(font), findings.seen_again
    pages.line("Removed models, seen again", size=9)
    pages.heading(in_words.headline(findings), 17)
    for one in in_words.sentences(findings):
        pages.line(one, size=11)
    pages.line("")
    parts = figures.bar(findings)
    if parts:
        pages.line(f"{in_words.caption(findings)}:")
        pages.bar([(part.count, _COLOURS[part.kind]) for part in parts])
        pages.line("; ".join(f"{part.count:,} {part.said}" for part in parts) + ".")
        pages.line(
            "Each model is counted once, by the best that is known of any file of it. "
            f"Source: Reseen, {source_of(findings)}.",
            size=8.5,
        )
    pages.line("")
    for told in _warnings(findings, locations):
        pages.line(told)
    pages.line("")
    pages.heading("By removal", 13)
    models = tuple(replace(g, label=_removal(findings, g.label)) for g in by_removal(found))
    _groups(pages, "removal, and which lists say it", models, "accounts")
    pages.heading("By account", 13)
    _groups(pages, "account", by_account(found, locations=locations), "models")
    _evidence(pages, findings, locations)
    return pages.end()


def _warnings(findings: Findings, locations: bool) -> list[str]:
    refuted = len(findings.refuted)
    told = [
        "A sighting is a lead, not a verdict: a person decides before anything is sent to a host. "
        "Names of removed models are sealed and are never in a report."
    ]
    if locations:
        told.append("This report says where copies stand: pass it on with care.")
    if refuted:
        said = "1 more sighting is" if refuted == 1 else f"{refuted:,} more sightings are"
        told.append(
            f"{said} refuted, and counted nowhere: the hub states the hash of a removed file, and "
            "the bytes are another file's. Somebody may be framing an account."
        )
    if findings.blind_count:
        files = "1 file" if findings.blind_count == 1 else f"{findings.blind_count:,} files"
        told.append(f"Of {files} the weights could not be judged; the HTML report says why.")
    return told


def _removal(findings: Findings, id: str) -> str:
    source = in_words.source(findings, id)
    return f"{id} ({source})" if source else id


def _groups(pages: PdfPages, label: str, groups: tuple[Group, ...], other: str) -> None:
    if not groups:
        pages.line("None.")
        return
    rows = [
        (
            f"{number}",
            visible(group.label),
            f"{group.sightings:,}",
            f"{group.live:,}",
            f"{group.accounts if other == 'accounts' else group.removals:,}",
            group.strongest.label,
        )
        for number, group in enumerate(groups[:MOST_GROUPS], 1)
    ]
    heads = ("no.", label, "sightings", "live", other, "strongest")
    pages.table(heads, rows, (6, 34, 13, 9, 13, 15))
    if len(groups) > MOST_GROUPS:
        pages.line(f"{len(groups) - MOST_GROUPS:,} more are in the tables.", size=8.5)


def _evidence(pages: PdfPages, findings: Findings, locations: bool) -> None:
    pages.heading("Evidence", 13)
    shown = findings.sightings[:MOST_ROWS]
    if not shown:
        pages.line("No sightings.")
        return
    rows = []
    for sighting in shown:
        where = f"{sighting.hub} {sighting.repo} {sighting.path}: " if locations else ""
        said = in_words.decided(findings, sighting)
        state = f"{sighting.state.value}, {CONFIRMED_MEANING[sighting.confirmed]}"
        why = visible(f"{where}{sighting.why}")
        rows.append((sighting.id, sighting.removal, sighting.rung.label, why, state, said))
    heads = ("sighting", "removal", "rung", "why", "state", "decided")
    pages.table(heads, rows, (18, 15, 11, 32, 13, 12))
    if len(findings.sightings) > MOST_ROWS:
        left = len(findings.sightings) - MOST_ROWS
        pages.line(f"{left:,} more are in the tables.", size=8.5)
