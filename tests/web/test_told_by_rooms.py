"""What rooms say in English is said in the language of a page, or is told to be English."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.web.visitors import Visitor

from reseen import errors
from reseen.fingerprints import known_bogus, sketcher
from reseen.match import compare, evidence, rows
from reseen.match.part_figures import Figures, ToldBy
from reseen.match.parts import MergePart
from reseen.records import BlindSpot, Digest, DigestKind
from reseen.registry import never_read
from reseen.review import notice_items
from reseen.review.roles import Role
from reseen.scan import priorities, read_result
from reseen.web.languages import ENGLISH, LANGUAGES
from reseen.web.sentences_of_errors import ERRORS
from reseen.web.sentences_of_evidence import EVIDENCE
from reseen.web.sentences_of_lists import LISTS
from reseen.web.speech import speech
from reseen.web.told_by_rooms import LONGEST, MOST_SENTENCES, told

Visit = Callable[..., Visitor]
SOURCE = Path(errors.__file__).parent
FOREIGN = sorted(set(LANGUAGES) - {"en"})
MADE_UP = re.compile(
    r"(Similar weight updates|Not alike), %|(Inside|May be inside) a |there is no such \w+"
    r"|the \w+ is (empty|longer)|judged |%\(said\)s|(uncali|cali)brated|.*checkpoint"
    r"|Every byte was read, and (the %\(kind\)s that|git's name)|The %\(kind\)s (agrees|and the)"
    r"|The hub states this file's %|Every byte was read, and the %|The embedding"
    r"|%\(number\)s rows?: |.* in (all|%\(number\)s %%)|%\(kind\)s (holds|has) "
    r"|what stands in the column of|.*%\(figures\)s|The file's metadata states a "
    r"|%\(number\)s bytes|(missing|added|negated|random): |%\(decimal\)s times"
)
"""Sentences that the code puts together of parts: tried below with what says them. And one that was
said before, and stands in stores."""


@cache
def said_in_code() -> str:
    """Every text of the product's code, with a mark where an f-string has a value."""

    def texts(node: ast.AST) -> Iterator[str]:
        for one in ast.walk(node):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield one.value
            elif isinstance(one, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "\x01"
                    for part in one.values
                )

    files = (p for p in SOURCE.rglob("*.py") if not p.name.startswith("sentences_of"))
    return "\n".join(text for path in files for text in texts(ast.parse(path.read_text("utf-8"))))


@pytest.mark.parametrize("table", [EVIDENCE, ERRORS, LISTS], ids=["evidence", "errors", "lists"])
def test_every_sentence_is_one_that_the_code_says(table: tuple[str, ...]) -> None:
    gone = []
    for sentence in table:
        places = re.split(r"%\(\w+\)s", sentence)
        pattern = "[^\n]{1,60}?".join(re.escape(part) for part in places)
        if not MADE_UP.match(sentence) and not re.search(pattern, said_in_code()):
            gone.append(sentence)
    assert not gone
    every = EVIDENCE + ERRORS + LISTS
    assert len(set(every)) == len(every)


def everything_said() -> list[str]:
    """What the rooms say of evidence, made by them."""
    value = bytes(32)
    said = [each.why for each in (evidence.pointer(value), evidence.contradiction())]
    for kind in evidence._DECLARED:
        said += [evidence.declared(kind, value).why, evidence.on_disk(kind, value).why]
        said += [evidence.never_read(evidence.declared(kind, value)).why]
    said += [evidence.refuted(evidence.pointer(value)).why]
    for kind in (DigestKind.SHA256, DigestKind.GIT_BLOB, DigestKind.SHA1, DigestKind.MD5):
        said.append(evidence.refuted(evidence.declared(kind, value)).why)
    for kind in evidence._READ:
        said += [evidence.read(kind, value).why]
        said += [evidence.size_is_false(evidence.read(kind, value)).why]
    said += [evidence.pointed(DigestKind.SHA256, value).why]
    said += [evidence.stated(DigestKind.SHA256, value).why]
    said += [evidence.vouched(DigestKind.SHA256, value).why]
    said += [evidence.short(DigestKind.AUTOV2, value).why]
    said += [evidence.short(DigestKind.CRC32, value).why]
    said += [evidence.embedded(DigestKind.AUTOV3, value).why, evidence.file_name().why]
    said += [evidence.file_named_by_digest(value).why, evidence.path_ids().why]
    figures = "cosine 0.998, p 1e-30 (calibrated on 1,512 adapters), 100% of 12 modules agree"
    for relation, words in compare._SENTENCE.items():
        head = "Not alike" if relation is compare.Relation.UNRELATED else "Similar weight updates"
        said += [f"{head}, {words}: {figures}; missing: unet (1 of 4); random: clip_l."]
    for words in rows._SENTENCE.values():
        said.append(
            f"The embedding (textual inversion) in it is the removed file's, {words}: 3 of 4 rows "
            "agree, with a cosine of at least 0.998."
        )
    for by in ToldBy:
        for modules in (32, 128):
            told_by = Figures(0.97, 0.9, 99.0, modules, 0.8, 1e-9, 212, weight=0.6)
            said.append(MergePart({by: told_by}).why)
    spots = [*map(str, sketcher.CODES), never_read.WHY]
    spots += [str(each) for each in vars(read_result).values() if isinstance(each, BlindSpot)]
    said += spots
    said += [f"judged by its digests alone: {spot} [gated]; {spot} [limit]" for spot in spots]
    said += [_NOTE, "text in all", "text in 60 %, numbers in 20 %", "64 hex digits in all"]
    said += [f"{words[:1].upper()}{words[1:]}." for words in notice_items._RUNG.values()]
    said += [words for words in notice_items._CONFIRMED.values() if words]
    bogus = known_bogus.why_bogus(Digest(DigestKind.SHA256, bytes(32)))
    said += [f"sha256 names no file: {bogus}", *KEPT_BY_SCANS]
    return said


_NOTE = (
    "2 rows: set aside, the rest of the row was taken: sha256 has 63 digits and should have 64"
    " (rows 2, 5)."
)
KEPT_BY_SCANS = (
    "files cannot be read: the repository is gated and we asked without a token",
    *(priorities.DISABLED, priorities.NO_COMMIT, priorities.GONE, priorities.HIDDEN),
)


@pytest.mark.parametrize("code", FOREIGN)
def test_all_evidence_is_said_in_the_language(code: str) -> None:
    language = speech(LANGUAGES[code])
    english = [text for text in everything_said() if 'lang="en"' in told(language, text)]
    assert not english
    assert all(told(speech(ENGLISH), text) == text for text in everything_said())


def test_figures_and_words_of_a_sentence_are_written_as_the_language_does() -> None:
    german = speech(LANGUAGES["de"])
    said = (
        "Similar weight updates, the same adapter re-saved: cosine 0.998, p 1e-30 (calibrated on"
        " 1,512 adapters), 100% of 12 modules agree."
    )
    assert told(german, said) == (
        "Ähnliche Gewichtsänderungen, derselbe Adapter, neu gespeichert: Kosinus 0,998, p 1e-30"
        " (kalibriert an 1.512 Adaptern), 100\N{NO-BREAK SPACE}% von 12 Modulen stimmen überein."
    )
    assert told(german, "this needs the role lead") == "das erfordert die Rolle Leitung"
    assert told(german, "The reason is empty") == "Der Grund ist leer"  # as a page begins it


def test_what_nobody_knows_is_told_to_be_english_sentence_by_sentence() -> None:
    german = speech(LANGUAGES["de"])
    said = told(german, "The gauge <b> is odd. Something else. Come back later.")
    assert said == (
        '<span lang="en">The gauge &lt;b&gt; is odd. Something else.</span>'
        " Kommen Sie später wieder."
    )


def test_a_text_of_many_sentences_is_not_looked_up_and_stays_as_it_is() -> None:
    """Somebody who names a file must not choose how long a page takes."""
    german, one = speech(LANGUAGES["de"]), "Come back later. "
    assert 'lang="en"' not in told(german, (one * MOST_SENTENCES).strip())
    assert told(german, one * (MOST_SENTENCES + 1)).startswith('<span lang="en">Come back')
    assert told(german, "x" * (LONGEST + 1)).startswith('<span lang="en">xx')


@settings(deadline=None, max_examples=80, derandomize=True)
@given(st.text(max_size=80), st.sampled_from([*EVIDENCE, *ERRORS, *LISTS]))
def test_what_stands_in_a_place_is_shown_and_never_markup(foreign: str, sentence: str) -> None:
    text = re.sub(r"%\(\w+\)s", lambda _: f"<i>{foreign}", sentence)
    for code in FOREIGN:
        assert "<i>" not in told(speech(LANGUAGES[code]), text)


def test_a_form_that_is_wrong_says_so_in_the_language_of_the_page(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    for code, said in (
        ("de", "nichts zu Scannendes wurde genannt. Nennen Sie ein Konto"),
        ("es", "no se nombró nada que escanear. Nombre una cuenta"),
        ("fr", "rien à scanner n’a été nommé. Nommez un compte"),
    ):
        page = lead.post("/scans", {"types": "model"}, headers={"Accept-Language": code})
        assert page.status_code == 400
        assert said in page.text
    refused = visit(Role.READER).get("/users", headers={"Accept-Language": "de"})
    assert "Das erfordert die Rolle Administration" in refused.text
