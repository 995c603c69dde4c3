"""The models whose tables are a few lines each: what they have, and how they are told apart."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from tests.match.made import known as registry
from tests.match.made import read, remove
from tests.match.released_sketches import saved
from tests.match.updates import sketched
from tests.updates import naming_tools as tools
from tests.updates.naming_tools import KOHYA, PEFT, Layers, listing
from tests.updates.test_architectures import signatures
from tests.updates.test_namings import layers_of
from tests.updates.test_wrapped_names import SPELLED, by_module, plain_of

from reseen.fingerprints.sketch import decode
from reseen.store.database import Store
from reseen.updates.names.compact import Family
from reseen.updates.names.known import DENOISERS, groups_of, known
from reseen.updates.names.models import PROVED, UNPROVED
from reseen.updates.names.tables import flat
from reseen.updates.plan import Plan, plan

ENUMERATED = {
    "chroma": ("chroma",),
    "flux2": ("flux2_dev",),
    "flux2-klein-4b": ("flux2_klein_4b",),
    "flux2-klein-9b": ("flux2_klein_9b",),
    "qwen-image": ("qwen_image",),
    "z-image": ("z_image",),
    "lumina2": ("lumina2",),
    "hidream": ("hidream_i1",),
    "auraflow": ("auraflow",),
    "pixart-sigma": ("pixart_sigma",),
    "sana": ("sana_1.6b",),
    "cogview4": ("cogview4",),
    "wan-1.3b": ("wan21_t2v_1.3b", "wan_vace_1.3b"),
    "wan-14b": ("wan21_t2v_14b", "wan21_i2v_14b", "wan22_i2v_a14b", "wan_vace_14b"),
    "wan-5b": ("wan22_ti2v_5b",),
    "hunyuan-video": ("hunyuan_video", "hunyuan_video_framepack"),
    "hunyuan-video-1.5": ("hunyuan_video15",),
    "hunyuan-image": ("hunyuan_image21",),
    "ltx-2b": ("ltx_video_2b",),
    "ltx-13b": ("ltx_video_13b",),
    "ltx-2": ("ltx2_19b",),
    "cogvideox-2b": ("cogvideox_2b",),
    "cogvideox-5b": ("cogvideox_5b",),
    "mochi": ("mochi",),
    "cosmos-7b": ("cosmos1_7b",),
    "cosmos-2b": ("cosmos2_2b",),
    "cosmos-14b": ("cosmos2_14b",),
    "kandinsky5": ("kandinsky5_lite",),
    "flux3": ("default:Flux3Transformer2DModel",),
    "krea2": ("default:Krea2Transformer2DModel",),
    "ideogram4": ("default:Ideogram4Transformer2DModel",),
    "longcat": ("default:LongCatImageTransformer2DModel",),
    "ovis": ("default:OvisImageTransformer2DModel",),
    "glm-image": ("default:GlmImageTransformer2DModel",),
    "bria-fibo": ("default:BriaFiboTransformer2DModel",),
    "prx": ("default:PRXTransformer2DModel",),
    "ernie-image": ("default:ErnieImageTransformer2DModel",),
}
"""Models, and what has been enumerated of them."""


@pytest.mark.skipif(signatures() is None, reason="no architecture signatures beside adapters")
def test_every_layer_of_an_enumerated_model_is_known_by_name_and_size() -> None:
    path = signatures()
    assert path is not None
    every = json.loads(path.with_name("arch_signatures2.json").read_text())
    assert set(PROVED) | set(UNPROVED) == {*ENUMERATED, "animatediff"}
    for model, names in ENUMERATED.items():
        table = known(model)
        for row in (row for name in names for row in _rows(every[name])):
            pattern, numbers, out, inn, *kernel = row
            columns = inn * int(np.prod(kernel[0])) if kernel else inn
            for number in _numbers(numbers):
                (cut,) = table.aliases[flat(pattern.replace("{}", number))]
                assert table.layers[cut.name].has(out, columns), (model, pattern)


def _rows(model: dict[str, object]) -> list[list]:
    return next(value for value in model.values() if isinstance(value, list))


def _numbers(text: str) -> list[str]:
    found = []
    for part in text.split(",") if text else []:
        first, _, last = part.partition("-")
        found += [str(n) for n in range(int(first), int(last or first) + 1)]
    return found or [""]


@pytest.mark.parametrize("key", SPELLED, ids=" ".join)
def test_every_dialect_names_the_same_modules(key: tuple[str, str]) -> None:
    layers, plain = SPELLED[key], plain_of(key)
    prefix = "" if key[0] in DENOISERS else "text_encoder."
    flattened = {f"lora_unet_{flat(name)}": prefix + name for name in layers}
    if not prefix:
        found = plan(listing(tools.lora(layers, tools.kohya("lora_unet_"), KOHYA)))
        assert by_module(found, flattened.__getitem__) == by_module(plain)
    part = known(key[0]).part
    ours = {cut.name for name in layers for cut in known(key[0]).aliases[flat(name)]}
    assert {m.name for m in plain.modules} == {f"{part}.{name}" for name in ours}
    assert not plain.not_read


def test_models_with_many_layers_of_one_name_and_size_are_searched_together() -> None:
    own = {
        model: {(name, x.out, x.columns) for name, x in known(model).layers.items() if x.out}
        for model in DENOISERS
        if model not in ("sd1", "sd2")  # of which a file is said to be one
    }
    for one, other in combinations(own, 2):
        if len(own[one] & own[other]) >= 4:
            assert groups_of(one) == groups_of(other), (one, other)


def architecture(layers: Layers) -> str:
    return plan(listing(tools.lora(layers, tools.dotted("transformer."), PEFT))).architecture


def some(model: str, *words: str) -> Layers:
    return {n: s for n, s in layers_of(model).items() if any(word in n for word in words)}


def test_a_file_is_of_the_model_that_alone_has_all_of_it_or_of_one_of_several() -> None:
    assert architecture(some("qwen-image", ".attn.")) == "qwen-image"
    first = architecture(some("qwen-image", "blocks.0.attn."))
    assert first == "flux|flux2-klein-4b|qwen-image|hunyuan-video"
    assert groups_of(first) == ("flux",)
    assert architecture(some("hunyuan-video", ".attn.")) == "hunyuan-video"
    assert architecture(some("flux", ".attn.", ".ff.")) == "flux"
    assert architecture(some("chroma", "distilled", "img")) == "chroma"
    assert architecture(some("longcat", ".attn.")) == "flux"
    assert architecture(some("bria-fibo", "caption_projection")) == "bria-fibo"
    assert architecture(some("ltx-2b", "attn1")) == "ltx-2b|cosmos-2b"
    assert architecture(some("sdxl", "attn2")) == "sdxl"
    assert architecture(some("kolors", "encoder_hid_proj")) == "kolors"


def test_a_model_of_which_no_file_was_seen_is_said_to_be_one() -> None:
    for model in ("flux", "wan-5b", "krea2", "prx"):
        layers = dict(list(layers_of(model).items())[:40])
        found = plan(listing(tools.lora(layers, tools.dotted("transformer."), PEFT)))
        assert any("no file was seen" in each for each in found.remarks) == (model in UNPROVED)


WAN = {
    f"blocks.{i}.{name}": (5120, 5120)
    for i in range(6)
    for name in ("self_attn.q", "self_attn.v", "cross_attn.o")
}


def expert(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    numbers = np.random.RandomState(seed)
    return {
        name: (numbers.standard_normal((1, inn)), numbers.standard_normal((out, 1)))
        for name, (out, inn) in WAN.items()
    }


def both(dtype: str) -> bytes:
    """Two experts in one file."""
    return together(("transformer.", "transformer_2."), dtype)


def together(words: tuple[str, str], dtype: str) -> bytes:
    """Two adapters in one file, with these words before the names of each."""
    names = {f"{words[0]}{n}": f for n, f in expert(1).items()}
    names |= {f"{words[1]}{n}": f for n, f in expert(2).items()}
    return saved(names, "", dtype)


def test_both_experts_in_one_file_are_two_adapters() -> None:
    found = read(both("<f2"))
    assert found.sketch is not None
    whole = decode(found.sketch)
    assert (whole.architecture, len(whole.ids)) == ("wan-14b", 2 * len(WAN))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("removed", ["both", "one"])
def test_either_expert_is_found_alone(store: Store, seed: int, removed: str) -> None:
    """Taken from a removal of both; and within a file of both, where it alone was removed."""
    alone = saved(expert(seed), "diffusion_model.", "<f4")
    first, second = (both("<f2"), alone) if removed == "both" else (alone, both("<f2"))
    removal = remove(store, sketched(first))
    (match,) = registry(store).match_fingerprint(read(second))
    assert match.removal == removal
    assert match.evidence[0].figures["modules"] == len(WAN)


def test_a_mistake_in_a_table_is_told() -> None:
    with pytest.raises(ValueError, match="no size"):
        Family("x h what").table(h=1)
    with pytest.raises(ValueError, match="two layers"):
        Family("(x,y) h h", {"a": "z = x\nz = y"}).table(h=1)


def test_a_language_model_has_one_name_wherever_its_adapter_says_that_it_is() -> None:
    def names(prefix: str) -> list[str]:
        layers = {f"{prefix}layers.{i}.self_attn.q_proj": (96, 64, 1) for i in range(4)}
        found: Plan = plan(listing(tools.lora(layers, tools.dotted("base_model.model."), PEFT)))
        return [module.name for module in found.modules]

    spelled = ["", "model.", "language_model.model.", "model.language_model."]
    assert {tuple(names(prefix)) for prefix in spelled} == {
        tuple(f"language.layers.{i}.self_attn.q_proj" for i in range(4))
    }


@pytest.mark.parametrize(
    "words",
    [("dit.", "dit2."), ("high_noise.", "low_noise."), ("experts.0.", "experts.1."), ("a.", "b.")],
)
def test_two_adapters_in_one_file_are_each_found(store: Store, words: tuple[str, str]) -> None:
    """Whatever words stand before their names: the second is no part of the first."""
    removals = [
        remove(store, sketched(saved(expert(seed), "diffusion_model.", "<f4"))) for seed in (1, 2)
    ]
    found = read(together(words, "<f2"))
    matches = registry(store).match_fingerprint(found)
    assert sorted(match.removal for match in matches) == sorted(removals)
