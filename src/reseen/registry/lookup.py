"""`lookup`: from what a person has (name, link, digest, id) to removals and their sightings.

What comes in: one string, whatever it is; every reading of it that makes sense is tried. What goes
out: the removals it names, how, and where they were re-seen. Nothing sealed goes out. Without the
key digests and ids are still found, and the answer says what was not searched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select

from reseen.fingerprints.kinds import LONG, LONG_OF
from reseen.observed import sightings
from reseen.records import DigestKind, Removal, Sighting
from reseen.registry import removals
from reseen.store import links, schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring, SealedField

_ID = re.compile(r"(?:rm|sg)-[0-9a-z]{4,20}\Z")
_HEX = re.compile(r"[0-9a-f]{8,64}\Z")
_LABELLED = re.compile(r"(?:([a-z0-9-]{2,16})\s*[:=]\s*+)?(?:0x)?([0-9a-f\s]+)\Z")

_BY_LENGTH = {
    digits: [kind for kind in DigestKind if kind.length * 2 == digits]
    for digits in {kind.length * 2 for kind in DigestKind}
}

_PREFIXED = tuple(kind for kind in LONG if kind.length == 32)
"""Digests that people and tools cut short: AutoV2 is 10 digits of SHA-256, AutoV3 is 12 of the data
section's, and such short forms are not stored beside the long ones."""

_SHORT = {long: (short.label,) for short, long in LONG_OF.items()}

_HOW = {
    SealedField.NAME: "its name",
    SealedField.FILE_NAME: "the name of one of its files",
    SealedField.LINK: "its former link",
    SealedField.MODEL: "its model id",
    SealedField.VERSION: "its version id",
    SealedField.SOURCE: "what its list says of it",
}


@dataclass(frozen=True, slots=True)
class FoundRemoval:
    """A removal that the query names."""

    removal: Removal
    how: tuple[str, ...]
    """What matched: "its name", "the first 10 digits of its sha256" ...; never a sealed value."""
    sightings: tuple[Sighting, ...]


_WHOLE = 40  # digits of the shortest digest of a whole file: git's SHA-1


@dataclass(frozen=True, slots=True)
class LookupResult:
    """Everything that was found, and what was not looked at."""

    found: tuple[FoundRemoval, ...]
    not_searched: str | None = None
    """What was left out and why ("names and links: the key is not here")."""
    more: bool = False
    """There were more than the limit."""


@dataclass(frozen=True, slots=True)
class NamedRemovals:
    """The removals that a query names, by digest or by what is sealed."""

    how: Mapping[int, tuple[str, ...]]
    """By pk, in order: what matched. At most as many as were asked for."""
    by_name: bool
    """Names and links were looked for."""
    left_out: bool
    """They would have been, and there was no key to do it with."""
    more: bool


def find(store: Store, keyring: Keyring | None, query: str, *, limit: int = 100) -> LookupResult:
    """Everything that the query names, whatever it is; at most `limit` removals."""
    query = query.strip()
    with store.read() as connection:
        if _ID.match(query.lower()):
            return LookupResult(_by_id(connection, query.lower()))
        named = removals_named(connection, keyring, query, most=limit)
        found = removals.by_pks(connection, named.how)
        seen = sightings.of_removals(connection, [removal.id for removal in found])
        return LookupResult(
            found=tuple(
                FoundRemoval(removal, how, tuple(seen.get(removal.id, ())))
                for how, removal in zip(named.how.values(), found, strict=True)
            ),
            not_searched=(
                "names and links: they are sealed, and the key is not here"
                if named.left_out
                else None
            ),
            more=named.more,
        )


def removals_named(
    connection: Connection, keyring: Keyring | None, query: str, *, most: int
) -> NamedRemovals:
    """The removals that a digest, a name or a link names. `keyring` None: names and links are not
    looked for, and nothing that is sealed is asked."""
    how: dict[int, list[str]] = defaultdict(list)
    query = query.strip()
    sealed = bool(query) and not _is_whole_digest(query)
    link = links.parse(query)
    _by_digest(connection, link.hash if link and link.hash else query, how)
    if keyring is not None and query:
        _by_name(connection, keyring, query, how)
    pks = sorted(how)
    return NamedRemovals(
        how={pk: tuple(dict.fromkeys(how[pk])) for pk in pks[:most]},
        by_name=keyring is not None and bool(query),
        left_out=keyring is None and sealed,
        more=len(pks) > most,
    )


def _by_id(connection: Connection, id: str) -> tuple[FoundRemoval, ...]:
    """Raises NotFound: whoever writes an id means that one."""
    if id.startswith("sg-"):
        sighting = sightings.by_id(connection, id)
        removal = removals.by_id(connection, sighting.removal)
        return (FoundRemoval(removal, ("the id of one of its sightings",), (sighting,)),)
    removal = removals.by_id(connection, id)
    seen = sightings.of_removals(connection, [removal.id]).get(removal.id, ())
    return (FoundRemoval(removal, ("its id",), tuple(seen)),)


def _hex_of(query: str) -> tuple[str | None, str]:
    """The kind of digest that it names, if any, and its digits; none where it is no digest."""
    labelled = _LABELLED.match(query.strip().lower())
    hex = "" if labelled is None else "".join(labelled[2].split())
    if labelled is None or not _HEX.match(hex):
        return None, ""
    return labelled[1], hex


def _is_whole_digest(query: str) -> bool:
    """A digest that is no short one is nobody's name."""
    return len(_hex_of(query)[1]) >= _WHOLE


_WHOLE_LENGTHS = frozenset(kind.length * 2 for kind in LONG)


def is_part_of_digest(query: str) -> bool:
    """Whether it is read as a short digest, or as the beginning of a longer one: whoever may try
    many of those guesses digests, digit by digit."""
    link = links.parse(query)
    _, hex = _hex_of(link.hash if link and link.hash else query)
    return bool(hex) and len(hex) not in _WHOLE_LENGTHS


def _by_digest(connection: Connection, query: str, how: dict[int, list[str]]) -> None:
    label, hex = _hex_of(query)
    if not hex:
        return
    table, claims = schema.digests.c, schema.claims.c
    exact = [kind for kind in _BY_LENGTH.get(len(hex), ()) if label in (None, kind.label)]
    cut = [k for k in _PREFIXED if len(hex) < 64 and label in (None, k.label, *_SHORT.get(k, ()))]
    ways = []
    if exact:
        kinds = [int(kind) for kind in exact]
        ways.append(and_(table.kind.in_(kinds), table.value == bytes.fromhex(hex)))
    if cut:
        # A range of the key, so that an index serves it: from hex000... to hexfff...
        first, last = bytes.fromhex(hex.ljust(64, "0")), bytes.fromhex(hex.ljust(64, "f"))
        kinds = [int(kind) for kind in cut]
        ways.append(and_(table.kind.in_(kinds), table.value.between(first, last)))
    if not ways:
        return
    rows = connection.execute(
        select(claims.removal_pk, table.kind, table.value)
        .join(schema.claims, claims.pk == table.claim_pk)
        .where(or_(*ways))
        .order_by(claims.removal_pk, table.kind)
        .limit(10_000)
    )
    for removal_pk, number, value in rows:
        kind = DigestKind(number)
        part = "" if len(value) * 2 == len(hex) else f"the first {len(hex)} digits of "
        how[removal_pk].append(f"{part}its {kind.label}")


def _by_name(
    connection: Connection, keyring: Keyring, query: str, how: dict[int, list[str]]
) -> None:
    link = links.parse(query)
    if link is not None and link.version_id:
        token = keyring.token(SealedField.VERSION, link.version_id)
        words = "its former link" if link.model_id else "its version id, from the link"
        if _by_token(connection, [token], link.site, how, words):
            return
    if link is not None and link.model_id:
        token = keyring.token(SealedField.MODEL, link.model_id)
        other = ", in another version or none that is known" if link.version_id else ""
        _by_token(connection, [token], link.site, how, f"its model id, from the link{other}")
    elif link is not None:
        _by_token(connection, [keyring.token(SealedField.LINK, query)], None, how, None)
    if link is None:
        fields = [SealedField.NAME, SealedField.FILE_NAME]
        if query.isascii() and query.isdigit():
            fields += [SealedField.MODEL, SealedField.VERSION]
        _by_token(connection, [keyring.token(f, query) for f in fields], None, how, None)


def _by_token(
    connection: Connection,
    tokens: list[bytes],
    site: str | None,
    how: dict[int, list[str]],
    words: str | None,
) -> bool:
    """Whether anything stands under one of the tokens; at `site` or at no known one, if given."""
    table, claims = schema.sealed_index.c, schema.claims.c
    query = (
        select(claims.removal_pk, table.field)
        .join(schema.claims, claims.pk == table.claim_pk)
        .where(table.token.in_(tokens))
        .order_by(claims.removal_pk, table.field)
        .limit(10_000)
    )
    if site is not None:
        query = query.where(or_(claims.site == site, claims.site.is_(None)))
    rows = connection.execute(query).all()
    for removal_pk, field in rows:
        how[removal_pk].append(words or _HOW[SealedField(field)])
    return bool(rows)
