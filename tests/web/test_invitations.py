"""One-time links: the first administrator, and whoever is invited after that."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.web.visitors import PASSWORD, Visitor

from reseen.operations import invitations as acts
from reseen.review import invitations, users
from reseen.review.roles import Role
from reseen.store import audit, service_schema
from reseen.web.access import auth_middleware
from reseen.web.service import Service

Visit = Callable[..., Visitor]


def links(text: str) -> list[str]:
    return re.findall(r"http://testserver(/join/[\w-]{43})", text)


def join(browser: Visitor, link: str, **fields: str) -> Any:
    form = browser.client.get(link)
    assert form.status_code == 200
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', form.text)
    assert token is not None
    sent = {"csrf": token[1], "password": PASSWORD, "again": PASSWORD} | fields
    return browser.client.post(link, data=sent)


def signed_in(browser: Visitor) -> str:
    page = browser.get("/me")
    return page.text if page.status_code == 200 else ""


def role_of(service: Service, name: str) -> Role:
    with service.store.read() as connection:
        return users.by_name(connection, name).role


def test_the_first_link_makes_the_first_administrator_and_nobody_after(
    service: Service, visit: Visit
) -> None:
    before, token = acts.first(service.store), acts.first(service.store)
    assert visit().client.get(f"/join/{before}").status_code == 404, "the newer link replaced it"
    browser = visit()
    answer = join(browser, f"/join/{token}", name="Ada")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "administrator" in signed_in(browser)
    assert role_of(service, "ada") is Role.ADMINISTRATOR
    assert visit().client.get(f"/join/{token}").status_code == 404
    assert acts.first(service.store) is None
    with service.store.read() as connection:
        lines = [(line.action, line.actor, line.subject) for line in audit.every(connection)]
    assert ("user-made", "user:ada", "user:ada") in lines
    assert ("sign-in", "user:ada", "user:ada") in lines
    other = visit()
    assert other.sign_in("ada").status_code == 303


def test_a_first_link_is_worth_nothing_once_there_is_a_user(service: Service, visit: Visit) -> None:
    token = acts.first(service.store)
    visit(Role.READER)
    assert visit().client.get(f"/join/{token}").status_code == 404


def test_who_is_invited_chooses_a_password_once(service: Service, visit: Visit) -> None:
    ada = visit(Role.ADMINISTRATOR)
    page = ada.post("/users/invite", {"names": "bob\nCarol, dan", "role": "lead"})
    assert page.status_code == 200
    found = links(page.text)
    assert len(found) == 3
    assert "Carol, dan" not in page.text, "what was done is not sent again by a second press"
    assert not links(ada.get("/users").text), "a link is shown once"
    assert "invited" in ada.get("/users").text
    assert visit().sign_in("carol").status_code == 403, "nobody has a password yet"
    browser = visit()
    assert join(browser, found[1]).status_code == 303
    assert "carol" in signed_in(browser)
    assert role_of(service, "carol") is Role.LEAD
    assert visit().client.get(found[1]).status_code == 404
    assert visit().client.get(found[0]).status_code == 200
    assert visit().sign_in("carol").status_code == 303
    with service.store.read() as connection:
        kept = repr(connection.execute(select(service_schema.invitations)).all())
        told = repr([line.text for line in audit.every(connection)])
    assert not any(link[-43:] in kept + told for link in found)


def test_who_comes_in_by_a_link_is_known_as_whoever_signs_in(
    service: Service, visit: Visit
) -> None:
    browser = visit()
    browser.client.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"
    join(browser, f"/join/{acts.first(service.store)}", name="ada")
    assert "Firefox on Windows" in signed_in(browser)
    assert auth_middleware.device_cookie(service) in browser.client.cookies
    with service.store.read() as connection:
        (line,) = [one for one in audit.every(connection) if one.action == "sign-in"]
    assert line.details["by"] == "invitation"


def test_who_was_only_invited_is_no_administrator_to_be_left_with(
    service: Service, visit: Visit
) -> None:
    with service.store.write() as connection:
        ada = users.add(connection, "ada", Role.ADMINISTRATOR, PASSWORD, actor=None)
    browser = visit(Role.ADMINISTRATOR, "ada")
    page = browser.post("/users/invite", {"names": "bob", "role": "administrator"})
    for path, sent in (("disable", {}), ("role", {"role": "lead"})):
        refused = browser.post(f"/users/{ada.pk}/{path}", sent)
        assert refused.status_code == 409
        assert "last local administrator" in refused.text
    assert join(visit(), links(page.text)[0]).status_code == 303
    assert browser.post(f"/users/{ada.pk}/disable").status_code == 303


@pytest.mark.parametrize("way", ["renewed", "disabled", "disabled and enabled", "over", "password"])
def test_a_link_ends(service: Service, visit: Visit, way: str) -> None:
    ada = visit(Role.ADMINISTRATOR)
    (link,) = links(ada.post("/users/invite", {"names": "bob", "role": "reader"}).text)
    with service.store.read() as connection:
        pk = users.by_name(connection, "bob").pk
    if way == "renewed":
        (newer,) = links(ada.post(f"/users/{pk}/invite").text)
        assert visit().client.get(newer).status_code == 200
    elif way.startswith("disabled"):
        ada.post(f"/users/{pk}/disable")
        if "enabled" in way:
            ada.post(f"/users/{pk}/enable")
    elif way == "over":
        with service.store.write() as connection:
            table = service_schema.invitations
            ends = table.c.ends_at - invitations.LASTS
            connection.execute(update(table).values(ends_at=ends))
    else:
        ada.post(f"/users/{pk}/password", {"password": PASSWORD})
    answer = visit().client.get(link)
    assert answer.status_code == 404
    assert "leads nowhere any more" in answer.text
    assert signed_in(visit()) == ""


def test_a_new_link_lets_somebody_in_who_forgot_the_password(
    service: Service, visit: Visit
) -> None:
    with service.store.write() as connection:
        pk = users.add(connection, "eve", Role.REVIEWER, PASSWORD, actor=None).pk
    before = visit()
    before.sign_in("eve")
    (link,) = links(visit(Role.ADMINISTRATOR).post(f"/users/{pk}/invite").text)
    assert signed_in(before), "a link alone changes nothing"
    browser = visit()
    other = "other plain words for tests"
    assert join(browser, link, password=other, again=other).status_code == 303
    assert not signed_in(before), "a new password ends other sessions"
    assert visit().sign_in("eve").status_code == 403
    assert visit().sign_in("eve", other).status_code == 303


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"password": "short", "again": "short"}, "12 to 256 characters"),
        ({"again": "another one of many words"}, "two passwords differ"),
        ({"name": "no name!"}, "letters a to z"),
    ],
)
def test_a_wrong_form_keeps_the_link_and_says_which_field(
    service: Service, visit: Visit, fields: dict[str, str], says: str
) -> None:
    link = f"/join/{acts.first(service.store)}"
    answer = join(visit(), link, **({"name": "ada"} | fields))
    assert answer.status_code == 400
    assert says in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert join(visit(), link, name="ada").status_code == 303


def test_who_is_invited_is_named_well_or_nobody_is(service: Service, visit: Visit) -> None:
    ada = visit(Role.ADMINISTRATOR)
    for names in ("bob\nno name!", "", "bob sample-administrator", "x " * 60):
        answer = ada.post("/users/invite", {"names": names, "role": "reader"})
        assert answer.status_code in (400, 409)
        assert not links(answer.text)
        assert 'id="names-wrong"' in answer.text
    with service.store.read() as connection:
        assert len(users.every(connection)) == 1
    assert visit(Role.LEAD).post("/users/invite", {"names": "bob"}).status_code == 403


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 42 + "é", "A" * 5_000, "%00"])
def test_a_made_up_link_leads_nowhere(service: Service, visit: Visit, token: str) -> None:
    acts.first(service.store)
    browser = visit()
    assert browser.client.get(f"/join/{token}").status_code == 404
    assert browser.client.post(f"/join/{token}", data={"name": "ada"}).status_code == 403
    assert auth_middleware.session_cookie(service) not in browser.client.cookies
