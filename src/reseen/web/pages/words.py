"""The fixed words of the review pages: verdicts, quick reasons, keys. Figures: `figure_words`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from reseen.records import Names
from reseen.review.verdicts import UNDO, Verdict
from reseen.texts import visible
from reseen.web.speech import N_, NP_, Speech


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be decided."""

    verdict: Verdict
    route: str
    """The last part of its address."""
    key: str
    words: str
    means: str
    quick: tuple[str, ...]
    quick_if_refuted: tuple[str, ...] = ()
    """The same reasons in another order, where reading refuted the case."""


FALSE_HASH = N_("The hub's hash is false")

CHOICES: tuple[Choice, ...] = (
    Choice(
        Verdict.CONFIRM,
        "confirm",
        "c",
        N_("Confirm"),
        N_(
            "It is the removed model. It can go into a notice to the host; nothing is sent by this."
        ),
        (
            N_("The same file or the same weights"),
            N_("A copy of the removed model, altered"),
            N_("The removed model is part of it"),
        ),
    ),
    Choice(
        Verdict.NOT_THIS_MODEL,
        "not-this-model",
        "x",
        N_("Not this model"),
        N_(
            "It is another model. For bytes that were read this is remembered and never asked"
            " again."
        ),
        (
            N_("Another model, likely of the same recipe"),
            FALSE_HASH,
            N_("A common file that many models share"),
        ),
        (
            FALSE_HASH,
            N_("Another model, likely of the same recipe"),
            N_("A common file that many models share"),
        ),
    ),
    Choice(
        Verdict.ALLOWED,
        "allow",
        "a",
        N_("Allowed"),
        N_("It is the removed model, and it may stay."),
        (
            N_("The person depicted consents"),
            N_("The host has examined it and lets it stay"),
            N_("Research or evidence under an agreement"),
        ),
    ),
    Choice(
        Verdict.SECOND,
        "second",
        "s",
        N_("Second pair of eyes"),
        N_("Somebody else must decide; you cannot be that one."),
        (
            N_("The evidence does not settle it"),
            N_("The consequences are serious"),
            N_("I know somebody involved"),
        ),
    ),
)

VERDICTS: Mapping[str, str] = {
    Verdict.CONFIRM: NP_("verdict", "confirmed"),
    Verdict.NOT_THIS_MODEL: NP_("verdict", "not this model"),
    Verdict.ALLOWED: NP_("verdict", "allowed"),
    Verdict.SECOND: NP_("verdict", "second pair of eyes"),
    UNDO: NP_("verdict", "undone"),
}

ACTS: Mapping[str, str] = {
    "import": N_("imported"),
    "add": N_("added by hand"),
    "learn": N_("learned from bytes that were read"),
    "reveal": N_("names revealed"),
    "withdraw": N_("removal withdrawn"),
    "restore": N_("removal restored"),
    "classify": N_("class set"),
    "claim-taken-back": N_("claim taken back"),
    "claim-put-back": N_("claim put back"),
    "class-counts-proposed": N_("proposed: its class counts"),
    "class-false-proposed": N_("proposed: its class is false"),
    "contradiction-seen": N_("looked at: a file contradicts a claim"),
    "export-class": N_("digests given to an authority"),
    "class-counts": N_("confirmed: its class counts"),
    "class-false": N_("confirmed: its class is false"),
    "withdraw-list": N_("list withdrawn"),
    "restore-list": N_("list restored"),
    "classify-list": N_("class set for all of it"),
    "entitle": N_("may say the class that is never read"),
    "revoke-entitled": N_("may no longer say the class that is never read"),
}
"""What the log calls what was done with a removal or a list, in words."""

UNDO_QUICK = (
    N_("Decided by mistake"),
    N_("New evidence"),
    N_("The person concerned objected"),
)

_DONE: Mapping[str, str] = {
    Verdict.CONFIRM: N_("Decided: confirmed."),
    Verdict.NOT_THIS_MODEL: N_("Decided: not this model."),
    Verdict.ALLOWED: N_("Decided: allowed."),
    Verdict.SECOND: N_("A second pair of eyes is asked for."),
    UNDO: N_("Undone."),
}


def done(verdict: str) -> str | None:
    """What was just done, as a sentence in `N_`; None for a word that nobody uses."""
    return _DONE.get(verdict)


_HISTORY: Mapping[str, str] = {
    Verdict.CONFIRM: N_("<b>%(who)s</b> confirmed it"),
    Verdict.NOT_THIS_MODEL: N_("<b>%(who)s</b> said: not this model"),
    Verdict.ALLOWED: N_("<b>%(who)s</b> allowed it"),
    Verdict.SECOND: N_("<b>%(who)s</b> asked for a second pair of eyes"),
    UNDO: N_("<b>%(who)s</b> undid the last decision"),
    "comment": N_("<b>%(who)s</b> wrote"),
    "reveal": N_("<b>%(who)s</b> revealed the names"),
}


def history(speech: Speech, who: str, what: str) -> Markup:
    """What somebody did at a case."""
    return speech.gettext(_HISTORY.get(what, "<b>%(who)s</b>"), who=visible(who))


QUEUE_KEYS = (
    N_("Queue"),
    (
        ("j k", N_("next, previous case")),
        ("Enter o", N_("open the case")),
        ("y", N_("tick the case")),
        ("n", N_("claim the next case and open it")),
        ("f", N_("to the filter")),
        ("u", N_("undo what was just decided")),
    ),
)
CASE_KEYS = (
    N_("Case"),
    (
        ("c", N_("confirm: to its reason")),
        ("x", N_("not this model")),
        ("a", N_("allowed")),
        ("s", N_("second pair of eyes")),
        ("Enter", N_("send, from the list of reasons")),
        ("Ctrl+Enter", N_("send, from the text")),
        ("u", N_("undo")),
        ("r", N_("reveal the names, recorded")),
        ("m", N_("make it mine: claim")),
        ("t", N_("write a comment")),
        ("n", N_("next case")),
        ("Esc", N_("back to the queue")),
    ),
)
ACCOUNT_KEYS = (
    N_("Account"),
    (
        ("j k", N_("next, previous case")),
        ("Enter o", N_("open the case")),
        ("c", N_("to the reason")),
        ("u", N_("undo what was just decided")),
        ("Esc", N_("to the queue")),
    ),
)
EVERYWHERE = (
    N_("Everywhere"),
    (
        ("/", N_("search")),
        ("?", N_("this list")),
        ("Esc", N_("leave a field, close this list")),
    ),
)


def revealed(speech: Speech, names: Names) -> list[tuple[str, tuple[str, ...]]]:
    """What was opened of a removal, by what it is."""
    said: Mapping[str, tuple[str | None, ...]] = {
        N_("name"): (names.name,),
        N_("trigger words"): names.trigger_words,
        N_("former address"): (names.url,),
        N_("model id"): (names.model_id,),
        N_("version id"): (names.version_id,),
        N_("file names"): names.file_names,
        N_("reason"): (names.reason,),
    }
    told = [(speech.fixed(k), tuple(v for v in values if v)) for k, values in said.items()]
    return [(label, values) for label, values in told if values] or [
        (speech.gettext("name"), (speech.gettext("the list said none"),))
    ]
