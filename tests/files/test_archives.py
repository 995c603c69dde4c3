"""What lies in archives is read as if it lay beside them, within bounds."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import json
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from tests.files import build, packed
from tests.files.build import T

from reseen.files import archives, behind, limits, unpacker
from reseen.files.archives import Packed, UnpackBudget
from reseen.files.rar_head import is_volume
from reseen.files.source import LocalFile
from reseen.fingerprints import members
from reseen.fingerprints.members import read_stream
from reseen.fingerprints.whole import fingerprint
from reseen.records import BlindSpot, Container, Digest, DigestKind, Fingerprint
from reseen.scan.read_result import blind_to

RNG = np.random.default_rng(11)


def half(*shape: int) -> T:
    return T("F16", shape, RNG.normal(0, 0.03, shape).astype("<f2").tobytes())


LORA = {
    f"lora_unet_down_blocks_1_attentions_0_transformer_blocks_{n}_attn1_to_q.{end}.weight": half(*s)
    for n in range(4)
    for end, s in (("lora_up", (64, 4)), ("lora_down", (4, 64)))
}
MODEL = build.safetensors(LORA)
OTHER_MODEL = build.safetensors({name: half(*t.shape) for name, t in LORA.items()})
TORCH = build.torch_zip(LORA)
FILES = {
    "x/model.safetensors": MODEL,
    "old.pt": TORCH,
    "read me.txt": b"text " * 300,
    "small": b".",
}
NAMES = ["x/model.safetensors", "old.pt", "read me.txt"]
KINDS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "stored.zip": build.python_zip,
    "deflated.zip": lambda files: build.python_zip(files, zipfile.ZIP_DEFLATED),
    "a.tar": packed.tar,
    "a.tar.gz": lambda files: packed.tar(files, "w:gz"),
    "a.tar.xz": lambda files: packed.tar(files, "w:xz"),
    "a.tar.bz2": lambda files: packed.tar(files, "w:bz2"),
    "a.7z": packed.by_library,
    "a.tar.zst": lambda files: packed.by_library(files, "gnutar", "zstd"),
}


def read(folder: Path, name: str, data: bytes) -> Fingerprint:
    (folder / name).write_bytes(data)
    return fingerprint(folder / name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_in_an_archive_is_the_model(kind: str, tmp_path: Path) -> None:
    found = read(tmp_path, kind, KINDS[kind](FILES))
    assert found.problem is None
    assert found.blind == ()
    assert [member.path for member in found.members] == NAMES
    for member, (name, data) in zip(found.members, FILES.items(), strict=False):
        alone = read(tmp_path, "alone", data)
        assert member.fingerprint == alone, name
    assert found.members[0].fingerprint.sketch
    assert found.members[1].fingerprint.sketch == found.members[0].fingerprint.sketch


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_one_packed_file_is_a_member(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (member,) = read(tmp_path, "model.safetensors.gz", pack(MODEL)).members
    assert member.fingerprint == read(tmp_path, "alone", MODEL)


def test_what_its_first_entry_is_called_hides_nothing(tmp_path: Path) -> None:
    for first in ("x/data.pkl", "a.npy", "model_index.json"):
        data = build.python_zip({first: b"x" * 2000, "model.safetensors": MODEL})
        inside = [m.fingerprint.sketch for m in read(tmp_path, "a.zip", data).members]
        assert any(inside), first


def test_an_archive_in_an_archive_is_opened_and_no_deeper(tmp_path: Path) -> None:
    one = build.python_zip({"m.safetensors": MODEL})
    two = packed.tar({"one.zip": one})
    found = read(tmp_path, "two.tar", two)
    assert [place for place, _ in found.within] == ["!one.zip", "!one.zip!m.safetensors"]
    assert found.within[1][1].sketch
    deep = read(tmp_path, "three.zip", build.python_zip({"two.tar": two}))
    assert [place for place, _ in deep.within] == ["!two.tar", "!two.tar!one.zip"]
    assert [s.code for s in deep.within[1][1].blind] == ["too-deep"]


@pytest.mark.parametrize("cuts", [[1000, 3000], [31]])
def test_a_split_7z_is_read_as_one(cuts: list[int], tmp_path: Path) -> None:
    data = packed.by_library(FILES)
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(data)], strict=True), 1):
        (tmp_path / f"a.7z.{number:03}").write_bytes(data[start:end])
    found = fingerprint(tmp_path / "a.7z.001")
    assert [member.path for member in found.members] == NAMES
    assert [s.code for s in fingerprint(tmp_path / "a.7z.002").blind] == ["several-parts"]
    (tmp_path / f"a.7z.{len(cuts) + 1:03}").unlink()
    assert [s.code for s in fingerprint(tmp_path / "a.7z.001").blind] == ["several-parts"]


def cut_zip(data: bytes, cuts: list[int]) -> list[bytes]:
    """A zip as its maker cuts it: places are told by part, the directory's too."""
    whole = bytearray(b"PK\x07\x08" + data)
    starts = [0, *cuts]

    def told(place: int) -> tuple[int, int]:
        part = max(n for n, start in enumerate(starts) if start <= place)
        return part, place - starts[part]

    end = whole.rfind(b"PK\x05\x06")
    at = int.from_bytes(whole[end + 16 : end + 20], "little") + 4
    part, place = told(at)
    struct.pack_into("<HH", whole, end + 4, len(cuts), part)
    struct.pack_into("<I", whole, end + 16, place)
    while at < end:
        part, place = told(int.from_bytes(whole[at + 42 : at + 46], "little") + 4)
        struct.pack_into("<H", whole, at + 34, part)
        struct.pack_into("<I", whole, at + 42, place)
        at += 46 + sum(struct.unpack_from("<HHH", whole, at + 28))
    return [bytes(whole[a:b]) for a, b in zip(starts, [*cuts, len(whole)], strict=True)]


@pytest.mark.parametrize("cuts", [[500], [300, 1_900, 2_600]])
def test_a_zip_that_its_maker_cut_is_read_as_one(cuts: list[int], tmp_path: Path) -> None:
    parts = cut_zip(build.python_zip(FILES), cuts)
    names = [f"a.z{number:02}" for number in range(1, len(parts))] + ["a.zip"]
    for name, part in zip(names, parts, strict=True):
        (tmp_path / name).write_bytes(part)
    assert [member.path for member in fingerprint(tmp_path / "a.z01").members] == NAMES
    for name in names[1:]:
        assert [s.code for s in fingerprint(tmp_path / name).blind] == ["several-parts"]
    (tmp_path / names[-1]).unlink()
    found = fingerprint(tmp_path / "a.z01")
    assert [s.code for s in found.blind] == ["several-parts"]
    assert not found.members


def test_a_part_that_cannot_be_opened_leaves_the_first_its_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, part in zip(("a.z01", "a.zip"), cut_zip(build.python_zip(FILES), [500]), strict=True):
        (tmp_path / name).write_bytes(part)
    gone = tmp_path / "gone.zip"
    monkeypatch.setattr(members, "_other_parts", lambda path, first: iter((gone,)))
    found = fingerprint(tmp_path / "a.z01")
    assert found.digests
    assert "several-parts" in [s.code for s in found.blind]


def test_parts_of_a_cut_zip_that_do_not_agree_are_said(tmp_path: Path) -> None:
    for number in range(0, 4096, 97):
        parts = cut_zip(build.python_zip(FILES), [500, 1_900])
        whole = bytearray(parts[-1])
        whole[number % len(whole)] ^= 0xFF
        (tmp_path / "a.z01").write_bytes(parts[0])
        (tmp_path / "a.z02").write_bytes(parts[1])
        (tmp_path / "a.zip").write_bytes(whole)
        found = fingerprint(tmp_path / "a.z01")
        assert found.blind or [member.path for member in found.members] == NAMES


ENCRYPTED_7Z = (  # by py7zr: the bytes of a file alone, and its name as well
    "H+sCUCma9-<6tiWoB#j-000006aWAK00000c}aoW*LY9mHj1_BgY8WyRpPQf05SoGXjrNTrVNvxEn4!4-~f04bX@=dfi"
    "nlL56}+&6uFicL0O9^-^>h}_*jB(UJo;L6IcCqilp<r(NTRnx9-47;R93Z{`HF6suVtUM-U`n*6$o2s^<OSbL=c^=%tzv"
    "u$E1dzBSevt~to7bRtjtBiT{Ci(9CHi!R!99jq#+B2KVM000007X}~!348zt3jqKDAt3=640!+m",
    "H+sCUCma9-qpT-<pa1{>00000DF6Tf00000CrO7pbL1!XYy6;DZbMJ^9JZaB&n%DfkN2SeH$Lm>hAC$OXRy8lG(@KzLaf~"
    "U5ruH{?#1$dVRU_Y0Jh#zRMB9bK)erxuG0IXzmzOlyD0zCg#oI?IRBda>^kHLW`49NH7%q~HQUpy3adq2rh!xaym@XFxVH"
    "oc&KQm8VPt6AoN)Cj&A=u-c-EHu9^8~{z%7Q|`n;nsQu!TWWhI?#7X}~!34nkA2MYlJ0VD?T2LTdO53FSohvgm#8j+czD^"
    "*%NAq;r{00",
)


@pytest.mark.parametrize("text", ENCRYPTED_7Z)
def test_an_encrypted_7z_is_named(text: str, tmp_path: Path) -> None:
    packed.by_library({})
    found = read(tmp_path, "a.7z", base64.b85decode(text))
    assert found.members == ()
    assert "encrypted" in [spot.code for spot in found.blind]
    assert found.problem


def test_an_encrypted_member_of_a_zip_costs_itself_alone(tmp_path: Path) -> None:
    data = build.python_zip({"a": b"x" * 2000, "m.safetensors": MODEL})
    at = data.index(b"PK\x01\x02")
    broken = data[: at + 8] + struct.pack("<H", 1) + data[at + 10 :]
    found = read(tmp_path, "a.zip", broken)
    assert [member.path for member in found.members] == ["m.safetensors"]
    assert [(s.code, s.count) for s in found.blind] == [("encrypted", 1)]


def test_a_part_of_a_split_zip_is_named(tmp_path: Path) -> None:
    whole = build.python_zip({"m.safetensors": MODEL})
    found = read(tmp_path, "a.z01", b"PK\x07\x08" + whole[: len(whole) // 2])
    assert [s.code for s in found.blind] == ["several-parts"]
    end = whole[:-18] + struct.pack("<HH", 1, 1) + whole[-14:]
    assert [s.code for s in read(tmp_path, "a.zip", end).blind] == ["several-parts"]


def test_a_volume_of_a_rar_is_named(tmp_path: Path) -> None:
    old = b"Rar!\x1a\x07\x00" + b"\xcf\x90\x73" + struct.pack("<HH", 1, 13) + bytes(6)
    new = b"Rar!\x1a\x07\x01\x00" + bytes(4) + b"\x05\x01\x05\x01\x01" + bytes(60)
    for head in (old, new):
        assert is_volume(head)
        assert [s.code for s in read(tmp_path, "a.rar", head).blind] == ["several-parts"]
    assert not is_volume(old.replace(b"\x73\x01", b"\x73\x00"))
    assert not is_volume(new.replace(b"\x05\x01\x05\x01\x01", b"\x03\x01\x00\x00\x00"))


def test_more_than_is_unpacked_is_left_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNPACKED_AT_LEAST", 10_000)
    bomb = {"zeros.bin": bytes(1 << 20), "m.safetensors": MODEL}
    for kind in ("deflated.zip", "a.tar.gz", "a.7z"):
        found = read(tmp_path, kind, KINDS[kind](bomb))
        assert found.digest(DigestKind.SHA256)
        assert "too-large" in [s.code for s in found.blind], kind
        # In a zip what stands behind the bomb is read all the same.
        assert bool(found.members) == (kind == "deflated.zip")
    single = read(tmp_path, "ones.gz", gzip.compress(b"1" * (1 << 20)))
    assert [s.code for s in single.blind] == ["too-large"]


def test_archives_in_an_archive_share_its_allowance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMBERS", 5)
    inner = build.python_zip({f"{n}.bin": bytes([n]) * 2000 for n in range(4)})
    found = read(tmp_path, "a.zip", build.python_zip({"1.zip": inner, "2.zip": inner}))
    assert len(found.within) == 5
    assert [s.code for s in found.blind] == ["too-many"]


def test_files_in_an_archive_share_the_work_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond it is known by its digests, and that is said; outside it is read."""
    files = {f"{n}/a.safetensors": build.safetensors(LORA, {"n": str(n)}) for n in range(4)}
    whole = read(tmp_path, "a.zip", build.python_zip(files)).members
    assert all(member.fingerprint.sketch for member in whole)
    monkeypatch.setattr(limits, "UNPACKED_WORK", 3 * len(LORA) * limits.WORK_OF_A_TENSOR)
    monkeypatch.setattr(limits, "UNPACKED_WORK_PER_BYTE", 0)
    first, *others = read(tmp_path, "a.zip", build.python_zip(files)).members
    assert first.fingerprint.sketch == whole[0].fingerprint.sketch
    last = others[-1].fingerprint
    assert (last.sketch, last.problem) == (None, archives.TOGETHER)
    assert [spot.code for spot in last.blind] == ["too-large"]
    assert last.digest(DigestKind.SHA256) == whole[-1].fingerprint.digest(DigestKind.SHA256)
    assert read(tmp_path, "a.safetensors", files["3/a.safetensors"]).sketch


def test_a_member_that_is_longer_than_it_says_is_stopped_there(tmp_path: Path) -> None:
    data = build.python_zip({"a": bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    lies = data.replace(struct.pack("<I", 1 << 20), struct.pack("<I", 2000))
    found = read(tmp_path, "a.zip", lies)
    assert [s.code for s in found.blind] == ["malformed"]
    assert found.members == ()


@pytest.mark.parametrize("kind", ["stored.zip", "a.tar", "a.tar.xz", "a.7z"])
def test_one_that_is_damaged_keeps_its_digests_and_what_came_before(
    kind: str, tmp_path: Path
) -> None:
    data = KINDS[kind](FILES)
    found = read(tmp_path, kind, data[: len(data) // 2])
    assert found.digest(DigestKind.SHA256)
    assert found.blind


def test_a_name_leads_nowhere_and_is_printable(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "/abs", "!x", "a\x1b[2J\n", "dir\\file", "é"]
    data = packed.tar(dict.fromkeys(names, b"x" * 2000))
    found = read(tmp_path, "a.tar", data)
    paths = [member.path for member in found.members]
    assert paths == ["../../etc/passwd", "abs", "x", "a/x1b[2J/n", "dir/file", "é"]
    assert not (tmp_path / "abs").exists()


def test_a_name_that_comes_twice_is_two_members(tmp_path: Path) -> None:
    data = build.python_zip({"a": b"x" * 2000, "b": b"y" * 2000})
    found = read(tmp_path, "a.zip", data.replace(b"PK\x01\x02", b"PK\x01\x02").replace(b"b", b"a"))
    assert [member.path for member in found.members] == ["a", "a (2)"]


def test_links_and_devices_are_no_members(tmp_path: Path) -> None:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo(f"of{kind!r}")
            info.type, info.linkname = kind, "/etc/passwd"
            made.addfile(info)
    assert read(tmp_path, "a.tar", out.getvalue()).members == ()


def test_pictures_are_no_members(tmp_path: Path) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(2000)
    found = read(tmp_path, "a.zip", build.python_zip({"a.png": picture}))
    assert (found.members, found.blind) == ((), ())


@pytest.mark.parametrize("behind", [b"", b"a comment"])
@pytest.mark.parametrize("between", [0, 3 << 20])
def test_a_picture_that_is_a_zip_as_well_is_read_as_one(
    behind: bytes, between: int, tmp_path: Path
) -> None:
    """Its places count from the beginning of the file, as who appends to one writes them."""
    held = BytesIO(b"\x89PNG\r\n\x1a\n" + RNG.bytes(between))
    with zipfile.ZipFile(held, "a") as made:
        made.writestr("m", MODEL)
        made.comment = behind
    found = read(tmp_path, "a.png", held.getvalue())
    assert [m.path for m in found.members] == ["m"]
    assert has_model(found)
    assert not found.blind
    (member,) = read(tmp_path, "a.tar", packed.tar({"a.png": held.getvalue()})).members
    assert member.fingerprint == found


@pytest.mark.parametrize("before", [b"MZ", b"\xff\xd8\xff\xe0", b"PK00", b"#!/bin/sh\n"])
@pytest.mark.parametrize("between", [0, 3 << 20])
@pytest.mark.parametrize("name", ["a.zip", "a.exe", "a.jpg", "a"])
def test_a_zip_behind_another_beginning_is_read(
    before: bytes, between: int, name: str, tmp_path: Path
) -> None:
    data = before + RNG.bytes(between) + build.python_zip({"m": MODEL})
    found = read(tmp_path, name, data)
    assert has_model(found)
    assert not found.blind
    assert read_stream(iter([data[:700], data[700:]]), len(data)) == found, "an upload, likewise"


@pytest.mark.parametrize("pack", [build.python_zip, packed.by_library])
@pytest.mark.parametrize("before", [b"MZ" + bytes(70), b"\xff\xd8\xff\xe0" + bytes((4 << 20) - 17)])
def test_what_is_in_an_archive_behind_other_bytes_is_as_if_it_were_not(
    pack: Callable[[dict[str, bytes]], bytes], before: bytes, tmp_path: Path
) -> None:
    """Programs that unpack themselves are so."""
    plain = read(tmp_path, "plain", pack(FILES))
    found = read(tmp_path, "a.exe", before + pack(FILES))
    assert {m.path: m.fingerprint for m in found.members} == {
        m.path: m.fingerprint for m in plain.members
    }
    assert not found.blind
    (outer,) = read(tmp_path, "b.zip", build.python_zip({"a.exe": before + pack(FILES)})).members
    assert outer.fingerprint.members == found.members
    deep = build.python_zip({"b.zip": build.python_zip({"a.exe": before + pack(FILES)})})
    (middle,) = read(tmp_path, "c.zip", deep).members
    (inner,) = middle.fingerprint.members
    assert [spot.code for spot in inner.fingerprint.blind] == ["too-deep"]


@pytest.mark.parametrize(
    "data",
    [
        b"MZ" + RNG.bytes(5_000) + b"7z\xbc\xaf\x27\x1c" + RNG.bytes(5_000),
        b"MZ" + RNG.bytes(5_000),
        b"\xff\xd8" + RNG.bytes(5_000) + b"Rar!",
    ],
)
def test_bytes_that_begin_no_archive_are_none(data: bytes, tmp_path: Path) -> None:
    found = read(tmp_path, "a.exe", data)
    assert (found.members, found.blind) == ((), read(tmp_path, "b", b"MZ" + bytes(5_000)).blind)


def test_a_damaged_archive_behind_other_bytes_is_said(tmp_path: Path) -> None:
    whole = packed.by_library({"m": MODEL})
    broken = read(tmp_path, "a.exe", b"MZ" + bytes(500) + whole[:-200])
    assert {spot.code for spot in broken.blind} == {"beside", "several-parts"}
    zipped = build.python_zip({"m": MODEL})
    at = zipped.rindex(b"PK\x01\x02")
    wrong = zipped[:at] + b"XX" + zipped[at + 2 :]
    said = {spot.code for spot in read(tmp_path, "b.exe", b"MZ" + bytes(500) + wrong).blind}
    assert said == {"beside", "malformed"}


def test_a_rar_behind_other_bytes_is_said_or_read(tmp_path: Path) -> None:
    """Nothing here writes one: what is behind the signature is damaged."""
    found = read(tmp_path, "a.exe", b"MZ" + bytes(500) + b"Rar!\x1a\x07\x01\x00" + bytes(2_000))
    assert "beside" in {spot.code for spot in found.blind}
    assert not found.judged.by_weights


def test_a_tar_of_before_its_magic_is_a_tar(tmp_path: Path) -> None:
    data = bytearray(packed.tar({"m": MODEL}))
    data[257:265] = bytes(8)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    found = read(tmp_path, "a", bytes(data))
    assert found.container is Container.TAR
    assert has_model(found)
    data[0] ^= 1
    assert read(tmp_path, "b", bytes(data)).container is Container.UNKNOWN


def test_by_its_name_an_archive_too_is_worth_saying_that_it_is_not_read(tmp_path: Path) -> None:
    found = read(tmp_path, "a", b"MZ" + RNG.bytes(5_000))
    for name, said in (("a.7z", 1), ("A.ZIP", 1), ("a.tar.lzma", 1), ("a.exe", 0), ("a.txt", 0)):
        assert len(blind_to(name, found.container, found.blind)) == said


def test_a_forbidden_member_ends_at_its_digests(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(packed.tar(FILES))
    asked: list[Fingerprint] = []

    def forbidden(told: Fingerprint) -> bool:
        asked.append(told)
        return True

    found = fingerprint(tmp_path / "a.tar", None, forbidden)
    (torch,) = [m.fingerprint for m in found.members if m.path == "old.pt"]
    assert torch.sketch is None
    assert torch in asked


def test_the_process_gets_no_secret_and_ends_with_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESEEN_SEAL_KEY", "secret")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert not [name for name in archives._environment() if name.startswith(("RESEEN", "HF_"))]
    (tmp_path / "a.tar").write_bytes(packed.tar({f"{n}": bytes(1 << 20) for n in range(8)}))
    before = _children()  # what other tests began
    with LocalFile(tmp_path / "a.tar") as source:
        came = archives.members(source, Container.TAR, UnpackBudget.of(source.size))
        assert isinstance(next(came), Packed)
        assert len(_children() - before) == 1
        came.close()  # type: ignore[attr-defined]
        assert not _children() - before


def _children() -> set[str]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return set(text.split())


def test_a_process_that_dies_or_babbles_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tar").write_bytes(packed.tar(FILES))
    scripts = {
        "pass": "too-large",
        "import os; os.write(1, b'M' + b'\\xff' * 8)": "malformed",
        "import os; os.write(1, b'M\\x02\\0\\0\\0[]')": "malformed",
        "import os; os.write(1, b'D\\0\\0\\0\\0')": "malformed",
        "import os; os.write(1, b'W\\x04\\0\\0\\0what')": "malformed",
        "import os; os.write(1, b'Z\\0\\0\\0\\0')": None,
    }
    real = subprocess.Popen
    for script, code in scripts.items():

        def fake(command: list[str], script: str = script, **more: object) -> object:
            return real([sys.executable, "-S", "-c", script], **more)  # type: ignore[call-overload]

        monkeypatch.setattr(archives.subprocess, "Popen", fake)
        found = fingerprint(tmp_path / "a.tar")
        assert [s.code for s in found.blind] == ([code] if code else []), script


def test_without_the_library_the_rest_is_read_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libarchive.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    found = read(tmp_path, "a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100))
    assert [s.code for s in found.blind] == ["no-library"]
    assert "pip install 'reseen[archives]'" in (found.problem or "")
    assert read(tmp_path, "a.tar", packed.tar(FILES)).members


def test_unpacking_takes_no_more_memory_than_it_is_given(tmp_path: Path) -> None:
    """A dictionary of a gigabyte is refused by the system, and said."""
    head = b"\xfd7zXZ\x00\x00\x00"
    head += struct.pack("<I", 0xFF12D941)
    block = b"\x02\x00\x21\x01\x26" + bytes(3)  # LZMA2, a dictionary of 2 GiB
    import zlib

    data = head + block + struct.pack("<I", zlib.crc32(block)) + b"\x01\xff\xff" + bytes(1 << 16)
    found = read(tmp_path, "a.xz", data)
    assert [s.code for s in found.blind] in (["malformed"], ["too-large"])


def test_frames_of_the_process_are_as_its_parent_reads_them() -> None:
    out = BytesIO()
    stream = BytesIO(packed.tar(FILES))
    unpacker._send(out, Container.TAR, stream, None)  # type: ignore[arg-type]
    unpacker._frame(out, unpacker.DONE)
    out.seek(0)
    heard = [
        (each.path, b"".join(each.blocks)) if isinstance(each, Packed) else each
        for each in archives._heard(archives._Words(out), UnpackBudget(9, 1 << 30))
    ]
    assert heard == [(name, data) for name, data in FILES.items() if len(data) >= 1024]
    assert not any(isinstance(each, BlindSpot) for each in heard)


def test_a_size_beyond_measure_is_malformed(tmp_path: Path) -> None:
    """Found by the fuzzer: a number in base 256 that no file position holds."""
    data = bytearray(packed.tar({"a": b"x" * 2000, "b": b"y" * 2000}))
    data[124:136] = b"\x80" + b"\xff" * 11
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    found = read(tmp_path, "a.tar", bytes(data))
    assert {spot.code for spot in found.blind} <= {"malformed", "too-large"}
    assert found.blind


README = {"read me.txt": b"text " * 300}


def has_model(found: Fingerprint) -> bool:
    sha256 = Digest(DigestKind.SHA256, hashlib.sha256(MODEL).digest())
    return any(read.digest(DigestKind.SHA256) == sha256 for _, read in found.within)


def tar_of(kind: bytes, pax: dict[str, str] | None = None) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        info = tarfile.TarInfo("m.safetensors")
        info.size, info.type, info.pax_headers = len(MODEL), kind, pax or {}
        made.addfile(info, BytesIO(MODEL))
    return out.getvalue()


SPARSE = {
    "GNU.sparse.major": "0",
    "GNU.sparse.minor": "1",
    "GNU.sparse.map": f"0,{len(MODEL)}",
    "GNU.sparse.size": str(len(MODEL)),
}


@pytest.mark.parametrize(
    "data", [tar_of(b"0", SPARSE), tar_of(b"7"), tar_of(b"Q")], ids=["sparse", "7", "Q"]
)
def test_every_kind_of_file_that_a_tar_unpacks_to_is_a_member(data: bytes, tmp_path: Path) -> None:
    found = read(tmp_path, "a.tar", data)
    assert has_model(found)
    assert found.blind == ()


@pytest.mark.parametrize("between", [bytes(512), b"\x01" * 512, bytes(1 << 20), b""])
def test_what_stands_behind_the_end_of_a_tar_is_said(between: bytes, tmp_path: Path) -> None:
    """Tarfile ends there in silence; GNU tar goes on to the next header."""
    first, second = packed.tar(README), packed.tar({"m.safetensors": MODEL})
    open_end = first[: 512 + 1536]
    for name, data in {
        "a.tar": (first if not between else open_end) + between + second,
        "a.tar.gz": gzip.compress(first + between + second),
        "b.tar.xz": lzma.compress(open_end + b"\x01" * 512 + second),
    }.items():
        found = read(tmp_path, name, data)
        assert [m.path for m in found.members] == ["read me.txt"]
        assert [spot.code for spot in found.blind] == ["malformed"], name


@pytest.mark.parametrize("zeros", [0, 512, 1024, 10_240, 1 << 20])
def test_zeros_behind_a_tar_are_its_end(zeros: int, tmp_path: Path) -> None:
    whole = packed.tar({"m.safetensors": MODEL})[: 512 + len(MODEL) + -len(MODEL) % 512]
    found = read(tmp_path, "a.tar", whole + bytes(zeros))
    assert has_model(found)
    assert found.blind == ()


def zstd(data: bytes) -> bytes:
    return packed.by_library({"data": data}, "raw", "zstd")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_a_tar_may_be_packed_in_several_streams(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    first = packed.tar(README)[: 512 + 1536]
    data = pack(first) + pack(packed.tar({"m.safetensors": MODEL}))
    found = read(tmp_path, "a.tar.packed", data)
    assert has_model(found)
    assert found.blind == ()


@pytest.mark.parametrize("told", [0, 1, 1000])
def test_a_size_that_a_zip_plays_down_hides_no_member(told: int, tmp_path: Path) -> None:
    data = bytearray(build.python_zip({"m.safetensors": MODEL}, zipfile.ZIP_DEFLATED))
    data[22:26] = struct.pack("<I", told)
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", told)
    assert [spot.code for spot in read(tmp_path, "a.zip", bytes(data)).blind] == ["malformed"]


def test_a_folder_that_holds_bytes_is_a_file(tmp_path: Path) -> None:
    assert has_model(read(tmp_path, "a.zip", build.python_zip({"m/": MODEL, "n/": b""})))


@pytest.mark.parametrize("name", ["archive/m.safetensors", "m", "archive/data/99", "x/data.txt"])
def test_what_stands_beside_the_tensors_of_a_torch_file_is_read_or_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = BytesIO()
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        if method and name.startswith("archive/"):
            continue  # torch takes no such file
        held = BytesIO(TORCH)
        with zipfile.ZipFile(held, "a", method) as made:
            made.writestr(name, OTHER_MODEL)
        found = read(tmp_path, "a.pt", held.getvalue())
        assert found.sketch
        assert found.problem is None
        assert found.blind == ()
        (member,) = found.members
        assert member.path == name
        assert member.fingerprint == read(tmp_path, "alone", OTHER_MODEL)
    assert read(tmp_path, "b.pt", TORCH).members == ()
    monkeypatch.setattr(limits, "MEMBERS", 0)
    assert [spot.code for spot in read(tmp_path, "a.pt", held.getvalue()).blind] == ["beside"]


PEFT_MODEL = build.safetensors(
    {
        name.replace("lora_unet_", "unet.")
        .replace("lora_up", "lora_B")
        .replace("lora_down", "lora_A"): t
        for name, t in LORA.items()
    }
)
PEFT_CONFIG = json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 12}).encode()


def test_a_configuration_in_the_folder_of_a_zip_is_as_if_it_lay_beside(tmp_path: Path) -> None:
    model, config = PEFT_MODEL, PEFT_CONFIG
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(model)
    alone = fingerprint(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_bytes(config)
    beside = fingerprint(folder / "adapter_model.safetensors")
    assert beside.sketch != alone.sketch
    files = {
        "x/adapter_model.safetensors": model,
        "y/adapter_model.safetensors": model,
        "x/adapter_config.json": config,
        "z/adapter_config.json": b"{",
    }
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        read_zip = read(tmp_path, "a.zip", build.python_zip(files, kind))
        inside = {member.path: member.fingerprint for member in read_zip.members}
        assert inside["x/adapter_model.safetensors"].sketch == beside.sketch
        assert inside["y/adapter_model.safetensors"].sketch == alone.sketch


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("form", ["tar", "tar.gz", "7z"])
def test_a_configuration_in_another_archive_counts_in_whatever_order(
    form: str, late: bool, tmp_path: Path
) -> None:
    alone = read(tmp_path, "alone", PEFT_MODEL)
    (tmp_path / "adapter_config.json").write_bytes(PEFT_CONFIG)
    beside = read(tmp_path, "beside", PEFT_MODEL)
    (tmp_path / "adapter_config.json").unlink()
    configs = {"./x/adapter_config.json": PEFT_CONFIG, "z/adapter_config.json": b"{"}
    models = {f"{folder}/adapter_model.safetensors": PEFT_MODEL for folder in ("x", "y")}
    files = {**models, **configs} if late else {**configs, **models}
    pack = packed.by_library if form == "7z" else packed.tar
    data = pack(files, "w:gz") if form == "tar.gz" else pack(files)
    found = read(tmp_path, "a", data)
    inside = {member.path: member.fingerprint for member in found.members}
    assert inside.keys() == models.keys()
    assert inside["x/adapter_model.safetensors"].sketch == beside.sketch != alone.sketch
    assert inside["y/adapter_model.safetensors"].sketch == alone.sketch
    assert found.blind == ()


SCRIPT = b"#!/bin/sh\ntail -c +100 $0 | tar xz\nexit\n" + b"#" * 60 + b"\n"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
@pytest.mark.parametrize("before", [SCRIPT, b"MZ" + RNG.bytes((4 << 20) - 300)])
def test_a_tar_behind_other_bytes_is_as_if_it_were_not(
    mode: str, before: bytes, tmp_path: Path
) -> None:
    plain = read(tmp_path, "plain", packed.tar(FILES, mode))
    found = read(tmp_path, "a.run", before + packed.tar(FILES, mode))
    assert found.members == plain.members
    assert has_model(found)
    assert not found.blind


def test_one_packed_file_behind_other_bytes_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, "a.bin", SCRIPT + gzip.compress(MODEL))
    assert [member.path for member in found.members] == ["data"]
    assert has_model(found)


@pytest.mark.parametrize("mark", [b"\x1f\x8b\x08", b"1AY&SY", b"ustar", b"\xfd7zXZ\0\0"])
def test_what_only_looks_like_a_packed_file_is_none(
    mark: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"MZ" + RNG.bytes(5_000) + mark * 900 + RNG.bytes(9_000)
    alone = read(tmp_path, "b", b"MZ" + RNG.bytes(5_000)).blind
    assert read(tmp_path, "a", data).blind == alone
    monkeypatch.setattr(behind, "_MOST_TRIED", 100)
    full = read(tmp_path, "a", data)
    assert not full.members
    assert "beside" in {spot.code for spot in full.blind}, "what is not tried is said"
