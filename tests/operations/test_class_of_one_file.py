"""One file under two removals, of which one is of the class that is never read: order is nothing.

A names the file by one digest, B by another: that both are one file, only reading tells. While A
is of the class, nobody learns from the file, compares its sketch or finds its altered copies; what
is known in the end is what a fresh store would say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import blake3
import pytest
from sqlalchemy import Connection, select, update
from tests.match.made import KEYRING, read
from tests.match.updates import CAST, REMOVED
from tests.registry.test_claims import new_store

from reseen.fingerprints.git import blob_sha1
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match.live_index import LiveIndex
from reseen.match.registry_index import RegistryIndex
from reseen.observed import sightings
from reseen.operations import classes, consequences, lists, log_check, removals
from reseen.records import Fingerprint, RemovalClass, Rung, Sighting
from reseen.registry import removals as stored
from reseen.registry.adds import AddOptions
from reseen.registry.imports import ImportOptions
from reseen.review import likeness
from reseen.review.roles import Role, Who
from reseen.scan.folder import scan_folder
from reseen.store import meta, schema
from reseen.store.database import Store

WHY = "Sample reason 01"
NEVER, OTHER = RemovalClass.CHILD_ABUSE, RemovalClass.OTHER
ADA, BEN = Who(1, "ada", Role.LEAD), Who(2, "ben", Role.ADMINISTRATOR)
DIGESTS = {
    "sha256": hashlib.sha256(REMOVED).hexdigest(),
    "blake3": blake3.blake3(REMOVED).hexdigest(),
    "git_blob_sha1": blob_sha1(REMOVED).hex(),
}
Standing = dict[tuple[str, str], Rung]
"""List and path -> rung."""


@dataclass
class Place:
    """A store, and a folder with a removed model and an altered copy of it."""

    store: Store
    folder: Path

    def list_(self, name: str, kind: str, cls: str = "") -> None:
        path = self.folder / f"{name}.csv"
        path.write_text(f"name,{kind},class\nSample person {name},{DIGESTS[kind]},{cls}\n")
        lists.import_list(self.store, KEYRING, path, ImportOptions())

    def scan(self) -> None:
        scan_folder(self.store, KEYRING, self.folder / "seen", jobs=1)

    def removal(self, name: str) -> str:
        c, r, of = schema.claims.c, schema.removals.c, schema.lists.c
        query = select(r.id).join(schema.claims, c.removal_pk == r.pk)
        query = query.join(schema.lists, of.pk == c.list_pk).where(of.name == name, c.source == 0)
        with self.store.read() as connection:
            return str(connection.scalars(query.distinct()).one())

    def standing(self) -> Standing:
        names = {self.removal(name): name for name in ("a", "b")}  # two, and not one
        with self.store.read() as connection:
            return {
                (names[s.removal], s.path): s.rung
                for s in sightings.every(connection)
                if s.removal in names and s.rung.on_ladder and not s.withdrawn
            }

    def is_settled(self, name: str) -> bool:
        with self.store.read() as connection:
            every = stored.every(connection)
            (one,) = [r for r in every if r.id == self.removal(name)]
        return one.claims[0].class_settled is not None

    def index(self) -> RegistryIndex:
        with self.store.read() as connection:
            return RegistryIndex.load(connection)


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    return _place(store, tmp_path)


def _place(store: Store, folder: Path) -> Place:
    (folder / "seen").mkdir(parents=True)
    (folder / "seen" / "LORA").write_bytes(REMOVED)
    (folder / "seen" / "altered").write_bytes(CAST)
    return Place(store, folder)


A_LORA, B_LORA, B_ALTERED = ("a", "LORA"), ("b", "LORA"), ("b", "altered")


def without_inside(place: Place) -> bool:
    """Nothing but the digests of the file counts; and the log proves the store as it is."""
    standing = place.standing()
    with place.store.read() as connection:
        learned = select(schema.claims.c.pk).where(
            schema.claims.c.source == 1, schema.claims.c.in_force == 1
        )
        assert connection.scalars(learned).all() == []
    assert log_check.verify(place.store).wrong == ()
    return B_LORA in standing and B_ALTERED not in standing


ORDERS = [
    ("blake3", "sha256", ("abs", "bsa", "sba")),
    ("sha256", "blake3", ("asb",)),
    ("git_blob_sha1", "sha256", ("bsa",)),
]
"""A's digest, B's, and in which order A, B and the scan (s) come."""


@pytest.mark.parametrize(("of_a", "of_b", "orders"), ORDERS)
def test_whichever_comes_first(
    tmp_path: Path, of_a: str, of_b: str, orders: tuple[str, ...]
) -> None:
    ends: list[Standing] = []
    for number, order in enumerate(orders):
        with new_store(tmp_path, number) as store:
            place = _place(store, tmp_path / str(number))
            acts: dict[str, Callable[[], None]] = {
                "a": lambda place=place: place.list_("a", of_a, "csam"),  # type: ignore[misc]
                "b": lambda place=place: place.list_("b", of_b),  # type: ignore[misc]
                "s": place.scan,
            }
            for act in order:
                acts[act]()
            assert without_inside(place), order
            ends.append(place.standing())
    assert all(one == ends[0] for one in ends)


def _classify(place: Place, on: bool) -> None:
    classes.classify(place.store, KEYRING, place.removal("a"), NEVER if on else OTHER, WHY)


def _classify_list(place: Place, on: bool) -> None:
    classes.classify_list(place.store, KEYRING, "a", NEVER if on else OTHER, WHY)


def _settle(place: Place, on: bool) -> None:
    classes.classify_list(place.store, KEYRING, "a", NEVER, WHY)
    claim = f"{place.removal('a')}/1"
    if not on or place.is_settled("a"):
        classes.propose(place.store, KEYRING, claim, on, WHY, by=ADA)
        classes.confirm(place.store, KEYRING, claim, WHY, by=BEN)


def _withdraw(place: Place, on: bool) -> None:
    classes.classify_list(place.store, KEYRING, "a", NEVER, WHY)
    if on:
        removals.restore(place.store, KEYRING, place.removal("a"), WHY)
    else:
        removals.withdraw(place.store, KEYRING, place.removal("a"), WHY)


def _take_back(place: Place, on: bool) -> None:
    classes.classify_list(place.store, KEYRING, "a", NEVER, WHY)
    claim = f"{place.removal('a')}/1"
    (removals.put_back if on else removals.take_back)(place.store, KEYRING, claim, WHY)


HOW = [_classify, _classify_list, _settle, _withdraw, _take_back]


@pytest.mark.parametrize("how", HOW)
def test_said_and_taken_back_and_said_again(
    place: Place, how: Callable[[Place, bool], None]
) -> None:
    """Of what was read in full; and what another list says meanwhile."""
    place.list_("b", "sha256")
    place.list_("a", "blake3")
    place.scan()
    as_read = place.standing()
    assert as_read[B_ALTERED] is Rung.WEIGHTS
    before = place.index()
    for _ in range(2 if how is _classify else 1):
        how(place, True)
        assert without_inside(place)
        with place.store.read() as connection:
            followed = before.followed(connection)
        for index in (followed, followed.folded(), place.index()):
            assert not index.likenesses(_copy())
            assert not any(m.rung > Rung.HINT for m in index.match_digests(_edited()))
        how(place, False)
        now = place.standing()
        assert {key: rung for key, rung in now.items() if key[0] == "b"} == {
            key: rung for key, rung in as_read.items() if key[0] == "b"
        }
        with place.store.read() as connection:
            again = followed.folded().followed(connection)
        for index in (again, again.folded(), place.index()):
            assert place.removal("b") in {like.removal for like in index.likenesses(_copy())}
        before = again


@cache
def _copy() -> Fingerprint:
    return read(CAST)


@cache
def _edited() -> Fingerprint:
    from replica import made

    return read(made.header_edited(REMOVED))


def test_what_ended_at_the_digests_is_read_when_the_class_is_taken_back(place: Place) -> None:
    place.list_("a", "blake3", "csam")
    place.list_("b", "sha256")
    place.scan()
    assert without_inside(place)
    _withdraw(place, False)
    place.scan()
    assert place.standing() == {B_LORA: Rung.BYTES, B_ALTERED: Rung.WEIGHTS}
    _withdraw(place, True)
    assert without_inside(place)


def test_an_added_file_is_no_way_round(place: Place) -> None:
    """Its claim holds what is in the file; another removal says later of which class that is."""
    place.list_("b", "sha256")
    place.list_("a", "blake3")
    path = place.folder / "seen" / "LORA"
    (added,) = lists.add_files(place.store, KEYRING, [path], AddOptions(list="b")).files
    assert added.removal == place.removal("b")
    before = place.index()
    assert before.likenesses(_copy())
    for seen in (False, True):  # nothing is known of the folder; and all that stands in it
        if seen:
            place.scan()
            assert place.standing()[B_ALTERED] is Rung.WEIGHTS
        _classify(place, True)
        with place.store.read() as connection:
            followed = before.followed(connection)
        for index in (followed, followed.folded(), place.index()):
            assert not index.likenesses(_copy())
            assert not any(m.rung > Rung.HINT for m in index.match_digests(_edited()))
        assert not index.could_hold(len(REMOVED) + 10)
        place.scan()
        assert B_ALTERED not in place.standing()
        assert place.standing()[B_LORA] is Rung.BYTES
        _classify(place, False)
        assert place.index().likenesses(_copy())
    assert place.standing()[B_ALTERED] is Rung.WEIGHTS


def test_saved_and_handed_on(place: Place) -> None:
    """An index that was saved, or that follows the store in the gate, says the same."""
    place.list_("b", "sha256")
    place.list_("a", "blake3")
    place.scan()
    live = LiveIndex(place.store.read)
    with place.store.read() as connection:
        live.follow(connection)
    assert live.alike(_sketch())
    _classify(place, True)
    with place.store.read() as connection:
        live.follow(connection)
    for _ in range(2):
        assert not live.alike(_sketch())
        live.index.save(place.folder / "saved", bytes(32))
        saved = RegistryIndex.open(place.folder / "saved", bytes(32))
        assert saved.sketches is None or not saved.likenesses(_copy())
        live.fold()
    _classify(place, False)
    with place.store.read() as connection:
        live.follow(connection)
    assert live.alike(_sketch())


def test_a_copy_is_no_removal_of_its_own_by_it(place: Place) -> None:
    """Another removal's sketch is not compared with what was kept of the file; nor is it when that
    other one is imported while the class stands; and it is when the class is taken back."""
    place.list_("a", "blake3")
    place.list_("b", "sha256")
    place.scan()
    _classify(place, True)
    path = place.folder / "c.csv"
    path.write_text(f"name,sha256\nSample person c,{hashlib.sha256(CAST).hexdigest()}\n")
    lists.import_list(place.store, KEYRING, path, ImportOptions())
    place.scan()
    other = place.removal("c")
    assert _rungs(place, other) == {"altered": Rung.BYTES}
    _classify(place, False)
    assert _rungs(place, other) == {"altered": Rung.BYTES, "LORA": Rung.WEIGHTS}
    _classify(place, True)
    assert _rungs(place, other) == {"altered": Rung.BYTES}
    compared = [
        likeness.of_sighting(connection, s.id)
        for connection, s in _sightings(place)
        if s.path == "LORA"
    ]
    assert len(compared) == 3
    assert not any(one.blocks for one in compared)


def test_a_size_alone_is_no_file(place: Place) -> None:
    place.list_("b", "sha256")
    path = place.folder / "a.csv"
    path.write_text(f"name,size,url,class\nSample person a,{len(REMOVED)},{LINK},csam\n")
    lists.import_list(place.store, KEYRING, path, ImportOptions())
    place.scan()
    assert place.standing() == {B_LORA: Rung.BYTES, B_ALTERED: Rung.WEIGHTS}
    # the same list says its digest later
    path.write_text(f"name,url,blake3\nSample person a,{LINK},{DIGESTS['blake3']}\n")
    lists.import_list(place.store, KEYRING, path, ImportOptions())
    assert without_inside(place)


def test_a_store_of_before_is_put_right(place: Place) -> None:
    """What was learned under the former rule goes out of use with the next act."""
    place.list_("b", "sha256")
    place.list_("a", "blake3")
    place.scan()
    _classify(place, True)
    with place.store.write() as connection:
        claims = schema.claims
        connection.execute(update(claims).where(claims.c.source == 1).values(in_force=1))
        meta.keep(connection, consequences.SHARED, b"")
    assert consequences.follow(place.store).sightings == ()
    assert without_inside(place)
    with place.store.read() as connection:
        assert not consequences.is_due(connection)


LINK = "https://models.example/models/101?modelVersionId=1101"


def _rungs(place: Place, removal: str) -> dict[str, Rung]:
    return {
        s.path: s.rung for _, s in _sightings(place) if s.removal == removal and s.rung.on_ladder
    }


def _sightings(place: Place) -> Iterator[tuple[Connection, Sighting]]:
    with place.store.read() as connection:
        for sighting in list(sightings.every(connection)):
            yield connection, sighting


def _sketch() -> Sketch:
    made = _copy().sketch
    assert made is not None
    return decode(made)
