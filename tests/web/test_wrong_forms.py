"""Every form that people type into, sent wrong: what was typed stands there again, the field that
is wrong is marked and says why, and nothing is done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from tests.match.merges import file_of, person
from tests.web import cases_made
from tests.web.cases_made import HUB
from tests.web.routes import NEEDS, Open
from tests.web.test_notice_pages import confirm, drafted, version
from tests.web.visitors import PASSWORD, Visitor

from reseen.operations import innocents, removals
from reseen.report import pdf
from reseen.review import app_codes, cases, decide, second_factors, users
from reseen.review.roles import Role
from reseen.settings import Settings
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.app import make_app
from reseen.web.service import Service

LONG = "long\r\nlong " * 600  # lines as browsers send them
OTHER = "another sentence of plain words"
NOT_SHOWN_AGAIN = {"password", "again", "now", "code", "case", "seen", "version", "back"}
"""Secrets; and what nobody types."""


@dataclass(frozen=True)
class Wrong:
    """What is sent, and the field that is wrong."""

    field: str
    fields: dict[str, str | list[str]]
    by: str = "administrator"


REASON = Wrong("reason", {"reason": LONG})
NOTE = Wrong("note", {"note": LONG, "how": "e-mail", "version": "{version}"})
CASE = {"version": "{version}", "quick": "", "reason": LONG}
TICKED = (
    Wrong("reason", {"case": "{open}:{version}", "reason": ""}),
    Wrong("reason", {"case": "{open}:{version}", "reason": LONG}),
)
ACCOUNT = Wrong("reason", {"seen": "{open}:{version}", "reason": LONG})
WITHDRAWAL = Wrong("reason", {"reason": "", "to": "desk@host.example", "version": "{version}"})
LIST = {"name": "", "site": "models.example"}

WRONG: dict[str, tuple[Wrong, ...]] = {
    "/begin": (
        Wrong("places", {"name": "first", "places": "account-1\r\nno account!", "people": "bob"}),
    ),
    "/sign-in": (Wrong("password", {"name": "ada", "password": OTHER}, "nobody"),),
    "/join/{token}": (Wrong("again", {"password": PASSWORD, "again": OTHER}, "nobody"),),
    "/sign-in/second": (Wrong("code", {"code": "000000"}, "hank"),),
    "/me/password": (
        Wrong("now", {"now": OTHER, "password": OTHER, "again": OTHER}, "grace"),
        Wrong("again", {"now": PASSWORD, "password": OTHER, "again": PASSWORD}, "grace"),
        Wrong("password", {"now": PASSWORD, "password": "x", "again": "x"}, "grace"),
    ),
    "/me/second-factor/confirm": (Wrong("password", {"password": OTHER}, "grace"),),
    "/me/second-factor/app/confirm": (Wrong("code", {"code": "000000"}, "grace"),),
    "/queue/confirm": TICKED,
    "/queue/not-this-model": TICKED,
    "/queue/allow": TICKED,
    "/queue/filters": (Wrong("name", {"name": "x" * 80, "shared": "yes", "back": "rung=bytes"}),),
    "/cases/{id}/confirm": (Wrong("reason", CASE),),
    "/cases/{id}/not-this-model": (Wrong("reason", CASE),),
    "/cases/{id}/allow": (Wrong("reason", CASE),),
    "/cases/{id}/second": (Wrong("reason", CASE),),
    "/cases/{id}/undo": (Wrong("reason", CASE),),
    "/cases/{id}/comment": (Wrong("text", {"text": LONG}),),
    "/accounts/{hub}/{account}/confirm": (ACCOUNT,),
    "/accounts/{hub}/{account}/not-this-model": (ACCOUNT,),
    "/accounts/{hub}/{account}/allow": (ACCOUNT,),
    "/notices/{id}/clause": (Wrong("clause", {"clause": LONG, "ground": "law"}),),
    "/notices/{id}/send": (
        Wrong("to", {"to": "no address", "hours": "12"}),
        Wrong("hours", {"to": "desk@host.example", "hours": "soon"}),
    ),
    "/notices/{id}/sent": (
        Wrong("note", {**NOTE.fields, "hours": "12", "other": "Another text."}),
        Wrong("hours", {"note": "To the desk.", "hours": "soon", "other": "Another text."}),
    ),
    "/notices/{id}/acknowledged": (NOTE,),
    "/notices/{id}/refused": (NOTE,),
    "/notices/{id}/gone": (NOTE,),
    "/notices/{id}/re-seen": (NOTE,),
    "/notices/{id}/corrected": (Wrong("note", {"note": LONG, "version": "{version}"}),),
    "/notices/{id}/correction/send": (Wrong("to", {"to": "no address"}),),
    "/notices/{id}/withdrawal": (WITHDRAWAL,),
    "/notices/{id}/withdrawal/json": (WITHDRAWAL,),
    "/notices/{id}/withdrawal/pdf": (WITHDRAWAL,),
    "/notices/{id}/withdrawal/send": (
        WITHDRAWAL,
        Wrong("to", {"reason": "We were wrong about all of it.", "to": "no address"}),
    ),
    "/notices/{id}/withdrawn": (WITHDRAWAL,),
    "/reports": (Wrong("since", {"place": "hub.example/a", "since": "soon", "until": "later"}),),
    "/lists/import": (Wrong("file", {"name": "first"}),),
    "/lists/import/{id}/look": (Wrong("name", {**LIST}),),
    "/lists/import/{id}/import": (Wrong("name", {**LIST}),),
    "/lists/change": (Wrong("reason", {"name": "sample list", "act": "withdraw", "reason": LONG}),),
    "/innocents/{id}": (Wrong("reason", {"act": "remove", "reason": LONG}),),
    "/removals/{id}/claims/{number}": (Wrong("reason", {"act": "take-back", "reason": LONG}),),
    "/removals/{id}/class": (Wrong("reason", {"said": "likeness", "reason": LONG}),),
    "/removals/{id}/withdraw": (REASON,),
    "/removals/{id}/restore": (REASON,),
    "/scans": (
        Wrong("accounts", {"accounts": "no account!", "repos": "a/b", "since": "7d"}),
        Wrong("repos", {"accounts": "a", "repos": "a/b/c/d", "since": "7d"}),
        Wrong("since", {"accounts": "a", "since": "soon"}),
        Wrong("every", {"accounts": "a", "every": "often", "unit": "days"}),
    ),
    "/users": (
        Wrong("name", {"name": "no name!", "role": "lead", "password": PASSWORD}),
        Wrong("name", {"name": "grace", "role": "lead", "password": PASSWORD}),
        Wrong("password", {"name": "kim", "role": "lead", "password": "x"}),
    ),
    "/users/invite": (Wrong("names", {"names": "kim\nno name!", "role": "lead"}),),
    "/users/{pk}/password": (Wrong("password", {"password": "x"}),),
    "/keys": (
        Wrong("name", {"name": " ", "scopes": ["file"], "rate": "7"}),
        Wrong("rate", {"name": "a hub", "scopes": ["file"], "rate": "fast"}),
    ),
}

NOTHING_TYPED = {
    *("/sign-out", "/sign-in/issuer", "/me/sessions/end", "/me/sessions/{id}/end"),
    *("/me/second-factor/app", "/me/second-factor/key", "/me/second-factor/codes"),
    "/me/language",
    *("/me/second-factor/{pk}/remove", "/queue/next", "/queue/undo", "/queue/assign"),
    *("/queue/filters/{id}/delete", "/queue/export", "/cases/{id}/claim", "/cases/{id}/release"),
    *("/cases/{id}/reveal", "/cases/{id}/read", "/cases/{id}/look"),
    *("/accounts/{hub}/{account}/undo", "/campaigns/{id}", "/notices", "/notices/{id}/text"),
    *("/notices/{id}/json", "/notices/{id}/pdf", "/notices/{id}/letters/{number}"),
    *("/notices/{id}/correction", "/notices/{id}/correction/json"),
    *("/notices/{id}/correction/pdf", "/notices/{id}/discard", "/notices/{id}/recheck"),
    *("/notices/{id}/undo", "/lists/import/{id}/throw-away", "/lists/import/{id}/rejects"),
    *("/removals/{id}/reveal", "/scans/{id}/again", "/scans/{id}/stop"),
    *("/asking/{hub}/ask", "/asking/{hub}/switch"),
    "/schedules/{id}/stop",
    *("/notifications/test", "/users/{pk}/invite", "/users/{pk}/sessions/end"),
    *("/users/{pk}/second-factor/reset", "/users/second-factor", "/users/{pk}/role"),
    *("/users/{pk}/disable", "/users/{pk}/enable", "/keys/{id}/revoke", "/policy"),
}
"""Buttons, boxes and choices alone."""
NEVER_SHOWN_AGAIN = {"/search"}
"""What is searched for can be a name."""


@dataclass
class World:
    """A service in which there is something to be done by each form; and those who do it."""

    app: FastAPI
    browsers: dict[str, Visitor]
    ids: dict[str, str] = field(default_factory=dict)

    def path(self, template: str) -> str:
        return template.format(**{**self.ids, "id": self.ids[self._id_of(template)]})

    def _id_of(self, template: str) -> str:
        for place, id in (
            *(("/cases/{id}/undo", "kept"), ("/cases/", "open"), ("/innocents/", "innocent")),
            *(("/notices/{id}/clause", "draft"), ("/notices/{id}/send", "draft")),
            *(("/notices/{id}/re-seen", "gone"), ("/notices/", "told")),
            *(("/lists/import/", "list"), ("/removals/{id}/restore", "withdrawn")),
            ("/removals/", "removal"),
        ):
            if template.startswith(place):
                return id
        return "removal"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all: what is wrong changes nothing."""
    home = tmp_path_factory.mktemp("wrong-forms")
    settings = Settings.from_environment(
        {
            "RESEEN_HOME": str(home),
            "RESEEN_KEY": "5e" * 32,
            "HF_HOME": str(home / "hf"),
            "RESEEN_SMTP": "smtp://127.0.0.1:1",
            "RESEEN_SMTP_FROM": "us@example.org",
            "RESEEN_OIDC_ISSUER": "",
        }
    )
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        yield _furnished(make_app(Service(store, settings, keyring)), home)


def _furnished(app: FastAPI, home: Path) -> World:
    admin = Visitor(app, Role.ADMINISTRATOR)
    service, who = admin.service, admin.who
    assert who is not None
    # first what is followed by judging: the cases below rest on no reading that it knows
    withdrawn = cases_made.removal(service, 9)
    removals.withdraw(service.store, service.keyring, withdrawn, "A mistake.", actor=who.actor)
    file = home / "innocent"
    file.write_bytes(file_of(person(40)))
    innocent = innocents.propose(
        *(service.store, service.keyring, file, "Sample style", "why"), by=who
    )
    places = ("sample-account/lora", "sample-account/other", "told-account/a", "gone-account/a")
    kept, opened, told, gone = (
        cases_made.made(service, number, repo) for number, repo in enumerate(places, start=1)
    )
    for made in (kept, told, gone):
        confirm(service, made, admin)
    draft = drafted(admin)
    notices = [drafted(admin, repo.split("/")[0]) for repo in places[2:]]
    for path in notices:
        admin.post(f"{path}/sent", {"version": version(admin, path)})
    admin.post(f"{notices[1]}/gone", {"version": version(admin, notices[1])})
    with service.store.write() as connection:  # the host was told what is not so any more
        seen = decide.ShownCase(told.case, cases.row(connection, told.case).version)
        decide.undo(connection, service.keyring, seen, decide.DecidedBy(who, "A mistake."))
        for name in ("grace", "hank"):
            user = users.add(connection, name, Role.LEAD, PASSWORD, actor=None)
        second_factors.add_app(connection, service.keyring, user, app_codes.new_secret(), 0)
        open_version = cases.row(connection, opened.case).version
    grace, hank = Visitor(app), Visitor(app)
    grace.sign_in("grace")
    grace.post("/me/second-factor/confirm", {"password": PASSWORD})
    grace.post("/me/second-factor/app")
    hank.sign_in("hank")
    invited = admin.post("/users/invite", {"names": "ivy", "role": "reader"})
    waits = admin.send_list(b"name,sha256\nSample person 08," + b"8" * 64 + b"\n", "waits")
    claim = re.search(r"/claims/(\d+)", admin.get(f"/removals/{kept.removal}").text)
    found = re.search(r"/join/([\w-]{43})", invited.text), re.search(r"/import/(\w+)/", waits.text)
    assert claim is not None
    assert found[0] is not None
    assert found[1] is not None
    ids = {
        "kept": kept.case,
        "open": opened.case,
        "open_version": str(open_version),
        "removal": kept.removal,
        "withdrawn": withdrawn,
        "number": claim[1],
        "draft": draft.rsplit("/", 1)[1],
        "told": notices[0].rsplit("/", 1)[1],
        "gone": notices[1].rsplit("/", 1)[1],
        "innocent": innocent,
        "token": found[0][1],
        "list": found[1][1],
        "hub": HUB,
        "account": "sample-account",
        "pk": str(who.pk),
    }
    browsers = {"administrator": admin, "nobody": Visitor(app), "grace": grace, "hank": hank}
    return World(app, browsers, ids)


class Forms(HTMLParser):
    """The forms of a page: what stands in each field, and which fields are marked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str | None] = []
        self._field: dict[str, Any] | None = None
        self._select: dict[str, Any] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in ("input", "br", "meta", "link", "img", "path", "rect"):
            self._open.append(given.get("id"))
        if tag == "form":
            self.forms.append({"actions": {given.get("action", "")}, "fields": []})
        if not self.forms:
            return
        form = self.forms[-1]
        if "formaction" in given:
            form["actions"].add(given["formaction"])
        if tag in ("input", "textarea", "select") and "name" in given:
            made = {"name": given["name"], "attrs": given, "value": given.get("value", "")}
            if given.get("type") in ("checkbox", "radio") and "checked" not in given:
                made["value"] = None
            form["fields"].append(made)
            self._field = made if tag == "textarea" else None
            self._select = made if tag == "select" else None
        if tag == "option" and self._select is not None:
            self._field = {"value": "", "selected": "selected" in given, "said": given.get("value")}
            if "selected" in given and "value" in given:
                self._select["value"] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag not in ("input", "br", "meta", "link", "img", "path", "rect"):
            self._open.pop()
        option = self._field if tag == "option" and self._select is not None else None
        if option is not None and option["selected"] and option["said"] is None:
            assert self._select is not None
            self._select["value"] = option["value"]
        if tag in ("textarea", "option"):
            self._field = None
        if tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        for id in filter(None, self._open):
            self.texts[id] = self.texts.get(id, "") + data
        if self._field is not None:
            self._field["value"] += data

    def of(self, path: str) -> list[dict[str, Any]]:
        """The fields of the forms that are sent there."""
        found = [form for form in self.forms if path in form["actions"]]
        found = found or [form for form in self.forms if form["actions"] == {""}]
        return [one for form in found for one in form["fields"]]


def test_every_form_that_is_sent_is_here() -> None:
    posts = {p for (m, p), needed in NEEDS.items() if m == "POST" and needed is not Open.KEY}
    posts.discard("/v1/hooks/huggingface")
    assert set(WRONG) | NOTHING_TYPED | NEVER_SHOWN_AGAIN == posts
    assert not set(WRONG) & (NOTHING_TYPED | NEVER_SHOWN_AGAIN)


CASES = [
    pytest.param(template, wrong, id=f"{template} {wrong.field}")
    for template, each in WRONG.items()
    for wrong in each
]


def _rows(service: Service) -> Mapping[str, list[str]]:
    passing = {"sessions", "audit", "sign_in_tries", "sign_in_steps"}
    with service.store.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in schema.metadata.sorted_tables
            if table.name not in passing
        }


@pytest.mark.parametrize(("template", "wrong"), CASES)
def test_a_wrong_form_keeps_what_was_typed_and_marks_the_field(
    world: World, template: str, wrong: Wrong
) -> None:
    if template.endswith("/withdrawal/pdf") and not pdf.available():
        pytest.skip("nothing here makes a PDF")
    browser, path = world.browsers[wrong.by], world.path(template)
    if template.startswith("/notices/{id}/sent"):
        path = path.replace(world.ids["told"], world.ids["draft"])
    seen = {"open": world.ids["open"], "version": world.ids["open_version"]}
    if template.startswith("/notices/"):
        seen["version"] = version(browser, path[: path.index("/", len("/notices/"))])
    if template.endswith("/undo"):
        with browser.service.store.read() as connection:
            seen["version"] = str(cases.row(connection, world.ids["kept"]).version)
    fields = {
        name: value.format(**seen) if isinstance(value, str) and "{" in value else value
        for name, value in wrong.fields.items()
    }
    if wrong.by in ("nobody", "hank"):
        shown = browser.get(path.replace("/sign-in/issuer", "/sign-in")).text
        token = re.search(r'name="csrf" value="(\w+)"', shown)
        assert token is not None
        browser.csrf = token[1]
    before = _rows(browser.service)
    answer = browser.post(path, fields)
    assert 400 <= answer.status_code < 500, answer.text
    assert "\\u00" not in answer.text, "what was typed is shown by its numbers"
    forms = Forms(answer.text)
    there = forms.of(path)
    (marked,) = [
        one for one in there if one["name"] == wrong.field and "aria-invalid" in one["attrs"]
    ]
    says = forms.texts.get(marked["attrs"]["aria-describedby"], "")
    assert len(says.strip()) > 10, "the field says why"
    for name, value in fields.items():
        if name not in NOT_SHOWN_AGAIN:
            stands = [one["value"] for one in there if one["name"] == name]
            for each in [value] if isinstance(value, str) else value:
                typed = each.replace("\r\n", "\n").strip()
                assert typed in [(found or "").strip() for found in stands], name
    assert _rows(browser.service) == before


def test_a_form_into_which_nothing_is_typed_has_no_field_for_it() -> None:
    """What the templates say: a form that gets one is sent wrong above."""
    folder = Path(__file__).parents[2] / "src" / "reseen" / "web" / "templates"
    patterns = {
        template: re.compile(re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(template)))
        for template in NOTHING_TYPED
    }
    typed = re.compile(
        r"<textarea|<input(?![^>]*(?:type=\"(?:hidden|checkbox|radio)\"|readonly))", re.DOTALL
    )
    for file in sorted(folder.glob("*.html")):
        for form in re.findall(r"<form method=\"post\".*?</form>", file.read_text(), re.DOTALL):
            action = re.search(r'action="([^"]*)"', form)
            if action is None or typed.search(form) is None:
                continue
            path = re.sub(r"\{\{.*?\}\}", "x", action[1])
            named = [one for one, pattern in patterns.items() if pattern.fullmatch(path)]
            assert not named, f"{file.name}: {path}"
