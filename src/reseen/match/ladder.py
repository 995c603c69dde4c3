"""The ladder of evidence: what a file is by the claims about one removal.

The table of `fingerprints.kinds` says what each kind of digest proves. Everything that matches goes
by it: the index in memory, the past in SQL, the gate. Pure: values in, values out.

A claim is believed as a whole or not at all: where a file of which every byte was read has one of
its digests of the whole file and contradicts another, the claim gives that file nothing. A Xet hash
is computed nowhere here, and two files can share an MD5 or SHA-1: these count only where no other
digest of the claim is another than the file's, as read or as stated; they never make what a hub
states false.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import (
    COMPARED,
    LADDER,
    LONG_OF,
    OF_TENSORS,
    PROVE,
    STATED_BY_HUBS,
    WEAK,
    WHOLE,
    contradicts,
    is_beginning,
    size_allows,
)
from reseen.fingerprints.known_bogus import why_bogus
from reseen.match import evidence
from reseen.records import (
    Confirmed,
    Container,
    Digest,
    DigestKind,
    Evidence,
    RemovalClass,
    Rung,
)

DOUBT = "what is served is not what the hub states: "
"""How the problem of a reading begins that raises a doubt about all that is declared of the
file."""

_SHORT = frozenset(kind for kind, rule in LADDER.items() if rule.read is Rung.HINT)
_SHORT_LABELS = frozenset(kind.label for kind in _SHORT)
_NO_WEIGHTS = {Container.UNKNOWN, Container.LFS_POINTER, Container.PNG, Container.WEBP}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header told."""

    container: Container | None
    data_size: int | None
    layout: bytes | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """What a claim in force says of a file."""

    digests: Mapping[DigestKind, bytes]
    size: int | None = None
    container: Container | None = None
    data_size: int | None = None
    layout: bytes | None = None
    learned: bool = False
    """Computed from bytes that were read."""

    def outside(self, *, weights: bool = False) -> ClaimFacts:
        """The same, but for what it says of the inside of the file. `weights`: the digests of its
        weights count all the same."""
        said = self.digests.items()
        digests = {kind: v for kind, v in said if weights or kind not in OF_TENSORS}
        return replace(self, digests=digests, data_size=None, layout=None)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file at a hub."""

    size: int | None
    declared: Mapping[DigestKind, bytes]
    """What the hub states."""
    pointer: bytes | None = None
    """Git's name for the LFS pointer, where the hub hides the SHA-256."""
    read: Mapping[DigestKind, bytes] | None = None
    """Computed from every byte; None where not every byte was read."""
    header: Header | None = None
    """None where it was not read."""
    on_pointer: bool = False
    """A Git LFS pointer on a disk is what states it."""
    on_disk: bool = False
    """It stands on a disk here: what is declared of it was computed from its bytes."""
    alone: bool = False
    """Only its digests count, whatever was read of it: another removal that it is of is of the
    class that is never read."""
    in_archive: bool = False
    """It stands in an archive of that class: nobody knows what is in that one."""
    by_weights: bool = False
    """A digest of its weights is what tells that: those count too."""
    embedded: tuple[Digest, ...] = ()
    """What its header states of itself, in order; empty also where nobody kept that."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a file is to a removal, by all its claims in force."""

    rung: Rung
    confirmed: Confirmed
    evidence: tuple[Evidence, ...]
    """Strongest first; what was refuted last."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What one claim gives a file."""

    evidence: tuple[Evidence, ...] = ()
    refuted: tuple[Evidence, ...] = ()
    false_size: bool = False
    """Its bytes are the file's, and its size is not."""


def judge(
    file: FileFacts,
    claims: Iterable[ClaimFacts],
    more: Iterable[Evidence] = (),
    cls: RemovalClass = RemovalClass.OTHER,
) -> Judgement | None:
    """What a file is to a removal; None where nothing in force speaks of it. `more`: evidence found
    elsewhere (likeness of weights, hints by names and by what the file says of itself). Of the
    class that is never read only what hubs state counts; where they state nothing of a file, its
    digests do: those of the whole of it, and those of its weights where these are all that tells
    its class. Of other removals such a file has its digests alone."""
    if file.in_archive:
        return None
    claims = tuple(claims)
    if cls.never_read:
        file = _stated_alone(file, claims)
    elif file.alone:
        file = _digests_alone(file)
    if cls.never_read or file.alone:
        more = [e for e in more if e.rung is Rung.HINT and e.kind not in evidence.BY_WEIGHTS]
    anew = _SHORT_LABELS | evidence.BY_EMBEDDED if file.embedded else _SHORT_LABELS
    more = [
        *(e for claim in claims for e in _short(file, claim)),
        *_embedded(file, claims),
        *(e for e in more if e.rung is not Rung.HINT or e.kind not in anew),
    ]
    found = [_by_claim(file, claim) for claim in claims]
    proofs = _once(e for one in found for e in one.evidence)
    if any(one.false_size for one in found):
        # said whichever claim comes first
        proofs = [evidence.size_is_false(e) if e.rung is Rung.BYTES else e for e in proofs]
    refuted = _once(e for one in found for e in one.refuted)
    strongest = max((e.rung for e in proofs), default=Rung.HINT)
    # What the same bytes prove needs no likeness beside it.
    proofs = _once([*proofs, *(e for e in more if e.rung <= Rung.HINT or strongest <= e.rung)])
    if not proofs and not refuted:
        return None
    rung = max((e.rung for e in proofs), default=Rung.REFUTED)
    if rung is Rung.HINT and refuted:
        rung = Rung.REFUTED
    if cls.never_read or (file.alone and file.read is None):
        stated = (Rung.DECLARED, Rung.POINTER)
        proofs = [evidence.never_read(e) if e.rung in stated else e for e in proofs]
    every = sorted([*proofs, *refuted], key=lambda e: (-e.rung, order_of(e.kind)))
    return Judgement(rung, _confirmed(rung, file, claims), tuple(every))


def _stated_alone(file: FileFacts, claims: Iterable[ClaimFacts]) -> FileFacts:
    if any(True for claim in claims for _ in _stated(file, claim)):
        return replace(file, read=None, header=None)
    return _digests_alone(file)


def _digests_alone(file: FileFacts) -> FileFacts:
    counted: dict[DigestKind, bytes] | None = None
    if file.read is not None:
        kinds = (*(PROVE if file.by_weights else WHOLE), *WEAK)
        counted = {kind: value for kind, value in file.read.items() if kind in kinds}
    return replace(file, read=counted, header=None)


def header_agrees(claims: Iterable[ClaimFacts], size: int | None, header: Header) -> bool:
    """Is a file with this header consistent with what is claimed of the removed file? What was
    computed from bytes must agree; of what lists say, one claim must."""
    claims = tuple(claims)
    if any(claim.learned and not _agrees(claim, size, header) for claim in claims):
        return False
    return any(_agrees(claim, size, header) for claim in claims)


def order_of(kind: str) -> tuple[int, str]:
    """Kinds of evidence in the order in which people know them: SHA-256 first."""
    known = _ORDER.get(kind)
    return (len(_ORDER), kind) if known is None else (known, "")


_ORDER = {kind.label: number for number, kind in enumerate(LADDER)}


def _by_claim(file: FileFacts, claim: ClaimFacts) -> _Found:
    said, read = claim.digests, file.read
    if read is None:
        return _Found(evidence=tuple(_stated(file, claim)))
    if contradicts(read, said):
        return _Found()
    proofs = [
        evidence.read(kind, read[kind])
        for kind in COMPARED
        if kind in said and read.get(kind) == said[kind]
    ]
    same = any(e.rung is Rung.BYTES for e in proofs)
    false_size = same and None not in (claim.size, file.size) and claim.size != file.size
    refuted: list[Evidence] = []
    other = any(kind in said and kind in read and not same for kind in WHOLE)
    for e in _stated(file, claim):
        if not same and _is_false(e, file):
            refuted.append(evidence.refuted(e))
        elif same or not other:
            proofs.append(e)
    return _Found(tuple(proofs), tuple(refuted), false_size)


def _short(file: FileFacts, claim: ClaimFacts) -> Iterator[Evidence]:
    """Short digests of a claim that begin what is known of the file, or were computed of it; none
    of a claim that a long one speaks for."""
    said, read = claim.digests, file.read or {}
    known = {**file.declared, **read}
    shorts = [kind for kind in said if kind in _SHORT]
    if not shorts or contradicts(known, said):
        return
    if any(known.get(kind) == value for kind, value in said.items() if kind not in _SHORT):
        return
    for kind in shorts:
        long, value = LONG_OF.get(kind), known.get(kind)
        if long is not None and long in known:
            value = known[long][: kind.length]
        same = value == said[kind] and why_bogus(Digest(kind, said[kind])) is None
        if same and size_allows(kind, claim.size, file.size):
            yield evidence.short(kind, said[kind])


def _embedded(file: FileFacts, claims: Collection[ClaimFacts]) -> Iterator[Evidence]:
    """Digests of these claims that the file states of itself, as long as or shorter than they are.
    What is in a file of the class that is never read counts for nothing."""
    for digest in () if file.alone else file.embedded:
        alike = [digest.kind, LADDER[digest.kind].short, LONG_OF.get(digest.kind)]
        said = (claim.digests.get(kind) for kind in alike if kind for claim in claims)
        if any(value and is_beginning(value, digest.value) for value in said):
            yield evidence.embedded(digest.kind, digest.value)


def _stated(file: FileFacts, claim: ClaimFacts) -> Iterable[Evidence]:
    said = claim.digests
    doubted = contradicts({**file.declared, **(file.read or {})}, said)
    for kind in STATED_BY_HUBS:
        value = file.declared.get(kind)
        if doubted and (file.read is None or kind not in WHOLE):
            continue
        if value is not None and said.get(kind) == value:
            yield _saying(file)(kind, value)
    sha256 = said.get(DigestKind.SHA256)
    known = file.pointer is not None and sha256 is not None and claim.size is not None
    if known and pointer_oid(sha256 or b"", claim.size or 0) == file.pointer:
        yield evidence.pointer(file.pointer or b"")


def _saying(file: FileFacts) -> Callable[[DigestKind, bytes], Evidence]:
    if file.on_disk:
        return evidence.on_disk
    return evidence.pointed if file.on_pointer else evidence.declared


def _is_false(stated: Evidence, file: FileFacts) -> bool:
    """Have the bytes another digest than the hub states?"""
    assert file.read is not None
    if stated.kind == "pointer":
        sha256 = file.read.get(DigestKind.SHA256)
        return (
            sha256 is not None
            and file.size is not None
            and pointer_oid(sha256, file.size) != file.pointer
        )
    kind = DigestKind.of(stated.kind)
    return kind in file.read and file.read[kind] != file.declared[kind]


def _confirmed(rung: Rung, file: FileFacts, claims: tuple[ClaimFacts, ...]) -> Confirmed:
    if rung is Rung.REFUTED:
        return Confirmed.CONTRADICTED
    if rung >= Rung.TENSORS:
        return Confirmed.BYTES
    if rung in (Rung.WEIGHTS, Rung.COMPONENT):
        return Confirmed.HEADER  # the header and all modules were read, not every byte
    if file.header is None:
        return Confirmed.NONE
    speaking = [claim for claim in claims if any(True for _ in _stated(file, claim))]
    agrees = header_agrees(speaking, file.size, file.header)
    return Confirmed.HEADER if agrees else Confirmed.DOUBTFUL


def _agrees(claim: ClaimFacts, size: int | None, header: Header) -> bool:
    """Where the claim says little, it must at least be a container of weights that can be read."""
    if header.problem is not None and header.problem.startswith(DOUBT):
        return False
    if claim.size is not None and size is not None and claim.size != size:
        return False
    if claim.container is not None and claim.container is not header.container:
        return False
    if claim.data_size is not None and claim.data_size != header.data_size:
        return False
    if claim.layout is not None:
        return claim.layout == header.layout
    if claim.container is not None:
        return True
    broken = header.container is Container.SAFETENSORS and header.problem is not None
    return header.container not in _NO_WEIGHTS and not broken


def _once(found: Iterable[Evidence]) -> list[Evidence]:
    """One for each rung and kind, the first that came."""
    once: dict[tuple[Rung, str], Evidence] = {}
    for e in found:
        once.setdefault((e.rung, e.kind), e)
    return list(once.values())
