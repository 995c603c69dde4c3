"""Campaigns on the command line: found, listed, shown; to others only what may leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from tests import campaigns_made
from tests.campaigns_made import HUB, bystanders, crew

from reseen.cli import cli
from reseen.operations import cases
from reseen.review.decide import DecidedBy, ShownCase
from reseen.review.roles import Role, Who
from reseen.review.verdicts import Verdict
from reseen.settings import Settings
from reseen.store import service_schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

MEMBERS = ("brightoak", "zunafi88", "m-kestrel", "polarlynx2")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four accounts that re-upload together, of one of which something is confirmed."""
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))
    monkeypatch.setenv("RESEEN_KEY", "07" * 32)
    settings = Settings.from_environment()
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring is not None
        made = campaigns_made.removals(store, keyring, 380)
        campaigns_made.put(store, bystanders(30), made)
        campaigns_made.put(store, crew(MEMBERS, range(320, 341)), made)
        _confirm(store, keyring, "m-kestrel")


def _confirm(store: Store, keyring: Keyring, account: str) -> None:
    users, table = service_schema.users, service_schema.cases.c
    with store.write() as connection:
        connection.execute(users.insert(), [{"name": "rio", "role": "reviewer", "created_at": 1}])
        pk = connection.scalar(select(users.c.pk)) or 0
        row = connection.execute(
            select(table.id, table.version).where(table.account == account).limit(1)
        ).one()
    by = DecidedBy(Who(pk, "rio", Role.REVIEWER), "Looked at both, sample reason.")
    cases.decide(store, keyring, ShownCase(row.id, row.version), Verdict.CONFIRM, by)


def told(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["campaigns", *arguments])


def found() -> str:
    """Its id."""
    assert json.loads(told("find", "--json").stdout) == {"campaigns": 1}
    return str(json.loads(told("list", "--json").stdout)["campaign"])


def test_they_are_found_and_listed() -> None:
    assert "No campaigns." in told("list").stderr
    assert "1 campaign" in told("find").stderr
    id = found()
    assert told("list").stdout.split() == [id, "4", "accounts"]
    listed = json.loads(told("list", "--json").stdout)
    assert (listed["accounts"], listed["confirmed"], listed["watched"]) == (4, 1, False)
    assert listed["ended_at"] is None
    assert "No campaigns." in told("list", "--ended").stderr


def test_one_is_shown_with_its_reasons() -> None:
    shown = told("show", found())
    lines = shown.stdout.splitlines()
    assert {line.split("  ")[0] for line in lines} == {f"{HUB} {name}" for name in MEMBERS}
    assert all("removals" in line for line in lines)
    assert [("m-kestrel" in line) == ("confirmed" in line) for line in lines] == [True] * 4
    assert "1 account with a confirmed sighting, 3 leads" in shown.stderr
    assert "no evidence" in shown.stderr


def test_others_are_told_of_those_with_a_confirmed_sighting_and_of_no_day() -> None:
    id = found()
    whole = json.loads(told("show", id, "--json").stdout)
    assert {one["account"] for one in whole["members"]} == set(MEMBERS)
    assert whole["days"]
    for form in ((), ("--json",)):
        said = told("show", id, "--for-others", *form)
        assert "m-kestrel" in said.stdout
        assert not [one for one in MEMBERS if one != "m-kestrel" and one in said.output]
    left = json.loads(told("show", id, "--for-others", "--json").stdout)
    assert (left["leads"], left["days"], len(left["members"])) == (3, [], 1)


def test_one_that_is_not_there_is_said_by_its_id() -> None:
    said = str(told("show", "cp-00000000").exception)
    assert said == "there is no such campaign: cp-00000000"
    assert "Sample" not in str(told("show", "Sample person 07").exception)
