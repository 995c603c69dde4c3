"""Why tensors are no part of an update that is read here: each reason in words has one word for
programs. A test holds the table to all reasons that there are."""

from __future__ import annotations

from collections.abc import Mapping

from reseen.files.gguf import ODD_TYPES
from reseen.files.npz import ARRAYS_OF_OBJECTS, OTHER_ARRAYS
from reseen.files.tensors import NO_MODEL_HAS, OUTSIDE
from reseen.files.torch_state import ARRAYS, MADE_BY_CALLS, OTHER_KINDS
from reseen.files.torch_zip import BESIDE
from reseen.updates.layers import SECOND_ADAPTER
from reseen.updates.names.suffixes import OTHER
from reseen.updates.own_shapes import ODD_HRA

OTHERWISE = "other"

FUSED = "fused layers whose height does not divide"
SECOND_UPDATE = "a second update of a module: only one is read"
BEGINS_FROM_BASE = (
    "begins as a part of the base weight (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA): not read, it is "
    "not known again without it"
)
SAID_FROM_BASE = (
    "its configuration says that it begins as a part of the base weight: layers whose numbers "
    "agree are not read"
)
BEGINS_DRAWN = (
    "begins from random numbers, or is not said to begin from nothing: not read, strangers of one "
    "seed share them"
)
FEW_VALUES = (
    "AdaLoRA of few values: not read, the factors between which they stand may be a stranger's"
)

WHOLE_NUMBERS = (
    "factors that are whole numbers, without what scales them: compared as they stand, which may "
    "be other than what they stand for"
)

OWN_NAMES = "names that tell no layer of a known model: compared under the file's own names alone"
OR_BY_ORDER = (
    "names that tell no layer of a known model: compared under the file's own names, and by the "
    "order of its layers"
)

CODES: Mapping[str, str] = {
    **{reason: code for code, reason in OTHER.items()},
    BESIDE: "beside",
    OUTSIDE: "beside",
    NO_MODEL_HAS: "odd-tensors",
    ARRAYS: "numpy",
    MADE_BY_CALLS: "calls",
    OTHER_KINDS: "tensor-kind",
    ODD_TYPES: "tensor-kind",
    ARRAYS_OF_OBJECTS: "numpy",
    OTHER_ARRAYS: "numpy",
    "names longer than any known": "long-names",
    "names that no known adapter uses": "unknown-names",
    "whole weights (a checkpoint or another model): not an update, not read yet": "whole-weights",
    "a second tensor for the same part of a layer": "second-tensor",
    "a second algorithm for one layer: only the first is read": "second-algorithm",
    SECOND_ADAPTER: "second-adapter",
    WHOLE_NUMBERS: "quantised",
    OWN_NAMES: "own-names",
    OR_BY_ORDER: "own-names",
    SECOND_UPDATE: "second-update",
    FUSED: "fused",
    BEGINS_FROM_BASE: "base-needed",
    BEGINS_DRAWN: "shared-beginning",
    FEW_VALUES: "shared-beginning",
    ODD_HRA: "shared-beginning",
    "factors that are whole numbers (quantised): not read yet": "quantised",
    "an alpha or scale without factors (or the scale of a norm)": "lone-scale",
    "an alpha or scale that is not one number": "lone-scale",
    "factors that are no numbers": "no-numbers",
    "a tensor larger than any known layer": "too-large",
    "a layer larger than any known": "too-large",
    "factors larger than any known": "too-large",
    "an empty layer": "empty",
    "only some of the tensors that an update needs": "incomplete",
    "factors of a form that no known algorithm has": "unknown-form",
    "factors whose ranks do not agree": "contradiction",
    "two kernels for one layer": "contradiction",
    "two factors of different size": "contradiction",
    "differences of a bias or norm: not part of an update matrix": "bias",
}
"""Reason in words -> code."""


def code_of(reason: str) -> str:
    """The code of a reason."""
    return CODES.get(reason, OTHERWISE)
