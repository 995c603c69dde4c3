"""The models that have a table in a few lines, by name, and what is said of them together."""

from __future__ import annotations

from collections.abc import Mapping

from reseen.updates.names import image, unproved, video
from reseen.updates.names.compact import Family

Sized = tuple[Family, Mapping[str, int]]

_JOINT = {"d": 20, "s": 40, "r": 2}
PROVED: Mapping[str, Sized] = {
    "chroma": (image.CHROMA, {"h": 3072, "d": 19, "s": 38}),
    "flux2": (image.FLUX2, {"h": 6144, "d": 8, "s": 48, "t": 15360}),
    "flux2-klein-4b": (image.FLUX2, {"h": 3072, "d": 5, "s": 20, "t": 7680}),
    "flux2-klein-9b": (image.FLUX2, {"h": 4096, "d": 8, "s": 24, "t": 12288}),
    "qwen-image": (image.QWEN_IMAGE, {"h": 3072, "n": 60}),
    "z-image": (image.Z_IMAGE, {"h": 3840, "f": 10240, "n": 30, "r": 2}),
    "lumina2": (image.LUMINA2, {"h": 2304, "k": 768, "n": 26, "r": 2}),
    "hidream": (image.HIDREAM, {"h": 2560, "d": 16, "s": 32}),
    "auraflow": (image.AURAFLOW, {"h": 3072, "d": 4, "s": 32}),
    "pixart-sigma": (image.PIXART, {"h": 1152, "n": 28}),
    "sana": (image.SANA, {"h": 2240, "n": 20}),
    "cogview4": (image.COGVIEW4, {"h": 4096, "n": 28}),
    "wan-1.3b": (video.WAN, {"h": 1536, "f": 8960, "n": 30, "v": 15, "p": 16, "o": 64}),
    "wan-14b": (video.WAN, {"h": 5120, "f": 13824, "n": 40, "v": 8, "p": 16, "o": 64}),
    "wan-5b": (video.WAN, {"h": 3072, "f": 14336, "n": 30, "v": 0, "p": 48, "o": 192}),
    "hunyuan-video": (video.HUNYUAN_VIDEO, {"h": 3072, "t": 4096, "c": 16, "k": 2, **_JOINT}),
    "hunyuan-video-1.5": (
        video.HUNYUAN_VIDEO_15,
        {"h": 2048, "t": 3584, "c": 65, "k": 1, "m": 2048, "d": 54, "r": 2},
    ),
    "hunyuan-image": (
        video.HUNYUAN_IMAGE,
        {"h": 3584, "t": 3584, "c": 64, "k": 1, "m": 2048, **_JOINT},
    ),
    "ltx-2b": (video.LTX, {"h": 2048, "n": 28}),
    "ltx-13b": (video.LTX, {"h": 4096, "n": 48}),
    "ltx-2": (video.LTX2, {"h": 4096, "a": 2048, "n": 48}),
    "cogvideox-2b": (video.COGVIDEOX, {"h": 1920, "n": 30}),
    "cogvideox-5b": (video.COGVIDEOX, {"h": 3072, "n": 42}),
    "mochi": (video.MOCHI, {"h": 3072, "y": 1536}),
    "cosmos-7b": (video.COSMOS, {"h": 4096, "n": 28}),
    "cosmos-2b": (video.COSMOS, {"h": 2048, "n": 28}),
    "cosmos-14b": (video.COSMOS, {"h": 5120, "n": 36}),
    "kandinsky5": (video.KANDINSKY5, {"h": 2048, "n": 32, "t": 2}),
    "animatediff": (video.ANIMATEDIFF, {}),
}
UNPROVED: Mapping[str, Sized] = {
    "flux3": (unproved.FLUX3, {"h": 3072, "m": 5, "s": 28}),
    "krea2": (unproved.KREA2, {"h": 6144, "t": 2560, "n": 28}),
    "ideogram4": (unproved.IDEOGRAM4, {"h": 4608, "n": 34}),
    "longcat": (unproved.LONGCAT, {"h": 3072, "d": 19, "s": 38, "t": 3584}),
    "ovis": (unproved.OVIS, {"h": 3072, "d": 6, "s": 27, "t": 2048}),
    "glm-image": (unproved.GLM_IMAGE, {"h": 2560, "n": 30}),
    "bria-fibo": (unproved.BRIA, {"h": 3072, "d": 19, "s": 38, "t": 4096}),
    "prx": (unproved.PRX, {"h": 1792, "n": 16}),
    "ernie-image": (unproved.ERNIE_IMAGE, {"h": 3072, "n": 24}),
}

VARIANTS: Mapping[str, str] = {"chroma": "flux", "kolors": "sdxl"}
"""Models that have nearly all of another, name by name and size by size. What both have is said to
be the other's; where a layer is that only the variant has, it is the variant's."""

EXPERTS = ("wan-14b",)
"""Models of two experts, which are adapted apart: an adapter may be of one, or of both in one file.
Of which of the two, the file does not always say."""

_LIKE_FLUX = (
    *("chroma", "qwen-image", "hunyuan-video", "flux2-klein-4b", "auraflow"),
    *("longcat", "ovis", "bria-fibo", "flux3", "cogvideox-5b", "mochi"),
)
GROUPS: Mapping[str, str] = {
    **dict.fromkeys(_LIKE_FLUX, "flux"),
    "kolors": "sdxl",
    **dict.fromkeys(("cosmos-2b",), "ltx-2b"),
    **dict.fromkeys(("ltx-2", "cosmos-7b", "cogview4"), "ltx-13b"),
    "hunyuan-video-1.5": "ltx-2b",
    "krea2": "flux2",
}
"""Models that are searched among those of another, for they have many layers of one name and one
size: whoever takes away the layers that tell them apart hides nothing."""
