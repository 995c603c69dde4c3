"""An OCI registry, as far as it is asked: the catalogue, tags, manifests, blobs, and tokens.

Written from the specification of distribution, and held to Debian's `docker-registry` by a test
that asks both the same. What neither says is marked "assumed". Everything in it is synthetic.

    site = OciSite(); site.put("library/sample", {"latest": {"model": data}})
    with Replica(World(), site=site) as hub: ...
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from replica.http import Answer, Request, file_answer, json_answer, route_in
from replica.world import Blob, claimed, lfs

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
OLLAMA = "application/vnd.ollama.image."
_NAME = r"/v2/(?P<name>[a-z0-9._/-]+)"
_ROUTES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("token", r"/token"),
        ("catalog", r"/v2/_catalog"),
        ("tags", rf"{_NAME}/tags/list"),
        ("manifest", rf"{_NAME}/manifests/(?P<which>[A-Za-z0-9_.:-]+)"),
        ("blob", rf"{_NAME}/blobs/(?P<digest>sha256:[0-9a-f]{{64}})"),
    )
)


@dataclass(slots=True)
class OciSite:
    """A `server.Site`. Change it at any time."""

    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name -> tag -> manifest."""
    manifests: dict[str, Any] = field(default_factory=dict)
    """Digest -> manifest."""
    blobs: dict[str, Blob] = field(default_factory=dict)
    """Digest -> bytes, or what is claimed of them."""
    lists: bool = True
    """It has a catalogue."""
    says_tags: bool = True
    realm: str | None = None
    """Where it sends strangers for a token; "" is itself, None nowhere: it shows all."""
    elsewhere: bool = False
    """Blobs are at another host."""
    round: bool = False
    """Every page of the catalogue leads to itself."""
    spoil: Callable[[str, Any], Any] = lambda route, value: value
    """What becomes of the JSON of an answer."""

    def put(self, name: str, tags: Mapping[str, Mapping[str, bytes | tuple[str, int]]]) -> None:
        """A repository: tag -> kind of layer -> bytes, or SHA-256 and size of what nobody made."""
        for tag, layers in tags.items():
            listed = []
            for kind, data in layers.items():
                blob = lfs(data) if isinstance(data, bytes) else claimed(*data)
                self.blobs[f"sha256:{blob.sha256}"] = blob
                listed.append(layer(blob.sha256, blob.size, f"{OLLAMA}{kind}"))
            self.tag(name, tag, {"schemaVersion": 2, "mediaType": MANIFEST, "layers": listed})

    def tag(self, name: str, tag: str, manifest: Mapping[str, Any]) -> None:
        self.tags.setdefault(name, {})[tag] = manifest

    def add(self, manifest: Mapping[str, Any]) -> str:
        """A manifest that has no tag: its digest."""
        digest = f"sha256:{hashlib.sha256(json.dumps(manifest).encode()).hexdigest()}"
        self.manifests[digest] = manifest
        return digest

    # -- as a site ---------------------------------------------------------------------------------

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        return route_in(_ROUTES, request)

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        name = parts.get("name", "")
        scope = "registry:catalog:*" if route == "catalog" else f"repository:{name}:pull"
        if route == "token":
            said = self.spoil(route, {"token": _token(request.one("scope") or "")})
            return json_answer(said)
        if self.realm is not None:
            said = request.headers.get("authorization", "")
            if said not in (f"Bearer {_token(scope)}", _BASIC):
                realm = self.realm or f"{endpoint}/token"
                told = f'Bearer realm="{realm}",service="sample",scope="{scope}"'
                return _refused(401, "UNAUTHORIZED", {"Www-Authenticate": told})
        match route:
            case "catalog" if self.lists:
                value: Any = {"repositories": sorted(self.tags)}
                return self._page(request, route, "repositories", value)
            case "tags" if self.says_tags and name in self.tags:
                value = {"name": name, "tags": sorted(self.tags[name]) or None}
                return self._page(request, route, "tags", value)
            case "manifest":
                which = parts["which"]
                value = self.manifests.get(which, self.tags.get(name, {}).get(which))
                if value is None:
                    return _refused(404, "MANIFEST_UNKNOWN")
                kind = {"Content-Type": value.get("mediaType", MANIFEST)}
                return json_answer(self.spoil(route, value), kind)
            case "blob":
                if parts["digest"] not in self.blobs:
                    return _refused(404, "BLOB_UNKNOWN")
                if self.elsewhere:
                    place = f"{cdn}/stored/{parts['digest']}?signature=sample"
                    return Answer(307, {"Location": place}, download=True)
                return self._bytes(request, parts["digest"])
            case _:
                return _refused(404, "NAME_UNKNOWN")

    def storage(self, request: Request) -> Answer:
        digest = request.path.removeprefix("/stored/")
        return self._bytes(request, digest) if digest in self.blobs else Answer(403)

    def _bytes(self, request: Request, digest: str) -> Answer:
        told = {"Docker-Content-Digest": digest, "Content-Type": "application/octet-stream"}
        return file_answer(request, self.blobs[digest], told)

    def _page(self, request: Request, route: str, what: str, value: Any) -> Answer:
        """The next page is behind the last entry of this one: by a link, where there is more."""
        every, last = value[what] or [], request.one("last")
        left = [entry for entry in every if last is None or entry > last]
        size = int(request.one("n") or 100)
        headers = {}
        if len(left) > size or self.round:
            after = last or "a" if self.round else left[size - 1]
            headers["Link"] = f'<{request.path}?last={after}&n={size}>; rel="next"'
        value[what] = left[:size] if every else value[what]
        return json_answer(self.spoil(route, value), headers)


_BASIC = "Basic c2FtcGxlOnNlY3JldA=="
"""sample:secret."""


def _token(scope: str) -> str:
    return f"token-of-{hashlib.sha256(scope.encode()).hexdigest()[:16]}"


def layer(sha256: str, size: int, kind: str, title: str | None = None) -> dict[str, Any]:
    """How a manifest names a layer."""
    notes = {} if title is None else {"annotations": {"org.opencontainers.image.title": title}}
    return {"mediaType": kind, "digest": f"sha256:{sha256}", "size": size, **notes}


def _refused(status: int, code: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps({"errors": [{"code": code, "message": "sample", "detail": None}]}).encode()
    return Answer(
        status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body
    )
