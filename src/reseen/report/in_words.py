"""What was found, in words and as counts that add up.

What comes in: `Findings`. What goes out: for each removed model that was seen again how sure that
is, by the best that is known of any file of it; and sentences. It promises that the parts of a
sum are the whole: each model is counted once, and what was refuted, withdrawn, or said by a person
to be another model is in no sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum

from reseen.records import Rung, Sighting, SightingState
from reseen.report.gather import ALLOWED, CONFIRM, NOT_THIS, Findings

MOST_LISTS, MOST_ROWS_SAID = 5, 20
"""Of a removal's lists and rows, in words; tables have them all."""


class Certainty(IntEnum):
    """How sure it is that a removed model was seen again; more is surer."""

    WORD = 1
    """The hub says so, and nobody read the file."""
    READ = 2
    """We read the file; nobody decided yet."""
    ALLOWED = 3
    """A person decided that it is the model, and may stay."""
    CONFIRMED = 4
    """A person decided that it is the model."""


SAID: Mapping[Certainty, str] = {
    Certainty.CONFIRMED: "confirmed by a person",
    Certainty.ALLOWED: "allowed by a person",
    Certainty.READ: "read and not yet decided",
    Certainty.WORD: "only by the hub's word",
}


DECIDED: Mapping[str, str] = {
    CONFIRM: "confirmed",
    ALLOWED: "allowed",
    NOT_THIS: "not this model",
}
"""What a person said of a sighting, beside it."""


def decided(findings: Findings, sighting: Sighting) -> str:
    """The same of one."""
    if not sighting.counts:
        return "does not count"
    return DECIDED.get(findings.decided.get(sighting.id, ""), "not yet")


def source(findings: Findings, removal: str) -> str:
    """Which lists say a removal, and by which rows of the list that was given; bounded."""
    of = findings.sources.get(removal)
    if of is None:
        return ""
    said = _some(of.lists, MOST_LISTS)
    rows = _some(of.rows, MOST_ROWS_SAID)
    return f"{said} (row{'' if len(of.rows) == 1 else 's'} {rows})" if rows else said


def _some(parts: Sequence[str], most: int) -> str:
    more = len(parts) - most
    return "; ".join(parts[:most]) + (f"; and {more:,} more" if more > 0 else "")


def of_sighting(findings: Findings, sighting: Sighting) -> Certainty:
    """Of one that counts."""
    said = findings.decided.get(sighting.id)
    if said in (CONFIRM, ALLOWED):
        return Certainty.CONFIRMED if said == CONFIRM else Certainty.ALLOWED
    by_word = sighting.rung in (Rung.DECLARED, Rung.POINTER)
    return Certainty.WORD if by_word else Certainty.READ


def of_removals(findings: Findings) -> dict[str, Certainty]:
    """Each removed model that was seen again, by the best that is known of any file of it."""
    best: dict[str, Certainty] = {}
    for sighting in findings.seen_again:
        of = of_sighting(findings, sighting)
        best[sighting.removal] = max(of, best.get(sighting.removal, of))
    return best


def counts(findings: Findings) -> dict[Certainty, int]:
    """Models by certainty, the surest first; those of which there are none are left out."""
    found = Counter(of_removals(findings).values())
    return {one: found[one] for one in SAID if found[one]}


def caption(findings: Findings) -> str:
    """Of the bar: how many models it is of."""
    models, scope = len(of_removals(findings)), findings.scope
    said = f"{_models(models)} {_was(models)}"
    if scope.everything:
        all_of_them = _models(findings.removals_in_force)
        said = f"{models:,} of {all_of_them} {_was(models)}"
    return f"{said} seen again{scope.within}"


def headline(findings: Findings) -> str:
    """The finding, in one sentence; a second one says what no scan can find."""
    found, scope = findings.seen_again, findings.scope
    of = f"Of {_models(findings.removals_in_force)}" if scope.everything else ""
    if not found:
        none = f"{of or 'No removed model'}{' none' if of else ''} was seen again{scope.within}."
        return none + _unfindable(findings)
    models = len(of_removals(findings))
    counted = f"{of} {models:,}" if of else _models(models)
    parts = [f"{count:,} {SAID[one]}" for one, count in counts(findings).items()]
    accounts = 0 if scope.one_account else len({(s.hub, s.account) for s in found if s.account})
    where = f" on {accounts:,} {'account' if accounts == 1 else 'accounts'}" if accounts else ""
    seen = f"{counted} {_was(models)} seen again{where}{scope.within}: {', '.join(parts)}."
    return seen + _unfindable(findings)


def _unfindable(findings: Findings) -> str:
    count = findings.unfindable
    if not count:
        return ""
    them = "it" if count == 1 else "them"
    return f" {count:,} cannot be found: no full digest of {them} is known."


def sentences(findings: Findings) -> Iterator[str]:
    """What else must be known at once."""
    found = findings.seen_again
    if found:
        models = len({s.removal for s in found})
        live = sum(s.state is SightingState.LIVE for s in found)
        files = "1 file" if len(found) == 1 else f"{len(found):,} files"
        if live == len(found):
            there = "which is still there" if live == 1 else "all of which are still there"
        else:
            there = f"of which {live:,} {_is(live)} still there"
        yield f"{_stands(models)} in {files}, {there}."
        merges = sum(s.rung is Rung.COMPONENT for s in found)
        if merges:
            yield f"Of these files {merges:,} {_is(merges)} merged with other models."
    dismissed = len(findings.dismissed)
    if dismissed:
        yield (
            f"A person looked at {dismissed:,} more and said that {_it(dismissed)} not the model; "
            f"{_it(dismissed)} counted nowhere here."
        )
    leads = findings.scope.leads
    if leads:
        belong = "1 more account belongs" if leads == 1 else f"{leads:,} more accounts belong"
        yield f"{belong} to the campaign without a confirmed file: leads, counted nowhere here."


def _stands(models: int) -> str:
    return "It stands" if models == 1 else "They stand"


def _models(count: int) -> str:
    return "1 removed model" if count == 1 else f"{count:,} removed models"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _it(count: int) -> str:
    return "it is" if count == 1 else "they are"
