"""What the page of a case says of a removal that is inside a merge."""

from __future__ import annotations

from html import unescape

from reseen.web.languages import ENGLISH, LANGUAGES
from reseen.web.pages.figure_words import sentences
from reseen.web.speech import speech


def test_columns_are_said_in_plain_words() -> None:
    said = sentences(
        speech(ENGLISH),
        {
            "by": "columns", "share": 0.973, "margin": 0.81, "p_value": 2e-12, "decoys": 212,
            "modules": 128, "weight": 0.05,
        }
    )  # fmt: skip
    assert said == [
        "97% of the removed model's column space is in this file, over 128 modules. It is the same "
        "however weakly it was mixed in.",
        "0.81 above 212 decoys: other models of this kind, which are not in it as far as is known.",
        "Chance of this among strangers: 2e-12.",
        "It is in the file about 0.05 times as strong as it was.",
        "What else is in the file this does not say.",
    ]


def test_weights_that_nothing_else_explains_are_too() -> None:
    said = sentences(
        speech(ENGLISH), {"by": "up factors", "cosine": 0.41, "p_value": 1e-20, "modules": 64}
    )
    assert said[0] == (
        "Its up factors agree with what no other known model explains of this file: cosine 0.41, "
        "over 64 modules."
    )
    assert "How strong it is in the file cannot be told." in said


def test_what_is_inside_a_checkpoint_is_said_beside_its_base() -> None:
    inside = {"base": "Sample base <1>", "strength": 0.8, "p_value": 2e-12, "cosine": 0.7}
    inside |= {"modules": 64, "agreeing": 1.0, "calibration": "calibrated on 240 adapters"}
    for more, strong in (({"by": "weights"}, "0.8 times as strong as it was"), ({}, "0.8 times")):
        said = sentences(speech(ENGLISH), inside | more)
        assert unescape(said[0]) == (
            "What follows is of what this checkpoint has beside the base model Sample base <1>, in "
            "the layers that were read."
        )
        assert any(strong in line for line in said)
    german = sentences(speech(LANGUAGES["de"]), inside)
    assert "neben dem Grundmodell" in german[0]


SUM = {"together_with": "sg-0000", "cosine": 0.981, "p_value": 2e-12, "calibration": "uncalibrated"}


def test_two_files_that_add_up_are_said_with_their_strengths() -> None:
    equal = sentences(speech(ENGLISH), SUM | {"how": "at equal strength"})
    assert "sg-0000 together, added up at equal strength. By itself neither" in equal[0]
    second = "the second at 0.5 times the strength of the first"
    for language, said in (("en", f"added up, {second}."), ("de", "dem 0,5-Fachen der Stärke")):
        assert said in sentences(speech(LANGUAGES[language]), SUM | {"how": second})[0]
    assert "added up twice <i>" in unescape(
        sentences(speech(ENGLISH), SUM | {"how": "twice <i>"})[0]
    )


def test_figures_are_written_as_the_language_writes_them() -> None:
    weights = {"cosine": 0.981, "agreeing": 0.97, "modules": 12_345, "p_value": 2e-12}
    told = weights | {"calibration": "calibrated on 1,240 adapters", "relation": "scaled"}
    german = [str(line) for line in sentences(speech(LANGUAGES["de"]), told)]
    assert german[0].startswith("Kosinus 0,981: praktisch dieselben Gewichte.")
    assert german[1].startswith("97\N{NO-BREAK SPACE}% von 12.345 Modulen")
    assert german[2] == "Zufall unter Fremden: 2e-12, kalibriert an 1.240 Adaptern."
    assert german[3] == "Was es am besten erklärt: derselbe Adapter mit anderer Stärke."
    english = sentences(speech(ENGLISH), told)
    assert english[2] == "Chance of this among strangers: 2e-12, calibrated on 1,240 adapters."
