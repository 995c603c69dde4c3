"""A list may say of one file as often as it likes: what that costs grows with the list alone."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.records import DigestKind, Names
from reseen.registry import merge, said_before
from reseen.registry.import_account import ImportAccount
from reseen.registry.imports import ImportOptions, import_list
from reseen.registry.said_before import COMPARED, SaidBefore, Saying
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(32))
FILE = sha256(b"of all rows").digest()
FEW = st.none() | st.sampled_from("abc")
NAMES = st.builds(
    Names, name=FEW, url=FEW, trigger_words=st.lists(st.sampled_from("xyz"), max_size=2).map(tuple)
)


def saying(names: Names, size: int | None = None, **more: bytes) -> Saying:
    digests = {DigestKind.SHA256: FILE} | {DigestKind.of(kind): one for kind, one in more.items()}
    return Saying(digests, (size, None, None, None), lambda: names)


@given(st.lists(NAMES, max_size=COMPARED), NAMES)
def test_what_is_looked_up_is_what_is_compared(said: list[Names], wanted: Names) -> None:
    one = SaidBefore()
    for number, names in enumerate(said):
        one.add(saying(names, number))
    few = one.says_all(saying(wanted))
    for number in range(COMPARED + 1):
        one.add(saying(Names(name=f"another {number}", url="another"), 100))
    if wanted != Names():
        assert one.says_all(saying(wanted)) == few
    assert one.says_all(saying(Names(name="another 3")))
    assert not one.says_all(saying(Names(name="another 3", url="a")))
    assert one.says_all(saying(Names(name="ANOTHER  3", url="another"), 100))


def test_the_beginning_of_a_digest_is_said_by_the_whole_of_it() -> None:
    one = SaidBefore()
    for number in range(3 * COMPARED):
        one.add(saying(Names(name=f"Sample person {number}")))
    asked = Names(name=f"Sample person {2 * COMPARED}")
    assert one.says_all(saying(asked, autov2=FILE[:5]))
    assert not one.says_all(saying(asked, autov2=bytes(5)))


def test_many_rows_of_one_file_cost_what_many_rows_do(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = 0

    def says_all(self: Saying, other: Saying) -> bool:
        nonlocal compared
        compared += 1
        return real(self, other)

    def is_plain(*args: object) -> bool:
        nonlocal compared
        compared += 1
        return plain(*args)  # type: ignore[arg-type]

    real, plain = said_before.Saying.says_all, merge._is_plain
    monkeypatch.setattr(said_before.Saying, "says_all", says_all)
    monkeypatch.setattr(merge, "_is_plain", is_plain)
    rows = 500

    def take(name: str) -> ImportAccount:
        path = tmp_path / name
        lines = (f"Sample person {number},{FILE.hex()}" for number in range(rows))
        path.write_text("\n".join(["name,sha256", *lines]))
        return import_list(store, KEYRING, path, ImportOptions(keep_rejects=False))

    first = take("one.csv")
    assert (first.added, first.merged) == (1, rows - 1)
    again = take("one.csv")
    assert (again.added, again.merged, again.unchanged) == (0, 0, rows)
    other = take("other.csv")
    assert (other.added, other.merged) == (0, rows)
    assert take("other.csv").unchanged == rows
    assert compared < 4 * rows
