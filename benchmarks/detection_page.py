"""Outcomes of the detection benchmark in, the page docs/detection.md out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.intervals import at_least, at_most
from reseen.match.compare import COPY_P

if TYPE_CHECKING:
    from benchmarks.few_layers import FewLayers

_AIMS = {"lossless": 1.0, "near": 0.999, "none": 0.0}
_NAMES = {
    "sd1": "SD 1.5: 264 modules, rank 8",
    "sdxl": "SDXL with both text encoders: 986 modules, rank 4",
    "flux": "Flux.1: 494 modules, rank 4",
}
_COLUMNS = (
    "edit", "files", f"p ≤ {COPY_P:.0e}", "no stranger", "called a copy", "least cosine", "worst p",
    "relation", *peers.EXACT, "TLSH", "ssdeep", "aim",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """One edited file, or why there is none."""

    group: str
    edit: str
    aim: str
    skipped: str = ""
    found: bool = False
    """The search among the removals named it."""
    mean: float = 0.0
    lower: float = 0.0
    p_value: float = 1.0
    relation: str = ""
    copy: bool = False
    stranger: float = 0.0
    """The largest mean with a removal that is not in it."""
    pairs: int = 0
    """Such removals compared."""
    false_copies: int = 0
    """Of them, called a copy."""
    same: tuple[str, ...] = ()
    """Exact digests that still agree."""
    distances: dict[str, float] = field(default_factory=dict)
    """TLSH and ssdeep: this file's likeness to the removed one, and the greatest to another."""


def page(
    outcomes: Sequence[Outcome],
    few: Sequence[FewLayers],
    seconds: float | None,
    folders: Sequence[Path],
) -> str:
    """The page, in Markdown. `seconds`: None where it was made in several runs."""
    command = "python -m benchmarks.detection" + " --adapters DIR" * len(folders)
    how_long = "in several runs" if seconds is None else f"in {seconds:.0f} s"
    parts = [_HEAD.format(command=command, day=date.today(), how_long=how_long)]
    groups = list(dict.fromkeys(o.group for o in outcomes))
    order = [g for g in _NAMES if g in groups] + [g for g in groups if g not in _NAMES]
    for group in order:
        parts.append(_table(group, [o for o in outcomes if o.group == group]))
    if few:
        parts.append(of_few(few))
    return "\n".join(parts)


def of_few(few: Sequence[FewLayers]) -> str:
    """The table of strangers of few layers."""
    lines = [
        "## Strangers of few layers, one seed",
        "",
        "A is what the seed drew, the same for all; B is each one's own. Without a background. *At "
        "most* is the share of such pairs that may be called copies all the same, at 95 %.",
        "",
        "| layers | rank | strength of ranks | pairs | called a copy | at most | largest mean |",
        "|---:|---:|---|---:|---:|---:|---:|",
    ]
    for each in few:
        fall = "like 1/k" if each.fall else "even"
        numbers = f"{each.pairs:,} | {each.accused} | {at_most(each.accused, each.pairs):.1e}"
        lines.append(f"| {each.modules} | {each.rank} | {fall} | {numbers} | {each.largest:.3f} |")
    every, accused = sum(f.pairs for f in few), sum(f.accused for f in few)
    lines += ["", f"In {every:,} pairs {accused} were called a copy."]
    return "\n".join(lines) + "\n"


def _table(group: str, outcomes: Sequence[Outcome]) -> str:
    tried = [o for o in outcomes if not o.skipped]
    pairs = sum(o.pairs for o in tried)
    accused = sum(o.false_copies for o in tried)
    stranger = max((o.stranger for o in tried), default=0.0)
    limits = {
        name: max((o.distances.get(f"{name} of others", -1e9) for o in tried), default=-1e9)
        for name in ("TLSH", "ssdeep")
    }
    made = group in _NAMES
    lines = [
        f"## {_NAMES.get(group, group)}",
        "",
        f"{pairs:,} comparisons of an edited file with a removal that is not in it: {accused} "
        f"called a copy; their largest mean cosine was {stranger:.3f}.",
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|---|" + "---:|" * 6 + "---|" + "---:|" * 5 + "---|",
    ]
    names = list(dict.fromkeys(o.edit for o in outcomes))
    for name in names:
        of = [o for o in tried if o.edit == name]
        if of:
            lines.append(_row(name, of, stranger, limits, made))
    skipped = {o.edit: o.skipped for o in outcomes if o.skipped}
    if skipped:
        lines += ["", "Not made: " + "; ".join(f"{n} ({why})" for n, why in skipped.items()) + "."]
    return "\n".join(lines) + "\n"


def _row(
    name: str, of: Sequence[Outcome], stranger: float, limits: dict[str, float], made: bool
) -> str:
    n = len(of)
    at_p = sum(o.found and o.p_value <= COPY_P for o in of) / n
    beyond = sum(o.found and o.mean > stranger for o in of) / n
    copies = sum(o.copy for o in of)
    relations = ", ".join(dict.fromkeys(o.relation for o in of))
    cells = [
        name,
        str(n),
        f"{at_p:.0%}" if made else "",
        f"{beyond:.0%}",
        f"{copies / n:.0%}" + (f" (≥ {at_least(copies, n):.0%})" if made else ""),
        f"{min(o.mean for o in of):.3f}",
        f"{max(o.p_value for o in of):.0e}",
        relations,
    ]
    cells += [f"{sum(digest in o.same for o in of) / n:.0%}" for digest in peers.EXACT]
    for peer in ("TLSH", "ssdeep"):
        known = [o.distances[peer] for o in of if peer in o.distances]
        cells.append(f"{sum(d > limits[peer] for d in known) / n:.0%}" if known else "")
    aim = _AIMS[of[0].aim]
    reached = min(at_p, sum(o.copy for o in of) / n)
    cells.append("" if not made or not aim else "reached" if reached >= aim else "**missed**")
    return "| " + " | ".join(cells) + " |"


_HEAD = """# Detection power

Made by `{command}`
{how_long}, on {day}. Each edit of each adapter is written to a file and goes the
whole way: digests and sketch in one pass over the file, search among the removed, full comparison.
[The recognition benchmark](recognition-benchmark.md) asks the same, and what is inside merges, with
more files of one architecture, a held-out half and curves; others may run their methods on it.

What the columns say, each as a share of the files:

- **p ≤ 1e-09**: found by the search, with at most this modelled p-value. The p-value is true as far
  as [a million unrelated pairs](calibration.md) reach, and a model beyond.
- **no stranger**: found, with a mean cosine larger than any of the unrelated comparisons of the
  table had. That is the smallest rate of false positives that these pairs verify.
- **called a copy**: the verdict, and the share that so few files prove, at 95 % (Clopper, Pearson).
  A copy needs a mean cosine of 0.5, or, beside its p-value, of 0.25 with 0.15 in the weaker half of
  its modules; what has less is "related training, not a copy".
- **SHA-256**, **AutoV3** (the digest of the data section), **tensors** (the multiset of tensors):
  the same digest. **TLSH**, **ssdeep**: more alike than any other removed file is, its best
  threshold; ssdeep sees the first 512 KiB of a file, for its reader is pure Python.

What somebody leaves out, replaces or turns round who knows how sketches are searched (`only`,
`kept`, `dropped`, `of a stranger`, `negated`) is made where at least 16 modules with a twentieth of
the energy are left, which is what is promised to be found.

Aims: all files for lossless edits, 99.9 % for casts, noise to 0.3 sigma, resizing to a quarter,
modules dropped, replaced or negated, pruning to half, an equal merge of four. With as few files as
here, "reached" says that none was missed; how far the worst of them was from a miss is in the next
columns.

The adapters are made: true module shapes, initialisation and spectrum as trainers leave them, ranks
reduced to save time. Pairs of them share an initialisation; the 100 strangers and the background of
256 are drawn as sketches: half have an initialisation of their own, a third share one of three, and
a sixth are in families of one recipe with mean cosines of 0.01 to 0.06, as full-size ones are
expected to be (0.002 to 0.012 was measured for one initialisation; the zoo's 0.17 come from its
tiny base). 8-bit and 4-bit integers are stored as 16-bit floats again, for no adapter file has
integers. A merge keeps weights 1/n; by SVD it is cut to the rank of its first part. The nearest
LoKr has a first factor of 2x2, which holds about half of the direction of a LoRA.

Trained files, where a folder was given, have no aim and no background: the answer is
"uncalibrated", and a copy needs a mean cosine of 0.5. Their strengths differ up to eighty times, so
that in a merge with weights 1/n the weaker part drowns.
"""
