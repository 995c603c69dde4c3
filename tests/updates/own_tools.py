"""What the vectors of libraries are, and how the objects that are sketched act on a base weight."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    algorithm: str
    objects: tuple[str, ...]
    """Which are sketched."""
    tensors: Mapping[str, NDArray[np.float32]]
    """As the library saves them."""
    config: Mapping[str, Any]
    """The adapter_config.json beside it, what matters of it."""
    base: Array
    """The weight of the layer."""
    delta: Array
    """What the library adds to it."""
    shared: Mapping[str, Array]
    """What strangers share and the file does not hold."""


def packed(array: Array) -> list[Any]:
    made = np.ascontiguousarray(array, "<f4")
    return [list(made.shape), base64.b64encode(made.tobytes()).decode()]


def unpacked(value: list[Any]) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(value[1]), "<f4").reshape(value[0])


def case_of(stored: Mapping[str, Any]) -> Case:
    return Case(
        stored["algorithm"],
        tuple(stored["objects"]),
        {name: unpacked(value) for name, value in stored["tensors"].items()},
        stored["config"],
        unpacked(stored["base"]).astype("f8"),
        unpacked(stored["delta"]).astype("f8"),
        {name: unpacked(value).astype("f8") for name, value in stored["shared"].items()},
    )


def stored(case: Case) -> dict[str, Any]:
    return {
        "algorithm": case.algorithm,
        "objects": list(case.objects),
        "tensors": {name: packed(a) for name, a in case.tensors.items()},
        "config": dict(case.config),
        "base": packed(case.base),
        "delta": packed(case.delta),
        "shared": {name: packed(a) for name, a in case.shared.items()},
    }


def applied(case: Case, objects: Mapping[str, Array]) -> Array:
    """What is added to the base weight by objects, each alone or together."""
    base = case.base.reshape(len(case.base), -1)
    out, inn = base.shape

    def vector(name: str, size: int) -> Array:
        if name not in objects:
            return np.ones(size)
        flat = objects[name].reshape(-1).astype("f8")
        assert not flat[size:].any()
        return 1 + flat[:size]

    def square(name: str, size: int) -> Array:
        return np.eye(size) + objects.get(name, np.zeros((size, size)))

    if "spectrum" in objects:
        whole = np.zeros(out * inn)
        places = case.shared["places"].astype(int)
        whole[places] = objects["spectrum"].reshape(-1)[: len(places)]
        delta = np.fft.ifft2(whole.reshape(out, inn)).real * case.config["scaling"]
    elif case.algorithm == "vera":
        scale = vector("scale.out", out) - 1
        rank = next(a for n, a in case.tensors.items() if n.endswith("lambda_d"))
        first, second = case.shared["vera_A"], case.shared["vera_B"]
        delta = (scale[:, None] * second[:out]) @ (rank[:, None] * first[:, :inn])
    else:
        if case.config.get("use_cayley_neumann") is False:
            # A file does not say which of two signs its rotation has: it is the inverse of ours.
            objects = {"rot.in": objects["rot.in"].T}
        turned = square("rot.out", out) @ base @ square("rot.in", inn) @ square("glora.in", inn)
        if "scale" in objects:
            side = vector("scale", out if case.config["side"] == "out" else inn)
            turned = turned * (side[:, None] if case.config["side"] == "out" else side)
        turned = vector("scale.out", out)[:, None] * turned * vector("scale.in", inn)
        delta = turned + objects.get("", 0) - base
    return delta.reshape(case.base.shape)
