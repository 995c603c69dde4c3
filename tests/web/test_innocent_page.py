"""The page of known innocents: by two people, with every name escaped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.match.merges import file_of, person
from tests.web.visitors import Visitor

from reseen.operations import innocents
from reseen.registry import innocents as registry_innocents
from reseen.review.roles import Role, by_name
from reseen.web.service import Service

Visit = Callable[..., Visitor]
NAME = "Sample <b>style</b>"


@pytest.fixture
def proposed(service: Service, visit: Visit, tmp_path: Path) -> str:
    """By the lead "sample-lead"."""
    visit(Role.LEAD)
    file = tmp_path / "file"
    file.write_bytes(file_of(person(40)))
    with service.store.read() as connection:
        who = by_name(connection, "sample-lead")
    return innocents.propose(service.store, service.keyring, file, NAME, "why", by=who)


def test_another_person_confirms_and_anybody_of_them_removes(
    visit: Visit, service: Service, proposed: str
) -> None:
    place, own = f"/innocents/{proposed}", visit(Role.LEAD)
    shown = own.get("/innocents").text
    assert "Sample &lt;b&gt;style&lt;/b&gt;" in shown
    assert "not you" in shown
    assert 'value="confirm"' not in shown
    assert own.post(place, {"act": "confirm", "reason": "why"}).status_code == 409
    reader = visit(Role.READER).get("/innocents").text
    assert "<form" not in reader.partition("<main")[2]
    other = visit(Role.LEAD, "other-lead")
    assert 'value="confirm"' in other.get("/innocents").text
    assert other.post(place, {"act": "confirm", "reason": ""}).status_code == 400
    assert other.post(place, {"act": "burn", "reason": "why"}).status_code == 400
    answer = other.post(place, {"act": "confirm", "reason": "why"})
    assert answer.headers["location"] == "/innocents?done=confirmed"
    assert "1 in use" in own.get("/lists").text
    assert "in use" in own.get("/innocents").text
    assert own.post(place, {"act": "remove", "reason": "why"}).status_code == 303
    with service.store.read() as connection:
        assert registry_innocents.every(connection) == []
    assert own.post(place, {"act": "remove", "reason": "why"}).status_code == 404
    assert "None is known" in own.get("/innocents").text
