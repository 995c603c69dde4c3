"""LiblibAI's look-ups, as two clients of others ask them: nothing of it is documented or recorded.

All of it is "assumed" but for the paths and the fields that those clients read. Synthetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from replica.http import Answer, Request, json_answer, route_in

_ROUTES = (
    ("hash", re.compile(r"/api/www/model-version/hash/(?P<hash>[0-9a-f]{64})")),
    ("model", re.compile(r"/api/www/model/getByUuid/(?P<id>[0-9a-zA-Z-]+)")),
)


@dataclass(slots=True)
class LiblibSite:
    """A `server.Site`: a model's uuid -> a version's uuid -> a file's name and SHA-256."""

    models: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    spoil: Callable[[str, Any], Any] = lambda route, value: value
    """What becomes of the JSON of an answer."""

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        return route_in(_ROUTES, request)

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        data: dict[str, Any] | None = None
        if (route, request.method) == ("hash", "GET"):
            data = next(
                (
                    {"modelUuid": id, "uuid": version, "modelName": "LORA", "name": "v1"}
                    for id, versions in self.models.items()
                    for version, (_, sha256) in versions.items()
                    if sha256 == parts["hash"]
                ),
                None,
            )
        elif (route, request.method) == ("model", "POST"):
            versions = self.models.get(parts["id"])
            if versions is not None:
                told = [_version(id, *file) for id, file in versions.items()]
                data = {"uuid": parts["id"], "name": "LORA", "versions": told}
        else:
            return Answer(404, {"Content-Type": "text/html"}, b"<html>404</html>")
        said = {"code": 0, "data": data, "msg": "" if data else "hash not found"}
        return json_answer(self.spoil(route, said))

    def storage(self, request: Request) -> Answer:
        return Answer(403)


def _version(id: str, name: str, sha256: str) -> dict[str, Any]:
    stored = {"modelSourceName": name, "modelSourceSize": 4, "modelSourceHash": sha256}
    return {"uuid": id, "name": "v1", "attachment": {**stored, "modelSource": None}}
