"""What leaves the house: said whose it is, kept as it left, corrected or taken back, and proved."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, text
from tests.review.test_mail import mail_server
from tests.web import cases_made
from tests.web.cases_made import SECRETS
from tests.web.test_notice_pages import confirm, drafted, version
from tests.web.visitors import Visitor

from reseen.observed import sightings
from reseen.operations import classes, log_check
from reseen.records import RemovalClass, Sighting
from reseen.report import pdf
from reseen.review import decide, queue
from reseen.review import letters as kept_letters
from reseen.review.case_filter import ALL
from reseen.review.decide import DecidedBy, ShownCase
from reseen.review.roles import Role
from reseen.settings import NoticeSender
from reseen.store import audit
from reseen.store.database import chunks
from reseen.web.service import Service

Visit = Callable[..., Visitor]
SENDER = NoticeSender("Sample hotline", "The desk", "desk@example.org", "1 Sample street")


def letters(browser: Visitor, path: str) -> list[str]:
    return re.findall(rf'href="({path}/letters/\d+)"', browser.get(path).text)


@pytest.fixture
def lead(visit: Visit, service: Service) -> Visitor:
    browser = visit(Role.LEAD)
    confirm(service, cases_made.made(service, repo="sample-account/lora"), browser)
    return browser


@pytest.fixture
def named(app: FastAPI, service: Service) -> None:
    settings = replace(service.settings, sender=SENDER)
    app.state.service = replace(service, settings=settings)


def test_a_notice_without_a_sender_says_so_before_it_is_sent(lead: Visitor) -> None:
    path = drafted(lead)
    for page in (path, f"{path}/letter", "/notices/sender"):
        assert "RESEEN_SENDER_ORGANISATION and RESEEN_SENDER_MAIL" in lead.get(page).text
    assert "From: not named" in lead.post(f"{path}/text").text


@pytest.mark.usefixtures("named")
def test_its_head_says_who_writes_and_when(lead: Visitor) -> None:
    path = drafted(lead)
    assert "Before it is sent" not in lead.get(path).text
    said = lead.post(f"{path}/text").text
    assert re.search(r"^Date: \d{4}-\d\d-\d\d$", said, re.M)
    for line in (
        "From: Sample hotline",
        "Contact: The desk, desk@example.org",
        "Address: 1 Sample street",
    ):
        assert f"\n{line}\n" in said
    assert "good faith" not in said, "no law was named"
    value = lead.post(f"{path}/json").json()
    assert value["sender"]["mail"] == "desk@example.org"
    assert value["good_faith"] is None
    assert "Sample hotline" in lead.get("/notices/sender").text


@pytest.mark.parametrize("sender", [SENDER, NoticeSender(organisation="Sample hotline")])
def test_a_notice_under_the_law_says_what_the_law_asks_or_stays_here(
    lead: Visitor, service: Service, app: FastAPI, sender: NoticeSender
) -> None:
    settings = replace(service.settings, sender=sender)
    app.state.service = replace(service, settings=settings)
    path = drafted(lead)
    form = {"version": version(lead, path), "ground": "law"}
    usual = re.search(r'name="clause"[^>]*>([^<]*)</textarea>', lead.get(path).text)
    assert usual is not None
    assert lead.post(f"{path}/clause", form | {"clause": usual[1]}).status_code == 400
    assert lead.post(f"{path}/clause", form | {"clause": "Sample law 7."}).status_code == 303
    said = lead.post(f"{path}/text").text
    assert "Article 16 of Regulation (EU) 2022/2065" in said
    assert "Sample law 7." in said
    assert "We state in good faith" in said
    sent = lead.post(f"{path}/sent", {"version": version(lead, path)})
    assert sent.status_code == (303 if sender is SENDER else 409)


@pytest.mark.usefixtures("named")
def test_what_was_taken_away_is_what_is_kept_as_sent(lead: Visitor, service: Service) -> None:
    path = drafted(lead)
    taken = lead.post(f"{path}/text").content
    lead.post(f"{path}/sent", {"version": version(lead, path), "how": "form"})
    sent, first = letters(lead, path)
    assert lead.post(sent).content == lead.post(first).content == taken
    assert "sent by hand" in lead.get(path).text
    shown = lead.get(sent).text
    assert "These are the words that left" in shown
    assert SECRETS[0] not in shown
    with service.store.read() as connection:
        lines = [x for x in audit.every(connection) if x.action == "export"]
        kept = connection.execute(text("SELECT sealed FROM notice_letters")).scalars().all()
    assert [x.details["how"] for x in lines] == ["taken", "hand", "again", "again"]
    assert all(b"sample-account" not in bytes(one) for one in kept)


def test_another_text_that_a_person_sent_is_kept_instead(lead: Visitor) -> None:
    path = drafted(lead)
    lead.post(f"{path}/text")
    form = {"version": version(lead, path), "other": "What I wrote myself.\r\nTwo lines."}
    lead.post(f"{path}/sent", form)
    assert lead.post(letters(lead, path)[0]).text == "What I wrote myself.\nTwo lines."


def test_lines_that_were_sent_again_after_a_mistake_are_kept_as_they_were_typed(
    lead: Visitor,
) -> None:
    path = drafted(lead)
    form = {"version": version(lead, path), "other": "Dear host,\r\nplease look.", "hours": "soon"}
    wrong = lead.post(f"{path}/sent", form | {"note": "by mail\r\nto the desk"})
    assert wrong.status_code == 400
    typed = re.search(r'name="other"[^>]*>([^<]*)<', wrong.text)
    assert typed is not None
    lead.post(f"{path}/sent", form | {"other": typed[1], "hours": "", "note": "by mail\r\nto"})
    assert lead.post(letters(lead, path)[0]).text == "Dear host,\nplease look."
    assert "by mail\nto" in lead.get(path).text


def test_a_letter_that_is_changed_in_the_store_is_found(lead: Visitor, service: Service) -> None:
    path = drafted(lead)
    lead.post(f"{path}/text")
    before = log_check.verify(service.store).wrong_in_all
    with service.store.write() as connection:
        connection.execute(text("DROP TRIGGER notice_letters_no_update"))
        connection.execute(text("UPDATE notice_letters SET form = 'json'"))
    checked = log_check.verify(service.store)
    assert checked.wrong_in_all == before + 1
    assert any("(export nt-" in one for one in checked.wrong)


def test_a_letter_of_another_notice_is_not_found_there(
    lead: Visitor, service: Service, visit: Visit
) -> None:
    confirm(service, cases_made.made(service, 2, "other-account/lora"), lead)
    path, other = drafted(lead), drafted(lead, "other-account")
    lead.post(f"{path}/text")
    (letter,) = letters(lead, path)
    number = letter.rsplit("/", 1)[1]
    for wrong in (f"{other}/letters/{number}", f"{path}/letters/999"):
        assert lead.get(wrong).status_code == lead.post(wrong).status_code == 404
    reader = visit(Role.READER)
    assert reader.get(letter).status_code == reader.get(f"{path}/letter").status_code == 403
    assert not letters(reader, path)


@pytest.mark.usefixtures("named")
def test_a_sent_notice_is_withdrawn_with_a_reason_that_the_host_reads(
    lead: Visitor, service: Service, visit: Visit
) -> None:
    path = drafted(lead)
    assert "Withdraw it" not in lead.get(path).text
    early = lead.post(f"{path}/withdrawn", {"reason": "A mistake."})
    assert early.status_code == 409
    lead.post(f"{path}/sent", {"version": version(lead, path)})
    form = {"version": version(lead, path), "reason": "The list took it back."}
    assert visit(Role.REVIEWER).post(f"{path}/withdrawn", form).status_code == 403
    for reason in ("", " ", f"It shows {SECRETS[0]}."):
        refused = lead.post(f"{path}/withdrawn", form | {"reason": reason})
        assert refused.status_code == 400
        assert SECRETS[0] not in refused.text
        if not reason.strip():
            assert "the reason is empty. Say in a few words" in refused.text
            assert "keep the usual text" not in refused.text
    taken = lead.post(f"{path}/withdrawal", form)
    assert taken.text.startswith(f"Withdrawal of notice {path.rsplit('/', 1)[1]}\n")
    assert "The list took it back." in taken.text
    assert "sample-account/lora" in taken.text
    assert "Withdraw it" in lead.get(path).text, "taking the text changes nothing"
    assert lead.post(f"{path}/withdrawn", form).status_code == 303
    page = lead.get(path).text
    assert "Nothing is asked of the host" in page
    assert 'action="' + path + '/sent"' not in page
    assert lead.post(letters(lead, path)[0]).text == taken.text
    # What it held can be written about again, in another notice.
    assert drafted(lead) != path
    assert not any("nt-" in one for one in log_check.verify(service.store).wrong)


def test_a_withdrawal_goes_by_mail_and_its_bytes_are_kept(
    lead: Visitor, service: Service, app: FastAPI
) -> None:
    path = drafted(lead)
    with mail_server() as (url, got):
        settings = replace(service.settings, smtp=url, smtp_from="desk@example.org")
        app.state.service = replace(service, settings=settings)
        for wrong in ("", "nobody", "a@example.org, b@example.org"):
            answer = lead.post(f"{path}/send", {"version": version(lead, path), "to": wrong})
            assert answer.status_code == 400
            assert 'id="to-wrong"' in answer.text
        form = {"version": version(lead, path), "to": "abuse@example.org"}
        assert lead.post(f"{path}/send", form).status_code == 303
        form = {**form, "version": version(lead, path), "reason": "A mistake of ours."}
        assert lead.post(f"{path}/withdrawal/send", form).status_code == 303
    assert len(got.mails) == 2
    withdrawn, sent = letters(lead, path)
    for letter, raw in ((sent, got.mails[0]), (withdrawn, got.mails[1])):
        kept = lead.post(letter)
        assert kept.content.strip() == raw.replace(b"\r\n..", b"\r\n.").strip()
        assert kept.headers["content-disposition"].endswith('.eml"')
    shown = lead.get(withdrawn).text
    for said in ("To: abuse@example.org", "Subject: Withdrawal of notice", "A mistake of ours."):
        assert said in shown, "a mail is shown in words"
    for raw in ("base64", "quoted-printable", "Content-Type", "boundary"):
        assert raw not in shown
    assert "-withdrawal.json" in shown
    assert "Undo the last step" in lead.get(path).text
    undone = lead.post(f"{path}/undo", {"version": version(lead, path)})
    assert "Mail that went out cannot be taken back" in undone.text


def test_a_withdrawal_is_taken_in_every_form(lead: Visitor) -> None:
    path = drafted(lead)
    lead.post(f"{path}/sent", {"version": version(lead, path)})
    form = {"version": version(lead, path), "reason": "The list took it back."}
    value = lead.post(f"{path}/withdrawal/json", form)
    assert value.json()["format"] == "reseen-withdrawal"
    assert value.json()["reason"] == "The list took it back."
    assert value.headers["content-disposition"].endswith('-withdrawal.json"')
    refused = lead.post(f"{path}/withdrawal/json", form | {"reason": ""})
    assert refused.status_code == 400
    pytest.importorskip("fpdf")
    assert lead.post(f"{path}/withdrawal/pdf", form).content.startswith(b"%PDF-")


def test_a_correction_is_read_and_printed_before_it_goes(lead: Visitor, service: Service) -> None:
    path = drafted(lead)
    assert lead.get(f"{path}/correction").status_code == 409
    lead.post(f"{path}/sent", {"version": version(lead, path)})
    assert lead.who is not None
    with service.store.write() as connection:
        (found,) = queue.queue(connection, ALL, lead.who).entries
        by = DecidedBy(lead.who, "A mistake.")
        decide.undo(connection, service.keyring, ShownCase(found.id, found.version), by)
    shown = lead.get(f"{path}/correction").text
    assert "these files are not what we said" in shown
    assert "The correction as it would go out" in shown
    assert f'action="{path}/correction/json"' in shown


def test_nobody_waits_for_a_pdf_to_be_made(
    lead: Visitor, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drafted(lead)
    written: list[str] = []

    def slow(words: str, font: object) -> bytes:
        with service.store.write() as connection:
            audit.write(connection, "export", "meanwhile")
        written.append(words)
        return b"%PDF-made"

    monkeypatch.setattr(pdf, "letter", slow)
    assert lead.post(f"{path}/pdf").content == b"%PDF-made"
    assert len(written) == 1

    def overtaken(words: str, font: object) -> bytes:
        form = {"version": version(lead, path), "clause": "Another text."}
        assert lead.post(f"{path}/clause", form).status_code == 303
        return b"%PDF-of-before"

    monkeypatch.setattr(pdf, "letter", overtaken)
    assert lead.post(f"{path}/pdf").status_code == 409
    assert len(letters(lead, path)) == 1, "what nobody was handed is not kept as taken"


def test_what_a_letter_holds_is_looked_through_a_few_files_at_a_time(
    lead: Visitor, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what fell out of the draft since it was taken away."""
    for number in range(3):
        made = cases_made.made(service, 20 + number, f"sample-account/more-{number}")
        confirm(service, made, lead)
    path = drafted(lead)
    lead.post(f"{path}/text")
    (letter,) = letters(lead, path)
    classes.classify(
        service.store, service.keyring, made.removal, RemovalClass.CHILD_ABUSE, "Sample reason."
    )
    monkeypatch.setattr(kept_letters, "chunks", lambda values: chunks(values, 2))
    loaded: list[int] = []
    by_pks = sightings.by_pks

    def counted(connection: Connection, pks: Sequence[int]) -> list[Sighting]:
        loaded.append(len(pks))
        return by_pks(connection, pks)

    monkeypatch.setattr(sightings, "by_pks", counted)
    assert lead.get(letter).status_code == 403
    assert max(loaded) == 2


def test_a_draft_is_discarded_and_nothing_empty_can_be_sent(lead: Visitor) -> None:
    path = drafted(lead)
    assert lead.post(f"{path}/discard", {"version": version(lead, path)}).status_code == 303
    page = lead.get(path).text
    assert "This draft was discarded" in page
    for button in ("I sent it", "It is gone", "Take the text", "Discard the draft"):
        assert button not in page
    assert lead.post(f"{path}/sent").status_code == 409
    assert lead.post(f"{path}/discard").status_code == 400
    assert drafted(lead) == path, "what was confirmed is drafted again"
    lead.post(f"{path}/sent", {"version": version(lead, path)})
    assert lead.post(f"{path}/discard").status_code == 409


def test_a_pdf_is_taken_where_the_extra_is_there(lead: Visitor) -> None:
    pytest.importorskip("fpdf")
    path = drafted(lead)
    taken = lead.post(f"{path}/pdf")
    assert taken.headers["content-type"] == "application/pdf"
    assert taken.content.startswith(b"%PDF-")
    (letter,) = letters(lead, path)
    assert "A PDF is not shown here" in lead.get(letter).text
    assert lead.post(letter).content == taken.content


def test_without_the_key_nothing_is_kept_and_the_line_says_so(
    lead: Visitor, service: Service, app: FastAPI
) -> None:
    path = drafted(lead)
    app.state.service = replace(service, keyring=None)
    assert lead.post(f"{path}/sent", {"version": version(lead, path)}).status_code == 303
    assert not letters(lead, path)
    with service.store.read() as connection:
        (line,) = [x for x in audit.every(connection) if x.action == "export"]
    assert line.details["kept"] == "no: without the key"
