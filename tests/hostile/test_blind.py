"""What is not read is said, with a code: never a plain "no match" for a file that nobody judged."""

from __future__ import annotations

import ast
import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import select
from tests.files import build
from tests.files.build import ramp
from tests.match.made import KEYRING, known, listed, remove
from tests.match.updates import put
from tests.scan.fake_hub import COMMIT, FakeHub

from reseen.cli import cli
from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.fingerprints.whole import fingerprint
from reseen.hubs.hub import Revision
from reseen.observed.blind_spots import DAMAGED
from reseen.records import Fingerprint, Rung
from reseen.scan import scan_rows
from reseen.scan.context import reading
from reseen.scan.folder import scan_folder
from reseen.scan.read_result import BLIND
from reseen.scan.record import record
from reseen.scan.target import Options
from reseen.scan.visit import visit
from reseen.store.database import Store
from reseen.store.schema import problems
from reseen.updates import layers, own_shapes, plan, shapes, sides
from reseen.updates.not_read import CODES, OTHERWISE, code_of

LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
LORA = {
    f"{LAYER.removesuffix('to_q')}{part}.lora_{side}.weight": ramp("F16", *shape)
    for part in ("to_q", "to_k", "to_v", "to_out_0")
    for side, shape in (("up", (320, 4)), ("down", (4, 320)))
}
ONE = {
    f"{LAYER}.lora_up.weight": ramp("F16", 320, 3),
    f"{LAYER}.lora_down.weight": ramp("F16", 3, 320),
}
"""As large as the smallest of what follows, and of no shape that they have."""
REMOVED = build.safetensors({"x": ramp("F16", 32, 64, seed=5)})


def array(name: str, module: str = "numpy.core.multiarray") -> bytes:
    """A numpy array as it is pickled under protocol 2: its bytes as text."""
    dtype = build.symbol("numpy", "dtype") + build.values(build.text("f4"), b"\x89", b"\x88") + b"R"
    dtype += build.values(build.number(3), build.text("<"), b"N", b"N", b"N") + b"b"
    made = build.symbol(module, "_reconstruct")
    made += build.values(
        build.symbol("numpy", "ndarray"), build.values(build.number(0)), build.text("b")
    )
    content = (
        build.symbol("_codecs", "encode")
        + build.values(build.text("\x01\xff" * 32), build.text("latin1"))
        + b"R"
    )
    state = build.values(build.number(1), build.numbers((4, 4)), dtype, b"\x89", content)
    return build.text(name) + made + b"R" + state + b"b"


def arrays(count: int, module: str = "numpy.core.multiarray", wrapped: bool = False) -> bytes:
    value = b"}(" + b"".join(array(f"{LAYER}.{i}", module) for i in range(count)) + b"u"
    return build.torch_zip(
        {}, b"}(" + build.text("state_dict") + value + b"u" if wrapped else value
    )


def tlora(layers: int = 3) -> bytes:
    shapes = {
        "q_layer.weight": (4, 320),
        "p_layer.weight": (320, 4),
        "lambda_layer": (1, 4),
        "alpha": (),
    }
    return build.safetensors(
        {
            f"{LAYER}{i}.{end}": ramp("F16", *shape)
            for i in range(layers)
            for end, shape in shapes.items()
        }
    )


def read(data: bytes) -> Fingerprint:
    inside = run(Memory(data), look_inside(len(data), thorough=True))
    pass_ = Fingerprinter(len(data), inside)
    pass_.update(data)
    return pass_.finish()


WHOLE_WEIGHTS = build.safetensors(
    {f"model.layers.{i}.mlp.weight": ramp("F16", 40, 40) for i in range(3)}
)
CASES: dict[str, tuple[str, bytes, set[tuple[str, int]]]] = {
    "numpy": ("a.pt", arrays(17), {("numpy", 17)}),
    "numpy 2": ("a.ckpt", arrays(3, "numpy._core.multiarray", wrapped=True), {("numpy", 3)}),
    "numpy beside tensors": (
        "a.pt",
        build.torch_zip(
            {"x.bias": ramp("F16", 900)},
            b"}(" + array("y") + build.text("x.bias") + build.tensor("0", ramp("F16", 900)) + b"u",
        ),
        {("numpy", 1), ("whole-weights", 1)},
    ),
    "T-LoRA": ("a.safetensors", tlora(), {("tlora", 12)}),
    "checkpoint": ("a.safetensors", WHOLE_WEIGHTS, {("whole-weights", 3)}),
    "other adapters": (
        "a.safetensors",
        build.safetensors(
            {
                "base_model.model.a.c3a_kernel": ramp("F32", 600),
                "base_model.model.b.waveft_spectrum.default": ramp("F32", 600),
            }
        ),
        {("other-adapter", 2)},
    ),
    "RandLoRA and SVDQuant": (
        "a.safetensors",
        build.safetensors(
            {
                "base_model.model.a.randlora_lambda": ramp("F32", 20, 30),
                "transformer_blocks.0.attn.to_q.qweight": ramp("I8", 20, 30),
                "transformer_blocks.0.attn.to_q.proj_up": ramp("F32", 20, 30),
            }
        ),
        {("randlora", 1), ("svdquant", 2)},
    ),
    "FourierFT that is not said to begin from nothing": (
        "a.safetensors",
        build.safetensors({"base_model.model.a.fourierft_spectrum": ramp("F32", 600)}),
        {("shared-beginning", 1)},
    ),
    "PiSSA": (
        "a.safetensors",
        build.safetensors(
            {
                "unet.x.lora_A.weight": ramp("F16", 4, 320),
                "unet.x.lora_B.weight": ramp("F16", 320, 4),
            },
            {"lora_adapter_metadata": '{"unet.r": 4, "unet.init_lora_weights": "pissa_niter_4"}'},
        ),
        {("base-needed", 2)},
    ),
    "gguf": ("a.gguf", b"GGUF" + bytes(range(256)) * 20, {("not-read", 1)}),
    "archive": ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(range(256)) * 20, {("not-read", 1)}),
    "zip around it": (
        "a.zip",
        build.python_zip({"a/lora.safetensors": build.safetensors(ONE)}),
        {("not-read", 1)},
    ),
    "unknown": ("a.safetensors", b"\x07" * 5_000, {("unknown-format", 1)}),
    "damaged": ("a.safetensors", build.safetensors(LORA)[:-9], {("malformed", 1)}),
    "too large": (
        "a.safetensors",
        build.with_header(b'{"a":' + b"[" * 1_700_000, bytes(9)),
        {("too-large", 1)},
    ),
    "compressed": (
        "a.pt",
        build.python_zip({"archive/data.pkl": b"}.", "archive/data/0": bytes(5_000)}, 8),
        {("not-read", 1)},
    ),
}
UNLISTED = ("gguf", "archive", "damaged", "too large", "compressed")
"""Of these, what is in it cannot be listed."""


@pytest.mark.parametrize("case", CASES)
def test_each_kind_is_said_with_its_code_and_its_count(case: str) -> None:
    _, data, expected = CASES[case]
    found = read(data)
    assert {(spot.code, spot.count) for spot in found.blind} == expected
    assert all(spot.reason for spot in found.blind)
    assert found.judged.rungs[0] is Rung.BYTES
    assert Rung.WEIGHTS not in found.judged.rungs


def test_of_what_is_read_in_full_nothing_is_said() -> None:
    found = read(build.safetensors(LORA))
    assert found.blind == ()
    assert found.judged.rungs == (Rung.BYTES, Rung.TENSORS, Rung.WEIGHTS)


def test_what_is_read_in_part_is_judged_and_the_rest_is_said() -> None:
    more = {f"{LAYER}.bias_values": ramp("F16", 9), f"{LAYER}.diff_b": ramp("F16", 9)}
    found = read(build.safetensors(LORA | more))
    assert found.judged.rungs == (Rung.BYTES, Rung.TENSORS, Rung.WEIGHTS)
    assert {(spot.code, spot.count) for spot in found.blind} == {("bias", 2)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"archive/data.pkl", b"archive/data.pkk"),
        (b"archive/data/0", b"archive/data/9"),
        (b"archive/data/0", b"x"),
        (b"archive/data/1", b""),
        (b"archive/version", b"elsewhere/much/longer"),
    ],
)
def test_a_zip_is_read_by_its_directory_as_torch_does(old: bytes, new: bytes) -> None:
    good = build.torch_zip(LORA)
    at = good.index(old) - 30
    name, extra = (struct.unpack_from("<H", good, at + o)[0] for o in (26, 28))
    changed = bytearray(good)
    fits = len(new) - len(old)  # the name takes from the padding behind it, or gives to it
    struct.pack_into("<HH", changed, at + 26, name + fits, extra - fits)
    behind = good[at + 30 + name : at + 30 + name + extra]
    padding = struct.pack("<2sH", b"FB", extra - fits - 4) + b"Z" * (extra - fits - 4)
    changed[at + 30 : at + 30 + name + extra] = new + padding
    assert len(behind) == extra
    data = bytes(changed)
    for thorough in (False, True):
        listing = run(Memory(data), read_listing(len(data), thorough=thorough))
        assert {t.name for t in listing.tensors} == set(LORA)
    assert any("another name in its directory" in remark for remark in listing.remarks)
    found, sound = read(data), read(good)
    assert found.sketch == sound.sketch is not None
    assert found.blind == ()


def test_of_an_archive_it_is_said_of_each_file_in_it(tmp_path: Path, store: Store) -> None:
    name, data, _ = CASES["zip around it"]
    remove(store, listed(REMOVED))
    path = tmp_path / name
    path.write_bytes(data)
    _, words = check(tmp_path, store.place, str(path))
    assert f"{path}: no match\n" in words
    assert f"{path}!a/lora.safetensors: no match by bytes and tensors; not read: layers" in words
    code, said = check(tmp_path, store.place, "--json", "--strict", str(path))
    outer, inner = map(json.loads, said.splitlines())
    assert (outer["not_read"], outer["judged_by"]) == ([], ["bytes"])
    assert inner["path"] == f"{path}!a/lora.safetensors"
    assert inner["judged_by"] == ["bytes", "tensors"]
    assert (code, [s["code"] for s in inner["not_read"]]) == (0, ["too-few-layers"])
    cut = tmp_path / "a.7z"
    cut.write_bytes(CASES["archive"][1])
    code, said = check(tmp_path, store.place, "--json", str(cut))
    assert (code, [s["code"] for s in json.loads(said)["not_read"]]) == (3, ["several-parts"])


def test_every_reason_has_a_code() -> None:
    """Found by reading the source: what is counted, and what does not fit."""
    said: set[str] = set()
    for module in (layers, own_shapes, plan, shapes, sides):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            value: ast.expr | None = None
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "NoFit":
                value = node.args[0]
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "counts":
                value = node.slice
            if isinstance(value, ast.Constant):
                said.add(value.value)
            if isinstance(value, ast.Name) and value.id.isupper():
                said.add(getattr(module, value.id))
    assert len(said) > 15
    assert {reason for reason in said if code_of(reason) == OTHERWISE} == set()
    assert all(code == code.lower() and " " not in code for code in CODES.values())


def check(tmp_path: Path, db: str, *arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(cli, ["check", "--db", db, *arguments], standalone_mode=False)
    assert ended.exception is None, ended.output
    return int(ended.return_value or 0), ended.output


OPENED = ("archive", "zip around it", "compressed")
"""What lies on disk and is an archive, or is compressed, is opened."""


@pytest.mark.parametrize("case", [case for case in CASES if case not in OPENED])
def test_a_check_says_it_in_words_and_in_json(case: str, tmp_path: Path, store: Store) -> None:
    name, data, expected = CASES[case]
    remove(store, listed(REMOVED))
    path = tmp_path / name
    path.write_bytes(data)
    _, words = check(tmp_path, store.place, str(path))
    assert "no match by" in words
    assert "numpy" in words or "numpy" not in case
    code, said = check(tmp_path, store.place, "--json", "--strict", str(path))
    told = json.loads(said)
    assert code == 3
    assert {(spot["code"], spot["count"]) for spot in told["not_read"]} == expected
    assert told["judged_by"][0] == "bytes"
    assert told["matches"] == []


def test_a_check_of_what_is_read_in_full_is_plain(tmp_path: Path, store: Store) -> None:
    remove(store, listed(REMOVED))
    path = tmp_path / "a.safetensors"
    path.write_bytes(build.safetensors(LORA))
    assert check(tmp_path, store.place, "--strict", str(path)) == (0, f"{path}: no match\n")


def test_a_folder_scan_lists_and_counts_it(tmp_path: Path, store: Store) -> None:
    remove(store, listed(REMOVED))
    root = tmp_path / "models"
    cases = [CASES[case] for case in CASES if case != "zip around it"]  # which is read in full
    for number, (name, data, _) in enumerate(cases):
        (root / str(number)).mkdir(parents=True)
        (root / str(number) / name).write_bytes(data)
    (root / "notes.txt").write_text("nothing " * 1_000)
    (root / "sound.safetensors").write_bytes(build.safetensors(LORA))
    outcome = scan_folder(store, KEYRING, root, jobs=1)
    with store.read() as connection:
        rows = connection.execute(select(problems.c.place, problems.c.reason)).all()
    large = [data for _, data, _ in cases if len(data) >= 1_024]
    unlisted = [name for name in UNLISTED if len(CASES[name][1]) >= 1_024]
    assert outcome.coverage.skipped == {BLIND: len(large), DAMAGED: len(unlisted)}
    assert len(rows) == len(large)
    told = "\n".join(reason for _, reason in rows)
    for code in ("numpy", "tlora", "malformed", "not-read", "unknown-format", "too-large"):
        assert f"[{code}]" in told
    assert not any("notes" in place or "sound" in place for place, _ in rows)


def test_a_visit_to_a_hub_lists_and_counts_it(store: Store) -> None:
    put(store, build.safetensors(ONE))
    files = {f"{n}/{name}": data for n, (name, data, _) in enumerate(CASES.values())}
    big = {path: data for path, data in files.items() if len(data) > 5_000}
    hub = FakeHub(big | {"README.md": b"text" * 5_000})
    context = reading(hub, known(store), Options())
    found = asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))
    told = "\n".join(problem.reason for problem in found.problems)
    with store.write() as connection:
        one, other = (scan_rows.begin(connection, "hub.example", t, "{}", 1) for t in "ab")
        recorded = record(connection, found, one)
        again = record(connection, found, one)
        later = record(connection, found, other)
    assert recorded.unjudged == len(big) >= len(found.problems) > 2
    assert (again.unjudged, again.blind) == (0, {}), "a scan counts a file once"
    assert (later.unjudged, later.blind) == (recorded.unjudged, recorded.blind)
    codes = {key.partition(" ")[0] for key in recorded.blind}
    assert codes > {"numpy", "not-read", "whole-weights"}
    large = [code for _, data, spots in CASES.values() if len(data) > 5_000 for code, _ in spots]
    assert set(large) > {"numpy", "not-read"}
    for code in large:
        # Checkpoints are most of a hub: counted, and not listed.
        assert (f"[{code}]" in told) == (code != "whole-weights")
    assert "README" not in "".join(problem.where for problem in found.problems)


def test_the_gate_says_it(store: Store) -> None:
    from reseen.gate import answers
    from reseen.gate.policy import Policy

    found = read(arrays(17))
    made = answers.result_of_file([], Policy(), found)
    said: dict[str, Any] = json.loads(answers.of_file(answers.Heard(), True, 0.0, made, found))
    assert said["file"]["judged_by"] == ["bytes"]
    (spot,) = said["file"]["not_read"]
    assert spot == {"code": "numpy", "reason": "numpy arrays: not read", "count": 17}


def test_the_digests_alone_say_so(tmp_path: Path) -> None:
    from reseen.registry.never_read import digests_of

    path = tmp_path / "a.safetensors"
    path.write_bytes(build.safetensors(LORA))
    assert [spot.code for spot in digests_of(fingerprint(path)).blind] == ["never-read"]


def zero_but(layers: int, by: float = 1.0) -> bytes:
    """An adapter of four layers, of which so many change something."""
    parts = ("to_q", "to_k", "to_v", "to_out_0")
    names = [f"{LAYER.removesuffix('to_q')}{part}" for part in parts]
    downs = {f"{name}.lora_down.weight": ramp("F32", 4, 320) for name in names}
    ups = {
        f"{name}.lora_up.weight": build.T(
            "F32", (320, 4), np.full((320, 4), by * (number < layers), np.float32).tobytes()
        )
        for number, name in enumerate(names)
    }
    return build.safetensors(downs | ups)


def test_that_a_file_updates_nothing_is_said_by_a_check_and_when_it_is_registered(
    tmp_path: Path, store: Store
) -> None:
    remove(store, listed(REMOVED))
    path = tmp_path / "a.safetensors"
    path.write_bytes(zero_but(0))
    code, words = check(tmp_path, store.place, str(path))
    said = "the file updates nothing: its update is zero in every layer"
    assert (code, words) == (0, f"{path}: no match by bytes and tensors; {said}\n")
    _, json_said = check(tmp_path, store.place, "--json", str(path))
    told = json.loads(json_said)
    assert told["judged_by"] == ["bytes", "tensors"]
    assert told["not_read"] == [{"code": "updates-nothing", "reason": said, "count": 4}]
    add = ["registry", "add", "--db", store.place, str(path)]
    added = CliRunner().invoke(cli, [*add, "--json"], standalone_mode=False)
    assert json.loads(added.stdout)["no_sketch"] == f"{said} (4 modules)"
    assert said in CliRunner().invoke(cli, add, standalone_mode=False).stderr
    code, words = check(tmp_path, store.place, str(path))
    assert code == 1
    assert f"{path}: {said}\n" in words


def test_only_a_file_that_changes_nothing_at_all_is_said_to() -> None:
    assert {spot.code for spot in read(zero_but(4)).blind} == set()
    assert {spot.code for spot in read(zero_but(1)).blind} == {"too-few-layers"}
    tiny = read(zero_but(4, by=1e-13))
    assert [(spot.code, spot.count) for spot in tiny.blind] == [("updates-nothing", 4)]
    assert Rung.WEIGHTS not in tiny.judged.rungs
