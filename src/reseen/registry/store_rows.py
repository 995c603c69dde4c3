"""What became of drafts -> rows of the store, in bulk.

Rows are written in the order of the tables' keys, so that their trees grow at one end; what takes
computing (sealing, tokens) is made in slices on another core, while this one writes.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import Any

from sqlalchemy import Connection, select

from reseen.observed import further, sketches
from reseen.observed import rows as kept_rows
from reseen.registry import claim_moves, claims
from reseen.registry.beside import beside
from reseen.registry.claim_lines import ClaimLines
from reseen.registry.claims import LISTED
from reseen.registry.days import days
from reseen.registry.draft import Draft
from reseen.registry.known import key_token
from reseen.registry.merge import Merged, RemovalDraft
from reseen.registry.removals import DIGEST_COLUMNS, TOKEN_COLUMNS, kept, new_ids
from reseen.store import change_log, schema
from reseen.store.database import insert_many, insert_packed, now, reserve
from reseen.store.sealing import Keyring, SealedField

_INDEXED = "16sqB"
"""A row of the index, packed: token, pk, field. Sorted as bytes, such are in the order of its
key."""
_DIGESTS = Struct(">BBQ")
"""Kind, length of each, how many: before the digests of a kind, each with its pk."""
_MANY = 20_000
"""Claims from which on a second process pays."""
_SLICE = 25_000
"""Claims that are sealed at once."""
_LONG_SLICE = 100_000
"""Claims whose tokens are put in order at once: the longer, the fewer times the tree is walked."""


@dataclass(slots=True)
class _Rows:
    """Claims to be written, as the list had them in memory: to look at them in any other order is
    much slower."""

    drafts: list[Draft]
    standings: list[RemovalDraft]
    """The removals that they are about."""
    withdrawn: list[bool]
    moment: int
    order: Sequence[int] = ()
    """Positions in the order of the pks."""
    places: Sequence[int] = ()
    """At which place of that order each position stands."""
    pks: Sequence[int] = ()
    """In that order."""


def write(
    connection: Connection, keyring: Keyring, merged: Merged, lines: ClaimLines
) -> frozenset[int]:
    """Write what became of drafts: removals, claims, digests, sketches and tokens. `lines` are told
    what the audit line must cover. Returns the removals (by pk) of which something was written."""
    # Numbered in the order of their digests, and the ids drawn for them sorted too: then every tree
    # but the tokens' grows at one end, and neither pk nor id tells the order of the list.
    new = merged.new
    changed = [merged.changed[pk] for pk in sorted(merged.changed)]
    ids = sorted(new_ids(connection, len(new))) if new else []
    pks = reserve(connection, schema.removals, len(new)) if new else ()
    order = _order([_first_digest(each) for each in new])
    numbers = _inverse(order)
    for standing, number in zip(new, numbers, strict=True):
        standing.pk, standing.id = pks[number], ids[number]
    both = (*new, *changed)
    out: list[bool] = []
    for standing in both:
        lists = {draft.list_name for draft in standing.new} if standing.claims else ()
        stay = {name for name in lists if standing.stays_withdrawn(name)}
        out += [draft.list_name in stay for draft in standing.new]
    rows = _Rows(
        [draft for standing in both for draft in standing.new],
        [standing for standing in both for _ in standing.new],
        out,
        now(),
    )
    if not rows.drafts:
        return frozenset()
    rows.order, rows.places = order, numbers  # of nearly all long lists: a removal for each
    if len(rows.drafts) != len(new) or changed or merged.moves:
        rows.order = _order([standing.pk for standing in rows.standings])
        rows.places = _inverse(rows.order)
    rows.pks = reserve(connection, schema.claims, len(rows.drafts))
    _insert(connection, keyring, zip(pks, ids, strict=True), rows, lines)
    moved = claim_moves.move(connection, keyring, merged.moves)
    lines.moved += moved
    files = [(at, draft.file) for at, draft in enumerate(rows.drafts) if draft.file is not None]
    if files:
        made = [(rows.pks[rows.places[at]], file.sketch) for at, file in files if file.sketch]
        sketches.keep_removed(connection, made)
        more = [(rows.pks[rows.places[at]], file.further) for at, file in files if file.further]
        further.keep_removed(connection, more)
        embeddings = [(rows.pks[rows.places[at]], file.rows) for at, file in files if file.rows]
        kept_rows.keep_removed(connection, embeddings)
    return _follow(connection, pks, rows, {pk for _, *both in moved for pk in both})


def _follow(
    connection: Connection, new: Sequence[int], rows: _Rows, moved: Collection[int]
) -> frozenset[int]:
    """Say anew what is in force, and note what changed; which removals those are. `moved`: those
    that claims have left, or came to."""
    unusual = (schema.lists.c.withdrawn_at.is_not(None)) | (schema.lists.c.cls > 0)
    written = frozenset([standing.pk or 0 for standing in rows.standings]).union(moved)
    # Plain new removals stand as they were written: only what is not so is made up anew.
    unsure: frozenset[int] = written
    if connection.scalar(select(schema.lists.c.pk).where(unusual).limit(1)) is None:
        said = zip(rows.standings, rows.drafts, rows.withdrawn, strict=True)
        unsure = frozenset([s.pk or 0 for s, draft, out in said if out or draft.cls is not None])
        unsure |= written.difference(new).union(moved)
    claims.refresh(connection, unsure)
    change_log.note(connection, written - unsure if unsure else written)
    return written


def _insert(
    connection: Connection,
    keyring: Keyring,
    removals: Iterable[tuple[int, str]],
    rows: _Rows,
    lines: ClaimLines,
) -> None:
    """Write new removals (pk, id), and claims with all that belongs to them."""
    lists = claims.list_pks(connection, {draft.list_name for draft in rows.drafts})
    count = len(rows.pks)
    slices = [slice(at, at + _SLICE) for at in range(0, count, _SLICE)]
    columns = _columns(rows, lists)
    # A list fills few of the columns, and writing nothing takes as long as writing something.
    alike = {n: some[0] for n, some in columns.items() if some.count(some[0]) == count}
    same = {name: value for name, value in alike.items() if value is not None}
    own = {name: column for name, column in columns.items() if name not in alike}
    long_slices = [slice(at, at + _LONG_SLICE) for at in range(0, count, _LONG_SLICE)]
    works: list[Callable[[], bytes]] = [
        partial(_packed_digests, rows),
        *(partial(_packed_names, keyring, rows, batch) for batch in slices),
        *(partial(_packed_tokens, keyring, rows, batch) for batch in long_slices),
    ]
    with beside(works) if count >= _MANY else nullcontext(work() for work in works) as made:
        when = {"added_at": rows.moment}
        insert_many(connection, schema.removals, ("pk", "id"), removals, same=when)
        lines.add_claims(columns)
        for kind, values, pks in _unpacked_digests(next(made)):
            lines.add_digests(kind, values, pks)
            of_kind = {DIGEST_COLUMNS[0]: kind}
            digests = zip(values, pks, strict=True)
            insert_many(connection, schema.digests, DIGEST_COLUMNS[1:], digests, same=of_kind)
        for batch in slices:
            here = [column[batch] for column in own.values()]
            made_of = zip(*here, _unpacked(next(made)), strict=True)
            insert_many(connection, schema.claims, (*own, "sealed"), made_of, same=same)
        for _ in long_slices:
            insert_packed(connection, schema.sealed_index, TOKEN_COLUMNS, _INDEXED, next(made))


def _columns(rows: _Rows, lists: Mapping[str, int]) -> dict[str, Sequence[Any]]:
    """The columns of claims, by name, in the order of the pks."""
    moment, drafts = rows.moment, rows.drafts
    made: dict[str, list[Any]] = {
        "removal_pk": [standing.pk for standing in rows.standings],
        "list_pk": [lists[draft.list_name] for draft in drafts],
        "source": [LISTED] * len(drafts),
        "added_at": [moment] * len(drafts),
        "in_force": [0 if out else 1 for out in rows.withdrawn],
        "size": [draft.size for draft in drafts],
        "site": [draft.site for draft in drafts],
        "removed_on": [days(draft.removed_on) for draft in drafts],
        "cls": [None if draft.cls is None else int(draft.cls) for draft in drafts],
        "withdrawn_at": [moment if out else None for out in rows.withdrawn],
    }
    files = [draft.file for draft in drafts]
    if files.count(None) < len(files):
        made["container"] = [f and f.container and f.container.value for f in files]
        made["data_size"] = [f and f.data_size for f in files]
        made["layout"] = [f and f.layout for f in files]
    order = rows.order
    ordered = {
        name: column if column.count(column[0]) == len(column) else [column[at] for at in order]
        for name, column in made.items()
    }
    return {"pk": rows.pks, **ordered}


def _packed_digests(rows: _Rows) -> bytes:
    """The rows of digests, in the order of their key."""
    count = len(rows.places)
    by_kind: defaultdict[int, list[bytes]] = defaultdict(lambda: [b""] * count)
    for place, draft in zip(rows.places, rows.drafts, strict=True):
        last = rows.pks[place].to_bytes(8, "big")
        for digest in kept(draft.digests):
            by_kind[digest.kind][place] = digest.value + last
    made: list[bytes] = []
    for kind in sorted(by_kind):
        some = [*filter(None, by_kind[kind])]
        some.sort()  # little to do: removals are numbered by their first
        made.append(_DIGESTS.pack(kind, len(some[0]) - 8, len(some)))
        made.extend(some)
    return b"".join(made)


def _unpacked_digests(packed: bytes) -> Iterator[tuple[int, Sequence[bytes], Sequence[int]]]:
    """Each kind with its values and pks."""
    at = 0
    while at < len(packed):
        kind, length, count = _DIGESTS.unpack_from(packed, at)
        one = Struct(f">{length}sq")
        end = at + _DIGESTS.size + one.size * count
        values, pks = zip(*one.iter_unpack(packed[at + _DIGESTS.size : end]), strict=True)
        yield kind, values, pks
        at = end


def _packed_tokens(keyring: Keyring, rows: _Rows, batch: slice) -> bytes:
    """Of a slice of the rows, in the order of the index."""
    tokens: list[bytes] = []
    pack = Struct(f">{_INDEXED}").pack
    for place, draft in zip(rows.places[batch], rows.drafts[batch], strict=True):
        pk = rows.pks[place]
        for which, token in keyring.tokens(draft.said):
            tokens.append(pack(token, pk, which))
        if draft.otherwise is not None:
            token = key_token(keyring, draft.otherwise)
            tokens.append(pack(token, pk, int(SealedField.SOURCE)))
    tokens.sort()
    return b"".join(tokens)


def _packed_names(keyring: Keyring, rows: _Rows, batch: slice) -> bytes:
    """What is sealed of a slice of the claims: their lengths, then each."""
    sealed = keyring.seal_all(
        (rows.drafts[at].said, rows.standings[at].id) for at in rows.order[batch]
    )
    return b"".join((array("Q", (len(sealed), *map(len, sealed))), *sealed))


def _unpacked(packed: bytes) -> Iterator[bytes]:
    view = memoryview(packed)
    at = 8 + 8 * view[:8].cast("Q")[0]
    for length in view[8:at].cast("Q"):
        yield packed[at : at + length]
        at += length


def _order(keys: Sequence[Any]) -> list[int]:
    """The positions of these keys, in the order of the keys."""
    return sorted(range(len(keys)), key=keys.__getitem__)


def _inverse(order: Sequence[int]) -> list[int]:
    """At which place of the order each position stands."""
    made = [0] * len(order)
    for place, at in enumerate(order):
        made[at] = place
    return made


def _first_digest(standing: RemovalDraft) -> bytes:
    for draft in standing.new:
        for digest in draft.digests:
            return digest.value
    return b""
