"""The answers of an OCI registry: JSON in, values of `reseen.records` out.

Nothing here trusts the server: what cannot be read becomes a `Problem` that names the repository
and the reason, and never takes the rest along. Field names are those of the OCI specifications of
images and of distribution, and of Docker's manifests before them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reseen.errors import HubGarbage
from reseen.hubs.answers import from_hex, whole_count, why_unusable
from reseen.hubs.hub import CUT
from reseen.hubs.oci_addresses import TAG, is_repository
from reseen.records import Artifact, Problem

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
"""Manifests that name others."""
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.artifact.manifest.v1+json",
)
"""Manifests that name files."""
ACCEPT = ", ".join((*MANIFESTS, *INDEXES))
TITLE = "org.opencontainers.image.title"
"""The annotation that says what a layer's file is called."""
MOST_NAMED = 1_000
"""Files, or other manifests, that are taken of one manifest."""
LONGEST_TITLE = 512
"""Characters: a file with a longer title is called by its digest."""
NAMING = ("manifests", "layers", "blobs")
"""The lists of a manifest that name what is in it. An uploader can fill all of them."""
OF_OLD = "fsLayers"
"""What names layers in a form that is not read (Docker's first one)."""

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class OciManifest:
    """What one manifest names."""

    artifacts: tuple[Artifact, ...] = ()
    others: tuple[str, ...] = ()
    """Digests of other manifests, as they are asked for."""
    problems: tuple[Problem, ...] = ()


def names(value: object) -> tuple[list[str], int]:
    """The repositories of a page of the catalogue, and how many entries are none. Raises HubGarbage
    if it is no list."""
    return _texts(value, "repositories", is_repository)


def tags(value: object) -> tuple[list[str], int]:
    """The tags of a page of tags, likewise."""
    return _texts(value, "tags", lambda text: TAG.fullmatch(text) is not None)


def _texts(value: object, what: str, fits: Callable[[str], bool]) -> tuple[list[str], int]:
    found = value.get(what) if isinstance(value, dict) else 0
    if found is None:  # of a repository whose last tag was deleted
        return [], 0
    if not isinstance(found, list):
        raise HubGarbage(f"the registry's list of {what} is not a list")
    good = [text for text in found if isinstance(text, str) and fits(text)]
    return list(dict.fromkeys(good)), len(found) - len(good)


def manifest(like: Artifact, where: str, value: object) -> OciManifest:
    """What a manifest names: each file as `like`, whose path is that of its folder, but for what is
    its own. Two files can have one path (see `Apart`). Raises HubGarbage if it is none that we
    read."""
    if not isinstance(value, dict):
        raise HubGarbage("the registry's manifest is not an object, or says something twice")
    given = {what: value[what] for what in NAMING if value.get(what) is not None}
    lists = {what: listed for what, listed in given.items() if isinstance(listed, list)}
    if not lists:
        raise HubGarbage("the registry's manifest is of a form that is not read")
    unread = ["a part of a manifest is of a form that is not read"]
    problems = unread if len(lists) < len(given) or value.get(OF_OLD) else []
    artifacts: list[Artifact] = []
    # Anything can stand where a configuration is named.
    layers = [*lists.get("layers", ()), *lists.get("blobs", ())]
    config = [value["config"]] if value.get("config") is not None else []
    for entry in [*config, *layers[:MOST_NAMED]]:
        found = _file(like, entry)
        if found is None:
            problems.append("a layer states no SHA-256")
            continue
        artifacts.append(found)
    if len(layers) > MOST_NAMED:
        problems.append(f"only the first {MOST_NAMED:,} layers were looked at")
    named = lists.get("manifests", ())
    digests = [_digest(entry) for entry in named[:MOST_NAMED]]
    if None in digests:
        problems.append("a manifest names another one without its digest")
    if len(named) > MOST_NAMED:
        problems.append(f"only the first {MOST_NAMED:,} manifests were looked at")
    # What was not looked at may be what is sought: it is not gone for that.
    said = [Problem(where, why, counted=CUT) for why in problems]
    if any(each.size is None for each in artifacts):
        said.append(Problem(where, "a layer states no usable size"))
    others = dict.fromkeys(f"sha256:{digest}" for digest in digests if digest is not None)
    return OciManifest(tuple(artifacts), tuple(others), tuple(dict.fromkeys(said)))


def _file(like: Artifact, entry: object) -> Artifact | None:
    """One layer: called as its title says, or by the last word of its media type. However short it
    is said to be: that is the uploader's word."""
    digest = _digest(entry)
    if digest is None or not isinstance(entry, dict):
        return None
    notes, kind = entry.get("annotations"), entry.get("mediaType")
    title = notes.get(TITLE) if isinstance(notes, dict) else None
    word = re.split(r"[.+/]", kind)[-1] if isinstance(kind, str) else "layer"
    name = title if isinstance(title, str) and title else word
    path = f"{like.path}/{name}"
    if why_unusable(path) or len(name) > LONGEST_TITLE:
        path = f"{like.path}/{digest}"
    size, sha256 = whole_count(entry.get("size")), from_hex(digest, 32)
    return replace(like, path=path, size=size, sha256=sha256)


@dataclass(slots=True)
class Apart:
    """The files of a repository, each at a path of its own: uploaders choose titles, and none takes
    the place of another file."""

    most: int
    by_path: dict[str, Artifact] = field(default_factory=dict)
    more: bool = False
    """There were more than `most`: these are not kept."""
    _tried: Counter[str] = field(default_factory=Counter)

    def add(self, artifact: Artifact) -> None:
        """Where its path is taken by another file, it is called by its digest."""
        path, again = artifact.path, f"{artifact.revision}/{(artifact.sha256 or b'').hex()}"
        while (there := self.by_path.get(path)) is not None:
            if replace(there, path="") == replace(artifact, path=""):
                return
            tried = self._tried[again]
            self._tried[again] += 1
            path = f"{again}-{tried}" if tried else again
        if len(self.by_path) >= self.most:
            self.more = True
            return
        self.by_path[path] = replace(artifact, path=path)


def _digest(entry: object) -> str | None:
    """The SHA-256 of what an entry names, in hexadecimal."""
    given = entry.get("digest") if isinstance(entry, dict) else None
    found = _DIGEST.fullmatch(given) if isinstance(given, str) else None
    return found[1] if found else None
