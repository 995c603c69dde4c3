"""POST /v1/check/file: uploads of every kind, honest and not."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.files.build import T, torch_zip
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.hostile.make import hostile
from tests.match.made import KEYRING, fully_known, listed, read, remove
from tests.match.updates import CAST, OTHER, REMOVED, put

from replica import made
from reseen.fingerprints import members
from reseen.fingerprints.git import pointer
from reseen.fingerprints.whole import fingerprint
from reseen.gate import front, upload, upload_work
from reseen.gate.gate import GateProcess
from reseen.gate.keys import KeyScope
from reseen.gate.upload_process import UploadProcesses
from reseen.match.registry_index import RegistryIndex
from reseen.operations import classes
from reseen.records import DigestKind, RemovalClass, RemovedFile
from reseen.store.database import Store

BINARY = {"Content-Type": "application/octet-stream"}
PART = b'--sep\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n'


@pytest.fixture
def removal(store: Store) -> str:
    return put(store, REMOVED)[0]


@pytest.fixture
def gate(store: Store, tmp_path: Path, removal: str) -> Iterator[GateProcess]:
    with running(settings_in(tmp_path), store) as gate:
        yield gate


@pytest.fixture
def client(gate: GateProcess) -> TestClient:
    return standing.client(gate)


@pytest.fixture
def sender(gate: GateProcess, store: Store) -> dict[str, str]:
    made = key(store, KeyScope.FILE)
    knows(gate, store)
    return made


def rungs(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    return {match["rung"]: match["removal"] for match in result["matches"]}


def test_the_same_file_is_blocked(client: TestClient, sender: dict[str, str], removal: str) -> None:
    answer = client.post("/v1/check/file", content=REMOVED, headers=sender | BINARY)
    assert rungs(answer)["bytes"] == rungs(answer)["tensors"] == removal
    assert answer.json()["results"][0]["advice"] == "block"
    assert answer.json()["file"]["sha256"] == hashlib.sha256(REMOVED).hexdigest()


def test_an_altered_file_is_held(client: TestClient, sender: dict[str, str], removal: str) -> None:
    answer = client.post("/v1/check/file", content=CAST, headers=sender | BINARY)
    assert rungs(answer) == {"weights": removal}
    assert answer.json()["results"][0]["advice"] == "hold"
    (match,) = answer.json()["results"][0]["matches"]
    assert match["score"] > 0.9


def test_another_file_is_let_through(client: TestClient, sender: dict[str, str]) -> None:
    answer = client.post("/v1/check/file", content=OTHER, headers=sender | BINARY)
    assert rungs(answer) == {}
    assert answer.json()["results"][0]["advice"] == "allow"


def test_a_form_is_answered_as_the_file_alone(client: TestClient, sender: dict[str, str]) -> None:
    for data in (REMOVED, CAST, b"\r\n--not a boundary\r\n" * 100, b"\r"):
        alone = client.post("/v1/check/file", content=data, headers=sender | BINARY).json()
        form = client.post("/v1/check/file", files={"file": ("x", data)}, headers=sender).json()
        assert form["file"] == alone["file"]
        assert form["results"] == alone["results"]


def test_a_torch_file_is_read_from_its_end_and_nothing_is_left(
    client: TestClient, sender: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    data = torch_zip({"lora_down.weight": T("F32", (4, 4), bytes(range(64)))})
    (tmp_path / "x.pt").write_bytes(data)
    expected = fingerprint(tmp_path / "x.pt")
    answer = client.post("/v1/check/file", content=data, headers=sender | BINARY).json()["file"]
    assert answer["container"] == "torch-zip"
    assert answer["problem"] is None
    assert {d.hex for d in expected.digests} <= set(map(str, answer.values()))
    assert list(spools.iterdir()) == []


def test_a_torch_file_that_is_too_long_is_refused(
    client: TestClient, sender: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MOST_SPOOLED", 100)
    data = torch_zip({"a": T("F32", (4, 4), bytes(64))})
    answer = client.post("/v1/check/file", content=data, headers=sender | BINARY)
    assert answer.status_code == 413
    monkeypatch.setattr(upload, "MOST_STREAMED", 100)
    answer = client.post("/v1/check/file", content=REMOVED, headers=sender | BINARY)
    assert answer.status_code == 413


@pytest.fixture(scope="module")
def same_gate(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """One gate for all hostile files, as they come to it, and who may ask it."""
    folder = tmp_path_factory.mktemp("gate")
    with Store(f"sqlite:///{folder / 'reseen.db'}") as store:
        put(store, REMOVED)
        made = key(store, KeyScope.FILE)
        with running(settings_in(folder), store) as gate:
            knows(gate, store)
            yield standing.client(gate), made


@pytest.mark.parametrize("case", list(hostile()), ids=lambda case: case.name)
def test_a_hostile_file_is_matched_by_its_digests(
    same_gate: tuple[TestClient, dict[str, str]], case: Any
) -> None:
    client, sender = same_gate
    answer = client.post("/v1/check/file", content=case.data, headers=sender | BINARY)
    assert answer.status_code == 200, answer.text
    file = answer.json()["file"]
    assert file["sha256"] == hashlib.sha256(case.data).hexdigest()
    assert file["sketched"] is False


def test_headers_are_passed_in_any_pieces(gate: GateProcess, store: Store) -> None:
    """The pieces in which a body comes change nothing."""
    expected = read(REMOVED)
    for size in (1_000, 7, 65_536):
        pieces = [REMOVED[at : at + size] for at in range(0, min(len(REMOVED), 4_000), size)]
        pieces.append(REMOVED[sum(map(len, pieces)) :])
        found = asyncio.run(_fingerprint(pieces, len(REMOVED), b"application/octet-stream"))
        assert found == expected


def test_a_form_may_come_in_any_pieces() -> None:
    data = b"\r\n-" * 50 + b"end"
    head = b'--sep\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    form = head + data + b"\r\n--sep--\r\n"
    for size in (1, 3, 1_000):
        pieces = [form[at : at + size] for at in range(0, len(form), size)]
        found = asyncio.run(_fingerprint(pieces, len(form), b"multipart/form-data; boundary=sep"))
        assert found == read(data)


@pytest.mark.parametrize(
    ("form", "boundary"),
    [
        (b"", "sep"),
        (b"--sep--\r\n", "sep"),
        (b"no form at all", "sep"),
        (b"x" * 20_000, "sep"),
        (PART.replace(b"file", b"another") + b"--sep--\r\n", "sep"),
        (PART, "sep"),
        (PART + PART + b"--sep--\r\n", "sep"),
        (PART + b"--sep--\r\n and more behind it", "sep"),
        (PART + b"--sep--", "sep"),
        (PART + b"--sep--\r\n", "other"),
        (PART + b"--sep--\r\n", ""),
    ],
)
def test_a_form_of_another_shape_is_refused(
    client: TestClient, sender: dict[str, str], form: bytes, boundary: str
) -> None:
    headers = sender | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = client.post("/v1/check/file", content=form, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_without_a_length_is_refused(client: TestClient, sender: dict[str, str]) -> None:
    answer = client.post("/v1/check/file", content=iter([b"abc"]), headers=sender | BINARY)
    assert answer.status_code == 411


def test_another_content_type_is_refused(client: TestClient, sender: dict[str, str]) -> None:
    headers = sender | {"Content-Type": "text/plain"}
    assert client.post("/v1/check/file", content=b"x", headers=headers).status_code == 415


@pytest.mark.parametrize(
    "encoding", ["gzip", "br", "zstd", "deflate", "identity, gzip", "x", "GZIP"]
)
def test_an_encoded_body_is_never_hashed_as_if_it_were_the_file(
    client: TestClient, sender: dict[str, str], encoding: str
) -> None:
    packed = gzip.compress(REMOVED)
    headers = {**sender, **BINARY, "Content-Encoding": encoding}
    answer = client.post("/v1/check/file", content=packed, headers=headers)
    assert answer.status_code == 415, answer.text
    assert "Content-Encoding" in answer.json()["detail"]


def test_an_identity_encoding_is_none(
    client: TestClient, sender: dict[str, str], removal: str
) -> None:
    headers = {**sender, **BINARY, "Content-Encoding": "identity"}
    answer = client.post("/v1/check/file", content=REMOVED, headers=headers)
    assert rungs(answer)["bytes"] == removal


def test_a_part_of_a_file_is_never_hashed_as_if_it_were_the_file(
    client: TestClient, sender: dict[str, str]
) -> None:
    some = REMOVED[: len(REMOVED) // 2]
    for said in (f"bytes 0-{len(some) - 1}/{len(REMOVED)}", "bytes */100", "items 1-2/3"):
        headers = {**sender, **BINARY, "Content-Range": said}
        answer = client.post("/v1/check/file", content=some, headers=headers)
        assert answer.status_code == 400
        assert "whole file" in answer.json()["detail"]


@pytest.mark.parametrize(
    "said", ["Content-Transfer-Encoding: base64", "Content-Encoding: gzip", "content-encoding:br"]
)
def test_an_encoded_part_of_a_form_is_refused(
    client: TestClient, sender: dict[str, str], said: str
) -> None:
    head = f'--sep\r\nContent-Disposition: form-data; name="file"\r\n{said}\r\n\r\n'
    body = head.encode() + base64.b64encode(REMOVED) + b"\r\n--sep--\r\n"
    headers = {**sender, "Content-Type": "multipart/form-data; boundary=sep"}
    assert client.post("/v1/check/file", content=body, headers=headers).status_code == 415


def test_when_too_many_come_in_more_are_asked_to_come_again(
    client: TestClient, sender: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "UPLOADS", 0)
    answer = client.post("/v1/check/file", content=b"x", headers=sender | BINARY)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_who_hangs_up_leaves_nothing_behind(gate: GateProcess, sender: dict[str, str]) -> None:
    admission = front.Admission(gate)
    authorization = sender["Authorization"].encode()
    scope = {
        "type": "http", "method": "POST", "path": "/v1/check/file",
        "headers": [
            (b"authorization", authorization), (b"content-length", b"1000000"),
            (b"content-type", b"application/octet-stream"),
        ],
    }  # fmt: skip
    messages = [
        {"type": "http.request", "body": REMOVED[:5_000], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(front.answer_file(admission, scope, receive, send))
    assert sent == []
    assert admission.uploads == 0


def test_who_stops_sending_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "IDLE", 0.01)

    async def silent() -> Any:
        await asyncio.sleep(3_600)

    async def wait() -> None:
        scope = {"headers": [(b"content-length", b"10")]}
        with pytest.raises(upload.Refused) as refused, closing(UploadProcesses()) as processes:
            await upload.fingerprint_of(scope, silent, processes, RegistryIndex())
        assert refused.value.status == 408

    asyncio.run(wait())


@pytest.mark.parametrize("who", ["sender", "reader"])
def test_only_who_sends_slowly_is_ended(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    async def receive() -> Any:
        clock[0] += 20.0 if who == "sender" else 0.0
        return {"type": "http.request", "body": bytes(1_000), "more_body": True}

    async def whole() -> int:
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])
        taken = 0
        async for _ in upload._body(receive, 1 << 40):
            clock[0] += 1_000.0 if who == "reader" else 0.0
            taken += 1
            if taken == 20:
                break
        return taken

    if who == "reader":
        assert asyncio.run(whole()) == 20
        return
    with pytest.raises(upload.Refused) as refused:
        asyncio.run(whole())
    assert refused.value.status == 408


async def _fingerprint(pieces: list[bytes], length: int, kind: bytes) -> Any:
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    scope = {"headers": [(b"content-length", b"%d" % length), (b"content-type", kind)]}

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    with closing(UploadProcesses()) as processes:
        return await upload.fingerprint_of(scope, receive, processes, RegistryIndex())


def test_what_a_torch_file_of_a_removal_holds_is_found(
    store: Store, gate: GateProcess, client: TestClient, sender: dict[str, str]
) -> None:
    data = torch_zip({"a.weight": T("F32", (8, 8), bytes(range(256)))})
    id = remove(store, fully_known(data))
    knows(gate, store)
    assert io.BytesIO(data).read(2) == b"PK"
    answer = client.post("/v1/check/file", content=data, headers=sender | BINARY)
    assert rungs(answer)["bytes"] == id


# -- the class of which nothing is read ------------------------------------------------------------


NOTHING_INSIDE = {"data_sha256", "tensors_blake3", "autov3"}


@pytest.mark.parametrize("entitled", [False, True])
def test_an_upload_of_the_class_ends_at_its_digests(
    client: TestClient,
    sender: dict[str, str],
    gate: GateProcess,
    store: Store,
    removal: str,
    entitled: bool,
) -> None:
    classes.classify(store, KEYRING, removal, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    if entitled:
        classes.entitle(store, "local")
    knows(gate, store)
    answer = client.post("/v1/check/file", content=REMOVED, headers=sender | BINARY)
    assert rungs(answer)["bytes"] == removal
    assert rungs(answer).keys() <= {"bytes", "hint"}
    assert answer.json()["results"][0]["advice"] == "block"
    about = answer.json()["file"]
    assert not about["sketched"]
    assert "only digests" in about["no_sketch"]
    assert not NOTHING_INSIDE & about.keys()
    # an altered copy of it is not known: its sketch is not searched
    assert rungs(client.post("/v1/check/file", content=CAST, headers=sender | BINARY)) == {}


def test_the_class_is_told_by_the_digest_of_its_weights(
    client: TestClient, gate: GateProcess, store: Store, sender: dict[str, str]
) -> None:
    """A list knows no other digest of it; a copy with another header is one, too."""
    digest = read(OTHER).digest(DigestKind.DATA_SHA256)
    assert digest is not None
    never = remove(store, RemovedFile((digest,)))
    classes.classify(store, KEYRING, never, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    knows(gate, store)
    for data in (OTHER, made.header_edited(OTHER)):
        answer = client.post("/v1/check/file", content=data, headers=sender | BINARY)
        assert rungs(answer)["tensors"] == never
        assert answer.json()["results"][0]["advice"] == "block"
        assert not answer.json()["file"]["sketched"]


@pytest.mark.parametrize(("entitled", "advice"), [(False, "hold"), (True, "block")])
def test_the_class_is_blocked_for_whom_is_entitled_and_else_held(
    client: TestClient,
    gate: GateProcess,
    store: Store,
    removal: str,
    entitled: bool,
    advice: str,
) -> None:
    from reseen.gate import policy
    from reseen.gate.policy import Advice
    from reseen.records import Rung

    asks = key(store, KeyScope.CHECK)
    with store.write() as connection:
        for rung in (Rung.BYTES, Rung.DECLARED):  # whatever the policy lets through
            policy.set(connection, policy.EVERY_LIST, rung, Advice.ALLOW)
    digest = hashlib.sha256(REMOVED).hexdigest()

    def advised() -> str:
        knows(gate, store)
        answer = client.post("/v1/check", json={"sha256": digest}, headers=asks)
        return str(answer.json()["results"][0]["advice"])

    assert advised() == "allow"
    classes.classify(store, KEYRING, removal, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    if entitled:
        classes.entitle(store, "local")
    assert advised() == advice
    classes.classify(store, KEYRING, removal, RemovalClass.OTHER, "Sample reason 01")
    assert advised() == "allow"


def test_a_torch_file_of_the_class_is_not_opened_and_not_left(
    client: TestClient,
    sender: dict[str, str],
    gate: GateProcess,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    data = torch_zip({"lora_down.weight": T("F32", (4, 4), bytes(range(64)))})
    id = remove(store, listed(data))
    classes.classify(store, KEYRING, id, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    knows(gate, store)

    answer = client.post("/v1/check/file", content=data, headers=sender | BINARY)
    assert rungs(answer)["bytes"] == id
    assert answer.json()["file"]["container"] == "torch-zip"
    assert list(spools.iterdir()) == []

    def opened(*_: object, **__: object) -> object:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(members, "look_inside", opened)
    read = upload_work.read_upload(iter([data]), len(data), gate.live.index)
    assert read.digest(DigestKind.SHA256) is not None
    with pytest.raises(AssertionError):
        upload_work.read_upload(iter([data]), len(data), None)


def test_an_uploaded_pointer_is_what_it_states(store: Store, tmp_path: Path) -> None:
    removal = remove(store, listed(CAST))
    with running(settings_in(tmp_path), store) as gate:
        sender = key(store, KeyScope.FILE)
        knows(gate, store)
        client = standing.client(gate)
        text = pointer(hashlib.sha256(CAST).digest(), len(CAST))
        answer = client.post("/v1/check/file", content=text, headers={**BINARY, **sender})
        assert rungs(answer) == {"declared": removal}
        assert "git lfs pull" in answer.json()["results"][0]["matches"][0]["why"]
        assert "git lfs pull" in answer.json()["file"]["problem"]
        other = pointer(bytes(range(32)), 7)
        answer = client.post("/v1/check/file", content=other, headers={**BINARY, **sender})
        assert rungs(answer) == {}
        assert "git lfs pull" in answer.json()["file"]["problem"]
