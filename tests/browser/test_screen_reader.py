"""Every page as a screen reader has it: what the browser itself tells about headings, landmarks,
fields, tables and names; and that what changes by itself is said and takes nobody's place away.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect
from tests.browser.every_page import pages_of
from tests.browser.person import Person
from tests.browser.serving import Serving

Enter = Callable[..., Person]

USED = {
    *("textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "spinbutton", "slider"),
    *("button", "link", "DisclosureTriangle", "DisclosureTriangleGrouped", "progressbar", "image"),
}
"""Roles of what can be used, or stands for something: each needs a name."""
LANDMARKS = {"navigation", "region", "search", "complementary"}
"""Of these there may be several on a page: a name tells them apart."""
ONCE = ("main", "banner", "contentinfo")
ACTS = """() => {
  const name = (e) => (e.ariaLabel || (e.getAttribute('aria-labelledby') || '').split(' ')
    .map((id) => document.getElementById(id)?.innerText).join(' ').trim() || e.textContent)
    .replace(/\\s+/g, ' ').trim()
  const seen = (e) => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length
  const found = []
  for (const e of document.querySelectorAll('a[href], button, main summary')) {
    if (!seen(e) || e.closest('td, li') && /^[\\d,]+$/.test(name(e))) continue
    const form = e.form
    const fields = form ? [...form.querySelectorAll('input[type=hidden]:not([name=csrf])')]
      .filter((f) => !['back', 'version'].includes(f.name)).map((f) => f.name + '=' + f.value) : []
    const here = e.matches('summary') || !form || e.type === 'button'
    const does = e.matches('a') ? e.href.split('#')[0] : here ?
      'here ' + [...document.querySelectorAll(e.tagName)].indexOf(e) :
      e.formAction + ' ' + (e.name ? e.name + '=' + e.value + ' ' : '') + fields.join(' ')
    found.push([e.tagName, name(e), does])
  }
  return found
}"""


# What is put in anew says what came of it, or is the whole page, which gets the focus.
UNSAID = """() => [...document.querySelectorAll('[hx-get], [hx-post]')].flatMap((e) => {
  const part = document.querySelector(e.getAttribute('hx-target') || '#' + e.id)
  return part?.id && (part.id === 'main' || part.querySelector('[data-live]')) ? [] :
    ['nothing says that it changed: ' + e.outerHTML.slice(0, 110)]
})"""
PUT_IN = """() => new Promise((done) => document.addEventListener(
  'htmx:afterSettle', () => setTimeout(done, 0), {once: true}))"""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that a screen reader is told of."""

    role: str
    name: str
    level: int | None
    inside: tuple[str, ...]
    """The roles of what holds it, and the ids of these, innermost last."""


def told(page: Page) -> list[Node]:
    """What Chromium tells of the page, in the order of reading."""
    session = page.context.new_cdp_session(page)
    answer: dict[str, Any] = session.send("Accessibility.getFullAXTree")
    session.detach()
    nodes = {one["nodeId"]: one for one in answer["nodes"]}
    found: list[Node] = []

    def walk(at: dict[str, Any], inside: tuple[str, ...]) -> None:
        if not at["ignored"]:
            role = str(at["role"]["value"])
            level = [p["value"]["value"] for p in at.get("properties", ()) if p["name"] == "level"]
            name = str(at.get("name", {}).get("value", "")).strip()
            found.append(Node(role, name, level[0] if level else None, inside))
            inside = (*inside, f"{role} {at['nodeId']}")
        for child in at.get("childIds", ()):
            if child in nodes:
                walk(nodes[child], inside)

    walk(answer["nodes"][0], ())
    return found


def findings(nodes: list[Node]) -> list[str]:
    found = []
    levels = [node.level for node in nodes if node.role == "heading" and node.level]
    if levels.count(1) != 1:
        found.append(f"{levels.count(1)} headings of level 1")
    for before, level in zip([0, *levels], levels, strict=False):
        if level > before + 1:
            found.append(f"a heading of level {level} after one of level {before}")
    for role in ONCE:
        if (times := sum(node.role == role for node in nodes)) != 1:
            found.append(f"{times} times {role}")
    places = Counter((node.role, node.name) for node in nodes if node.role in LANDMARKS)
    for (role, name), times in places.items():
        if not name:
            found.append(f"{role} without a name")
        elif times > 1:
            found.append(f"{times} times {role} “{name}”")
    for node in nodes:
        if node.role in {*USED, "heading", "table", "figure", "dialog"} and not node.name:
            found.append(f"{node.role} without a name in {node.inside[-3:]}")
    found += tables(nodes)
    return found


def tables(nodes: list[Node]) -> list[str]:
    """Each has a heading for every column."""
    found = []
    for node in nodes:
        if node.role == "columnheader" and not node.name:
            found.append("a column without a name")
        within = any(one.startswith(("table ", "grid ")) for one in node.inside)
        if node.role in ("cell", "gridcell", "columnheader", "rowheader", "row") and not within:
            found.append(f"{node.role} outside a table")
    of = Counter(
        next(one for one in reversed(node.inside) if one.startswith("table "))
        for node in nodes
        if node.role == "columnheader" and any(one.startswith("table ") for one in node.inside)
    )
    there = sum(node.role == "table" for node in nodes)
    if there != len(of):
        found.append(f"{there - len(of)} of {there} tables without a column's heading")
    return found


def acts(page: Page) -> list[str]:
    """Two that do different things have different names; a figure is told by its row and column."""
    does: dict[tuple[str, str], set[str]] = {}
    for tag, name, what in page.evaluate(ACTS):
        does.setdefault((tag, name), set()).add(what)
    return [f"{tag} “{name}” does {sorted(w)[:3]}" for (tag, name), w in does.items() if len(w) > 1]


def test_every_page_can_be_read_by_a_screen_reader(enter: Enter, filled: Serving) -> None:
    person = enter(filled, "ada")
    for place in pages_of(filled):
        page = person.goto(place)
        for width in (390, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            found = [*findings(told(page)), *acts(page)]
            person.noticed += [f"{place} at {width}: {finding}" for finding in found]
        person.noticed += [f"{place}: {finding}" for finding in page.evaluate(UNSAID)]
        page.set_viewport_size({"width": 768, "height": 900})
        person.looks()
        person.looks_in_the_dark()


def test_what_changes_by_itself_is_said_once_and_takes_nobodys_place(
    enter: Enter, filled: Serving
) -> None:
    person = enter(filled, "ada")
    scan = next(place for place in pages_of(filled) if place.startswith("/scans/"))
    page = person.goto(scan)
    page.evaluate(
        "said = 0; new MutationObserver(() => said++).observe(live, {childList: true}); 0"
    )
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    for _ in range(2):
        page.evaluate(PUT_IN)
        expect(stop).to_be_focused()
    expect(page.locator("#live")).to_contain_text("waiting")
    assert page.evaluate("said") == 1


def test_a_filter_says_how_many_cases_are_left(enter: Enter, filled: Serving) -> None:
    person = enter(filled, "ada")
    page = person.goto("/queue")
    page.get_by_label("State").select_option("decided")
    expect(page.locator("#live")).to_contain_text(re.compile(r"^[\d,]+ cases"))
    expect(page.get_by_label("State")).to_have_value("decided")
