"""POST /v1/check/file: a merge with a removed model in it is held, a stranger's is let through."""

from __future__ import annotations

from pathlib import Path

from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.match.merges import concatenated, file_of, person, put, put_decoys

from reseen.gate.keys import KeyScope
from reseen.store.database import Store

BINARY = {"Content-Type": "application/octet-stream"}


def test_a_merge_is_held_and_a_strangers_is_let_through(store: Store, tmp_path: Path) -> None:
    (removal,) = put(store, person(7))
    merge = file_of(concatenated([person(7), person(8)], [0.05, 1]))
    other = file_of(concatenated([person(9), person(8)], [0.05, 1]))
    with running(settings_in(tmp_path), store) as gate:
        client, sender = standing.client(gate), key(store, KeyScope.FILE) | BINARY
        knows(gate, store)

        def answer(file: bytes) -> dict[str, object]:
            response = client.post("/v1/check/file", content=file, headers=sender)
            assert response.status_code == 200, response.text
            (result,) = response.json()["results"]
            return dict(result)

        # Without decoys enough nothing is sure.
        assert answer(merge) == {"advice": "allow", "matches": []}
        put_decoys(store)
        knows(gate, store)
        told = answer(merge)
        assert told["advice"] == "hold"
        (match,) = told["matches"]
        assert (match["removal"], match["rung"], match["kind"]) == (
            removal,
            "component",
            "sketch-part",
        )
        assert match["score"] > 0.8
        assert "of its columns are there" in match["why"]
        assert answer(other) == {"advice": "allow", "matches": []}
