"""`reseen compare`: two files, their updates side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import about, emit, json_option, note, say
from reseen.cli.exit_codes import ExitCode, finish
from reseen.cli.hub import endpoint_option, is_address
from reseen.errors import FileError, InputError
from reseen.texts import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reseen.fingerprints.rows import EmbeddingRows
    from reseen.fingerprints.sketch import Sketch
    from reseen.fingerprints.sketcher import Sketched
    from reseen.fingerprints.weight_sketch import WeightSketch
    from reseen.fingerprints.weights_read import LayerChoice, WeightsRead
    from reseen.match.compare import Background, Comparison
    from reseen.match.parts import MergePart
    from reseen.match.same import SameContent
    from reseen.updates.whole_weights import WeightsPlan

_EXTENSIONS = (".safetensors", ".sft", ".pt", ".pth", ".bin", ".ckpt")


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a chart by module block, as SVG, to a file that ends in .svg.",
)
@click.option(
    "--with",
    "beside",
    metavar="FILE",
    help="A file that is used together with B: do the two add up to A?",
)
@endpoint_option
@click.option(
    "--db",
    metavar="URL",
    help="The store whose background calibrates the p-value, and whose removals are other parts.",
)
@json_option
def compare(
    a: str,
    b: str,
    plot: Path | None,
    beside: str | None,
    endpoint: str | None,
    db: str | None,
    as_json: bool,
) -> None:
    """Compare the weight updates of A and B: files, folders, or files at a hub, by their addresses.

    A is taken as the removed model. Exits 0 when they are not copies, 1 when they are, 2 when they
    cannot be compared. Files here whose weights cannot be compared are still known to be the same
    by their bytes or tensors. Without a background of real adapters (--db) the p-value is
    uncalibrated. Of what is no copy it is said whether one is inside the other, as a part of a
    merge: where A surely is inside B, that ends with 1 as well; where it may be, it is worth a
    look, and no copy. Where B is a checkpoint of a base model that the store knows, it is said
    whether A is inside; of one at a hub 64 layers are read. With --with it is asked of B and
    another file together whether they add up to A, and of neither alone.
    """
    from reseen.cli.hub import never_read
    from reseen.registry.never_read import WHY, forbids, read_local

    if plot is not None and plot.suffix.lower() != ".svg":
        raise InputError(
            f"--plot {plot}: the chart is written as SVG",
            remedy="Give the file a name that ends in .svg.",
        )
    never = never_read(db)
    for given in (each for each in (a, b, beside) if never and each is not None):
        if not is_address(given) and (path := _file(Path(given))).is_file():
            with about(given):
                if forbids(never, read_local(path, never)):
                    raise InputError(f"it is not compared: {WHY}")
    if beside is not None:
        _tell_together((a, b, beside), endpoint, db, as_json=as_json)
    _tell_checkpoint(a, b, endpoint, db, as_json=as_json, plot=plot)
    try:
        first, second, found, inside = _compared(a, b, endpoint, db)
    except InputError:
        _tell_same(_same(a, b), as_json=as_json)  # ends the verb where they are
        _tell_rows(a, b, endpoint, db, as_json=as_json)  # and where they are embeddings
        raise
    if not found.relation.is_copy:
        _tell_same(_same(a, b, of_one_size=True), as_json=as_json)
        _tell_rows(a, b, endpoint, db, as_json=as_json, copies_alone=True)
    if as_json:
        emit(comparison_fields(found, inside))
    else:
        _print(found, first, second, inside)
    if plot is not None:
        _draw(plot, found, first.names, (a, b))
    accused = found.relation.is_copy or _accuses(inside)
    finish(ExitCode.MATCH if accused else ExitCode.DONE)


def _draw(
    plot: Path,
    found: Comparison,
    names: Mapping[int, str],
    files: tuple[str, str],
    verdict: str = "",
) -> None:
    from reseen.cli.plot import block_picture
    from reseen.store.private_files import private

    with private(plot) as path:
        path.write_text(block_picture(found, names, files, verdict), "utf-8")
    note(f"Wrote {plot}")


def _tell_together(
    given: tuple[str, str, str], endpoint: str | None, db: str | None, *, as_json: bool
) -> None:
    """Say what the second and the third come to together, and end so."""
    from reseen.match.together import adds_up, together

    every = [_sketched(one, endpoint, db) for one in given]
    for name, sketched in zip(given, every, strict=True):
        if sketched.sketch is None:
            raise FileError(f"{name} has no sketch: {sketched.reason}")
    removal, first, second = (one.sketch for one in every if one.sketch is not None)
    made = together(removal, first, second, _background(db, removal.architecture))
    if made is None:
        raise InputError(
            f"{given[1]} and {given[2]} have nothing together to compare {given[0]} with"
        )
    joint, found = made
    accused = adds_up(found)
    if as_json:
        fields = comparison_fields(found)
        emit({**fields, "copy": accused, "rung": "component", "together": joint.how})
    else:
        _print(found, every[0], every[1], None, f"The two together, {joint.how}.")
        if found.relation.is_copy and not accused:
            note("  Too little for two files together: no evidence.")
    finish(ExitCode.MATCH if accused else ExitCode.DONE)


def comparison_fields(found: Comparison, inside: PartOf | None = None) -> dict[str, object]:
    """A comparison as a documented JSON object."""
    accused = _accuses(inside)
    lead = found.is_lead or (inside is not None and not found.relation.is_copy and not accused)
    return {
        "cosine": round(found.cosine, 6),
        "mean": round(found.mean, 6),
        "p_value": found.p_value,
        "agreeing": round(found.agreeing, 4),
        "modules": found.modules,
        "coverage": round(found.coverage, 4),
        "scale": round(found.scale, 6),
        "relation": found.relation.value,
        "copy": found.relation.is_copy,
        "lead": lead,
        **{part: found.parts.get(part) for part in _PARTS},
        "rung": "component" if accused and not found.relation.is_copy else "weights",
        "calibration": found.calibration,
        "why": found.why,
        "inside": None if inside is None else inside.fields,
        "together": None,
        "checkpoint": None,
    }


_PARTS = ("negated", "random", "missing", "added")
_UNKNOWN: dict[str, object] = {
    **dict.fromkeys(("cosine", "mean", "p_value", "agreeing", "modules", "coverage", "scale")),
    **dict.fromkeys(("relation", "copy")),
    "lead": False,
    **dict.fromkeys((*_PARTS, "rung", "calibration", "why", "inside", "together")),
    "checkpoint": None,
}
"""The same object where no weights were compared, in its order; what is known is filled in."""


@dataclass(frozen=True, slots=True)
class PartOf:
    """One of the two may be a part of the other."""

    which: str
    """"a" or "b"."""
    part: MergePart

    @property
    def accuses(self) -> bool:
        """Surely a part, and of the found file: what is in a removed model is not that one."""
        from reseen.match.parts import PartVerdict

        return self.which == "a" and self.part.verdict is PartVerdict.PART

    @property
    def fields(self) -> dict[str, object]:
        """As a documented JSON object."""
        from reseen.cli.findings import part_fields

        return {"part": self.which, **part_fields(self.part)}


def _compared(
    a: str, b: str, endpoint: str | None, db: str | None
) -> tuple[Sketched, Sketched, Comparison, PartOf | None]:
    """Raises InputError where there is nothing to compare."""
    from reseen.match.compare import closest, obstacle

    first, second = _sketched(a, endpoint, db), _sketched(b, endpoint, db)
    for name, sketched in ((a, first), (b, second)):
        if sketched.sketch is None:
            raise FileError(f"{name} has no sketch: {sketched.reason}")
    assert first.sketch is not None
    assert second.sketch is not None
    background = _background(db, first.sketch.architecture)
    two = closest(first.under_any_names, second.under_any_names, background)
    if two is None:
        raise InputError(f"{a} and {b} cannot be compared. {obstacle(first.sketch, second.sketch)}")
    one, other, found = two
    first, second = replace(first, sketch=one), replace(second, sketch=other)
    return first, second, found, _inside(one, other, found, background, db)


def _accuses(inside: PartOf | None) -> bool:
    return inside is not None and inside.accuses


def _inside(
    first: Sketch, second: Sketch, found: Comparison, background: Background, db: str | None
) -> PartOf | None:
    """Whether one may be a part of the other; of what is a copy by other figures not asked."""
    from reseen.match.compare import Relation
    from reseen.match.parts import PartVerdict, inside

    if found.relation.is_copy and found.relation is not Relation.PART_OF_A_MERGE:
        return None
    known, innocents = _removals(db, first.architecture)
    strangers = background.sketches
    said = [
        PartOf("a", inside(first, second, known, strangers, innocents)),
        PartOf("b", inside(second, first, known, strangers, innocents)),
    ]
    surest = min(said, key=lambda one: one.part.strength)
    return None if surest.part.verdict is PartVerdict.NOTHING else surest


def _same(a: str, b: str, *, of_one_size: bool = False) -> SameContent | None:
    """Whether two files here are the same by their digests. `of_one_size`: only where they have one
    size are they read."""
    from reseen.cli.hub import never_read
    from reseen.match.same import same
    from reseen.registry.never_read import read_local

    if is_address(a) or is_address(b):
        return None
    try:
        one, other = _file(Path(a)), _file(Path(b))
        if of_one_size and one.stat().st_size != other.stat().st_size:
            return None
        never = never_read()
        return same(read_local(one, never), read_local(other, never))
    except (InputError, OSError):  # what is wrong with them is said by whoever asked before
        return None


def _tell_same(found: SameContent | None, *, as_json: bool) -> None:
    """Say that two files are the same, and end so; nothing where they are not."""
    if found is None:
        return
    if as_json:
        emit(
            {
                **_UNKNOWN,
                "relation": "same",
                "copy": True,
                "rung": found.rung.label,
                "why": found.why,
            }
        )
    else:
        say(click.style("same", fg="red", bold=True))
        say(f"  {found.why}")
        note("  Their weights were not compared.")
    finish(ExitCode.MATCH)


def _tell_checkpoint(
    a: str, b: str, endpoint: str | None, db: str | None, *, as_json: bool, plot: Path | None
) -> None:
    """Say whether the first is inside the second, a checkpoint, and end so; nothing where that is
    none, or there is no store."""
    if db is None or (not is_address(b) and Path(b).is_dir()):
        return
    from reseen.cli.common import look_into, settings_for
    from reseen.cli.findings import checkpoint_fields
    from reseen.operations.checkpoints import CheckpointReader

    source, most = _checkpoint_source(b, endpoint, db)
    with about(b):
        if source(_NoLayers()) is None:
            return
    first = _sketched(a, endpoint, db)
    if first.sketch is None:
        return
    with look_into(settings_for(db)) as store, about(b):
        seen = CheckpointReader(store).compared(first.sketch.encode(), source, most=most)
    if seen is None:
        return
    if seen.base is None:
        raise InputError(
            f"{b} is {seen.text}",
            remedy="Add the base model that it was made from: reseen registry base add --help",
        )
    part = next(iter(seen.parts), None)
    sure = part is not None and part.is_sure
    why = seen.text if part is None else part.why
    if as_json:
        emit(
            {
                **_UNKNOWN,
                "copy": sure,
                "lead": part is not None and not sure,
                "rung": "component" if part is None else part.rung.label,
                "why": why,
                "checkpoint": checkpoint_fields(seen),
            }
        )
    else:
        say(click.style("inside a checkpoint" if sure else "not told", fg="red" if sure else None))
        say(f"  {visible(why)}")
    if plot is not None and part is not None and part.comparison is not None:
        beside = f"beside the base {part.base}, it {'is' if sure else 'may be'} inside"
        _draw(plot, part.comparison, first.names, (a, b), beside)
    elif plot is not None:
        note(f"Nothing of it is in the checkpoint that could be drawn: {plot} was not written")
    finish(ExitCode.MATCH if sure else ExitCode.DONE)


def _checkpoint_source(
    given: str, endpoint: str | None, db: str | None
) -> tuple[Callable[[LayerChoice], WeightsRead | None], int | None]:
    """What reads a checkpoint, and how many layers of it at most."""
    from reseen.cli.hub import never_read, remote_file

    if (remote := remote_file(given, endpoint)) is not None:
        from reseen.match.checkpoint_layers import MOST_AT_HUB
        from reseen.scan.remote import weights_of

        return partial(weights_of, *remote, never_read(db)), MOST_AT_HUB
    from reseen.fingerprints.local import weights_of as weights_of_local
    from reseen.registry.never_read import forbidden_by

    return partial(weights_of_local, Path(given), forbidden=forbidden_by(never_read(db))), None


class _NoLayers:
    """Nothing but the header."""

    def first(self, plan: WeightsPlan) -> WeightsPlan:
        return replace(plan, modules=(), marks=())

    def rest(self, first: WeightSketch) -> None:
        return None


def _tell_rows(
    a: str,
    b: str,
    endpoint: str | None,
    db: str | None,
    *,
    as_json: bool,
    copies_alone: bool = False,
) -> None:
    """Say how alike the embeddings of two files are, and end so; nothing where one has none.
    `copies_alone`: nor where they are no copies."""
    from reseen.match.rows import NO_COPY, compare_rows

    try:
        first, second = _rows(a, endpoint, db), _rows(b, endpoint, db)
    except InputError:  # what is wrong with them is said by whoever asked before
        return
    if first is None or second is None:
        return
    found = compare_rows(first, second)
    if found is None and copies_alone:
        return
    relation = "unrelated" if found is None else found.relation.value
    why = NO_COPY if found is None else found.why
    if as_json:
        emit(
            {
                **_UNKNOWN,
                "cosine": None if found is None else round(found.cosine, 6),
                "scale": None if found is None else round(found.scale, 6),
                "relation": relation,
                "copy": found is not None,
                "rung": "weights",
                "why": why,
            }
        )
    else:
        say(click.style(relation, fg="red" if found else None, bold=True))
        say(f"  {why}")
        if found is None:
            note("  Not a copy. Do not use this result as evidence.")
    finish(ExitCode.DONE if found is None else ExitCode.MATCH)


def _rows(given: str, endpoint: str | None, db: str | None) -> EmbeddingRows | None:
    from reseen.cli.hub import never_read, remote_file

    if (remote := remote_file(given, endpoint)) is not None:
        from reseen.scan.remote import embedding_of

        with about(given):
            return embedding_of(*remote, never_read(db))
    from reseen.fingerprints.local import embedding_of as embedding_of_local

    return embedding_of_local(_file(Path(given)))


def _print(
    found: Comparison,
    first: Sketched,
    second: Sketched,
    inside: PartOf | None,
    together: str = "",
) -> None:
    accused = found.relation.is_copy or _accuses(inside)
    colour = "red" if accused else None
    told = found.relation.is_copy or found.is_lead or inside is None
    title = found.relation.value if told or inside is None else inside.part.verdict.value
    say(click.style(title, fg=colour, bold=True))
    if together:
        say(f"  {together} What is said is of both, and of neither alone.")
    say(f"  {found.why}")
    if inside is not None:
        which = "the first in the second" if inside.which == "a" else "the second in the first"
        say(f"  Parts of a merge, {which}. {inside.part.why}")
    rows = [
        ("cosine", f"{found.cosine:.4f} (mean of modules {found.mean:.4f})"),
        ("p-value", f"{found.p_value:.2g} ({found.calibration})"),
        ("modules", f"{found.modules:,} compared, {found.agreeing:.1%} agree"),
        ("coverage", f"{found.coverage:.1%} of the modules of the first"),
        ("scale", f"{found.scale:.3g} times as strong"),
    ]
    rows += [(part, blocks) for part, blocks in sorted(found.parts.items())]
    for name, value in rows:
        say(f"  {name + ':':<10}{value}")
    for sketched in (first, second):
        for reason, modules in sketched.left_out.items():
            note(f"  left out: {reason} ({modules} modules)")
    if found.is_lead or (inside is not None and not accused):
        note("  Uncertain: worth a look, and no evidence.")
    elif not accused:
        note("  Not a copy. Do not use this result as evidence.")


def _sketched(given: str, endpoint: str | None, db: str | None) -> Sketched:
    from reseen.cli.hub import never_read, remote_file

    if (remote := remote_file(given, endpoint)) is not None:
        from reseen.scan.remote import sketch_of

        with about(given):
            return sketch_of(*remote, never_read(db))
    from reseen.fingerprints.local import sketch_of as sketch_of_local

    path = _file(Path(given))
    with about(str(path)):
        return sketch_of_local(path)


def _file(path: Path) -> Path:
    """The file itself, or the one adapter in a folder."""
    if not path.is_dir():
        return path
    try:
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in _EXTENSIONS)
    except OSError as e:
        raise FileError(f"{path}: the folder cannot be read: {e.strerror}") from None
    if not found:
        raise InputError(
            f"the folder {path} holds no model file (by name: {', '.join(_EXTENSIONS)})",
            remedy="Name a file, or the folder that it lies in.",
        )
    if len(found) > 1:
        raise InputError(
            f"the folder {path} holds {len(found)} model files", remedy="Name one of them."
        )
    return found[0]


def _background(db: str | None, architecture: str) -> Background:
    from reseen.match.background import load
    from reseen.match.calibration import NO_BACKGROUND

    if db is None:
        return NO_BACKGROUND
    from reseen.cli.common import look_into, settings_for

    with look_into(settings_for(db)) as store, store.read() as connection:
        return load(connection, architecture)


def _removals(db: str | None, architecture: str) -> tuple[list[Sketch], tuple[Sketch, ...]]:
    """The other removals of the store: parts as well, or decoys; and its innocents."""
    if db is None:
        return [], ()
    from reseen.cli.common import look_into, settings_for
    from reseen.match.registry_parts import innocents_in_use, known

    with look_into(settings_for(db)) as store, store.read() as connection:
        every = [each.sketch for each in known(connection, architecture)]
        return every, innocents_in_use(connection, architecture)
