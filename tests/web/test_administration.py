"""Users, keys, policy, the audit log, and one's own page; figures and readiness; logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from tests.audited import lines
from tests.web.visitors import PASSWORD, Visitor

from reseen.errors import Tampered
from reseen.gate import keys, policy
from reseen.gate.policy import EVERY_LIST
from reseen.records import Advice, Rung
from reseen.review import sign_in_limits, users
from reseen.review.roles import Role
from reseen.store import audit, audit_checkpoint
from reseen.web.service import Service

Visit = Callable[..., Visitor]
OTHER = "another sentence of plain words"


def _pk(service: Service, name: str) -> int:
    with service.store.read() as connection:
        return users.by_name(connection, name).pk


# -- users ---------------------------------------------------------------------------------------


def test_an_administrator_adds_a_user_who_signs_in(visit: Visit, service: Service) -> None:
    admin = visit(Role.ADMINISTRATOR)
    form = {"name": "Grace", "role": "reviewer", "password": PASSWORD}
    assert admin.post("/users", form).headers["location"] == "/users?done=added"
    assert "grace" in admin.get("/users?done=added").text
    assert visit().sign_in("grace").status_code == 303
    (line,) = lines(service.store, "user-made")
    assert line.actor == "user:sample-administrator"
    assert line.subject == "user:grace"
    assert PASSWORD not in str(line)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "no blanks"},
        {"name": ""},
        {"name": "x" * 65},
        {"name": "<script>"},
        {"name": "\u202eada"},
        {"role": "owner"},
        {"password": "short"},
        {"password": "a" * 40},
        {"password": "grace and eleven more"},
        {"password": "x1" * 200},
    ],
    ids=str,
)
def test_what_makes_no_user_is_refused(
    visit: Visit, service: Service, wrong: dict[str, str]
) -> None:
    form = {"name": "grace", "role": "reviewer", "password": PASSWORD, **wrong}
    answer = visit(Role.ADMINISTRATOR).post("/users", form)
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert not lines(service.store, "user-made")


def test_a_name_is_taken_once(visit: Visit) -> None:
    admin = visit(Role.ADMINISTRATOR)
    form = {"name": "grace", "role": "reader", "password": PASSWORD}
    admin.post("/users", form)
    assert admin.post("/users", {**form, "name": "GRACE"}).status_code == 409


def test_the_last_administrator_stays(visit: Visit, service: Service) -> None:
    admin = visit(Role.ADMINISTRATOR)
    path = f"/users/{_pk(service, 'sample-administrator')}"
    assert admin.post(f"{path}/disable").status_code == 409
    assert admin.post(f"{path}/role", {"role": "lead"}).status_code == 409
    visit(Role.ADMINISTRATOR, "second")
    with service.store.write() as connection:
        second = users.by_name(connection, "second")
        users.set_password(connection, second, PASSWORD, actor=None)
    assert admin.post(f"{path}/role", {"role": "lead"}).status_code == 303
    assert admin.get("/users").status_code == 403


def test_a_new_password_ends_the_users_sessions(visit: Visit, service: Service) -> None:
    with service.store.write() as connection:
        users.add(connection, "grace", Role.LEAD, PASSWORD, actor=None)
    browser = visit()
    browser.sign_in("grace")
    admin = visit(Role.ADMINISTRATOR)
    admin.post(f"/users/{_pk(service, 'grace')}/password", {"password": OTHER})
    assert browser.get("/me").status_code == 303
    assert visit().sign_in("grace", PASSWORD).status_code == 403
    assert visit().sign_in("grace", OTHER).status_code == 303


def test_somebody_changes_the_own_password(visit: Visit, service: Service) -> None:
    with service.store.write() as connection:
        users.add(connection, "grace", Role.READER, PASSWORD, actor=None)
    here, there = visit(), visit()
    here.sign_in("grace")
    there.sign_in("grace")
    wrong = here.post("/me/password", {"now": "x", "password": OTHER, "again": OTHER})
    assert wrong.status_code == 400
    differ = here.post("/me/password", {"now": PASSWORD, "password": OTHER, "again": "x"})
    assert differ.status_code == 400
    done = here.post("/me/password", {"now": PASSWORD, "password": OTHER, "again": OTHER})
    assert done.headers["location"] == "/me?done=password"
    assert here.get("/me").status_code == 200
    assert there.get("/me").status_code == 303


def test_who_has_no_password_cannot_sign_in_with_one(visit: Visit, service: Service) -> None:
    visit(Role.READER, "by-issuer")
    assert visit().sign_in("by-issuer", "").status_code == 403
    assert visit().sign_in("by-issuer", "nobody has this password").status_code == 403


# -- guessing ------------------------------------------------------------------------------------


def test_the_page_says_that_it_was_too_often(visit: Visit, service: Service) -> None:
    with service.store.write() as connection:
        for _ in range(sign_in_limits.BY_PAIR):
            limits = sign_in_limits.of_sign_in("ada", "testclient")
            sign_in_limits.take(connection, service.store.secret, limits)
    answer = visit().sign_in("ada")
    assert answer.status_code == 409
    assert "Too many sign-ins" in answer.text
    assert 'value="ada"' in answer.text  # what was typed stays
    assert not lines(service.store, "sign-in-refused")  # a flood does not fill the log


# -- keys and policy -----------------------------------------------------------------------------


def test_a_key_is_shown_once_and_revoked(visit: Visit, service: Service) -> None:
    admin = visit(Role.ADMINISTRATOR)
    form = {"name": "a hub", "scopes": ["check", "trusted"], "rate": "20"}
    made = admin.post("/keys", form)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    found = re.search(r"rsk_[A-Za-z0-9_-]+", made.text)
    assert found is not None
    assert found[0] not in admin.get("/keys").text
    with service.store.read() as connection:
        (key,) = keys.in_force(connection).values()
    assert key.scopes == {"check", "trusted"}
    assert admin.post(f"/keys/{key.id}/revoke").status_code == 303
    with service.store.read() as connection:
        assert not keys.in_force(connection)
    assert found[0] not in str(lines(service.store, "key-made"))


@pytest.mark.parametrize(
    "wrong", [{"scopes": ["everything"]}, {"scopes": []}, {"rate": "nan"}, {"rate": "-1"}], ids=str
)
def test_a_key_that_makes_no_sense_is_not_made(
    visit: Visit, service: Service, wrong: dict[str, str]
) -> None:
    form = {"name": "a hub", "scopes": ["check"], "rate": "20", **wrong}
    assert visit(Role.ADMINISTRATOR).post("/keys", form).status_code == 400
    assert not lines(service.store, "key-made")


def test_the_policy_is_set_for_all_lists_and_taken_back(visit: Visit, service: Service) -> None:
    admin = visit(Role.ADMINISTRATOR)
    assert "list=&done=changed" in admin.post("/policy", {"weights": "block"}).headers["location"]
    with service.store.read() as connection:
        rules = policy.read(connection)
    assert rules.rules == {(EVERY_LIST, Rung.WEIGHTS): Advice.BLOCK}
    admin.post("/policy", {"weights": ""})
    with service.store.read() as connection:
        assert not policy.read(connection).rules
    assert admin.post("/policy", {"weights": "burn"}).status_code == 400
    assert admin.post("/policy", {"list": "nowhere", "weights": "hold"}).status_code == 400
    assert admin.get("/policy?list=nowhere").status_code == 400
    assert len(lines(service.store, "policy")) == 2


def test_what_only_digests_could_judge_is_ruled_for_all_lists(
    visit: Visit, service: Service
) -> None:
    admin = visit(Role.ADMINISTRATOR)
    assert "What only digests could judge" in admin.get("/policy").text
    assert "done=changed" in admin.post("/policy", {"only-digests": "hold"}).headers["location"]
    with service.store.read() as connection:
        assert policy.read(connection).blind is Advice.HOLD
    assert 'value="hold" selected' in admin.get("/policy").text.partition('id="only-digests"')[2]
    admin.post("/policy", {"only-digests": ""})
    with service.store.read() as connection:
        assert policy.read(connection).only_digests is None
    assert admin.post("/policy", {"only-digests": "burn"}).status_code == 400
    assert len(lines(service.store, "policy")) == 2


# -- the audit log -------------------------------------------------------------------------------


def test_the_audit_log_is_filtered_paged_and_exported(visit: Visit, service: Service) -> None:
    with service.store.write() as connection:
        for number in range(130):
            audit.write(connection, "import", f"list-{number}", actor="user:ada", rows=number)
        audit.write(connection, "notice", "nt-1", actor="user:ada", step="draft", rows="ab" * 32)
        audit.write(connection, "reveal", "<b>x</b>\u202e", actor="user:eve")
    lead = visit(Role.LEAD)
    first = lead.get("/audit")
    assert "&lt;b&gt;x&lt;/b&gt;\\u202e" in first.text
    assert "<b>x" not in first.text
    line = re.search(r"step: draft.*?</details>", first.text, re.DOTALL)
    assert line is not None
    told, proof = line[0].split("<details", 1)
    assert "abab" not in told, "what proves a line stands apart from what it tells"
    assert "abab" in proof
    older = re.search(r'href="(/audit\?[^"]*before=[^"]*)"', first.text)
    assert older is not None
    assert "list-3<" in lead.get(older[1].replace("&amp;", "&")).text
    only = lead.get("/audit?action=reveal").text
    assert "user:eve" in only
    assert "list-" not in only
    assert lead.get("/audit?before=x").status_code == 400
    assert lead.get("/audit/export").status_code == 403
    exported = visit(Role.ADMINISTRATOR).get("/audit/export")
    lines = [json.loads(line) for line in exported.text.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, 134))
    assert lines[-1]["action"] == "export"
    assert exported.headers["content-disposition"].startswith("attachment")


def test_the_chain_is_verified_and_a_head_is_signed(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = visit(Role.LEAD)
    with service.store.write() as connection:
        audit.write(connection, "import", "a list", actor="user:ada")
    assert "Lines 1 to 1 are each as they were written" in lead.get("/audit?verify=true").text
    head = audit_checkpoint.parse(lead.get("/audit/head").text)
    with service.store.read() as connection:
        assert audit_checkpoint.verify(connection, service.store.secret, head) == 1

    def tampered(*_: object) -> int:
        raise Tampered("the audit log: line 1 is not what was written", remedy="Keep it.")

    monkeypatch.setattr(audit_checkpoint, "verify", tampered)
    assert "line 1 is not what was written" in lead.get("/audit?verify=true").text


# -- for machines --------------------------------------------------------------------------------


def test_figures_are_for_this_machine_or_a_key(visit: Visit, service: Service) -> None:
    browser = visit(Role.ADMINISTRATOR)
    assert browser.get("/metrics").status_code == 401  # "testclient" is no loopback address
    with service.store.write() as connection:
        _, wrong = keys.make(connection, "a hub", [keys.KeyScope.CHECK])
        _, right = keys.make(connection, "prometheus", [keys.KeyScope.METRICS])
    bearer = {"Authorization": f"Bearer {wrong}"}
    assert browser.get("/metrics", headers=bearer).status_code == 401
    answer = browser.get("/metrics", headers={"Authorization": f"Bearer {right}"})
    assert answer.status_code == 200
    assert 'reseen_request_seconds_count{method="GET",route="/metrics",status="401"}' in answer.text


def test_readiness_tells_of_the_store(visit: Visit) -> None:
    assert visit().get("/health").text == "lives\n"
    ready = visit().get("/ready")
    assert ready.status_code == 200
    assert ready.json()["store"] is True


# -- errors and headers --------------------------------------------------------------------------


def test_every_answer_carries_the_headers_that_browsers_need(visit: Visit) -> None:
    browser = visit(Role.READER)
    for path in ("/me", "/nothing", "/static/style.css", "/users", "/health", "/audit?before=x"):
        answer = browser.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        cached = answer.headers["cache-control"]
        assert cached.startswith("public") if "/static/" in path else cached == "no-store"


def test_pages_have_no_inline_script_or_style(visit: Visit) -> None:
    admin = visit(Role.ADMINISTRATOR)
    for path in ("/me", "/users", "/keys", "/policy", "/audit", "/nothing"):
        text = admin.get(path).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|<script(?![^>]*\ssrc=)", text)


def test_an_error_of_ours_shows_no_details(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a sealed name: Sample person 07")

    browser = visit(Role.ADMINISTRATOR)
    monkeypatch.setattr(users, "every", broken)
    answer = browser.get("/users")
    assert answer.status_code == 500
    assert "error of Reseen itself" in answer.text
    assert "Sample person" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    said = capfd.readouterr()
    assert "RuntimeError" in said.err + said.out
    assert "Sample person" not in said.err + said.out
