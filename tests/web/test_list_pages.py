"""The page of lists: withdrawing, restoring, facts with their sources."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.registry.places import sketch
from tests.registry.test_claims import Registry
from tests.web import cases_made
from tests.web.importing_here import GOOD, SECRET, csv, import_here, sha
from tests.web.visitors import Visitor

from reseen.records import DigestKind
from reseen.registry import removals
from reseen.review.roles import Role
from reseen.store import audit
from reseen.web.service import Service

Visit = Callable[..., Visitor]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    import_here(monkeypatch)


def upload(browser: Visitor, data: bytes, name: str = "sample") -> None:
    assert browser.import_list(data, name).status_code == 200


def test_removals_that_have_only_an_earlier_sketch_are_counted(
    visit: Visit, service: Service
) -> None:
    said = "a sketch of version 1 alone"
    cases_made.removal(service, 1, sketch=sketch(complete=True, version=2))
    reader = visit(Role.READER)
    assert said not in reader.get("/lists").text
    for number, counted in ((2, "<b>1</b> removal in force has"), (3, "<b>2</b> removals in")):
        cases_made.removal(service, number, sketch=sketch(complete=True, version=1))
        shown = reader.get("/lists").text
        assert said in shown
        assert counted in shown


def test_the_class_that_is_never_read_is_said_of_an_import_and_of_its_list(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    said = "of the class child-abuse-imagery"
    upload(lead, csv((SECRET, sha(1))), "other")
    assert said not in lead.get("/lists").text
    rows = f"name,sha256,class\n{SECRET},{sha(2)},child-abuse-imagery\n"
    imported = lead.import_list(rows.encode(), "sample").text
    assert f"<b>1</b> {said}: nothing is read or sent." in imported
    assert f"1 {said}</span>" in lead.get("/lists").text


def test_a_removal_is_withdrawn_and_restored_with_a_reason(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    id = cases_made.removal(service, 7)
    assert "in force" in lead.get(f"/lists?removal={id}").text
    assert lead.post(f"/removals/{id}/withdraw", {"reason": " "}).status_code == 400
    reason = f"About {cases_made.SEALED}"
    withdrawn = lead.post(f"/removals/{id}/withdraw", {"reason": reason})
    assert withdrawn.headers["location"] == f"/lists?removal={id}&done=withdrawn"
    shown = lead.get(withdrawn.headers["location"]).text
    assert "withdrawn" in shown
    for secret in cases_made.SECRETS:
        assert secret not in shown
    assert lead.post(f"/removals/{id}/restore", {"reason": "Wrong."}).status_code == 303
    assert "in force" in lead.get(f"/lists?removal={id}").text
    with service.store.read() as connection:
        told = [(x.action, x.actor) for x in audit.every(connection)]
    assert ("withdraw", "user:sample-lead") in told
    assert ("restore", "user:sample-lead") in told
    assert lead.post("/removals/rm-00000000/withdraw", {"reason": "x"}).status_code == 404
    assert lead.get("/lists?removal=rm-00000000").status_code == 404


def claim(lead: Visitor, id: str, number: int, act: str, status: int = 303) -> str:
    form = {"act": act, "reason": f"About {cases_made.SEALED}"}
    answer = lead.post(f"/removals/{id}/claims/{number}", form)
    assert answer.status_code == status, answer.text
    return str(answer.headers.get("location", ""))


def test_every_fact_is_shown_with_its_source_and_taken_back(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    upload(lead, GOOD, "one list")
    upload(lead, csv((SECRET, sha(1))), "another")
    with service.store.read() as connection:
        (id,) = [r.id for r in removals.every(connection) if len(r.claims) == 2]
    page = lead.get(f"/lists?removal={id}").text
    for wanted in ("one list", "another", f"{id}/1", f"{id}/2", sha(1)):
        assert wanted in page
    assert SECRET not in page
    assert sha(1) not in visit(Role.READER).get(f"/lists?removal={id}").text
    assert claim(lead, id, 1, "take-back").endswith("done=claim")
    assert "in force" in lead.get(f"/lists?removal={id}").text
    claim(lead, id, 2, "take-back")
    with service.store.read() as connection:
        assert removals.by_id(connection, id).withdrawn_at is not None
    shown = lead.get(f"/lists?removal={id}").text
    assert "taken back" in shown
    for secret in cases_made.SECRETS:
        assert secret not in shown
    claim(lead, id, 1, "put-back")
    with service.store.read() as connection:
        assert removals.by_id(connection, id).withdrawn_at is None
    claim(lead, id, 1, "something", status=400)
    claim(lead, id, 9, "take-back", status=404)


def test_a_list_is_withdrawn_and_restored_as_a_whole(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    upload(lead, GOOD, "one list")
    change = {"name": "one list", "act": "withdraw", "reason": "A test."}
    assert lead.post("/lists/change", {**change, "reason": " "}).status_code == 400
    assert lead.post("/lists/change", change).headers["location"] == "/lists?done=list"
    with service.store.read() as connection:
        assert removals.count(connection, withdrawn=False) == 0
    assert lead.post("/lists/change", change).headers["location"] == "/lists?done=same"
    assert lead.post("/lists/change", {**change, "act": "restore"}).status_code == 303
    with service.store.read() as connection:
        assert removals.count(connection, withdrawn=False) == 2
    assert lead.post("/lists/change", {**change, "name": "none"}).status_code == 404
    entitle = {"name": "one list", "act": "entitle"}
    assert lead.post("/lists/change", entitle).status_code == 403
    boss = visit(Role.ADMINISTRATOR)
    assert boss.post("/lists/change", entitle).status_code == 303
    assert "may say the class that is never read" in boss.get("/lists").text


def test_two_people_settle_a_class(visit: Visit, service: Service) -> None:
    lead, other = visit(Role.LEAD), visit(Role.LEAD, "another-lead")
    upload(lead, GOOD, "one list")
    with service.store.read() as connection:
        id = next(removals.every(connection)).id
    said = {"said": "child-abuse-imagery", "reason": "A test."}
    assert lead.post(f"/removals/{id}/class", said).status_code == 303
    with service.store.read() as connection:
        removal = removals.by_id(connection, id)
    assert removal.cls.never_read
    assert not removal.cls.vouched
    number = next(c.number for c in removal.claims if c.cls is not None)
    assert "no list that is entitled" in lead.get(f"/lists?removal={id}").text
    claim(lead, id, number, "counts")
    claim(lead, id, number, "confirm", status=409)
    assert "A second person confirms" in other.get(f"/lists?removal={id}").text
    claim(other, id, number, "confirm")
    with service.store.read() as connection:
        assert removals.by_id(connection, id).cls.vouched
    assert lead.post(f"/removals/{id}/class", {"said": "no", "reason": "x"}).status_code == 400


def test_a_removal_has_a_page_with_its_sightings(visit: Visit, service: Service) -> None:
    made = cases_made.made(service, 7, "sample-account/lora")
    with service.store.read() as connection:
        id = next(removals.every(connection)).id
    page = visit(Role.READER).get(f"/removals/{id}")
    assert page.status_code == 200
    for wanted in (id, f"{id}/1", "sample-account/lora", "1 sighting"):
        assert wanted in page.text
    assert "Change" not in page.text
    for secret in cases_made.SECRETS:
        assert secret not in page.text
    assert "Take it back" in visit(Role.LEAD).get(f"/removals/{id}").text
    assert f'href="/removals/{id}"' in visit(Role.READER).get(f"/cases/{made.case}").text
    assert visit(Role.READER).get("/removals/rm-00000000").status_code == 404


def test_two_removals_that_are_one_file_by_reading_lead_to_each_other(
    visit: Visit, service: Service
) -> None:
    assert service.keyring is not None
    registry = Registry(service.store, service.keyring)
    one = registry.put("one", kinds=(DigestKind.SHA256,))
    other = registry.put("another", kinds=(DigestKind.BLAKE3,))
    assert "The same file" not in visit(Role.READER).get(f"/removals/{one}").text
    registry.teach(1)
    for mine, theirs in ((one, other), (other, one)):
        page = visit(Role.READER).get(f"/removals/{mine}").text
        assert "The same file, by bytes that were read" in page
        assert f'href="/removals/{theirs}"' in page


def test_digests_of_the_class_that_is_never_read_are_on_no_page(
    visit: Visit, service: Service
) -> None:
    lead = visit(Role.LEAD)
    upload(lead, GOOD, "one list")
    with service.store.read() as connection:
        removal = next(removals.every(connection))
    digest = removal.claims[0].digests[0].hex
    assert digest in lead.get(f"/removals/{removal.id}").text
    said = {"said": "child-abuse-imagery", "reason": "A test."}
    lead.post(f"/removals/{removal.id}/class", said)
    for place in (f"/removals/{removal.id}", f"/lists?removal={removal.id}"):
        assert digest not in visit(Role.ADMINISTRATOR).get(place).text
