"""The first steps in one form: all of it, a part of it, and what cannot be taken."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.web.visitors import Visitor

from reseen.errors import Conflict
from reseen.operations import invitations, jobs, scans
from reseen.registry import known_lists, one_list, removals
from reseen.review import users
from reseen.review.roles import Role
from reseen.web.service import Service

Visit = Callable[..., Visitor]
SECRET = "Sample person 07"
LIST = f"name,sha256\n{SECRET},{hashlib.sha256(b'first').hexdigest()}\n"


def begin(browser: Visitor, text: str | None = None, **fields: str) -> Any:
    files = {} if text is None else {"file": ("list.csv", text.encode(), "text/csv")}
    return browser.post("/begin", fields, files=files)


def stands(service: Service) -> tuple[int, int, int]:
    """Removals, scans, users."""
    with service.store.read() as connection:
        return (
            removals.count(connection),
            len(jobs.every(connection)),
            len(users.every(connection)),
        )


def test_one_form_brings_a_list_a_scan_and_people(service: Service, visit: Visit) -> None:
    ada = visit(Role.ADMINISTRATOR)
    assert 'action="/begin"' in ada.get("/").text
    page = begin(
        *(ada, LIST),
        name="first list",
        places="sample-account\nhttps://huggingface.co/other/lora",
        people="bob, carol",
    )
    assert page.status_code == 200
    assert "<b>1</b> added" in page.text
    assert SECRET not in page.text
    assert len(re.findall(r"/join/[\w-]{43}", page.text)) == 2
    assert stands(service) == (1, 1, 3)
    with service.store.read() as connection:
        (name,) = known_lists.list_names(connection)
        (scan,) = [job for job in jobs.every(connection) if job.kind is jobs.JobKind.SCAN]
        bob = users.by_name(connection, "bob")
    assert name == "first list"
    assert scan.what["accounts"] == ["sample-account"]
    assert f"/scans/{scan.id}" in page.text
    assert (bob.role, bob.has_password) == (Role.REVIEWER, False)


@pytest.mark.parametrize(
    ("text", "fields", "wrong"),
    [
        (None, {}, "form"),
        (LIST, {"people": "bob"}, "name"),
        ("nothing that is known\n1\n", {"name": "x", "people": "bob"}, "file"),
        (LIST, {"name": "x", "places": "no account!", "people": "bob"}, "places"),
        (None, {"places": "sample-account", "people": "no name!"}, "people"),
        (LIST, {"name": "x", "people": "bob, sample-administrator"}, "people"),
        (LIST, {"name": "x", "people": "Sample Person"}, "people"),
    ],
    ids=[
        "nothing",
        "a list without a name",
        "no list",
        "no account",
        "nobody's name",
        "taken",
        "two words",
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_done(
    service: Service, visit: Visit, text: str | None, fields: dict[str, str], wrong: str
) -> None:
    ada = visit(Role.ADMINISTRATOR)
    answer = begin(ada, text, **fields)
    assert answer.status_code == (409 if "sample-administrator" in str(fields) else 400)
    assert f'id="{wrong}-wrong"' in answer.text
    for value in fields.values():
        assert value in answer.text
    assert stands(service) == (0, 0, 1)


def test_what_cannot_be_done_after_something_was_is_said(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = visit(Role.ADMINISTRATOR)
    full = Conflict("too many wait", remedy="Wait for one of them.")

    def refused(*_: object) -> Any:
        raise full

    monkeypatch.setattr(scans, "queue", refused)
    alone = begin(ada, places="sample-account", people="bob")
    assert alone.status_code == 409
    assert 'id="places-wrong"' in alone.text
    assert stands(service) == (0, 0, 1)
    page = begin(ada, LIST, name="first", places="sample-account", people="bob")
    assert page.status_code == 409
    assert "The scan was not asked for: too many wait. Wait for one of them." in page.text
    assert "<b>1</b> added" in page.text
    assert "/join/" in page.text
    assert stands(service) == (1, 0, 2)
    monkeypatch.undo()
    # somebody is given the name just then
    monkeypatch.setattr(invitations, "invite", refused)
    page = begin(ada, places="sample-account", people="carol")
    assert page.status_code == 409
    assert "Nobody was invited: too many wait." in page.text
    assert 'href="/scans/' in page.text
    assert stands(service) == (1, 1, 2)


def test_a_lead_begins_and_invites_nobody(service: Service, visit: Visit) -> None:
    lead = visit(Role.LEAD)
    assert 'name="people"' not in lead.get("/").text
    assert begin(lead, people="bob").status_code == 403
    assert begin(lead, places="sample-account").status_code == 200
    assert stands(service) == (0, 1, 1)
    reader = visit(Role.READER)
    assert 'action="/begin"' not in reader.get("/").text


def test_what_became_of_the_list_is_said_as_where_lists_are_imported(
    service: Service, visit: Visit
) -> None:
    text = LIST + f"{SECRET},no hash\n# a comment,\n"
    page = begin(visit(Role.ADMINISTRATOR), text, name="first list")
    assert page.status_code == 200
    for told in ("<b>3</b> rows", "<b>1</b> added", "<b>1</b> rejected", "<b>1</b> set aside"):
        assert told in page.text
    assert "scans find it" in page.text
    assert "holds what is not a hexadecimal digit" in page.text
    assert "Download the rejected rows" in page.text
    with service.store.read() as connection:
        number = one_list.number_of(connection, "first list")
    assert f'href="/lists/{number}"' in page.text
    assert SECRET not in page.text


def test_blanks_end_no_name_and_the_line_is_said(service: Service, visit: Visit) -> None:
    ada = visit(Role.ADMINISTRATOR)
    page = begin(ada, people="bob\n\nBad Name", places="one\ntwo words")
    assert page.status_code == 400
    assert page.text.count("line 3: ") == 1
    assert page.text.count("line 2: ") == 1
    assert "line 2: several words are no" in begin(ada, places="a\nb/c d").text
    assert stands(service) == (0, 0, 1)
