"""PEFT and LyCORIS as judges of adapters that multiply the base weight, where they are installed.

An optional job: `make oracles`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for _name in ("torch", "peft", "lycoris", "bitsandbytes", "comfy_kitchen"):
    pytest.importorskip(_name)

from tests.updates import quantised_oracles  # noqa: E402
from tests.updates.own_oracles import cases  # noqa: E402
from tests.updates.own_tools import Case, case_of  # noqa: E402

NOW = dict(cases())
KEPT: dict[str, Any] = json.loads(Path(__file__).with_name("own_vectors.json").read_text())


def test_every_case_is_kept() -> None:
    assert NOW.keys() == KEPT.keys()


@pytest.mark.parametrize("name", sorted(NOW))
def test_what_is_kept_is_what_the_libraries_do(name: str) -> None:
    now, kept = NOW[name], case_of(KEPT[name])
    assert _words(now) == _words(kept)
    pairs = [(now.base, kept.base), (now.delta, kept.delta)]
    pairs += [(a, kept.tensors[n]) for n, a in now.tensors.items()]
    pairs += [(a, kept.shared[n]) for n, a in now.shared.items()]
    for one, other in pairs:
        assert np.allclose(one, other, rtol=1e-5, atol=1e-6)


def test_what_is_kept_of_quantised_factors_is_what_the_libraries_do() -> None:
    assert quantised_oracles.cases() == json.loads(quantised_oracles.KEPT.read_text())


def _words(case: Case) -> tuple[Any, ...]:
    return case.algorithm, case.objects, case.config, set(case.tensors), set(case.shared)
