"""Repositories, commits and files in the JSON that the Hub gives."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from replica import git
from replica.world import Blob, Commit, Repo

MASK = "*" * 64  # assumed: no recording; sources disagree whether digests are masked at all
"""What stands for the SHA-256 of a gated file, for a caller without access."""

_EVERYWHERE = frozenset(
    [
        "author",
        "cardData",
        "createdAt",
        "disabled",
        "lastModified",
        "likes",
        "private",
        "resourceGroup",
        "sha",
        "siblings",
        "tags",
        "trendingScore",
        "usedStorage",
    ]
)
EXPAND: Mapping[str, frozenset[str]] = {
    "model": _EVERYWHERE
    | frozenset(
        [
            "baseModels",
            "childrenModelCount",
            "config",
            "downloads",
            "downloadsAllTime",
            "evalResults",
            "gated",
            "gguf",
            "inference",
            "inferenceProviderMapping",
            "library_name",
            "mask_token",
            "model-index",
            "pipeline_tag",
            "safetensors",
            "spaces",
            "transformersInfo",
            "widgetData",
        ]
    ),
    "dataset": _EVERYWHERE
    | frozenset(
        [
            "citation",
            "description",
            "downloads",
            "downloadsAllTime",
            "gated",
            "mainSize",
            "paperswithcode_id",
        ]
    ),
    "space": _EVERYWHERE
    | frozenset(["datasets", "models", "region", "runtime", "sdk", "subdomain"]),
}
"""Fields that `expand` may name; the Hub refuses others."""

_BRIEF = ("likes", "trendingScore", "private", "downloads", "tags", "createdAt")
_FULL = (*_BRIEF, "author", "sha", "lastModified", "gated", "disabled", "siblings")
_INFO = {
    "model": ("model-index", "config", "cardData", "spaces"),
    "dataset": ("citation", "description"),
    "space": ("cardData", "subdomain", "region", "host", "sdk", "runtime"),
}
"""What the answer for one repository has besides."""
_LACKS = {"space": {"downloads"}}


def instant(date: datetime) -> str:
    return date.strftime("%Y-%m-%dT%H:%M:%S.") + f"{date.microsecond // 1000:03}Z"


def object_id(name: str, created: datetime) -> str:
    """24 hex digits that begin with the second of making, as MongoDB's do."""
    seconds = int(created.timestamp())
    return f"{seconds:08x}" + hashlib.sha256(name.encode()).hexdigest()[:16]


def _fields(repo: Repo, names: Collection[str]) -> dict[str, Any]:
    commit = repo.at("main")
    files = commit.files if commit else {}
    value: dict[str, Any] = {}
    for name in names:
        match name:
            case "author":
                value[name] = repo.author
            case "sha":
                if commit:
                    value[name] = commit.id
            case "createdAt":
                value[name] = instant(repo.created)
            case "lastModified":
                value[name] = instant(repo.modified)
            case "gated":
                value[name] = repo.gated or False
            case "private" | "disabled" | "downloads" | "likes":
                value[name] = getattr(repo, name)
            case "tags":
                value[name] = list(repo.tags)
            case "siblings":
                value[name] = [{"rfilename": path} for path in sorted(files)]
            case "usedStorage":
                value[name] = repo.used_storage
            case "trendingScore":
                value[name] = repo.likes
            case "cardData" | "config":
                value[name] = {}
            case "model-index":
                value[name] = None
            case "spaces":
                value[name] = []
            case "citation" | "description" | "region":
                value[name] = ""
            case "sdk":
                value[name] = "static"
            case "subdomain":
                value[name] = repo.id.replace("/", "-").lower()
            case "host":
                value[name] = f"https://{repo.id.replace('/', '-').lower()}.space.example"
            case "runtime":
                value[name] = {"stage": "RUNNING"}
            case _:
                pass  # a field that the Hub knows and a sample repository does not have
    return value


def listed(repo: Repo, full: bool, expand: Collection[str]) -> dict[str, Any]:
    """One entry of a list. It never holds a hash of a file."""
    names = expand or (_FULL if full else _BRIEF)
    value = {"_id": object_id(repo.made_as, repo.created), "id": repo.id, **_fields(repo, names)}
    if repo.type == "model" and not expand:
        value["modelId"] = repo.id
    return value


def info(repo: Repo, commit: Commit, blobs: bool, open: bool, expand: Collection[str]) -> object:
    """One repository at a commit. `open`: the caller may see masked hashes."""
    if expand:
        return listed(repo, True, expand)
    names = [n for n in (*_FULL, *_INFO[repo.type]) if n not in _LACKS.get(repo.type, ())]
    value = {"_id": object_id(repo.made_as, repo.created), "id": repo.id, **_fields(repo, names)}
    value.pop("trendingScore", None)
    if repo.type == "model":
        value["modelId"] = repo.id
    value["sha"] = commit.id
    value["usedStorage"] = repo.used_storage
    value["siblings"] = [_sibling(p, b, blobs, open) for p, b in sorted(commit.files.items())]
    return value


def _sibling(path: str, blob: Blob, blobs: bool, open: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"rfilename": path}
    if blobs:
        value |= {"blobId": blob.git_oid, "size": blob.size}
        if blob.lfs:
            value["lfs"] = {
                "sha256": blob.sha256 if open else MASK,
                "size": blob.size,
                "pointerSize": len(git.pointer_text(blob.sha256, blob.size)),
            }
    return value


def file(path: str, blob: Blob, open: bool, last: Commit | None) -> dict[str, Any]:
    """One file of a tree. `last`: the commit that put it there, where the caller asks for it."""
    value: dict[str, Any] = {
        "type": "file",
        "oid": blob.git_oid,
        "size": blob.size,
        "path": path,
    }
    if blob.lfs:
        value["lfs"] = {
            "oid": blob.sha256 if open else MASK,
            "size": blob.size,
            "pointerSize": len(git.pointer_text(blob.sha256, blob.size)),
        }
        if blob.xet and open:
            value["xetHash"] = blob.xet
    if last:
        value["lastCommit"] = _last(last)
        scan = {"status": "unscanned", "message": ""}
        value["securityFileStatus"] = {
            "status": "unscanned",
            "protectAiScan": scan,
            "avScan": scan,
            "pickleImportScan": {"status": "unscanned", "pickleImports": [], "version": "0.0.0"},
            "virusTotalScan": {"status": "unscanned"},
            "jFrogScan": scan,
        }
    return value


def directory(path: str, oid: str, last: Commit | None) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "directory", "oid": oid, "size": 0, "path": path}
    if last:
        value["lastCommit"] = _last(last)
    return value


def _last(commit: Commit) -> dict[str, str]:
    return {"id": commit.id, "title": commit.title, "date": instant(commit.date)}


def refs(repo: Repo, pull_requests: bool) -> dict[str, Any]:
    def under(prefix: str) -> list[Mapping[str, str]]:
        return [
            {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": commit}
            for ref, commit in sorted(repo.refs.items())
            if ref.startswith(prefix)
        ]

    value: dict[str, Any] = {
        "tags": under("refs/tags/"),
        "branches": under("refs/heads/"),
        "converts": under("refs/convert/"),
    }
    if pull_requests:
        value["pullRequests"] = under("refs/pr/")
    return value


def commit(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.id,
        "title": commit.title,
        "message": "",
        "authors": [{"user": commit.user, "avatar": ""}],
        "date": instant(commit.date),
    }
