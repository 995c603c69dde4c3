"""Whoever says the class that is never read, it is held; it is blocked by who may say it alone.

Both ways, also after the mark was taken away, in a gate that begins with its last state, and in an
index that was saved for workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.gate.standing import away, client, key, knows, running, settings_in, until
from tests.match.made import KEYRING, adapter, fully_known, remove, safetensors

from reseen.gate.gate import GateProcess
from reseen.gate.keys import KeyScope
from reseen.match.registry_index import RegistryIndex
from reseen.operations import classes
from reseen.operations import gate as rules
from reseen.operations import index as saved
from reseen.records import Advice, RemovalClass, Rung
from reseen.registry import removals
from reseen.review.roles import Role, Who
from reseen.store.database import Store

FILE = safetensors(adapter(7))
SHA256 = hashlib.sha256(FILE).hexdigest()
WHY = "Sample reason 01"
ADA, BEN = Who(1, "ada", Role.LEAD), Who(2, "ben", Role.ADMINISTRATOR)


@pytest.fixture
def removal(store: Store) -> str:
    """Of the class by the word of a list that is not entitled; its policy would let it pass."""
    id = remove(store, fully_known(FILE))
    with store.read() as connection:
        name = removals.by_id(connection, id).list
    classes.classify_list(store, KEYRING, name, RemovalClass.CHILD_ABUSE, WHY)
    rules.set_policy(store, name, dict.fromkeys(Rung, Advice.ALLOW))
    return id


def list_of(store: Store, removal: str) -> str:
    with store.read() as connection:
        return removals.by_id(connection, removal).list


def advice(gate: GateProcess, asks: dict[str, str]) -> str:
    answer = client(gate).post("/v1/check", json={"sha256": SHA256}, headers=asks)
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    return str(result["advice"])


def test_a_list_s_word_holds_and_an_entitled_one_s_blocks(
    store: Store, tmp_path: Path, removal: str
) -> None:
    name = list_of(store, removal)
    with running(settings_in(tmp_path), store) as gate:
        asks = key(store, KeyScope.CHECK)
        knows(gate, store)
        assert advice(gate, asks) == "hold"
        classes.entitle(store, name, by=BEN)
        knows(gate, store)
        assert advice(gate, asks) == "block"
        classes.entitle(store, name, revoked=True, by=BEN)
        knows(gate, store)
        assert advice(gate, asks) == "hold", "the mark was taken away"
        claim = f"{removal}/1"
        classes.propose(store, KEYRING, claim, True, WHY, by=ADA)
        knows(gate, store)
        assert advice(gate, asks) == "hold", "one pair of eyes is not two"
        classes.confirm(store, KEYRING, claim, WHY, by=BEN)
        knows(gate, store)
        assert advice(gate, asks) == "block"
        classes.propose(store, KEYRING, claim, False, WHY, by=BEN)
        classes.confirm(store, KEYRING, claim, WHY, by=ADA)
        knows(gate, store)
        assert advice(gate, asks) == "allow", "the policy of its list, as of any removal"


@pytest.mark.parametrize("entitled", [False, True])
def test_a_gate_that_begins_with_its_last_state_says_the_same(
    store: Store, tmp_path: Path, removal: str, entitled: bool
) -> None:
    """Also where the mark was given, and taken away, before the state was kept."""
    name = list_of(store, removal)
    classes.entitle(store, name, by=BEN)
    asks = key(store, KeyScope.CHECK)
    with running(settings_in(tmp_path), store) as gate:
        knows(gate, store)
        assert advice(gate, asks) == "block"
        if not entitled:
            classes.entitle(store, name, revoked=True, by=BEN)
            knows(gate, store)
    wanted = "block" if entitled else "hold"
    with away(store, tmp_path), running(settings_in(tmp_path), None) as gate:
        assert advice(gate, asks) == wanted


def test_what_changed_while_the_gate_was_away_holds_as_soon_as_it_hears(
    store: Store, tmp_path: Path, removal: str
) -> None:
    name = list_of(store, removal)
    classes.entitle(store, name, by=BEN)
    asks = key(store, KeyScope.CHECK)
    with running(settings_in(tmp_path), store) as gate:
        knows(gate, store)
    classes.entitle(store, name, revoked=True, by=BEN)
    with running(settings_in(tmp_path), store) as gate:
        until(lambda: advice(gate, asks) == "hold", "the gate has heard")


SAYS: dict[str, tuple[Callable[[Store, str], object], bool]] = {
    "nobody who may": (lambda store, name: None, False),
    "who may": (lambda store, name: classes.entitle(store, name), True),
    "who might": (
        lambda store, name: (
            classes.entitle(store, name),
            classes.entitle(store, name, revoked=True),
        ),
        False,
    ),
}


@pytest.mark.parametrize("who", list(SAYS))
def test_a_saved_index_knows_who_said_it(
    store: Store, tmp_path: Path, removal: str, who: str
) -> None:
    act, vouched = SAYS[who]
    act(store, list_of(store, removal))
    saved.save(store, KEYRING, tmp_path / "index")
    opened = RegistryIndex.open(tmp_path / "index", KEYRING.for_indexes)
    ((number, *_),) = [opened.find(1, bytes.fromhex(SHA256))]
    assert opened.cls(number).never_read
    assert opened.cls(number).vouched is vouched
    with store.read() as connection:
        name = list_of(store, removal)
        assert opened.followed(connection) is not None
    classes.entitle(store, name, revoked=vouched)
    with store.read() as connection:
        later = opened.followed(connection)
    ((number, *_),) = [later.find(1, bytes.fromhex(SHA256))]
    assert later.cls(number).vouched is not vouched, "it follows its store"
