"""Every page where the machine chooses all colours: what colours said is still seen."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.every_page import pages_of
from tests.browser.person import Person
from tests.browser.serving import Serving

Enter = Callable[..., Person]

SEEN = """() => {
  const found = []
  const html = (element) => element.outerHTML.replace(/\\s+/g, ' ').slice(0, 120)
  const say = (what, element) => found.push(what + ': ' + html(element))
  const seen = (e) => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen)
  const style = (element, pseudo) => getComputedStyle(element, pseudo)
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
      .map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    return .2126 * r + .7152 * g + .0722 * b
  }
  const probe = document.createElement('i')
  probe.style.cssText = 'forced-color-adjust: none; background-color: Canvas'
  document.body.append(probe)
  const canvas = style(probe).backgroundColor
  probe.remove()
  const told = (colour) => {
    const [x, y] = [light(colour), light(canvas)].sort((p, q) => q - p)
    return (x + .05) / (y + .05) >= 3
  }
  const border = (e) => parseFloat(style(e).borderTopWidth) + style(e).borderTopStyle
  // It is, and it is not.
  for (const e of all('button.confirm, .decide-confirm > summary .sign'))
    if (!style(e, '::before').content.includes('=')) say('no sign', e)
  for (const e of all('button.not-this, .decide-not-this-model > summary .sign'))
    if (!style(e, '::before').content.includes('≠')) say('no sign', e)
  const sure = all('button.confirm')[0], not = all('button.not-this')[0]
  if (sure && not && border(sure) === border(not)) say('no border tells it from the other', sure)
  // What can be pressed or filled in, and what cannot.
  for (const e of all('button, input, select, textarea, .button')) {
    if (e.matches('.rows [data-open], .skip')) continue
    const own = '[type=checkbox], [type=radio], [type=file]'
    if (style(e).borderTopStyle === 'none' && !e.matches(own))
      say('no border', e)
    const other = [...document.querySelectorAll('button')].find((b) => !b.disabled)
    if (e.matches('button:disabled') && other && style(e).color === style(other).color)
      say('looks as if it could be pressed', e)
  }
  // Where one is.
  for (const e of all('[aria-current]'))
    if (parseFloat(style(e).borderBottomWidth) < 3) say('nothing says that one is here', e)
  // What is said, and how much it weighs.
  for (const e of all('.warning'))
    if (style(e).borderLeftStyle !== 'double') say('a warning like a note', e)
  for (const e of all('.tag, .rung'))
    if (!e.innerText.trim()) say('no words', e)
  for (const e of all('.steps i')) {
    const fill = style(e).backgroundColor
    const full = /[\\d.]+/g.test(fill) && +(fill.match(/[\\d.]+/g)[3] ?? 1) === 1 && told(fill)
    const striped = style(e).backgroundImage !== 'none'
    if (e.matches('.on') !== (full || striped)) say('the strength is not seen', e.closest('.rung'))
  }
  for (const e of all('svg :is(rect, path, circle)')) {
    const {fill, stroke} = style(e)
    if (e.closest('.picture, .base, .axis')) continue
    const drawn = [fill, stroke].filter((c) => c !== 'none')
    if (drawn.length && !drawn.some(told)) say('a drawing that is not seen', e)
  }
  for (const e of all('li.new'))
    if (style(e).borderLeftStyle !== 'double') say('nothing says that it is new', e)
  return [...new Set(found)].slice(0, 12)
}"""


def test_forced_colours_hide_nothing_that_counts(enter: Enter, filled: Serving) -> None:
    person = enter(filled, "ada")
    page = person.page
    for place in pages_of(filled):
        person.goto(place)
        page.evaluate("document.querySelectorAll('main details').forEach((e) => e.open = true)")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, forced_colors="active")
            person.noticed += [f"{place}, {theme}: {one}" for one in page.evaluate(SEEN)]
