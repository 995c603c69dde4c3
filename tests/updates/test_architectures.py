from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from reseen.updates.names.known import DENOISERS, ENCODERS, fits, known
from reseen.updates.names.tables import Table, flat

FAMILIES: dict[str, tuple[int, str]] = json.loads(
    (Path(__file__).parent / "family_digests.json").read_text()
)
"""By model: how many layers it has, and the first 16 digits of SHA-256 over the sorted lines `name
out in kernel`. Canonical names are part of the published sketch, so a change here is a new version
of it: a model may be added."""

SIGNATURES = {
    "sd15.unet": "sd1",
    "sd2.unet": "sd2",
    "sdxl.unet": "sdxl",
    "clip_l": "clip_l",
    "clip_g": "clip_g",
    "clip_h_23": "clip_h",
    "t5xxl": "t5",
    "flux.bfl": "flux",
    "flux.diffusers": "flux",
    "sd3_medium.mmdit": "sd3",
    "sd35_medium.mmdit": "sd3",
    "sd35_large.mmdit": "sd3.5-large",
}


def digest(table: Table) -> str:
    lines = sorted(f"{x.name} {x.out} {x.inn} {x.kernel}" for x in table.layers.values())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize("model", [*DENOISERS, *ENCODERS])
def test_the_modules_of_a_model_never_change(model: str) -> None:
    table = known(model)
    assert [len(table.layers), digest(table)] == list(FAMILIES.get(model, ()))


@pytest.mark.parametrize("model", [*DENOISERS, *ENCODERS])
def test_every_layer_is_reached_by_its_own_name(model: str) -> None:
    table = known(model)
    for name, layer in table.layers.items():
        assert fits(table, flat(name), layer.out, layer.columns) == (True, True)


@pytest.mark.parametrize("model", [*DENOISERS, *ENCODERS])
def test_the_cuts_of_a_fused_layer_cover_it_once(model: str) -> None:
    table = known(model)
    for cuts in table.aliases.values():
        unit = cuts[0].of
        covered = sorted(n for cut in cuts for a, b in cut.units for n in range(a, b))
        assert covered == list(range(unit))
        assert all(cut.of == unit for cut in cuts)


def signatures() -> Path | None:
    for folder in os.environ.get("RESEEN_ADAPTERS", "").split(os.pathsep):
        path = Path(folder).parent / "reference" / "arch_signatures.json"
        if folder and path.is_file():
            return path
    return None


@pytest.mark.skipif(signatures() is None, reason="no architecture signatures beside adapters")
@pytest.mark.parametrize("signature", sorted(SIGNATURES))
def test_every_layer_of_an_enumerated_model_is_known_by_name_and_shape(signature: str) -> None:
    path = signatures()
    assert path is not None
    table = known(SIGNATURES[signature])
    for layer in json.loads(path.read_text())[signature]:
        columns = layer["inn"] * max(1, layer["k"]) ** 2
        named = table.aliases[flat(layer["diffusers"])]
        assert fits(table, flat(layer["diffusers"]), layer["out"], columns) == (True, True)
        if layer.get("ldm"):
            assert table.aliases[flat(layer["ldm"])] == named
