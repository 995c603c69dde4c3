"""Every page that there is, at three widths: no column as narrow as a letter, no id over two lines,
nothing cut off, no column out of sight.

What is measured are columns, not the page: a table that scrolls within itself fits every page.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.every_page import pages_of
from tests.browser.person import Person
from tests.browser.serving import Serving

Enter = Callable[..., Person]

WIDTHS = (390, 768, 1400)
# However long the pages took to come about: every age as long as an age can be.
LONGEST_AGES = """() => {
  for (const age of document.querySelectorAll('time[title]'))
    age.textContent = age.textContent.startsWith('in ') ? 'in 59 minutes' : '59 minutes ago'
}"""
MEASURE = """() => {
  const found = []
  const html = (element) => element.outerHTML.replace(/\\s+/g, ' ').slice(0, 140)
  const say = (what, element) => found.push(what + ': ' + html(element))
  const seen = (element) => element.checkVisibility() && element.getClientRects().length
  const lines = (element) => {
    const range = document.createRange()
    range.selectNodeContents(element)
    const boxes = [...range.getClientRects()].filter((r) => r.width > 1)
    const middles = boxes.map((r) => (r.top + r.bottom) / 2).sort((a, b) => a - b)
    return middles.filter((y, n) => n === 0 || y - middles[n - 1] > 8).length
  }
  const clip = (element) => element.closest('.hidden-text, .skip') !== null ||
    [element, element.closest('thead')].some((e) => e && e.getBoundingClientRect().width <= 1)
  for (const cell of document.querySelectorAll('td, th, li[data-row] > div')) {
    if (!seen(cell) || clip(cell)) continue
    for (const words of cell.querySelectorAll('bdi, code, p, span, a, div')) {
      if (!seen(words) || clip(words)) continue
      const text = words.innerText.trim()
      if (text.length < 12 || words.querySelector('svg, select, input, button')) continue
      if (text.length / lines(words) < 8) say('letters a line', words)
    }
    const text = cell.innerText.trim()
    if (text.length >= 24 && text.length / Math.max(lines(cell), 1) < 4) say('letters a line', cell)
  }
  for (const id of document.querySelectorAll('code.id, time, td.n, .tag')) {
    if (!seen(id) || clip(id) || id.querySelector('br')) continue
    if (id.innerText.trim().length < 40 && lines(id) > 1) say('over two lines', id)
  }
  for (const column of document.querySelectorAll('td, th, li[data-row] > div')) {
    const edge = column.getBoundingClientRect().right + 1
    for (const inner of column.querySelectorAll('*')) {
      if (!seen(inner) || clip(inner) || inner.matches('svg *')) continue
      if (inner.getBoundingClientRect().right > edge) say('over the next column', inner)
    }
  }
  const scrolls = 'select, input, textarea, svg *, .letter, .wide'
  for (const element of document.querySelectorAll('main *')) {
    if (!seen(element) || clip(element) || element.matches(scrolls)) continue
    const hides = getComputedStyle(element).overflowX !== 'visible'
    if (hides && element.scrollWidth > element.clientWidth + 1) say('cut off', element)
  }
  for (const wide of document.querySelectorAll('.wide')) {
    if (seen(wide) && wide.scrollWidth > wide.clientWidth + 1) say('a column is out of sight', wide)
  }
  for (const table of document.querySelectorAll('table')) {
    const head = table.querySelector('thead')
    if (!seen(table) || !head || head.getBoundingClientRect().width > 1) continue
    for (const cell of table.querySelectorAll('tbody td')) {
      if (!seen(cell)) continue
      const said = cell.matches('[data-label], .act, [colspan]') || !cell.innerText.trim()
      const named = head.rows[0].cells[cell.cellIndex]
      if (!said && named && named.innerText.trim()) say('nothing says what it is', cell)
    }
  }
  return found.slice(0, 8)
}"""


def test_tables_hold_every_columns_meaning(enter: Enter, filled: Serving) -> None:
    person = enter(filled, "ada")
    for place in pages_of(filled):
        person.goto(place)
        person.page.evaluate(LONGEST_AGES)
        for width in WIDTHS:
            person.page.set_viewport_size({"width": width, "height": 900})
            for finding in person.page.evaluate(MEASURE):
                person.noticed.append(f"{place} at {width}: {finding}")


def test_a_form_with_a_long_choice_fits_a_phone(enter: Enter, serving: Serving) -> None:
    person = enter(serving, "ada")
    person.page.set_viewport_size({"width": 390, "height": 900})
    person.goto("/reports")
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 390
