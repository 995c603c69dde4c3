"""A report as PDF: the findings in words, the bar, tables by model and account, the evidence.

What comes in: `Findings`. What goes out: the bytes of a PDF, in the words of the HTML page.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from reseen.report import figures, in_words
from reseen.report.gather import Findings, Group, by_account, by_removal
from reseen.report.html import (
    CONFIRMED_MEANING,
    MOST_PICTURES,
    PartFigure,
    part_figures,
    source_of,
)
from reseen.report.part_picture import BlockRow, MarginRow, PartPicture, sample
from reseen.report.pdf import Cell, Drawing, PdfPages
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

_LOOKS = {
    "mine": 'fill="#2f6fb2"',
    "other": 'fill="#aab2ba"',
    "value": 'fill="#8a1c1c"',
    "decoys": 'fill="#d5dade"',
    "unsure": 'fill="none" stroke="#5a636b" stroke-dasharray="2 2"',
    "full": 'fill="none" stroke="#5a636b"',
    "error": 'fill="none" stroke="#1a1d20" stroke-width="1.2"',
}
"""What stands in a picture of parts, as the stylesheet of the HTML page has it."""
_KEY = (
    ("mine", "the removed model that is named first"),
    ("other", "others that were removed"),
    ("unsure", "cannot be told from nothing"),
    ("error", "two standard deviations either way"),
    ("full", "strength 0, and 1"),
    ("value", "how much of a model is there"),
    ("decoys", "decoys, but for the few highest"),
)


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
    _inside(pages, part_figures(findings))
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


def _inside(pages: PdfPages, found: tuple[PartFigure, ...]) -> None:
    """The pictures of files with removals inside, as on the HTML page."""
    if not found:
        return
    pages.heading("What is inside merges and checkpoints", 13)
    pages.line(
        "How strong each removed model is in every block of the network, 1 for as it was, and how "
        "far it stands above decoys: models of that kind that are not in the file, as far as is "
        "known. Certain is that the models are inside: the margin tells that, not the strength. "
        "Not certain is how strong they are exactly. What else is in a file is not known."
    )
    pages.line("")
    key = [cell for kind, said in _KEY for cell in (_drawing(sample(kind)), said)]
    over_key = ("", "what it stands for", "", "what it stands for")
    pages.table(over_key, [key[:4], key[4:8], key[8:12], [*key[12:], "", ""]], (5, 42, 5, 42))
    for one in found[:MOST_PICTURES]:
        beside = "".join(f", {removal}" for removal in one.beside)
        pages.line(f"Sighting {one.sighting}: {one.removal}{beside}", bold=True)
        if one.drawn.margins:
            heads = ("removal", "from 0 to 1", "it", "decoys", "above them")
            pages.table(heads, [_margin(row) for row in one.drawn.margins], (20, 34, 18, 16, 12))
        if one.drawn.rows:
            pages.line(_said_of(one.drawn))
            heads = ("block", "strength", "this model", "others", "its columns")
            pages.table(heads, [_block(row) for row in one.drawn.rows], (18, 34, 26, 10, 12))
        else:
            pages.line("How strong it is in each block was not kept when it was found.")
    if len(found) > MOST_PICTURES:
        pages.line(f"{len(found) - MOST_PICTURES:,} more files are not drawn.", size=8.5)


def _said_of(drawn: PartPicture) -> str:
    blocks = "1 block" if drawn.there == 1 else f"{drawn.there:,} blocks"
    said = f"In {drawn.used:,} of {blocks} the strength, or its columns, stand out from chance."
    if drawn.explained is None:
        return said
    of = "what was added to the base model" if drawn.beside_base else "the file's numbers"
    return f"{said} All parts together explain {100 * drawn.explained:.0f}% of {of}."


def _margin(row: MarginRow) -> tuple[Cell, ...]:
    it = f"{100 * row.value:.0f}% of its columns" if row.by_columns else f"cosine {row.value:.2f}"
    decoys = "none" if row.reached is None else f"{row.reached:.2f} ({row.decoys:,})"
    above = "-" if row.margin is None else f"{row.margin:.2f}"
    return row.removal, _drawing(row.drawn), it, decoys, above


def _block(row: BlockRow) -> tuple[Cell, ...]:
    b = row.block
    told = "" if b.is_told else ", not told"
    mine = "nothing there" if b.weight is None else f"{b.weight:.2f} ± {b.error or 0:.2f}{told}"
    others = "-" if row.others is None else f"{row.others:.2f}"
    share = "-" if b.share is None else f"{100 * b.share:.0f}%"
    return visible(b.name), _drawing(row.drawn), mine, others, share


def _drawing(drawn: Markup) -> Drawing:
    """With colours for the classes that a stylesheet colours elsewhere."""
    svg = str(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    for kind, look in _LOOKS.items():
        svg = svg.replace(f'class="{kind}"', look)
    return Drawing(svg.encode())


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
    pages.table(heads, rows, (18, 18, 13, 27, 12, 12))
    if len(findings.sightings) > MOST_ROWS:
        left = len(findings.sightings) - MOST_ROWS
        pages.line(f"{left:,} more are in the tables.", size=8.5)
