"""What was found out about one file, as JSON: carried from the machine that read it to the store.

What comes in: an `ArtifactResult`, and back. Plain numbers and texts, no code; whoever carries it
proves that it is ours (`parts`). What is not kept in a store is not carried: the fingerprint as
such.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reseen.errors import Tampered
from reseen.hubs.object_store import artifact_at
from reseen.observed.artifacts import Inspection
from reseen.observed.checkpoint_sketches import ReadWeights
from reseen.records import (
    BlindSpot,
    Confirmed,
    Container,
    Digest,
    DigestKind,
    Evidence,
    JudgedBy,
    Match,
    Rung,
    member_path,
)
from reseen.scan.inspect import ArtifactResult


def packed(results: Sequence[ArtifactResult]) -> bytes:
    """A file, and those in it, as a text of JSON."""
    return json.dumps([_result(each) for each in results], separators=(",", ":")).encode("ascii")


def unpacked(data: bytes) -> tuple[ArtifactResult, ...]:
    """And back. Raises Tampered for what `packed` did not make."""
    try:
        return tuple(_result_of(each) for each in json.loads(data))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise Tampered(
            "a part holds what no sweep wrote", remedy="Sweep it again, into a new folder."
        ) from None


def _result(one: ArtifactResult) -> dict[str, Any]:
    a, seen, judged = one.artifact, one.inspection, one.judged
    return {
        "path": a.path,
        "size": a.size,
        "sha256": _text(a.sha256),
        "xet": _text(a.xet),
        "others": [[int(each.kind), each.hex] for each in a.others],
        "mark": _text(a.git_oid),
        "member": a.member,
        "pointer": a.on_pointer,
        "matches": [_match(each) for each in one.matches],
        "hints": [_match(each) for each in one.hints],
        "confirmed": one.confirmed.value,
        "seen": None if seen is None else _inspection(seen),
        "judged": None if judged is None else [list(judged.rungs), _spots(judged.not_read)],
        "doubted": one.doubted,
    }


def _result_of(value: Mapping[str, Any]) -> ArtifactResult:
    seen, judged = value["seen"], value["judged"]
    artifact = replace(
        artifact_at(
            str(value["path"]),
            value["size"],
            _bytes(value["sha256"]),
            _bytes(value["xet"]),
            _digests(value.get("others", ())),  # parts of before have none
        ),
        git_oid=_bytes(value["mark"]),
        member=bool(value["member"]),
        lfs=bool(value["pointer"]),
        on_pointer=bool(value["pointer"]),
    )
    return ArtifactResult(
        artifact,
        tuple(_match_of(each) for each in value["matches"]),
        tuple(_match_of(each) for each in value["hints"]),
        Confirmed(value["confirmed"]),
        None if seen is None else _inspection_of(seen),
        None if judged is None else JudgedBy(_rungs(judged[0]), _spots_of(judged[1])),
        bool(value["doubted"]),
    )


def _match(match: Match) -> list[Any]:
    return [match.removal, [[*_evidence(each)] for each in match.evidence]]


def _evidence(why: Evidence) -> tuple[Any, ...]:
    return int(why.rung), why.kind, why.value, why.why, dict(why.figures)


def _match_of(value: Sequence[Any]) -> Match:
    removal, every = value
    evidence = tuple(
        Evidence(Rung(rung), str(kind), str(hex), str(why), dict(figures))
        for rung, kind, hex, why, figures in every
    )
    return Match(str(removal), evidence)


def _inspection(seen: Inspection) -> dict[str, Any]:
    return {
        "container": None if seen.container is None else seen.container.value,
        "data_size": seen.data_size,
        "layout": _text(seen.layout),
        "full": seen.full,
        "problem": seen.problem,
        "digests": [[int(each.kind), each.hex] for each in seen.digests],
        "sketch": _text(seen.sketch),
        "further": [_text(each) for each in seen.further],
        "rows": _text(seen.rows),
        "weights": None if seen.weights is None else _weights(seen.weights),
        "architecture": seen.architecture,
        "modules": {group: _text(slots) for group, slots in seen.modules.items()},
        "near": seen.near,
        "judged_by": list(seen.judged_by),
        "embedded": [[int(each.kind), each.hex] for each in seen.embedded],
    }


def _inspection_of(value: Mapping[str, Any]) -> Inspection:
    container = value["container"]
    return Inspection(
        container=None if container is None else Container(container),
        data_size=value["data_size"],
        layout=_bytes(value["layout"]),
        full=bool(value["full"]),
        problem=value["problem"],
        digests=_digests(value["digests"]),
        sketch=_bytes(value["sketch"]),
        further=tuple(b64decode(each) for each in value["further"]),
        rows=_bytes(value["rows"]),
        weights=_weights_of(value.get("weights")),  # parts of before have none
        architecture=value["architecture"],
        modules={str(group): b64decode(slots) for group, slots in value["modules"].items()},
        near=bool(value["near"]),
        judged_by=_rungs(value["judged_by"]),
        embedded=_digests(value.get("embedded", ())),  # parts of before have none
    )


def _weights(read: ReadWeights) -> list[Any]:
    return [_text(read.sketch), read.is_enough]


def _weights_of(value: Sequence[Any] | None) -> ReadWeights | None:
    return None if value is None else ReadWeights(b64decode(value[0]), bool(value[1]))


def _digests(value: Sequence[Sequence[Any]]) -> tuple[Digest, ...]:
    return tuple(Digest(DigestKind(kind), bytes.fromhex(hex)) for kind, hex in value)


def _rungs(value: Sequence[int]) -> tuple[Rung, ...]:
    return tuple(Rung(each) for each in value)


def _spots(spots: Sequence[BlindSpot]) -> list[list[Any]]:
    return [[spot.code, spot.reason, spot.count] for spot in spots]


def _spots_of(value: Sequence[Sequence[Any]]) -> tuple[BlindSpot, ...]:
    return tuple(BlindSpot(str(code), str(reason), int(count)) for code, reason, count in value)


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode("ascii")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def placed(
    results: Sequence[ArtifactResult], hub: str, repo: str, path: str
) -> list[ArtifactResult]:
    """The same at a place of a hub: the file at `path` of `repo`, and those in it beside it."""
    before = len(member_path(results[0].artifact.path, ""))
    whole = replace(results[0].artifact, hub=hub, repo=repo, path=path)
    within = (
        replace(
            each.artifact,
            hub=hub,
            repo=repo,
            path=member_path(path, each.artifact.path[before:]),
        )
        for each in results[1:]
    )
    return [replace(each, artifact=at) for each, at in zip(results, (whole, *within), strict=True)]
