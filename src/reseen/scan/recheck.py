"""Revisits known sightings: whether the same content still stands where it was seen.

What comes in: a store, a hub, which sightings. What goes out: their states in the store, and what
changed. Costs two calls of the API a repository and reads no file. It promises to call nothing
gone before two answers that said so, and that a hub which is away makes nothing gone. A repository
that has another name is the same one. Where a stranger is refused without a reason, that is gone
after two such answers a day apart, if the hub showed another repository in the same minute.

What only a token with access saw can be gone by that token's word alone.

"Where it was seen" is a ref and a path: a file deleted on main is gone from there. What was seen in
the history only is looked for at its own commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

from sqlalchemy import Connection

from reseen.errors import (
    FileError,
    HubAuth,
    HubBusy,
    HubDisabled,
    HubError,
    HubGarbage,
    HubHidden,
    HubMissing,
    bulkhead,
)
from reseen.files.system_limits import memory_for_threads
from reseen.hubs.hub import BY_NAME, NOT_ALL_REFS, Hub, WantedRepositories
from reseen.observed import artifacts as seen
from reseen.observed import known_commits, sightings
from reseen.observed.parts_of_files import parts_of
from reseen.records import (
    Artifact,
    Repository,
    RepoType,
    Sighting,
    SightingState,
    archive_path,
)
from reseen.scan.archived import stands_in
from reseen.scan.stopping import on_signals, until
from reseen.store.database import Store

AT_ONCE = 16
"""Repositories asked about at the same time."""
GONE_AFTER = timedelta(days=1)
MINUTE = 60.0
CONTROLS = 3
"""Public repositories that are asked for at most, to see that the hub answers a caller like us."""


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
    repository_pk: int
    repository: Repository
    """As it was known."""
    files: tuple[Artifact, ...]
    """It, or the files that it consists of, where it is a model in several."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """What a hub said of one repository."""

    states: Sequence[SightingState]
    repository: Repository | None = None
    """As it is now, where the hub showed it."""
    hidden: bool = False
    """A stranger was refused without a reason, and would not have been before."""

    @classmethod
    def alike(
        cls,
        group: Sequence[_Known],
        state: SightingState,
        repository: Repository | None = None,
        *,
        hidden: bool = False,
    ) -> _Answered:
        return cls([state] * len(group), repository, hidden)


def recheck(
    store: Store,
    open_hub: Callable[[], Hub],
    which: sightings.SightingFilter | None = None,
    *,
    on_change: Callable[[Change], None] | None = None,
    gone_after: timedelta = GONE_AFTER,
) -> Rechecked:
    """Revisit sightings, the longest unseen first, in an event loop of its own; Ctrl-C stops it in
    order. `on_change` is called with each change once it is stored. `gone_after`: how long
    strangers must be refused before that means gone."""

    async def whole() -> Rechecked:
        stop = asyncio.Event()
        hub = open_hub()
        try:
            with on_signals(stop):
                return await revisit(
                    store, hub, which, on_change=on_change, stop=stop, gone_after=gone_after
                )
        finally:
            await hub.close()

    with memory_for_threads():
        return asyncio.run(whole())


async def revisit(
    store: Store,
    hub: Hub,
    which: sightings.SightingFilter | None = None,
    *,
    most: int | None = None,
    on_change: Callable[[Change], None] | None = None,
    stop: asyncio.Event | None = None,
    gone_after: timedelta = GONE_AFTER,
) -> Rechecked:
    """As `recheck`, inside a running loop; `most`: sightings at most."""
    loop = asyncio.get_running_loop()
    stop = stop or asyncio.Event()
    states: dict[SightingState, int] = {}
    changes: list[Change] = []
    with ThreadPoolExecutor(1, thread_name_prefix="reseen-store") as thread:
        groups = await loop.run_in_executor(thread, _load, store, hub.name, which, most)
        left = iter(groups)
        public = await loop.run_in_executor(thread, _public, store, hub.name, groups)
        control = _Control(hub, public)
        hidden_for = gone_after // timedelta(microseconds=1)

        async def asker() -> None:
            for group in left:
                came = await _asked(hub, group, control)
                stored = await loop.run_in_executor(thread, _store, store, group, came, hidden_for)
                for known, change in zip(group, stored, strict=True):
                    state = known.sighting.state if change is None else change.sighting.state
                    states[state] = states.get(state, 0) + 1
                    if change is not None:
                        changes.append(change)
                        if on_change:
                            on_change(change)

        stopped = await until(stop, [asker() for _ in range(AT_ONCE)])
    return Rechecked(sum(states.values()), states, tuple(changes), stopped)


def _load(
    store: Store, hub: str, which: sightings.SightingFilter | None, most: int | None
) -> list[list[_Known]]:
    """Sightings of this hub by repository, the longest unseen first."""
    which = replace(which or sightings.SightingFilter(withdrawn=False), hub=hub)
    with store.read() as connection:
        every = sorted(sightings.every(connection, which), key=lambda each: each.last_seen)[:most]
        pks = {each.id: sightings.artifact_pk(connection, each.id) for each in every}
        places = seen.repository_pks(connection, pks.values())
        of = known_commits.repositories_by_pk(connection, places.values())
        own_ids = known_commits.own_ids(connection, of)
        known = [
            _Known(
                each,
                seen.artifact(connection, pks[each.id]),
                (pk := places[pks[each.id]]),
                replace(of[pk], own_id=own_ids[pk]),
                _files(connection, pks[each.id]),
            )
            for each in every
        ]
    place: dict[tuple[RepoType, str], list[_Known]] = {}
    for each in known:
        place.setdefault((each.artifact.type, each.artifact.repo), []).append(each)
    return list(place.values())


def _files(connection: Connection, artifact_pk: int) -> tuple[Artifact, ...]:
    parts = parts_of(connection, artifact_pk)
    return tuple(seen.artifact(connection, pk) for pk in parts or (artifact_pk,))


def _public(store: Store, hub: str, groups: Sequence[Sequence[_Known]]) -> list[Repository]:
    """Repositories that a stranger could see, those that are not rechecked first."""
    asked = {group[0].repository.id for group in groups}
    with store.read() as connection:
        found = known_commits.public(connection, hub, 10 * CONTROLS)
    return sorted(found, key=lambda one: one.id in asked)


def _store(
    store: Store, group: Sequence[_Known], answered: _Answered, hidden_for: int
) -> list[Change | None]:
    changes: list[Change | None] = []
    with store.write() as connection:
        ended: set[str] = set()
        if answered.repository is not None and answered.repository.id != group[0].repository.id:
            ended = seen.move(connection, group[0].repository_pk, answered.repository.id)
        if answered.repository is not None:
            seen.repositories(connection, [answered.repository])
        for known, answer in zip(group, answered.states, strict=True):
            was = known.sighting.state
            if known.sighting.id in ended:
                state = SightingState.GONE
            else:
                state = sightings.answered(
                    connection,
                    known.sighting.id,
                    answer,
                    hidden_for=hidden_for if answered.hidden else None,
                )
            changed = state is not was
            changes.append(
                Change(sightings.by_id(connection, known.sighting.id), was) if changed else None
            )
    return changes


async def _asked(hub: Hub, group: Sequence[_Known], control: _Control) -> _Answered:
    """As `_ask`; an answer on which Reseen itself fails is none."""
    try:
        with bulkhead():
            return await _ask(hub, group, control)
    except FileError:
        return _Answered.alike(group, SightingState.UNREACHABLE)


async def _ask(hub: Hub, group: Sequence[_Known], control: _Control) -> _Answered:
    """What the hub says of each sighting of one repository."""
    known, type = group[0].repository, group[0].artifact.type
    try:
        repository = await hub.repository(type, known.id)
    except HubHidden:
        # What was never known to be open to strangers is hidden from them: no news.
        hidden = not known.private and await control.answers(known.id)
        return _Answered.alike(group, SightingState.UNREACHABLE, hidden=hidden)
    except HubMissing as e:
        return _Answered.alike(
            group, _means(e) if _would_see(hub, known) else SightingState.UNREACHABLE
        )
    except HubError as e:
        return _Answered.alike(group, _means(e))
    control.heard(repository)
    if not _is_the_same(known, repository):
        # The name leads to another repository: the one that was there is not there.
        return _Answered.alike(group, SightingState.GONE)
    if repository.disabled:
        return _Answered.alike(group, SightingState.DISABLED, repository)
    heads = {"main": repository.sha}
    all_heads = repository.sha is not None
    try:
        beside = any(k.artifact.ref not in (None, "main") for k in group)
        if hub.abilities.refs and (beside or repository.sha is None):
            revisions = await hub.refs(type, repository.id)
            heads |= {r.ref: r.commit for r in revisions.revisions if r.ref is not None}
            all_heads = not any(each.counted == NOT_ALL_REFS for each in revisions.problems)
    except HubMissing:
        # It is there, as it said a moment ago: what leads where in it is not known.
        return _Answered.alike(group, SightingState.UNREACHABLE, repository)
    except HubError as e:
        return _Answered.alike(group, _means(e), repository)
    answers: dict[str, SightingState] = {}
    for ref, some in groupby(sorted(group, key=_ref), key=_ref):
        of_ref = list(some)
        for commit in {heads.get(ref) if ref else k.artifact.revision for k in of_ref}:
            here = [k for k in of_ref if ref or k.artifact.revision == commit]
            if commit is None and not all_heads:  # nobody said that it leads nowhere
                # ... nor where: it may be listed by its name all the same.
                answers |= await _at(hub, repository.id, ref, ref, here, SightingState.UNREACHABLE)
            else:
                answers |= await _at(hub, repository.id, commit, ref or None, here)
    return _Answered([answers[known.sighting.id] for known in group], repository)


def _would_see(hub: Hub, known: Repository) -> bool:
    """Would the hub show it to us, if it were there? What is private is shown to some tokens: those
    that have seen it."""
    access = hub.abilities.access
    return not known.private or (access is not None and access == known.seen_as)


def _is_the_same(known: Repository, there: Repository) -> bool:
    """Is it the repository that was seen, whatever it is called now?"""
    if known.own_id is not None and there.own_id is not None:
        return known.own_id == there.own_id
    if known.id == there.id or None in (known.created_at, there.created_at):
        return known.id.lower() == there.id.lower()
    return known.created_at == there.created_at


async def _at(
    hub: Hub,
    repo: str,
    commit: str | None,
    ref: str | None,
    group: Iterable[_Known],
    missing: SightingState = SightingState.GONE,
) -> dict[str, SightingState]:
    """Is each content at its path in this commit, of a model in several files each of them? No
    commit: the ref is gone. `missing`: what it means that there is no such commit."""
    wanted = {known.sighting.id: known.files for known in group}
    if commit is None:
        return dict.fromkeys(wanted, SightingState.GONE)
    one = next(iter(wanted.values()))[0]
    there: dict[str, list[Artifact]] = {}
    paths = {_file_path(artifact) for files in wanted.values() for artifact in files}
    cut = False
    try:
        async for page in hub.list_files(one.type, repo, commit, ref):
            cut |= any(problem.counted not in (None, BY_NAME) for problem in page.problems)
            for artifact in page.artifacts:
                if artifact.path in paths:
                    there.setdefault(artifact.path, []).append(artifact)
    except HubMissing:
        return dict.fromkeys(wanted, missing)
    except HubError as e:
        return dict.fromkeys(wanted, _means(e))
    # A list that may be cut does not say what is not there.
    absent = SightingState.UNREACHABLE if cut else SightingState.GONE

    def state(artifact: Artifact) -> SightingState:
        others = there.get(_file_path(artifact), ())
        if any(_same(artifact, other) for other in others):
            return SightingState.LIVE
        return SightingState.GONE if others else absent

    worst_first = (SightingState.GONE, SightingState.UNREACHABLE, SightingState.LIVE)
    return {id: min(map(state, files), key=worst_first.index) for id, files in wanted.items()}


class _Control:
    """Does the hub answer a caller like us at all? A public repository is asked for in the same
    minute: where none answers, a refusal says nothing of the repository that was refused."""

    def __init__(self, hub: Hub, public: Sequence[Repository]) -> None:
        self._hub, self._public = hub, public
        self._heard = self._silent = -math.inf
        self._asking = asyncio.Lock()

    def heard(self, repository: Repository) -> None:
        """The hub showed us this one."""
        if not repository.private:
            self._heard = time.monotonic()

    async def answers(self, but: str) -> bool:
        """`but`: the repository that was refused."""
        async with self._asking:
            at = time.monotonic()
            if at - self._heard >= MINUTE > at - self._silent:
                return False
            if at - self._heard >= MINUTE and not await self._ask(but):
                self._silent = time.monotonic()
                return False
            return True

    async def _ask(self, but: str) -> bool:
        with contextlib.suppress(HubError):
            for each in [one for one in self._public if one.id != but][:CONTROLS]:
                if await self._shows(each):
                    return True
            if self._hub.abilities.lists:
                page = await self._hub.list_repositories(WantedRepositories(), None)
                for each in [one for one in page.repositories if one.id != but][:CONTROLS]:
                    if await self._shows(each):
                        return True
        return False

    async def _shows(self, one: Repository) -> bool:
        try:
            found = await self._hub.repository(one.type, one.id)
        except (HubAuth, HubMissing, HubDisabled):
            return False
        self.heard(found)
        return not found.private


def _same(one: Artifact, other: Artifact) -> bool:
    """The same content, by the best name that both have (a gated repository hides its hashes); of a
    file in an archive, the archive's."""
    if one.member:
        return stands_in(one, other)
    for mine, theirs in (
        (one.git_oid, other.git_oid),
        (one.sha256, other.sha256),
        (one.xet, other.xet),
    ):
        if mine is not None and theirs is not None:
            return mine == theirs
    return one.size == other.size


def _file_path(artifact: Artifact) -> str:
    """What the hub has a file by: of a file in an archive, the archive's."""
    return archive_path(artifact.path) if artifact.member else artifact.path


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
