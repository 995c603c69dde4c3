"""A case over HTTP: the order of the answers, sealing, deciding, undoing, two people at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.web.cases_made import (
    HOSTILE,
    NAMES,
    SEALED,
    SECRETS,
    alike,
    gone,
    made,
    merge,
    said,
    sighting,
)
from tests.web.test_queue_page import harmless
from tests.web.visitors import Visitor

from reseen.operations import classes
from reseen.records import RemovalClass
from reseen.registry import removals
from reseen.review import case_view
from reseen.review.roles import Role
from reseen.store import audit
from reseen.texts import visible
from reseen.web.service import Service

Visit = Callable[..., Visitor]

VERDICTS = ("confirm", "not-this-model", "allow", "second")


def version(text: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', text)
    assert found is not None
    return found[1]


def decided(browser: Visitor, case: str, route: str = "confirm", **more: str) -> Any:
    """As the form of the case's page sends it."""
    seen = version(browser.get(f"/cases/{case}").text)
    return browser.post(
        f"/cases/{case}/{route}", {"version": seen, "quick": "Because", "then": "queue"} | more
    )


def words(text: str) -> str:
    return re.sub(r"\s+", " ", harmless(text).text)


def test_the_answers_come_in_order(visit: Visit, service: Service) -> None:
    case = made(service).case
    text = visit(Role.READER).get(f"/cases/{case}").text
    titles = re.findall(r'<h2 id="s\d">([^<]+)</h2>', text)
    assert titles == [
        "What was removed, and by whom",
        "Where it is now",
        "How we know",
        "What else this account holds",
        "History",
    ]


def test_a_case_says_where_every_file_is_as_text_that_opens_nothing(
    visit: Visit, service: Service
) -> None:
    case = made(service, paths=("one.safetensors", "sub/two.safetensors")).case
    text = visit(Role.READER).get(f"/cases/{case}").text
    page = harmless(text)
    for word in ("hub.example", "sample-account/lora", "one.safetensors", "sub/two.safetensors"):
        assert word in page.text
    for word in ("main", "a1a1a1a1a1a1", "1.2 kB", "all bytes read", "live"):
        assert word in page.text
    links = [a["href"] or "" for tag, a in page.tags if tag == "a"]
    assert not any("safetensors" in link or "resolve" in link or "//" in link for link in links)


def test_a_folder_on_this_machine_is_nobodys_account(visit: Visit, service: Service) -> None:
    there = made(service, 21, "/home/somebody/models")
    made(service, 22, "/home/somebody/others")
    reader = visit(Role.READER)
    page = reader.get(f"/cases/{there.case}").text
    assert "held by nobody’s account" in page
    assert "1 other case" in page
    for link in set(re.findall(r'href="(/[^"]*)"', page)):
        assert reader.get(link).status_code != 404, link


def test_what_is_gone_and_what_the_bytes_contradict_is_said(visit: Visit, service: Service) -> None:
    there = made(service)
    gone(service, there.repo)
    assert "gone" in words(visit(Role.READER).get(f"/cases/{there.case}").text)


def test_every_rung_stands_on_the_ladder_with_its_evidence(visit: Visit, service: Service) -> None:
    case = made(service, read=False, more=(said("a path agrees"),)).case
    text = visit(Role.READER).get(f"/cases/{case}").text
    steps = re.findall(r"<li>\s*<div><span class=\"rung rung-(\w+)", text)
    assert steps == ["declared", "hint"]
    assert "Nothing on: bytes, tensors, pointer, weights, component." in text
    assert "confirm by reading before acting" in text


def test_similar_weights_are_explained_and_drawn(visit: Visit, service: Service) -> None:
    case = alike(service).case
    text = visit(Role.READER).get(f"/cases/{case}").text
    said_ = words(text)
    assert "practically the same weights" in said_
    assert "uncalibrated" in said_
    assert "of a stranger's about 1 in 100 does" in said_
    assert "12 of 12 modules agree" in said_
    assert text.count('class="cells"') > 6
    assert "down_blocks.0.attentions.0" in said_
    assert "base model" in said_


def test_what_is_inside_a_merge_is_drawn_and_said_as_far_as_it_is_certain(
    visit: Visit, service: Service
) -> None:
    it, other = merge(service)
    text = visit(Role.READER).get(f"/cases/{it.case}").text
    said_ = words(text)
    assert f"This removed model, and 1 other that was removed: {other}" in said_
    assert "it stands 0.81 above 212 decoys" in said_
    assert "That it is used in 3 of 3 blocks" in said_
    assert "Whether it is used" not in said_
    assert "explain 84% of its numbers" in said_
    assert "0.60 ± 0.05 0.40 90%" in said_
    assert "0.04 ± 0.05, not told 1.20" in said_
    assert "nothing there" in said_
    assert "97% of its columns 0.16 (212) 0.81" in said_
    assert text.count('class="strength"') == 4 + 2 + 7
    (other_case,) = set(re.findall(r'href="/cases/(cs-\w+)', text)) - {it.case}
    of_other = words(visit(Role.READER).get(f"/cases/{other_case}").text)
    assert "it stands 0.70 above 212 decoys" in of_other
    with service.store.write() as connection:
        removals.withdraw(connection, service.keyring, other, "Sample reason 01")
    left = words(visit(Role.READER).get(f"/cases/{it.case}").text)
    assert "This removed model, and no other that is known here." in left


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "Es steht 0,81 über 212 Vergleichsmodellen"),
        ("es", "sobresale 0,81 por encima de 212 señuelos"),
        ("fr", "il dépasse de 0,81 212 leurres"),
    ],
)
def test_what_is_inside_is_said_in_every_language(
    visit: Visit, service: Service, language: str, sentence: str
) -> None:
    it, _ = merge(service)
    page = visit(Role.READER).get(f"/cases/{it.case}", headers={"accept-language": language})
    assert sentence in re.sub(r"\s+", " ", page.text)


def test_a_removal_inside_a_checkpoint_is_drawn_without_decoys(
    visit: Visit, service: Service
) -> None:
    it, _ = merge(service, beside_base=True)
    text = visit(Role.READER).get(f"/cases/{it.case}").text
    said_ = words(text)
    assert "That it is inside: what is there agrees with it further than chance goes." in said_
    assert "explain 84% of that; the rest may be other models" in said_
    assert "0.60 ± 0.05" in said_
    assert "Above the decoys" not in text


def test_parts_that_were_found_before_blocks_were_kept_have_their_margin(
    visit: Visit, service: Service
) -> None:
    it, _ = merge(service, in_blocks=False)
    said_ = words(visit(Role.READER).get(f"/cases/{it.case}").text)
    assert "That it is inside: it stands 0.81 above 212 decoys" in said_
    assert "that was not kept when it was found" in said_
    assert "Strength by block" not in said_


@pytest.mark.parametrize("name", HOSTILE)
def test_a_blocks_name_is_text(visit: Visit, service: Service, name: str) -> None:
    it, _ = merge(service, name=name)
    assert visible(name)[:40] in words(visit(Role.READER).get(f"/cases/{it.case}").text)


def test_a_case_on_bytes_has_no_picture(visit: Visit, service: Service) -> None:
    assert "block by block" not in visit(Role.READER).get(f"/cases/{made(service).case}").text


def test_names_are_sealed_until_they_are_revealed_and_then_only_there(
    visit: Visit, service: Service
) -> None:
    it = made(service)
    browser = visit(Role.REVIEWER, "rio")
    pages = ("/queue", f"/cases/{it.case}", "/accounts/hub.example/sample-account", "/audit")

    def told(visitor: Visitor) -> list[str]:
        return [path for path in pages if any(word in visitor.get(path).text for word in SECRETS)]

    assert told(browser) == []
    answer = browser.post(f"/cases/{it.case}/reveal")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    text = harmless(answer.text).text
    for value in (SEALED, "smplprsn07", "777007", "888007", "sample_person_07.safetensors"):
        assert value in text
    assert NAMES.reason is not None
    assert NAMES.reason in text
    assert "https://models.example/models/777007" in text
    assert told(browser) == []
    assert told(visit(Role.LEAD)) == []
    again = words(browser.get(f"/cases/{it.case}").text)
    assert "rio revealed the names" in again
    assert "Revealed 1 time so far" in again
    with service.store.read() as connection:
        (line,) = [line for line in audit.every(connection) if line.action == "reveal"]
    assert (line.actor, line.subject) == ("user:rio", it.removal)
    assert not any(word in str(line) for word in SECRETS)


def test_a_reader_reveals_nothing_and_reads_no_reasons(visit: Visit, service: Service) -> None:
    it = made(service)
    decided(visit(Role.REVIEWER), it.case, reason="a plain reason")
    visit(Role.REVIEWER).post(f"/cases/{it.case}/comment", {"text": "a plain\r\ncomment"})
    reader = visit(Role.READER)
    assert reader.post(f"/cases/{it.case}/reveal").status_code == 403
    text = reader.get(f"/cases/{it.case}").text
    assert "/reveal" not in text
    assert "a plain" not in text
    assert "what was written is sealed" in text
    shown = visit(Role.REVIEWER).get(f"/cases/{it.case}").text
    assert "a plain\ncomment" in shown
    written = words(shown)
    assert "Because: a plain reason" in written
    assert "a plain comment" in written


@pytest.mark.parametrize("route", VERDICTS)
def test_each_decision_is_made_with_its_reason_and_undone(
    visit: Visit, service: Service, route: str
) -> None:
    case = made(service).case
    browser = visit(Role.REVIEWER)
    answer = decided(browser, case, route, reason="for a test")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/queue?")
    text = browser.get(f"/cases/{case}").text
    assert "Because: for a test" in text
    undone = browser.post(f"/cases/{case}/undo", {"version": version(text), "quick": "Mistake"})
    assert undone.headers["location"].startswith(f"/cases/{case}?done=undo")
    page = words(browser.get(undone.headers["location"]).text)
    assert "Undone." in page
    assert "undid the last decision" in page
    assert "Confirm" in page  # it can be decided again


def test_deciding_leads_to_the_next_case_of_the_same_filter(visit: Visit, service: Service) -> None:
    first, other = made(service, 1, "a/x", downloads=9), made(service, 2, "b/x", read=False)
    last = made(service, 3, "c/x", downloads=1)
    browser = visit(Role.REVIEWER)
    answer = decided(browser, first.case, then="next", back="rung=bytes")
    at = answer.headers["location"]
    assert at.startswith(f"/cases/{last.case}?rung=bytes&done=confirm")
    text = browser.get(at).text
    assert "Yours until" in text
    assert f'action="/cases/{first.case}/undo"' in text
    end = decided(browser, last.case, then="next", back="rung=bytes").headers["location"]
    assert end.startswith("/queue?rung=bytes&done=confirm")
    assert other.case in browser.get("/queue").text


def test_who_was_second_sees_what_changed_and_keeps_what_they_wrote(
    visit: Visit, service: Service
) -> None:
    case = made(service).case
    one, two = visit(Role.REVIEWER, "rio"), visit(Role.REVIEWER, "remy")
    seen = version(two.get(f"/cases/{case}").text)
    decided(one, case, "allow", reason="consent was shown")
    answer = two.post(
        f"/cases/{case}/confirm",
        {
            "version": seen,
            "quick": "The same file or the same weights",
            "reason": 'my "long" <text>',
        },
    )
    assert answer.status_code == 409
    text = words(answer.text)
    assert "changed since you looked at it" in text
    assert "rio allowed it" in text
    assert "What you wrote is still in the form" in text
    assert 'my "long" <text>' in text
    assert one.get("/queue?state=decided").text.count("data-row") == 1


def test_new_evidence_is_a_conflict_and_the_form_can_be_sent_again(
    visit: Visit, service: Service
) -> None:
    it = made(service)
    browser = visit(Role.REVIEWER)
    seen = version(browser.get(f"/cases/{it.case}").text)
    sighting(service, it.removal, it.repo, paths=("new.safetensors",))
    answer = browser.post(
        f"/cases/{it.case}/confirm", {"version": seen, "quick": "", "reason": "kept as written"}
    )
    assert answer.status_code == 409
    assert "New or stronger evidence came in" in words(answer.text)
    assert "kept as written</textarea>" in answer.text
    now = version(answer.text)
    assert now != seen
    again = browser.post(f"/cases/{it.case}/confirm", {"version": now, "reason": "kept"})
    assert again.status_code == 303


def test_a_claim_keeps_others_off_until_a_lead_takes_over(visit: Visit, service: Service) -> None:
    case = made(service).case
    one, two, lead = (visit(Role.REVIEWER, "rio"), visit(Role.REVIEWER, "remy"), visit(Role.LEAD))
    assert one.post(f"/cases/{case}/claim").status_code == 303
    text = two.get(f"/cases/{case}").text
    assert "rio is working on it" in text
    assert "Take over" not in text
    refused = two.post(f"/cases/{case}/claim")
    assert refused.status_code == 409
    assert "rio is working on this case" in refused.text
    kept = two.post(
        f"/cases/{case}/confirm", {"version": version(text), "reason": "written meanwhile"}
    )
    assert kept.status_code == 409
    assert "written meanwhile" in kept.text
    assert two.post(f"/cases/{case}/claim", {"take_over": "1"}).status_code == 403
    assert "Take over" in lead.get(f"/cases/{case}").text
    assert lead.post(f"/cases/{case}/claim", {"take_over": "1"}).status_code == 303
    assert "Yours until" in lead.get(f"/cases/{case}").text
    assert lead.post(f"/cases/{case}/release").status_code == 303
    assert "Nobody is at it" in lead.get(f"/cases/{case}").text


def test_whoever_asked_for_a_second_pair_of_eyes_is_not_that_pair(
    visit: Visit, service: Service
) -> None:
    case = made(service).case
    one, two = visit(Role.REVIEWER, "rio"), visit(Role.REVIEWER, "remy")
    decided(one, case, "second")
    text = one.get(f"/cases/{case}").text
    assert "You asked for a second pair of eyes" in text
    refused = one.post(f"/cases/{case}/confirm", {"version": version(text), "reason": "mine"})
    assert refused.status_code == 403
    assert "mine</textarea>" in refused.text
    assert decided(two, case).status_code == 303


def test_somebody_elses_decision_is_undone_by_a_lead_only(visit: Visit, service: Service) -> None:
    case = made(service).case
    decided(visit(Role.REVIEWER, "rio"), case)
    other = visit(Role.REVIEWER, "remy")
    text = other.get(f"/cases/{case}").text
    assert "they, or a lead, can undo it" in text
    undo = {"version": version(text), "reason": "no"}
    assert other.post(f"/cases/{case}/undo", undo).status_code == 403
    assert visit(Role.LEAD).post(f"/cases/{case}/undo", undo).status_code == 303


@pytest.mark.parametrize("route", [*VERDICTS, "undo"])
def test_no_reason_is_no_decision(visit: Visit, service: Service, route: str) -> None:
    case = made(service).case
    browser = visit(Role.REVIEWER)
    answer = browser.post(f"/cases/{case}/{route}", {"version": "1", "quick": " ", "reason": "\n"})
    assert answer.status_code == 400
    assert "there is no reason" in answer.text


def test_a_reason_or_comment_too_long_is_kept_in_the_form(visit: Visit, service: Service) -> None:
    case = made(service).case
    browser = visit(Role.REVIEWER)
    long = "word " * 1_000
    answer = decided(browser, case, reason=long)
    assert answer.status_code == 400
    assert "longer than 4,000 characters" in answer.text
    assert long.strip() in answer.text
    comment = browser.post(f"/cases/{case}/comment", {"text": long})
    assert comment.status_code == 400
    assert long.strip() in comment.text


@pytest.mark.parametrize("given", ["", "x", "-1", "1e3", "9" * 40])
def test_a_version_that_no_page_said_is_refused(visit: Visit, service: Service, given: str) -> None:
    case = made(service).case
    answer = visit(Role.REVIEWER).post(
        f"/cases/{case}/confirm", {"version": given, "reason": "a reason"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("case", ["cs-nothing", "%00", "<script>", "x" * 500])
def test_a_case_that_is_not_there_is_not_found(visit: Visit, case: str) -> None:
    browser = visit(Role.REVIEWER)
    assert browser.get(f"/cases/{case}").status_code == 404
    for route in ("reveal", "claim", "release", "comment", "confirm"):
        data = {"version": "1", "reason": "x", "text": "x"}
        assert browser.post(f"/cases/{case}/{route}", data).status_code == 404


def test_a_withdrawn_removal_needs_no_decision(visit: Visit, service: Service) -> None:
    it = made(service)
    with service.store.write() as connection:
        removals.withdraw(connection, service.keyring, it.removal, "listed by mistake")
    browser = visit(Role.REVIEWER)
    text = browser.get(f"/cases/{it.case}").text
    assert "The removal was withdrawn" in text
    assert "listed by mistake" not in text
    assert decided(browser, it.case).status_code == 409


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_and_do_nothing(visit: Visit, service: Service, name: str) -> None:
    repo = name.replace("/", "") + "/m"
    case = made(service, 1, repo, paths=(name, "b"), ref=name, more=(said(name),)).case
    browser = visit(Role.REVIEWER)
    browser.post(f"/cases/{case}/comment", {"text": name})
    decided(browser, case, reason=name)
    page = harmless(browser.get(f"/cases/{case}").text)
    assert page.text.count(visible(name)) >= 5
    harmless(browser.post(f"/cases/{case}/reveal").text)


def test_many_files_come_in_pages_the_live_ones_first(visit: Visit, service: Service) -> None:
    count = 2 * case_view.FILES + 3
    paths = tuple(f"copies/{n:04d}.safetensors" for n in range(count))
    case = made(service, paths=paths).case
    browser = visit(Role.READER)
    found: list[str] = []
    for start in (0, case_view.FILES, 2 * case_view.FILES):
        text = browser.get(f"/cases/{case}?files={start}").text
        part = re.findall(r'id="path-\d+"><bdi>(copies/\d+\.safetensors)', text)
        assert 0 < len(part) <= case_view.FILES
        found += part
    assert sorted(found) == sorted(paths)
    assert f"of {count} files" in words(browser.get(f"/cases/{case}").text)
    assert browser.get(f"/cases/{case}?files=999999").status_code == 200


def test_without_the_key_a_case_is_shown_and_nothing_is_revealed_or_decided(
    visit: Visit, service: Service, app: Any
) -> None:
    from dataclasses import replace

    case = made(service).case
    app.state.service = replace(service, keyring=None)
    browser = visit(Role.REVIEWER)
    text = browser.get(f"/cases/{case}").text
    assert "The key is not on this machine" in text
    assert "/reveal" not in text
    answer = decided(browser, case, reason="kept all the same")
    assert answer.status_code == 503
    assert "kept all the same" in answer.text


def test_a_case_of_the_class_that_is_never_read_says_so_and_offers_no_reading(
    visit: Visit, service: Service
) -> None:
    it = made(service, read=False)
    reviewer = visit(Role.REVIEWER)
    assert "nothing of its files is read" not in reviewer.get(f"/cases/{it.case}").text
    classes.classify(
        service.store, service.keyring, it.removal, RemovalClass.CHILD_ABUSE, "Sample reason."
    )
    shown = reviewer.get(f"/cases/{it.case}").text
    assert "nothing of its files is read" in shown
    assert "Read every byte" not in shown
    assert ">never read</span>" in shown  # as in every list of cases
    refused = reviewer.post(f"/cases/{it.case}/read")
    assert refused.status_code == 400
    assert "only digests are compared" in refused.text
