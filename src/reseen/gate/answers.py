"""Makes the JSON that a hub gets from matches and the policy. No names: opaque ids, lists,
rungs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reseen.gate.policy import Policy
from reseen.match.stated import StatedMatch
from reseen.records import Advice, Container, Fingerprint, Rung

NOTHING = b'{"advice":"allow","matches":[]}'
"""Most answers."""
ONLY_DIGESTS_WHY = "Only its digests could be judged: an altered copy would not be recognised."
NOTHING_WHY = "Nothing of it could be judged: not even an exact copy would be recognised."
_SMALLEST = 4 << 10
"""Bytes below which no adapter has modules enough to be recognised by."""
_BESIDE = "beside"
"""The code of what a file holds beside what it seems to be, and is not read."""
_PICTURES = (Container.PNG, Container.WEBP)
"""What holds no weights by its content: there is nothing else to judge."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How the gate stands with the store: the same for all answers until it is heard of again."""

    version: int = 0
    at: float = 0.0
    """Seconds since 1970; 0 when it was never heard of."""

    @property
    def as_of(self) -> datetime | None:
        return datetime.fromtimestamp(self.at, UTC) if self.at else None


@dataclass(frozen=True, slots=True)
class Result:
    """One file's answer."""

    body: bytes
    advice: Advice
    rung: str
    """The strongest, or "none"."""
    only_digests: Advice | None = None
    """What the policy advises of a file that only its digests could judge, where this is one."""


_ALLOWED = Result(NOTHING, Advice.ALLOW, "none")


def result(found: Sequence[StatedMatch], policy: Policy) -> Result:
    """What is advised, and why. The strongest advice over all matches wins."""
    if not found:
        return _ALLOWED
    return Result(*_body(found, policy), found[0].rung.label)


def result_of_file(
    found: Sequence[StatedMatch], policy: Policy, fingerprint: Fingerprint
) -> Result:
    """The same of a file that was read; what only its digests could judge is ruled as well."""
    made = result(found, policy)
    if _is_judged(fingerprint) or any(each.rung is Rung.WEIGHTS for each in found):
        return made
    advice = max(made.advice, policy.blind, key=lambda one: one.strength)
    if advice is not made.advice:
        told = json.loads(made.body) | {"advice": advice.value}
        made = replace(made, body=_ascii(told), advice=advice)
    return replace(made, only_digests=policy.blind)


def _is_judged(read: Fingerprint) -> bool:
    """Could more than digests judge it; of an archive, all that is in it? What is too small to be
    an adapter in one does not count: most have a text beside."""
    if read.members and not read.blind:
        small = (m.fingerprint.size < _SMALLEST for m in read.members)
        return all(s or _is_judged(m.fingerprint) for s, m in zip(small, read.members, strict=True))
    if any(spot.code == _BESIDE for spot in read.blind):
        return False  # what it hides may be the model
    return read.judged.by_weights or read.container in _PICTURES


def _ascii(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _body(found: Sequence[StatedMatch], policy: Policy) -> tuple[bytes, Advice]:
    advice = Advice.ALLOW
    matches = []
    for each in found:
        advised = policy.advice(each.list, each.ruled_by)
        if each.rung is Rung.REFUTED and advised is Advice.BLOCK:
            advised = Advice.HOLD  # one of the claim's digests is false: a person has to look
        if each.cls.never_read and each.rung > Rung.HINT:
            # Whatever the policy says: by who may say the class it is blocked, else held at least.
            floor = Advice.BLOCK if each.cls.vouched else Advice.HOLD
            advised = max(advised, floor, key=lambda one: one.strength)
        if advised.strength > advice.strength:
            advice = advised
        where = {} if each.member is None else {"member": each.member}
        matches.append(
            {
                **where,
                "removal": each.removal,
                "list": each.list,
                "rung": each.rung.label,
                "kind": each.kind,
                "score": each.score,
                "advice": advised.value,
                "why": each.why,
            }
        )
    return _ascii({"advice": advice.value, "matches": matches}), advice


def whole(heard: Heard, live: bool, age: float, results: Sequence[Result]) -> bytes:
    """The answer to a check of digests."""
    return b'%b,"results":[%b]}' % (
        head(heard, live, age),
        b",".join([each.body for each in results]),
    )


def head(heard: Heard, live: bool, age: float) -> bytes:
    """What every answer begins with: what it was made from, and how old that is."""
    as_of = heard.as_of
    return b'{"version":%d,"state":"%b","as_of":%b,"age":%.1f' % (
        heard.version,
        b"live" if live else b"last",
        b'"%b"' % as_of.strftime("%Y-%m-%dT%H:%M:%SZ").encode() if as_of else b"null",
        age,
    )


def of_file(
    heard: Heard, live: bool, age: float, checked: Result, fingerprint: Fingerprint
) -> bytes:
    """The answer to a check of a file: the same, and what was computed of it."""
    about = _about(fingerprint) | {
        "only_digests": None
        if checked.only_digests is None
        else {
            "advice": checked.only_digests.value,
            "why": ONLY_DIGESTS_WHY if fingerprint.judged.rungs else NOTHING_WHY,
        },
    }
    members = [{"path": place[1:], **_about(read)} for place, read in fingerprint.within]
    return b'%b,"results":[%b],"file":%b}' % (
        head(heard, live, age),
        checked.body,
        _ascii(about | {"members": members} if members else about),
    )


def _about(read: Fingerprint) -> dict[str, object]:
    return {
        "size": read.size,
        "container": read.container.value,
        **{d.kind.label.replace("-", "_"): d.hex for d in read.digests},
        "problem": read.problem,
        "sketched": read.sketch is not None,
        "no_sketch": read.no_sketch,
        **read.judged.fields,
    }


def tally(results: Sequence[Result]) -> Counter[tuple[str, str]]:
    """(advice, rung) -> how often."""
    return Counter((each.advice.value, each.rung) for each in results)
