"""A checkpoint less its base: which base it is, what was added, and when nothing may be said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.match.checkpoints_made import (
    Weights,
    as_adapter,
    base,
    checkpoint,
    difference_file,
    gguf_checkpoint,
    less,
    person,
    plus,
    quantised,
    tuned,
    updates,
)
from tests.match.merges import stranger
from tests.match.updates import sketched

from reseen.fingerprints.sketch import decode
from reseen.match.calibration import Background
from reseen.match.checkpoint_layers import here, read_against, read_base
from reseen.match.checkpoint_parts import (
    MORE,
    InCheckpoint,
    inside_checkpoint,
)
from reseen.match.checkpoints import (
    AgainstBases,
    KnownBase,
    between,
)
from reseen.match.registry_parts import KnownSketch
from reseen.observed.merge_parts import blocks_of

KEY = b"k" * 32
FORMATS = (
    "F16",
    "BF16",
    "F8_E4M3",
    "F8_E4M3 scaled",
    "F8_E4M3 rows",
    "Q8_0",
    "Q4_0",
    "int8",
    "nf4",
    "nf4 nested",
)


def written(folder: Path, weights: Weights, dtype: str = "F16") -> Path:
    path = folder / f"{dtype.replace(' ', '-')}-{len(list(folder.iterdir()))}.model"
    if dtype.startswith("Q"):
        gguf_checkpoint(weights, dtype, str(path))
    else:
        path.write_bytes(checkpoint(weights, dtype))
    return path


def known_base(folder: Path, weights: Weights, name: str = "Sample base") -> KnownBase:
    return KnownBase(name, read_base(written(folder, weights)))


def removal(data: bytes, name: str = "rm-1") -> KnownSketch:
    value = sketched(data).sketch
    assert value is not None
    return KnownSketch(name, 1, name, decode(value))


def decoys(like: KnownSketch, count: int = 205) -> list[KnownSketch]:
    return [KnownSketch(f"rm-d{n}", n + 9, f"d{n}", stranger(like.sketch, n)) for n in range(count)]


def against(folder: Path, weights: Weights, dtype: str, known: list[KnownBase]) -> AgainstBases:
    found = read_against(here(written(folder, weights, dtype)), known, KEY)
    assert found is not None
    return found


def said(told: AgainstBases, known: list[KnownBase], *removals: KnownSketch) -> list[InCheckpoint]:
    assert told.difference is not None
    beside = between(known, told.difference.base, told.difference.ids)
    return list(inside_checkpoint(told.difference, removals, Background(()), beside))


@pytest.mark.parametrize("dtype", FORMATS)
def test_what_is_baked_in_is_found_and_a_cast_of_the_base_is_nothing(
    tmp_path: Path, dtype: str
) -> None:
    weights, removed = base(), person(7)
    known = [known_base(tmp_path, weights)]
    cast = against(tmp_path, weights, dtype, known)
    assert cast.difference is not None
    assert cast.difference.is_rounding
    assert not [each for each in said(cast, known, removal(as_adapter(removed))) if each.is_sure]

    baked = against(tmp_path, plus(weights, updates(removed)), dtype, known)
    mine, other = removal(as_adapter(removed)), removal(as_adapter(person(8)), "rm-2")
    assert baked.difference is not None
    assert not baked.difference.is_rounding
    assert baked.difference.base.base.name == "Sample base"
    strangers = decoys(mine) if dtype in ("Q4_0", "nf4", "nf4 nested") else []
    (found,) = said(baked, known, mine, other, *strangers)
    assert found.removal == "rm-1"
    assert found.is_sure, found.why
    assert found.strength == pytest.approx(1, abs=0.15)


def test_of_a_coarse_file_without_decoys_it_is_a_lead(tmp_path: Path) -> None:
    weights, removed = base(), person(7)
    known = [known_base(tmp_path, weights)]
    baked = against(tmp_path, plus(weights, updates(removed, 0.7)), "Q4_0", known)
    (found,) = said(baked, known, removal(as_adapter(removed)))
    assert not found.is_sure
    assert "May be inside a checkpoint" in found.why


@pytest.mark.parametrize("dtype", ["F16", "Q4_0"])
def test_a_removal_made_as_a_difference_accuses_no_relative_of_its_fine_tune(
    tmp_path: Path, dtype: str
) -> None:
    """The removed checkpoint was a fine-tune of a base, with a person in it; the removal is what it
    has beyond the base, with the fine-tune. Only that checkpoint itself is the removal."""
    weights = base()
    fine_tune = tuned(weights, 1)
    theirs = plus(fine_tune, updates(person(7)))
    known = [known_base(tmp_path, weights)]
    mine = removal(difference_file(less(theirs, weights)))
    strangers = decoys(mine)
    for innocent in (
        fine_tune,
        plus(fine_tune, updates(person(8))),
        tuned(fine_tune, 2),
        tuned(weights, 3),
    ):
        told = against(tmp_path, innocent, dtype, known)
        found = [each for each in said(told, known, mine, *strangers) if each.removal == "rm-1"]
        assert not [each.why for each in found if each.is_sure]
    itself = said(against(tmp_path, theirs, dtype, known), known, mine, *strangers)
    assert [each.removal for each in itself if each.is_sure] == ["rm-1"]

    # with the fine-tune known as a base nothing of it is left to be alike
    both = [*known, known_base(tmp_path, fine_tune, "Sample fine-tune")]
    told = against(tmp_path, plus(fine_tune, updates(person(8))), dtype, both)
    assert told.difference is not None
    assert told.difference.base.base.name == "Sample fine-tune"
    assert not [each for each in said(told, both, mine, *strangers) if each.is_sure]


@pytest.mark.parametrize("dtype", ["F8_E4M3", "Q4_0"])
@pytest.mark.parametrize("strength", [0.02, 0.2])
def test_a_removal_that_has_rounding_in_it_accuses_no_file_of_that_format(
    tmp_path: Path, dtype: str, strength: float
) -> None:
    """Made as a quantised checkpoint less its base: most of it is what every file of this base and
    format has."""
    weights = base()
    known = [known_base(tmp_path, weights)]
    coarse = quantised(plus(weights, updates(person(7), strength)), dtype)
    mine = removal(difference_file(less(coarse, weights)))
    for added in (0.02, 0.2, 1.0):
        innocent = plus(weights, updates(person(8), added))
        told = against(tmp_path, innocent, dtype, known)
        assert not [each.why for each in said(told, known, mine) if each.is_sure], added


def test_two_in_one_checkpoint_are_both_found_and_one_unknown_beside_makes_a_lead(
    tmp_path: Path,
) -> None:
    weights = base()
    known = [known_base(tmp_path, weights)]
    both = plus(plus(weights, updates(person(7), 0.6)), updates(person(8), 0.8))
    told = against(tmp_path, both, "F16", known)
    one, two = removal(as_adapter(person(7))), removal(as_adapter(person(8)), "rm-2")
    found = {each.removal: each for each in said(told, known, one, two)}
    assert {id: each.is_sure for id, each in found.items()} == {"rm-1": True, "rm-2": True}
    assert found["rm-1"].strength == pytest.approx(0.6, abs=0.02)
    drawn = blocks_of(found["rm-1"].evidence.figures)  # of each block, and as it was kept
    assert len(drawn) > 4
    assert all(block.weight == pytest.approx(0.6, abs=0.1) for block in drawn)
    assert found["rm-1"].in_blocks.explained == pytest.approx(1, abs=0.1)
    (alone,) = said(told, known, one)
    assert (alone.is_sure, alone.doubt) == (False, MORE)
    assert told.difference is not None
    beside = [told.difference.of(two.sketch)]  # as a known innocent
    (explained,) = inside_checkpoint(told.difference, [one], Background(()), beside)
    assert explained.is_sure


def test_an_unknown_base_is_said_and_gives_no_verdict(tmp_path: Path) -> None:
    known = [known_base(tmp_path, base(1))]
    other = against(tmp_path, plus(base(2), updates(person(7))), "F16", known)
    assert other.difference is None
    assert other.lacks == "base"
    assert against(tmp_path, base(2), "F16", []).lacks == "bases"


def test_an_adapter_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(as_adapter(person(7)))
    assert read_against(here(path), [known_base(tmp_path, base())], KEY) is None
