"""No text of a page is left out of the catalogues, and no sentence is glued from parts."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from tests.web.catalogues_made import marked
from tests.web.marked_texts import glued, read, templates, unmarked

from reseen.operations.jobs import JobState
from reseen.operations.searching import FOR_REVIEWERS, NO_KEY, ONLY_CASES
from reseen.records import Advice, Confirmed, RemovalClass, RepoType, Rung, SightingState
from reseen.registry.innocents import InnocentState
from reseen.report.html import CONFIRMED_MEANING, RUNG_MEANING
from reseen.review.letters import LetterOf
from reseen.review.notice_states import NoticeState
from reseen.review.notice_write import BY_HAND
from reseen.review.roles import Role
from reseen.review.verdicts import CaseState
from reseen.scan.budget import Kind
from reseen.web import pages
from reseen.web.rendering import NAVIGATION

TEMPLATES = list(templates())


@pytest.mark.parametrize(("name", "source"), TEMPLATES, ids=[name for name, _ in TEMPLATES])
def test_every_text_of_a_template_is_marked(name: str, source: str) -> None:
    assert not unmarked(source)


@pytest.mark.parametrize(("name", "source"), TEMPLATES, ids=[name for name, _ in TEMPLATES])
def test_no_sentence_is_glued_from_parts(name: str, source: str) -> None:
    assert not glued(source)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Words</p>", ["Words"]),
        ('<p aria-label="Words">{{ _("Marked") }}</p>', ["Words"]),
        ('<p>{{ "is" if n == 1 else _("are") }}</p>', ["is…"]),
        ('<p>{{ {"a": "one", "b": "two"}[n] }}</p>', ["onetwo"]),
        ('<p class="{{ "done" if n else "warning" }}">{{ n }} <kbd>Esc</kbd> 7 · </p>', []),
        ("<p>{% trans %}Marked{% endtrans %}</p>", []),
        ('{% macro marks(n) %}{% if n %} aria-invalid="true"{% endif %}{% endmacro %}', []),
    ],
)
def test_what_is_not_marked_is_found(source: str, found: list[str]) -> None:
    assert unmarked(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('<p>{{ n }} {{ _("files") }}</p>', ["files"]),
        ('<p><b>{{ n }}</b> <a href="/">{{ _("files") }}</a></p>', ["files"]),
        ('<p>{{ _("From") }} {{ n }}</p>', ["From"]),
        (
            '<p>{{ _("It is") }} {% if n %}{{ _("old") }}{% else %}{{ _("new") }}{% endif %}.</p>',
            ["It is", "old", "new"],
        ),
        ('<p>{% if n %}{{ _("old") }}{% else %}{{ _("new") }}{% endif %}</p>', []),
        ('<p>{{ _("A sentence.") }} {{ _("Another.") }} <a href="/">{{ _("More") }}</a></p>', []),
        ('<p>{{ n }} <span class="tag">{{ _("old") }}</span></p>', []),
        ("<p>{% trans a=n %}{{ a }} files are old.{% endtrans %}</p>", []),
        ('<nav><a href="/">{{ _("all") }}</a> <a href="/x">{{ n }}</a></nav>', []),
        ('<td>{{ n }}</td><td>{{ _("files") }}</td>', []),
    ],
)
def test_what_is_glued_is_found(source: str, found: list[str]) -> None:
    assert glued(source) == found


def test_a_text_that_is_not_fixed_is_no_sentence() -> None:
    """What `_` is given is trusted as markup."""
    for source in ("{{ _(word) }}", "{{ _('a' ~ word) }}", "{{ pgettext('role', word) }}"):
        with pytest.raises(AssertionError, match="no fixed text"):
            unmarked(source)


def test_a_sentence_in_an_attribute_holds_no_tag() -> None:
    for name, source in TEMPLATES:
        for message in read(source).inside_attributes:
            assert "<" not in message, name


def test_words_of_other_rooms_are_marked() -> None:
    known = marked()
    words = {
        "role": [role.label for role in Role],
        "rung": [rung.label for rung in Rung],
        "notice": [state.value for state in NoticeState],
        "class": [cls.label for cls in RemovalClass],
        "innocent": [state.value for state in InnocentState],
        "job": [state.value for state in JobState],
        "letter": [what.value for what in LetterOf],
        "sighting": [state.value for state in SightingState],
        "case": [state.value for state in CaseState],
        "checked": [value.value for value in Confirmed],
        "check": list(CONFIRMED_MEANING.values()),
        "type": [type.value for type in RepoType],
        "part read": [kind.value for kind in Kind],
        "way": [*BY_HAND, "mail", "webhook"],
        "advice": [advice.value for advice in Advice],
    }
    for context, each in words.items():
        for word in each:
            assert (context, word) in known, f"{word} is not in words_of_rooms"
    for sentence in (*RUNG_MEANING.values(), FOR_REVIEWERS, NO_KEY, ONLY_CASES):
        assert (None, sentence) in known, f"{sentence} is not in words_of_rooms"
    for _, label, _ in NAVIGATION:
        assert (None, label) in known


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(pages.__path__)])
def test_what_was_done_is_said_in_every_language(name: str) -> None:
    known = marked()
    module = importlib.import_module(f"reseen.web.pages.{name}")
    for sentence in getattr(module, "SAID", {}).values():
        assert (None, sentence) in known
