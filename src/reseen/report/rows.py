"""One sighting as a flat row: the field names that every output and `--json` share.

What comes in: a `Sighting`. What goes out: a dict with exactly the keys of `FIELDS`, in that
order. The names are stable: scripts depend on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from reseen.records import Figure, Rung, Sighting

if TYPE_CHECKING:
    from reseen.registry.list_rows import ListSource

Cell = str | int | float | bool | None

FIELDS: Mapping[str, str] = {
    "sighting": "The sighting's opaque id.",
    "removal": "The removal's opaque id.",
    "hub": "Where it stands: the hub's name.",
    "type": "model, dataset or space.",
    "repo": "The repository, as owner/name.",
    "revision": "The commit at which it was seen.",
    "ref": "Branch, tag or pull-request ref; empty for a commit of the history.",
    "path": "The file's path in the repository.",
    "size": "Bytes.",
    "rung": "The highest rung of evidence that holds; or refuted, unsupported: off the ladder.",
    "rungs": "All rungs that hold, highest first, separated by blanks.",
    "why": "One sentence: why it is taken for the removal.",
    "confirmed": "How far the claim was checked: none, header, doubtful, bytes, contradicted.",
    "counts": "False when it is off the ladder, or its removal was withdrawn: it is no evidence.",
    "hash_is_false": "True when reading proved that what the hub states of the file is false.",
    "state": "live, gone, disabled or unreachable.",
    "state_note": "What else is known of the state: deleted or made private, since when.",
    "withdrawn": "True when the removal was withdrawn since: the sighting no longer counts.",
    "declared_sha256": "The SHA-256 that the hub states, when it states one.",
    "cosine": "Weights rung: cosine of the two updates. Component rung: of the removal's and of "
    "what no other known model explains.",
    "p_value": "Weights and component rung: chance of such figures among strangers.",
    "agreeing": "Weights rung: share of modules that agree.",
    "relation": "Weights rung: the relation that explains it best.",
    "calibration": "Weights rung: what the p-value stands on.",
    "downloads": "Downloads of the repository, as the hub counts them.",
    "likes": "Likes of the repository.",
    "repo_created_at": "When the repository was made.",
    "first_seen": "When Reseen first saw it.",
    "last_seen": "When Reseen last saw it there.",
    "judged_by": "The rungs that could judge the file, strongest first, separated by blanks.",
    "not_read": "Codes of what of the file was not read, separated by blanks; empty: nothing.",
}

SOURCE_FIELDS: Mapping[str, str] = {
    "lists": "Reports: the titles of the lists that say the removal, separated by semicolons.",
    "claims": "Reports: what they say of it, as `registry show` numbers it, separated by blanks.",
    "rows": "`report --rows`: the rows of that list that are about the removal, separated by "
    "semicolons; empty: none is.",
}
"""What leads back to who gave a list."""
REPORT_FIELDS: Mapping[str, str] = {**FIELDS, **SOURCE_FIELDS}

LOCATION_FIELDS = ("repo", "revision", "ref", "path", "declared_sha256")
"""Where a copy stands, or what finds it again: left out of a report unless asked for."""

_FIGURES = ("cosine", "p_value", "agreeing", "relation", "calibration")


def _cell(figure: Figure | None) -> Cell:
    """A number or a word; rows of numbers have no room in a cell."""
    return figure if isinstance(figure, str | int | float) else None


def row(sighting: Sighting, *, locations: bool = True) -> dict[str, Cell]:
    """The sighting by field name. Without `locations` those fields are None."""
    figures: Mapping[str, Figure] = next(
        (e.figures for e in sighting.evidence if e.rung in (Rung.WEIGHTS, Rung.COMPONENT)), {}
    )
    rungs = sorted({e.rung for e in sighting.standing}, reverse=True)
    cells: dict[str, Cell] = {
        "sighting": sighting.id,
        "removal": sighting.removal,
        "hub": sighting.hub,
        "type": sighting.type.value,
        "repo": sighting.repo,
        "revision": sighting.revision,
        "ref": sighting.ref,
        "path": sighting.path,
        "size": sighting.size,
        "rung": sighting.rung.label,
        "rungs": " ".join(rung.label for rung in rungs),
        "why": sighting.why,
        "confirmed": sighting.confirmed.value,
        "counts": sighting.counts,
        "hash_is_false": sighting.hash_is_false,
        "state": sighting.state.value,
        "state_note": sighting.state_note or None,
        "withdrawn": sighting.withdrawn,
        "declared_sha256": sighting.declared_sha256,
        **{name: _cell(figures.get(name)) for name in _FIGURES},
        "downloads": sighting.downloads,
        "likes": sighting.likes,
        "repo_created_at": _instant(sighting.repo_created_at),
        "first_seen": _instant(sighting.first_seen),
        "last_seen": _instant(sighting.last_seen),
        "judged_by": " ".join(rung.label for rung in sighting.judged_by),
        "not_read": " ".join(sighting.not_read),
    }
    if not locations:
        cells.update(dict.fromkeys(LOCATION_FIELDS))
    return cells


def report_row(
    sighting: Sighting, source: ListSource | None, *, locations: bool
) -> dict[str, Cell]:
    """The same in a report: with where its removal comes from."""
    lists, claims, rows = (source.lists, source.claims, source.rows) if source else ((), (), ())
    return row(sighting, locations=locations) | {
        "lists": "; ".join(lists),
        "claims": " ".join(claims),
        "rows": "; ".join(rows),
    }


def _instant(when: datetime | None) -> str | None:
    return when.isoformat(timespec="seconds") if when is not None else None
