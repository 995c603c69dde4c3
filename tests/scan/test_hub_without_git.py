"""A hub that knows no git (paths and SHA-256s, no refs, no history) is walked from end to end."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from tests import removals_made
from tests.cli.test_cli_hub import Nowhere, reseen
from tests.hubs.shelf import HOST, KIND, PLAIN, Shelf, ShelfAddresses
from tests.scan.walking import KEYRING, QUICK

from reseen.errors import HubMissing
from reseen.hubs import kinds
from reseen.hubs.hub import Abilities
from reseen.observed import sightings
from reseen.records import (
    Confirmed,
    Digest,
    DigestKind,
    Names,
    RemovedFile,
    RepoType,
    Rung,
    Sighting,
    SightingState,
)
from reseen.scan import inspect
from reseen.scan.progress import Outcome
from reseen.scan.read_result import BLIND
from reseen.scan.recheck import recheck
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.walk import scan
from reseen.store.database import Store

ALL = Target(types=tuple(RepoType), everything=True)
FULL = Options(confirm=Confirm.FULL, refs=True)


def weights(seed: int, **metadata: str) -> bytes:
    values = np.random.default_rng(seed).standard_normal((64, 64)).astype(np.float16)
    return bytes(save({"model.weight": values}, metadata=metadata))


REMOVED = weights(1)
SAME_WEIGHTS = weights(1, title="another header")
STRANGER = weights(2)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(
        {
            "one/copy": {"a/model.bin": REMOVED, "other.bin": STRANGER},
            "one/edited": {"model.bin": SAME_WEIGHTS},
            "two/nothing": {"model.bin": STRANGER},
        }
    )


@pytest.fixture
def known(store: Store) -> Store:
    digest = Digest(DigestKind.SHA256, hashlib.sha256(REMOVED).digest())
    new = removals_made.NewRemoval(
        list="sample",
        site=None,
        removed_on=None,
        names=Names(name="Sample person 07"),
        files=(RemovedFile((digest,), size=len(REMOVED)),),
    )
    with store.write() as connection:
        removals_made.insert(connection, KEYRING, [new])
    return store


def walk(store: Store, shelf: Shelf, target: Target = ALL, options: Options = FULL) -> Outcome:
    return scan(store, KEYRING, lambda: shelf, target, options, pace=QUICK)


def found(store: Store) -> list[Sighting]:
    with store.read() as connection:
        return sorted(sightings.every(connection), key=lambda s: (s.repo, s.path))


def rungs(store: Store) -> dict[tuple[str, str], Rung]:
    return {(each.repo, each.path): each.rung for each in found(store)}


def test_what_is_stated_is_found_without_a_byte_read(known: Store, shelf: Shelf) -> None:
    assert walk(known, shelf, options=Options(confirm=Confirm.NONE, refs=True)).ended
    assert rungs(known) == {("one/copy", "a/model.bin"): Rung.DECLARED}
    assert not {"read", "stream"} & set(shelf.calls)


def test_bytes_are_read_and_teach_an_edited_copy(known: Store, shelf: Shelf) -> None:
    outcome = walk(known, shelf)
    assert outcome.ended
    assert rungs(known) == {
        ("one/copy", "a/model.bin"): Rung.BYTES,
        ("one/edited", "model.bin"): Rung.TENSORS,
    }
    assert found(known)[0].confirmed is Confirmed.BYTES
    assert outcome.coverage.walked == 3


def test_what_did_not_change_is_not_walked_again(known: Store, shelf: Shelf) -> None:
    walk(known, shelf)
    shelf.calls.clear()
    outcome = walk(known, shelf)
    assert (outcome.coverage.walked, outcome.coverage.unchanged) == (0, 3)
    assert "files" not in shelf.calls
    shelf.shelves["two/nothing"]["again.bin"] = REMOVED
    shelf.changes["two/nothing"] = 1
    assert walk(known, shelf).coverage.walked == 1
    assert rungs(known)["two/nothing", "again.bin"] is Rung.BYTES


def test_a_sighting_leads_to_the_account_and_to_no_refs(known: Store, shelf: Shelf) -> None:
    walk(known, shelf, Target(repos=("one/copy",)), Options(confirm=Confirm.FULL))
    assert ("one/edited", "model.bin") in rungs(known)
    assert not any(repo.startswith("two/") for repo, _ in rungs(known))


def test_a_recheck_asks_for_no_refs(known: Store, shelf: Shelf) -> None:
    walk(known, shelf)
    assert set(recheck(known, lambda: shelf).states) == {SightingState.LIVE}
    del shelf.shelves["one/copy"]["a/model.bin"]
    shelf.changes["one/copy"] = 1
    recheck(known, lambda: shelf)
    recheck(known, lambda: shelf)
    states = {each.repo: each.state for each in found(known)}
    assert states == {"one/copy": SightingState.GONE, "one/edited": SightingState.LIVE}


def test_a_hub_that_lists_nothing_is_asked_by_name_only(known: Store, shelf: Shelf) -> None:
    shelf.abilities = replace(PLAIN, lists=False)
    walk(known, shelf, Target(repos=("one/copy", "one/gone")))
    assert rungs(known) == {("one/copy", "a/model.bin"): Rung.BYTES}
    with pytest.raises(HubMissing) as refused:
        walk(known, shelf)
    assert "Name those to look at" in (refused.value.remedy or "")


@pytest.mark.parametrize(
    ("abilities", "options", "rung", "said"),
    [
        (replace(PLAIN, ranges=False), FULL, Rung.BYTES, inspect.WHOLE),
        (replace(PLAIN, ranges=False), Options(), Rung.DECLARED, inspect.WHOLE),
        (replace(PLAIN, sizes=False), FULL, Rung.DECLARED, inspect.SIZES),
    ],
)
def test_what_a_hub_cannot_do_is_not_asked_for_and_is_said(
    known: Store,
    shelf: Shelf,
    abilities: Abilities,
    options: Options,
    rung: Rung,
    said: str,
) -> None:
    shelf.abilities = abilities
    outcome = walk(known, shelf, options=options)
    assert outcome.ended
    assert rungs(known)["one/copy", "a/model.bin"] is rung
    # Read in full, the file has no update that could be judged: that is said too.
    assert set(outcome.coverage.skipped) == {said} | ({BLIND} if rung is Rung.BYTES else set())
    assert ("stream" in shelf.calls) is (rung is Rung.BYTES)
    assert "read" not in shelf.calls


@pytest.fixture
def shelves_are_known(monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> None:
    kind = kinds.HubKind(KIND, ShelfAddresses, lambda hub, options: shelf)
    monkeypatch.setattr(kinds, "KINDS", {**kinds.KINDS, KIND: kind})


@pytest.mark.usefixtures("shelves_are_known")
def test_its_addresses_are_its_own(known: Store, shelf: Shelf) -> None:
    walk(known, shelf, options=Options(confirm=Confirm.NONE))
    (one,) = found(known)
    assert one.hub == f"{KIND}+{HOST}"
    assert kinds.address_of(one) == f"https://{HOST}/of/one/what/copy/at/a/model.bin"
    pages = kinds.addresses_of(one.hub)
    assert pages is not None
    assert pages.account("one") == f"https://{HOST}/of/one"


@pytest.mark.usefixtures("shelves_are_known")
def test_the_verbs_take_its_name(known: Store, shelf: Shelf, tmp_path: Path) -> None:
    def toys(*args: str, code: int = 0) -> tuple[str, str]:
        hub = {
            "RESEEN_HUB_TOYS_ENDPOINT": f"https://{HOST}",
            "RESEEN_HUB_TOYS_KIND": KIND,
            "RESEEN_DB": f"sqlite:///{tmp_path / 'reseen.db'}",
        }
        return reseen(tmp_path, Nowhere(), *args, code=code, **hub)

    page = f"https://{HOST}/of/one/what/copy"
    out, _ = toys("scan", "toys", page, "--confirm", "full", "--no-follow")
    assert "one/copy" in out
    assert rungs(known) == {("one/copy", "a/model.bin"): Rung.BYTES}
    _, err = toys("recheck")
    assert "Asked about 1 sighting: 1 live" in err
    out, _ = toys("sightings", "--hub", "toys", "--json")
    assert f'"hub": "{KIND}+{HOST}"' in out
    toys("scan", "toys", "https://huggingface.co/one/copy", code=2)
