"""An upload that is an archive is judged by what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.files import build, packed
from tests.gate.standing import running, settings_in
from tests.match.updates import CAST, OTHER, REMOVED, put

from reseen.gate import answers, upload_work
from reseen.gate.gate import GateProcess
from reseen.gate.policy import Policy
from reseen.gate.upload_work import from_json, read_upload
from reseen.records import Advice, DigestKind, Fingerprint
from reseen.registry.never_read import Classes
from reseen.store.database import Store


def uploaded(data: bytes, classes: Classes | None = None) -> Fingerprint:
    return read_upload([data[at : at + 999] for at in range(0, len(data), 999)], len(data), classes)


@pytest.fixture
def gate(store: Store, tmp_path: Path) -> Iterator[GateProcess]:
    put(store, REMOVED)
    with running(settings_in(tmp_path), store) as made:
        yield made


def answer(gate: GateProcess, found: Fingerprint) -> dict[str, Any]:
    body, (result,) = gate.check_file(found)
    told: dict[str, Any] = json.loads(body)
    assert told["results"][0]["advice"] == result.advice.value
    return told


@pytest.mark.parametrize("pack", [build.python_zip, packed.tar, packed.by_library])
def test_matches_are_named_with_their_member(gate: GateProcess, pack) -> None:  # type: ignore[no-untyped-def]
    files = {"notes.txt": b"text " * 300, "a/cast": CAST, "same": REMOVED, "other": OTHER}
    told = answer(gate, uploaded(pack(files)))
    assert told["results"][0]["advice"] == "block"
    matches = {(m["member"], m["rung"]) for m in told["results"][0]["matches"]}
    assert matches >= {("same", "bytes"), ("a/cast", "weights")}
    assert {member for member, _ in matches} == {"same", "a/cast"}
    assert told["results"][0]["matches"][0]["rung"] == "bytes"
    assert [m["path"] for m in told["file"]["members"]] == list(files)
    assert told["file"]["only_digests"] is None


@pytest.mark.parametrize("before", [b"MZ" + bytes(5_000), b"\x89PNG\r\n\x1a\n" + bytes(5_000)])
def test_what_is_removed_is_known_in_an_archive_behind_other_bytes(
    gate: GateProcess, before: bytes
) -> None:
    told = answer(gate, uploaded(before + build.python_zip({"a": REMOVED})))
    assert told["results"][0]["matches"][0]["member"] == "a"


def test_a_plain_file_has_no_members(gate: GateProcess) -> None:
    told = answer(gate, uploaded(REMOVED))
    assert "members" not in told["file"]
    assert "member" not in told["results"][0]["matches"][0]


def test_what_of_an_archive_is_not_read_is_ruled_as_what_only_digests_judge(
    gate: GateProcess,
) -> None:
    rules = Policy({}, Advice.HOLD)
    for files, judged in (
        ({"a": OTHER, "notes": b"text " * 300}, True),
        ({"a": OTHER, "b": b"\x07" * 5_000}, False),
        ({"b": build.python_zip({"a": OTHER, "b": b"\x07" * 5_000})}, False),
    ):
        made = answers.result_of_file([], rules, uploaded(build.python_zip(files)))
        assert (made.only_digests is None) == judged
    cut = build.python_zip({"a": OTHER})[:-30]
    assert answers.result_of_file([], rules, uploaded(cut)).advice is Advice.HOLD


def test_what_a_file_hides_beside_what_it_seems_to_be_is_ruled_so_too() -> None:
    rules = Policy({}, Advice.HOLD)
    picture = b"\x89PNG\r\n\x1a\n" + bytes(5_000)
    gguf = build.gguf({name: build.ramp("F16", 64, 64) for name in ("a.lora_up", "a.lora_down")})
    whole, hidden = ({"a": OTHER}, {"a": OTHER, "b": b"\x07" * 5_000})
    whole, hidden = map(build.python_zip, (whole, hidden))
    assert answers.result_of_file([], rules, uploaded(picture)).advice is Advice.ALLOW
    read = answers.result_of_file([], rules, uploaded(picture + whole))
    assert read.advice is Advice.ALLOW, "all that is in it was read, as in any archive"
    for data in (picture + hidden, build.python_zip({"a": picture + hidden}), gguf + hidden):
        assert answers.result_of_file([], rules, uploaded(data)).advice is Advice.HOLD


def test_what_is_told_of_an_archive_comes_back_and_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {f"{n}.bin": bytes([n]) * 5_000 for n in range(70)}
    found = uploaded(build.python_zip(files))
    assert len(found.members) == upload_work.MOST_MEMBERS
    assert "too-many" in [spot.code for spot in found.blind]
    assert from_json(json.loads(json.dumps(upload_work._told(found)))) == found
    monkeypatch.setattr(upload_work, "MOST_TOLD", 20_000)
    told = from_json(upload_work._told(found))
    assert 0 < len(told.members) < 64
    assert told.blind[-1].count == 64 - len(told.members)
    assert told.digests == found.digests


def test_a_member_of_the_class_that_is_never_read_ends_at_its_digests() -> None:
    class Never:
        def is_never_read(self, kind: int, value: bytes) -> bool:
            return (kind, value) == (DigestKind.SHA256, secret)

    plain = dict(uploaded(packed.tar({"a": REMOVED, "b": OTHER})).within)
    sha256 = plain["!a"].digest(DigestKind.SHA256)
    assert sha256 is not None
    secret = sha256.value
    found = dict(uploaded(packed.tar({"a": REMOVED, "b": OTHER}), Never()).within)
    assert found["!a"].sketch is None
    assert [spot.code for spot in found["!a"].blind] == ["never-read"]
    assert found["!b"] == plain["!b"]
