"""Arc en Ciel's API, as far as it is asked: the list of models, one model, its versions.

Written from the contract (OpenAPI 1.10.0) that its maker publishes with the client libraries; no
answer of the site is recorded. What the contract does not say is marked "assumed". Synthetic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from replica.http import Answer, Request, json_answer, route_in

FIRST = datetime(2025, 5, 20, tzinfo=UTC)
_ROUTES = (
    ("list", re.compile(r"/api/models/search")),
    ("versions", re.compile(r"/api/models/(?P<id>[0-9]+)/versions")),
    ("model", re.compile(r"/api/models/(?P<id>[0-9]+)")),
)


@dataclass(slots=True)
class ArcEnCielSite:
    """A `server.Site`: a model's number -> its account, and its versions' names and SHA-256s."""

    models: dict[int, tuple[str, dict[int, tuple[str, str]]]] = field(default_factory=dict)
    same_page: bool = False
    """Whatever page is asked for, it gives the first."""
    spoil: Callable[[str, Any], Any] = lambda route, value: value
    """What becomes of the JSON of an answer."""

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        return route_in(_ROUTES, request)

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        if route == "list" and request.method == "GET":
            return json_answer(self.spoil(route, self._list(request)))
        number = int(parts.get("id", 0))
        if number not in self.models or request.method != "GET":
            body = {"error": "Requested resource not found.", "errorCode": "NOT_FOUND"}
            return Answer(404, {"Content-Type": "application/json"}, json.dumps(body).encode())
        value = self._model(number)
        if route == "versions":
            value = {"versions": value["versions"]}
        return json_answer(self.spoil(route, value))

    def storage(self, request: Request) -> Answer:
        return Answer(403)

    def _list(self, request: Request) -> dict[str, Any]:
        """Assumed: each model with all its versions, where `compact` is not asked for."""
        page, limit = int(request.one("page") or 1), int(request.one("limit") or 20)
        limit = min(limit, 1000)
        numbers = sorted(self.models, reverse=request.one("sort") != "oldest")
        start = 0 if self.same_page else (page - 1) * limit
        return {
            "data": [self._model(number) for number in numbers[start : start + limit]],
            "limit": limit,
            "page": page,
            "showcased": [],
            "totalCount": len(numbers),
            "totalPages": -(-len(numbers) // limit),
        }

    def _model(self, number: int) -> dict[str, Any]:
        account, versions = self.models[number]
        at = FIRST + timedelta(minutes=number)
        return {
            "id": number,
            "title": "LORA",
            "description": "",
            "type": "LORA",
            "tags": [{"id": 1, "name": "character"}],
            "uploaderId": 7,
            "uploader": {"id": 7, "username": account},
            "versions": [
                {
                    "id": id,
                    "versionName": "v1",
                    "originalName": name,
                    "fileName": f"{id}.safetensors",
                    "fileSizeKb": 4,
                    "sha256": sha256,
                    "sha256webui": sha256[:12],
                    "status": "PUBLISHED",
                    "fileScanStatus": "CLEAN",
                    "publishAt": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
                    "downloadCount": 3,
                    "externalDownloadUrl": None,
                    "images": [],
                }
                for id, (name, sha256) in versions.items()
            ],
        }
