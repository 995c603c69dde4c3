"""The figures of a report, as values that its template draws: one message each.

What comes in: `Findings`. What goes out: the bar of all removed models by what is known of them,
and who put which of them up again (accounts by models). Models and accounts are numbered, most
first; the numbers are those of the report's tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from reseen.report import in_words
from reseen.report.gather import (
    Findings,
    Group,
    account_label,
    account_named,
    by_account,
    by_removal,
)
from reseen.report.in_words import SAID, Certainty

MOST_ACCOUNTS, MOST_MODELS = 30, 40
"""In the picture of accounts by models; the tables have the others."""
NOT_SEEN = "not seen again"
UNFINDABLE = "cannot be found: no full digest is known"


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of the bar of all removed models."""

    kind: str
    """Its class in the drawing: the certainty's name, "none", or "unfindable"."""
    count: int
    said: str


@dataclass(frozen=True, slots=True)
class UploaderGrid:
    """Accounts by the removed models that they put up again."""

    title: str
    models: tuple[int, ...]
    """Numbers of the columns."""
    rows: tuple[tuple[str, int, tuple[Certainty | None, ...]], ...]
    """The account (or its number), how many models, and a cell for each column."""
    certainties: tuple[Certainty, ...]
    """Those that a cell has, the surest first: where one account's file of a model is confirmed,
    another's may not be."""
    left_out: str
    """What is not drawn, in a sentence."""


def bar(findings: Findings) -> tuple[BarPart, ...]:
    """All removed models in force, by what is known of them; the parts add up to all. Of a part of
    everything those alone that were seen again there."""
    known = in_words.counts(findings)
    parts = [BarPart(one.name.lower(), count, SAID[one]) for one, count in known.items()]
    if not findings.scope.everything:
        return tuple(parts)
    rest = findings.removals_in_force - sum(known.values()) - findings.unfindable
    if rest > 0:
        parts.append(BarPart("none", rest, NOT_SEEN))
    if findings.unfindable:
        parts.append(BarPart("unfindable", findings.unfindable, UNFINDABLE))
    return tuple(parts)


def _numbers(groups: Sequence[Group]) -> dict[str, int]:
    """By the label: its number in the report's table."""
    return {group.label: number for number, group in enumerate(groups, 1)}


def grid(findings: Findings, *, locations: bool) -> UploaderGrid | None:
    """Who put which up again; None where fewer than two accounts did."""
    held: dict[tuple[str, str], dict[str, Certainty]] = defaultdict(dict)
    for sighting in findings.seen_again:
        if sighting.account:
            of = in_words.of_sighting(findings, sighting)
            mine = held[sighting.hub, sighting.account]
            mine[sighting.removal] = max(of, mine.get(sighting.removal, of))
    if len(held) < 2:
        return None
    number = _numbers(by_removal(findings.seen_again))
    account_number = _numbers(by_account(findings.seen_again, locations=True))
    ranked = sorted(held.items(), key=lambda one: (-len(one[1]), one[0]))
    columns = [one for one in number if any(one in mine for mine in held.values())]
    drawn, shown = ranked[:MOST_ACCOUNTS], columns[:MOST_MODELS]
    rows = tuple(
        (
            label if locations else account_label(account_number[label]),
            len(mine),
            tuple(mine.get(removal) for removal in shown),
        )
        for (hub, account), mine in drawn
        for label in [account_named(hub, account)]
    )
    return UploaderGrid(
        title=_title(held),
        models=tuple(number[removal] for removal in shown),
        rows=rows,
        certainties=tuple(one for one in SAID if any(one in cells for _, _, cells in rows)),
        left_out=_left_out(len(ranked) - len(drawn), len(columns) - len(shown)),
    )


def _title(held: dict[tuple[str, str], dict[str, Certainty]]) -> str:
    most = max(len(mine) for mine in held.values())
    several = sum(len(mine) > 1 for mine in held.values())
    by_model: dict[str, int] = defaultdict(int)
    for mine in held.values():
        for removal in mine:
            by_model[removal] += 1
    widest = max(by_model.values())
    if several:
        hold = "1 account holds" if several == 1 else f"{several:,} accounts hold"
        return f"{hold} more than one removed model; the most is {most:,} in one account"
    if widest > 1:
        return f"No account holds two removed models; the same one stands in up to {widest:,}"
    return "Each account holds another removed model"


def _left_out(accounts: int, models: int) -> str:
    parts = []
    if accounts > 0:
        parts.append("1 more account" if accounts == 1 else f"{accounts:,} more accounts")
    if models > 0:
        parts.append("1 more model" if models == 1 else f"{models:,} more models")
    return f"Not drawn: {' and '.join(parts)}." if parts else ""
