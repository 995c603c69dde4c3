"""Malicious names in every field that strangers fill: shown, and never obeyed, in a real browser.

Nothing may run, open, load from elsewhere, or take another shape than text. `Person` notices a
dialog, a request to elsewhere and a violated policy; here it is also looked for what only obeying
would bring forth.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import expect
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.test_review import decide
from tests.web.cases_made import HUB, removal, sighting

from reseen.observed import sightings
from reseen.records import Names
from reseen.report import tables
from reseen.report.rows import report_row

Enter = Callable[..., Person]

HOSTILE = (
    "<script>document.title='obeyed';alert(1)</script>",
    "\"'><img src=https://evil.example/x onerror=\"document.title='obeyed'\"><b class=obeyed>",
    '=HYPERLINK("https://evil.example","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "{{7*7}}{% raw %}${7*7}<%= 7*7 %>",
    "\u202egnp.rotpada\u2066 \u200bhidden\u200d",
    "a\x1b[31mred\x07\x08\r\nSet-Cookie: obeyed=1",
    "javascript:document.title='obeyed'",
    "'; DROP TABLE cases; --",
    "x" * 2000,
)


def test_names_from_elsewhere_are_text_on_every_page(
    enter: Enter, serving: Serving, tmp_path: Path
) -> None:
    service = serving.service
    made: list[tuple[str, str]] = []
    for number, text in enumerate(HOSTILE):
        account = text.replace("/", "\u2215")
        names = Names(name=text, trigger_words=(text,), url=text, file_names=(text,), reason=text)
        known = removal(service, 500 + number, names=names)
        made.append(
            (account, sighting(service, known, f"{account}/{text}", paths=(text,), ref=text))
        )

    for phone in (False, True):
        person = enter(serving, "lea", phone=phone)
        page = person.page
        for place in ("/queue?hub=" + HUB, "/lists", "/scans", "/audit"):
            page.goto(place)
            obeyed_nothing(person)
        for number, (account, case) in enumerate(made):
            if phone and number not in (1, 5, 6, 9):
                continue  # what is wide, or turns things round
            page.goto(f"/cases/{case}")
            if not phone:
                page.get_by_role("button", name="Reveal").click()
                expect(page.get_by_role("region", name="Revealed names")).to_be_visible()
                obeyed_nothing(person)
                page.goto(f"/cases/{case}")
                page.get_by_label("Comment").fill(HOSTILE[number])
                page.get_by_role("button", name="Comment").click()
                expect(page.get_by_label("Comment")).to_have_value("")
                decide(page, "Confirm", then="… then the queue", reason=HOSTILE[number])
                expect(page.get_by_role("status").first).to_contain_text("Decided: confirmed.")
                page.goto(f"/cases/{case}")
            obeyed_nothing(person)
            page.goto(f"/accounts/{HUB}/{quote(account, safe='')}")
            obeyed_nothing(person)
        page.goto("/notices")
        obeyed_nothing(person)

    # A notice, and what is taken away of it.
    page.goto("/notices")
    drafts = page.get_by_role("button", name="Draft a notice")
    for _ in range(drafts.count()):
        drafts.first.click()
        expect(page.locator("h1")).to_contain_text("drafted")
        obeyed_nothing(person)
        for name in ("Take the text", "Take the JSON"):
            button = page.get_by_role("button", name=name)
            with page.expect_download() as download:
                button.click()
            taken = download.value.path().read_text("utf-8")
            assert not set(taken) & set("\x1b\x07\x08\u202e\u2066"), name
            if name.endswith("JSON"):
                json.loads(taken)
        page.goto("/notices")

    # Tables for spreadsheets.
    with serving.store.read() as connection:
        rows = [report_row(s, None, locations=True) for s in sightings.every(connection)]
    tables.write_csv(tmp_path / "all.csv", rows)
    with (tmp_path / "all.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]


def test_what_is_typed_into_addresses_and_forms_is_text(enter: Enter, serving: Serving) -> None:
    person = enter(serving, "ada")
    page = person.page
    for text in HOSTILE:
        typed = quote(text, safe="")
        for place in ("/queue?account={0}&hub={0}", "/audit?actor={0}&subject={0}"):
            with person.refused():
                page.goto(place.format(typed))
            obeyed_nothing(person)
    for text in HOSTILE[:4]:
        for place in ("/lists?removal={0}", "/cases/{0}", "/accounts/{0}/{0}", "/notices/{0}"):
            with person.refused():
                page.goto(place.format(quote(text, safe="")[:200]))
            obeyed_nothing(person)
        page.goto("/keys")
        page.locator("#name").fill(text[:100])
        page.get_by_label("check", exact=True).check()
        with person.refused():
            page.get_by_role("button", name="Make").click()
            made = page.get_by_role("alert").or_(page.get_by_text("rsk_"))
            expect(made.first).to_be_visible()
        obeyed_nothing(person)
        page.goto("/users")
        page.locator("#name").fill(text[:64])
        page.locator("#password").fill("three green lanterns")
        with person.refused():
            page.get_by_role("button", name="Add").click()
            expect(page.get_by_role("alert")).to_be_visible()
        obeyed_nothing(person)


def obeyed_nothing(person: Person) -> None:
    """No sign that any of the names did anything."""
    found = person.page.evaluate(
        """() => ({
          title: document.title.includes('obeyed'),
          made: document.querySelectorAll('.obeyed, main img, main script, iframe').length,
          links: [...document.querySelectorAll('a[href], form[action]')].filter(e => {
            const to = new URL(e.getAttribute('href') ?? e.getAttribute('action'), location.href)
            return to.origin !== location.origin
          }).map(e => e.outerHTML.slice(0, 100)),
          cookie: document.cookie,
          raw: /[\\u202a-\\u202e\\u2066-\\u2069\\u001b\\u0007]/.test(document.body.innerText),
          wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
          sum: document.querySelector('main').innerText.includes('49}') })"""
    )
    where = person.page.url[:120]
    assert not found["title"], where
    assert not found["made"], where
    assert not found["links"], (where, found["links"])
    assert not found["cookie"], where
    assert not found["raw"], f"control or direction characters are obeyed: {where}"
    if person.phone:
        assert found["wide"] <= 0, f"a long name makes the page scroll sideways: {where}"
