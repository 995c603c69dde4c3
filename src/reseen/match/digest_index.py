"""What equal digests prove: claims by what a hub declares, and by bytes that were read.

A claim gives a file nothing if the file has one of its digests of the whole file and not another;
what a Xet hash counts for beside others, `fingerprints.kinds` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace

from reseen.fingerprints.kinds import (
    LADDER,
    LONG_OF,
    WEAK,
    WITH_SIZE,
    bits,
    contradicted,
    size_allows,
)
from reseen.fingerprints.known_bogus import why_bogus
from reseen.match import evidence
from reseen.match.claim_entries import LENGTHS, POINTER
from reseen.match.claims_index import NOTHING, ClaimsIndex
from reseen.match.digest_table import Numbers
from reseen.match.evidence import gather
from reseen.match.ladder import ClaimFacts
from reseen.records import Artifact, Digest, DigestKind, Evidence, Fingerprint, Match, Rung

_RULES = [LADDER.get(DigestKind(n)) if n else None for n in range(len(LENGTHS))]
"""By kind: a list, since an enum's hash is computed in Python at every look-up."""
_LONG_OF = [LONG_OF.get(DigestKind(n)) if n else None for n in range(len(LENGTHS))]
_LABELS = {kind.label: kind for kind, rule in LADDER.items() if rule.read > Rung.HINT}

Proof = tuple[int, Evidence]
"""A claim (by number) and what speaks for it."""
Told = tuple[DigestKind, bytes]
Say = Callable[[DigestKind, bytes], Evidence]


@dataclass(frozen=True, slots=True, eq=False)
class Proofs:
    """What is known of a file, against the claims."""

    found: tuple[Proof, ...] = ()
    contradicted: tuple[int, ...] = ()
    """Claims (by number) that give it nothing: it has one of their digests, and not another."""


_NO_PROOFS = Proofs()
_SHA256, _XET, _GIT_BLOB = DigestKind.SHA256, DigestKind.XET, DigestKind.GIT_BLOB


@dataclass(frozen=True, slots=True, eq=False)
class DigestIndex(ClaimsIndex):
    """Matches by digests."""

    def match(self, artifact: Artifact) -> tuple[Match, ...]:
        """Matches by what the hub declares: rungs declared and pointer, strongest first."""
        if artifact.member:
            return ()
        find = self.find
        sha256, xet, oid = artifact.sha256, artifact.xet, artifact.git_oid
        by_sha256 = find(_SHA256, sha256) if sha256 else NOTHING
        by_xet = find(_XET, xet) if xet else NOTHING
        by_blob = find(_GIT_BLOB, oid) if oid and not artifact.lfs else NOTHING
        # Where the hub shows the SHA-256 the pointer's oid says nothing that it does not.
        by_pointer = find(POINTER, oid) if oid and not sha256 else NOTHING
        weak = [(d.kind, d.value, find(d.kind, d.value)) for d in artifact.others if d.kind in WEAK]
        by_weak = any(numbers for *_, numbers in weak)
        if not (by_sha256 or by_xet or by_blob or by_pointer or by_weak):
            return ()
        found: list[Proof] = []
        unsure = by_xet or by_blob or by_weak
        bad = self._contradicted(artifact) if unsure else frozenset[int]()
        for kind, value, numbers in (
            (DigestKind.SHA256, sha256, by_sha256),
            (DigestKind.XET, xet, by_xet),
            (DigestKind.GIT_BLOB, oid, by_blob),
            *weak,
        ):
            if value and numbers and why_bogus(Digest(kind, value)) is None:
                say = evidence.pointed if artifact.on_pointer else evidence.declared
                said = say(kind, value)
                found.extend((number, said) for number in numbers if number not in bad)
        if oid and by_pointer:
            said = evidence.pointer(oid)
            found.extend((number, said) for number in by_pointer)
        return self._gathered(found)

    def leads_with_size(self, artifact: Artifact) -> list[tuple[str, Evidence]]:
        """(removal, why): what a CRC that a store states says of a file of that size, where no long
        digest of the same claim does."""
        crcs = [digest for digest in artifact.others if digest.kind in WITH_SIZE]
        told = [(d, n) for d in crcs for n in self.find(d.kind, d.value)]
        if not told:
            return []
        bad = self._contradicted(artifact)
        long = (d for d in artifact.declared if not d.kind.is_short)
        known = {number for d in long for number in self.find(d.kind, d.value)}
        return [
            (self.removal(number), evidence.short(digest.kind, digest.value))
            for digest, number in told
            if number not in known
            and number not in bad
            and why_bogus(digest) is None
            and size_allows(digest.kind, self.size(number), artifact.size)
        ]

    def doubts(self, artifact: Artifact) -> bool:
        """Does the hub state one digest of a claim, and not another?"""
        return any(
            self.find(d.kind, d.value) for d in artifact.declared if d.kind is not _SHA256
        ) and bool(self._contradicted(artifact))

    def _contradicted(self, artifact: Artifact) -> Set[int]:
        """Claims (by number) of which the hub states one digest and not another."""
        told = {digest.kind: digest.value for digest in artifact.declared}
        for long in tuple(told):
            short = LADDER[long].short
            if short is not None:
                told[short] = told[long][: LENGTHS[short]]
        equal: dict[int, int] = {}
        for kind, value in told.items():
            for number in self.find(kind, value):
                equal[number] = equal.get(number, 0) | 1 << kind
        known = bits(told)
        return {n for n, same in equal.items() if contradicted(self.held(n), known, same)}

    def match_digests(self, fingerprint: Fingerprint) -> tuple[Match, ...]:
        """The same without the weights rung, which takes longer."""
        return self._gathered(self.proofs_read(fingerprint).found)

    def _gathered(self, found: Iterable[Proof]) -> tuple[Match, ...]:
        return gather((self.removal(number), why) for number, why in found)

    def proofs_read(self, fingerprint: Fingerprint) -> Proofs:
        """Claims by the digests of a file of which every byte was read."""
        told = [(d.kind, d.value) for d in fingerprint.digests if why_bogus(d) is None]
        proofs = self._sizes_said(self._proofs(told, fingerprint.size, evidence.read), fingerprint)
        if (pointer := fingerprint.pointer) is not None:
            said = self._proofs([(_SHA256, pointer.sha256)], pointer.size, evidence.pointed)
            proofs = replace(proofs, found=(*proofs.found, *said.found))
        more = self._embedded(fingerprint.embedded)
        return replace(proofs, found=(*proofs.found, *more)) if more else proofs

    def proofs_stated(
        self,
        digests: Sequence[Told],
        size: int | None,
        pointer: bytes | None,
        *,
        trusted: bool = False,
    ) -> Proofs:
        """Claims by what somebody states of one file. `trusted`: computed from the bytes."""
        proofs = self._proofs(digests, size, evidence.vouched if trusted else evidence.stated)
        # Where the SHA-256 is stated the pointer's oid says nothing that it does not.
        if any(kind == _SHA256 for kind, _ in digests):
            return proofs
        oids = [value for kind, value in digests if kind == _GIT_BLOB]
        if pointer is not None:
            oids.append(pointer)
        more = [
            (number, evidence.pointer(oid)) for oid in oids for number in self.find(POINTER, oid)
        ]
        return replace(proofs, found=(*proofs.found, *more)) if more else proofs

    def _proofs(self, digests: Sequence[Told], size: int | None, say: Say) -> Proofs:
        """Claims by several digests of one file, believed as a whole or not at all."""
        found: list[Proof] | None = None
        equal: dict[int, int] | None = None
        for kind, value in digests:
            numbers = self.find(kind, value)
            rule, long = _RULES[kind], _LONG_OF[kind]
            assert rule is not None
            short = rule.short
            hints: Numbers = NOTHING
            if short is not None:
                hints = self.find(short, value[: LENGTHS[short]])
            elif long is not None:
                hints, numbers = numbers, NOTHING
                if all(each != long for each, _ in digests):
                    hints = [*hints, *self.starting(long, value)]
            elif rule.read is Rung.HINT:
                hints, numbers = numbers, NOTHING
            if not numbers and not hints:
                continue
            if why_bogus(Digest(kind, value)) is not None:
                continue
            found = [] if found is None else found
            equal = {} if equal is None else equal
            if numbers:
                said = say(kind, value)
                for number in numbers:
                    found.append((number, said))
                    equal[number] = equal.get(number, 0) | 1 << kind
            if hints:
                of = short or kind
                said = evidence.short(of, value[: LENGTHS[of]])
                for number in hints:
                    equal[number] = equal.get(number, 0) | 1 << of
                found.extend(
                    (number, said) for number in hints if size_allows(of, self.size(number), size)
                )
        if found is None or equal is None:
            return _NO_PROOFS
        known = bits(of for kind, _ in digests for of in (kind, LADDER[kind].short) if of)
        bad = {n for n, same in equal.items() if contradicted(self.held(n), known, same)}
        if bad:
            found = [each for each in found if each[0] not in bad]
        return Proofs(tuple(found), tuple(sorted(bad)))

    def _sizes_said(self, proofs: Proofs, read: Fingerprint) -> Proofs:
        """The same, with a word where a claim of the same bytes gives them another size: for all
        claims of that removal, whichever comes first."""
        false = {
            self.removal(number)
            for number, why in proofs.found
            if why.rung is Rung.BYTES and self.size(number) not in (None, read.size)
        }
        if not false:
            return proofs
        found = [
            (n, evidence.size_is_false(why))
            if why.rung is Rung.BYTES and self.removal(n) in false
            else (n, why)
            for n, why in proofs.found
        ]
        return replace(proofs, found=tuple(found))

    def _embedded(self, embedded: Iterable[Digest]) -> list[Proof]:
        found: list[Proof] = []
        for digest in embedded:
            if why_bogus(digest) is not None:
                continue
            kind, value = digest.kind, digest.value
            numbers = list(self.find(kind, value))
            rule, long = LADDER[kind], LONG_OF.get(kind)
            if long is not None:
                numbers += self.starting(long, value)
            elif rule.short is not None:
                numbers += self.find(rule.short, value[: rule.short.length])
            if numbers:
                said = evidence.embedded(kind, value)
                found.extend((number, said) for number in numbers)
        return found

    def claims(self, match: Match) -> tuple[ClaimFacts, ...]:
        """The removal's claims that the match's digests name: what a header must agree with.
        Their own digests are left out."""
        numbers: set[int] = set()
        for e in match.evidence:
            kind = POINTER if e.kind == "pointer" else _LABELS.get(e.kind)
            if kind is not None:
                numbers.update(self.find(kind, bytes.fromhex(e.value)))
        mine = sorted(number for number in numbers if self.removal(number) == match.removal)
        return tuple(self.claim(number) for number in mine)
