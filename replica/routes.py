"""The Hub's API as a function: a request and a world in, an answer out."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, unquote, urlencode

from replica import git, shapes
from replica.http import Answer, Request, error, file_answer, json_answer
from replica.world import SORTS, Commit, Query, Repo, World

TREE_PAGE, TREE_PAGE_EXPANDED, COMMITS_PAGE, LIST_PAGE = 1000, 50, 50, 1000

_API = r"/api/(?P<type>model|dataset|space)s"
_SITE = r"/(?:(?P<type>dataset|space)s/)?"
_ID = r"(?P<id>[^/]+/[^/]+)"
_REV = r"(?P<rev>[^/]+)"
_ROUTES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("whoami", r"/api/whoami-v2"),
        ("list", _API),
        (
            "resolve-cache",
            rf"/api/resolve-cache/(?P<type>model|dataset|space)s/{_ID}/{_REV}/(?P<path>.+)",
        ),
        ("info", rf"{_API}/{_ID}(?:/revision/{_REV})?"),
        ("tree", rf"{_API}/{_ID}/tree/{_REV}(?:/(?P<path>.+))?"),
        ("paths-info", rf"{_API}/{_ID}/paths-info/{_REV}"),
        ("refs", rf"{_API}/{_ID}/refs"),
        ("commits", rf"{_API}/{_ID}/commits/{_REV}"),
        ("resolve", rf"{_SITE}{_ID}/resolve/{_REV}/(?P<path>.+)"),
        ("raw", rf"{_SITE}{_ID}/raw/{_REV}/(?P<path>.+)"),
        ("page", rf"{_SITE}{_ID}"),
    )
)
_CDN = re.compile(rf"/repo/(?P<type>\w+)/{_ID}/{_REV}/(?P<path>.+)")
_KINDS = {"resolve": "resolvers", "resolve-cache": "resolvers", "raw": "resolvers", "page": "pages"}
"""Route -> kind of quota; all others are "api"."""


def route_of(request: Request) -> tuple[str, Mapping[str, str]]:
    """The route's name, and what its path says, unquoted."""
    for name, pattern in _ROUTES:
        found = pattern.fullmatch(request.path)
        if found:
            parts = {k: unquote(v) for k, v in found.groupdict().items() if v is not None}
            return name, {"type": "model", **parts}
    return "other", {}


def kind_of(route: str) -> str:
    return _KINDS.get(route, "api")


def answer(
    world: World, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
) -> Answer:
    """What the Hub answers. `endpoint` and `cdn` are the bases of the links in it."""
    account: str | None = None
    authorization = request.headers.get("authorization")
    if authorization is not None:
        account = world.tokens.get(authorization.removeprefix("Bearer "))
        if account is None:
            return error(401, "Invalid credentials in Authorization header")

    if route == "whoami":
        if account is None:
            return error(401, "Invalid username or password.")
        token = {"displayName": "sample", "role": "read"}
        return json_answer(
            {
                "type": "user",
                "name": account,
                "auth": {"type": "access_token", "accessToken": token},
            }
        )
    if route == "list":
        return _list(world, request, parts["type"], account, endpoint)
    if route == "other":
        return error(404, "Sorry, we can't find the page you are looking for.")

    repo = world.find(parts["type"], parts["id"])
    if repo is None and (parts["type"], parts["id"]) in world.moved:
        new = world.moved[parts["type"], parts["id"]]
        return Answer(307, {"Location": request.target.replace(parts["id"], new, 1)})
    if repo is None or (repo.private and not repo.may_read(account)):
        if account is None:
            return error(401, "Invalid username or password.", "RepoNotFound")
        return error(404, "Repository not found", "RepoNotFound")
    if repo.disabled:
        return error(403, "Access to this resource is disabled.")
    if route == "refs":
        return json_answer(shapes.refs(repo, request.flag("include_prs")))
    if route == "page":
        return Answer(200, {"Content-Type": "text/html"}, b"<!doctype html><title>sample</title>")

    revision = parts.get("rev", "main")
    commit = repo.at(revision)
    if commit is None:
        return error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    open = repo.gated is None or repo.may_read(account)
    match route:
        case "info":
            expand = request.many("expand")
            if not shapes.EXPAND[repo.type].issuperset(expand):
                return error(400, "Invalid expand")
            return json_answer(shapes.info(repo, commit, request.flag("blobs"), open, expand))
        case "tree":
            return _tree(repo, commit, request, parts.get("path", ""), open, endpoint)
        case "paths-info":
            return _paths_info(repo, commit, request, open)
        case "commits":
            return _commits(repo, revision, request, endpoint)
        case _:
            return _bytes(repo, commit, request, route, parts["path"], account, cdn)


def cdn_answer(world: World, request: Request) -> Answer:
    """The other host: /repo/{type}/{id}/{commit}/{path}?Signature."""
    found = _CDN.fullmatch(request.path)
    parts = {k: unquote(v) for k, v in found.groupdict().items()} if found else None
    repo = world.find(parts["type"], parts["id"]) if parts else None
    commit = repo.at(parts["rev"]) if parts and repo and not repo.disabled else None
    blob = commit.files.get(parts["path"]) if parts and commit else None
    if blob is None or request.one("Signature") is None:
        return Answer(403, {"Content-Type": "application/xml"}, b"<Error>AccessDenied</Error>")
    headers = {
        "Content-Type": "application/octet-stream",
        "ETag": f'"{blob.xet or blob.sha256}"',
    }
    return file_answer(request, blob, headers)


def _next(request: Request, endpoint: str, cursor: str) -> dict[str, str]:
    query = {**request.query, "cursor": [cursor]}
    return {"Link": f'<{endpoint}{request.path}?{urlencode(query, doseq=True)}>; rel="next"'}


def _list(world: World, request: Request, type: str, account: str | None, endpoint: str) -> Answer:
    sort = request.one("sort") or "trendingScore"
    limit = request.one("limit") or str(LIST_PAGE)
    expand = request.many("expand")
    full = request.flag("full")
    if sort not in SORTS or not limit.isdecimal() or int(limit) < 1:
        return error(400, "Invalid query")
    if (expand and full) or not shapes.EXPAND[type].issuperset(expand):
        return error(400, "Invalid expand")
    gated = request.one("gated")
    query = Query(
        type,
        request.one("author"),
        request.one("search"),
        tuple(request.many("filter")),
        None if gated is None else request.flag("gated"),
        sort,
        request.one("direction") != "1",
        min(int(limit), LIST_PAGE),
    )
    try:
        page, cursor = world.page(query, account, request.one("cursor"))
    except (ValueError, TypeError, binascii.Error):
        return error(400, "Invalid cursor")
    headers = _next(request, endpoint, cursor) if cursor else {}
    return json_answer([shapes.listed(repo, full, expand) for repo in page], headers)


def _page_start(request: Request) -> int:
    cursor = request.one("cursor")
    return int(base64.urlsafe_b64decode(cursor)) if cursor else 0


def _position(start: int) -> str:
    return base64.urlsafe_b64encode(b"%d" % start).decode()


def _tree(
    repo: Repo, commit: Commit, request: Request, path: str, open: bool, endpoint: str
) -> Answer:
    recursive, expand = request.flag("recursive"), request.flag("expand")
    trees = git.tree_oids({p: b.git_oid for p, b in commit.files.items()})
    if path and path not in trees:
        return error(404, f'Entry "{path}" not found', "EntryNotFound")
    inside = f"{path}/" if path else ""
    names = [
        p
        for p in (*trees, *commit.files)
        if p and p.startswith(inside) and (recursive or "/" not in p[len(inside) :])
    ]
    names.sort()
    size = TREE_PAGE_EXPANDED if expand else TREE_PAGE
    try:
        start = _page_start(request)
    except (ValueError, binascii.Error):
        return error(400, "Invalid cursor")
    entries = [
        _entry(repo, commit, trees, name, open, expand) for name in names[start : start + size]
    ]
    more = start + size < len(names)
    return json_answer(entries, _next(request, endpoint, _position(start + size)) if more else {})


def _entry(
    repo: Repo, commit: Commit, trees: Mapping[str, str], path: str, open: bool, expand: bool
) -> object:
    blob = commit.files.get(path)
    if blob is None:
        return shapes.directory(path, trees[path], commit if expand else None)
    return shapes.file(path, blob, open, _put_by(repo, commit, path) if expand else None)


def _put_by(repo: Repo, commit: Commit, path: str) -> Commit:
    """The commit that last changed the file."""
    while commit.parent is not None:
        parent = repo.commits[commit.parent]
        if parent.files.get(path) != commit.files[path]:
            break
        commit = parent
    return commit


def _paths_info(repo: Repo, commit: Commit, request: Request, open: bool) -> Answer:
    if request.headers.get("content-type", "").startswith("application/json"):
        asked = json.loads(request.body)
        paths, expand = asked.get("paths", []), bool(asked.get("expand"))
    else:
        form = parse_qs(request.body.decode())
        paths = form.get("paths", []) + form.get("paths[]", [])
        expand = (form.get("expand") or [""])[-1].lower() in ("1", "true")
    trees = git.tree_oids({p: b.git_oid for p, b in commit.files.items()})
    return json_answer(
        [
            _entry(repo, commit, trees, path, open, expand)
            for path in paths
            if path in commit.files or (path and path in trees)
        ]
    )


def _commits(repo: Repo, revision: str, request: Request, endpoint: str) -> Answer:
    start = int(request.one("p") or 0) * COMMITS_PAGE
    history = list(repo.history(revision))
    headers = {}
    if start + COMMITS_PAGE < len(history):
        query = {**request.query, "p": [str(start // COMMITS_PAGE + 1)]}
        link = f"{endpoint}{request.path}?{urlencode(query, doseq=True)}"
        headers["Link"] = f'<{link}>; rel="next"'
    headers["X-Total-Count"] = str(len(history))
    return json_answer([shapes.commit(c) for c in history[start : start + COMMITS_PAGE]], headers)


def _bytes(
    repo: Repo,
    commit: Commit,
    request: Request,
    route: str,
    path: str,
    account: str | None,
    cdn: str,
) -> Answer:
    if repo.gated and not repo.may_read(account):
        status = 401 if account is None else 403
        return error(status, f"Access to {repo.type} {repo.id} is restricted.", "GatedRepo")
    blob = commit.files.get(path)
    if blob is None:
        return error(404, "Entry not found", "EntryNotFound")
    if route == "raw":
        text = git.pointer_text(blob.sha256, blob.size) if blob.lfs else blob.read(0, blob.size)
        return Answer(200, {"Content-Type": "text/plain; charset=utf-8"}, text)

    common = {"X-Repo-Commit": commit.id, "Accept-Ranges": "bytes"}
    place = f"{repo.id}/{commit.id}/{quote(path)}"
    download = route == "resolve" and _is_query_file(commit, path)
    if blob.lfs:
        headers = {
            **common,
            "Location": f"{cdn}/repo/{repo.type}/{place}?Signature=sample",
            "X-Linked-Etag": f'"{blob.sha256}"',
            "X-Linked-Size": str(blob.size),
        }
        if blob.xet:
            # No Link rel="xet-auth" beside it: there is no Xet storage here to be sent to.
            headers["X-Xet-Hash"] = blob.xet
        return Answer(302, headers, b"Found. Redirecting", download=download)
    headers = {**common, "ETag": f'"{blob.git_oid}"'}
    if route == "resolve":
        headers["Location"] = f"/api/resolve-cache/{repo.type}s/{place}"
        headers["X-Linked-Size"] = str(blob.size)
        headers["X-Linked-Etag"] = f'"{blob.git_oid}"'
        return Answer(307, headers, b"Temporary Redirect", download=download)
    return file_answer(request, blob, {**headers, "Content-Type": "text/plain; charset=utf-8"})


def _is_query_file(commit: Commit, path: str) -> bool:
    """Whether the Hub counts a request for it as a download of the model."""
    if path == "config.json" or path.endswith(".gguf"):
        return True
    return path.endswith(".safetensors") and "/" not in path and "config.json" not in commit.files
