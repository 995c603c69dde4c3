"""The Hub's answers: JSON in, values of `reseen.records` out.

Nothing here trusts the server: what cannot be read becomes a `Problem` that names the repository
and the reason, and never takes the rest of its page along. Field names are those of the Hub's API.
"""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from reseen.errors import HubGarbage
from reseen.hubs.hub import FilesPage
from reseen.records import Artifact, Problem, Repository, RepoType

SMALLEST = 1024
"""Bytes: a plain git file below this holds no model."""
LONGEST_PATH = 4096
MOST_PATHS = 10_000
"""File names kept of a listed repository; they only order the queue."""
MOST_TAGS = 1_000

REPO_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}(/[A-Za-z0-9_.-][\w.-]{0,127})?", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_FILES, _FOLDERS = ("file", "blob"), ("directory", "tree")
"""What an entry of a tree may be called: as the Hub does, or as git does."""
_PREFIX = "sha256:"
_MASK = re.compile(r"[0-9a-f]*\*[0-9a-f*]*")
_NO_PATH = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Tabs and ends of lines are taken: git takes them, and a file may be called so by accident."""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def parse(data: bytes) -> object:
    """JSON as values. Raises HubGarbage if it is none.

    An object that gives a name twice is read as None, and so are NaN, the infinities and numbers
    of more than 18 digits: whoever asks for them finds nothing.
    """
    try:
        return json.loads(
            data, object_pairs_hook=_unambiguous, parse_constant=_nothing, parse_int=_integer
        )
    except RecursionError:
        raise HubGarbage("the hub's answer is nested too deep") from None
    except ValueError:
        raise HubGarbage("the hub's answer is not JSON") from None


def _unambiguous(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def _nothing(_: str) -> None:
    return None


def whole_number(text: str | None) -> int | None:
    """A number out of a header; None for any other text."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,15}", text.strip()) else None


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= 18 else None


def why_unusable(path: object) -> str | None:
    """Why a path from a hub cannot be used, in words; None if it can."""
    if not isinstance(path, str) or not path:
        return "a file without a path"
    if len(path) > LONGEST_PATH:
        return f"a path of {len(path):,} characters"
    if _NO_PATH.search(path):
        return "a path with control characters"
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        return "a path that leads out of its folder"
    return None


def is_no_ref(name: str) -> bool:
    """Can this not be a branch, a tag, or a commit?"""
    return why_unusable(name) is not None or UNPRINTABLE.search(name) is not None


def is_list(value: object) -> bool:
    return isinstance(value, list)


def is_repository(value: object) -> bool:
    """Is it one at all, whatever else it says?"""
    return isinstance(value, dict) and ("id" in value or "modelId" in value)


def repository(
    hub: str, type: RepoType, value: object, access: bytes | None = None
) -> Repository | Problem:
    """One entry of a listing, or the answer for one repository. `access`: by which token, where a
    stranger might not have seen it."""
    if not isinstance(value, dict):
        return Problem(hub, "an entry of the listing is not an object, or says something twice")
    id = value.get("id", value.get("modelId"))
    if not isinstance(id, str) or not is_repo_id(id):
        return Problem(hub, "an entry of the listing has no usable repository id")
    private = value.get("private", access is not None) is True
    return Repository(
        hub=hub,
        type=type,
        id=id,
        sha=commit_name(value.get("sha")),
        created_at=instant(value.get("createdAt")),
        modified_at=instant(value.get("lastModified")),
        downloads=whole_count(value.get("downloads")),
        likes=whole_count(value.get("likes")),
        gated=value.get("gated") in ("auto", "manual", True),
        disabled=value.get("disabled") is True,
        private=private,
        seen_as=access if private else None,
        used_storage=whole_count(value.get("usedStorage")),
        own_id=_own_id(value.get("_id")),
        tags=_texts(value.get("tags"), MOST_TAGS),
        paths=_paths(value.get("siblings")),
    )


def files(
    hub: str, type: RepoType, repo: str, revision: str, ref: str | None, page: object
) -> FilesPage:
    """One page of a tree. Raises HubGarbage if it is no list."""
    if not isinstance(page, list):
        raise HubGarbage("the hub's list of files is not a list")
    artifacts: list[Artifact] = []
    problems: list[Problem] = []
    where = f"{hub} {repo}"
    for entry in page:
        if not isinstance(entry, dict):
            problems.append(Problem(where, "an entry of the tree is not an object"))
            continue
        if entry.get("type") in _FOLDERS:
            continue
        if entry.get("type") not in _FILES:
            problems.append(Problem(where, "an entry of the tree is neither file nor folder"))
            continue
        if reason := why_unusable(entry.get("path")):
            problems.append(Problem(where, f"{reason} in the tree"))
            continue
        found, doubts = _artifact(hub, type, repo, revision, ref, entry)
        problems.extend(Problem(where, doubt) for doubt in doubts)
        if found.lfs or found.size is None or found.size >= SMALLEST:
            artifacts.append(found)
    return FilesPage(tuple(artifacts), tuple(problems))


def folders(page: object) -> tuple[list[str], set[str]]:
    """The folders that a page of a tree names, and those of which it shows something within."""
    named: list[str] = []
    within: set[str] = set()
    for entry in page if isinstance(page, list) else ():
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str) or why_unusable(path):
            continue
        if entry.get("type") in _FOLDERS:
            named.append(path)
        parent = path.rpartition("/")[0]
        while parent and parent not in within:
            within.add(parent)
            parent = parent.rpartition("/")[0]
    return named, within


def _artifact(
    hub: str,
    type: RepoType,
    repo: str,
    revision: str,
    ref: str | None,
    entry: Mapping[str, object],
) -> tuple[Artifact, list[str]]:
    """A file of a tree, with what is doubtful in its entry."""
    doubts: list[str] = []
    lfs = entry.get("lfs")
    size, sha256, masked = whole_count(entry.get("size")), None, False
    if isinstance(lfs, dict):
        inner = whole_count(lfs.get("size"))
        if inner is not None and size is not None and inner != size:
            doubts.append("a file of the tree has two sizes")
        size = size if inner is None else inner
        # "oid" in a tree, "sha256" where the repository itself is asked for.
        oid = lfs.get("oid") or lfs.get("sha256")
        sha256 = from_hex(oid.removeprefix(_PREFIX) if isinstance(oid, str) else None, 32)
        masked = isinstance(oid, str) and _MASK.fullmatch(oid) is not None
        if sha256 is None and not masked:
            doubts.append("a file of the tree has an LFS oid that is no SHA-256")
    xet = entry.get("xetHash")
    if size is None:
        doubts.append("a file of the tree has no usable size")
    return (
        Artifact(
            hub=hub,
            type=type,
            repo=repo,
            revision=revision,
            ref=ref,
            path=str(entry["path"]),
            size=size,
            sha256=sha256,
            xet=from_hex(xet, 32),
            git_oid=from_hex(entry.get("oid"), 20),
            masked=masked,
            lfs=isinstance(lfs, dict) or isinstance(xet, str),
        ),
        doubts,
    )


def is_repo_id(id: str) -> bool:
    """ "owner/name", or the bare name of the Hub's oldest models."""
    return REPO_ID.fullmatch(id) is not None and ".." not in id


def commit_name(value: object) -> str | None:
    name = value.lower() if isinstance(value, str) and value.isascii() else ""
    return name if COMMIT.fullmatch(name) else None


def version_of(artifacts: Sequence[Artifact]) -> str:
    """What changes when a repository's files do, where the hub has no word for it."""
    told = sorted(f"{a.path} {a.size} {(a.sha256 or b'').hex()}" for a in artifacts)
    return hashlib.sha256("\n".join(told).encode("utf-8", "replace")).hexdigest()[:40]


def _own_id(value: object) -> str | None:
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) and re.fullmatch(r"[\w-]{1,64}", value) else None


def from_hex(value: object, length: int) -> bytes | None:
    if not isinstance(value, str) or len(value) != 2 * length:
        return None
    return bytes.fromhex(value) if set(value) <= set(string.hexdigits) else None


def whole_count(value: object) -> int | None:
    """A number of bytes, downloads ...: whole and not negative (True is not 1)."""
    return value if type(value) is int and value >= 0 else None


def instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        then = datetime.fromisoformat(value)
        return then.replace(tzinfo=UTC) if then.tzinfo is None else then.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _texts(value: object, most: int) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(t for t in value[:most] if isinstance(t, str) and not UNPRINTABLE.search(t))


def _paths(siblings: object) -> tuple[str, ...]:
    if not isinstance(siblings, list):
        return ()
    names = (s.get("rfilename") for s in siblings[:MOST_PATHS] if isinstance(s, dict))
    return tuple(n for n in names if isinstance(n, str) and not why_unusable(n))
