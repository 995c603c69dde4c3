"""Which stored files of one account add up to removals, two at a time: by sketches that are kept.

What comes in: the store, opened for reading, after files were read whole or removals changed. What
goes out: pairs that are opposed, which are kept (`kept_pairs`), and for each the removals that the
two come to. An account's files are looked at again when it has new ones; pairs are compared again
with removals that changed, and with all when one of their files stands otherwise than before. That
one of the two is gone changes nothing: what its bytes told is known. No hub is asked. At most
`MOST_FILES` of an account and `MOST_PAIRS` of their pairs are looked at, drawn by the
installation's key, so that nobody chooses which; what was left out is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.entries import entries
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match import digests_alone, kept_pairs
from reseen.match.background import number, secret_of
from reseen.match.compare import Comparison
from reseen.match.evidence import SUM
from reseen.match.kept_pairs import Pair
from reseen.match.registry_parts import sketch_name
from reseen.match.retroactive_sketches import owners
from reseen.match.sketch_index import SketchIndex
from reseen.match.together import Joint, adds_up, joined, opposed
from reseen.observed import further, samples
from reseen.observed.samples import Account
from reseen.observed.sketches import ADAPTER
from reseen.store import schema, search_key
from reseen.store.database import chunks
from reseen.store.schema import read_sketches, sketches

MOST_FILES, MOST_PAIRS = 256, 64


@dataclass(frozen=True, slots=True)
class OpposedPairs:
    """Of one account."""

    files: frozenset[int]
    """New ones that were looked at, or left out."""
    waiting: frozenset[int]
    """Those of the class that is never read: nobody looks at them while they are of it."""
    pairs: tuple[Pair, ...]
    left_out: int
    """Files and pairs beyond what is looked at."""


@dataclass(frozen=True, slots=True)
class AddedUp:
    """Two files that come to a removal together."""

    pair: Pair
    removal: str
    sketch: str
    """The name of the removal's sketch."""
    joint: Joint
    comparison: Comparison


def accounts(connection: Connection) -> dict[Account, set[int]]:
    """Accounts with files that nobody looked at yet, and these files. Those of the class that is
    never read wait until they are of it no more."""
    known = kept_pairs.asked(connection)
    fresh = [file for file in samples.read_whole(connection) if file.artifact_pk not in known]
    unread = digests_alone.such_artifacts(connection, {file.artifact_pk for file in fresh})
    found: dict[Account, set[int]] = {}
    for file in fresh:
        if file.artifact_pk not in unread:
            found.setdefault(file.account, set()).add(file.artifact_pk)
    return found


def opposed_in(connection: Connection, account: Account, fresh: Collection[int]) -> OpposedPairs:
    """The pairs of an account's files that are opposed, with one of these new ones in each."""
    every = _drawn(connection, account)
    chosen = every[:MOST_FILES]
    waiting = frozenset(digests_alone.such_artifacts(connection, every))
    pks = [pk for pk in chosen if pk not in waiting]
    read = [(pk, one) for pk in pks if (one := _sketch(connection, pk)) is not None]
    new = [at for at, (pk, _) in enumerate(read) if pk in fresh]
    order = ModuleOrder(search_key.of(connection))
    found = opposed([one for _, one in read], order, new)
    pairs = {(min(read[a][0], read[b][0]), max(read[a][0], read[b][0])) for a, b in found}
    secret = secret_of(connection)
    drawn = sorted(pairs, key=lambda pair: number(secret, ("pair", *map(str, pair))))
    left_out = len(every) - len(chosen) + max(len(drawn) - MOST_PAIRS, 0)
    return OpposedPairs(frozenset(fresh), waiting, tuple(drawn[:MOST_PAIRS]), left_out)


def _drawn(connection: Connection, account: Account) -> list[int]:
    """The account's files that were read whole, in the order of the draw."""
    secret = secret_of(connection)
    files = (f for f in samples.read_whole(connection, account) if f.account == account)
    return [file.artifact_pk for file in sorted(files, key=lambda f: number(secret, f.name))]


def _sketch(connection: Connection, pk: int) -> Sketch | None:
    query = select(read_sketches.c.value).where(further.is_called(read_sketches, pk))
    try:
        return decode(bytes(connection.scalar(query) or b""))
    except Malformed:
        return None  # a damaged row shows nothing


def added_up(
    connection: Connection, pairs: Sequence[Pair], only: Collection[str] | None = None
) -> Iterator[AddedUp]:
    """What these pairs come to, of these removals (None: of all in force), but for files that are
    known to be the removal by themselves, and of which digests alone count."""
    alone = digests_alone.such_artifacts(connection, kept_pairs.files_of(pairs))
    pairs = [pair for pair in pairs if alone.isdisjoint(pair)]
    if not pairs:
        return
    known = SketchIndex.load(connection, lambda: nullcontext(connection), only)
    whose = owners(connection) if len(known) else {}
    itself = kept_pairs.by_itself(connection, kept_pairs.files_of(pairs)) if whose else {}
    for pair in pairs if whose else ():
        first, second = (_sketch(connection, pk) for pk in pair)
        if first is None or second is None:
            continue
        best: dict[str, AddedUp] = {}
        for joint in joined(first, second):
            (near,) = known.near_many([list(entries(joint.sketch))])
            candidates = [(whose[further.pk_of(key)], key) for key in near]
            for like in known.compared(joint.sketch, candidates):
                before = best.get(like.removal)
                if not adds_up(like.comparison):
                    continue
                if before is None or before.comparison.mean < like.comparison.mean:
                    name = _name(connection, like.claim_pk)
                    best[like.removal] = AddedUp(pair, like.removal, name, joint, like.comparison)
        by_itself = itself.get(pair[0], set()) | itself.get(pair[1], set())
        yield from (one for removal, one in sorted(best.items()) if removal not in by_itself)


def said_to_add_up(
    connection: Connection, pks: Collection[int], only: Collection[str] | None = None
) -> set[tuple[int, str]]:
    """Of which of these files (by pk) it stands that they add up, with another, to which of these
    removals (None: to any in force)."""
    s, r, e = schema.sightings.c, schema.removals.c, schema.evidence.c
    found: set[tuple[int, str]] = set()
    for chunk in chunks(sorted(pks)):
        query = (
            select(s.artifact_pk, r.id)
            .join(schema.removals, r.pk == s.removal_pk)
            .join(schema.evidence, e.sighting_pk == s.pk)
            .where(s.artifact_pk.in_(chunk), r.withdrawn_at.is_(None))
            .where(e.kind == SUM, e.stands == 1)
        )
        rows = connection.execute(query)
        found.update((pk, id) for pk, id in rows if only is None or id in only)
    return found


def _name(connection: Connection, claim_pk: int) -> str:
    query = select(sketches.c.value).where(
        sketches.c.claim_pk == claim_pk, sketches.c.kind == ADAPTER
    )
    return sketch_name(bytes(connection.scalar(query) or b""))
