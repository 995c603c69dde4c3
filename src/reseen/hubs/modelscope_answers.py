"""ModelScope's answers: JSON in, values of `reseen.records` out.

Nothing here trusts the server: what cannot be read becomes a `Problem` that names the repository
and the reason, and never takes the rest of its page along. Field names are those that ModelScope's
own client (modelscope-hub 0.5.1) reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reseen.errors import HubGarbage
from reseen.hubs.answers import (
    SMALLEST,
    UNPRINTABLE,
    from_hex,
    instant,
    is_no_ref,
    is_repo_id,
    whole_count,
    why_unusable,
)
from reseen.hubs.answers import folders as folders_of
from reseen.hubs.hub import FilesPage, Revision
from reseen.records import Artifact, Problem, Repository, RepoType

MASTER = "master"
"""What the main line of a repository is called there; "main" is another branch."""
MOST_TAGS = 100

LONGEST_VALUE = 64
"""Characters of a task, a licence, a tag."""


@dataclass(frozen=True, slots=True)
class ListedRepository:
    """One entry of a list, with the values by which lists can be asked for that have it."""

    repository: Repository
    told: tuple[tuple[str, str], ...]
    """Filter -> value, as `modelscope_slices` asks."""


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a list."""

    entries: tuple[ListedRepository, ...]
    problems: tuple[Problem, ...]
    total: int | None
    """Repositories of the whole list, by the hub's word."""
    size: int | None
    """How long its pages are, by the hub's word."""
    count: int
    """Entries of this one, also those that could not be read."""


def open_data(value: object) -> Mapping[str, object]:
    """What an answer of the OpenAPI holds. Raises HubGarbage where it is no answer."""
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict) or (isinstance(value, dict) and value.get("success") is False):
        raise HubGarbage("the hub answers with something else than was asked for")
    return data


def data(value: object) -> Mapping[str, object]:
    """What an answer of the older API (v1) holds: that says with status 200, too, that it will not.
    Raises HubGarbage."""
    found = value if isinstance(value, dict) else {}
    data = found.get("Data")
    if not isinstance(data, dict) or found.get("Success") is False:
        raise HubGarbage("the hub answers with something else than was asked for")
    return data


def page(hub: str, type: RepoType, value: object, access: bytes | None) -> ListedPage:
    """One page of a list. Raises HubGarbage if it is none."""
    data = open_data(value)
    entries = data.get(f"{type}s")
    if not isinstance(entries, list):
        raise HubGarbage(f"the hub's list of {type}s is not a list")
    read = [listed(hub, type, entry, access) for entry in entries]
    return ListedPage(
        tuple(each for each in read if isinstance(each, ListedRepository)),
        tuple(each for each in read if isinstance(each, Problem)),
        whole_count(data.get("total_count")),
        whole_count(data.get("page_size")) or None,
        len(entries),
    )


def listed(
    hub: str, type: RepoType, value: object, access: bytes | None
) -> ListedRepository | Problem:
    """One entry of a list, or the answer for one repository. `access`: by which token, where a
    stranger might not have seen it."""
    if not isinstance(value, dict):
        return Problem(hub, "an entry of the list is not an object, or says something twice")
    id = value.get("id")
    if not isinstance(id, str) or not is_repo_id(id) or "/" not in id:
        return Problem(hub, "an entry of the list has no usable repository id")
    tasks, tags = _words(value.get("tasks")), _words(value.get("tags"))
    license = _words([value.get("license")])
    private = value.get("private") is True
    modified, size = value.get("last_modified"), whole_count(value.get("file_size"))
    repository = Repository(
        hub=hub,
        type=type,
        id=id,
        sha=_version(id, modified, size),
        created_at=_when(value.get("created_at")),
        modified_at=_when(modified),
        downloads=whole_count(value.get("downloads")),
        likes=whole_count(value.get("likes")),
        gated=value.get("gated") is True,
        private=private,
        seen_as=access if private else None,
        used_storage=size or None,
        tags=tuple(dict.fromkeys((*tags, *tasks))),
    )
    told = [("filter.task", each) for each in tasks]
    told += [("filter.license", each) for each in license]
    told += [("filter.custom_tag", each) for each in tags]
    return ListedRepository(repository, (*told, ("owner", repository.author)))


def _version(id: str, modified: object, size: int | None) -> str:
    """What changes when the repository's files do: the hub has a word for its last change, and none
    for the commit. Where it does not say that, nothing is remembered of the files."""
    if _when(modified) is None:
        return MASTER
    return hashlib.sha256(f"{id} {modified} {size}".encode()).hexdigest()[:40]


def entries(value: object) -> list[object]:
    """The entries of a tree. Raises HubGarbage if it is no list."""
    found = data(value).get("Files")
    if found is None:  # an empty folder
        return []
    if not isinstance(found, list):
        raise HubGarbage("the hub's list of files is not a list")
    return found


def folders(found: Sequence[object]) -> tuple[list[str], set[str]]:
    """The folders that entries of a tree name, and those of which they show something within."""
    entries = [each for each in found if isinstance(each, dict)]
    return folders_of([{"path": each.get("Path"), "type": each.get("Type")} for each in entries])


def path_of(entry: object) -> str | None:
    """The path of a file or folder; None where it cannot be used."""
    path = entry.get("Path") if isinstance(entry, dict) else None
    return path if isinstance(path, str) and not why_unusable(path) else None


def files(like: Artifact, where: str, found: Sequence[object]) -> FilesPage:
    """The files among the entries of a tree, each as `like` but for what is its own; what is too
    short for a model is left out."""
    artifacts: list[Artifact] = []
    problems: list[Problem] = []
    for entry in found:
        if not isinstance(entry, dict):
            problems.append(Problem(where, "an entry of the tree is not an object"))
            continue
        if entry.get("Type") == "tree":
            continue
        path = entry.get("Path")
        if reason := why_unusable(path):
            problems.append(Problem(where, f"{reason} in the tree"))
            continue
        size, sha256 = whole_count(entry.get("Size")), from_hex(entry.get("Sha256"), 32)
        if size is None:
            problems.append(Problem(where, "a file of the tree has no usable size"))
        elif size < SMALLEST:
            continue
        if sha256 is None:
            problems.append(Problem(where, "a file of the tree states no SHA-256"))
        artifacts.append(_file(like, str(path), size, sha256))
    return FilesPage(tuple(artifacts), tuple(dict.fromkeys(problems)))


def _file(like: Artifact, path: str, size: int | None, sha256: bytes | None) -> Artifact:
    return replace(like, path=path, size=size, sha256=sha256)


def revisions(where: str, value: object) -> tuple[list[Revision], list[Problem]]:
    """Branches and tags, each by its name: the hub says no commits. Raises HubGarbage."""
    told = data(value).get("RevisionMap")
    if not isinstance(told, dict):
        raise HubGarbage("the hub's list of branches and tags is not an object")
    found: list[Revision] = []
    problems: list[Problem] = []
    for kind in ("Branches", "Tags"):
        listed = told.get(kind)
        for entry in listed if isinstance(listed, list) else ():
            name = entry.get("Revision") if isinstance(entry, dict) else None
            if not isinstance(name, str) or is_no_ref(name):
                problems.append(Problem(where, f"an entry of the {kind.lower()} cannot be read"))
            elif name != MASTER:
                # What everybody sees is called "main" here: a branch of that name says what it is.
                found.append(Revision("refs/heads/main" if name == "main" else name, name))
    return found, problems


def _words(value: object) -> tuple[str, ...]:
    given = value[:MOST_TAGS] if isinstance(value, list) else ()
    texts = (text for text in given if isinstance(text, str) and not UNPRINTABLE.search(text))
    return tuple(text for text in texts if 0 < len(text) <= LONGEST_VALUE)


def _when(value: object) -> datetime | None:
    """An instant as text, or as seconds since 1970."""
    if type(value) is int and 0 < value < 1 << 35:
        return datetime.fromtimestamp(value, UTC)
    return instant(value)
