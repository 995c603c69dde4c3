"""What the last release knew of models that had no table then is found after the upgrade, under
whichever names its copies come."""

from __future__ import annotations

import pytest
from tests.match import released_sketches as released
from tests.match.made import known, read, remove
from tests.match.released_sketches import factors, in_diffusers_names, saved
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go

from reseen.records import RemovedFile, Rung
from reseen.store.database import Store

SKETCHES = released.kept()
COPIES = {
    "wan": {
        "native": saved(factors("wan"), "diffusion_model.", "<f2"),
        "kohya": saved(factors("wan"), "lora_unet_", "<f2"),
        "diffusers": saved(in_diffusers_names("wan"), "transformer.", "<f2"),
        "wrapped": saved(in_diffusers_names("wan"), "my.words.", "<f2"),
    },
    "qwen": {
        "bare": saved(factors("qwen"), "", "<f2"),
        "kohya": saved(factors("qwen"), "lora_unet_", "<f2"),
        "wrapped": saved(factors("qwen"), "pipe.dit.", "<f2"),
    },
    "flux2": {
        "native": saved(factors("flux2"), "", "<f2"),
        "kohya": saved(factors("flux2"), "lora_unet_", "<f2"),
        "diffusers": saved(in_diffusers_names("flux2"), "transformer.", "<f2"),
    },
    "zimage": {
        "native": saved(factors("zimage"), "", "<f2"),
        "kohya": saved(factors("zimage"), "lora_unet_", "<f2"),
        "diffusers": saved(in_diffusers_names("zimage"), "transformer.", "<f2"),
    },
    "unknown": {"own names": saved(factors("unknown"), "", "<f2")},
}


def then(store: Store, name: str) -> str:
    """A removal as the release left it."""
    return remove(store, RemovedFile((), sketch=SKETCHES[name]))


@pytest.mark.parametrize("name", SKETCHES)
def test_a_cast_and_renamed_copy_is_found(store: Store, name: str) -> None:
    removal = then(store, name)
    for spelled, copy in COPIES[name.partition(",")[0]].items():
        (match,) = known(store).match_fingerprint(read(copy))
        assert (match.removal, match.rung) == (removal, Rung.WEIGHTS), spelled
        (said,) = match.evidence
        assert float(said.figures["cosine"]) > 0.999, spelled
        assert said.figures["relation"] in ("same", "cast", "scaled"), spelled


def test_so_it_is_at_a_hub(store: Store) -> None:
    wanted = [then(store, "wan, kohya"), then(store, "flux2, native")]
    hub = FakeHub({"x": COPIES["wan"]["diffusers"], "y": COPIES["flux2"]["diffusers"]})
    assert [[m.removal for m in seen.matches] for seen in go(hub, known(store)).seen] == [
        [removal] for removal in wanted
    ]


def test_a_stranger_is_found_under_none_of_these_names(store: Store) -> None:
    for name in SKETCHES:
        then(store, name)
    stranger = {
        layer: (down[:, ::-1].copy(), up[::-1].copy())
        for layer, (down, up) in in_diffusers_names("wan").items()
    }
    assert not known(store).match_fingerprint(read(saved(stranger, "transformer.", "<f2")))
