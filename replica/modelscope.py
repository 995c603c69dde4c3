"""ModelScope's API, as far as it is asked: lists of repositories, trees, branches and tags, files.

Written from the source of its own client (modelscope-hub 0.5.1, Apache-2.0), which a test drives
against it. No answer of the real site is recorded: what that source does not say is marked
"assumed". Everything in it is synthetic.

    site = ModelScopeSite(); site.put("account-01/LORA", {"a.safetensors": lfs(data)})
    with Replica(World(), site=site) as hub: ...
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from replica.http import Answer, Request, file_answer, json_answer, route_in
from replica.world import Blob

FIRST = datetime(2025, 5, 20, tzinfo=UTC)
MASTER = "master"
_OPEN = r"/openapi/v1/(?P<type>model|dataset)s"
_API = r"/api/v1/(?P<type>model|dataset)s/(?P<id>[^/]+/[^/]+)"
_ROUTES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("list", _OPEN),
        ("info", rf"{_OPEN}/(?P<id>[^/]+/[^/]+)"),
        ("tree", rf"{_API}/repo/(?:files|tree)"),
        ("revisions", rf"{_API}/revisions"),
        ("file", rf"{_API}/repo"),
    )
)
_FILTERS = ("filter.task", "filter.license", "filter.custom_tag")


@dataclass(slots=True)
class Repo:
    """One repository: by branch or tag, path -> file."""

    id: str
    type: str
    branches: dict[str, dict[str, Blob]]
    created: datetime
    modified: datetime
    tags: dict[str, dict[str, Blob]] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    license: str = "Apache License 2.0"
    private: bool = False

    def files(self, revision: str) -> dict[str, Blob] | None:
        return self.branches.get(revision, self.tags.get(revision))

    def shows(self, by: str, value: str) -> bool:
        """Is it in a list that is asked for by this filter?"""
        owner = self.id.partition("/")[0]
        told = {"owner": (owner,), "filter.task": self.tasks, "filter.custom_tag": self.labels}
        return value in told.get(by, (self.license,))


@dataclass(slots=True)
class ModelScopeSite:
    """A `server.Site`. Change it at any time."""

    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    bound: int = 3_000
    """Of a list: a page's number times its length."""
    most_files: int = 3_000
    """Of a model's tree: the rest is left out without a word."""
    longest_page: int = 100
    filters: tuple[str, ...] = _FILTERS
    """Those that it knows; others it does not listen to."""
    sorts: tuple[str, ...] = ("last_modified",)
    denies: int = 0
    """How many of the next trees it denies."""
    shallow: bool = False
    """It lists a folder alone, whatever is asked."""
    same_page: bool = False
    """Whatever page is asked for, it gives the first."""
    spoil: Callable[[str, Any], Any] = lambda route, value: value
    """What becomes of the JSON of an answer: lies, changed fields."""

    def put(self, id: str, files: Mapping[str, Blob], type: str = "model", **more: Any) -> Repo:
        made = FIRST + timedelta(minutes=len(self.repos))
        repo = Repo(id, type, {MASTER: dict(files)}, made, made, **more)
        self.repos[type, id] = repo
        return repo

    # -- as a site ---------------------------------------------------------------------------------

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        return route_in(_ROUTES, request)

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        if route == "other" or request.method != "GET":
            return _refused(404, "not found")
        if route == "list":
            return self._list(request, parts["type"])
        repo = self.repos.get((parts["type"], parts["id"]))
        if repo is None or repo.private:
            return _refused(404, "not found")  # assumed: the same to strangers
        match route:
            case "info":
                value: Any = {"success": True, "data": _shown(repo)}
            case "revisions":
                value = _of_v1(_revisions(repo))
            case "tree":
                return self._tree(request, repo)
            case _:
                return self._file(request, repo, cdn)
        return json_answer(self.spoil(route, value))

    def storage(self, request: Request) -> Answer:
        """The host of large files takes Range, and says the SHA-256."""
        sha256 = request.path.removeprefix("/lfs/")
        every = (
            blob
            for repo in self.repos.values()
            for files in (*repo.branches.values(), *repo.tags.values())
            for blob in files.values()
        )
        blob = next((each for each in every if each.lfs and each.sha256 == sha256), None)
        if blob is None or request.one("auth_key") is None:
            return Answer(403)
        return file_answer(request, blob, {"X-Linked-ETag": f'"{sha256}"'})

    # -- the routes --------------------------------------------------------------------------------

    def _list(self, request: Request, type: str) -> Answer:
        """Assumed: how many one page may have, and which comes first where nothing is asked."""
        number, size = int(request.one("page_number") or 1), int(request.one("page_size") or 10)
        if number * size > self.bound:
            return _refused(400, "page_number * page_size must be <= 3000")
        sort = request.one("sort")
        if sort not in (None, *self.sorts):
            return _refused(400, "sort is not valid")
        size = min(size, self.longest_page)
        asked = [(by, given) for by in ("owner", *self.filters) if (given := request.one(by))]
        listed = [
            repo
            for (of, _), repo in self.repos.items()
            if of == type and not repo.private and all(repo.shows(*each) for each in asked)
        ]
        if sort is not None:
            listed.sort(key=lambda repo: repo.modified, reverse=True)
        start = 0 if self.same_page else (number - 1) * size
        data = {
            f"{type}s": [_shown(repo) for repo in listed[start : start + size]],
            "total_count": len(listed),
            "page_number": number,
            "page_size": size,
        }
        return json_answer(self.spoil("list", {"success": True, "data": data}))

    def _tree(self, request: Request, repo: Repo) -> Answer:
        """Of a model without pages and cut; of a dataset page by page."""
        if self.denies:
            self.denies -= 1
            return _refused(403, "access denied")
        files = repo.files(request.one("Revision") or MASTER)
        if files is None:
            return _refused(404, "no such revision")
        root = (request.one("Root") or "").strip("/")
        entries = list(_entries(files, root, request.flag("Recursive") and not self.shallow))
        if repo.type == "model":
            entries = entries[: self.most_files]
        else:
            number, size = int(request.one("PageNumber") or 1), int(request.one("PageSize") or 50)
            entries = entries[(number - 1) * size : number * size]
        return json_answer(self.spoil("tree", _of_v1({"Files": entries})))

    def _file(self, request: Request, repo: Repo, cdn: str) -> Answer:
        """A large file is elsewhere; a small one is sent as a whole, whatever range is asked."""
        files = repo.files(request.one("Revision") or MASTER) or {}
        blob = files.get(request.one("FilePath") or "")
        if blob is None:
            return _refused(404, "no such file")
        if blob.lfs:
            place = f"{cdn}/lfs/{blob.sha256}?auth_key=sample"
            return Answer(302, {"Location": place}, download=True)
        return Answer(200, blob=blob, length=blob.size, download=True)


def _entries(files: Mapping[str, Blob], root: str, recursive: bool) -> Iterator[dict[str, Any]]:
    """What stands in a folder, by path: folders too."""
    found: dict[str, Blob | None] = {}
    for path, blob in files.items():
        if root and not path.startswith(f"{root}/"):
            continue
        steps = path.removeprefix(f"{root}/" if root else "").split("/")
        for depth in range(1, len(steps) if recursive else min(2, len(steps))):
            found["/".join(filter(None, (root, *steps[:depth])))] = None
        if recursive or len(steps) == 1:
            found[path] = blob
    for path, each in sorted(found.items()):
        told = {"Name": path.rpartition("/")[2], "Path": path, "CommittedDate": 1_750_000_000}
        if each is None:
            yield {**told, "Type": "tree", "Size": 0, "Sha256": ""}
        else:
            yield {**told, "Type": "blob", "Size": each.size, "Sha256": each.sha256}


def _shown(repo: Repo) -> dict[str, Any]:
    files = repo.branches[MASTER]
    return {
        "id": repo.id,
        "display_name": "LORA",
        "description": "",
        "downloads": 7,
        "likes": 1,
        "license": repo.license,
        "tags": list(repo.labels),
        "tasks": list(repo.tasks),
        "created_at": f"{repo.created:%Y-%m-%dT%H:%M:%SZ}",
        "last_modified": f"{repo.modified:%Y-%m-%dT%H:%M:%SZ}",
        "file_size": sum(blob.size for blob in files.values()),
        "private": False,
        "gated": False,
        "login_required": False,
    }


def _revisions(repo: Repo) -> dict[str, Any]:
    made = int(repo.created.timestamp())
    told = {"Branches": repo.branches, "Tags": repo.tags}
    listed = {
        kind: [{"Revision": name, "CreatedAt": made} for name in names]
        for kind, names in told.items()
    }
    return {"RevisionMap": listed}


def _of_v1(data: Any) -> dict[str, Any]:
    return {"Code": 200, "Data": data, "Message": "success", "Success": True}


def _refused(status: int, message: str) -> Answer:
    body = json.dumps({"success": False, "Success": False, "message": message}).encode()
    return Answer(status, {"Content-Type": "application/json; charset=utf-8"}, body)
