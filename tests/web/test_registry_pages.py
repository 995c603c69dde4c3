"""One list and one removal, opened: counts that are those of the rows, and names sealed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web import cases_made
from tests.web.cases_made import NAMES, SEALED, SECRETS
from tests.web.test_notice_pages import confirm
from tests.web.visitors import Visitor

from reseen.operations import removals as acts
from reseen.registry import known_lists
from reseen.registry.imports import ImportOptions, import_list
from reseen.review.roles import Role
from reseen.store import audit
from reseen.web.pages import one_list
from reseen.web.service import Service

Visit = Callable[..., Visitor]


def number(service: Service, name: str = "sample list") -> int:
    with service.store.read() as connection:
        return next(one.number for one in known_lists.every_list(connection) if one.name == name)


def ids(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/removals/(rm-\w+)">', text)


def test_a_list_shows_its_removals_page_by_page(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_list, "ROWS", 3)
    made = [cases_made.removal(service, n) for n in range(7)]
    assert service.keyring is not None
    acts.withdraw(service.store, service.keyring, made[1], "a sample reason")
    browser = visit(Role.READER)
    at: str | None = f"/lists/{number(service)}"
    found: list[str] = []
    while at is not None:
        text = browser.get(at).text
        assert not any(secret in text for secret in SECRETS)
        assert "7 removals: 6 in force by it, 1 not" in text
        found += ids(text)
        more = re.search(r'rel="next" href="([^"]+)"', text)
        at = more[1].replace("&amp;", "&") if more else None
    assert found == made
    out = browser.get(f"/lists/{number(service)}?state=withdrawn").text
    assert ids(out) == [made[1]]
    kept = browser.get(f"/lists/{number(service)}?state=in-force&after=x").status_code
    assert kept == 400
    for nothing in (0, 999, 2**40):
        assert browser.get(f"/lists/{nothing}").status_code == 404


def test_a_list_says_where_it_was_seen_again_and_who_did_what(
    service: Service, visit: Visit, tmp_path: Path
) -> None:
    made = cases_made.made(service)
    cases_made.made(service, 8, "other/lora", read=False)
    browser = visit(Role.READER)
    first = browser.get(f"/lists/{number(service)}").text
    of_rung = r'<tr><th scope="row">(\w+)</th><td class="n" data-label="all">(\d+)</td>'
    rows = dict(re.findall(of_rung, first))
    assert rows == {"bytes": "1", "declared": "1"}
    assert f"/removals/{made.removal}" in first

    file = tmp_path / "list.csv"
    file.write_text(
        "name,sha256\n"
        + f"{SEALED},{hashlib.sha256(b'second').hexdigest()}\nSample person 08,{'x' * 64}\n"
    )
    assert service.keyring is not None
    options = ImportOptions(list_name="second list", keep_rejects=False, actor="user:sample-lead")
    import_list(service.store, service.keyring, file, options)
    acts.withdraw_list(service.store, service.keyring, "second list", "why", actor="user:lea")
    second = browser.get(f"/lists/{number(service, 'second list')}").text
    assert "2: 1 added, 0 merged, 0 unchanged, 1 rejected" in second
    for said in ("user:sample-lead", "list withdrawn", "user:lea", "withdrawn"):
        assert said in second
    assert not any(secret in second for secret in SECRETS)
    lists = browser.get("/lists").text
    assert f'href="/lists/{number(service)}"' in lists
    assert f'href="/lists/{number(service)}"' in browser.get("/").text


def test_a_removal_shows_its_facts_sightings_decisions_and_history(
    service: Service, visit: Visit
) -> None:
    made = cases_made.made(service)
    lead = visit(Role.LEAD)
    confirm(service, made, lead)
    lead.post(f"/removals/{made.removal}/withdraw", {"reason": "a sample reason, sealed"})
    lead.post(f"/removals/{made.removal}/restore", {"reason": "another"})
    address = f"/removals/{made.removal}"
    text = lead.get(address).text
    for shown in ("sample list", made.repo, f"/cases/{made.case}", "confirmed", "withdraw"):
        assert shown in text
    assert "sample-lead" in text
    seen = text[text.index("Where it was seen again") : text.index("What was decided")]
    assert f"/cases/{made.case}" in seen, "a place leads to its case"
    reader = visit(Role.READER).get(address).text
    for page in (text, reader):
        assert not any(secret in page for secret in (*SECRETS, "sealed</bdi>"))
    assert "sample-lead" not in reader
    assert f"/cases/{made.case}" in reader
    assert "/reveal" not in reader


def test_the_names_of_a_removal_are_shown_once_and_recorded(service: Service, visit: Visit) -> None:
    id = cases_made.removal(service, 3)
    assert service.keyring is not None
    acts.withdraw(service.store, service.keyring, id, "asked for by somebody")
    reviewer, address = visit(Role.REVIEWER), f"/removals/{id}"
    assert visit(Role.READER).post(f"{address}/reveal").status_code == 403
    opened = reviewer.post(f"{address}/reveal")
    assert opened.status_code == 200
    assert NAMES.trigger_words[0] in opened.text
    assert "asked for by somebody" in opened.text
    assert "<script>alert(7)" not in opened.text
    assert not any(secret in reviewer.get(address).text for secret in SECRETS)
    with service.store.read() as connection:
        lines = [line for line in audit.every(connection, id) if line.action == "reveal"]
    assert [line.actor for line in lines] == ["user:sample-reviewer"]
    assert reviewer.post("/removals/rm-00000000/reveal").status_code == 404
