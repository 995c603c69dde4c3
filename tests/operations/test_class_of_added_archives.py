"""Models that were added out of an archive: out of use while the archive is of the class that is
never read, whenever that is said, and in use again when that is taken back. What was added by
itself too, or out of an archive that is not of it, stays in use."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from tests.files import build
from tests.match.made import KEYRING, known, read
from tests.match.updates import CAST, OTHER, REMOVED
from tests.operations.test_class_of_archives import (
    WHY,
    Standing,
    import_,
    in_folder,
    inside,
    of_class,
)

from reseen.operations import lists, log_check, removals
from reseen.records import Rung
from reseen.store.database import Store

INNER = build.python_zip({"deep": REMOVED})
ARCHIVES = {
    "a.zip": build.python_zip({"b.dat": REMOVED}),
    "nested.zip": build.python_zip({"in.zip": INNER}),
    "open.zip": build.python_zip({"b.dat": REMOVED, "c.dat": OTHER}),
}
COPY: Standing = {("local", "c.safetensors", Rung.WEIGHTS)}


def act(store: Store, folder: Path, which: str, named: bytes) -> None:
    if which == "class":
        import_(store, folder, "class", named)
        of_class(store, "class", True)
    elif which == "scan":
        in_folder(store, folder, {"c.safetensors": CAST})
    else:
        path = folder / which
        path.write_bytes(ARCHIVES.get(which, REMOVED))
        lists.add_files(store, KEYRING, [path])


@pytest.mark.parametrize(
    ("added", "named"),
    [("a.zip", ARCHIVES["a.zip"]), ("nested.zip", ARCHIVES["nested.zip"]), ("nested.zip", INNER)],
    ids=["the archive", "the outer one", "the one in it"],
)
def test_in_any_order_and_taken_back(
    store: Store, tmp_path: Path, added: str, named: bytes, order: tuple[str, ...]
) -> None:
    for each in (*order, "scan"):
        act(store, tmp_path, added if each == "added" else each, named)
    assert inside(store) == set()
    assert not known(store).sketched
    assert log_check.verify(store).wrong == ()
    if order.index("added") < order.index("class"):
        of_class(store, "class", False)
        assert inside(store) == COPY
        of_class(store, "class", True)
        assert inside(store) == set()
        assert known(store).match_fingerprint(read(CAST)) == ()
        removals.withdraw_list(store, KEYRING, "class", WHY)
        assert inside(store) == COPY
        assert log_check.verify(store).wrong == ()


@pytest.fixture(params=[*permutations(("class", "added", "scan"))], ids="-".join)
def order(request: pytest.FixtureRequest) -> tuple[str, ...]:
    order: tuple[str, ...] = request.param
    return order


@pytest.mark.parametrize("other", ["alone.safetensors", "open.zip"])
@pytest.mark.parametrize("order", [*permutations(("class", "a.zip", "other"))], ids="-".join)
def test_what_was_added_elsewhere_too_stays_in_use(
    store: Store, tmp_path: Path, order: tuple[str, ...], other: str
) -> None:
    act(store, tmp_path, "scan", b"")
    for each in order:
        act(store, tmp_path, other if each == "other" else each, ARCHIVES["a.zip"])
    assert inside(store) == COPY
    assert log_check.verify(store).wrong == ()
