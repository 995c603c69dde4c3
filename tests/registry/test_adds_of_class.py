"""Archives of the class that is never read: each model in one is known by its digests alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.files import build
from tests.match.made import KEYRING, adapter, known, read, safetensors

from reseen.fingerprints import digests
from reseen.records import Artifact, DigestKind, RemovalClass, RepoType
from reseen.registry.adds import AddOptions, AddOutcome, add_files
from reseen.store.database import Store

MODEL, OTHER = safetensors(adapter(7)), build.torch_zip({"x": build.ramp("F16", 700)})
CLASS = AddOptions(list="ours", cls=RemovalClass.CHILD_ABUSE)


def stated(data: bytes) -> Artifact:
    """As a hub states it."""
    sha256 = read(data).digest(DigestKind.SHA256)
    assert sha256 is not None
    place = ("hub.example", RepoType.MODEL, "a/b", "c" * 40, None, "x")
    return Artifact(*place, size=len(data), sha256=sha256.value, lfs=True)


def test_each_model_in_an_archive_is_one_more(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "all.zip"
    text = b"read me " * 500
    files = {"a/one.safetensors": MODEL, "two.pt": OTHER, "README.md": text}
    path.write_bytes(build.python_zip(files))

    def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing of what is in it is looked at")

    monkeypatch.setattr(digests.Fingerprinter, "__init__", never)
    added = add_files(store, KEYRING, [path], CLASS)
    monkeypatch.undo()
    assert [one.outcome for one in added] == [AddOutcome.ADDED] * 3
    index = known(store)
    for data in (MODEL, OTHER):
        (match,) = index.match(stated(data))
        assert match.removal in {one.removal for one in added}
    assert not index.match(stated(text))
    assert not index.sketched


def test_what_cannot_be_opened_is_said(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    whole = build.python_zip({"a/one.safetensors": MODEL})
    path.write_bytes(whole[: len(whole) // 2])
    (added,) = add_files(store, KEYRING, [path], CLASS)
    assert added.outcome is AddOutcome.ADDED
    assert added.reason
