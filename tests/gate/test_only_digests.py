"""Files that only their digests could judge: the policy says what is advised, and the answer says
so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.files import build
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.hostile.test_blind import CASES, read
from tests.match.made import fully_known, remove
from tests.match.updates import CAST, OTHER, REMOVED, put

from reseen.gate import answers, policy
from reseen.gate.answers import NOTHING_WHY, ONLY_DIGESTS_WHY
from reseen.gate.keys import KeyScope
from reseen.gate.policy import Policy
from reseen.records import Advice, BlindSpot, Container, Fingerprint
from reseen.store import audit
from reseen.store.database import Store

BINARY = {"Content-Type": "application/octet-stream"}
BLIND = {name: data for name, (_, data, _) in CASES.items()} | {"text": b"words " * 100}


def answer(found: Fingerprint, rules: Policy) -> dict[str, Any]:
    made = answers.result_of_file([], rules, found)
    told: dict[str, Any] = json.loads(answers.of_file(answers.Heard(), True, 0.0, made, found))
    (result,) = told["results"]
    assert result["advice"] == made.advice.value
    assert result["matches"] == []
    return told | {"advice": result["advice"]}


@pytest.mark.parametrize("case", BLIND)
def test_by_default_they_are_let_through_and_it_is_said(case: str) -> None:
    told = answer(read(BLIND[case]), Policy())
    assert told["advice"] == "allow"
    assert told["file"]["only_digests"] == {"advice": "allow", "why": ONLY_DIGESTS_WHY}
    assert "weights" not in told["file"]["judged_by"]
    assert told["file"]["not_read"]


@pytest.mark.parametrize("case", BLIND)
@pytest.mark.parametrize("advice", [Advice.HOLD, Advice.BLOCK])
def test_an_administrator_rules_otherwise(case: str, advice: Advice) -> None:
    told = answer(read(BLIND[case]), Policy({}, advice))
    assert told["advice"] == advice.value
    assert told["file"]["only_digests"] == {"advice": advice.value, "why": ONLY_DIGESTS_WHY}


def test_a_file_of_which_nothing_is_known_is_ruled_as_well() -> None:
    unjudged = Fingerprint(9, Container.UNKNOWN, (), blind=(BlindSpot("ended", "it was ended"),))
    told = answer(unjudged, Policy({}, Advice.HOLD))
    assert told["advice"] == "hold"
    assert told["file"]["only_digests"] == {"advice": "hold", "why": NOTHING_WHY}
    assert told["file"]["judged_by"] == []


@pytest.mark.parametrize("data", [REMOVED, OTHER, CAST, b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_what_weights_judge_and_what_holds_none_is_not_meant(data: bytes) -> None:
    told = answer(read(data), Policy({}, Advice.BLOCK))
    assert told["advice"] == "allow"
    assert told["file"]["only_digests"] is None


def test_the_rule_is_kept_followed_audited_and_taken_back(store: Store, tmp_path: Path) -> None:
    put(store, REMOVED)
    blind = build.safetensors({f"model.{i}.weight": build.ramp("F16", 40, 40) for i in range(3)})
    digests_too = build.safetensors({"x": build.ramp("F16", 32, 64, seed=5)})
    remove(store, fully_known(digests_too))
    with running(settings_in(tmp_path), store) as gate:
        client, sender = standing.client(gate), key(store, KeyScope.FILE) | BINARY
        knows(gate, store)

        def advised(data: bytes) -> str:
            told = client.post("/v1/check/file", content=data, headers=sender).json()
            return str(told["results"][0]["advice"])

        assert [advised(each) for each in (blind, OTHER, digests_too)] == [
            "allow",
            "allow",
            "block",
        ]
        with store.write() as connection:
            assert policy.set_only_digests(connection, Advice.HOLD, actor="user:sample")
            assert not policy.set_only_digests(connection, Advice.HOLD, actor="user:sample")
        knows(gate, store)
        assert [advised(each) for each in (blind, OTHER, digests_too)] == ["hold", "allow", "block"]
    # what a gate kept says it too
    with running(settings_in(tmp_path), store) as gate:
        assert gate.known.policy.blind is Advice.HOLD
    with store.write() as connection:
        assert policy.set_only_digests(connection, None)
        assert policy.read(connection) == Policy()
        lines = [line for line in audit.every(connection) if line.action == "policy"]
    assert [json.loads(line.text or "{}") for line in lines] == [
        {"rung": "only-digests", "before": None, "after": "hold"},
        {"rung": "only-digests", "before": "hold", "after": None},
    ]
    assert lines[0].actor == "user:sample"
