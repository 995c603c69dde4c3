"""In whatever order lists come, whole or piece by piece, the same removals come of them; and no
list changes which claims of others are one removal."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from reseen.observed import sightings
from reseen.operations import lists, log_check
from reseen.operations import removals as acts
from reseen.records import Digest, DigestKind, Names, RemovalClass
from reseen.registry import removals
from reseen.registry.draft import Draft
from reseen.registry.identity import SaidOf, grouped
from reseen.registry.imports import ImportOptions
from reseen.registry.merge import Held, KnownClaim, RemovalDraft, merge
from reseen.scan.folder import scan_folder
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(32))
KINDS = (DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.DATA_SHA256)
FEW = st.none() | st.integers(1, 3)
Row = tuple[int | None, int | None, int | None, int | None]
"""Link, SHA-256, BLAKE3, SHA-256 of the data."""
ROWS = st.lists(st.tuples(FEW, FEW, FEW, FEW).filter(any), min_size=1, max_size=4)
FILES = st.lists(st.tuples(st.sampled_from("abc"), ROWS), min_size=1, max_size=5)
"""Files of lists: a list may come in several."""


def source(link: int | None) -> tuple[str, str, str] | None:
    return None if link is None else ("site", str(link), str(link))


def digests(row: Row) -> dict[DigestKind, bytes]:
    return {k: bytes([v]) * 32 for k, v in zip(KINDS, row[1:], strict=True) if v}


class Play:
    """Drafts are merged into what is known, as a store would, without one."""

    def __init__(self) -> None:
        self.store: list[RemovalDraft] = []
        self.opened: dict[bytes, Names] = {}
        self.moved = 0

    def take(self, name: str, rows: Sequence[tuple[int, Row]]) -> None:
        drafts = []
        for number, row in rows:
            key = source(row[0])
            names = Names() if key is None else Names(model_id=key[1], version_id=key[2])
            self.opened[str(number).encode()] = names
            said = tuple(Digest(kind, value) for kind, value in digests(row).items())
            site = None if key is None else "site"
            drafts.append(Draft(0, "", names, said, number, site, None, name, key))
        told = {
            held
            for each in drafts
            for held in known_by({d.kind: d.value for d in each.digests}, each.key)
        }
        found = merge(drafts, self.more(told), lambda _, sealed: self.opened[sealed], self.more)
        self.moved += len(found.moves)
        for standing in found.new:
            standing.pk = len(self.store) + 1
            self.store.append(standing)
        for standing in self.store:
            standing.claims = [*standing.claims, *map(self._written, standing.new)]
            standing.new = []

    def _written(self, draft: Draft) -> KnownClaim:
        said = {digest.kind: digest.value for digest in draft.digests}
        number = draft.size or 0
        rest = (number, draft.site, None, None, False, str(number).encode(), draft.source)
        return KnownClaim(draft.list_name, said, *rest, pk=number)

    def more(self, helds: Collection[Held]) -> list[RemovalDraft]:
        return [each for each in self.store if any(self._holds(each, held) for held in helds)]

    def _holds(self, standing: RemovalDraft, held: Held) -> bool:
        for claim in standing.claims:
            names = self.opened[claim.sealed or b""]
            key = ("site", names.model_id, names.version_id) if names.model_id else None
            if held in known_by(claim.digests, key):  # type: ignore[arg-type]
                return True
        return False

    def known(self) -> set[frozenset[int]]:
        return {frozenset(c.pk for c in each.claims) for each in self.store if each.claims}


def known_by(said: dict[DigestKind, bytes], key: tuple[str, ...] | None) -> list[Held]:
    helds: list[Held] = list(said.items())
    return helds if key is None else [*helds, key]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(FILES, st.randoms(use_true_random=False))
def test_what_is_one_removal_depends_on_what_was_said(
    files: list[tuple[str, list[Row]]], chance: random.Random
) -> None:
    numbered, count = [], 0
    for name, rows in files:
        numbered.append((name, list(enumerate(rows, count + 1))))
        count += len(rows)
    claims = [SaidOf(digests(row), source(row[0]), name) for name, rows in files for row in rows]
    numbers = grouped(claims)
    expected = {
        frozenset(at + 1 for at, number in enumerate(numbers) if number == each) for each in numbers
    }
    for _ in range(2):
        play = Play()
        chance.shuffle(numbered)
        for name, some in numbered:
            chance.shuffle(some)
            play.take(name, some)
        assert play.known() == expected


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(FILES)
def test_no_list_changes_what_is_one_removal_of_others(files: list[tuple[str, list[Row]]]) -> None:
    claims = [SaidOf(digests(row), source(row[0]), name) for name, rows in files for row in rows]
    numbers = grouped(claims)
    for hostile in "abc":
        kept = [at for at, claim in enumerate(claims) if claim.list_name != hostile]
        alone = grouped([claims[at] for at in kept])
        for one, number in zip(kept, alone, strict=True):
            for other, its in zip(kept, alone, strict=True):
                assert (number == its) == (numbers[one] == numbers[other])


CONTENTS = {n: b"a sample file %d" % n * 50 for n in (1, 2, 3)}


def hashed(kind: DigestKind, number: int) -> str:
    if kind is DigestKind.BLAKE3:
        return blake3(CONTENTS[number]).hexdigest()
    return sha256(CONTENTS[number] if kind is DigestKind.SHA256 else b"%d" % number).hexdigest()


def text(rows: Sequence[tuple[int, Row]]) -> str:
    """A list; each row is known by its model's name, which no other has."""
    lines = ["name,link,sha256,blake3,data sha256"]
    for number, (link, *values) in rows:
        page = f"https://civitai.com/models/{link}?modelVersionId={link}" if link else ""
        said = (hashed(kind, v) if v else "" for kind, v in zip(KINDS, values, strict=True))
        lines.append(",".join([f"Sample person {number}", page, *said]))
    return "\n".join(lines) + "\n"


Known = set[tuple[frozenset[tuple[str, bool]], frozenset[tuple[str, str]]]]
"""Each removal: the rows that are about it and in force, and where it was seen, on which rung."""


class Told:
    """A store, a folder of files, and what is said and done."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.store = folder, Store(url)
        (folder / "seen").mkdir(parents=True)
        for number, content in CONTENTS.items():
            (folder / "seen" / str(number)).write_bytes(content)

    def take(self, name: str, rows: Sequence[tuple[int, Row]]) -> None:
        path = self.folder / f"{name}.csv"
        path.write_text(text(rows))
        lists.import_list(self.store, KEYRING, path, ImportOptions(keep_rejects=False))

    def scan(self) -> None:
        scan_folder(self.store, KEYRING, self.folder / "seen", jobs=1)

    def turn(self, name: str, restored: bool) -> None:
        (acts.restore_list if restored else acts.withdraw_list)(self.store, KEYRING, name, "why")

    def known(self) -> Known:
        assert log_check.verify(self.store).wrong == ()
        with self.store.read() as connection:
            seen = sightings.of_removals(
                connection, [each.id for each in removals.every(connection, withdrawn=False)]
            )
            c, r = schema.claims.c, schema.removals.c
            query = select(r.id, c.sealed, c.in_force).join(schema.claims, c.removal_pk == r.pk)
            rows: defaultdict[str, set[tuple[str, bool]]] = defaultdict(set)
            for id, sealed, in_force in connection.execute(query.where(c.source == 0)):
                rows[id].add((KEYRING.open(sealed, id).name or "", bool(in_force)))
            return {
                (
                    frozenset(said),
                    frozenset((s.path, s.rung.label) for s in seen.get(id, ()) if s.counts),
                )
                for id, said in rows.items()
                if any(in_force for _, in_force in said)
            }


@pytest.mark.parametrize("seed", range(3))
def test_in_any_order_of_lists_the_same_is_known(tmp_path: Path, seed: int) -> None:
    """Imports, a scan, a list that is withdrawn and comes back, one that stays out: in any order
    what is known is what a fresh store would say; and the log proves every one of them."""
    chance = random.Random(seed)
    few: Callable[[], int | None] = partial(chance.choice, (None, None, 1, 2, 3))
    numbers = count(1)
    said: dict[str, list[tuple[int, Row]]] = {}
    for name in "abc":
        drawn: list[Row] = [(few(), few(), few(), few()) for _ in range(4)]
        said[name] = [(next(numbers), row) for row in drawn if any(row)]
    files = [(n, rows[at : at + 2]) for n, rows in said.items() for at in range(0, len(rows), 2)]
    out = chance.choice("abc")
    fresh = Told(tmp_path / "fresh", f"sqlite:///{tmp_path}/fresh.db")
    for name, rows in said.items():
        fresh.take(name, rows)
    fresh.turn(out, restored=False)
    fresh.scan()
    ends = [fresh.known()]
    for number in range(2):
        told = Told(tmp_path / str(number), f"sqlite:///{tmp_path}/{number}.db")
        order: list[Callable[[], None]] = [partial(told.take, *one) for one in files]
        order.append(told.scan)
        chance.shuffle(order)
        for at, act in enumerate(order):
            act()
            if at == 2 and name_of(order[0]) != out:
                told.turn(name_of(order[0]), restored=False)
        if name_of(order[0]) != out:
            told.turn(name_of(order[0]), restored=True)
        told.turn(out, restored=False)
        ends.append(told.known())
    assert ends[1] == ends[0]
    assert ends[2] == ends[0]


def name_of(act: Callable[[], None]) -> str:
    """Of the list that an act imports; one that is none has list "a" for it."""
    args = getattr(act, "args", ("a",))
    return str(args[0])


LINK = "https://civitai.com/models/7?modelVersionId=9"
BY_LINK = f"name,link,class\nSample person 1,{LINK},csam\n"
BY_FILE = f"name,link,sha256\nSample person 2,{LINK},{hashed(DigestKind.SHA256, 1)}\n"


@pytest.mark.parametrize("order", ["lfs", "fls", "slf"])
def test_what_stands_at_a_link_of_the_class_is_not_read_though_another_list_names_it(
    tmp_path: Path, order: str
) -> None:
    """One list names a model by its link alone, and its class; another by link and SHA-256."""
    told = Told(tmp_path / "told", f"sqlite:///{tmp_path}/told.db")

    def take(name: str, cells: str) -> None:
        path = tmp_path / f"{name}.csv"
        path.write_text(cells)
        lists.import_list(told.store, KEYRING, path, ImportOptions())

    each: dict[str, Callable[[], None]] = {
        "l": partial(take, "by link", BY_LINK), "f": partial(take, "by file", BY_FILE),
        "s": told.scan,
    }  # fmt: skip
    for act in order:
        each[act]()

    def never_read() -> list[bool]:
        assert log_check.verify(told.store).wrong == ()
        with told.store.read() as connection:
            c, r = schema.claims.c, schema.removals.c
            learned = select(c.pk).where(c.source == 1, c.in_force == 1)
            if connection.scalars(learned).all():
                assert 0 in list(connection.scalars(select(r.cls))), "of such a file"
            classes = connection.scalars(select(r.cls).order_by(r.cls)).all()
            return [RemovalClass(cls) is RemovalClass.CHILD_ABUSE for cls in classes]

    assert never_read() == [True, True]
    told.turn("by link", restored=False)
    assert never_read() == [False, True], "what a withdrawn list said is handed out no more"
    told.turn("by link", restored=True)
    assert never_read() == [True, True]
    told.turn("by file", restored=False)
    assert never_read() == [True, True]


def test_a_claim_that_is_moved_by_hand_is_found(tmp_path: Path) -> None:
    """One that went elsewhere in order, put back; and the row that tells of its move, changed."""
    told = Told(tmp_path / "told", f"sqlite:///{tmp_path}/told.db")
    told.take("a", [(1, (None, 1, None, None)), (2, (None, 2, None, None))])
    told.take("a", [(3, (1, 1, None, None)), (4, (1, 2, None, None))])
    assert len(told.known()) == 1
    m, c = schema.claim_moves.c, schema.claims.c
    with told.store.write() as connection:
        (move,) = connection.execute(select(schema.claim_moves)).all()
        back = update(schema.claims).where(c.pk == move.claim_pk)
        connection.execute(back.values(removal_pk=move.from_pk))
    (wrong,) = (x for x in log_check.verify(told.store).wrong if "moved to" in x)
    assert "stands with another removal than it was moved to" in wrong
    with told.store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER claim_moves_no_update")
        connection.execute(update(schema.claim_moves).where(m.pk == 1).values(to_pk=move.from_pk))
    assert any("is another in the store" in x for x in log_check.verify(told.store).wrong)
