"""Makes one self-contained HTML page that a trust & safety lead would forward.

No script, nothing fetched, a Content-Security-Policy that forbids both. Everything that came from
outside is escaped by the template engine. Exact locations are in it only when asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources

from jinja2 import Environment, StrictUndefined

from reseen.observed import merge_parts
from reseen.observed.merge_parts import PartInFile
from reseen.records import LADDER, Confirmed, Rung, Sighting, SightingState
from reseen.report import figures, in_words, part_picture
from reseen.report.gather import (
    NOT_THIS,
    Findings,
    by_account,
    by_month,
    by_removal,
    skipped,
    totals,
)
from reseen.report.part_picture import PartPicture
from reseen.texts import for_people, visible

MOST_ROWS = 2_000
"""Sightings with their evidence on the page; a browser would choke on 100,000. CSV has them all."""
MOST_GROUPS = 200
MOST_PICTURES = 20
"""Files of which it is drawn what is inside."""

RUNG_MEANING: Mapping[Rung, str] = {
    Rung.BYTES: "The SHA-256 or BLAKE3 of bytes that we read: the same file.",
    Rung.TENSORS: "The data section, or the multiset of tensors, of bytes that we read: "
    "the same weights, with an edited header or in another order.",
    Rung.DECLARED: "The hub states the digest. The uploader says so: "
    "confirm by reading before acting.",
    Rung.POINTER: "The hub hides the digest; git's name for the file's pointer equals the one "
    "computed from the removal's SHA-256 and size. As declared.",
    Rung.WEIGHTS: "The weight updates are similar: cosine, its p-value, how many modules agree.",
    Rung.COMPONENT: "The removal is inside a merge: its columns, or weights that no other known "
    "model explains, stand out against decoys. Other models may be in the file as well. Or it and "
    "another file of its account add up to the removal: that is known of the two together.",
    Rung.HINT: "Short hashes, names and links. Orders the queue; never enough alone.",
    Rung.REFUTED: "Refuted: the hub states a hash of the removed file, every byte was read, and "
    "they are another file's. Off the ladder: not a copy, and no evidence.",
    Rung.UNSUPPORTED: "No longer supported: what it stood on was withdrawn or taken back. Off the "
    "ladder, kept as history.",
}

CONFIRMED_MEANING: Mapping[Confirmed, str] = {
    Confirmed.NONE: "not checked",
    Confirmed.HEADER: "header agrees",
    Confirmed.DOUBTFUL: "header disagrees",
    Confirmed.BYTES: "all bytes read",
    Confirmed.CONTRADICTED: "bytes are others",
}


@dataclass(frozen=True, slots=True)
class PartFigure:
    """The picture of one file with removals inside."""

    sighting: str
    removal: str
    """The part that it is about."""
    beside: tuple[str, ...]
    """The others."""
    drawn: PartPicture


def render(findings: Findings, *, locations: bool) -> str:
    """The page. `locations`: say where each copy stands."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: for_people(value) if type(value) is str else value,
    )
    environment.filters["number"] = "{:,}".format
    environment.filters["visible"] = lambda text: visible(text or "")
    source = resources("reseen.report").joinpath("templates/report.html").read_text("utf-8")
    found = findings.seen_again
    months = by_month(found)
    shown = findings.sightings[:MOST_ROWS]
    rungs = sorted({s.rung for s in found}, reverse=True)
    return environment.from_string(source).render(
        findings=findings,
        headline=in_words.headline(findings),
        sentences=list(in_words.sentences(findings)),
        caption=in_words.caption(findings),
        bar=figures.bar(findings),
        grid=figures.grid(findings, locations=locations),
        said=in_words.SAID,
        source=source_of(findings),
        totals=totals(found),
        refuted=len(findings.refuted),
        locations=locations,
        removals=by_removal(found)[:MOST_GROUPS],
        accounts=by_account(found, locations=locations)[:MOST_GROUPS],
        most_groups=MOST_GROUPS,
        most_pictures=MOST_PICTURES,
        months=months,
        tallest=max((n for _, n in months), default=1),
        inside=part_figures(findings),
        sample=part_picture.sample,
        rungs=[(r, sum(s.rung is r for s in found)) for r in rungs],
        rung_meaning=RUNG_MEANING,
        ladder=LADDER,
        off_ladder=(Rung.REFUTED, Rung.UNSUPPORTED),
        confirmed_meaning=CONFIRMED_MEANING,
        rows=[(s, in_words.decided(findings, s)) for s in shown],
        from_lists=lambda removal: in_words.source(findings, removal),
        not_this=in_words.DECIDED[NOT_THIS],
        left_out=len(findings.sightings) - len(shown),
        skipped=skipped(findings),
        blind_scans=[scan for scan in findings.scans if scan.blind],
        live=SightingState.LIVE,
    )


def part_figures(findings: Findings) -> tuple[PartFigure, ...]:
    """Of files with removals inside: one picture each, about the part that is seen best."""
    files: dict[tuple[str, ...], list[Sighting]] = {}
    for sighting in findings.seen_again:
        place = (sighting.hub, sighting.type.value, sighting.repo, sighting.path)
        content = (sighting.revision, sighting.declared_sha256 or "", str(sighting.size))
        if _part_of(sighting) is not None:
            files.setdefault((*place, *content), []).append(sighting)
    made = []
    for several in files.values():
        parts = [part for one in several if (part := _part_of(one)) is not None]
        inside = merge_parts.in_order(parts, parts[0].removal)
        drawn = part_picture.picture(inside)
        if drawn is not None:
            beside = tuple(part.removal for part in inside[1:])
            made.append(PartFigure(several[0].id, inside[0].removal, beside, drawn))
    return tuple(made)


def _part_of(sighting: Sighting) -> PartInFile | None:
    for proof in sighting.standing:
        if merge_parts.is_part(proof.figures):
            return PartInFile(sighting.removal, proof.figures)
    return None


def source_of(findings: Findings) -> str:
    """What the figures stand on, as a line under them."""
    hubs = sorted({scan.hub for scan in findings.scans})
    ended = max((s.ended_at or s.started_at for s in findings.scans), default=findings.made_at)
    looked = f"scans of {', '.join(map(visible, hubs[:3]))}" if hubs else "what was seen at hubs"
    more = f" and {len(hubs) - 3:,} more" if len(hubs) > 3 else ""
    return f"{looked}{more}, until {ended:%-d %B %Y}"
