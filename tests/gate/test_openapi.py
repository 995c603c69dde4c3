"""/v1/openapi.json is true: what it allows and what it forbids are answered as it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.gate.standing import client, key, knows, running, settings_in
from tests.match.made import KEYRING
from tests.match.updates import REMOVED, put

from reseen.gate import answers, questions
from reseen.gate.gate import GateProcess
from reseen.gate.routes import FileAnswer, add_gate
from reseen.store.database import Store
from reseen.web.app import make_app
from reseen.web.service import Service

EXAMPLES = 40
STEADY = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    positive_data_acceptance,
    negative_data_rejection,
]
OURS = ("/v1/check", "/v1/check/file")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GateProcess, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("gate")
    with Store(f"sqlite:///{folder / 'reseen.db'}") as store:
        put(store, REMOVED)
        headers = key(store, rate=100_000.0)
        with running(settings_in(folder), store) as gate:
            knows(gate, store)
            yield gate, headers


@pytest.fixture(scope="module")
def document(stage: tuple[GateProcess, dict[str, str]]) -> Any:
    app = FastAPI(title="Gate", openapi_url="/v1/openapi.json")
    add_gate(app, stage[0])
    return schemathesis.openapi.from_asgi("/v1/openapi.json", app)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize("path", OURS)
def test_every_answer_is_one_that_is_documented(
    document: Any, stage: tuple[GateProcess, dict[str, str]], path: str, mode: GenerationMode
) -> None:
    @STEADY
    @given(case=document[path]["POST"].as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        case.call_and_validate(headers=stage[1], checks=CHECKS)

    holds()


@pytest.mark.parametrize("path", OURS)
def test_without_a_key_every_answer_is_401(document: Any, path: str) -> None:
    @settings(STEADY, max_examples=5)
    @given(case=document[path]["POST"].as_strategy())
    def holds(case: Any) -> None:
        case.headers.pop("Authorization", None)
        answer = case.call()
        assert answer.status_code == 401
        case.validate_response(answer, checks=CHECKS[:4])

    holds()


@pytest.mark.parametrize("path", OURS)
def test_another_method_is_not_allowed(
    stage: tuple[GateProcess, dict[str, str]], path: str
) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = client(stage[0]).request(method, path, headers=stage[1])
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_every_kind_of_digest_is_documented(stage: tuple[GateProcess, dict[str, str]]) -> None:
    document = client(stage[0]).get("/v1/openapi.json").json()
    body = document["paths"]["/v1/check"]["post"]["requestBody"]
    (one, many) = body["content"]["application/json"]["schema"]["anyOf"]
    assert set(one["properties"]) == {*questions.KINDS, "pointer", "size"}
    assert many["properties"]["files"]["maxItems"] == questions.MOST_FILES
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"type", "title", "status", "detail"}


def test_an_answer_is_the_documented_model(stage: tuple[GateProcess, dict[str, str]]) -> None:
    gate, headers = stage
    asked = client(gate)
    binary = headers | {"Content-Type": "application/octet-stream"}
    answer = asked.post("/v1/check/file", content=REMOVED, headers=binary)
    made = FileAnswer.model_validate_json(answer.content, strict=True)
    assert made.model_dump(exclude_unset=True) == answer.json()
    assert answers.NOTHING == b'{"advice":"allow","matches":[]}'


def test_the_whole_service_documents_the_gate_and_no_page(tmp_path: Path) -> None:
    settings_ = settings_in(tmp_path)
    with Store(settings_.db) as store:
        gate = GateProcess(settings_, KEYRING, store)
        app = make_app(Service(store, settings_, KEYRING, gate))
        paths = set(app.openapi()["paths"])
    assert set(OURS) <= paths
    assert all(path.startswith("/v1/") for path in paths)
