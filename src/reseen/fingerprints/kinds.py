"""What each kind of digest proves: one table, by which everything goes that matches or merges.

For every kind it says what it is a digest of, which rung it gives when we computed it from bytes
and which when somebody states it, whether hubs state it, whether we compute it, and which short
form is its beginning. What else is said about kinds is derived from it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from reseen.records import DigestKind, Rung


class DigestScope(Enum):
    """What a digest is a digest of."""

    FILE = "file"
    """Every byte: two different files never share it."""
    WEAK = "weak"
    """Every byte, by a hash for which two files can be made that share it."""
    TENSORS = "tensors"
    """The weights, without the header or without names and order."""
    PART = "part"
    """Too short, or of too little, to prove anything."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of digest proves."""

    scope: DigestScope
    read: Rung
    """When we computed it from bytes."""
    stated: Rung
    """When a hub or an uploader states it."""
    hubs_state: bool = False
    """Hubs state it of their files."""
    computed: bool = True
    """We compute it from bytes."""
    teaches: bool = False
    """A file that has it is the claim's own, byte for byte, and may teach it more."""
    embedded: bool = False
    """Files state it of themselves, in their metadata."""
    short: DigestKind | None = None
    """The kind that is its beginning."""
    with_size: bool = False
    """It says something only of a file whose size is known, and is the claim's."""
    on_demand: bool = False
    """Computed where somebody asks for it: it is of use only where a hub states nothing better."""


_FILE = Rule(DigestScope.FILE, Rung.BYTES, Rung.DECLARED)
_TENSORS = Rule(DigestScope.TENSORS, Rung.TENSORS, Rung.DECLARED)
# Whoever made two files with one MD5 may have had one removed: bytes that were read prove no more.
_WEAK = Rule(DigestScope.WEAK, Rung.DECLARED, Rung.DECLARED, hubs_state=True, on_demand=True)
_PART = Rule(DigestScope.PART, Rung.HINT, Rung.HINT)
_CRC = replace(_PART, with_size=True, on_demand=True)

LADDER: Mapping[DigestKind, Rule] = {
    DigestKind.SHA256: replace(_FILE, hubs_state=True, teaches=True, short=DigestKind.AUTOV2),
    DigestKind.BLAKE3: replace(_FILE, teaches=True),
    DigestKind.XET: replace(_FILE, hubs_state=True, computed=False),
    # Passing for a removed file under SHA-1 takes a second preimage, which nobody can make.
    DigestKind.GIT_BLOB: replace(_FILE, hubs_state=True),
    DigestKind.DATA_SHA256: replace(_TENSORS, short=DigestKind.AUTOV3, embedded=True),
    DigestKind.TENSORS_BLAKE3: _TENSORS,
    DigestKind.SHA1: _WEAK,
    DigestKind.MD5: _WEAK,
    DigestKind.AUTOV1: replace(_PART, embedded=True),
    DigestKind.AUTOV2: _PART,
    DigestKind.AUTOV3: replace(_PART, embedded=True),
    DigestKind.CRC32: _PART,
    DigestKind.CRC64_NVME: _CRC,
    DigestKind.CRC32C: _CRC,
}
"""The surest first."""

WHOLE = tuple(k for k, rule in LADDER.items() if rule.scope is DigestScope.FILE and rule.computed)
"""Digests of the whole file that are computed from bytes: each can contradict a claim."""
WEAK = tuple(k for k, rule in LADDER.items() if rule.scope is DigestScope.WEAK)
OF_TENSORS = tuple(k for k, rule in LADDER.items() if rule.scope is DigestScope.TENSORS)
STATED_BY_HUBS = tuple(k for k, rule in LADDER.items() if rule.hubs_state)
LONG = tuple(k for k, rule in LADDER.items() if rule.scope is not DigestScope.PART)
"""Those that prove something, the surest first."""
PROVE = (*WHOLE, *OF_TENSORS)
"""Those that prove something when we computed them from bytes."""
COMPARED = (*PROVE, *WEAK)
"""Long ones that are computed from bytes."""
OF_BYTES = (*WHOLE, *WEAK)
"""Of these the digests of the whole file: which class a file is of, the weak ones tell as well."""
WITH_SIZE = tuple(k for k, rule in LADDER.items() if rule.with_size)
ON_DEMAND = tuple(k for k, rule in LADDER.items() if rule.on_demand)
"""Those that are computed only where they are asked for."""
TEACH = tuple(k for k, rule in LADDER.items() if rule.teaches)
EMBEDDED = tuple(k for k, rule in LADDER.items() if rule.embedded)
"""Those that files state of themselves: whatever they prove elsewhere, a hint."""
LONG_OF: Mapping[DigestKind, DigestKind] = {
    rule.short: kind for kind, rule in LADDER.items() if rule.short is not None
}
"""Short kinds, and the long ones that begin with them: not kept beside these."""


def bits(kinds: Iterable[DigestKind]) -> int:
    """A set of kinds as the bits of a number."""
    made = 0
    for kind in kinds:
        made |= 1 << kind
    return made


WHOLE_BITS = bits(WHOLE)
UNSURE_BITS = bits(WEAK) | bits(
    kind for kind, rule in LADDER.items() if rule.scope is DigestScope.FILE and not rule.computed
)
"""Digests of the whole file that nobody here computes (somebody's word, whatever was read), or that
two files can share."""


def contradicted(held: int, known: int, equal: int) -> bool:
    """Has a file one of a claim's digests of the whole file, and not another? As `bits`: the
    kinds that the claim has, those that are known of the file, those in which both agree. What
    is only ever stated, or weak, decides nothing: where it agrees, and nothing surer does, every
    other digest that is known must agree too; where it differs, the others are believed without
    it."""
    other = held & known & ~equal
    if equal & WHOLE_BITS:
        return bool(other & WHOLE_BITS)
    return bool(equal & UNSURE_BITS) and bool(other)


def contradicts(known: Mapping[DigestKind, bytes], claim: Mapping[DigestKind, bytes]) -> bool:
    """The same of the digests themselves. `known`: of a file; its short forms are made of the long
    ones."""
    told = dict(known)
    for short, long in LONG_OF.items():
        if short in claim and long in known:
            told[short] = known[long][: short.length]
    equal = (kind for kind, value in claim.items() if told.get(kind) == value)
    return contradicted(bits(claim), bits(told), bits(equal))


def is_beginning(one: bytes, other: bytes) -> bool:
    """Is one of two digests of the same bytes the beginning of the other, or the whole of it?"""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def size_allows(kind: DigestKind, claimed: int | None, size: int | None) -> bool:
    """May a short digest of a file be a hint at a claim, by their sizes? A digest of the file, or
    of a part of it, says nothing of a file of another size; one of its tensors does. A CRC says
    nothing without both sizes."""
    if LADDER[kind].with_size:
        return claimed is not None and claimed == size
    if claimed is None or size is None or claimed == size:
        return True
    long = LONG_OF.get(kind)
    return long is not None and LADDER[long].scope is DigestScope.TENSORS
