"""The review without a mouse: every step by keys, and the focus always somewhere that is seen."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.world import PASSWORD

Enter = Callable[..., Person]


def test_a_day_of_reviewing_by_keys_alone(enter: Enter, serving: Serving) -> None:
    person = enter(serving, None)
    page = person.goto("/")
    expect(page.locator("input[name=name]")).to_be_focused()
    page.keyboard.type("rio")
    press(page, "Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    page.wait_for_url(f"{person.base}/")
    page.goto("/queue")

    # The list of keys opens and closes.
    press(page, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    person.looks()
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    # Down the list and into the second case.
    press(page, "j")
    press(page, "j")
    second = page.locator("[data-row] a").nth(1)
    expect(second).to_be_focused()
    press(page, "k")
    expect(page.locator("[data-row] a").first).to_be_focused()
    focus_is_seen(page)
    press(page, "Enter")
    page.wait_for_url("**/cases/*")
    case = page.locator("h1 code").inner_text()

    # Claimed, revealed, left and entered again.
    press(page, "m")
    expect(page.get_by_text("Yours until")).to_be_visible()
    press(page, "r")
    expect(page.get_by_role("region", name="Revealed names")).to_be_visible()

    # A comment: keys that are typed are text, and Ctrl+Enter sends it.
    press(page, "t")
    expect(page.get_by_label("Comment")).to_be_focused()
    page.keyboard.type("jux nicer")
    press(page, "Control+Enter")
    expect(page.locator(".history")).to_contain_text("jux nicer")

    # Not this model, with the second reason of the list; then undone with one key.
    press(page, "x")
    expect(page.locator("#quick-not-this-model")).to_be_focused()
    press(page, "ArrowDown")
    press(page, "Enter")
    expect(page.get_by_role("status").first).to_contain_text("Decided: not this model.")
    expect(page.locator("h1 code")).not_to_have_text(case)
    press(page, "u")
    expect(page.get_by_text("Undone.")).to_be_visible()

    # Back to the queue; n claims the next; c and Enter confirm it and go on.
    page.goto("/queue")
    press(page, "n")
    page.wait_for_url("**/cases/*")
    expect(page.get_by_text("Yours until")).to_be_visible()
    claimed = page.locator("h1 code").inner_text()
    press(page, "c")
    expect(page.locator("#quick-confirm")).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_role("status").first).to_contain_text("Decided: confirmed.")
    expect(page.locator("h1 code")).not_to_have_text(claimed)
    press(page, "Escape")
    page.wait_for_url(re.compile("/queue"))


def test_no_key_chooses_what_is_said_of_ticked_cases(enter: Enter, serving: Serving) -> None:
    person = enter(serving, "rio")
    page = person.goto("/queue")
    waiting = page.locator("#list .count b").first.inner_text()
    first = page.locator("[data-row]").first
    box, where = first.locator("[data-tick]"), page.url
    box.check()
    page.locator("#reason").fill("A sample reason that was not sent")

    # Enter on a box presses no button; Ctrl+Enter in the reason stands between three verdicts.
    box.focus()
    press(page, "Enter")
    page.locator("#reason").focus()
    press(page, "Control+Enter")
    expect(page).to_have_url(where)
    expect(box).to_be_checked()

    # A ticked box has the focus, and the keys of the page go on.
    box.focus()
    press(page, "y")
    expect(box).not_to_be_checked()
    press(page, "y")
    press(page, "j")
    expect(page.locator("[data-row] [data-open]").nth(1)).to_be_focused()

    # Enter in "Assign to" presses the button beside it.
    page.get_by_label("Assign to").last.focus()
    press(page, "Enter")
    expect(page.locator("[data-row]").first).to_contain_text("assigned to you")
    expect(page.locator("#list .count b").first).to_have_text(waiting)
    expect(page.get_by_role("status", name="Outcome")).to_have_count(0)


def test_tab_reaches_everything_and_shows_where_it_is(enter: Enter, looked_at: Serving) -> None:
    person = enter(looked_at, "lea")
    for place in ("/queue", "/audit"):
        page = person.goto(place)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        reached = set()
        for _ in range(25):
            if page.evaluate("document.activeElement === document.body"):
                break  # past the last
            focus_is_seen(page)
            reached.add(page.evaluate("document.activeElement.outerHTML.slice(0, 80)"))
            page.keyboard.press("Tab")
        assert len(reached) > 8, place


def press(page: Page, key: str) -> None:
    """Press a key on a page that is there with its script."""
    page.wait_for_load_state()
    page.keyboard.press(key)


def focus_is_seen(page: Page) -> None:
    """What has the focus is drawn otherwise than without it, and lies on the page."""
    seen = page.evaluate(
        """() => {
          const e = document.activeElement
          const box = e.getBoundingClientRect()
          // A link of a list is drawn as its whole row.
          const drawn = [getComputedStyle(e), getComputedStyle(e, '::after')].some(
            s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1)
          return {what: e.outerHTML.slice(0, 100), drawn, there: box.width > 0 && box.height > 0}
        }"""
    )
    assert seen["drawn"], f"no focus is drawn: {seen['what']}"
    assert seen["there"], f"the focus is nowhere: {seen['what']}"
