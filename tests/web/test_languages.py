"""The pages in the languages that they have: which one, complete, and with numbers of its own."""

from __future__ import annotations

import gettext
import io
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from tests.web.catalogues_made import template
from tests.web.visitors import Visitor

from reseen.review.roles import Role
from reseen.store.database import now
from reseen.web import catalogues, rendering
from reseen.web.languages import ENGLISH, LANGUAGES, accepted
from reseen.web.speech import speech

Visit = Callable[..., Visitor]
LOCALE = Path(rendering.__file__).parent / "locale"
FOREIGN = sorted(set(LANGUAGES) - {"en"})


def po(code: str) -> Path:
    return LOCALE / code / "LC_MESSAGES" / "reseen.po"


def catalogue(code: str) -> Catalog:
    with po(code).open("rb") as file:
        return read_po(file, locale=code)


def forms(message: Message) -> list[str]:
    """Its translations: one, or one a plural form."""
    return [message.string] if isinstance(message.string, str) else list(message.string)


def ids(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


@pytest.mark.parametrize("code", FOREIGN)
def test_no_sentence_is_missing_and_none_is_left_over(code: str) -> None:
    found = {(m.context, *ids(m)): m for m in catalogue(code) if m.id}
    wanted = {(m.context, *ids(m)) for m in template() if m.id}
    missing = [id for id in wanted if id not in found or not all(forms(found[id]))]
    assert not missing, "`make catalogues`, then translate them"
    assert set(found) <= wanted, "`make catalogues` takes them out"
    assert not [m.id for m in found.values() if m.fuzzy]


@pytest.mark.parametrize("code", FOREIGN)
def test_a_translation_has_the_places_and_the_tags_of_its_sentence(code: str) -> None:
    """Each place stands in every form, but for the number itself in the form of one; each tag with
    all its attributes is there as often; what begins or ends with a blank does so in all."""
    for message in (m for m in catalogue(code) if m.id):
        singular, *plural = ids(message)
        for form, said in enumerate(forms(message)):
            like = singular if form == 0 or not plural else plural[0]
            places = [set(re.findall(r"%\((\w+)\)s", each)) for each in (like, said)]
            assert places[0] == places[1] or (form == 0 and plural and places[1] <= places[0]), like
            tags = [Counter(re.findall(r"<[^<>]*>", each)) for each in (like, said)]
            assert tags[0] == tags[1], like
            assert '"' not in re.sub(r"<[^<>]*>", "", said), f"typographic quotes: {like}"
            assert said == said.strip() or like != like.strip(), like
            if "%(" in like or message.python_format:
                _ = said % dict.fromkeys(places[0], "x")


@pytest.mark.parametrize("code", FOREIGN)
def test_what_the_pages_read_is_what_translators_wrote(code: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(code))
    written = gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))
    read = catalogues.catalogue(code)
    assert vars(read)["_catalog"] == vars(written)["_catalog"], "`make catalogues` compiles them"
    assert [vars(read)["plural"](n) for n in range(30)] == [
        vars(written)["plural"](n) for n in range(30)
    ]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH, fr;q=0.9", "de"),
        ("fr;q=0.4, es-419;q=0.8, de;q=0.1", "es"),
        ("it, ja, fr-CA;q=0.1", "fr"),
        ("it, ja", "en"),
        ("*", "en"),
        ("DE", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("de;q=2, fr;q=nan, es;q=inf, en;q=x", "en"),
        ("de;x=1", "en"),
        (",;,;q=;;=,", "en"),
        ("x" * 2_000 + ",de", "en"),
    ],
)
def test_the_language_is_what_the_browser_asks_for(header: str, code: str) -> None:
    assert accepted(header).code == code


@given(st.text(max_size=300))
def test_every_header_asks_for_some_language(header: str) -> None:
    assert accepted(header).code in LANGUAGES


def test_a_page_says_its_language(visit: Visit) -> None:
    browser = visit()
    for code in LANGUAGES:
        answer = browser.get("/sign-in", headers={"Accept-Language": code})
        assert f'<html lang="{code}">' in answer.text
        assert answer.headers["content-language"] == code
        assert answer.headers["vary"] == "Accept-Language, Cookie"
        assert speech(LANGUAGES[code]).gettext("Sign in") in answer.text
    assert "Anmelden" in browser.get("/sign-in", headers={"Accept-Language": "de-AT"}).text


def test_a_choice_is_kept_in_the_browser_and_beats_what_it_asks_for(visit: Visit) -> None:
    browser = visit(Role.READER)
    answer = browser.post("/me/language", {"language": "fr"})
    assert answer.headers["location"] == "/me?done=language"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("reseen-language=fr;")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    page = browser.get("/me?done=language", headers={"Accept-Language": "de"})
    assert page.headers["content-language"] == "fr"
    assert '<option value="fr" lang="fr" selected>Français</option>' in page.text
    assert speech(LANGUAGES["fr"]).gettext("The language of the pages is chosen.") in page.text
    browser.post("/me/language", {"language": ""})
    page = browser.get("/me", headers={"Accept-Language": "de"})
    assert page.headers["content-language"] == "de"


def test_a_language_that_there_is_not_is_refused(visit: Visit) -> None:
    browser = visit(Role.READER)
    for language in ("xx", "../de", "DE", "de\r\nx"):
        answer = browser.post("/me/language", {"language": language})
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers
    browser.client.cookies.set("reseen-language", "../../etc")
    assert browser.get("/me").headers["content-language"] == "en"


def test_a_clock_that_was_just_set_says_what_it_was_set_to() -> None:
    shown = rendering._environment(ENGLISH).from_string("{{ at|ago }}")
    for hours, said in ((48, "in 48 hours"), (24, "in 24 hours"), (1, "in 1 hour")):
        assert said in shown.render(at=now() + hours * 3_600_000_000 - 2_000_000)


def test_what_an_error_says_is_said_in_the_language(visit: Visit) -> None:
    browser = visit()
    for code, said in (
        ("en", "This name and password do not fit together."),
        ("de", "Name und Passwort passen nicht zusammen."),
    ):
        form = browser.get("/sign-in").text
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', form)
        assert token is not None
        answer = browser.client.post(
            "/sign-in",
            data={"csrf": token[1], "name": "nobody", "password": "x"},
            headers={"Accept-Language": code},
        )
        assert said in answer.text
        assert '<span lang="en">' not in answer.text


def test_what_the_pages_say_of_an_error_themselves_is_said_in_every_language(visit: Visit) -> None:
    reader = visit(Role.READER)
    for code, said in (("en", "There is no page here"), ("fr", "Il n’y a pas de page ici")):
        answer = reader.get("/nothing", headers={"Accept-Language": code})
        assert answer.status_code == 404
        assert f'<p class="warning" role="alert">{said}' in answer.text


@pytest.mark.parametrize(
    ("code", "numbers", "decimal", "percent"),
    [
        ("en", ["999", "1,000", "1,234,567", "-1,000"], "0.981", "12%"),
        ("de", ["999", "1.000", "1.234.567", "-1.000"], "0,981", "12\xa0%"),
        ("es", ["999", "1000", "1.234.567", "-1000"], "0,981", "12\xa0%"),
        ("fr", ["999", "1\u202f000", "1\u202f234\u202f567", "-1\u202f000"], "0,981", "12\xa0%"),
    ],
)
def test_numbers_are_written_as_the_language_does(
    code: str, numbers: list[str], decimal: str, percent: str
) -> None:
    environment = rendering._environment(LANGUAGES[code])
    shown = environment.from_string("{{ n|number }}")
    assert [shown.render(n=n) for n in (999, 1000, 1_234_567, -1000)] == numbers
    more = environment.from_string("{{ 0.9812|decimal(3) }} {{ 0.1234|percent }} {{ 1500|size }}")
    assert more.render().startswith(f"{decimal} {percent} ")


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_times_are_counted_as_the_language_does(code: str) -> None:
    environment = rendering._environment(LANGUAGES[code])
    shown = environment.from_string("{{ at|ago }} {{ long|lasting }} {{ none|ago }}{{ size|size }}")
    for seconds in (0, 60, 300, 3_600, 90_000, 86_400 * 5, 86_400 * 365, 86_400 * 1000):
        for sign in (1, -1):
            at = now() - sign * seconds * 1_000_000 - 500_000
            long = timedelta(seconds=seconds)
            text = shown.render(at=at, long=long, none=None, size=seconds**2)
            assert "%" not in text
    english = rendering._environment(ENGLISH).from_string("{{ at|ago }}")
    assert ">5 minutes ago<" in english.render(at=now() - 300_500_000)
    assert ">1 hour ago<" in english.render(at=now() - 3_600_500_000)
    assert ">in 3 days<" in english.render(at=now() + 3 * 86_400_000_000 + 500_000)


def test_what_stands_in_a_place_is_escaped_and_seen() -> None:
    told = speech(ENGLISH)
    assert told.gettext("From %(x)s", x="<b>a\u202eb") == "From &lt;b&gt;a\\u202eb"
    environment = rendering._environment()
    text = "{% trans x=x %}<b>From</b> {{ x }}: 100%{% endtrans %}"
    assert (
        environment.from_string(text).render(x="<i>\u202e") == "<b>From</b> &lt;i&gt;\\u202e: 100%"
    )
