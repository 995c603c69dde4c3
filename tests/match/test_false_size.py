"""A size that a list states falsely beside a right digest: said wherever a file is judged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.match.made import adapter, fully_known, known, listed, read, remove, safetensors

from reseen.cli import cli
from reseen.match.stated import NamedIndex
from reseen.records import Match, RemovedFile, Rung
from reseen.store.database import Store

FILE = safetensors(adapter(7))
LISTED = listed(FILE, size=True)
SAID = "The size that a list gives is false."


def of_size(size: int | None) -> RemovedFile:
    return replace(LISTED, size=size)


def said(match: Match) -> set[bool]:
    told = {bool(e.figures.get("size_is_false")) for e in match.evidence if e.rung is Rung.BYTES}
    assert told == {SAID in e.why for e in match.evidence if e.rung is Rung.BYTES}
    return told


@pytest.mark.parametrize("size", [len(FILE) - 1, len(FILE) + 1, 9_437_184, None, len(FILE)])
def test_it_is_said_of_bytes_that_were_read(store: Store, size: int | None) -> None:
    remove(store, of_size(size))
    (match,) = known(store).match_fingerprint(read(FILE))
    assert match.rung is Rung.BYTES
    assert said(match) == {size not in (None, len(FILE))}
    (at_the_gate,) = NamedIndex(known(store), {}).upload(read(FILE))
    assert (SAID in at_the_gate.why) == (size not in (None, len(FILE)))


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_it_is_said_whichever_list_comes_first(store: Store, order: slice) -> None:
    files = [replace(fully_known(FILE), size=5), LISTED][order]
    remove(store, *files)
    (match,) = known(store).match_fingerprint(read(FILE))
    assert said(match) == {True}


def test_another_removal_of_the_same_file_is_not_told_of_it(store: Store) -> None:
    wrong, right = remove(store, of_size(5)), remove(store, LISTED)
    found = {m.removal: said(m) for m in known(store).match_fingerprint(read(FILE))}
    assert found == {wrong: {True}, right: {False}}


def test_a_check_says_it_in_words_and_in_json(store: Store, tmp_path: Path) -> None:
    remove(store, of_size(5))
    path = tmp_path / "a.safetensors"
    path.write_bytes(FILE)
    asked = ["check", "--db", store.place, str(path)]
    assert SAID in CliRunner().invoke(cli, asked).output
    (match,) = json.loads(CliRunner().invoke(cli, [*asked, "--json"]).output)["matches"]
    assert match["evidence"][0]["figures"] == {"size_is_false": True}
