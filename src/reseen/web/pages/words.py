"""The fixed words of the review pages: verdicts, quick reasons, keys, figures said in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reseen.records import Names
from reseen.review.verdicts import UNDO, Verdict
from reseen.web.speech import NP_


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


FALSE_HASH = "The hub's hash is false"

CHOICES: tuple[Choice, ...] = (
    Choice(
        Verdict.CONFIRM,
        "confirm",
        "c",
        "Confirm",
        "It is the removed model. It can go into a notice to the host; nothing is sent by this.",
        (
            "The same file or the same weights",
            "A copy of the removed model, altered",
            "The removed model is part of it",
        ),
    ),
    Choice(
        Verdict.NOT_THIS_MODEL,
        "not-this-model",
        "x",
        "Not this model",
        "It is another model. For bytes that were read this is remembered and never asked again.",
        (
            "Another model, likely of the same recipe",
            FALSE_HASH,
            "A common file that many models share",
        ),
        (
            FALSE_HASH,
            "Another model, likely of the same recipe",
            "A common file that many models share",
        ),
    ),
    Choice(
        Verdict.ALLOWED,
        "allow",
        "a",
        "Allowed",
        "It is the removed model, and it may stay.",
        (
            "The person depicted consents",
            "The host has examined it and lets it stay",
            "Research or evidence under an agreement",
        ),
    ),
    Choice(
        Verdict.SECOND,
        "second",
        "s",
        "Second pair of eyes",
        "Somebody else must decide; you cannot be that one.",
        (
            "The evidence does not settle it",
            "The consequences are serious",
            "I know somebody involved",
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

UNDO_QUICK = ("Decided by mistake", "New evidence", "The person concerned objected")

_DONE: Mapping[str, str] = {
    Verdict.CONFIRM: "Decided: confirmed.",
    Verdict.NOT_THIS_MODEL: "Decided: not this model.",
    Verdict.ALLOWED: "Decided: allowed.",
    Verdict.SECOND: "A second pair of eyes is asked for.",
    UNDO: "Undone.",
}


def done(verdict: str) -> str | None:
    """What was just done, as a sentence; None for a word that nobody uses."""
    return _DONE.get(verdict)


HISTORY: Mapping[str, str] = {
    Verdict.CONFIRM: "confirmed it",
    Verdict.NOT_THIS_MODEL: "said: not this model",
    Verdict.ALLOWED: "allowed it",
    Verdict.SECOND: "asked for a second pair of eyes",
    UNDO: "undid the last decision",
    "comment": "wrote",
    "reveal": "revealed the names",
}

QUEUE_KEYS = (
    "Queue",
    (
        ("j k", "next, previous case"),
        ("Enter o", "open the case"),
        ("y", "tick the case"),
        ("n", "claim the next case and open it"),
        ("f", "to the filter"),
        ("u", "undo what was just decided"),
    ),
)
CASE_KEYS = (
    "Case",
    (
        ("c", "confirm: to its reason"),
        ("x", "not this model"),
        ("a", "allowed"),
        ("s", "second pair of eyes"),
        ("Enter", "send, from the list of reasons"),
        ("Ctrl+Enter", "send, from the text"),
        ("u", "undo"),
        ("r", "reveal the names, recorded"),
        ("m", "make it mine: claim"),
        ("t", "write a comment"),
        ("n", "next case"),
        ("Esc", "back to the queue"),
    ),
)
ACCOUNT_KEYS = (
    "Account",
    (
        ("j k", "next, previous case"),
        ("Enter o", "open the case"),
        ("c", "to the reason"),
        ("u", "undo what was just decided"),
        ("Esc", "to the queue"),
    ),
)
EVERYWHERE = (
    "Everywhere",
    (("/", "search"), ("?", "this list"), ("Esc", "leave a field, close this list")),
)


def figures(figures: Mapping[str, float | int | str]) -> list[str]:
    """The figures of the weights rung, or of the component rung, each as a sentence; what is not
    there is left out."""
    if "by" in figures:
        return _of_part(figures)
    cosine, scale = _number(figures, "cosine"), _number(figures, "scale")
    if (rows := _number(figures, "rows")) is not None:
        return _of_rows(figures, rows, cosine or 0.0, scale or 1.0)
    lines: list[str] = []
    if other := str(figures.get("together_with", "")):
        lines.append(
            f"What follows is of this file and that of the sighting {other} together, added up"
            f" {figures.get('how', '')}. By itself neither is like the removed model."
        )
    if cosine is not None:
        lines.append(
            f"Cosine {cosine:.3f}: {_how_alike(cosine)}. 1 is the same update, 0 a stranger's."
        )
    agreeing, modules = _number(figures, "agreeing"), _number(figures, "modules")
    if agreeing is not None and modules is not None:
        lines.append(
            f"{agreeing:.0%} of {modules:,.0f} modules agree, each by itself; of a stranger's"
            " about 1 in 100 does."
        )
    p_value, calibration = _number(figures, "p_value"), str(figures.get("calibration", ""))
    if p_value is not None:
        if calibration.startswith("uncalibrated"):
            lines.append(
                f"Chance of this among strangers: {p_value:.1g}, uncalibrated. No background of"
                " this architecture was there to measure against, so do not lean on it."
            )
        else:
            lines.append(f"Chance of this among strangers: {p_value:.1g}, {calibration}.")
    coverage = _number(figures, "coverage")
    if coverage is not None and coverage < 0.995:
        lines.append(f"{coverage:.0%} of the removed model's modules are in this file.")
    if scale is not None and abs(scale - 1) >= 0.01:
        negated = " It is negated: used at a negative strength." if scale < 0 else ""
        lines.append(f"Its update is {abs(scale):.2g} times as strong.{negated}")
    for part, words in _PARTS.items():
        if blocks := str(figures.get(part, "")):
            lines.append(f"{words}: {blocks}.")
    if relation := str(figures.get("relation", "")):
        lines.append(f"What explains it best: {_RELATIONS.get(relation, relation)}.")
    return lines


def _of_part(figures: Mapping[str, float | int | str]) -> list[str]:
    """What shows that the removed model is inside a merge."""
    share, cosine = _number(figures, "share"), _number(figures, "cosine")
    modules, decoys = _number(figures, "modules") or 0.0, _number(figures, "decoys") or 0.0
    lines: list[str] = []
    if share is not None:
        lines.append(
            f"{share:.0%} of the removed model's column space is in this file, over {modules:,.0f}"
            " modules. It is the same however weakly it was mixed in."
        )
    if cosine is not None:
        what = "Its up factors agree" if figures["by"] == "up factors" else "Its weights agree"
        lines.append(
            f"{what} with what no other known model explains of this file: cosine {cosine:.2f},"
            f" over {modules:,.0f} modules."
        )
    if (margin := _number(figures, "margin")) is not None:
        lines.append(
            f"{margin:.2f} above {decoys:,.0f} decoys: other models of this kind, which are not in"
            " it as far as is known."
        )
    if (p_value := _number(figures, "p_value")) is not None:
        lines.append(f"Chance of this among strangers: {p_value:.1g}.")
    if (weight := _number(figures, "weight")) is not None:
        lines.append(f"It is in the file about {abs(weight):.2g} times as strong as it was.")
    else:
        lines.append("How strong it is in the file cannot be told.")
    lines.append("What else is in the file this does not say.")
    return lines


_PARTS: Mapping[str, str] = {
    "negated": "Negated, as if used at the opposite strength",
    "random": "Nothing of the removed model is left in",
    "missing": "Not in this file",
    "added": "In this file and not in the removed model",
}
_RELATIONS: Mapping[str, str] = {
    "same": "the same adapter, saved again",
    "scaled": "the same adapter at another strength",
    "cast": "the same adapter in another number format",
    "resized": "the same adapter at a lower rank",
    "partial": "the same adapter in a part of the layers",
    "trained on": "trained on from the adapter",
    "part of a merge": "the adapter is one part of a merge",
    "by order": "uncertain: which layer is which was told by their order alone",
    "uncertain: files of this recipe resemble each other": (
        "uncertain: files of this recipe resemble each other"
    ),
    "uncertain: it may be another part of a removal that is a merge itself": (
        "uncertain: it may be another part of a removal that is a merge itself"
    ),
}


def _of_rows(
    figures: Mapping[str, float | int | str], rows: float, cosine: float, scale: float
) -> list[str]:
    """The same of an embedding, which is compared row by row."""
    agreeing = _number(figures, "rows_agreeing") or 0.0
    lines = [
        f"{agreeing:,.0f} of the {rows:,.0f} rows of the removed embedding that can be told from"
        f" strangers' are in this file, each with a cosine of at least {cosine:.3f}. 1 is the same"
        " row; of strangers who began with one word none comes near 0.9."
    ]
    if abs(scale - 1) >= 0.01:
        lines.append(f"They are {scale:.2g} times as long.")
    return lines


def _how_alike(cosine: float) -> str:
    if cosine >= 0.97:
        return "practically the same weights"
    if cosine >= 0.8:
        return "the same weights, lightly altered"
    return "a part of it, or trained on from it" if cosine >= 0.4 else "a weak likeness"


def _number(figures: Mapping[str, float | int | str], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) else None


def revealed(names: Names) -> list[tuple[str, tuple[str, ...]]]:
    """What was opened of a removal, by what it is."""
    said: Mapping[str, tuple[str | None, ...]] = {
        "name": (names.name,),
        "trigger words": names.trigger_words,
        "former address": (names.url,),
        "model id": (names.model_id,),
        "version id": (names.version_id,),
        "file names": names.file_names,
        "reason": (names.reason,),
    }
    told = [(label, tuple(v for v in values if v)) for label, values in said.items()]
    return [(label, values) for label, values in told if values] or [
        ("name", ("the list said none",))
    ]
