"""Leads from short hashes: an AutoV2 that begins a SHA-256 which a hub states.

What comes in: the store. What goes out: removals of which no full SHA-256 is known, with the files
whose stated one begins as their AutoV2 does, and how likely that is by accident. A lead accuses
nobody: it is no sighting, stands in no case and no notice, and the gate lets it through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.fingerprints.known_bogus import why_bogus
from reseen.observed import artifacts
from reseen.records import Artifact, Digest, DigestKind
from reseen.store.schema import claims, digests, removals

DIGITS = 2 * DigestKind.AUTOV2.length


@dataclass(frozen=True, slots=True)
class ShortLead:
    """A file that may be worth a person's look."""

    removal: str
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class ShortLeads:
    """All leads from short hashes, and what they are worth."""

    found: tuple[ShortLead, ...]
    short: int
    """AutoV2s that were looked for: of removals that hold no SHA-256 which they begin."""
    stated: int
    """Different SHA-256s that hubs stated."""
    more: bool = False
    """There are more than the limit."""

    @property
    def by_accident(self) -> float:
        """How many leads of strangers are to be expected, were all digits drawn by chance."""
        return self.short * self.stated / float(1 << 4 * DIGITS)


def find(connection: Connection, *, limit: int = 1_000) -> ShortLeads:
    """The leads among all files that were seen, by removal."""
    wanted = _short(connection)
    stated = artifacts.count_stated(connection)
    found: list[ShortLead] = []
    for value in sorted(wanted):
        for artifact in artifacts.stating(connection, value, limit + 1):
            found.extend(ShortLead(removal, artifact) for removal in sorted(wanted[value]))
        if len(found) > limit:
            break
    found.sort(key=lambda lead: (lead.removal, lead.artifact.hub, lead.artifact.repo))
    return ShortLeads(tuple(found[:limit]), len(wanted), stated, len(found) > limit)


def _short(connection: Connection) -> dict[bytes, set[str]]:
    """AutoV2 -> the removals in force (by id) that have it and no SHA-256 that begins so."""
    d, c, r = digests.c, claims.c, removals.c

    def having(kind: DigestKind) -> Iterator[tuple[str, bytes]]:
        query = (
            select(r.id, d.value)
            .join(claims, c.pk == d.claim_pk)
            .join(removals, r.pk == c.removal_pk)
            .where(d.kind == int(kind), c.in_force == 1, r.withdrawn_at.is_(None))
        )
        for id, value in connection.execute(query):
            yield id, bytes(value)

    wanted: defaultdict[bytes, set[str]] = defaultdict(set)
    for id, value in having(DigestKind.AUTOV2):
        if why_bogus(Digest(DigestKind.AUTOV2, value)) is None:
            wanted[value].add(id)
    if wanted:
        for id, value in having(DigestKind.SHA256):
            wanted.get(value[: DigestKind.AUTOV2.length], set()).discard(id)
    return {value: ids for value, ids in wanted.items() if ids}
