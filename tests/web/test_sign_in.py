"""Coming in and going out."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from tests.light_passwords import OWN
from tests.web.visitors import PASSWORD, Visitor

from reseen.errors import StoreError
from reseen.operations import sign_in
from reseen.review import passwords, users
from reseen.review.roles import Role
from reseen.store import audit
from reseen.store.service_schema import users as table
from reseen.web.service import Service

Visit = Callable[..., Visitor]


@pytest.fixture
def ada(service: Service) -> users.User:
    with service.store.write() as connection:
        return users.add(connection, "ada", Role.REVIEWER, PASSWORD, actor=None)


def test_a_person_signs_in_and_out(visit: Visit, ada: users.User) -> None:
    browser = visit()
    answer = browser.sign_in("Ada", next="/me")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/me"
    assert browser.get("/sign-in").status_code == 303  # known already
    out = browser.post("/sign-out")
    assert out.headers["location"] == "/sign-in"
    assert browser.get("/sign-in").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("somebody", PASSWORD), ("", "")])
def test_a_wrong_password_and_an_unknown_name_are_told_alike(
    visit: Visit, ada: users.User, service: Service, name: str, password: str
) -> None:
    answer = visit().sign_in(name, password)
    assert answer.status_code == 403
    assert "do not fit together" in answer.text
    with service.store.read() as connection:
        lines = [line for line in audit.every(connection) if line.action == "sign-in-refused"]
    assert len(lines) == 1
    told = {**lines[0].details, "tried": ""}  # a keyed hash, in which three letters may stand
    assert name == "" or name not in f"{lines[0].actor} {lines[0].subject} {told}"


def test_a_form_without_its_token_is_refused(visit: Visit, ada: users.User) -> None:
    browser = visit()
    browser.get("/sign-in")
    answer = browser.client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 403
    assert "came from elsewhere" in answer.text


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx", "javascript:1"]
)
def test_signing_in_leads_nowhere_else(visit: Visit, ada: users.User, next: str) -> None:
    assert visit().sign_in("ada", next=next).headers["location"] == "/"


def test_a_flood_of_sign_ins_leaves_threads_for_pages(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seats = threading.BoundedSemaphore(1)
    monkeypatch.setattr(passwords, "_seats", seats)
    with seats, pytest.raises(StoreError, match="too many"):
        passwords.verified("x", None)
    assert not passwords.verified("x", None)


def test_a_hash_has_the_parameters_of_the_standard_for_small_machines() -> None:
    """The product's own: those of other tests here are lighter."""
    assert OWN.hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_hash_of_other_parameters_is_made_anew(
    visit: Visit, ada: users.User, service: Service
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with service.store.write() as connection:
        connection.execute(table.update().values(password=weak))
    assert visit().sign_in("ada").status_code == 303
    with service.store.read() as connection:
        kept = connection.scalar(select(table.c.password))
    assert kept != weak
    assert not passwords.outdated(str(kept))
    assert visit().sign_in("ada").status_code == 303


def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(
    visit: Visit, service: Service, ada: users.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = sign_in.verified

    def meanwhile(password: str, known: str | None) -> bool:
        right = checked(password, known)
        with service.store.write() as connection:
            users.set_password(connection, ada, "another few plain words", actor=None)
        return right

    monkeypatch.setattr(sign_in, "verified", meanwhile)
    monkeypatch.setattr(sign_in, "outdated", lambda _: True)
    assert visit().sign_in("ada").status_code == 403
    monkeypatch.undo()
    assert visit().sign_in("ada", "another few plain words").status_code == 303
