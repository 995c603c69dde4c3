"""Who downloads a repository as an archive gets Git LFS pointers instead of its models: each is
judged by what it states, as one that lies in a folder is."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.any_store import keyring, settings, store

from reseen.files import lfs_pointer, limits
from reseen.files.archives import UnpackBudget
from reseen.files.source import OpenSpool
from reseen.fingerprints.git import pointer
from reseen.fingerprints.members import ON_POINTER, with_members
from reseen.operations.checks import Checker
from reseen.records import Container, Fingerprint, Rung
from reseen.registry.imports import ImportOptions, import_list
from reseen.registry.never_read import NOTHING, read_local
from reseen.scan.read_result import blind_to
from reseen.store.database import Store
from reseen.store.sealing import Keyring

__all__ = ["keyring", "settings", "store"]

SHA = hashlib.sha256(b"a removed file").digest()
OTHER = hashlib.sha256(b"another").digest()
FILES = {
    "repo-main/README.md": b"A short text.\n" * 20,
    "repo-main/adapter_config.json": b'{"peft_type": "LORA", "r": 4, "lora_alpha": 4}' + b" " * 99,
    "repo-main/model.safetensors": pointer(SHA, 12345),
    "repo-main/more/other.bin": pointer(OTHER, 6789),
    "repo-main/nearly.bin": pointer(SHA, 12345) + b"and more",
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


ARCHIVES = {
    "zip": zipped(FILES),
    "tar": tarred(FILES),
    "zip in tar": tarred({"inner.zip": zipped(FILES | {"pad": bytes(2000)})}),
}


def pointers(read: Fingerprint) -> dict[str, bytes]:
    told = ((place.rpartition("/")[2].lstrip("!"), inner) for place, inner in read.within)
    return {name: inner.pointer.sha256 for name, inner in told if inner.pointer is not None}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_each_is_known_by_what_it_states(
    kind: str, store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    path = tmp_path / "download"
    path.write_bytes(ARCHIVES[kind])
    read = read_local(path, NOTHING)
    assert pointers(read) == {"model.safetensors": SHA, "other.bin": OTHER}
    assert not [place for place, _ in read.within if place.endswith((".md", ".json", "nearly.bin"))]
    listed = tmp_path / "removed.csv"
    listed.write_text(f"sha256\n{SHA.hex()}\n")
    import_list(store, keyring, listed, ImportOptions(keep_rejects=False))
    checked = Checker(store, keyring).check(path)
    assert checked.matched
    assert not checked.judged_whole
    ((place, known),) = [each for each in checked.members if each[1].matches]
    assert place.endswith("repo-main/model.safetensors")
    assert [match.rung for match in known.matches] == [Rung.DECLARED]
    assert all(
        blind_to(place, inner.container, inner.blind) == (ON_POINTER,)
        for place, inner in read.within
        if inner.container is Container.LFS_POINTER
    )


def test_as_many_are_looked_at_as_a_zip_has_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small files take no place of a model's, and are not looked at for ever."""
    path = tmp_path / "many.zip"
    texts = {f"{number:03}.txt": b"x" * lfs_pointer.SHORTEST for number in range(40)}
    path.write_bytes(zipped(texts | {"z.bin": pointer(SHA, 5), "z.data": bytes(2000)}))
    monkeypatch.setattr(limits, "MEMBERS", 2)
    assert pointers(read_local(path, NOTHING)) == {"z.bin": SHA}
    with path.open("rb") as opened:
        source = OpenSpool(opened.fileno(), path.stat().st_size)
        budget = UnpackBudget.of(source.size)
        budget.small = 40
        whole = Fingerprint(size=source.size, container=Container.ZIP, digests=(), problem="a zip")
        assert pointers(with_members(source, whole, budget=budget)) == {}
