"""Civitai's answers: JSON in, values of `reseen.records` out.

Nothing here trusts the server: what cannot be read becomes a `Problem` that names the model and the
reason, and never takes the rest of its page along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reseen.errors import HubGarbage
from reseen.hubs.answers import (
    UNPRINTABLE,
    from_hex,
    instant,
    version_of,
    whole_count,
    why_unusable,
)
from reseen.hubs.civitai_addresses import NOBODY
from reseen.hubs.hub import FilesPage
from reseen.records import Artifact, Problem, Repository, RepoType

MOST_FILES = 20_000
"""Files of one model that are looked at."""
MOST_TAGS = 100
LONGEST_CURSOR = 1024

_ACCOUNT = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class Model:
    """One model, with the files of all its versions."""

    repository: Repository
    files: FilesPage


def is_number(text: str) -> bool:
    """What the hub calls a model, a version, a file."""
    return _NUMBER.fullmatch(text) is not None


def items(value: object) -> list[object]:
    """The entries of a list. Raises HubGarbage if it is none."""
    found = value.get("items") if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise HubGarbage("the hub's list of models is not a list")
    return found


def next_cursor(value: object) -> str | None:
    """Where a list goes on; None at its end. Raises HubGarbage for what leads nowhere."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    given = metadata.get("nextCursor") if isinstance(metadata, dict) else None
    if given is None or given == "":
        return None
    cursor = str(given) if type(given) is int else given
    if not isinstance(cursor, str) or len(cursor) > LONGEST_CURSOR or UNPRINTABLE.search(cursor):
        raise HubGarbage("the hub's cursor for the next page cannot be used")
    return cursor


def present(value: object, asked: frozenset[bytes]) -> tuple[dict[bytes, set[str]], int]:
    """Which digests are there, each with the numbers of the models that have it; and how many
    entries are none of what was asked for. Raises HubGarbage if it is no list."""
    if not isinstance(value, list):
        raise HubGarbage("the hub's answer to a question by hash is not a list")
    found: dict[bytes, set[str]] = {}
    strangers = 0
    for entry in value:
        entry = entry if isinstance(entry, dict) else {}
        digest, number = from_hex(entry.get("hash"), 32), _number(entry.get("modelId"))
        if digest is None or number is None or digest not in asked:
            strangers += 1
        else:
            found.setdefault(digest, set()).add(number)
    return found, strangers


def model(hub: str, value: object) -> Model | Problem:
    """One entry of a list, or the answer for one model."""
    number = _number(value.get("id")) if isinstance(value, dict) else None
    if not isinstance(value, dict) or number is None:
        return Problem(hub, "an entry of the list is no model, or says something twice")
    creator = value.get("creator")
    account = creator.get("username") if isinstance(creator, dict) else None
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        account = NOBODY
    repo = f"{account}/{number}"
    artifacts: dict[str, Artifact] = {}
    problems: list[Problem] = []
    times: list[datetime] = []
    where = f"{hub} {repo}"
    for version in _listed(value.get("modelVersions"), where, "versions", problems):
        version_number = _number(version.get("id"))
        if version_number is None:
            problems.append(Problem(where, "a version without a number"))
            continue
        times += filter(None, [instant(version.get("publishedAt") or version.get("createdAt"))])
        for file in _listed(version.get("files"), where, "files", problems):
            found = _file(hub, repo, version_number, file, where, problems)
            if found is not None:
                artifacts[found.path] = found
    if len(artifacts) > MOST_FILES:
        problems.append(Problem(where, f"only the first {MOST_FILES:,} files were looked at"))
    kept = tuple(artifacts.values())[:MOST_FILES]
    sha = version_of(kept)
    stats = value.get("stats")
    repository = Repository(
        hub=hub,
        type=RepoType.MODEL,
        id=repo,
        sha=sha,
        modified_at=max(times, default=None),
        downloads=whole_count(stats.get("downloadCount")) if isinstance(stats, dict) else None,
        own_id=number,
        used_storage=sum(a.size or 0 for a in kept) or None,
        tags=_tags(value),
        paths=tuple(artifact.path for artifact in kept),
    )
    return Model(repository, FilesPage(kept, tuple(problems)))


def _listed(
    value: object, where: str, what: str, problems: list[Problem]
) -> list[Mapping[str, object]]:
    """The objects of a list; what is none is said, once."""
    if not isinstance(value, list):
        problems.append(Problem(where, f"its {what} are no list"))
        return []
    found: list[Mapping[str, object]] = [each for each in value if isinstance(each, dict)]
    if len(found) < len(value):
        problems.append(Problem(where, f"some of its {what} cannot be read"))
    return found


def _file(
    hub: str,
    repo: str,
    version: str,
    file: Mapping[str, object],
    where: str,
    problems: list[Problem],
) -> Artifact | None:
    number = _number(file.get("id"))
    if number is None:
        problems.append(Problem(where, "a file without a number"))
        return None
    hashes = file.get("hashes")
    stated = hashes.get("SHA256") if isinstance(hashes, dict) else None
    sha256 = from_hex(stated, 32)
    if sha256 is None and stated is not None:
        problems.append(Problem(where, "a file states a SHA-256 that is none"))
    size = _bytes(file.get("sizeKB"))
    if size is None:
        problems.append(Problem(where, "a file states no usable size"))
    path = f"{version}/{number}/{file.get('name') or ''}"
    if reason := why_unusable(path):
        problems.append(Problem(where, f"{reason} among its files"))
        path = f"{version}/{number}/file"
    return Artifact(hub, RepoType.MODEL, repo, version, "main", path, size, sha256=sha256)


def _number(value: object) -> str | None:
    return str(value) if type(value) is int and is_number(str(value)) else None


def _bytes(kilobytes: object) -> int | None:
    """A size out of units of 1,024 bytes. What is rounded is no size: none is stated then."""
    if type(kilobytes) not in (int, float) or not 0 <= float(str(kilobytes)) < 2**43:
        return None
    exact = float(str(kilobytes)) * 1024
    return round(exact) if abs(exact - round(exact)) < 0.001 else None


def _tags(value: Mapping[str, object]) -> tuple[str, ...]:
    given = value.get("tags")
    told = [value.get("type"), *(given[:MOST_TAGS] if isinstance(given, list) else ())]
    return tuple(t.lower() for t in told if isinstance(t, str) and not UNPRINTABLE.search(t))
