"""Faults that the fuzzer found, each in its smallest form, and others of its kind."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import struct
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from blake3 import blake3
from fastapi import FastAPI
from tests.fuzz import outward
from tests.fuzz.outward import PageRequest
from tests.fuzz.play import made
from tests.fuzz.readers import READERS
from tests.gate.standing import settings_in

from reseen import client
from reseen.cli.plot import _natural
from reseen.client import Digests, Gate
from reseen.errors import FileError, InputError, ListError, SettingsError, StoreError, Tampered
from reseen.files.tensors import TensorInfo
from reseen.files.values import row_major, to_float32
from reseen.gate import state, upload_process
from reseen.gate.gate import GateProcess
from reseen.gate.routes import add_gate
from reseen.registry.imports import OF_ONE_FILE, ImportOptions, read_list
from reseen.registry.lists import parquet
from reseen.registry.never_read import NOTHING
from reseen.registry.rejects import write_rejects
from reseen.review import correction_text, notice_text
from reseen.review.corrections import Correction
from reseen.review.roles import Role
from reseen.settings import Settings
from reseen.store import links
from reseen.store.sealing import Keyring
from reseen.web import serve

HASH = hashlib.sha256(b"a").hexdigest()
KEYRING = Keyring(bytes(range(32)))


# -- lists ----------------------------------------------------------------------------------------


def test_a_row_may_end_before_the_column_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"sha256,description\n{HASH},removed: {HASH}\n{'b' * 63}1\n")
    assert len(read_list(path, ImportOptions()).drafts) == 2


@pytest.mark.parametrize("number", ["²", "٢", "0000002", "0", "99999999999999999999"])
def test_a_column_is_mapped_by_a_plain_number_or_not_at_all(number: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"a,b\nx,{HASH}\n")
    with pytest.raises(InputError, match="names a column that is not in the list"):
        read_list(path, ImportOptions(columns={number: "sha256"}))
    assert read_list(path, ImportOptions(columns={"2": "sha256"})).drafts


@pytest.mark.parametrize("odd", ["\\ud800", "\\udfffx", "a\\udc00"])
def test_half_a_character_in_a_rejected_row_is_written_as_it_can_be(
    odd: str, tmp_path: Path
) -> None:
    path = tmp_path / "list.json"
    path.write_text(f'[{{"name": "{odd}", "sha256": "{HASH}"}}, {{"name": "{odd}", "sha256": 7}}]')
    listed = read_list(path, ImportOptions())
    assert len(listed.drafts) == 1
    written = write_rejects(tmp_path / "rejects.csv", listed.refusals)
    assert odd.encode() in written.read_bytes()


@pytest.mark.parametrize("odd", ["\\ud800", "a\\udfff", "\\u202ea", "a\\u0000b", "\\u001b[2J"])
def test_a_name_of_a_list_can_be_kept_and_shown(odd: str, tmp_path: Path) -> None:
    path = tmp_path / "its own.json"
    path.write_text(f'[{{"list": "{odd}", "name": "x", "sha256": "{HASH}"}}]')
    listed = read_list(path, ImportOptions())
    assert [draft.list_name for draft in listed.drafts] == [OF_ONE_FILE]
    assert any("the list's name" in note for note in listed.notes)


@pytest.mark.parametrize(
    "link",
    [
        "https://Sample person 07/models/1",
        "https://a\0b.example/x",
        "https://a\ud800.example/x",
        "https://a#b c.example https://x/",
        "v#rsion.com.com https://git-lfs.github.com\0",
        "https://a..b/models/1",
    ],
)
def test_a_site_stands_in_clear_and_is_a_host_name_alone(link: str) -> None:
    found = links.parse(link)
    assert found is None or links._NAMED.fullmatch(found.site)


@pytest.mark.parametrize(
    ("link", "site"),
    [
        ("https://civitai.com/models/1", "civitai.com"),
        ("https://localhost:8080/x", "localhost"),
        ("https://[::1]/x", "::1"),
        ("https://例え.テスト/x", "例え.テスト"),
        ("https://a_b-c.example/x", "a_b-c.example"),
        ("HTTPS://WWW.X.EXAMPLE./y", "x.example"),
    ],
)
def test_hosts_of_every_kind_are_sites(link: str, site: str) -> None:
    found = links.parse(link)
    assert found is not None
    assert found.site == site


def workbook(head: str = "", *, at: int | None = None) -> bytes:
    rows = f'<row><c t="inlineStr"><is><t>{HASH}</t></is></c></row>'
    parts = {
        "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<R><Relationship Id="a" Target="s.xml"/></R>',
        "xl/s.xml": f"{head}<worksheet><sheetData>{rows}</sheetData></worksheet>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text.encode())
    data = out.getvalue()
    if at is None:
        return data
    # the sheet begins where no file has bytes, as the wide numbers of a zip can say
    entry = data.rindex(b"PK\1\2")
    extra = struct.pack("<HHQ", 1, 8, at)
    fixed = bytearray(data[entry : entry + 46])
    fixed[30:32], fixed[42:46] = len(extra).to_bytes(2, "little"), b"\xff" * 4
    end = data.rindex(b"PK\5\6")
    tail = bytearray(data[end:])
    size = int.from_bytes(tail[12:16], "little") + len(extra)
    tail[12:16] = size.to_bytes(4, "little")
    return data[:entry] + bytes(fixed) + data[entry + 46 : end] + extra + bytes(tail)


def test_a_workbook_is_read(tmp_path: Path) -> None:
    for head in ("", '<?xml version="1.0" encoding="UTF-8"?>', "\ufeff"):
        (tmp_path / "a.xlsx").write_bytes(workbook(head))
        assert len(read_list(tmp_path / "a.xlsx", ImportOptions()).drafts) == 1


@pytest.mark.parametrize("encoding", ["x-unknown", "utf-7", "shift_jis", "idna", "rot13", "hex"])
def test_an_encoding_that_no_workbook_has_is_refused(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook(f'<?xml version="1.0" encoding="{encoding}"?>'))
    with pytest.raises(ListError, match="not a workbook"):
        read_list(tmp_path / "a.xlsx", ImportOptions())


@pytest.mark.parametrize("at", [2**63 - 1, 2**63, 2**64 - 1, 10_000])
def test_a_part_that_begins_outside_the_file_is_refused(at: int, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook(at=at))
    with pytest.raises(ListError):
        read_list(tmp_path / "a.xlsx", ImportOptions())


@pytest.mark.parametrize("columns", [0, 1, 3])
def test_a_row_group_of_other_columns_than_the_schema_is_refused(columns: int) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    batch = pyarrow.RecordBatch.from_pydict({str(n): [HASH] for n in range(columns)})

    class File:
        def iter_batches(self, batch_size: int) -> list[object]:
            return [batch]

    with pytest.raises(ListError, match="not Parquet"):
        list(parquet._rows(File(), ["sha256", "size"], {0, 1}))


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        ("F64", struct.pack("<Q", 0x7FF0000000000001)),
        ("F64", struct.pack("<d", 1e308)),
        ("F32", struct.pack("<I", 0x7F800001)),
        ("F16", struct.pack("<H", 0x7C01)),
    ],
)
def test_a_number_that_float32_has_not_warns_nobody(dtype: str, bits: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in (1, 20_000):
            info = TensorInfo("a", dtype, (count,), 0, len(bits) * count)
            assert to_float32(info, bits * count).shape == (count,)


@pytest.mark.parametrize("dtype", ["F64", "F16", "U8", "F4"])
@pytest.mark.parametrize("shape", [(0, 2**62), (2**40, 0, 2**22), (2**63 - 1, 0)])
def test_an_empty_tensor_of_any_shape_is_read_or_refused(
    dtype: str, shape: tuple[int, ...]
) -> None:
    for strides in (None, tuple(0 for _ in shape)):
        info = TensorInfo("a", dtype, shape, 0, 0, strides)
        with contextlib.suppress(FileError):
            to_float32(info, b"")
        with contextlib.suppress(FileError):
            assert b"".join(row_major(info, b"")) == b""


# -- the gate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        {"version": float("inf")},
        {"age": 10**400},
        {"results": 7},
        {"results": [{"advice": "allow", "matches": [{"score": 10**400}]}]},
    ],
)
def test_the_client_refuses_numbers_of_every_size(told: dict[str, object]) -> None:
    usual = {"version": 1, "state": "live", "as_of": None, "age": 0.5, "results": []}
    body = json.dumps({**usual, **told}).encode()
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body))
    with (
        Gate("https://gate.example", "rsk_x", transport=transport) as gate,
        pytest.raises(StoreError, match="unknown format"),
    ):
        gate.check(Digests(sha256=HASH))


@pytest.mark.parametrize("after", ["²", "٣", "9" * 400, "-1", "x", ""])
def test_the_client_waits_as_long_as_it_is_told_or_as_usual(
    after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(client, "_sleep", waited.append)
    header = {"Retry-After": after.encode("utf-8")}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(503, headers=header))
    with (
        Gate("https://gate.example", "rsk_x", attempts=2, transport=transport) as gate,
        pytest.raises(StoreError, match="busy"),
    ):
        gate.check(Digests(sha256=HASH))
    assert len(waited) == 1
    assert 0 <= waited[0] <= client.LONGEST_WAIT


KEY = ["00" * 32, "ky-1", "x", ["check"], 50.0, 1.0]


@pytest.mark.parametrize(
    "text",
    [
        '{"index": ' + "[" * 100_000,
        json.dumps({"keys": [[*KEY[:5], 1e17]]}),
        json.dumps({"keys": [[*KEY[:5], 1e300]]}),
        json.dumps({"keys": [[*KEY[:5], float("inf")]]}),
        json.dumps({"at": float("nan"), "lists": [[10**400, "x"]]}),
    ],
    ids=["deep", "far away", "further", "never", "numbers"],
)
def test_a_state_that_contradicts_itself_is_refused(text: str, tmp_path: Path) -> None:
    usual = {"index": "index-a", "mac": "a", "at": 1.0, "lists": [], "keys": [], "policy": []}
    if text.endswith("}"):
        text = json.dumps({**usual, **json.loads(text)})
    part = text.encode()
    data = struct.pack("<6sHI", b"RSGATE", state.FORMAT, 1)
    data += struct.pack("<H4sQ", 4, b"gate", len(part)) + part
    data += blake3(data).digest()
    path = tmp_path / "state"
    path.write_bytes(data + blake3(data, key=KEYRING.for_states).digest())
    path.chmod(0o600)
    with pytest.raises(Tampered):
        state.last(path, KEYRING)


@pytest.mark.parametrize(
    "word",
    [
        "[" * 100_000,
        "{}",
        '{"fingerprint": 7}',
        '{"fingerprint": {"size": 1e999}}',
        '{"fault": ["only one"]}',
        '{"fault": 7}',
        '{"ended": "x"}',
        '{"ended": null}',
    ],
    ids=range(8),
)
def test_a_process_that_a_file_has_broken_says_nothing_of_use(word: str) -> None:
    with pytest.raises(upload_process.Unjudged, match="ended without an answer"):
        upload_process._last_word(upload_process._read(word.encode()))


@pytest.mark.parametrize("asked", [7, [1], [1, "zz"], ["x", "00"], None, [99, "00"]])
def test_what_such_a_process_asks_is_answered_by_no(asked: object) -> None:
    assert upload_process._asks({"never_read": asked}, NOTHING)
    assert not upload_process._asks({"never_read": [1, "00" * 32]}, NOTHING)


def test_a_form_that_cannot_be_read_is_not_told_to_the_log_by_letters(tmp_path: Path) -> None:
    add_gate(FastAPI(), GateProcess(settings_in(tmp_path)))
    log = logging.getLogger("python_multipart.multipart")
    assert not log.isEnabledFor(logging.WARNING)


# -- pages and notices ----------------------------------------------------------------------------


@pytest.mark.parametrize("query", [b"\xff", b"of=\xc3\xa9", b"a=1&\x80"])
@pytest.mark.parametrize("path", [b"/queue", b"/users/1/enable", b"/no-such-page", b"/health"])
def test_an_address_with_bytes_that_none_has_is_refused(query: bytes, path: bytes) -> None:
    role = Role.ADMINISTRATOR
    for method in ("GET", "POST"):
        assert outward.asked(PageRequest(method, path, query, (), b"", role, True)).status == 400


def test_a_notice_about_a_hub_without_pages_names_its_files() -> None:
    item = next(i for seed in range(99) for i in made(READERS["notice"], seed).items if i.there)
    sighting = replace(item.sighting, hub="no host\x85", repo="a/b", path="m.pt", member=False)
    notice = replace(
        made(READERS["notice"], 0), hub="no host\x85", account="a",
        items=(replace(item, sighting=sighting, url=None, stands=True),),
    )  # fmt: skip
    correction = Correction(notice, notice.items, 0, 1)
    for text in (notice_text.as_text(notice), correction_text.as_text(correction)):
        assert "\n1. a/b m.pt\n" in text
        assert "To: trust and safety at no host\\u0085\nAbout the account: a\n" in text


# -- settings and what is typed -------------------------------------------------------------------


def test_a_folder_of_a_name_that_none_can_have_is_no_fault() -> None:
    for name in ("1" * 500, "a\x00b"):
        settings = Settings.from_environment({"XDG_DATA_HOME": f"/{name}"})
        assert settings.key_file.name == "reseen.key"


@pytest.mark.parametrize("name", ["RESEEN_HOME", "RESEEN_KEY_FILE", "RESEEN_DB", "HF_HOME"])
def test_a_home_folder_that_nobody_has_is_said(name: str) -> None:
    with pytest.raises(SettingsError, match="home folder"):
        Settings.from_environment({name: "~nobody-at-all/x"})


@pytest.mark.parametrize("given", [{}, {"XDG_DATA_HOME": "/data"}, {"XDG_CONFIG_HOME": "/config"}])
def test_whoever_has_no_home_folder_is_told(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_there(path: Path) -> Path:
        if path.parts[:1] == ("~",):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", none_there)
    with pytest.raises(SettingsError, match="home folder"):
        Settings.from_environment(given)


@pytest.mark.parametrize("url", ["https://[::1", "https://h:99999", "not an address"])
def test_a_service_begins_at_no_address_that_is_none(url: str, tmp_path: Path) -> None:
    settings = replace(settings_in(tmp_path), url=url)
    with pytest.raises(SettingsError, match="RESEEN_URL"):
        serve.check(settings, serve.Listening())


@pytest.mark.parametrize("text", ["blocks.²", "٣.x", "12.a3", ""])
def test_names_of_layers_are_ordered_whatever_their_digits(text: str) -> None:
    assert sorted([text, "blocks.10", "blocks.9"], key=_natural)
