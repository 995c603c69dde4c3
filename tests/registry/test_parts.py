"""A long list is merged and written part by part: nothing of that shows."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fresh_store import fresh_store

from reseen.registry import imports, lookup, removals, store_rows
from reseen.registry.draft import Defaults, Draft
from reseen.registry.import_account import ImportAccount, Usefulness
from reseen.registry.imports import ImportOptions, import_list, read_list
from reseen.registry.known import SeenKeys
from reseen.registry.lists.columns import Meaning
from reseen.registry.lists.list_fields import ListField
from reseen.registry.row_drafter import RowDrafter, plain_drafter
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def digest(number: int) -> str:
    return sha256(b"%d" % number).hexdigest()


def row(page: int, file: int, name: str, size: str) -> str:
    """About one of a few models: by its link, by its digest, or by both. What names a link alone
    says something that no other row says: what is said already makes no claim, wherever it is."""
    link = f"https://civitai.com/models/{page}/x?modelVersionId={page}" if page else ""
    known = file or not page
    return ",".join([name if known else "else", link, digest(file) if known else "", size])


LISTS = st.lists(
    st.builds(
        *(row, st.integers(0, 3), st.integers(0, 3)),
        *(st.sampled_from(["a", "bb", "ccc"]), st.sampled_from("1 ")),
    ),
    min_size=1,
    max_size=14,
)


def known(store: Store) -> Counter[tuple[object, ...]]:
    """The removals with their claims, without what is drawn or counted."""
    with store.read() as connection:
        return Counter(
            tuple(sorted((c.list, str(c.digests), c.size or 0, c.site or "") for c in each.claims))
            for each in removals.every(connection)
        )


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(LISTS, LISTS)
def test_in_parts_or_at_once_a_list_is_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory,
    first: list[str], second: list[str],
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("lists")
    told: list[tuple[ImportAccount, ...]] = []
    stands: list[Counter[tuple[object, ...]]] = []
    for part in (1_000, 3):
        monkeypatch.setattr(imports, "ROWS_AT_ONCE", part)
        with Store(fresh_store(folder / f"{part}.db")) as store:
            accounts = []
            for name, rows in (("one", first), ("two", second)):
                path = folder / f"{name}.csv"
                path.write_text("\n".join(["name,link,sha256,size", *rows]) + "\n")
                options = ImportOptions(keep_rejects=False)
                account = import_list(store, Keyring(bytes(32)), path, options)
                if name == "two":  # its rows may have come to what another list said, and left it
                    both = account.added + account.merged
                    account = replace(account, added=both, merged=0, good_for=Usefulness())
                accounts.append(replace(account, removals=frozenset()))
            told.append(tuple(accounts))
            stands.append(known(store))
    assert told[0] == told[1]
    assert stands[0] == stands[1]


def write(path: Path, rows: int) -> Path:
    page = "https://civitai.com/models"
    lines = [f"n,{page}/{n}/x?modelVersionId={n},{digest(n)}" for n in range(rows)]
    path.write_text("\n".join(["name,link,sha256", *lines]) + "\n")
    return path


def test_no_more_than_a_part_is_held(
    store: Store, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ROWS_AT_ONCE", 4)
    held: list[int] = []
    alive: list[int] = []
    whole = store_rows.write

    def noted(*given: object) -> frozenset[int]:
        held.append(len(given[2].new))  # type: ignore[attr-defined]
        alive.append(sum(isinstance(each, Draft) for each in gc.get_objects()))
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(imports, "write", noted)
    account = import_list(store, keyring, write(tmp_path / "a.csv", 10))
    assert (held, account.added, len(account.removals)) == ([4, 4, 2], 10, 0)
    assert alive == held, "what was written is gone before the next is read"
    assert (import_list(store, keyring, tmp_path / "a.csv").unchanged) == 10


def test_a_list_is_whole_whenever_the_process_beside_it_is_killed(
    store: Store, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_MANY", 1), ("_SLICE", 2), ("_LONG_SLICE", 3)):
        monkeypatch.setattr(store_rows, name, value)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # whatever other tests left
    fork = os.fork
    killed: list[int] = []

    def killed_at_once() -> int:
        process = fork()
        if process:
            os.kill(process, signal.SIGKILL)
            killed.append(process)
        return process

    monkeypatch.setattr(os, "fork", killed_at_once)
    assert import_list(store, keyring, write(tmp_path / "a.csv", 7)).added == 7
    assert len(killed) == 1
    for number in range(1, 7):  # a link's id finds each
        page = f"https://civitai.com/models/{number}/x?modelVersionId={number}"
        assert len(lookup.find(store, keyring, page).found) == 1
    with pytest.raises(ChildProcessError):
        os.waitpid(killed[0], os.WNOHANG)


def test_a_list_that_is_read_beforehand_is_held_or_read_again(
    store: Store, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, options = write(tmp_path / "a.csv", 7), ImportOptions()
    assert len(read_list(path, options).drafts) == 7
    monkeypatch.setattr(imports, "_HELD", 6)
    read = read_list(path, options)
    assert (read.again, read.drafts) == (True, [])
    assert import_list(store, keyring, path, options, read).added == 7
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as beside:
        beside.submit((tmp_path / "pipe").write_text, path.read_text())
        assert len(read_list(tmp_path / "pipe", options).drafts) == 7, "it cannot be read again"


def test_keys_that_were_seen_are_never_denied(tmp_path: Path) -> None:
    some = read_list(write(tmp_path / "a.csv", 50), ImportOptions()).drafts
    seen = SeenKeys()
    assert len(seen.add(some[:25])) < 5
    assert seen.add(some[:25]) == some[:25]
    assert len(seen.add(some[25:])) < 5


KEYRING = Keyring(bytes(range(32)))
TEXTS = st.sampled_from(
    [
        *(
            "",
            " ",
            "-",
            "n/a",
            "=x",
            '="x"',
            "'=x",
            "x",
            " x ",
            "a name",
            digest(1),
            digest(1).upper(),
        ),
        *(f" {digest(2)}", digest(3)[:10], digest(4)[:40], "0" * 64, "e3b0c442" * 8),
        *("https://civitai.com/models/1/a?modelVersionId=2", " https://www.civitai.red/models/1"),
        *("https://civarchive.com/models/7?modelVersionId=8", "https://example.org/models/3/x"),
        "https://civitai.com/models/1/" + "a" * 5000 + "?modelVersionId=2",
        " ".join(digest(5)[at : at + 2] for at in range(0, 64, 2)),
    ]
)
CELLS = st.one_of(TEXTS, st.text(max_size=8), st.none(), st.integers())


@settings(max_examples=500, deadline=None)
@given(
    CELLS, CELLS, CELLS,
    st.sampled_from([ListField.SHA256, ListField.BLAKE3, ListField.GIT_BLOB, ListField.HASH]),
    st.sampled_from([None, "example.org"]),
)  # fmt: skip
def test_a_plain_row_is_drafted_as_any_other(
    name: object, link: object, hashed: object, kind: ListField, site: str | None
) -> None:
    meaning = Meaning({ListField.NAME: 0, ListField.LINK: 1, kind: 2}, ())
    defaults = Defaults("a list", site)
    plain = plain_drafter(meaning, defaults)
    if plain is None:
        assert kind is ListField.HASH
        return
    cells = [name, link, hashed]
    made = plain(1, "", cells)  # type: ignore[arg-type]
    if made is not None:
        counts: Counter[str] = Counter()
        careful = RowDrafter(meaning, defaults, counts).draft(1, "", cells)  # type: ignore[arg-type]
        assert not counts
        assert parts(made) == parts(careful)
        said, names = made.said, made.names
        assert KEYRING.open(KEYRING.seal_all([(said, "rm-0")])[0], "rm-0") == names
        assert KEYRING.tokens(said) == KEYRING.tokens(names)


def parts(draft: Draft) -> tuple[object, ...]:
    rest = (draft.size, draft.site, draft.removed_on, draft.list_name, draft.source)
    return draft.names, draft.digests, *rest, draft.otherwise, draft.cls, draft.file
