"""KohakuHub's answers, where they differ from the Hub's: another server that speaks its API.

Held to answers that were recorded of it. What is not recorded is the Hub's own answer: assumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from replica import routes, shapes
from replica.http import Answer, Request, file_answer, json_answer
from replica.world import SORTS, Blob, Query, Repo, World

SORT = r"^(recent|updated|likes|downloads|trending)$"
LONGEST = 100_000
USUAL = 50
_ORDER = {"recent": "createdAt", "updated": "lastModified", "trending": "trendingScore"}
_INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"


def answer(
    world: World, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
) -> Answer:
    """What KohakuHub answers."""
    authorization = request.headers.get("authorization", "")
    account = world.tokens.get(authorization.removeprefix("Bearer "))
    if route == "list":
        return _list(world, request, parts["type"], account)
    if route in ("whoami", "other"):
        return routes.answer(world, request, route, parts, endpoint, cdn)
    repo = world.find(parts["type"], parts["id"])
    if repo is None or (repo.private and not repo.may_read(account)):
        return _missing("RepoNotFound", f"Repository '{parts['id']}' ({parts['type']}) not found")
    revision = parts.get("rev", "main")
    known = {long_name(id)[:40]: id for id in repo.commits} | {
        long_name(id): id for id in repo.commits
    }
    commit = repo.at(known.get(revision, revision))
    if route == "refs":
        return json_answer(_refs(repo))
    if commit is None:
        return _missing("RevisionNotFound", f"Revision '{revision}' not found")
    match route:
        case "info":
            return json_answer(_info(repo, commit.files))
        case "tree":
            return _tree(request, commit.files, parts.get("path", ""), commit.date)
        case "commits":
            return _commits(repo, commit.id, request)
        case "resolve":
            blob = commit.files.get(parts["path"])
            if blob is None:
                return _missing("EntryNotFound", f"Entry '{parts['path']}' not found")
            return _bytes(request, repo, commit.id, parts["path"], blob, cdn)
        case _:
            return routes.answer(world, request, route, parts, endpoint, cdn)


def long_name(commit: str) -> str:
    """Commits have 64 digits there."""
    return commit + hashlib.sha256(commit.encode()).hexdigest()[:24]


def _missing(code: str, message: str) -> Answer:
    """An empty body, the same with and without a token."""
    return Answer(404, {"X-Error-Code": code, "X-Error-Message": message})


def _list(world: World, request: Request, type: str, account: str | None) -> Answer:
    sort, limit = request.one("sort") or "recent", request.one("limit") or str(USUAL)
    if sort not in ("recent", "updated", "likes", "downloads", "trending"):
        return _refused("sort", sort, f"String should match pattern '{SORT}'")
    if not limit.isdecimal() or not 1 <= int(limit) <= LONGEST:
        return _refused("limit", limit, "Input should be a number from 1 to 100000")
    order = _ORDER.get(sort, sort)
    assert order in SORTS
    query = Query(type, request.one("author"), sort=order, limit=int(limit))
    found, _ = world.page(query, account, None)
    return json_answer([_listed(repo) for repo in found])


def _refused(name: str, given: str, message: str) -> Answer:
    told = {
        "type": "string_pattern_mismatch",
        "loc": ["query", name],
        "msg": message,
        "input": given,
        "ctx": {"pattern": SORT},
    }
    refused = json_answer({"detail": [told]}, {"Content-Type": "application/json"})
    return Answer(422, refused.headers, refused.body)


def _listed(repo: Repo) -> dict[str, Any]:
    return {
        "id": repo.id,
        "author": repo.author,
        "private": repo.private,
        "sha": long_name(repo.sha) if repo.sha else None,
        "lastModified": repo.modified.strftime(_INSTANT),
        "createdAt": repo.created.strftime(_INSTANT),
        "downloads": repo.downloads,
        "likes": repo.likes,
        "gated": False,
        "tags": [],
    }


def _info(repo: Repo, files: Mapping[str, Blob]) -> dict[str, Any]:
    value = _listed(repo)
    value["sha"] = value["sha"] and value["sha"][:40]
    value |= {
        "_id": int(hashlib.sha256(repo.made_as.encode()).hexdigest()[:8], 16),
        "modelId": repo.id,
        "disabled": False,
        "pipeline_tag": None,
        "library_name": None,
        "siblings": [_file("rfilename", "sha256", path, blob) for path, blob in files.items()],
        "spaces": [],
        "models": [],
        "datasets": [],
    }
    return value


def _file(name: str, digest: str, path: str, blob: Blob) -> dict[str, Any]:
    value: dict[str, Any] = {name: path, "size": blob.size}
    if blob.lfs:
        value["lfs"] = {digest: blob.sha256, "size": blob.size, "pointerSize": 134}
    return value


def _tree(request: Request, files: Mapping[str, Blob], path: str, date: Any) -> Answer:
    inside = f"{path}/" if path else ""
    if path and not any(each.startswith(inside) for each in files):
        return _missing("EntryNotFound", f"Entry '{path}' not found")
    deep = request.flag("recursive")
    return json_answer(
        [
            {
                "type": "file",
                "oid": blob.sha256 if blob.lfs else blob.git_oid,
                **_file("path", "oid", each, blob),
                "lastModified": date.strftime(_INSTANT),
            }
            for each, blob in sorted(files.items())
            if each.startswith(inside) and (deep or "/" not in each[len(inside) :])
        ]
    )


def _refs(repo: Repo) -> dict[str, Any]:
    value = shapes.refs(repo, False)
    for kind in ("branches", "tags"):
        value[kind] = [
            {**each, "targetCommit": long_name(each["targetCommit"])} for each in value[kind]
        ]
    return value


def _commits(repo: Repo, commit: str, request: Request) -> Answer:
    """No X-Total-Count; no link at two commits. Assumed: a page of 20, 100 at most, and no link."""
    limit = request.one("limit") or "20"
    if not limit.isdecimal() or not 1 <= int(limit) <= 100:
        return _refused("limit", limit, "Input should be a number from 1 to 100")
    found = list(repo.history(commit))[: int(limit)]
    return json_answer(
        [
            {
                "id": long_name(each.id),
                "title": each.title,
                "message": each.title,
                "date": each.date.strftime(_INSTANT),
                "authors": [{"user": each.user}],
            }
            for each in found
        ]
    )


def _bytes(request: Request, repo: Repo, commit: str, path: str, blob: Blob, cdn: str) -> Answer:
    """HEAD is answered where it was asked; GET leads to the storage."""
    headers = {
        "X-Repo-Commit": long_name(commit),
        "X-Linked-Etag": blob.sha256,
        "X-Linked-Size": str(blob.size),
        "ETag": blob.sha256 if blob.lfs else blob.git_oid,
    }
    if request.method == "HEAD" or not blob.lfs:
        kind = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        return file_answer(request, blob, {**headers, **kind})
    place = f"{cdn}/repo/{repo.type}/{repo.id}/{commit}/{quote(path)}?Signature=sample"
    return Answer(302, {**headers, "Cache-Control": "no-store", "Location": place})
