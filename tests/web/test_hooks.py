"""The Hub's webhook: the secret, what is queued, what is ignored, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from reseen.errors import InputError, StoreError
from reseen.operations import jobs
from reseen.operations.hooks import HOOK
from reseen.records import RepoType
from reseen.store import audit
from reseen.store.database import Store
from reseen.web import hooks
from reseen.web.app import make_app
from reseen.web.service import Service

SECRET = "a sample secret"
PATH = "/v1/hooks/huggingface"


def payload(**more: Any) -> dict[str, Any]:
    """As the Hub sends it."""
    return {
        "event": {"action": "update", "scope": "repo.content"},
        "repo": {
            "type": "model",
            "name": "sample-account/lora",
            "id": "650000000000000000000001",
            "private": False,
            "url": {
                "web": "https://huggingface.co/sample-account/lora",
                "api": "https://huggingface.co/api/models/sample-account/lora",
            },
            "headSha": "a1" * 20,
            "owner": {"id": "650000000000000000000002"},
        },
        "updatedRefs": [{"ref": "refs/heads/main", "oldSha": None, "newSha": "a1" * 20}],
        "webhook": {"id": "650000000000000000000003", "version": 3},
        **more,
    }


@pytest.fixture
def hub(service: Service) -> Iterator[TestClient]:
    told = replace(service, settings=replace(service.settings, webhook_secret=SECRET))
    with TestClient(make_app(told), raise_server_exceptions=False) as client:
        yield client


def tell(hub: TestClient, value: Any, secret: str | None = SECRET) -> Any:
    headers = {} if secret is None else {"X-Webhook-Secret": secret}
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return hub.post(PATH, content=content, headers=headers)


def queued(service: Service) -> list[tuple[str, dict[str, Any]]]:
    with service.store.read() as connection:
        return [(job.kind.value, dict(job.what)) for job in jobs.every(connection)]


def test_a_changed_repository_is_queued_once(hub: TestClient, service: Service) -> None:
    first, second = tell(hub, payload()), tell(hub, payload())
    assert (first.status_code, first.json()) == (202, {"queued": True})
    assert (second.status_code, second.json()) == (202, {"queued": False})
    ((kind, what),) = queued(service)
    assert kind == "repository"
    assert (what["repos"], what["types"]) == (["sample-account/lora"], ["model"])
    with service.store.read() as connection:
        (line,) = [x for x in audit.every(connection) if x.action == "scan-asked"]
    assert line.actor == HOOK
    assert "sample-account" not in str(line)


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET.upper(), "é"])
def test_a_wrong_secret_queues_nothing(
    hub: TestClient, service: Service, secret: str | None
) -> None:
    headers = {} if secret is None else {"X-Webhook-Secret": secret.encode()}
    answer = hub.post(PATH, content=json.dumps(payload()).encode(), headers=headers)
    assert answer.status_code == 401
    assert queued(service) == []


def test_without_a_secret_there_are_no_hooks(service: Service) -> None:
    with TestClient(make_app(service)) as hub:
        assert tell(hub, payload()).status_code == 404
        assert tell(hub, payload(), "").status_code == 404
    assert queued(service) == []


@pytest.mark.parametrize(
    "value",
    [
        payload(event={"action": "delete", "scope": "repo"}),
        payload(event={"action": "create", "scope": "discussion"}),
        payload(event={"action": "create", "scope": "discussion.comment"}),
        payload(repo={"type": "bucket", "name": "sample-account/lora"}),
    ],
)
def test_what_changes_no_file_is_taken_and_not_queued(
    hub: TestClient, service: Service, value: dict[str, Any]
) -> None:
    answer = tell(hub, value)
    assert (answer.status_code, answer.json()) == (202, {"queued": False})
    assert queued(service) == []


def test_an_unknown_scope_below_a_repository_is_a_change_of_it(
    hub: TestClient, service: Service
) -> None:
    tell(hub, payload(event={"action": "update", "scope": "repo.something-new"}))
    assert len(queued(service)) == 1


def test_a_moved_repository_is_looked_at_where_it_is_now(hub: TestClient, service: Service) -> None:
    moved = {"event": {"action": "move", "scope": "repo"}, "movedTo": {"name": "other/lora"}}
    tell(hub, payload(**moved))
    ((_, what),) = queued(service)
    assert what["repos"] == ["other/lora"]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[" * 50_000,
        b"null",
        b"\xff\xfe",
        {},
        {"event": {}, "repo": {}},
        payload(repo="text"),
        payload(event=None),
        payload(repo={"type": "model", "name": "../../etc/passwd"}),
        payload(repo={"type": "model", "name": "https://evil.example/a"}),
        payload(repo={"type": "model", "name": "a/b/c"}),
        payload(repo={"type": "model", "name": "a/b?x=1"}),
        payload(repo={"type": "model", "name": "a/<script>"}),
        payload(repo={"type": "model", "name": "a\r\nb/c"}),
        payload(repo={"type": "model", "name": "x" * 300 + "/y"}),
        payload(repo={"type": ["model"], "name": "a/b"}),
    ],
)
def test_what_is_no_webhook_is_refused(hub: TestClient, service: Service, value: Any) -> None:
    answer = tell(hub, value)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert "evil" not in answer.text
    assert queued(service) == []


def test_a_long_payload_is_not_read(hub: TestClient, service: Service) -> None:
    assert tell(hub, payload(padding="x" * hooks.MOST)).status_code == 413
    assert queued(service) == []


def test_while_the_store_is_away_the_hub_is_told_to_come_back(
    hub: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Store) -> Any:
        raise StoreError("the store is away")

    monkeypatch.setattr(Store, "write", away)
    answer = tell(hub, payload())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_full_queue_says_so(hub: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_WAITING", 0)
    assert tell(hub, payload()).status_code == 503


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["event", "repo", "name", "type", "action", "scope"]), inner
        )
    ),
    max_leaves=12,
)


@examples(max_examples=150, derandomize=True)
@given(_JSON)
def test_anything_is_a_repository_or_nothing_or_refused(value: Any) -> None:
    try:
        found = hooks.repository_of(json.dumps(value).encode())
    except InputError:
        return
    assert found is None or isinstance(found[0], RepoType)
