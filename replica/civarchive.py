"""CivArchive's look-ups, as clients of others ask them: nothing of it is documented or recorded.

All of it is "assumed" but for the paths and the fields that those clients read. Synthetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from replica.http import Answer, Request, json_answer, route_in

_ROUTES = (
    ("hash", re.compile(r"/api/sha256/(?P<hash>[0-9a-f]{64})")),
    ("model", re.compile(r"/api/models/(?P<id>[0-9]+)")),
)


@dataclass(slots=True)
class CivArchiveSite:
    """A `server.Site`: a file's SHA-256 -> addresses where it is said to stand."""

    places: dict[str, Sequence[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """Addresses that are said to be deleted."""
    in_two_steps: bool = False
    """A digest leads to a model only, which says where its files stand."""
    spoil: Callable[[str, Any], Any] = lambda route, value: value
    """What becomes of the JSON of an answer."""

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        return route_in(_ROUTES, request)

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        known = list(self.places)
        if route == "hash" and parts["hash"] in self.places:
            number = known.index(parts["hash"]) + 1
            if self.in_two_steps:
                named = {"model_id": 4711, "model_version_id": number, "source": "civitai"}
                return json_answer(self.spoil(route, {"files": [named]}))
            return json_answer(self.spoil(route, {"data": self._model(known, number)}))
        if route == "model":
            number = int(request.one("modelVersionId") or 0)
            return json_answer(self.spoil(route, self._model(known, number)))
        return Answer(404, {"Content-Type": "application/json"}, b'{"detail":"not found"}')

    def storage(self, request: Request) -> Answer:
        return Answer(403)

    def _model(self, known: Sequence[str], number: int) -> dict[str, Any]:
        sha256 = known[number - 1]
        when = "2026-01-02T03:04:05Z"
        mirrors: list[dict[str, str | None]] = [
            {"url": place, "deletedAt": when if place in self.gone else None}
            for place in self.places[sha256]
        ]
        file = {"id": number, "name": "a.safetensors", "sha256": sha256, "mirrors": mirrors}
        picture = {"url": "https://pictures.example/1.png"}
        version = {"id": number, "modelId": 4711, "files": [file], "images": [picture]}
        return {"id": 4711, "name": "LORA", "type": "LORA", "version": version}
