"""What the page of a case says of a removal that is inside a merge."""

from __future__ import annotations

from reseen.web.languages import ENGLISH
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
