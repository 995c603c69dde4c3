"""Copies without what a fixed choice looks at: every secret finds them, and no stranger."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks.adapters import shapes
from click.testing import CliRunner
from tests.match.made import known, remove
from tests.match.test_retroactive import past
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go, large, saved

from reseen.cli import cli
from reseen.fingerprints.probes import PROBES
from reseen.fingerprints.sketch import Module, Sketch, assemble
from reseen.match.registry_index import RegistryIndex
from reseen.match.stated import NamedIndex
from reseen.records import RemovedFile, Rung
from reseen.scan.record import record
from reseen.store import meta
from reseen.store.database import Store
from reseen.updates.names.known import ENCODERS

SECRETS = (b"one", b"another", b"a third")
MODELS = ("sd1", "sdxl", "flux")
Modules = dict[str, Module]
Change = Callable[[Modules, np.random.Generator], Modules]


def made(model: str, seed: int) -> Modules:
    """Numbers as an adapter on all layers has them."""
    rng = np.random.default_rng([seed, len(model)])
    return {
        shape.name: Module(
            shape.name,
            rng.standard_normal((8, 8)).astype(np.float32),
            float(rng.lognormal(0, 0.6)),
        )
        for shape in shapes(model)
    }


def sketch(model: str, modules: Modules) -> Sketch:
    parts = {name.partition(".")[0] for name in modules}
    architecture = "+".join(sorted(parts)) if parts <= set(ENCODERS) else model
    told = assemble(modules, architecture=architecture, ranks=[8], complete=True)
    assert isinstance(told, Sketch)
    return told


def only(*words: str) -> Change:
    return lambda mods, rng: {n: m for n, m in mods.items() if any(w in n for w in words)}


def _some(count: int) -> Change:
    def change(mods: Modules, rng: np.random.Generator) -> Modules:
        return {n: mods[n] for n in rng.choice(list(mods), count, replace=False)}

    return change


def _published(mods: Modules) -> list[str]:
    return [name for name in mods if name in PROBES]


def _without_published(mods: Modules, rng: np.random.Generator) -> Modules:
    return {n: m for n, m in mods.items() if n not in PROBES}


def _spoiled(names: Callable[[Modules], Sequence[str]]) -> Change:
    """These are replaced by random ones of the same strength."""

    def change(mods: Modules, rng: np.random.Generator) -> Modules:
        fresh = {
            n: Module(n, rng.standard_normal((8, 8)).astype(np.float32), mods[n].norm)
            for n in names(mods)
        }
        return mods | fresh

    return change


def _strongest(mods: Modules) -> list[str]:
    """A quarter of them: 64 of 250."""
    return sorted(mods, key=lambda n: -mods[n].norm)[: len(mods) // 4]


DISGUISES: dict[str, tuple[Change, Sequence[str]]] = {
    "text attention only": (only(".attn2."), ("sd1", "sdxl")),
    "its keys and values only": (only(".attn2.to_k", ".attn2.to_v"), ("sd1", "sdxl")),
    "MLP only": (only(".ff.", ".ff_context."), MODELS),
    "convolutions only": (only(".proj_in", ".proj_out"), ("sd1", "sdxl")),
    "four blocks of 38": (
        only(*(f"single_transformer_blocks.{n}." for n in (7, 12, 16, 20))),
        ("flux",),
    ),
    "one encoder only": (only("clip_l."), ("sd1", "sdxl")),
    "both encoders only": (only("clip_l.", "clip_g."), ("sdxl",)),
    "any 64": (_some(64), MODELS),
    "any 16": (_some(16), MODELS),
    "the published ones dropped": (_without_published, MODELS),
    "the published ones spoiled": (_spoiled(_published), MODELS),
    "the strongest quarter spoiled": (_spoiled(_strongest), MODELS),
    "a quarter spoiled": (_spoiled(lambda mods: list(mods)[1::4]), MODELS),
    "a run of a quarter spoiled": (_spoiled(lambda mods: list(mods)[: len(mods) // 4]), MODELS),
}
CASES = [(how, model) for how, (_, models) in DISGUISES.items() for model in models]


def by_secret(store: Store, secret: bytes) -> RegistryIndex:
    with store.write() as connection:
        meta.keep(connection, "search-key", secret)
    return known(store)


@pytest.fixture(scope="module")
def removed() -> dict[str, list[Modules]]:
    return {model: [made(model, seed) for seed in range(4)] for model in MODELS}


@pytest.fixture
def ids(store: Store, removed: dict[str, list[Modules]]) -> dict[str, list[str]]:
    return {
        model: [
            remove(store, RemovedFile((), sketch=sketch(model, each).encode())) for each in some
        ]
        for model, some in removed.items()
    }


def test_every_disguise_is_seen_through_by_every_secret(
    store: Store, removed: dict[str, list[Modules]], ids: dict[str, list[str]]
) -> None:
    rng = np.random.default_rng(1)
    copies = {
        (how, model): sketch(model, DISGUISES[how][0](removed[model][2], rng))
        for how, model in CASES
    }
    answers = []
    for secret in SECRETS:
        index = by_secret(store, secret)
        told = {case: index.copies(copy) for case, copy in copies.items()}
        for case, found in told.items():
            assert [match.removal for match in found] == [ids[case[1]][2]], case
            gate = NamedIndex(index, {1: "sample"}).alike(copies[case])
            assert {match.removal for match in gate} == {ids[case[1]][2]}, case
        answers.append(told)
    assert answers[0] == answers[1] == answers[2], "what is compared in full is the same"


def test_strangers_are_hardly_ever_compared_and_never_accused(
    store: Store, ids: dict[str, list[str]]
) -> None:
    index = known(store)
    assert index.sketches is not None
    compared = 0
    for model in MODELS:
        for seed in range(100, 104):
            stranger = sketch(model, made(model, seed))
            compared += len(index.sketches.nearest(stranger))
            assert index.copies(stranger) == ()
    assert compared <= 1


# -- by every way in -------------------------------------------------------------------------------

PART = {
    "text attention only": {n: f for n, f in large(1, rank=1).items() if ".attn2." in n},
    "without the published ones": {
        n: f for n, f in large(1, rank=1).items() if f"unet.{n}" not in PROBES
    },
    "the published ones spoiled": {
        n: large(9, rank=1)[n] if f"unet.{n}" in PROBES else f for n, f in large(1, rank=1).items()
    },
}


@pytest.mark.parametrize("how", PART)
def test_check_a_folder_and_a_hub_find_it(store: Store, how: str, tmp_path: Path) -> None:
    removal = remove(store, sketched(saved(large(1, rank=1))))
    remove(store, sketched(saved(large(2, rank=1))))
    copy = saved(PART[how], "<f4", 0.9)
    (tmp_path / "copy.safetensors").write_bytes(copy)
    run = CliRunner()
    said = run.invoke(
        cli, ["check", "--db", store.place, "--json", str(tmp_path / "copy.safetensors")]
    )
    assert [m["removal"] for m in json.loads(said.output)["matches"]] == [removal], said.output
    walked = run.invoke(cli, ["scan", "folder", "--db", store.place, "--json", str(tmp_path)])
    assert removal in walked.output
    for secret in SECRETS:
        (seen,) = go(FakeHub({"x": copy}), by_secret(store, secret)).seen
        assert [(m.removal, m.rung) for m in seen.matches] == [(removal, Rung.WEIGHTS)]


def test_what_was_scanned_before_the_removal_came_is_found(store: Store) -> None:
    """Read whole before, or in part: then it is worth a closer look."""
    few = [n for n in large(1, rank=1) if ".attn2." in n][:20]
    small = {n: large(1, rank=1)[n] for n in few}
    files = {
        **{how: saved(part, "<f4", 0.9) for how, part in PART.items()},
        "many beside those of a small one": saved({**large(9, rank=1), **small}, "<f4", 0.9),
    }
    remove(store, sketched(saved(large(2, rank=1))))
    with store.write() as connection:
        assert not record(connection, go(FakeHub(files), known(store))).new
    one = remove(store, sketched(saved(large(1, rank=1))))
    other = remove(store, sketched(saved(small)))
    found = past(store, [one, other])
    assert len({pk for pk, id, _ in found if id == one}) == len(PART)
    assert len({pk for pk, id, _ in found if id == other}) == 4
