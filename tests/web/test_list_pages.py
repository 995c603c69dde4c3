"""The page of lists: imports with an account of every row, nothing kept; withdrawing, restoring."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.registry.places import sketch
from tests.web import cases_made
from tests.web.visitors import Visitor

from reseen.registry import removals
from reseen.review.roles import Role
from reseen.store import audit
from reseen.web.pages import lists
from reseen.web.service import Service

Visit = Callable[..., Visitor]
SECRET = "Sample person 23"


def csv(*rows: tuple[str, str]) -> bytes:
    lines = ["name,sha256", *(f"{name},{digest}" for name, digest in rows)]
    return "\n".join(lines).encode()


def sha(number: int) -> str:
    return hashlib.sha256(b"list %d" % number).hexdigest()


GOOD = csv((SECRET, sha(1)), ("Sample person 24", sha(2)))


def upload(browser: Visitor, data: bytes, name: str = "sample", **form: str) -> object:
    files = {"file": (f"{SECRET}.csv", data, "text/csv")}
    return browser.post("/lists/import", {"name": name, **form}, files=files)


def test_every_row_is_accounted_for_and_no_name_is_shown(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    mixed = csv((SECRET, sha(1)), ("Sample person 24", "not a digest"), ("", ""))
    answer = upload(lead, mixed)
    assert answer.status_code == 200, answer.text
    assert "Rejected rows" in answer.text
    assert SECRET not in answer.text
    assert "Sample person 24" not in answer.text
    with service.store.read() as connection:
        assert removals.count(connection) == 1
        (line,) = [x for x in audit.every(connection) if x.action == "import"]
    assert line.actor == "user:sample-lead"
    shown = visit(Role.READER).get("/lists").text
    assert "user:sample-lead" in shown
    assert "Import a list" not in shown


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


@pytest.mark.parametrize("rows", [(), (("Sample person 01", "12"),)])
def test_a_list_of_which_nothing_is_taken_was_not_imported(
    visit: Visit, rows: tuple[tuple[str, str], ...]
) -> None:
    """The page said "Imported into", in green, where every row was rejected."""
    lead = visit(Role.LEAD)
    page = upload(lead, csv(*rows)).text
    assert "Nothing was taken from this list" in page
    assert ("no row below the header" in page) is (not rows)
    assert "Imported into" not in page
    assert 'class="done"' not in page
    part = upload(lead, csv(("Sample person 01", "12"), ("Sample person 02", sha(2)))).text
    assert "Imported into" in part


def test_importing_again_changes_nothing(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    upload(lead, GOOD)
    assert "<b>2</b> unchanged" in upload(lead, GOOD).text
    with service.store.read() as connection:
        assert removals.count(connection) == 2


def test_nothing_of_an_upload_stays_on_disk(
    visit: Visit, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    long = csv(*((f"{SECRET} {n}", sha(n)) for n in range(30_000)), ("x", "no digest"))
    assert len(long) > 2 << 20  # more than is held in memory
    assert "<b>1</b> rejected" in upload(visit(Role.LEAD), long).text
    assert list(spool.iterdir()) == []
    for path in service.settings.home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"", "sample", "empty"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "sample", "XLSX"),
        (GOOD, "", "no name"),
        (GOOD, "a\x1b[31m", ""),
        (b"PK\x03\x04 not a workbook", "sample", ""),
        (b"{" * 5000, "sample", ""),
    ],
)
def test_what_is_no_list_is_a_sentence(
    visit: Visit, service: Service, data: bytes, name: str, says: str
) -> None:
    answer = upload(visit(Role.LEAD), data, name)
    assert answer.status_code == 400
    assert says in answer.text
    assert "\x1b" not in answer.text
    with service.store.read() as connection:
        assert removals.count(connection) == 0


def test_what_was_typed_stays_and_the_wrong_field_is_marked(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    answer = upload(lead, b"\0\0 no list", "a name", site="models.example.org")
    assert answer.status_code == 400
    (marked,) = re.findall(r'<[^>]*aria-invalid="true"[^>]*>', answer.text)
    assert 'name="file"' in marked
    assert 'value="a name"' in answer.text
    assert 'value="models.example.org"' in answer.text
    assert "--" not in re.sub(r"<!--.*?-->", "", answer.text)
    wrong = upload(lead, GOOD, "https://example.org/list")
    (marked,) = re.findall(r'<[^>]*aria-invalid="true"[^>]*>', wrong.text)
    assert 'name="name"' in marked


def test_no_file_is_said(visit: Visit) -> None:
    assert visit(Role.LEAD).post("/lists/import", {"name": "x"}).status_code == 400


def test_a_list_that_is_too_large_is_refused_before_it_is_read(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LIST", 10)
    answer = upload(visit(Role.LEAD), GOOD)
    assert answer.status_code == 400
    assert "larger than" in answer.text


def test_a_list_of_who_may_not_import_is_refused_before_it_is_read(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(*_: object, **__: object) -> None:
        raise AssertionError("the form was read")

    monkeypatch.setattr("starlette.requests.Request._get_form", read)
    assert upload(visit(Role.REVIEWER), GOOD).status_code == 403


def test_one_list_at_a_time(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    assert lists._importing.acquire(blocking=False)
    try:
        assert upload(lead, GOOD).status_code == 409
    finally:
        lists._importing.release()
    assert upload(lead, GOOD).status_code == 200


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


def test_a_look_says_all_of_it_and_writes_nothing(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    rows = f"{SECRET},{sha(1)},x\n{SECRET} again,{sha(2)},y\n".encode()
    answer = upload(lead, rows, look="1")
    assert answer.status_code == 200, answer.text
    assert "What an import would do" in answer.text
    assert "64 hex digits in all" in answer.text
    assert SECRET not in answer.text
    with service.store.read() as connection:
        assert removals.count(connection) == 0
        assert not [x for x in audit.every(connection) if x.action == "import"]


def test_columns_are_mapped_by_their_numbers(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    rows = f"{SECRET},{sha(1)},x\n{SECRET} again,{sha(2)},y\n".encode()
    assert "<b>2</b> added" in upload(lead, rows, columns="1=name, 3=ignore").text
    with service.store.write() as connection:
        (first, *_) = list(removals.every(connection))
        assert service.keyring
        assert SECRET in str(removals.reveal(connection, service.keyring, first.id).name)
    for wrong in ("1", "1=nonsense", f"{SECRET}=name", "9=name"):
        answer = upload(lead, rows, columns=wrong)
        assert answer.status_code == 400, answer.text
        assert "Imported into" not in answer.text
