"""How removals and sightings are printed: the same wherever they turn up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseen.cli.common import plain, size_text
from reseen.records import (
    Claim,
    Confirmed,
    DigestKind,
    Match,
    Removal,
    Rung,
    Sighting,
    SightingState,
)
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.match.checkpoint_parts import InCheckpoint
    from reseen.match.checkpoint_search import CheckpointSeen
    from reseen.match.parts import MergePart
    from reseen.observed.blind_spots import BlindFile
    from reseen.records import Names

_COLOUR = {
    Rung.BYTES: "red",
    Rung.TENSORS: "red",
    Rung.DECLARED: "yellow",
    Rung.POINTER: "yellow",
    Rung.WEIGHTS: "yellow",
    Rung.COMPONENT: "yellow",
    Rung.HINT: "cyan",
    Rung.REFUTED: "white",
    Rung.UNSUPPORTED: "white",
}


def rung_text(rung: Rung) -> str:
    return click.style(f"{rung.label:<9}", fg=_COLOUR[rung], bold=rung >= Rung.TENSORS)


def sighting_line(sighting: Sighting) -> str:
    """One line: what a person scans down a list."""
    where = f"{sighting.hub} {visible(sighting.repo)} {visible(sighting.path)}"
    if sighting.ref not in (None, "main"):
        where += f" ({visible(sighting.ref or '')})"
    line = f"{sighting.id}  {rung_text(sighting.rung)}  {sighting.removal}  {where}"
    return line + _marks(sighting)


def _marks(sighting: Sighting) -> str:
    marks = []
    if sighting.withdrawn:
        marks.append("withdrawn")
    if sighting.state is not SightingState.LIVE:
        marks.append(sighting.state.value)
    if sighting.confirmed is Confirmed.DOUBTFUL:
        marks.append(sighting.confirmed.value)
    if sighting.hash_is_false:
        marks.append("the hub's hash is false")
    return click.style(f"  [{', '.join(marks)}]", dim=True) if marks else ""


_CHECKED = {
    Confirmed.NONE: "nothing was read: the hub says so",
    Confirmed.HEADER: "its header was read and agrees",
    Confirmed.DOUBTFUL: "its header was read and does not agree",
    Confirmed.BYTES: "every byte was read",
    Confirmed.CONTRADICTED: "every byte was read, and they are others than declared",
}


def _checked(sighting: Sighting) -> str:
    if sighting.rung in (Rung.WEIGHTS, Rung.COMPONENT):  # there is no claim to agree with
        return "its weights were read and compared"
    return _CHECKED[sighting.confirmed]


def sighting_text(sighting: Sighting) -> str:
    """Everything about one sighting, a field a line."""
    rows: list[tuple[str, str | None]] = [
        ("sighting", sighting.id),
        ("removal", sighting.removal + (" (withdrawn since)" if sighting.withdrawn else "")),
        ("hub", sighting.hub),
        (sighting.type.value, visible(sighting.repo)),
        ("path", visible(sighting.path)),
        (
            "revision",
            visible(sighting.revision) + (f" ({visible(sighting.ref)})" if sighting.ref else ""),
        ),
        ("size", size_text(sighting.size)),
        ("declared", sighting.declared_sha256),
        ("state", " - ".join(filter(None, (sighting.state.value, sighting.state_note)))),
        ("checked", f"{sighting.confirmed.value} ({_checked(sighting)})"),
        ("first seen", sighting.first_seen.isoformat(sep=" ", timespec="seconds")),
        ("last seen", sighting.last_seen.isoformat(sep=" ", timespec="seconds")),
    ]
    if sighting.downloads is not None:
        rows.append(("downloads", f"{sighting.downloads:,}"))
    lines = [f"{name + ':':<12}{value}" for name, value in rows if value]
    if not sighting.rung.on_ladder:
        lines.append(f"{sighting.rung.label + ':':<12}{sighting.why}")
    lines.append("evidence:")
    for e in sighting.evidence:
        false = "" if e in sighting.standing else "not so: "
        lines.append(f"  {rung_text(e.rung)}  {false}{visible(e.why)}")
    return "\n".join(lines)


def removal_line(removal: Removal, names: Names | None = None) -> str:
    in_force = sum(claim.in_force for claim in removal.claims)
    said = in_force or len(removal.claims)
    parts = [removal.id, visible(removal.list), removal.site or "-"]
    parts.append(f"{said} claim{'' if said == 1 else 's'}")
    if removal.removed_on:
        parts.append(f"removed {removal.removed_on.isoformat()}")
    if removal.cls.never_read:
        parts.append(f"class {removal.cls.label}")
    if removal.withdrawn_at:
        parts.append(click.style("withdrawn", dim=True))
    if names is not None and names.name:
        parts.append(visible(names.name))
    return "  ".join(parts)


def removal_text(removal: Removal, names: Names | None) -> str:
    """Everything about one removal; names only when they were opened."""
    lines = [removal_line(removal)]
    if removal.cls:
        lines.append(f"  class: {removal.cls.label}{class_note(removal)}")
    for claim in removal.claims:
        lines.append(f"  {claim_text(removal, claim)}")
        lines += [f"    {d.kind.label:<15}{d.hex}" for d in claim.digests]
        if claim.never_read:
            kinds = ", ".join(kind.label for kind in claim.never_read)
            lines.append(f"    {kinds}: not shown of this class (reseen registry export-class)")
    if names is None:
        lines.append("  names: sealed (--reveal opens them, which is recorded)")
    else:
        lines += [f"  {name}: {value}" for name, value in names_fields(names).items() if value]
    return "\n".join(lines)


def class_note(removal: Removal) -> str:
    """What else there is to say of its class."""
    if not removal.cls.never_read:
        return ""
    gate = "the gate blocks" if removal.cls.vouched else "the gate holds: no entitled list says it"
    return f" (never read at hubs; {gate})"


def claim_text(removal: Removal, claim: Claim) -> str:
    """One claim on a line: its name, where it comes from, what it says beside digests."""
    said = [
        claim.container.value if claim.container else None,
        None if claim.size is None else f"{claim.size:,} bytes",
        "with a sketch" if claim.sketch else None,
        claim.site,
        None if claim.removed_on is None else f"removed {claim.removed_on.isoformat()}",
        None if claim.cls is None else f"class {claim.cls.label}",
        {None: None, True: "which two people say counts", False: "which two people say is FALSE"}[
            claim.class_settled
        ],
    ]
    true = removal.true_size(claim)
    if true is not None:
        said.append(f"its size is FALSE: the file that was read has {true:,} bytes")
    if claim.contradicted:
        said.append("a file has one of its digests and CONTRADICTS another: look at it")
    if not claim.in_force:
        said.append("not in force")
    return f"{removal.id}/{claim.number}  {source_text(removal, claim)}: " + (
        ", ".join(filter(None, said)) or "no more than its digests"
    )


def source_text(removal: Removal, claim: Claim) -> str:
    """Where a claim comes from."""
    if claim.list is not None:
        return f"list {visible(claim.list)}"
    rests = ", ".join(f"{removal.id}/{number}" for number in claim.rests_on)
    return f"learned from bytes that were read, by {rests or 'nothing that is left'}"


def names_fields(names: Names) -> dict[str, Any]:
    """Opened names as documented fields."""
    return {
        "name": _safe(names.name),
        "trigger_words": ", ".join(map(visible, names.trigger_words)) or None,
        "url": _safe(names.url),
        "model_id": _safe(names.model_id),
        "version_id": _safe(names.version_id),
        "file_names": ", ".join(map(visible, names.file_names)) or None,
        "reason": _safe(names.reason),
    }


def _safe(text: str | None) -> str | None:
    return None if text is None else visible(text)


def removal_fields(removal: Removal, names: Names | None = None) -> dict[str, Any]:
    """A removal as a documented JSON object."""
    fields: dict[str, Any] = {
        "removal": removal.id,
        "list": removal.list,
        "site": removal.site,
        "removed_on": plain(removal.removed_on) if removal.removed_on else None,
        "added_at": plain(removal.added_at),
        "withdrawn_at": plain(removal.withdrawn_at) if removal.withdrawn_at else None,
        "class": removal.cls.label,
        "class_counts": removal.cls.vouched if removal.cls.never_read else None,
        "lists": list(removal.lists),
        "claims": [claim_fields(removal, claim) for claim in removal.claims],
        "files": [
            {
                "size": f.size,
                "container": f.container,
                "sketch": f.sketch is not None,
                **digests_shown(f),
            }
            for f in removal.files
        ],
    }
    if names is not None:
        fields["names"] = names_fields(names)
    return fields


def digests_shown(claim: Claim) -> dict[str, str | None]:
    """A claim's digests by kind; null instead of the value for the class that is never read."""
    shown: dict[str, str | None] = {_key(digest.kind): digest.hex for digest in claim.digests}
    return shown | dict.fromkeys(map(_key, claim.never_read))


def _key(kind: DigestKind) -> str:
    return kind.label.replace("-", "_")


def claim_fields(removal: Removal, claim: Claim) -> dict[str, Any]:
    """A claim as a documented JSON object."""
    return {
        "claim": f"{removal.id}/{claim.number}",
        "list": claim.list,
        "learned": claim.learned,
        "rests_on": [f"{removal.id}/{number}" for number in claim.rests_on],
        "in_force": claim.in_force,
        "contradicted": claim.contradicted,
        "size": claim.size,
        "size_false": removal.true_size(claim) is not None,
        "container": claim.container,
        "sketch": claim.sketch is not None,
        "site": claim.site,
        "removed_on": plain(claim.removed_on) if claim.removed_on else None,
        "class": claim.cls.label if claim.cls is not None else None,
        "class_settled": claim.class_settled,
        "digests": digests_shown(claim),
    }


def blind_fields(file: BlindFile) -> dict[str, Any]:
    """A file of which something was not read, as a documented JSON object."""
    artifact = file.artifact
    return {
        "hub": artifact.hub,
        "type": artifact.type.value,
        "repo": artifact.repo,
        "revision": artifact.revision,
        "ref": artifact.ref,
        "path": artifact.path,
        "size": artifact.size,
        "container": file.container.value if file.container else None,
        "scan": file.scan,
        **file.judged.fields,
    }


def match_fields(match: Match) -> dict[str, Any]:
    """A match as a documented JSON object."""
    return {
        "removal": match.removal,
        "rung": match.rung.label,
        "why": match.why,
        "evidence": [
            {
                "rung": e.rung.label,
                "kind": e.kind,
                "value": e.value,
                "why": e.why,
                **({"figures": dict(e.figures)} if e.figures else {}),
            }
            for e in match.evidence
        ],
    }


def checkpoint_fields(seen: CheckpointSeen) -> dict[str, Any]:
    """What is known of a checkpoint, as a documented JSON object."""
    return {**seen.fields, "parts": [inside_fields(each) for each in seen.parts]}


def inside_fields(inside: InCheckpoint) -> dict[str, Any]:
    """What speaks for a removal inside a checkpoint."""
    alike = inside.comparison
    return {
        "removal": inside.removal,
        "rung": inside.rung.label,
        "sure": inside.is_sure,
        "cosine": None if alike is None else round(alike.mean, 4),
        "p_value": None if alike is None else alike.p_value,
        "modules": None if alike is None else alike.modules,
        "strength": round(inside.strength, 4),
        "doubt": inside.doubt or None,
        "part": None if inside.part.by is None else part_fields(inside.part),
        "why": inside.why,
    }


def part_fields(part: MergePart) -> dict[str, Any]:
    """What speaks for a part of a merge, as a documented JSON object."""
    assert part.by is not None
    figures = part.figures[part.by]
    return {
        "verdict": part.verdict.value,
        "by": part.by.value,
        "value": round(figures.value, 4),
        "margin": None if figures.margin is None else round(figures.margin, 4),
        "p_value": figures.p_value,
        "modules": figures.modules,
        "decoys": figures.decoys,
        "calibrated": figures.calibrated,
        "weight": None if part.weight is None else round(part.weight, 4),
        "why": part.why,
    }
