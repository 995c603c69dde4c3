"""Every page by Tab alone, at three widths and in both themes: all that can be used is reached,
once and in the order of reading, seen where it is, and left again; backwards too.

The way is walked with real keys. How the focus is drawn is measured afterwards, stop by stop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from tests.browser.every_page import pages_of
from tests.browser.person import Person
from tests.browser.serving import Serving

Enter = Callable[..., Person]

WIDTHS = (390, 768, 1400)
FUNCTIONS = """
  const html = (element) => element.outerHTML.replace(/\\s+/g, ' ').slice(0, 110)
  // A link of a row is drawn as the whole row.
  const drawn = (element) => element.matches('.rows [data-open]') ? element.closest('li') : element
"""
BEGIN = (
    """([invalid]) => {"""
    + FUNCTIONS
    + """
  for (const hides of document.querySelectorAll('main details')) {
    hides.removeAttribute('name')
    hides.open = true
  }
  for (const field of document.querySelectorAll('main :is(input, select, textarea)'))
    field.ariaInvalid = invalid ? 'true' : null
  // Of buttons of which one is chosen, that one takes the focus.
  const chosen = (e) => e.type !== 'radio' || e.checked ||
    ![...e.form.elements].some((f) => f.type === 'radio' && f.name === e.name && f.checked)
  const stops = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex]')].filter((e) =>
      e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length &&
      e.tabIndex >= 0 && !e.matches(':disabled') && chosen(e))
  if (!window.reached) {
    window.reached = []
    document.addEventListener('focusin', (event) => window.reached.push(event.target))
    // Nothing changes by itself while it is walked.
    document.addEventListener('htmx:beforeSwap', (event) => { event.detail.shouldSwap = false })
  }
  window.stops = stops
  scrollTo(0, 0)
  const found = []
  stops.forEach((b, n) => {
    const a = stops[n - 1]
    if (!n || a.contains(b) || drawn(a).contains(b)) return
    const one = drawn(a).getClientRects(), two = drawn(b).getClientRects()
    const from = one[one.length - 1], to = two[0]
    const above = to.bottom <= one[0].top + 1 && to.left < from.right
    const before = to.top < from.bottom - 1 && to.bottom > from.top + 1 && to.right <= from.left + 1
    if (above || before) found.push('jumps back to ' + html(b) + ' after ' + html(a))
  })
  return {count: stops.length, found}
}"""
)
STAND = """(end) => {
  const here = document.createElement('span')
  here.tabIndex = -1
  if (end) document.body.append(here)
  else document.body.prepend(here)
  here.focus()
  here.remove()
  window.reached = []
}"""
# Before everything on the page or after it, whatever had the focus.
WALKED = (
    """(back) => {"""
    + FUNCTIONS
    + """
  const way = back ? [...window.stops].reverse() : window.stops
  const reached = window.reached
  window.reached = []
  for (let n = 0; n < way.length; n++) {
    if (reached[n] === way[n]) continue
    return [(back ? 'Shift+Tab' : 'Tab') + ' number ' + (n + 1) + ' of ' + way.length + ': ' +
      (reached[n] ? html(reached[n]) : 'nothing') + ' instead of ' + html(way[n])]
  }
  return []
}"""
)
LOOK = (
    """() => {"""
    + FUNCTIONS
    + """
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
      .map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    return .2126 * r + .7152 * g + .0722 * b
  }
  const alpha = (colour) => +(colour.match(/[\\d.]+/g)[3] ?? 1)
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p)
    return (x + .05) / (y + .05)
  }
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor
      if (alpha(colour) === 1) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const outline = (element) => {
    for (const pseudo of [null, '::after']) {
      const s = getComputedStyle(element, pseudo)
      if (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)
        return {colour: s.outlineColor, style: s.outlineStyle + s.outlineWidth,
                wide: parseFloat(s.outlineWidth) + parseFloat(s.outlineOffset)}
    }
    return null
  }
  const found = []
  for (const stop of window.stops) {
    stop.blur()
    const before = outline(stop)
    stop.focus()
    const say = (what) => found.push(what + ': ' + html(stop))
    if (document.activeElement !== stop) { say('takes no focus'); continue }
    const ring = outline(stop)
    if (!ring || before?.style === ring.style) { say('its focus is not seen'); continue }
    const ground = ring.wide > 0 ? drawn(stop).parentElement : drawn(stop)
    const told = contrast(ring.colour, behind(ground))
    if (told < 3) say('its focus has a contrast of ' + told.toFixed(1))
    const r = drawn(stop).getClientRects()[0]
    const left = Math.max(r.left, 0), right = Math.min(r.right, innerWidth)
    const top = Math.max(r.top, 0), bottom = Math.min(r.bottom, innerHeight)
    const nowhere = r.width < 2 || r.height < 2 || left >= right || top >= bottom
    if (nowhere) { say('the focus is out of sight'); continue }
    const there = document.elementFromPoint((left + right) / 2, (top + bottom) / 2)
    if (!there || !(drawn(stop).contains(there) || there.contains(stop)))
      say('the focus lies under ' + (there ? html(there) : 'nothing'))
    for (let at = drawn(stop).parentElement; at; at = at.parentElement) {
      if (at === document.documentElement || getComputedStyle(at).overflowX === 'visible') continue
      const edge = at.getBoundingClientRect()
      const beside = r.left - ring.wide < edge.left - .5 || r.right + ring.wide > edge.right + .5
      const both = r.top - ring.wide < edge.top - .5 && r.bottom + ring.wide > edge.bottom + .5
      if (beside || both) say('its focus is cut off')
    }
  }
  return found
}"""
)


def test_by_tab_alone_everything_is_reached_and_seen(enter: Enter, filled: Serving) -> None:
    person = enter(filled, "ada")
    for place in pages_of(filled):
        page = person.goto(place)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for finding in walked(page, invalid=width == 768):
                person.noticed.append(f"{place} at {width}: {finding}")


def walked(page: Page, *, invalid: bool) -> list[str]:
    """There and back, then a look at every stop in light and in dark."""
    begun: dict[str, Any] = page.evaluate(BEGIN, [invalid])
    found: list[str] = begun["found"]
    for back, key in ((False, "Tab"), (True, "Shift+Tab")):
        page.evaluate(STAND, back)
        for _ in range(begun["count"]):
            page.keyboard.press(key)
        found += page.evaluate(WALKED, back)
        last = page.evaluate_handle("document.activeElement")
        page.keyboard.press(key)
        if page.evaluate("(last) => document.activeElement === last", last):
            found.append(f"{key} does not leave the page")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found += [f"{theme}: {one}" for one in page.evaluate(LOOK)]
    page.emulate_media(color_scheme="light", forced_colors="active")
    found += [f"forced colours: {one}" for one in page.evaluate(LOOK)]
    page.emulate_media(forced_colors="none")
    return found


def test_the_content_is_one_key_away_and_dialogs_close(enter: Enter, filled: Serving) -> None:
    person = enter(filled, "ada")
    for place in pages_of(filled):
        page = person.goto(place)
        page.evaluate(STAND, False)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main", place
        page.keyboard.press("Tab")
        assert page.evaluate("main.contains(document.activeElement)"), place
        if page.locator("#keys").count() == 0:
            continue
        before = page.evaluate_handle("document.activeElement")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        for key in ("Tab", "Tab", "Shift+Tab"):
            page.keyboard.press(key)
            assert page.evaluate(
                "[document.body, ...keys.querySelectorAll('*')].includes(document.activeElement)"
            ), place
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert page.evaluate("(before) => document.activeElement === before", before), place
