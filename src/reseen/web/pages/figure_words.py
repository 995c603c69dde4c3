"""The figures of a match, said in sentences: of the weights rung, or of the component rung.

What comes in: what is said in a language, and figures as `match.evidence` keeps them. What goes
out: a sentence for each; what is not there is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import Markup

from reseen.records import Figure
from reseen.web.speech import N_, NP_, Speech

_STRENGTH = re.compile(
    r"the second at (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?) times the strength of the first"
)
Figures = Mapping[str, Figure]


def sentences(speech: Speech, figures: Figures) -> list[str]:
    """The figures of one piece of evidence, each as a sentence."""
    if base := str(figures.get("base", "")):
        return _of_checkpoint(speech, figures, base)
    if "by" in figures:
        return _of_part(speech, figures)
    cosine, scale = _number(figures, "cosine"), _number(figures, "scale")
    if (rows := _number(figures, "rows")) is not None:
        return _of_rows(speech, figures, rows, cosine or 0.0, scale or 1.0)
    lines: list[str] = []
    if other := str(figures.get("together_with", "")):
        lines.append(_together(speech, other, str(figures.get("how", ""))))
    if cosine is not None:
        lines.append(speech.gettext(_how_alike(cosine), cosine=speech.decimal(cosine, 3)))
    agreeing, modules = _number(figures, "agreeing"), _number(figures, "modules")
    if agreeing is not None and modules is not None:
        agree = N_(
            "%(share)s of %(modules)s modules agree, each by itself; of a stranger's about 1 in "
            "100 does."
        )
        share, count = speech.percent(agreeing), speech.number(modules)
        lines.append(speech.gettext(agree, share=share, modules=count))
    lines += _chance(speech, figures)
    coverage = _number(figures, "coverage")
    if coverage is not None and coverage < 0.995:
        covered = N_("%(share)s of the removed model's modules are in this file.")
        lines.append(speech.gettext(covered, share=speech.percent(coverage)))
    if scale is not None and abs(scale - 1) >= 0.01:
        strength = speech.significant(abs(scale), 2)
        lines.append(
            speech.gettext(
                "Its update is %(times)s times as strong. It is negated: used at a negative "
                "strength.",
                times=strength,
            )
            if scale < 0
            else speech.gettext("Its update is %(times)s times as strong.", times=strength)
        )
    for part, sentence in _PARTS.items():
        if blocks := str(figures.get(part, "")):
            lines.append(speech.gettext(sentence, blocks=blocks))
    if relation := str(figures.get("relation", "")):
        said = speech.fixed(_RELATIONS.get(relation, relation), "relation")
        lines.append(speech.gettext("What explains it best: %(relation)s.", relation=said))
    return lines


def _of_checkpoint(speech: Speech, figures: Figures, base: str) -> list[str]:
    """The same of a removal inside a checkpoint: of which base, and how strong it is there."""
    beside = N_(
        "What follows is of what this checkpoint has beside the base model %(base)s, in the layers "
        "that were read."
    )
    others = {name: figure for name, figure in figures.items() if name not in ("base", "strength")}
    if (strength := _number(figures, "strength")) is not None:
        others["weight" if "by" in figures else "scale"] = strength
    return [speech.gettext(beside, base=base), *sentences(speech, others)]


def _together(speech: Speech, other: str, how: str) -> Markup:
    """Of which files the figures are, and at which strengths these were added up
    (`match.together.joined` says it)."""
    if how == "at equal strength":
        return speech.gettext(
            "What follows is of this file and that of the sighting %(other)s together, added up "
            "at equal strength. By itself neither is like the removed model.",
            other=other,
        )
    if (told := _STRENGTH.fullmatch(how)) is not None:
        return speech.gettext(
            "What follows is of this file and that of the sighting %(other)s together, added up, "
            "the second at %(times)s times the strength of the first. By itself neither is like "
            "the removed model.",
            other=other,
            times=speech.significant(float(told[1]), 2),
        )
    return speech.gettext(
        "What follows is of this file and that of the sighting %(other)s together, added up "
        "%(how)s. By itself neither is like the removed model.",
        other=other,
        how=how,
    )


def _chance(speech: Speech, figures: Figures) -> list[str]:
    """How likely strangers are to be as alike, and what that was measured against."""
    p_value, calibration = _number(figures, "p_value"), str(figures.get("calibration", ""))
    if p_value is None:
        return []
    chance = speech.significant(p_value, 1)
    if calibration.startswith("uncalibrated"):
        uncalibrated = N_(
            "Chance of this among strangers: %(chance)s, uncalibrated. No background of this "
            "architecture was there to measure against, so do not lean on it."
        )
        return [speech.gettext(uncalibrated, chance=chance)]
    words = calibration.split()
    if words[:2] == ["calibrated", "on"] and words[3:] == ["adapters"]:
        adapters = int(words[2].replace(",", ""))
        calibrated = speech.ngettext(
            "Chance of this among strangers: %(chance)s, calibrated on %(adapters)s adapter.",
            "Chance of this among strangers: %(chance)s, calibrated on %(adapters)s adapters.",
            adapters,
            chance=chance,
            adapters=speech.number(adapters),
        )
        return [calibrated]
    return [
        speech.gettext(
            "Chance of this among strangers: %(chance)s, %(calibration)s.",
            chance=chance,
            calibration=calibration,
        )
    ]


def _of_part(speech: Speech, figures: Figures) -> list[str]:
    """What shows that the removed model is inside a merge."""
    share, cosine = _number(figures, "share"), _number(figures, "cosine")
    modules = speech.number(_number(figures, "modules") or 0.0)
    decoys = speech.number(_number(figures, "decoys") or 0.0)
    lines: list[str] = []
    if share is not None:
        columns = N_(
            "%(share)s of the removed model's column space is in this file, over %(modules)s "
            "modules. It is the same however weakly it was mixed in."
        )
        lines.append(speech.gettext(columns, share=speech.percent(share), modules=modules))
    if cosine is not None:
        agree = (
            N_(
                "Its up factors agree with what no other known model explains of this file: "
                "cosine %(cosine)s, over %(modules)s modules."
            )
            if figures["by"] == "up factors"
            else N_(
                "Its weights agree with what no other known model explains of this file: "
                "cosine %(cosine)s, over %(modules)s modules."
            )
        )
        lines.append(speech.gettext(agree, cosine=speech.decimal(cosine, 2), modules=modules))
    if (margin := _number(figures, "margin")) is not None:
        above = N_(
            "%(margin)s above %(decoys)s decoys: other models of this kind, which are not in it "
            "as far as is known."
        )
        lines.append(speech.gettext(above, margin=speech.decimal(margin, 2), decoys=decoys))
    if (p_value := _number(figures, "p_value")) is not None:
        chance = speech.significant(p_value, 1)
        lines.append(speech.gettext("Chance of this among strangers: %(chance)s.", chance=chance))
    if (weight := _number(figures, "weight")) is not None:
        times = speech.significant(abs(weight), 2)
        strong = N_("It is in the file about %(times)s times as strong as it was.")
        lines.append(speech.gettext(strong, times=times))
    else:
        lines.append(speech.gettext("How strong it is in the file cannot be told."))
    lines.append(speech.gettext("What else is in the file this does not say."))
    return lines


_PARTS: Mapping[str, str] = {
    "negated": N_("Negated, as if used at the opposite strength: %(blocks)s."),
    "random": N_("Nothing of the removed model is left in: %(blocks)s."),
    "missing": N_("Not in this file: %(blocks)s."),
    "added": N_("In this file and not in the removed model: %(blocks)s."),
}
_RELATIONS: Mapping[str, str] = {
    "same": NP_("relation", "the same adapter, saved again"),
    "scaled": NP_("relation", "the same adapter at another strength"),
    "cast": NP_("relation", "the same adapter in another number format"),
    "resized": NP_("relation", "the same adapter at a lower rank"),
    "partial": NP_("relation", "the same adapter in a part of the layers"),
    "trained on": NP_("relation", "trained on from the adapter"),
    "part of a merge": NP_("relation", "the adapter is one part of a merge"),
    "by order": NP_("relation", "uncertain: which layer is which was told by their order alone"),
    "uncertain: files of this recipe resemble each other": NP_(
        "relation", "uncertain: files of this recipe resemble each other"
    ),
    "uncertain: it may be another part of a removal that is a merge itself": NP_(
        "relation", "uncertain: it may be another part of a removal that is a merge itself"
    ),
    "uncertain: its layers are spread over several adapters in the file": NP_(
        "relation", "uncertain: its layers are spread over several adapters in the file"
    ),
}


def _of_rows(
    speech: Speech, figures: Figures, rows: float, cosine: float, scale: float
) -> list[str]:
    """The same of an embedding, which is compared row by row."""
    of_rows = N_(
        "%(agreeing)s of the %(rows)s rows of the removed embedding that can be told from "
        "strangers' are in this file, each with a cosine of at least %(cosine)s. 1 is the same "
        "row; of strangers who began with one word none comes near 0.9."
    )
    agreeing = speech.number(_number(figures, "rows_agreeing") or 0.0)
    lines: list[str] = [
        speech.gettext(
            of_rows,
            agreeing=agreeing,
            rows=speech.number(rows),
            cosine=speech.decimal(cosine, 3),
        )
    ]
    if abs(scale - 1) >= 0.01:
        times = speech.significant(scale, 2)
        lines.append(speech.gettext("They are %(times)s times as long.", times=times))
    return lines


def _how_alike(cosine: float) -> str:
    if cosine >= 0.97:
        return N_(
            "Cosine %(cosine)s: practically the same weights. 1 is the same update, 0 a stranger's."
        )
    if cosine >= 0.8:
        return N_(
            "Cosine %(cosine)s: the same weights, lightly altered. 1 is the same update, 0 a "
            "stranger's."
        )
    if cosine >= 0.4:
        return N_(
            "Cosine %(cosine)s: a part of it, or trained on from it. 1 is the same update, 0 a "
            "stranger's."
        )
    return N_("Cosine %(cosine)s: a weak likeness. 1 is the same update, 0 a stranger's.")


def _number(figures: Figures, name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) else None
