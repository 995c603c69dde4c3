"""What a hub's answers say of commits: what leads to one, and the history.

What comes in: JSON, as the Hub gives it or as git's servers do. What goes out: revisions, ids of
commits, their titles and dates, and a problem for each entry that cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping

from reseen.errors import HubGarbage
from reseen.hubs.answers import commit_name, instant, is_no_ref
from reseen.hubs.hub import Revision
from reseen.records import HistoryCommit, Problem

LONGEST_TITLE = 200
"""Characters of a commit's title that are looked at."""
_KINDS_OF_REFS = ("branches", "tags", "converts", "pullRequests")
_COMMIT_WORDS = (
    "targetCommit",
    "id",
    "oid",
    "sha",
    "commit",
    "commitId",
    "hash",
    "target",
    "object",
)


def refs(where: str, value: object) -> tuple[list[Revision], list[Problem]]:
    """Branches first ("main" before all), then tags, conversions and pull requests. As the Hub's
    object of lists, or as one list, as git's own servers give it. Raises HubGarbage if it is
    neither."""
    if isinstance(value, dict) and isinstance(value.get("refs"), list):
        value = value["refs"]
    if isinstance(value, list):
        entries = [("refs", entry) for entry in value]
    elif isinstance(value, dict) and value and all(map(commit_name, value.values())):
        entries = [("refs", entry) for entry in _by_name(value)]
    elif isinstance(value, dict):
        lists = ((kind, value.get(kind)) for kind in _KINDS_OF_REFS)
        entries = [
            (kind, entry)
            for kind, some in lists
            if some is not None
            for entry in (some if isinstance(some, list) else _by_name(some))
        ]
    else:
        raise HubGarbage("the hub's list of refs is not an object")
    found: list[tuple[int, Revision]] = []
    problems: list[Problem] = []
    for kind, entry in entries:
        entry = entry if isinstance(entry, dict) else {}
        name, commit = _ref(kind, entry), _commit_of(entry)
        if commit is None or not isinstance(name, str) or is_no_ref(name):
            problems.append(Problem(where, f"an entry of the {kind} cannot be read"))
            continue
        rank, name = _ranked(name) if kind == "refs" else (_KINDS_OF_REFS.index(kind), name)
        found.append((-1 if name == "main" else rank, Revision(name, commit)))
    found.sort(key=lambda each: each[0])  # stable: the rest stays in order
    return [revision for _, revision in found], problems


def _by_name(value: object) -> list[object]:
    """Refs as an object: what each name leads to. Anything else is one entry."""
    if not isinstance(value, dict) or not all(map(commit_name, value.values())):
        return [value]
    return [{"name": name, "ref": name, "sha": commit} for name, commit in value.items()]


def _ref(kind: str, entry: Mapping[str, object]) -> object:
    """What leads there, as it is asked for: branches and tags by a bare name, others in full."""
    if kind == "refs":
        return entry.get("ref", entry.get("name"))
    return entry.get("name" if kind in ("branches", "tags") else "ref")


def _ranked(name: str) -> tuple[int, str]:
    """A name of a list of all refs: which kind it is of, and how it is asked for."""
    for rank, start in enumerate(("refs/heads/", "refs/tags/")):
        if name.startswith(start):
            return rank, name.removeprefix(start)
    return (len(_KINDS_OF_REFS) if name.startswith("refs/") else 0), name


def commits(value: object) -> list[str]:
    """The ids of a page of history. Raises HubGarbage if it is no list of commits."""
    if isinstance(value, dict):
        value = value.get("commits")
    if not isinstance(value, list):
        raise HubGarbage("the hub's history is not a list")
    ids = [_commit_of(entry) if isinstance(entry, dict) else None for entry in value]
    if None in ids:
        raise HubGarbage("the hub's history holds something that is no commit")
    return [id for id in ids if id is not None]


def told_of_commits(value: object) -> list[HistoryCommit]:
    """What the same page says of them, as far as it does: titles, and when they were made."""
    entries = value.get("commits") if isinstance(value, dict) else value
    found: list[HistoryCommit] = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            title, at = entry.get("title"), instant(entry.get("date"))
            if isinstance(title, str) and at is not None:
                found.append(HistoryCommit(title[:LONGEST_TITLE], at))
    return found


def _commit_of(entry: Mapping[str, object]) -> str | None:
    """Which commit an entry is, or leads to: its name stands by itself or in an object, under a
    word of the Hub or of git's servers."""
    for word in _COMMIT_WORDS:
        value = entry.get(word)
        if isinstance(value, dict):
            inner = (commit_name(value.get(each)) for each in ("id", "oid", "sha"))
            value = next(filter(None, inner), None)
        if (commit := commit_name(value)) is not None:
            return commit
    return None
