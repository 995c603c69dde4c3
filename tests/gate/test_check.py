"""POST /v1/check: every rung, every rule, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.facts import add_claim
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.match.made import KEYRING, adapter, fully_known, remove, safetensors

from reseen.fingerprints.git import pointer_oid
from reseen.gate import front, policy
from reseen.gate.gate import GateProcess
from reseen.gate.keys import KeyScope
from reseen.records import Advice, Digest, DigestKind, Names, RemovedFile, Rung
from reseen.registry import removals
from reseen.registry.claims import removal_pk
from reseen.store.database import Store

FILE = safetensors(adapter(7))
SHA256 = hashlib.sha256(FILE).hexdigest()
SECRET = "Sample person 07"


@pytest.fixture
def removal(store: Store) -> str:
    file = fully_known(FILE)
    more = (*file.digests, Digest(DigestKind.XET, b"\x17" + bytes(30) + b"\x01"))
    kept = RemovedFile(more, file.size, file.container, file.data_size, file.layout)
    return remove(store, kept, names=Names(name=SECRET, file_names=("sample-person.safetensors",)))


@pytest.fixture
def gate(store: Store, tmp_path: Path, removal: str) -> Iterator[GateProcess]:
    with running(settings_in(tmp_path), store) as gate:
        yield gate


@pytest.fixture
def client(gate: GateProcess) -> TestClient:
    return standing.client(gate)


@pytest.fixture
def trusted(gate: GateProcess, store: Store) -> dict[str, str]:
    made = key(store, KeyScope.CHECK, KeyScope.TRUSTED)
    knows(gate, store)
    return made


@pytest.fixture
def stranger(gate: GateProcess, store: Store) -> dict[str, str]:
    made = key(store, KeyScope.CHECK)
    knows(gate, store)
    return made


def _digests() -> dict[str, str]:
    found = {d.kind.label.replace("-", "_"): d.hex for d in fully_known(FILE).digests}
    return found | {"xet": (b"\x17" + bytes(30) + b"\x01").hex()}


def _rungs(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    return {match["rung"]: match["advice"] for match in result["matches"]}


@pytest.mark.parametrize(
    ("kind", "rung", "advice"),
    [
        ("sha256", "bytes", "block"),
        ("blake3", "bytes", "block"),
        ("git_blob_sha1", "bytes", "block"),
        ("data_sha256", "tensors", "block"),
        ("tensors_blake3", "tensors", "block"),
        ("xet", "declared", "hold"),
        ("crc32", "hint", "allow"),
        ("autov2", "hint", "allow"),
        ("autov3", "hint", "allow"),
    ],
)
def test_a_trusted_digest_stands_on_its_rung(
    client: TestClient,
    trusted: dict[str, str],
    removal: str,
    kind: str,
    rung: str,
    advice: str,
) -> None:
    body = {kind: _digests()[kind]}
    answer = client.post("/v1/check", json=body, headers=trusted)
    (result,) = answer.json()["results"]
    assert _rungs(answer) == {rung: advice}
    assert result["advice"] == advice
    (match,) = result["matches"]
    assert (match["removal"], match["list"]) == (removal, "sample")
    assert match["score"] == (None if rung == "hint" else 1.0)


@pytest.mark.parametrize(
    "kind", ["sha256", "blake3", "git_blob_sha1", "data_sha256", "tensors_blake3", "xet"]
)
def test_what_a_stranger_says_is_declared_and_held(
    client: TestClient, stranger: dict[str, str], kind: str
) -> None:
    answer = client.post("/v1/check", json={kind: _digests()[kind].upper()}, headers=stranger)
    assert _rungs(answer) == {"declared": "hold"}


def test_a_pointer_is_recognised_under_either_name(
    client: TestClient, trusted: dict[str, str]
) -> None:
    oid = pointer_oid(bytes.fromhex(SHA256), len(FILE)).hex()
    for name in ("pointer", "git_blob_sha1"):
        answer = client.post("/v1/check", json={name: oid}, headers=trusted)
        assert _rungs(answer) == {"pointer": "hold"}


def test_a_short_digest_of_a_file_of_another_size_is_no_hint(
    client: TestClient, stranger: dict[str, str]
) -> None:
    for size, rungs in ((len(FILE), {"hint": "allow"}), (len(FILE) + 1, {})):
        body = {"autov2": SHA256[:10], "size": size}
        assert _rungs(client.post("/v1/check", json=body, headers=stranger)) == rungs


def test_files_are_answered_in_their_order(client: TestClient, trusted: dict[str, str]) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    body = {"files": [{"sha256": other}, {"sha256": SHA256}] * 40}
    answer = client.post("/v1/check", json=body, headers=trusted).json()
    assert [r["advice"] for r in answer["results"]] == ["allow", "block"] * 40
    assert answer["state"] == "live"
    assert answer["version"] > 0


def test_ten_thousand_files_are_answered(client: TestClient, trusted: dict[str, str]) -> None:
    files = [{"sha256": hashlib.sha256(b"%d" % n).hexdigest()} for n in range(9_999)]
    answer = client.post(
        "/v1/check", json={"files": [*files, {"sha256": SHA256}]}, headers=trusted
    ).json()
    assert [r["advice"] for r in answer["results"]] == ["allow"] * 9_999 + ["block"]


def test_digests_that_name_nothing_match_nothing(
    store: Store, gate: GateProcess, client: TestClient, trusted: dict[str, str]
) -> None:
    nothing = hashlib.sha256(b"").digest()
    # The registry's own import refuses them: put there as an older one could have been.
    from reseen.store.database import insert_many

    id = remove(store, RemovedFile(()))
    with store.write() as connection:
        pk = removal_pk(connection, id)
        claim_pk = add_claim(connection, pk, RemovedFile((), size=0))
        from reseen.store import change_log, schema

        rows = [(1, nothing, claim_pk), (1, bytes(32), claim_pk)]
        insert_many(connection, schema.digests, removals.DIGEST_COLUMNS, rows)
        change_log.note(connection, [pk])
    knows(gate, store)
    for value in (nothing, bytes(32)):
        answer = client.post("/v1/check", json={"sha256": value.hex()}, headers=trusted)
        assert _rungs(answer) == {}


def test_no_answer_holds_a_sealed_name(client: TestClient, trusted: dict[str, str]) -> None:
    answer = client.post("/v1/check", json=_digests(), headers=trusted)
    for word in (SECRET, "sample-person", "models.example"):
        assert word not in answer.text


def test_the_strongest_advice_over_all_matches_wins(
    client: TestClient, stranger: dict[str, str]
) -> None:
    body = {"crc32": _digests()["crc32"], "blake3": _digests()["blake3"]}
    answer = client.post("/v1/check", json=body, headers=stranger)
    assert _rungs(answer) == {"declared": "hold", "hint": "allow"}
    assert answer.json()["results"][0]["advice"] == "hold"


def test_a_list_can_be_ruled_otherwise(
    store: Store, gate: GateProcess, client: TestClient, stranger: dict[str, str]
) -> None:
    def advice() -> str:
        knows(gate, store)
        answer = client.post("/v1/check", json={"sha256": SHA256}, headers=stranger)
        return str(answer.json()["results"][0]["advice"])

    def rule(name: str, advised: Advice | None) -> None:
        with store.write() as connection:
            policy.set(connection, name, Rung.DECLARED, advised)

    assert advice() == "hold"
    rule(policy.EVERY_LIST, Advice.ALLOW)
    assert advice() == "allow"
    rule("sample", Advice.BLOCK)
    assert advice() == "block"
    rule("another", Advice.ALLOW)
    assert advice() == "block"
    rule("sample", None)
    rule(policy.EVERY_LIST, None)
    assert advice() == "hold"


# -- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'{"size": ' + b"9" * 5_000 + b"}", 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"files": []}', 422),
        (b'{"files": {}}', 422),
        (b'{"files": [1]}', 422),
        (b'{"files": [{}], "more": 1}', 422),
        (b'{"size": 5}', 422),
        (b'{"sha256": "00"}', 422),
        (b'{"sha256": null}', 422),
        (b'{"sha256": "%b"}' % (b"zz" * 32), 422),
        (b'{"sha256": "%b"}' % (b"00 " * 21 + b"0"), 422),
        (b'{"sha256": "%b", "size": -1}' % (b"11" * 32), 422),
        (b'{"sha256": "%b", "size": true}' % (b"11" * 32), 422),
        (b'{"sha256": "%b", "size": 1.5}' % (b"11" * 32), 422),
        (b'{"sha256": "%b", "size": 9223372036854775808}' % (b"11" * 32), 422),
        (b'{"name": "Sample person 07"}', 422),
    ],
)
def test_a_body_of_another_shape_is_refused_in_one_sentence(
    client: TestClient, stranger: dict[str, str], body: bytes, status: int
) -> None:
    headers = stranger | {"Content-Type": "application/json"}
    answer = client.post("/v1/check", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert SECRET not in answer.text


def test_too_many_files_and_too_many_bytes_are_refused(
    client: TestClient, stranger: dict[str, str]
) -> None:
    files = [{"crc32": "00112233"}] * 10_001
    answer = client.post("/v1/check", json={"files": files}, headers=stranger)
    assert answer.status_code == 422
    headers = stranger | {"Content-Type": "application/json"}
    long = client.post("/v1/check", content=b" " * ((8 << 20) + 1), headers=headers)
    assert long.status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, deflate"])
def test_digests_that_are_encoded_are_refused_with_the_reason(
    client: TestClient, stranger: dict[str, str], encoding: str
) -> None:
    body = gzip.compress(json.dumps({"sha256": SHA256}).encode())
    headers = {**stranger, "Content-Type": "application/json", "Content-Encoding": encoding}
    answer = client.post("/v1/check", content=body, headers=headers)
    assert answer.status_code == 415
    assert "Content-Encoding" in answer.json()["detail"]
    part = {**headers, "Content-Encoding": "identity", "Content-Range": "bytes 0-1/2"}
    answer = client.post("/v1/check", json={"sha256": SHA256}, headers=part)
    assert answer.status_code == 400
    assert "Content-Range" in answer.json()["detail"]


def test_who_asks_of_few_files_does_not_wait_for_who_asks_of_many(
    gate: GateProcess, stranger: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "_TURN", 0.0)
    admission = front.Admission(gate)
    order: list[int] = []

    async def ask(files: int) -> None:
        body = json.dumps({"files": [{"sha256": SHA256}] * files}).encode()
        coming = [{"type": "http.request", "body": body}]
        headers = {**stranger, "Content-Type": "application/json"}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        sent: list[Any] = []

        async def receive() -> Any:
            return coming.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": front.PATH, "headers": raw}
        await front.answer_check(admission, scope, receive, send)
        assert sent[0]["status"] == 200
        assert len(json.loads(sent[1]["body"])["results"]) == files
        order.append(files)

    async def whole() -> None:
        await asyncio.gather(ask(10_000), ask(9_999), ask(100), ask(1))

    asyncio.run(whole())
    assert order == [100, 1, 10_000, 9_999]


def test_another_content_type_is_refused(client: TestClient, stranger: dict[str, str]) -> None:
    answer = client.post("/v1/check", content=b"{}", headers=stranger)
    assert answer.status_code == 415
    headers = stranger | {"Content-Type": "application/json; charset=utf-8"}
    body = b'{"sha256": "%b"}' % (b"12" * 32)
    assert client.post("/v1/check", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "Basic abc",
        "Bearer",
        "Bearer rsk_",
        "Bearer rsk_" + "A" * 48,
        "Bearer rsk_" + "é" * 24,
        "Bearer " + "x" * 5_000,
    ],
)
def test_without_a_key_nothing_is_told(client: TestClient, sent: str | None) -> None:
    headers = {} if sent is None else {"Authorization": sent.encode()}
    answer = client.post("/v1/check", json={"sha256": SHA256}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/v1/check/file", content=b"x", headers=headers).status_code == 401


def test_a_key_without_the_scope_is_turned_away(
    store: Store, gate: GateProcess, client: TestClient
) -> None:
    files, checks = key(store, KeyScope.FILE), key(store, KeyScope.CHECK)
    knows(gate, store)
    assert client.post("/v1/check", json={"sha256": SHA256}, headers=files).status_code == 403
    binary = checks | {"Content-Type": "application/octet-stream"}
    assert client.post("/v1/check/file", content=b"x", headers=binary).status_code == 403


def test_a_key_that_asks_too_often_is_told_when_to_come_again(
    store: Store, gate: GateProcess, client: TestClient
) -> None:
    slow = key(store, KeyScope.CHECK, rate=0.001)
    knows(gate, store)
    first = client.post("/v1/check", json={"sha256": SHA256}, headers=slow)
    second = client.post("/v1/check", json={"sha256": SHA256}, headers=slow)
    assert (first.status_code, second.status_code) == (200, 429)
    assert int(second.headers["retry-after"]) >= 1


def test_a_keyring_of_another_kind_is_not_needed(store: Store, tmp_path: Path) -> None:
    """Without the sealing key the gate answers; it only keeps no last state."""
    made = key(store)
    with running(settings_in(tmp_path), store, keyring=None) as gate:
        answer = standing.client(gate).post("/v1/check", json={"sha256": SHA256}, headers=made)
        assert answer.status_code == 200
    assert not (tmp_path / "gate").exists()
    assert KEYRING


def test_a_claim_of_which_one_digest_is_false_advises_hold_at_most_and_says_so(
    store: Store, gate: GateProcess, client: TestClient, trusted: dict[str, str]
) -> None:
    mine, other = fully_known(safetensors(adapter(20))), fully_known(safetensors(adapter(21)))
    sha256, _ = mine.digests[:2]
    blake3 = next(d for d in other.digests if d.kind is DigestKind.BLAKE3)
    true_blake3 = next(d for d in mine.digests if d.kind is DigestKind.BLAKE3)
    remove(store, RemovedFile((sha256, blake3)))
    knows(gate, store)

    def answer() -> Any:
        body = {"sha256": sha256.hex, "blake3": true_blake3.hex}
        (result,) = client.post("/v1/check", json=body, headers=trusted).json()["results"]
        return result

    told = answer()
    assert told["advice"] == "hold"
    (match,) = told["matches"]
    assert (match["rung"], match["kind"], match["score"]) == ("refuted", "contradiction", None)
    assert "a person has to look at it" in match["why"]
    one = client.post("/v1/check", json={"sha256": sha256.hex}, headers=trusted).json()
    assert one["results"][0]["advice"] == "block"  # nothing known contradicts it
    with store.write() as connection:
        policy.set(connection, "sample", Rung.BYTES, Advice.ALLOW)
    knows(gate, store)
    assert answer()["advice"] == "allow"


def test_both_lists_of_a_file_are_answered_and_the_stronger_rule_wins(
    store: Store, gate: GateProcess, client: TestClient, trusted: dict[str, str], removal: str
) -> None:
    with store.write() as connection:
        add_claim(connection, removal_pk(connection, removal), fully_known(FILE))
        policy.set(connection, "sample", Rung.BYTES, Advice.ALLOW)
    knows(gate, store)
    answer = client.post("/v1/check", json={"sha256": SHA256}, headers=trusted).json()
    (result,) = answer["results"]
    assert {(m["list"], m["advice"]) for m in result["matches"]} == {
        ("sample", "allow"),
        ("another list", "block"),
    }
    assert result["advice"] == "block"
