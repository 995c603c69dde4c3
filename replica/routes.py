"""The Hub's API as a function: a request and a world in, an answer out."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, unquote, urlencode

from replica import git, shapes
from replica.http import (
    Answer,
    Request,
    error,
    file_answer,
    json_answer,
    route_in,
    unknown_caller,
)
from replica.world import SORTS, Commit, Query, Repo, World

TREE_PAGE, TREE_PAGE_EXPANDED, COMMITS_PAGE, LIST_PAGE = 1000, 50, 50, 1000
# assumed: that a list without limit has 1,000, and takes no more

_API = r"/api/(?P<type>model|dataset|space)s"
_SITE = r"/(?:(?P<type>dataset|space)s/)?"
_ID = r"(?P<id>[^/]+/[^/]+)"
_ANY_ID = r"(?P<id>[^/]+(?:/[^/]+)?)"
"""The oldest models have no owner in their names."""
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
        ("tree", rf"{_API}/{_ANY_ID}/tree/{_REV}(?:/(?P<path>.+))?"),
        ("paths-info", rf"{_API}/{_ANY_ID}/paths-info/{_REV}"),
        ("treesize", rf"{_API}/{_ANY_ID}/treesize/{_REV}"),
        ("refs", rf"{_API}/{_ANY_ID}/refs"),
        ("commits", rf"{_API}/{_ANY_ID}/commits/{_REV}"),
        ("info", rf"{_API}/{_ANY_ID}(?:/revision/{_REV})?"),
        ("resolve", rf"{_SITE}{_ANY_ID}/resolve/{_REV}/(?P<path>.+)"),
        ("raw", rf"{_SITE}{_ANY_ID}/raw/{_REV}/(?P<path>.+)"),
        ("page", rf"{_SITE}{_ID}"),
    )
)
_CDN = re.compile(rf"/repo/(?P<type>\w+)/{_ID}/{_REV}/(?P<path>.+)")
_KINDS = {"resolve": "resolvers", "resolve-cache": "resolvers", "raw": "resolvers", "page": "pages"}
"""Route -> kind of quota; all others are "api"."""


def route_of(request: Request) -> tuple[str, Mapping[str, str]]:
    """The route's name, and what its path says, unquoted."""
    name, parts = route_in(_ROUTES, request)
    return name, {} if name == "other" else {"type": "model", **parts}


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
            realm = {"Www-Authenticate": 'Bearer realm="Authentication required"'}
            return error(401, "Invalid credentials in Authorization header").with_headers(realm)

    if route == "whoami":
        if account is None:
            return unknown_caller()
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
    if repo is None and (new := world.now_called(parts["type"], parts["id"])) is not None:
        # assumed: that /resolve/ redirects too
        location = request.target.replace(parts["id"], new, 1)
        return Answer(307, {"Content-Type": "text/plain; charset=utf-8", "Location": location})
    if repo is None or (repo.private and not repo.may_read(account)):
        if account is None:
            return unknown_caller()
        return error(404, "Repository not found", "RepoNotFound")
    return _of_repository(repo, request, route, parts, account, endpoint, cdn)


def _of_repository(
    repo: Repo,
    request: Request,
    route: str,
    parts: Mapping[str, str],
    account: str | None,
    endpoint: str,
    cdn: str,
) -> Answer:
    """What the Hub answers of a repository that the caller may know of."""
    if repo.disabled and route not in ("info", "refs", "commits"):
        # assumed: nobody states having seen it; clients know the message
        return error(403, "Access to this resource is disabled.", text=True)
    if route == "refs":
        return json_answer(shapes.refs(repo, request.flag("include_prs")))
    if route == "page":
        # assumed
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
                # assumed: the words
                return error(400, "Invalid expand")
            return json_answer(shapes.info(repo, commit, request.flag("blobs"), open, expand))
        case "tree":
            return _tree(repo, commit, request, parts, open, endpoint)
        case "paths-info":
            return _paths_info(repo, commit, request, open)
        case "treesize":
            size = sum(blob.size for blob in commit.files.values())
            return json_answer({"path": "/", "size": size})
        case "commits":
            if not repo.may_read(account) and (repo.gated or repo.disabled):
                return _no_access(repo, account, text=False)
            return _commits(repo, revision, request, endpoint)
        case _:
            return _bytes(repo, commit, request, route, parts["path"], account, cdn)


def _no_access(repo: Repo, account: str | None, *, text: bool) -> Answer:
    what = f"Access to {repo.type} {repo.id} is restricted"
    if account is None:
        what += ". You must have access to it and be authenticated to access it. Please log in."
        return error(401, what, "GatedRepo", text=text)
    what += " and you are not in the authorized list."
    return error(403, what, "GatedRepo", text=text)


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
    repo: Repo,
    commit: Commit,
    request: Request,
    parts: Mapping[str, str],
    open: bool,
    endpoint: str,
) -> Answer:
    path = parts.get("path", "")
    recursive, expand = request.flag("recursive"), request.flag("expand")
    trees = git.tree_oids({p: b.git_oid for p, b in commit.files.items()})
    if path and path not in trees:
        return error(404, f'{path} does not exist on "{parts["rev"]}"', "EntryNotFound")
    inside = f"{path}/" if path else ""
    names = [
        p
        for p in (*trees, *commit.files)
        if p and p.startswith(inside) and (recursive or "/" not in p[len(inside) :])
    ]
    names.sort(key=lambda name: (not recursive and name in commit.files, name))
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
    # assumed: 1,000 at most, and that a limit which is no number is not looked at
    limit = request.one("limit") or ""
    size = min(max(1, int(limit)), LIST_PAGE) if limit.isdecimal() else COMMITS_PAGE
    page = int(request.one("p") or 0)
    history = list(repo.history(revision))
    some = history[page * size : (page + 1) * size]
    headers = {"X-Total-Count": str(len(history))}
    if (page + 1) * size < len(history):
        link = f"{endpoint}{request.path}?p={page + 1}&limit={size}"
        headers["Link"] = f'<{link}>; rel="next"'
    return json_answer([shapes.commit(c) for c in some], headers)


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
        return _no_access(repo, account, text=True)
    blob = commit.files.get(path)
    if blob is None:
        return error(404, "Entry not found", "EntryNotFound", text=True)
    if route == "raw":
        # assumed: the headers
        text = git.pointer_text(blob.sha256, blob.size) if blob.lfs else blob.read(0, blob.size)
        return Answer(200, {"Content-Type": "text/plain; charset=utf-8"}, text)

    plain = {"Content-Type": "text/plain; charset=utf-8"}
    common = {"X-Repo-Commit": commit.id, "Accept-Ranges": "bytes"}
    name = path.rpartition("/")[2]
    shown = f"inline; filename*=UTF-8''{quote(name)}; filename=\"{quote(name)}\";"
    place = f"{repo.id}/{commit.id}/{quote(path)}"
    download = route == "resolve" and _is_query_file(commit, path)
    if blob.lfs:
        headers = {
            **common,
            **plain,
            "Cache-Control": "no-store",
            "Location": f"{cdn}/repo/{repo.type}/{place}?Signature=sample",
            "Vary": "Origin, Accept",
            "X-Linked-Etag": f'"{blob.sha256}"',
            "X-Linked-Size": str(blob.size),
        }
        if blob.xet:  # as the Hub names it; there is no Xet storage here
            token = f"/api/{repo.type}s/{repo.id}/xet-read-token/{commit.id}"
            storage = f"{cdn}/v1/reconstructions/{blob.xet}"
            headers["X-Xet-Hash"] = blob.xet
            headers["Link"] = (
                f'<{token}>; rel="xet-auth", <{storage}>; rel="xet-reconstruction-info"'
            )
        return Answer(302, headers, b"Found. Redirecting", download=download)
    if route == "resolve":
        etag = f'"{blob.git_oid}"'
        asked = quote(request.target, safe="")
        headers = {
            **common,
            **plain,
            "Content-Disposition": shown,
            "Location": f"/api/resolve-cache/{repo.type}s/{place}?{asked}=&etag={quote(etag)}",
            "Vary": "Origin, Accept",
            "X-Linked-Etag": etag,
        }
        return Answer(307, headers, b"Temporary Redirect", download=download)
    headers = {**common, "Content-Disposition": shown, "ETag": f'"{blob.git_oid}"'}
    return file_answer(request, blob, {**headers, "Content-Type": "text/plain; charset=utf-8"})


def _is_query_file(commit: Commit, path: str) -> bool:
    """Whether the Hub counts a request for it as a download of the model."""
    if path == "config.json" or path.endswith(".gguf"):
        return True
    return path.endswith(".safetensors") and "/" not in path and "config.json" not in commit.files
