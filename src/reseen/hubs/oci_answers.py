"""The answers of an OCI registry: JSON in, values of `reseen.records` out.

Nothing here trusts the server: what cannot be read becomes a `Problem` that names the repository
and the reason, and never takes the rest along. Field names are those of the OCI specifications of
images and of distribution, and of Docker's manifests before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reseen.errors import HubGarbage
from reseen.hubs.answers import SMALLEST, from_hex, whole_count, why_unusable
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
    its own. Raises HubGarbage if it is none that we read."""
    if not isinstance(value, dict):
        raise HubGarbage("the registry's manifest is not an object, or says something twice")
    listed = value.get("manifests")
    if isinstance(listed, list):
        return _index(where, listed)
    layers = value.get("layers", value.get("blobs"))
    if not isinstance(layers, list):
        raise HubGarbage("the registry's manifest is of a form that is not read")
    artifacts: dict[str, Artifact] = {}
    problems: list[Problem] = []
    # Anything can stand where a configuration is named.
    for entry in [value.get("config"), *layers][: MOST_NAMED + 1]:
        if entry is None:
            continue
        found = _file(like, entry, artifacts)
        if found is None:
            problems.append(Problem(where, "a layer states no SHA-256"))
            continue
        if found.size is None:
            problems.append(Problem(where, "a layer states no usable size"))
        elif found.size < SMALLEST:
            continue
        artifacts[found.path] = found
    if len(layers) > MOST_NAMED:
        problems.append(Problem(where, f"only the first {MOST_NAMED:,} layers were looked at"))
    return OciManifest(tuple(artifacts.values()), problems=tuple(dict.fromkeys(problems)))


def _index(where: str, listed: Sequence[object]) -> OciManifest:
    digests = [_digest(entry) for entry in listed[:MOST_NAMED]]
    problems: list[Problem] = []
    if None in digests:
        problems.append(Problem(where, "a manifest names another one without its digest"))
    if len(listed) > MOST_NAMED:
        problems.append(Problem(where, f"only the first {MOST_NAMED:,} manifests were looked at"))
    others = dict.fromkeys(f"sha256:{digest}" for digest in digests if digest is not None)
    return OciManifest(others=tuple(others), problems=tuple(problems))


def _file(like: Artifact, entry: object, taken: Mapping[str, Artifact]) -> Artifact | None:
    """One layer: called as its title says, or by the last word of its media type."""
    digest = _digest(entry)
    if digest is None or not isinstance(entry, dict):
        return None
    notes, kind = entry.get("annotations"), entry.get("mediaType")
    title = notes.get(TITLE) if isinstance(notes, dict) else None
    word = re.split(r"[.+/]", kind)[-1] if isinstance(kind, str) else "layer"
    name = title if isinstance(title, str) and title else word
    path = f"{like.path}/{name}"
    if why_unusable(path) or path in taken:
        path = f"{like.path}/{digest}"
    size, sha256 = whole_count(entry.get("size")), from_hex(digest, 32)
    return replace(like, path=path, size=size, sha256=sha256)


def _digest(entry: object) -> str | None:
    """The SHA-256 of what an entry names, in hexadecimal."""
    given = entry.get("digest") if isinstance(entry, dict) else None
    found = _DIGEST.fullmatch(given) if isinstance(given, str) else None
    return found[1] if found else None
