from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from reseen.errors import InputError
from reseen.hubs.folder import LocalArtifact, shown, walk
from reseen.records import Problem, RepoType

BIG = bytes(range(256)) * 8
COMMIT = "c" * 40


def look(root: Path) -> tuple[dict[str, LocalArtifact], list[Problem]]:
    found = list(walk(root))
    artifacts = [entry for entry in found if isinstance(entry, LocalArtifact)]
    names = [entry.artifact.path for entry in artifacts]
    assert len(set(names)) == len(names)
    problems = [entry for entry in found if isinstance(entry, Problem)]
    return dict(zip(names, artifacts, strict=True)), problems


def test_every_regular_file_from_1_kib_on_is_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "LORA").write_bytes(BIG)
    (tmp_path / "a.txt").write_bytes(bytes(1024))
    (tmp_path / "b.txt").write_bytes(bytes(1023))
    found, problems = look(tmp_path)
    assert list(found) == ["a.txt", "deep/er/LORA"]
    lora = found["deep/er/LORA"]
    assert lora.artifact.hub == "folder"
    assert lora.artifact.repo == str(tmp_path)
    assert lora.artifact.size == len(BIG)
    assert lora.file.read_bytes() == BIG
    assert problems == []


def test_one_file_can_be_named_itself(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(BIG)
    found, _ = look(tmp_path / "x")
    assert list(found) == ["x"]


def test_nothing_there_is_an_error_that_does_not_repeat_the_path(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        walk(tmp_path / "secret-name")
    assert "secret" not in str(caught.value)


def test_links_are_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(BIG)
    root = tmp_path / "root"
    root.mkdir()
    (root / "here").write_bytes(BIG)
    (root / "inside").symlink_to("here")
    (root / "out").symlink_to(outside / "x")
    (root / "out-folder").symlink_to(outside)
    (root / "circle").symlink_to("circle")
    (root / "up").symlink_to("..")
    (root / "self").symlink_to(".")
    (root / "nowhere").symlink_to("missing")
    found, problems = look(root)
    assert list(found) == ["here"]
    assert sorted(Path(p.where).name for p in problems) == [
        "circle",
        "nowhere",
        "out",
        "out-folder",
        "up",
    ]


def test_what_is_no_file_is_a_problem_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    there = Path.cwd()
    with socket.socket(socket.AF_UNIX) as door:
        os.chdir(tmp_path)  # a socket's path has to be short
        try:
            door.bind("door")
        finally:
            os.chdir(there)
        found, problems = look(tmp_path)
    assert found == {}
    assert [p.reason for p in problems] == ["neither a file nor a folder"] * 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(BIG)
    (tmp_path / "x").chmod(0)
    (tmp_path / "folder").mkdir(mode=0)
    found, problems = look(tmp_path)
    (tmp_path / "folder").chmod(0o700)
    assert found == {}
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"caf\xe9.bin", "caf\\xe9.bin"),
        (b"a\x1b[31m", "a\\x1b[31m"),
        (b"a\nb", "a\\nb"),
        ("日本".encode(), "日本"),
        ("a\u202eb".encode(), "a\\u202eb"),
        ("a\ufeffb".encode(), "a\\ufeffb"),
    ],
)
def test_odd_names_are_shown_escaped_and_opened_as_they_are(
    tmp_path: Path, name: bytes, text: str
) -> None:
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(BIG)
    found, problems = look(tmp_path)
    assert list(found) == [text]
    assert text.isprintable()
    assert found[text].file.read_bytes() == BIG
    assert problems == []


def test_shown_is_printable() -> None:
    every = bytes(b for b in range(1, 256))
    assert shown(os.fsdecode(every)).isprintable()


def test_a_tree_deeper_than_paths_may_be_ends_with_a_problem(tmp_path: Path) -> None:
    name = "d" * 200
    there = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir(name, dir_fd=there)
        deeper = os.open(name, os.O_RDONLY, dir_fd=there)
        os.close(there)
        there = deeper
    os.close(there)
    found, problems = look(tmp_path)
    assert found == {}
    assert len(problems) == 1


def cache(root: Path, kind: str = "models", repo: str = "account-01--copy") -> Path:
    folder = root / f"{kind}--{repo}"
    (folder / "blobs").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots" / COMMIT / "sub").mkdir(parents=True)
    sha = hashlib.sha256(BIG).hexdigest()
    (folder / "blobs" / sha).write_bytes(BIG)
    (folder / "blobs" / ("d" * 40)).write_bytes(BIG[::-1])
    snapshot = folder / "snapshots" / COMMIT
    (snapshot / "lora.safetensors").symlink_to(f"../../blobs/{sha}")
    (snapshot / "sub" / "config.json").symlink_to("../../../blobs/" + "d" * 40)
    return folder


@pytest.mark.parametrize("above", ["", "huggingface/hub"])
@pytest.mark.parametrize(
    ("kind", "type"), [("models", RepoType.MODEL), ("datasets", RepoType.DATASET)]
)
def test_a_hub_cache_is_known_by_repository_and_commit(
    tmp_path: Path, above: str, kind: str, type: RepoType
) -> None:
    folder = cache(tmp_path / above, kind)
    for root in (tmp_path, folder):
        found, problems = look(root)
        assert list(found) == ["lora.safetensors", "sub/config.json"]
        lora = found["lora.safetensors"].artifact
        assert (lora.type, lora.repo, lora.revision) == (type, "account-01/copy", COMMIT)
        assert lora.sha256 == hashlib.sha256(BIG).digest()
        config = found["sub/config.json"].artifact
        assert (config.sha256, config.git_oid) == (None, bytes.fromhex("d" * 40))
        assert found["lora.safetensors"].file.read_bytes() == BIG
        assert problems == []


def test_a_content_at_two_commits_is_known_for_one(tmp_path: Path) -> None:
    folder = cache(tmp_path)
    other = folder / "snapshots" / ("e" * 40)
    other.mkdir()
    (other / "again.bin").symlink_to("../../blobs/" + hashlib.sha256(BIG).hexdigest())
    found, _ = look(tmp_path)
    assert found["again.bin"].artifact.revision == "e" * 40
    assert found["again.bin"].content == found["lora.safetensors"].content


def test_a_content_that_no_snapshot_names_is_seen(tmp_path: Path) -> None:
    folder = cache(tmp_path)
    (folder / "blobs" / ("f" * 64)).write_bytes(BIG * 2)
    found, _ = look(tmp_path)
    assert found["blobs/" + "f" * 64].artifact.repo == "account-01/copy"


def test_a_cache_cannot_lead_out_of_its_blobs(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(BIG)
    folder = cache(tmp_path / "root")
    snapshot = folder / "snapshots" / COMMIT
    (snapshot / "out").symlink_to(tmp_path / "outside")
    (folder / "blobs" / ("a" * 64)).symlink_to(tmp_path / "outside")
    (snapshot / "via").symlink_to("../../blobs/" + "a" * 64)
    (snapshot / "folder").symlink_to(tmp_path)
    found, problems = look(tmp_path / "root")
    assert list(found) == ["lora.safetensors", "sub/config.json"]
    assert {Path(p.where).name for p in problems} >= {"out", "via", "folder"}


def test_a_cache_whose_blobs_are_elsewhere_is_a_plain_folder(tmp_path: Path) -> None:
    folder = cache(tmp_path / "root")
    (folder / "blobs").rename(tmp_path / "blobs")
    (folder / "blobs").symlink_to(tmp_path / "blobs")
    found, problems = look(tmp_path / "root")
    assert found == {}
    assert len(problems) == 3
