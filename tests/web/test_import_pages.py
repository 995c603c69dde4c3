"""A list is imported in the pages: looked at first, mapped, imported or thrown away; what is kept
meanwhile is sealed, for one browser, for an hour."""

from __future__ import annotations

import html
import io
import os
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openpyxl import Workbook
from tests.audited import lines
from tests.operations.faces import command
from tests.operations.working import until
from tests.web.importing_here import GOOD, SECRET, csv, import_here, sha
from tests.web.visitors import Visitor

from reseen.errors import SealError
from reseen.operations import import_process, page_imports
from reseen.registry import removals
from reseen.review.roles import Role
from reseen.store import kept_files
from reseen.store.database import Store
from reseen.web.pages import imports
from reseen.web.service import Service

Visit = Callable[..., Visitor]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    import_here(monkeypatch)


MIXED = csv((SECRET, sha(1)), ("Sample person 24", "not a digest"), ("", ""))


def waits(answer: Any) -> str:
    """The address of the list that an answer is about."""
    found = re.search(r'"(/lists/import/[0-9a-f]+)/throw-away"', answer.text)
    assert found is not None, answer.text
    return found[1]


def count(service: Service) -> int:
    with service.store.read() as connection:
        return removals.count(connection)


def kept(service: Service) -> list[Path]:
    folder = page_imports.folder_of(service.settings)
    return list(folder.iterdir()) if folder.exists() else []


def text_of(answer: Any) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


def test_a_look_shows_the_first_rows_to_the_importer_alone_and_writes_nothing(
    visit: Visit, service: Service
) -> None:
    lead = visit(Role.LEAD)
    answer = lead.send_list(MIXED, "sample")
    assert answer.status_code == 200, answer.text
    for wanted in ("What an import would do", SECRET, "64 hex digits", "<b>1</b> added"):
        assert wanted in answer.text
    assert re.search(r"<th[^>]*>3</th><td[^>]*>\w+ ", answer.text), "the reason by the row"
    assert count(service) == 0
    assert not lines(service.store, "import")
    (shown,) = lines(service.store, "reveal")
    assert (shown.actor, shown.subject) == ("user:sample-lead", "*")
    assert shown.details["list"] == "sample"
    for browser in (lead, visit(Role.LEAD, "another-lead")):  # what is fetched has no values
        for place in ("/lists/import", "/lists"):
            assert SECRET not in browser.get(place).text
    assert "A list waits for you" in lead.get("/lists/import").text


def test_an_import_accounts_for_every_row_and_shows_no_name(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    answer = lead.import_list(MIXED, "sample")
    assert answer.status_code == 200, answer.text
    assert "Imported into" in answer.text
    assert "Rejected rows" in answer.text
    for name in (SECRET, "Sample person 24"):
        assert name not in answer.text
    assert count(service) == 1
    (line,) = lines(service.store, "import")
    assert line.actor == "user:sample-lead"
    shown = visit(Role.READER).get("/lists").text
    assert "user:sample-lead" in shown
    assert "Import a list" not in shown
    assert "<b>1</b> unchanged" in lead.import_list(csv((SECRET, sha(1))), "sample").text
    assert count(service) == 1


@pytest.mark.parametrize("rows", [(), (("Sample person 01", "12"),)])
def test_a_list_of_which_nothing_is_taken_was_not_imported(
    visit: Visit, rows: tuple[tuple[str, str], ...]
) -> None:
    lead = visit(Role.LEAD)
    assert "Nothing would be taken" in lead.send_list(csv(*rows), "sample").text
    page = lead.import_list(csv(*rows), "sample").text
    assert "Nothing was taken from this list" in page
    assert ("no row below the header" in page) is (not rows)
    assert "Imported into" not in page
    assert 'class="done"' not in page


def table(name: str) -> bytes:
    """A list of several tables, each with a column that nobody recognises."""
    rows = [("who", "print", "where"), *((f"{SECRET} {n}", sha(n), "x") for n in range(3))]
    if name == "workbook":
        book, out = Workbook(), io.BytesIO()
        for sheet in (book.active, book.create_sheet("more")):
            for row in rows:
                sheet.append(row)
        book.save(out)
        return out.getvalue()
    rows.append(("Sample person 40", "none", "x"))
    return "\n".join(";".join(row) for row in rows).encode()


MAPPING = {"1": "name", "2": "sha256", "3": "ignore"}


@pytest.mark.parametrize(
    ("kind", "mapping"), [("text", {}), ("workbook", {}), ("workbook", MAPPING), ("apart", MAPPING)]
)
def test_the_pages_and_the_command_line_come_to_the_same_store(
    visit: Visit,
    service: Service,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    mapping: dict[str, str],
) -> None:
    """Also when something is mapped, and rows are rejected."""
    if kind == "apart":  # in processes of their own, as the product does it
        monkeypatch.setattr(page_imports, "import_apart", import_process.import_apart)
        monkeypatch.setattr(page_imports, "preview_apart", import_process.preview_apart)
    data = MIXED if kind == "text" else table(kind)
    fields = {f"column-{number}": field for number, field in mapping.items()}
    lead = visit(Role.LEAD)
    answer = lead.import_list(data, "sample", cls="likeness", site="models.example.org", **fields)
    assert answer.status_code == 200, answer.text
    by_page = facts(service)
    assert by_page
    download = re.search(r'action="(/lists/import/[0-9a-f]+/rejects)"', answer.text)
    page_rejects = lead.post(download[1]).content if download else None

    path = tmp_path_factory.mktemp("by-command") / "list"
    path.write_bytes(data)
    other = path.parent / "other.db"
    said = [f"--map={number}={field}" for number, field in mapping.items()]
    code = 3 if page_rejects else 0
    command(
        service, "registry", "import", str(path), "--list", "sample", "--class", "likeness",
        "--site", "models.example.org", "--db", str(other), *said, code=code,
    )  # fmt: skip
    with Store(f"sqlite:///{other}") as store:
        assert facts(service, store) == by_page
    written = path.with_name("list.rejects.csv")
    assert (written.read_bytes() if written.exists() else None) == page_rejects


def facts(service: Service, store: Any = None) -> list[tuple[Any, ...]]:
    """All that a registry says of its removals, but when and under which ids."""
    with (store or service.store).write() as connection:
        return sorted(
            (
                repr(removals.reveal(connection, service.keyring, each.id)),
                each.cls,
                [
                    (c.list, c.cls, c.site, sorted((d.kind, d.hex) for d in c.digests))
                    for c in each.claims
                ],
            )
            for each in list(removals.every(connection))
        )


def test_a_list_of_which_no_column_is_recognised_can_be_mapped(
    visit: Visit, service: Service
) -> None:
    """ "no column is recognised ... --map", and nothing to do about it."""
    data = b"Mallin nimi;Tiiviste\n" + f"{SECRET};{sha(1)[:8]}g\n".encode()
    lead = visit(Role.LEAD)
    answer = lead.send_list(data, "sample")
    assert answer.status_code == 400
    assert "no column is recognised" in answer.text
    assert "--" not in text_of(answer)
    for wanted in ("Mallin nimi", SECRET, 'name="column-2"'):
        assert wanted in answer.text
    looked = lead.post(f"{waits(answer)}/look", {"name": "sample", "column-2": "autov2"})
    assert looked.status_code == 200
    assert "<b>1</b> rejected" in looked.text
    assert re.search(r'<option value="autov2" selected', looked.text)


def test_what_was_typed_stays_and_the_wrong_field_is_marked(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    wrong = lead.send_list(GOOD, "https://example.org/list")
    assert wrong.status_code == 400
    (marked,) = re.findall(r'<[^>]*aria-invalid="true"[^>]*>', wrong.text)
    assert 'name="name"' in marked
    assert 'value="https://example.org/list"' in wrong.text
    at = waits(lead.send_list(GOOD, "sample"))
    typed = {"name": " ", "site": "models.example.org", "column-1": "ignore", "cls": "other"}
    for act in ("look", "import"):
        answer = lead.post(f"{at}/{act}", typed)
        assert answer.status_code == 400
        (marked,) = re.findall(r'<[^>]*aria-invalid="true"[^>]*>', answer.text)
        assert 'name="name"' in marked
        assert 'value="models.example.org"' in answer.text
        assert '<option value="ignore" selected' in answer.text
        assert '<option value="other" selected' in answer.text
    assert count(service) == 0
    answer = lead.post(f"{at}/import", {"name": "sample", "column-1": "nonsense"})
    assert answer.status_code == 400
    assert "there is no such field" in answer.text
    answer = lead.post(f"{at}/import", {"name": "sample", "column-9": "name"})
    assert "not in the list" in answer.text
    assert count(service) == 0
    assert lead.post(f"{at}/import", {"name": "sample"}).status_code == 200


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
    answer = visit(Role.LEAD).send_list(data, name)
    assert answer.status_code == 400
    assert says in answer.text
    assert "\x1b" not in answer.text
    assert count(service) == 0


def test_no_file_is_said(visit: Visit) -> None:
    assert visit(Role.LEAD).post("/lists/import", {"name": "x"}).status_code == 400


def test_a_list_that_is_too_large_is_refused(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "LIST", 10)
    answer = visit(Role.LEAD).send_list(GOOD, "sample")
    assert answer.status_code == 400
    assert "larger than" in answer.text


def test_what_is_no_list_comes_back_to_the_file_field_and_is_not_kept(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    for data in (random.Random(7).randbytes(4000), b"\xd0\xcf\x11\xe0" + bytes(600)):
        answer = lead.send_list(data, "sample")
        assert answer.status_code == 400
        assert 'id="file-wrong"' in answer.text
        assert "Not taken" in answer.text
        assert "Look again" not in answer.text
        assert "The list that waits" not in lead.get("/lists/import").text


def test_a_list_of_who_may_not_import_is_refused_before_it_is_read(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(*_: object, **__: object) -> None:
        raise AssertionError("the form was read")

    monkeypatch.setattr("starlette.requests.Request._get_form", read)
    assert visit(Role.REVIEWER).send_list(GOOD, "sample").status_code == 403


def test_one_list_at_a_time(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    assert page_imports._at_work.acquire(blocking=False)
    try:
        answer = lead.send_list(GOOD, "sample")
        assert answer.status_code == 409
        assert "another list is being read" in answer.text
    finally:
        page_imports._at_work.release()
    # It waits: what was typed is there, and so is the file.
    again = lead.post(f"{waits(answer)}/import", {"name": "sample"})
    assert again.status_code == 200


# -- what is kept meanwhile ------------------------------------------------------------------------


def test_what_is_kept_is_nothing_without_the_browser_that_sent_it(
    visit: Visit, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the disk, nor the database, nor the key, nor all of them."""
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    lead = visit(Role.LEAD)
    long = csv(*((f"{SECRET} {n}", sha(n)) for n in range(30_000)), ("x", "no digest"))
    assert len(long) > 2 << 20  # more than is held in memory, and than one piece
    sent = lead.send_list(long, "sample")
    assert "<b>1</b> rejected" in sent.text
    assert list(spool.iterdir()) == []
    (file,) = kept(service)
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    _no_secret_in(service.settings.home)
    # Another browser, also of the same person, has nothing, and is not told that there is any.
    at = waits(sent)
    for other in (visit(Role.LEAD), visit(Role.LEAD, "another-lead")):
        for act in ("look", "import", "throw-away"):
            assert other.post(f"{at}/{act}", {"name": "sample"}).status_code == 404
        assert "A list waits" not in other.get("/lists/import").text
    assert count(service) == 0
    answer = lead.post(f"{at}/import", {"name": "sample"})
    assert "<b>30,000</b> added" in answer.text
    (file,) = kept(service)
    assert file.suffix == ".rejects"
    _no_secret_in(service.settings.home)


def _no_secret_in(folder: Path) -> None:
    for path in folder.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_it_is_gone_when_it_was_imported_thrown_away_or_another_was_sent(
    visit: Visit, service: Service
) -> None:
    lead = visit(Role.LEAD)
    first = waits(lead.send_list(GOOD, "sample"))
    second = waits(lead.send_list(GOOD, "sample"))
    assert len(kept(service)) == 1
    assert lead.post(f"{first}/import", {"name": "sample"}).status_code == 404
    assert lead.post(f"{second}/throw-away").headers["location"] == "/lists/import?done=thrown"
    assert "thrown away" in lead.get("/lists/import?done=thrown").text
    assert kept(service) == []
    assert count(service) == 0
    third = waits(lead.send_list(GOOD, "sample"))
    assert lead.post(f"{third}/import", {"name": "sample"}).status_code == 200
    assert kept(service) == []
    assert lead.post(f"{third}/import", {"name": "sample"}).status_code == 404


@pytest.mark.parametrize("act", ["import", "throw-away"])
def test_what_another_tab_sends_meanwhile_is_not_taken_for_the_first(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """Sent just after it was looked which list waits."""
    lead = visit(Role.LEAD)
    first = waits(lead.send_list(GOOD, "sample"))
    real = page_imports._told

    def told(importer: page_imports.Importer, id: str, kind: str) -> kept_files.KeptFile | None:
        kept = real(importer, id, kind)
        page_imports.keep(importer, io.BytesIO(csv(("Sample person 25", sha(3)))), "other")
        return kept

    monkeypatch.setattr(page_imports, "_told", told)
    assert lead.post(f"{first}/{act}", {"name": "sample"}).status_code in (303, 404, 503)
    assert count(service) == 0
    monkeypatch.setattr(page_imports, "_told", real)
    if act == "import":
        assert "other" in lead.get("/lists/import").text, "it still waits"


def test_a_kept_file_is_opened_and_dropped_by_its_own_id_alone(
    tmp_path: Path, service: Service
) -> None:
    assert service.keyring is not None
    keeper = kept_files.Keeper.of(tmp_path, service.keyring, "sample session")
    one = kept_files.keep(keeper, "list", io.BytesIO(b"one"), {})
    other = kept_files.keep(keeper, "list", io.BytesIO(b"other"), {})
    with pytest.raises(SealError):
        kept_files.opened(keeper, "list", one.id)
    assert not kept_files.drop(keeper, "list", one.id)
    with kept_files.opened(keeper, "list", other.id) as file:
        assert file.read() == b"other"
    assert kept_files.drop(keeper, "list", other.id)
    assert kept_files.told(keeper, "list") is None


def test_after_an_hour_it_opens_no_more_and_is_deleted(
    visit: Visit, service: Service, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = visit(Role.LEAD)
    at = waits(lead.send_list(GOOD, "sample"))
    now = kept_files.time.time()
    monkeypatch.setattr(kept_files.time, "time", lambda: now + kept_files.LASTS + 1)
    assert lead.post(f"{at}/import", {"name": "sample"}).status_code == 404
    assert len(kept(service)) == 1
    # What a crash left goes too, when the service is started anew.
    draft = page_imports.folder_of(service.settings) / "0.list.draft"
    draft.write_bytes(b"half a file")
    with TestClient(app, base_url="http://testserver"):
        until(lambda: not kept(service))


def test_forget_leaves_what_is_younger(tmp_path: Path) -> None:
    for age in (0, kept_files.LASTS - 60, kept_files.LASTS + 60, -86_400):
        path = tmp_path / str(age)
        path.write_bytes(b"x")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert kept_files.forget(tmp_path, at=1_000_000) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"0", str(kept_files.LASTS - 60)}


@pytest.mark.parametrize("how", ["cut", "swapped", "flipped", "longer"])
def test_what_was_altered_does_not_open(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(kept_files, "_PIECE", 64)
    lead = visit(Role.LEAD)
    at = waits(lead.send_list(GOOD, "sample"))
    (file,) = kept(service)
    data = file.read_bytes()
    begin, piece = 16 + 4_096 + 16, 64 + 16
    body = [data[n : n + piece] for n in range(begin, len(data), piece)]
    assert len(body) > 2
    if how == "cut":
        body.pop()
    elif how == "swapped":
        body[0], body[1] = body[1], body[0]
    elif how == "flipped":
        body[1] = bytes([body[1][0] ^ 1]) + body[1][1:]
    else:
        body.append(body[-1])
    file.write_bytes(data[:begin] + b"".join(body))
    answer = lead.post(f"{at}/import", {"name": "sample"})
    assert answer.status_code == 503
    assert count(service) == 0


def test_what_is_kept_is_bounded(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, other = visit(Role.LEAD), visit(Role.LEAD, "another-lead")
    lead.send_list(GOOD, "sample")
    (file,) = kept(service)
    monkeypatch.setattr(kept_files, "MOST", file.stat().st_size + 10)
    answer = other.send_list(GOOD, "sample")
    assert answer.status_code == 409
    assert "too many lists wait" in answer.text
    assert len(kept(service)) == 1
    assert lead.send_list(GOOD, "sample").status_code == 200  # in the place of its own


def test_rejected_rows_are_taken_once(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    answer = lead.import_list(MIXED, "sample")
    found = re.search(r'action="(/lists/import/[0-9a-f]+/rejects)"', answer.text)
    assert found is not None
    assert found[1] in lead.get("/lists/import").text  # where it stays to be found
    assert visit(Role.LEAD, "another-lead").post(found[1]).status_code == 404
    assert not lines(service.store, "export")
    taken = lead.post(found[1])
    assert taken.status_code == 200
    assert "attachment" in taken.headers["content-disposition"]
    rows = taken.text.splitlines()
    assert rows[0] == "name,sha256,rejected row,rejected because"
    assert rows[1].startswith("Sample person 24,not a digest,3,")
    (line,) = lines(service.store, "export")
    assert line.details["form"] == "rejects"
    assert kept(service) == []
    assert lead.post(found[1]).status_code == 404
    assert len(lines(service.store, "export")) == 1
