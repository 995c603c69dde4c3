"""What a person types to have a report."""

from __future__ import annotations

from random import Random

from tests.fuzz.chance import number_text, word
from tests.fuzz.play import FuzzedReader

from reseen.web.pages import reports


def report_form(rng: Random) -> str:
    return rng.choice(
        (number_text(rng), word(rng), f"{word(rng)}/{word(rng)}", "2026-11-29", "%2F/%")
    )


def read_report_form(given: str) -> object:
    day = reports._day(given) if given[:1].isdigit() else None
    return day, reports._place(given)


READERS = (FuzzedReader("report-form", report_form, read_report_form, tells=True),)
