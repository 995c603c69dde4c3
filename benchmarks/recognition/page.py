"""Figures in, the measured part of docs/recognition-benchmark.md and its plots out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.picture import Curve
from benchmarks.recognition import results
from benchmarks.recognition.plots import panels
from benchmarks.recognition.results import Line
from benchmarks.recognition.run import Outcome
from benchmarks.recognition.world import (
    BY_WEIGHT,
    CLASSES,
    COUNTS,
    MERGES,
    STRANGERS,
    WEIGHTS,
    Size,
)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "recognition-benchmark.md"
START = "<!-- What follows is made by `make bench-recognition`. -->\n"
_HEAD = (
    "| {what} | files | removals in them | recall by its verdict | recall at the bar | pairs "
    "with others | accused | above the bar |\n" + "|---|" + 7 * "---:|"
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one method answered."""

    method: str
    tuned: Sequence[Outcome]
    held_out: Sequence[Outcome]

    @property
    def bar(self) -> float:
        return results.bar_of(self.tuned)

    def of(self, name: str) -> list[Outcome]:
        return [o for o in self.held_out if o.of == name]

    @property
    def merges(self) -> list[Outcome]:
        return [o for o in self.held_out if o.of in MERGES]


def text(runs: Sequence[Run], size_name: str, size: Size) -> str:
    """The measured part of the page. The first run has all tables, the others one line a class."""
    first = runs[0]
    parts = [
        f"Made by `python -m benchmarks.recognition --size {size_name}"
        + "".join(f" --method {run.method}" for run in runs)
        + f" --write` on {date.today()}: {size.modules} layers, {size.removals} removals, "
        f"{size.others} strangers to calibrate by, {size.files} files of each class, held out; "
        f"{size.tuned} of each class to set the bar.",
        "",
        f"### {first.method}",
        "",
        _said(first),
        "",
        _table("edit class", lines_of(first)),
        "",
        "![Recall against false positives, by edit class](recognition-edits.svg)",
        "",
        "By the number of adapters that were merged, in all ways but the one by weight:",
        "",
        _table("adapters in it", by_parts(first)),
        "",
        "![Recall against false positives, by how many adapters were merged]"
        "(recognition-parts.svg)",
        "",
        "By weight, one removal beside one stranger at 1 (ranks concatenated):",
        "",
        _table("weight", by_weight(first)),
        "",
        "![Recall against false positives, by weight](recognition-weights.svg)",
        "",
        _made_by(first),
    ]
    if len(runs) > 1:
        parts += ["", "### Others", "", _peers(runs)]
    return "\n".join(parts) + "\n"


def lines_of(run: Run) -> list[Line]:
    """One a class."""
    return [results.line(name, run.of(name), run.bar) for name in CLASSES if run.of(name)]


def by_parts(run: Run) -> list[Line]:
    return [results.line(str(n), [o for o in run.merges if o.parts == n], run.bar) for n in COUNTS]


def by_weight(run: Run) -> list[Line]:
    return [
        results.line(f"{w:g}", [o for o in run.of(BY_WEIGHT) if _weighs(o, w)], run.bar)
        for w in WEIGHTS
    ]


def _weighs(outcome: Outcome, weight: float) -> bool:
    return any(target.weight == weight for target in outcome.targets)


def plots(run: Run) -> Mapping[str, str]:
    """By the name of the file."""

    def some(*curves: Curve | None) -> list[Curve]:
        return [curve for curve in curves if curve is not None]

    edits = [(n, some(results.curve(n, run.of(n)))) for n in CLASSES if n != STRANGERS]
    merged = [
        (
            name,
            some(
                *(
                    results.curve(f"{n} parts", [o for o in run.of(name) if o.parts == n])
                    for n in COUNTS
                )
            ),
        )
        for name in MERGES
    ]
    weighed = some(
        *(results.curve(f"{w:g}", [o for o in run.of(BY_WEIGHT) if _weighs(o, w)]) for w in WEIGHTS)
    )
    return {
        "recognition-edits.svg": panels(f"{run.method}, by edit class", edits),
        "recognition-parts.svg": panels(f"{run.method}, by how many were merged", merged),
        "recognition-weights.svg": panels(
            f"{run.method}, one beside another at 1", [("by weight", weighed)]
        ),
    }


def _said(run: Run) -> str:
    whole = results.line("", run.held_out, run.bar)
    said = [f"{whole.files:,} files, {whole.pairs:,} pairs of a file and a removal not in it."]
    if whole.accused is not None:
        most = results.at_most_accused(whole.accused, whole.pairs)
        said.append(
            f"By its own verdict {whole.accused:,} of these pairs were accused; at 95 % that is at "
            f"most a share of {most:.1e}, as far as pairs of one file are independent."
        )
    most = results.at_most_accused(whole.above, whole.pairs)
    bar = f"The bar that the other half sets is a score of {run.bar:.3g}"
    if math.isinf(run.bar):
        bar = (
            "On the other half no removal was named that was not in the file: whoever is named is "
        )
        bar += "above the bar"
    said.append(f"{bar}; {whole.above:,} pairs came above it (at most {most:.1e}).")
    return " ".join(said)


def _table(what: str, lines: Sequence[Line]) -> str:
    made = [_HEAD.format(what=what)]
    for each in lines:
        verdict = "" if each.by_verdict is None else str(each.by_verdict)
        accused = "" if each.accused is None else f"{each.accused:,}"
        cells = [each.label, f"{each.files:,}", f"{each.targets:,}", verdict, str(each.by_bar)]
        cells += [f"{each.pairs:,}", accused, f"{each.above:,}"]
        made.append(f"| {' | '.join(cells)} |")
    return "\n".join(made)


def _made_by(run: Run) -> str:
    tools = sorted({o.by for o in run.held_out if o.by not in ("", "ours")})
    skipped = sorted({f"{o.of} ({o.skipped})" for o in run.held_out if o.skipped})
    said = "Files were made by programs of ours"
    said += f", and where these do it by {', '.join(tools)}." if tools else "."
    return said + (f" Not made: {'; '.join(skipped)}." if skipped else "")


def _peers(runs: Sequence[Run]) -> str:
    head = "| edit class | " + " | ".join(run.method for run in runs) + " |"
    made = [
        "Recall on the same files, by each one's verdict, or at its bar where it has none:",
        "",
        head,
        "|---|" + "---:|" * len(runs),
    ]
    for name in CLASSES:
        if name != STRANGERS:
            told = [results.line(name, run.of(name), run.bar) for run in runs]
            cells = [str(each.by_verdict or each.by_bar) for each in told]
            made.append(f"| {name} | {' | '.join(cells)} |")
    wrong = [results.line("", run.held_out, run.bar) for run in runs]
    cells = [f"{w.above if w.accused is None else w.accused:,} of {w.pairs:,}" for w in wrong]
    made.append(f"| pairs accused falsely | {' | '.join(cells)} |")
    return "\n".join(made)


def keep(runs: Sequence[Run], size_name: str, size: Size, docs: Path = DOCS) -> None:
    """Into the page behind its mark, and the plots beside it."""
    page = docs / PAGE.name
    before = page.read_text("utf-8").partition(START)[0]
    page.write_text(f"{before}{START}\n{text(runs, size_name, size)}", "utf-8")
    for name, drawn in plots(runs[0]).items():
        (docs / name).write_text(drawn, "utf-8")
