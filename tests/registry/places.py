"""Sample repositories and artifacts for the registry's tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reseen.records import Artifact, Repository, RepoType

COMMIT, LATER = "a1" * 20, "b2" * 20

REPOSITORY = Repository(
    hub="huggingface.co",
    type=RepoType.MODEL,
    id="sample-account/lora",
    sha=COMMIT,
    downloads=7,
    likes=1,
)

ARTIFACT = Artifact(
    hub="huggingface.co",
    type=RepoType.MODEL,
    repo="sample-account/lora",
    revision=COMMIT,
    ref="main",
    path="Test model.safetensors",
    size=1234,
    sha256=b"\x11" * 32,
    xet=b"\x22" * 32,
    git_oid=b"\x33" * 20,
    lfs=True,
)


def artifact(**changes: Any) -> Artifact:
    """The sample artifact, with changes."""
    return replace(ARTIFACT, **changes)


def sketch(*, complete: bool, version: int = 1, of: int = 0) -> bytes:
    """A small sketch of file `of`: one module, and no file's is like another's."""
    import numpy as np

    from reseen.fingerprints.sketch import NUMBERS, SLOTS, Components, Sketch

    no_floats, no_steps = np.zeros(0, np.float32), np.zeros((0, NUMBERS), np.int8)
    none = Components(
        ids=np.zeros(0, np.uint32),
        ranks=np.zeros(0, np.uint16),
        has_space=np.zeros(0, np.bool_),
        space_scales=no_floats,
        space=no_steps,
        has_up=np.zeros(0, np.bool_),
        up_scales=no_floats,
        up=no_steps,
    )
    ones = np.ones(1, np.float32)
    return Sketch(
        architecture="sample",
        rank=4,
        complete=complete,
        ids=np.array([7], np.uint32),
        norms=ones,
        scales=ones,
        s=np.random.default_rng(of).choice(np.array([-1, 1], np.int8), (1, 64)),
        slots=np.zeros(SLOTS, np.uint32),
        components=None if version == 1 else none,
    ).encode()
