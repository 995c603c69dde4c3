"""What only hints stands beside a sighting, or as a lead, whichever of both was known first: names,
paths, short digests, uncertain likeness. Each order comes to what a fresh store says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from tests.match.made import KEYRING, known
from tests.match.test_recipes import alike
from tests.match.updates import CAST, OTHER, REMOVED, sketch
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go, large, saved

from reseen.match import background as backgrounds
from reseen.match.background import Stranger
from reseen.match.evidence import BY_EMBEDDED, BY_WEIGHTS
from reseen.observed import leads, sightings
from reseen.observed.readings import read_so_far
from reseen.operations import classes, consequences, lists, removals
from reseen.operations.scans import begin, end
from reseen.records import RemovalClass
from reseen.registry import imports
from reseen.registry.imports import ImportOptions
from reseen.scan.record import record
from reseen.scan.target import Confirm, Options
from reseen.store.database import Store

WHY = "Sample reason 01"
NAME, CAST_NAME = "lead 07.bin", "cast 07.bin"
LINK = "https://models.example/models/101?modelVersionId=1101"
IN_FULL = Options(background=0, confirm=Confirm.FULL)
MORE = {"blake3", "git-blob-sha1", "data-sha256", "tensors-blake3", *BY_EMBEDDED}
"""What was learned says beside the SHA-256, also of a file that states it of itself."""
Hints = dict[str, set[tuple[str, str]]]
"""Path -> what a sighting stands on: (rung, kind)."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def import_(store: Store, folder: Path, name: str, *rows: dict[str, str]) -> None:
    columns = ("name", "sha256", "autov2", "file_name", "url")
    lines = [",".join(row.get(column, "") for column in columns) for row in rows]
    path = folder / f"{name}.csv"
    path.write_text("\n".join([",".join(columns), *lines]) + "\n")
    lists.import_list(store, KEYRING, path, ImportOptions())


def look(store: Store, files: dict[str, bytes]) -> None:
    """One look at a hub, and what follows from it. What was read is not read again."""
    since = begin(store, KEYRING)
    with store.read() as connection:
        before = read_so_far(connection, [1]).get(1, {})
    found = go(FakeHub(files), known(store), IN_FULL, before=before)
    with store.write() as connection:
        record(connection, found)
    end(store, KEYRING, since)


def standing(store: Store) -> Hints:
    found: Hints = {}
    with store.read() as connection:
        for one in sightings.every(connection):
            if one.rung.on_ladder and not one.withdrawn:
                kinds = {(e.rung.label, e.kind) for e in one.standing if e.kind not in MORE}
                found[one.path] = found.get(one.path, set()) | kinds
    return found


def led(store: Store) -> list[str]:
    with store.read() as connection:
        return [lead.kind for lead in leads.kept(connection, BY_WEIGHTS, 100)]


FILE = {"name": "Sample person 07", "sha256": sha256(REMOVED), "url": LINK}
SHORT = {"name": "Sample person 07", "autov2": sha256(CAST)[:10], "url": LINK}
ROWS = {
    "named": [{**FILE, "file_name": NAME}, {**FILE, "file_name": CAST_NAME}],
    "short": [FILE, SHORT],
    "plain": [FILE],
}
FILES = {NAME: REMOVED, CAST_NAME: CAST, "other.bin": OTHER}


def played(store: Store, folder: Path, acts: Iterable[str]) -> Hints:
    for act in acts:
        what, _, name = act.partition(" ")
        if what == "look":
            look(store, FILES)
        elif what == "withdraw":
            removals.withdraw_list(store, KEYRING, name, WHY)
        elif what == "restore":
            removals.restore_list(store, KEYRING, name, WHY)
        else:
            import_(store, folder, act, *ROWS[act])
    return standing(store)


NAMED, BEGINS = ("hint", "filename"), ("hint", "autov2")
PROVED = {("bytes", "sha256"), ("declared", "sha256")}
LIKE = {("weights", "sketch")}


@pytest.mark.parametrize("order", [*permutations(("named", "short", "plain", "look"))])
def test_a_name_and_a_short_digest_stand_beside_what_is_proved(
    store: Store, tmp_path: Path, order: tuple[str, ...]
) -> None:
    every = {NAME: PROVED | {NAMED}, CAST_NAME: LIKE | {NAMED, BEGINS}}
    played(store, tmp_path, (*order, "look"))
    for _ in range(2):  # what was learned is looked for, and nothing is read twice
        assert played(store, tmp_path, ("look",)) == every
    without = played(store, tmp_path, ("withdraw named",))
    assert without == {NAME: PROVED, CAST_NAME: LIKE | {BEGINS}}
    without = played(store, tmp_path, ("withdraw short",))
    assert without == {NAME: PROVED, CAST_NAME: LIKE}
    assert played(store, tmp_path, ("restore short", "restore named")) == every


def test_a_name_that_many_share_says_nothing_whenever_they_came(
    store: Store, tmp_path: Path
) -> None:
    many = [
        {"name": f"Sample person {n}", "sha256": sha256(b"%d" % n), "file_name": NAME}
        for n in range(20, 25)
    ]
    played(store, tmp_path, ("named", "look"))
    assert NAMED in standing(store)[NAME]
    import_(store, tmp_path, "many", *many)
    assert NAMED not in standing(store)[NAME]
    removals.withdraw_list(store, KEYRING, "many", WHY)
    assert NAMED in standing(store)[NAME]


def test_what_a_process_without_the_key_left_is_said_by_who_has_it(
    store: Store, tmp_path: Path
) -> None:
    played(store, tmp_path, ("plain", "look"))
    with store.read() as connection:
        assert not consequences.is_due(connection, KEYRING)
    path = tmp_path / "named.csv"
    path.write_text(f"name,sha256,file_name\nSample person 07,{sha256(REMOVED)},{NAME}\n")
    imports.import_list(store, KEYRING, path, ImportOptions(list_name="named"))
    consequences.follow(store)
    with store.read() as connection:
        assert not consequences.is_due(connection)
        assert consequences.is_due(connection, KEYRING)
    assert NAMED not in standing(store)[NAME]
    consequences.follow(store, KEYRING)
    assert NAMED in standing(store)[NAME]


# -- uncertain likeness ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uncertain() -> dict[str, bytes]:
    """A removed file, and one of its recipe."""
    other = large(3, rank=2)
    mixed = {n: (d, 0.8 * u + 0.6 * other[n][1]) for n, (d, u) in large(1, rank=2).items()}
    return {"removed": saved(large(1, rank=2)), "mixed": saved(mixed)}


LEADS = ("add", "lists", "look")


@pytest.mark.parametrize("order", [*permutations(LEADS)])
def test_a_lead_is_one_again_when_what_was_known_of_the_file_is_withdrawn(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    uncertain: dict[str, bytes],
    order: tuple[str, ...],
) -> None:
    removed, mixed = uncertain["removed"], uncertain["mixed"]
    rng = np.random.default_rng(2)
    sample = [Stranger(n % 12, alike(sketch(removed), 0.8, rng).encode()) for n in range(30)]
    monkeypatch.setattr(backgrounds, "values", lambda connection, architecture: sample)
    (tmp_path / "removed").write_bytes(removed)
    same = {"name": "Sample person 07", "url": LINK}
    both = [{**same, "sha256": sha256(removed)}, {**same, "sha256": sha256(mixed)}]
    for act in (*order, "look"):
        if act == "add":
            lists.add_files(store, KEYRING, [tmp_path / "removed"])
        elif act == "lists":
            import_(store, tmp_path, "both", *both)
        else:
            look(store, {"x": mixed})
    assert {kind for kind in standing(store)["x"] if kind[0] == "declared"}
    assert led(store) == []
    removals.withdraw_list(store, KEYRING, "both", WHY)
    assert standing(store) == {}
    assert led(store) == ["sketch-recipe"], "as a store says that never had the list"
    removals.restore_list(store, KEYRING, "both", WHY)
    assert led(store) == []
    removals.withdraw_list(store, KEYRING, "both", WHY)
    classes.classify_list(store, KEYRING, "local", RemovalClass.CHILD_ABUSE, WHY)
    assert led(store) == [], "of the class that is never read nothing is likened"
