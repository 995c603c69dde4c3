"""Detection power: removed adapters, every edit of them, and what still knows them again.

    python -m benchmarks.detection [--adapters DIR ...] [--files N] [--only sd1,sdxl,flux]
                                   [--progress DIR]

For each architecture adapters are made with true module shapes; each edit is written to a file; and
the file goes the whole way: digests and sketch in one pass, the search among the removed, the full
comparison. Beside it stand the exact digests, TLSH and ssdeep of the same files. The tables go to
docs/detection.md. With --adapters, trained files are edited too (no aim, uncalibrated).

One process an architecture; about ten minutes on two cores, with torch, diffusers and peft at hand.
With --progress what came of each file is kept in a folder, and a run goes on where the last ended.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import detection_page, peers
from benchmarks.adapters import Adapter, Recipe, files_in, make, read, recipe_of, sampled, sketch
from benchmarks.detection_page import Outcome
from benchmarks.edits import Case, Edit, NotMade, edits, original, write
from benchmarks.few_layers import FewLayers, of_one_seed
from benchmarks.kinship import kinship
from benchmarks.peers import Peers
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.entries import entries
from reseen.fingerprints.sketch import Sketch, decode
from reseen.fingerprints.whole import fingerprint
from reseen.match.calibration import NO_BACKGROUND, Background
from reseen.match.compare import compare
from reseen.match.nearest import NearestIndex
from reseen.match.sketch_index import row_of

BACKGROUND = 256
STRANGERS = 100
"""Further removals, beside those that are edited: every edited file is compared with each."""
POOL = 8
"""Adapters of an architecture in memory: what is not edited is merged with."""
PEERS = 4
"""Removed files, at least, that TLSH and ssdeep are tried on."""
TRAINED = 3
"""Files of each folder and architecture that are edited."""
FEW, FEW_PAIRS = "few", 20_000
"""Strangers of few layers and one seed: so many pairs of each kind, for each edited file."""
PLAN = {"sd1": (3, 8), "sdxl": (1, 4), "flux": (1, 4)}
"""Architecture -> adapters that are edited, and their rank."""


@dataclass(frozen=True, slots=True, eq=False)
class Removed:
    """A removal: what is kept of it."""

    name: str
    sketch: Sketch
    peers: Peers | None


def chosen(only: str) -> list[Edit]:
    """The edits whose names hold a text."""
    return [edit for edit in edits() if only in edit.name]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the benchmark is run."""

    files: int | None
    """Edited files of each architecture; None for the usual number."""
    edits: str
    """Only edits whose names hold this."""
    progress: Path | None
    """Where what came of each file is kept."""


def made(architecture: str, wanted: Wanted) -> list[Outcome]:
    """All edits of made adapters of one architecture."""
    count, rank = PLAN[architecture]
    # Adapters 0 and 1 share an initialisation, as do 2 and 3.
    pool = [
        make(
            architecture, number, rank=rank, recipe=Recipe(init=number // 2 if number < 4 else None)
        )
        for number in range(POOL)
    ]

    def strangers(first: int, number: int) -> tuple[Sketch, ...]:
        return tuple(
            sampled(
                architecture,
                first + n,
                rank=(4, 8, 16)[n % 3],
                recipe=recipe_of(n),
                attention_only=False,
            )
            for n in range(number)
        )

    background = Background(strangers(10_000, BACKGROUND))
    others = [Removed(f"stranger {n}", s, None) for n, s in enumerate(strangers(20_000, STRANGERS))]
    return edited(
        architecture, pool, replace(wanted, files=wanted.files or count), background, others
    )


def few(wanted: Wanted) -> list[FewLayers]:
    """Strangers of few layers and one seed, of several ranks: pairs by the thousand."""
    kept = None if wanted.progress is None else wanted.progress / f"{FEW}-{wanted.files}.jsonl"
    if kept is not None and kept.exists():
        return [FewLayers(**json.loads(line)) for line in kept.read_text("utf-8").splitlines()]
    pairs = FEW_PAIRS * (wanted.files or PLAN["sd1"][0])
    made = [
        of_one_seed(layers, rank, fall, pairs)
        for layers in (1, 2, 3, 4, 8)
        for rank in (1, 4)
        for fall in (0.0, 1.0)[:rank]
    ]
    if kept is not None:
        _write(made, kept)
    return made


def trained(name: str, paths: Sequence[Path], wanted: Wanted) -> list[Outcome]:
    """All edits of trained files of one folder and architecture, without a background."""
    pool = [adapter for path in paths if (adapter := read(path)) is not None]
    return edited(name, pool, replace(wanted, files=TRAINED, edits=""), NO_BACKGROUND, [])


def edited(
    group: str,
    pool: Sequence[Adapter],
    wanted: Wanted,
    background: Background,
    others: Sequence[Removed],
) -> list[Outcome]:
    """Every edit of the first of a pool; all of the pool are removed."""
    outcomes: list[Outcome] = []
    count = wanted.files or 0
    with tempfile.TemporaryDirectory(prefix="reseen-detection-") as folder:
        known = [
            _removed(adapter, Path(folder), deep=i < max(count, PEERS))
            for i, adapter in enumerate(pool)
        ]
        removed = [*known, *others]
        index = NearestIndex(ModuleOrder(b"benchmark")).plus(
            row_of(key, removal.sketch) for key, removal in enumerate(removed)
        )
        for at in range(min(count, len(pool))):
            kept = None
            if wanted.progress is not None:
                kept = wanted.progress / f"{group.replace(' ', '-')}-{at}{wanted.edits}.jsonl"
                if kept.exists():
                    outcomes += _read(kept)
                    continue
            rest = [*pool[at + 1 :], *pool[:at]]
            these = []
            for number, edit in enumerate(chosen(wanted.edits)):
                begun = time.perf_counter()
                case = Case(pool[at], rest, np.random.default_rng([at, number]))
                these.append(
                    _outcome(group, edit, case, removed, at, index, background, Path(folder))
                )
                if time.perf_counter() - begun > 30:
                    print(f"  {group}: {edit.name} took its time", file=sys.stderr)
            print(f"  {group}: file {at + 1} of {count}", file=sys.stderr)
            if kept is not None:
                _write(these, kept)
            outcomes += these
    return outcomes


def _write(outcomes: Sequence[Outcome] | Sequence[FewLayers], path: Path) -> None:
    """One a line; the file is there when it is whole."""
    draft = path.with_suffix(".part")
    lines = (json.dumps(asdict(each)) for each in outcomes)
    draft.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    draft.replace(path)


def _read(path: Path) -> list[Outcome]:
    told = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [Outcome(**{**each, "same": tuple(each["same"])}) for each in told]


def _removed(adapter: Adapter, folder: Path, *, deep: bool) -> Removed:
    if not deep:
        # Only merged with or compared: its sketch needs no file.
        return Removed(adapter.name, sketch(adapter), None)
    path = folder / "original.safetensors"
    write(original(adapter), path)
    found = fingerprint(path)
    assert found.sketch is not None, found.no_sketch
    return Removed(adapter.name, decode(found.sketch), peers.of(path, found))


def _outcome(
    group: str,
    edit: Edit,
    case: Case,
    removed: Sequence[Removed],
    at: int,
    index: NearestIndex,
    background: Background,
    folder: Path,
) -> Outcome:
    made = edit.make(case)
    if isinstance(made, NotMade):
        return Outcome(group, edit.name, edit.aim, skipped=made.reason)
    path = folder / f"edited{made.suffix}"
    write(made, path)
    found = fingerprint(path)
    here = peers.of(path, found)
    own = removed[at]
    assert own.peers is not None
    rivals = [r.peers for r in removed if r.peers is not None and r is not own]
    same, distances = peers.compare(own.peers, here, rivals)
    if found.sketch is None:
        return Outcome(group, edit.name, edit.aim, same=same, distances=distances)
    made_of = decode(found.sketch)
    candidates = {c.key for each in entries(made_of) for c in index.find(each)}
    compared = compare(own.sketch, made_of, background)
    merged = int(edit.name.split()[2]) if edit.name.startswith("merge of") else 1
    parts = {(at + n) % (len(case.others) + 1) for n in range(merged)}
    unrelated = [
        c
        for number, removal in enumerate(removed)
        if number not in parts and (c := compare(removal.sketch, made_of, background)) is not None
    ]
    return Outcome(
        group,
        edit.name,
        edit.aim,
        found=at in candidates,
        mean=compared.mean if compared else 0.0,
        lower=compared.lower if compared else 0.0,
        p_value=compared.p_value if compared else 1.0,
        relation=compared.relation.value if compared else "",
        copy=compared is not None and compared.relation.is_copy and at in candidates,
        stranger=max((c.mean for c in unrelated), default=0.0),
        pairs=len(unrelated),
        false_copies=sum(c.relation.is_copy for c in unrelated),
        same=same,
        distances=distances,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Detection power of every edit.")
    parser.add_argument("--adapters", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--files", type=int, help="Edited files of each architecture.")
    parser.add_argument("--only", default=f"sd1,sdxl,flux,{FEW}")
    parser.add_argument("--edits", default="", help="Only edits whose names hold this.")
    parser.add_argument("--print", action="store_true", help="Leave docs/detection.md alone.")
    parser.add_argument("--json", type=Path, help="Write every outcome, one a line.")
    parser.add_argument("--progress", type=Path, metavar="DIR", help="Go on where it was.")
    options = parser.parse_args()
    begun = time.perf_counter()
    outcomes: list[Outcome] = []
    if options.progress:
        options.progress.mkdir(parents=True, exist_ok=True)
    wanted = Wanted(options.files, options.edits, options.progress)
    with ProcessPoolExecutor(max_workers=2) as pool:
        # The longest first.
        asked = [a for a in ("flux", "sdxl", "sd1") if a in options.only.split(",")]
        jobs = [pool.submit(made, architecture, wanted) for architecture in asked]
        jobs += [pool.submit(trained, *group, wanted) for group in _groups(options.adapters)]
        strangers = pool.submit(few, wanted) if FEW in options.only.split(",") else None
        for job in jobs:
            outcomes.extend(job.result())
        of_few = [] if strangers is None else strangers.result()
    seconds = time.perf_counter() - begun if wanted.progress is None else None
    if options.json:
        _write(outcomes, options.json)
    text = detection_page.page(outcomes, of_few, seconds, options.adapters)
    if not options.print:
        Path("docs/detection.md").write_text(text, "utf-8")
    print(text)


def _groups(folders: Sequence[Path]) -> list[tuple[str, list[Path]]]:
    """Trained files by folder and architecture."""
    from reseen.errors import FileError
    from reseen.fingerprints.local import plan_of

    found: dict[str, list[Path]] = {}
    for number, folder in enumerate(folders):
        faces = kinship(folder)
        seen: set[str] = set()
        for path in files_in([folder]):
            face = faces.get(path.name, path.name)
            if face in seen:
                continue  # one of each subject: kin are no strangers
            seen.add(face)
            try:
                _, planned = plan_of(path)
            except FileError:
                continue
            if planned.modules:
                name = f"folder {number + 1}, {planned.architecture}"
                found.setdefault(name, []).append(path)
    return [(name, paths[::8] + paths[1::8]) for name, paths in found.items() if len(paths) > 1]


if __name__ == "__main__":
    main()
