"""Texts for people: whatever shows them, nothing in them is obeyed, and all take one way."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

import reseen
from reseen.cli import findings
from reseen.cli.common import note, say
from reseen.records import LADDER, Rung
from reseen.report import html
from reseen.texts import for_people, visible
from reseen.web import rendering

SOURCE = Path(reseen.__file__).parent
SHOWS = {"cli/common.py"}
"""The one module whose lines reach a terminal."""


@given(st.text(max_size=80))
def test_every_character_of_a_text_is_seen(text: str) -> None:
    for shown, lines in ((for_people(text), "\n\t"), (visible(text), "")):
        assert all(c in lines or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in shown)
    if text.isprintable():
        assert text == visible(text) == for_people(text)


def test_lines_reach_a_terminal_by_one_function_alone() -> None:
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                *("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"),
            ):
                found.add(path.relative_to(SOURCE).as_posix())
    assert found == SHOWS


@pytest.mark.parametrize("shows", [say, note])
@pytest.mark.parametrize("word", ["\x1b[2J", "\x1b[8m", "\x9b31m", "\u202e", "\r", "\x07", "\x00"])
def test_a_terminal_obeys_nothing_but_our_colours(shows: Callable[[str], None], word: str) -> None:
    @click.command()
    def verb() -> None:
        shows(click.style("copy", fg="red", bold=True) + f" of {word}x")

    answer = CliRunner().invoke(verb, color=True)
    assert word not in answer.output
    assert answer.output.startswith("\x1b[31m\x1b[1mcopy\x1b[0m of \\u00") or word == "\u202e"


@pytest.mark.parametrize("rung", LADDER)
def test_our_colours_stay(rung: Rung) -> None:
    @click.command()
    def verb() -> None:
        say(findings.rung_text(rung) + " rm-00000000")

    answer = CliRunner().invoke(verb, color=True)
    assert "\\u" not in answer.output
    assert rung.label in click.unstyle(answer.output)


def test_every_value_on_a_page_and_in_the_report_takes_it() -> None:
    page = rendering._environment().from_string("{{ word }}|{{ safe }}|{{ number }}")
    shown = page.render(word="a\u202eb\x1b<\nc", safe=Markup("<b>"), number=7)
    assert shown == "a\\u202eb\\u001b&lt;\nc|<b>|7"
    assert "for_people" in Path(html.__file__).read_text()
