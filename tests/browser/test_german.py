"""Every page in German, whose words are the longest of ours: nothing cut off, no column as narrow
as a letter, and nothing that scrolls sideways, on a desktop and on a phone."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.every_page import pages_of
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.test_table_columns import MEASURE

Enter = Callable[..., Person]

LONGEST_AGES = """() => {
  for (const age of document.querySelectorAll('time[title]'))
    age.textContent = age.textContent.startsWith('in ') ? 'in 59 Minuten' : 'vor 59 Minuten'
}"""


def test_every_page_holds_german_words(enter: Enter, filled: Serving) -> None:
    person = enter(filled, "ada")
    person.context.add_cookies([{"name": "reseen-language", "value": "de", "url": person.base}])
    for place in pages_of(filled):
        person.goto(place)
        assert person.page.evaluate("document.documentElement.lang") == "de"
        person.page.evaluate(LONGEST_AGES)
        for width in (390, 1400):
            person.page.set_viewport_size({"width": width, "height": 900})
            found = person.page.evaluate(MEASURE)
            if person.page.evaluate("document.documentElement.scrollWidth") > width:
                found.append("the page scrolls sideways")
            person.noticed += [f"{place} at {width}: {each}" for each in found]
