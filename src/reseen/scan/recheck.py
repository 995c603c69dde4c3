"""Revisits known sightings: whether the same content still stands where it was seen.

What comes in: a store, a hub, which sightings. What goes out: their states in the store, and what
changed. Costs two calls of the API a repository and reads no file. It promises to call nothing
gone before two answers that said so, and that a hub which is away makes nothing gone.

"Where it was seen" is a ref and a path: a file deleted on main is gone from there. What was seen in
the history only is looked for at its own commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

from reseen.errors import (
    FileError,
    HubAuth,
    HubBusy,
    HubDisabled,
    HubError,
    HubGarbage,
    HubMissing,
    bulkhead,
)
from reseen.hubs.hub import Hub
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.records import Artifact, RepoType, Sighting, SightingState
from reseen.scan.stopping import on_signals, until
from reseen.store.database import Store

AT_ONCE = 16
"""Repositories asked about at the same time."""


@dataclass(frozen=True, slots=True)
class Change:
    """A sighting whose state is no longer what it was."""

    sighting: Sighting
    """As it stands now."""
    was: SightingState


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What came of a recheck."""

    asked: int
    """Sightings revisited."""
    states: dict[SightingState, int]
    """How many stand so now."""
    changes: tuple[Change, ...]
    stopped: bool = False
    """It was stopped before its end."""


@dataclass(frozen=True, slots=True)
class _Known:
    sighting: Sighting
    artifact: Artifact


def recheck(
    store: Store,
    open_hub: Callable[[], Hub],
    which: sightings.SightingFilter | None = None,
    *,
    told: Callable[[Change], None] | None = None,
) -> Rechecked:
    """Revisit sightings, the longest unseen first, in an event loop of its own; Ctrl-C stops it in
    order. `told` is called with each change once it is stored."""

    async def whole() -> Rechecked:
        stop = asyncio.Event()
        hub = open_hub()
        try:
            with on_signals(stop):
                return await revisit(store, hub, which, told=told, stop=stop)
        finally:
            await hub.close()

    return asyncio.run(whole())


async def revisit(
    store: Store,
    hub: Hub,
    which: sightings.SightingFilter | None = None,
    *,
    most: int | None = None,
    told: Callable[[Change], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Rechecked:
    """As `recheck`, inside a running loop; `most`: sightings at most."""
    loop = asyncio.get_running_loop()
    stop = stop or asyncio.Event()
    states: dict[SightingState, int] = {}
    changes: list[Change] = []
    with ThreadPoolExecutor(1, thread_name_prefix="reseen-store") as thread:
        groups = await loop.run_in_executor(thread, _load, store, hub.name, which, most)
        left = iter(groups)

        async def asker() -> None:
            for group in left:
                answers = await _asked(hub, group)
                stored = await loop.run_in_executor(thread, _store, store, group, answers)
                for known, change in zip(group, stored, strict=True):
                    state = known.sighting.state if change is None else change.sighting.state
                    states[state] = states.get(state, 0) + 1
                    if change is not None:
                        changes.append(change)
                        if told:
                            told(change)

        stopped = await until(stop, [asker() for _ in range(AT_ONCE)])
    return Rechecked(sum(states.values()), states, tuple(changes), stopped)


def _load(
    store: Store, hub: str, which: sightings.SightingFilter | None, most: int | None
) -> list[list[_Known]]:
    """Sightings of this hub by repository, the longest unseen first."""
    which = replace(which or sightings.SightingFilter(withdrawn=False), hub=hub)
    with store.read() as connection:
        every = sorted(sightings.every(connection, which), key=lambda each: each.last_seen)[:most]
        known = [
            _Known(each, seen.artifact(connection, sightings.artifact_pk(connection, each.id)))
            for each in every
        ]
    place: dict[tuple[RepoType, str], list[_Known]] = {}
    for each in known:
        place.setdefault((each.artifact.type, each.artifact.repo), []).append(each)
    return list(place.values())


def _store(
    store: Store, group: Sequence[_Known], answers: Sequence[SightingState]
) -> list[Change | None]:
    changes: list[Change | None] = []
    with store.write() as connection:
        for known, answer in zip(group, answers, strict=True):
            was = known.sighting.state
            state = sightings.answered(connection, known.sighting.id, answer)
            changed = state is not was
            changes.append(
                Change(sightings.by_id(connection, known.sighting.id), was) if changed else None
            )
    return changes


async def _asked(hub: Hub, group: Sequence[_Known]) -> list[SightingState]:
    """As `_ask`; an answer on which Reseen itself fails is none."""
    try:
        with bulkhead():
            return await _ask(hub, group)
    except FileError:
        return [SightingState.UNREACHABLE] * len(group)


async def _ask(hub: Hub, group: Sequence[_Known]) -> list[SightingState]:
    """What the hub says of each sighting of one repository."""
    type, repo = group[0].artifact.type, group[0].artifact.repo
    try:
        repository = await hub.repository(type, repo)
    except HubError as e:
        return [_means(e)] * len(group)
    if repository.disabled:
        return [SightingState.DISABLED] * len(group)
    heads = {"main": repository.sha}
    try:
        beside = hub.abilities.refs and any(k.artifact.ref not in (None, "main") for k in group)
        if beside:
            revisions = await hub.revisions(type, repo)
            heads |= {r.ref: r.commit for r in revisions.revisions if r.ref is not None}
    except HubError as e:
        return [_means(e)] * len(group)
    answers: dict[str, SightingState] = {}
    for ref, some in groupby(sorted(group, key=_ref), key=_ref):
        of_ref = list(some)
        for commit in {heads.get(ref) if ref else k.artifact.revision for k in of_ref}:
            here = [k for k in of_ref if ref or k.artifact.revision == commit]
            answers |= await _at(hub, commit, ref or None, here)
    return [answers[known.sighting.id] for known in group]


async def _at(
    hub: Hub, commit: str | None, ref: str | None, group: Iterable[_Known]
) -> dict[str, SightingState]:
    """Is each content at its path in this commit? No commit: the ref is gone."""
    wanted = {known.sighting.id: known.artifact for known in group}
    if commit is None:
        return dict.fromkeys(wanted, SightingState.GONE)
    one = next(iter(wanted.values()))
    there: dict[str, list[Artifact]] = {}
    paths = {artifact.path for artifact in wanted.values()}
    try:
        async for page in hub.list_files(one.type, one.repo, commit, ref):
            for artifact in page.artifacts:
                if artifact.path in paths:
                    there.setdefault(artifact.path, []).append(artifact)
    except HubError as e:
        return dict.fromkeys(wanted, _means(e))
    return {
        id: SightingState.LIVE
        if any(_same(artifact, other) for other in there.get(artifact.path, ()))
        else SightingState.GONE
        for id, artifact in wanted.items()
    }


def _same(one: Artifact, other: Artifact) -> bool:
    """The same content, by the best name that both have (a gated repository hides its hashes)."""
    for mine, theirs in (
        (one.git_oid, other.git_oid),
        (one.sha256, other.sha256),
        (one.xet, other.xet),
    ):
        if mine is not None and theirs is not None:
            return mine == theirs
    return one.size == other.size


def _means(error: HubError) -> SightingState:
    """What a refusal says of all that stood there."""
    match error:
        case HubMissing():
            return SightingState.GONE
        case HubDisabled():
            return SightingState.DISABLED
        case HubAuth() | HubBusy() | HubGarbage():
            return SightingState.UNREACHABLE
        case _:
            return SightingState.UNREACHABLE


def _ref(known: _Known) -> str:
    return known.artifact.ref or ""
