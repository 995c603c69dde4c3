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
