"""What a notice asks, and why: a usual text by hub, or a person's words.

What comes in: a hub's name, or what somebody typed. What goes out: a text that may leave the house.
The usual texts say nothing that the store does not know: not why a model was removed, nor what it
shows. They name no article and quote nobody: rules are renumbered, and a wrong quote is worse than
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reseen.errors import InputError
from reseen.records import Names
from reseen.store.links import normal_name

LONGEST = 2_000
"""Characters."""

_RECOGNISED = (
    "We keep a registry of AI models that platforms took down. The files below were recognised as "
    "models of that registry; how is said with each."
)
GENERAL = (
    f"{_RECOGNISED} We ask you to look at them under your own rules, and to take down what those "
    "do not allow."
)
BY_HUB: dict[str, str] = {
    "huggingface.co": (
        f"{_RECOGNISED} We ask you to look at them under the Content Policy of Hugging Face, and "
        "to take down what it does not allow."
    ),
}
"""What is written where nobody writes something else."""

_SHORT = 4
"""Letters: a shorter name or trigger word stands in ordinary sentences too."""


def default(hub: str) -> str:
    """The usual text for this hub."""
    return BY_HUB.get(hub, GENERAL)


def checked(
    text: str, called: str = "text", if_empty: str = "Say what you ask, or keep the usual text."
) -> str:
    """What somebody typed, in one spelling. `called`: what it is, for people. Raises InputError for
    what cannot go into a notice, with the remedy `if_empty` where there is nothing."""
    text = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()
    if not text:
        raise InputError(f"the {called} is empty", remedy=if_empty)
    if len(text) > LONGEST:
        raise InputError(
            f"the {called} is longer than {LONGEST:,} characters", remedy="Say it in fewer words."
        )
    if any(not (c.isprintable() or c == "\n") for c in text):
        raise InputError(
            f"the {called} holds characters that cannot be shown",
            remedy="Type it, or paste it plain.",
        )
    return text


def checked_reason(reason: str) -> str:
    """Why a notice is taken back, for the host to read. Raises InputError as `checked`."""
    return checked(reason, "reason", "Say in a few words, which the host can read, why.")


def must_not_name(text: str, names: Iterable[Names]) -> None:
    """Raise InputError when the text holds what is sealed of one of these removals. The message
    does not say what."""
    said = f" {_words(text)} "
    for each in names:
        told = (each.name, each.url, *each.trigger_words, *each.file_names)
        for value in told:
            wanted = _words(value or "")
            if len(wanted) >= _SHORT and f" {wanted} " in said:
                raise InputError(
                    "the text holds something that is sealed: a name, a trigger word, a link or a "
                    "file's name of one of the removed models",
                    remedy="A notice never names the person depicted: say it without.",
                )


def _words(text: str) -> str:
    """Letters and digits in one spelling, separated by single blanks."""
    return " ".join(re.findall(r"\w+", normal_name(text).replace("_", " ")))
