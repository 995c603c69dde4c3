"""The gate's routes, as documented in /v1/openapi.json.

What comes in: the application and the gate. What goes out: the same application with the gate in
front. The models here say what is answered; the answers themselves are made in `answers`, and what
is asked is read in `questions`: a test holds them together.
"""

from __future__ import annotations

import logging
from typing import Any, Literal, cast

from fastapi import APIRouter, FastAPI, Request, Response, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from reseen.gate import questions
from reseen.gate.front import Admission, Front, answer_check, answer_file
from reseen.gate.gate import GateProcess

_KEY = HTTPBearer(auto_error=False, scheme_name="key", description="A key of the gate: rsk_...")
router = APIRouter(prefix="/v1", tags=["gate"], dependencies=[Security(_KEY)])


class MatchModel(BaseModel):
    """A removal, and why the file is taken for it."""

    member: str | None = Field(
        default=None, description="Of a file in an archive: its place there."
    )
    removal: str = Field(description="The removal's opaque id.")
    list: str = Field(description="The list it came from.")
    rung: Literal[
        "bytes", "tensors", "declared", "pointer", "weights", "component", "hint", "refuted"
    ] = Field(
        description="`component`: the removal is a part of a merge, or inside a checkpoint. "
        "`refuted`: one digest that the list gives agrees and another does not, so that the claim "
        "counts for nothing; the advice is `hold` at most."
    )
    kind: str = Field(
        description="What was compared: a kind of digest, `pointer`, `sketch`, `sketch-part`, "
        "`sketch-checkpoint`, `contradiction`."
    )
    score: float | None = Field(
        description="1 where a digest agrees, the cosine of similar weights, the share of a part's "
        "columns; null for a hint."
    )
    advice: Literal["allow", "hold", "block"]
    why: str = Field(description="One sentence for a person.")


class ResultModel(BaseModel):
    """One file's answer."""

    advice: Literal["allow", "hold", "block"] = Field(
        description="What the policy advises: the strongest over all matches, and of an upload "
        "that only its digests could judge over `only_digests`, too."
    )
    matches: list[MatchModel]


class Answer(BaseModel):
    """Results in the order of the files, and what they were made from."""

    version: int = Field(description="The registry's version: the number of its last change.")
    state: Literal["live", "last"] = Field(
        description="`last`: the store is away, and the answer is from the last state."
    )
    as_of: str | None = Field(description="When the store was last heard of; ISO 8601 in UTC.")
    age: float = Field(description="Seconds since then.")
    results: list[ResultModel]


class FileAnswer(Answer):
    """The same for an upload, which is the one file."""

    file: dict[str, Any] = Field(
        description="What was computed: `size`, `container`, digests by kind, `problem`, "
        "`sketched`, `no_sketch`; `judged_by`, the rungs on which it could be recognised, and "
        "`not_read`, what of it was not read (`code`, `reason`, `count`); `only_digests`, the "
        "policy's `advice` for a file that only its digests could judge, and `why`; else null; "
        "`members`, of an archive: the same of each file in it, with its place there, `path`."
    )


class ProblemModel(BaseModel):
    """Why there is no answer (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str | None = None


_WAIT = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}
_PROBLEMS = {
    400: "The body cannot be read.",
    401: "No key, or none in force.",
    403: "The key has not the scope.",
    408: "The body came too slowly.",
    411: "An upload without a Content-Length.",
    413: "The body is too large.",
    415: "Another content type.",
    422: "The body has another shape.",
    429: "The key asks more often than its rate allows.",
    503: "The gate is loading, or has too much to do.",
}


def _responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        schema = {"$ref": "#/components/schemas/Problem"}
        found[status] = {
            "description": _PROBLEMS[status],
            "content": {"application/problem+json": {"schema": schema}},
        }
        if status in (429, 503):
            found[status]["headers"] = _WAIT
    return found


def _hex(digits: int) -> dict[str, Any]:
    return {
        "type": "string",
        "pattern": f"^[0-9a-fA-F]{{{digits}}}$",
        "minLength": digits,
        "maxLength": digits,
    }


_DIGESTS = {name: _hex(kind.length * 2) for name, kind in questions.KINDS.items()}
_DIGESTS["pointer"] = _hex(40) | {"description": "Git's oid of the file's LFS pointer."}
_FILE = {
    "type": "object",
    "description": "What is said of one file: at least one digest.",
    "properties": {
        **_DIGESTS,
        "size": {"type": "integer", "minimum": 0, "maximum": questions.LARGEST},
    },
    "additionalProperties": False,
    "anyOf": [{"required": [name]} for name in _DIGESTS],
}
_FILES = {
    "type": "object",
    "properties": {
        "files": {
            "type": "array",
            "minItems": 1,
            "maxItems": questions.MOST_FILES,
            "items": _FILE,
        }
    },
    "required": ["files"],
    "additionalProperties": False,
}
_BINARY = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "properties": {"file": _BINARY},
    "required": ["file"],
    "additionalProperties": False,
}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    of = {kind: {"schema": schema} for kind, schema in content.items()}
    return {"requestBody": {"required": True, "content": of}}


class _Through(Response):
    """Answered by the gate itself."""

    def __init__(self, admission: Admission, *, file: bool) -> None:
        super().__init__()
        self._admission, self._file = admission, file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (answer_file if self._file else answer_check)(self._admission, scope, receive, send)


@router.post(
    "/check",
    summary="Which removals are these files, by their digests?",
    operation_id="check",
    response_model=None,
    responses={200: {"model": Answer}, **_responses(400, 401, 403, 408, 413, 415, 422, 429, 503)},
    openapi_extra=_body({"application/json": {"anyOf": [_FILE, _FILES]}}),
)
async def check(request: Request) -> Response:
    """Up to 10,000 files, each by the digests that are known of it."""
    return _Through(_admission(request), file=False)


@router.post(
    "/check/file",
    summary="Which removals is this file?",
    operation_id="check_file",
    response_model=None,
    responses={
        200: {"model": FileAnswer},
        **_responses(400, 401, 403, 408, 411, 413, 415, 429, 503),
    },
    openapi_extra=_body({"application/octet-stream": _BINARY, "multipart/form-data": _FORM}),
)
async def check_file(request: Request) -> Response:
    """The file itself: read as it comes, matched by all its digests and its weights, not kept."""
    return _Through(_admission(request), file=True)


def add_gate(app: FastAPI, gate: GateProcess) -> None:
    """Put the gate in front of an application: to be called after all other layers are added."""
    # It would tell in the log, letter by letter, what of a form it cannot read.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    admission = Admission(gate)
    app.state.admission = admission
    app.include_router(router)
    app.add_middleware(Front, admission=admission)
    _declare(app)


def _declare(app: FastAPI) -> None:
    """The problem's schema is referred to and no route's model: put it into the document."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            schemas["Problem"] = ProblemModel.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _admission(request: Request) -> Admission:
    return cast(Admission, request.app.state.admission)
