"""The clause that a notice stands on: what the host's own rules say, by hub, or a person's words.

What comes in: a hub's name, or what somebody typed. What goes out: a text that may leave the house.
The defaults name no article and quote nobody: rules are renumbered, and a wrong quote is worse than
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

GENERAL = (
    "These files are copies of models that another platform removed because they imitate a real "
    "person without that person's consent. We ask you to apply your rules on non-consensual sexual "
    "content and on the likeness of real persons, and to take the files down."
)
BY_HUB: dict[str, str] = {
    "huggingface.co": (
        "These files are copies of models that another platform removed because they imitate a "
        "real person without that person's consent. We ask you to apply the Content Policy of "
        "Hugging Face, which does not allow sexual content used for harassment or made without "
        "explicit consent, nor content that violates the rights and the privacy of others, and to "
        "take the files down."
    ),
}
"""What is written where nobody writes something else."""

_SHORT = 4
"""Letters: a shorter name or trigger word stands in ordinary sentences too."""


def default(hub: str) -> str:
    """The clause for this hub."""
    return BY_HUB.get(hub, GENERAL)


def checked(text: str) -> str:
    """What somebody typed, in one spelling. Raises InputError for what cannot go into a notice."""
    text = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()
    if not text:
        raise InputError("the clause is empty", remedy="Write one, or keep the usual one.")
    if len(text) > LONGEST:
        raise InputError(
            f"the clause is longer than {LONGEST:,} characters", remedy="Say it in fewer words."
        )
    if any(not (c.isprintable() or c == "\n") for c in text):
        raise InputError(
            "the clause holds characters that cannot be shown", remedy="Type it, or paste it plain."
        )
    return text


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
