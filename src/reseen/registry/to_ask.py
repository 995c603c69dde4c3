"""What of the registry a hub may be asked by hash: the one place that says so.

A question tells whom it is put to what is hunted. So digests alone go out, of removals in force;
where nobody switched more on, only those of rows whose former link is at the hub itself. Of the
class that is never read nothing goes out: no digest of such a removal, of a file that is one of
theirs by any digest or by what was read, or of what stands at one of their links. That is asked
anew before each question (`refused`), for a class may be said meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from reseen.fingerprints.kinds import COMPARED, WITH_SIZE
from reseen.fingerprints.known_bogus import why_bogus
from reseen.records import Digest, DigestKind
from reseen.registry import same_files, same_links
from reseen.registry.claims import LISTED
from reseen.registry.removals import ids_of
from reseen.store import schema
from reseen.store.database import chunks


@dataclass(frozen=True, slots=True)
class ToAsk:
    """Digests that a hub may be asked for."""

    kind: DigestKind
    removals: dict[bytes, set[int]] = field(default_factory=dict)
    """By digest: the removals (by pk) that it is of."""
    lists: dict[str, int] = field(default_factory=dict)
    """How many of the digests each list gives, by the list's name."""
    never_sent: int = 0
    """How many more it would be, were they not of the class that is never read."""
    too_new: int = 0
    """How many more it would be, had their removals been here for longer."""

    def ids(self, connection: Connection, digests: Iterable[bytes] | None = None) -> list[str]:
        """The removals, by id, of these digests or of all."""
        wanted = self.removals if digests is None else digests
        pks = sorted({pk for digest in wanted for pk in self.removals[digest]})
        return [id for some in chunks(pks) for id in ids_of(connection, list(some))]


def to_ask(
    connection: Connection, kind: DigestKind, site: str | None, *, before: int | None = None
) -> ToAsk:
    """Of all removals in force; with a site, of rows of lists whose link is there. `before`: only
    of those that were here by then (as the store tells time)."""
    d, c, r, lists = schema.digests.c, schema.claims.c, schema.removals.c, schema.lists.c
    query = (
        select(d.value, c.removal_pk, lists.name, r.added_at)
        .select_from(schema.digests)
        .join(schema.claims, c.pk == d.claim_pk)
        .join(schema.removals, r.pk == c.removal_pk)
        .outerjoin(schema.lists, lists.pk == c.list_pk)
        .where(d.kind == int(kind), c.in_force == 1, r.withdrawn_at.is_(None))
    )
    if site is not None:
        query = query.where(c.site == site, c.source == LISTED)
    found: dict[bytes, set[int]] = {}
    given: set[tuple[str, bytes]] = set()
    newer: set[bytes] = set()
    for value, removal_pk, name, added_at in connection.execute(query):
        digest = bytes(value)
        if why_bogus(Digest(kind, digest)) is not None:
            continue
        if before is not None and added_at > before:
            newer.add(digest)
        else:
            found.setdefault(digest, set()).add(removal_pk)
            if name is not None:
                given.add((name, digest))
    never_sent = refused(connection, kind, found)
    for digest in never_sent:
        del found[digest]
    by_list = Counter(name for name, digest in given if digest in found)
    too_new = newer - found.keys() - never_sent
    too_new -= refused(connection, kind, too_new)
    return ToAsk(kind, found, by_list, len(never_sent), len(too_new))


def sizes(connection: Connection, kind: DigestKind) -> dict[tuple[bytes, int], set[int]] | None:
    """By digest and removal (by pk): the sizes that claims in force give with it; None for a kind
    that says something without."""
    if kind not in WITH_SIZE:
        return None
    d, c = schema.digests.c, schema.claims.c
    query = (
        select(d.value, c.removal_pk, c.size)
        .join(schema.claims, c.pk == d.claim_pk)
        .where(d.kind == int(kind), c.in_force == 1, c.size.is_not(None))
    )
    found: dict[tuple[bytes, int], set[int]] = {}
    for value, pk, size in connection.execute(query):
        found.setdefault((bytes(value), pk), set()).add(size)
    return found


def refused(connection: Connection, kind: DigestKind, digests: Iterable[bytes]) -> set[bytes]:
    """Those of these digests that are of the class that is never read: nobody is asked for them."""
    such = same_links.of_class(connection)
    if not such:
        return set()
    d, c = schema.digests.c, schema.claims.c
    refused: set[bytes] = set()
    of_kind = select(d.value).join(schema.claims, c.pk == d.claim_pk).where(d.kind == int(kind))
    for some in chunks(sorted(such | same_links.at_links(connection, such))):
        theirs = of_kind.where(c.removal_pk.in_(some))
        refused.update(bytes(value) for value in connection.scalars(theirs))
    about = of_kind.where(same_files.is_about_such(c.pk))
    refused.update(bytes(value) for value in connection.scalars(about))
    refused |= _read_of_such(connection, kind)
    return refused & set(digests)


def _read_of_such(connection: Connection, kind: DigestKind) -> set[bytes]:
    """Digests of files that reading told to be of that class, and what hubs state of them."""
    read, a = schema.read_digests.c, schema.artifacts.c
    such = select(read.artifact_pk).where(
        read.kind.in_([int(each) for each in COMPARED]),
        same_files.is_of_class(read.kind, read.value),
    )
    pks = set(connection.scalars(such.distinct()))
    found: set[bytes] = set()
    for some in chunks(sorted(pks)):
        computed = select(read.value).where(read.artifact_pk.in_(some), read.kind == int(kind))
        found.update(bytes(value) for value in connection.scalars(computed))
        if kind is DigestKind.SHA256:
            stated = select(a.sha256).where(a.pk.in_(some), a.sha256.is_not(None))
            found.update(bytes(value) for value in connection.scalars(stated))
    return found
