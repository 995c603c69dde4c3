"""The one search box: what somebody typed, whatever it is, to what the store knows of it.

What comes in: one text. What goes out: a `SearchAnswer`, in groups, each bounded, with what was not
searched and why; nothing of the text stands in it. Names and links are looked for by reviewers
alone, over the keyed index: that is recorded, without what was typed, and bounded as revealing is.
For everybody else nothing that is sealed is asked, so that neither the answer nor the time it takes
tells whether a name is listed. Short digests and beginnings of digests are recorded and bounded for
everybody: who could try many would read the registry's digests out, digit by digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.errors import InputError, NotFound
from reseen.hubs.kinds import stored_name
from reseen.hubs.meant import account_named, repository_named
from reseen.observed import hubs_seen, sightings
from reseen.operations import jobs
from reseen.records import Removal
from reseen.registry import known_lists, lookup, removals
from reseen.registry.known_lists import NamedList
from reseen.review import cases, name_rate, notice_read, places
from reseen.review.places import KnownAccount, KnownRepository
from reseen.review.roles import Role, Who
from reseen.settings import HubSettings
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.sealing import Keyring

LONGEST = 4_096
"""Characters that may be typed."""
MOST = 20
"""Hits of each group."""

_ID = re.compile(r"(rm|cs|sg|nt|jb)-[0-9a-z]{4,20}(?:/[0-9]{1,6})?\Z")
WHAT = {"rm": "removal", "cs": "case", "sg": "sighting", "nt": "notice", "jb": "scan"}
"""What an id is of, by how it begins."""

FOR_REVIEWERS = "Names and links: reviewers may search by them, and it is recorded."
NO_KEY = "Names and links: they are sealed, and the key is not here."
ONLY_CASES = "Accounts without a case, and parts of names."


@dataclass(frozen=True, slots=True)
class RemovalHit:
    """A removal that was found by a digest, a name or a link."""

    removal: Removal
    how: tuple[str, ...]
    """What matched, never a sealed value: "its name", "the first 10 digits of its sha256"."""
    cases: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What was found."""

    leads_to: tuple[str, str] | None = None
    """The one thing that an id names: what it is (`WHAT`), and its id."""
    unknown: str | None = None
    """What the id would be of, where there is nothing of that id."""
    removals: tuple[RemovalHit, ...] = ()
    repositories: tuple[KnownRepository, ...] = ()
    accounts: tuple[KnownAccount, ...] = ()
    lists: tuple[NamedList, ...] = ()
    more: bool = False
    """There were more removals than `MOST`."""
    not_searched: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        return bool(self.removals or self.repositories or self.accounts or self.lists)


def search(
    store: Store, keyring: Keyring | None, hubs: Sequence[HubSettings], query: str, who: Who
) -> SearchAnswer:
    """Everything that the text names. Raises Conflict where this person searched by name too often,
    and StoreError where that cannot be recorded."""
    query = query.strip()[:LONGEST].replace("\0", "")
    if not query:
        return SearchAnswer()
    id = query.lower()
    if _ID.match(id):
        with store.read() as connection:
            return _by_id(connection, id)
    key = keyring if who.role >= Role.REVIEWER else None
    by_part = lookup.is_part_of_digest(query)
    with store.read() as connection:
        if key is not None or by_part:  # before anything is looked for: a refusal tells nothing
            name_rate.check(connection, who)
        named = lookup.removals_named(connection, key, query, most=MOST)
        counts = places.case_counts(connection, list(named.how))
        hits = tuple(
            RemovalHit(removal, how, counts.get(pk, 0))
            for removal, (pk, how) in zip(
                removals.by_pks(connection, named.how), named.how.items(), strict=True
            )
        )
        repos, accounts = _places(connection, hubs, query)
        lists = known_lists.lists_called(connection, query, most=MOST)
    if named.by_name or by_part:
        with store.write() as connection:
            name_rate.check(connection, who)
            about = hits[0].removal.id if len(hits) == 1 else "*"
            audit.write(
                connection,
                name_rate.SEARCH,
                about,
                actor=who.actor,
                by="name" if named.by_name else "digest",
                removals=len(named.how),
            )
    left = NO_KEY if who.role >= Role.REVIEWER else FOR_REVIEWERS
    return SearchAnswer(
        removals=hits,
        repositories=tuple(repos),
        accounts=tuple(accounts),
        lists=tuple(lists),
        more=named.more,
        not_searched=(*((left,) if named.left_out else ()), ONLY_CASES),
    )


def _by_id(connection: Connection, given: str) -> SearchAnswer:
    """Whoever writes an id means that one."""
    id = given.partition("/")[0]
    kind = WHAT[id[:2]]
    try:
        if kind == "sighting":
            removal = sightings.by_id(connection, id).removal
            case = places.case_of_sighting(connection, id)
            return SearchAnswer(("removal", removal) if case is None else ("case", case))
        of_kind: dict[str, Callable[[], str]] = {
            "removal": lambda: removals.by_id(connection, id).id,
            "case": lambda: str(cases.row(connection, id).id),
            "notice": lambda: str(notice_read.own_row(connection, id).id),
            "scan": lambda: jobs.by_id(connection, id).id,
        }
        return SearchAnswer((kind, of_kind[kind]()))
    except NotFound:
        return SearchAnswer(unknown=kind)


def _places(
    connection: Connection, hubs: Sequence[HubSettings], query: str
) -> tuple[list[KnownRepository], list[KnownAccount]]:
    """Repositories and accounts that are called so, as each hub's own addresses read it."""
    known = hubs_seen.hubs(connection)
    repos: list[KnownRepository] = []
    accounts: list[KnownAccount] = []
    read = [(stored_name(hub), hub) for hub in hubs]
    if "://" not in query:  # a hub that the settings no longer name has no addresses of its own
        called = {name for name, _ in read}
        others = [name for name in known if name not in called]
        repos += places.repositories(connection, others, [query], most=MOST)
        accounts += places.accounts(connection, others, query, most=MOST)
    for name, hub in read:
        with suppress(InputError):
            named = repository_named(query, hub)
            names = [named.repo]
            if named.own_id is not None:
                names += places.called(connection, name, named.own_id)
            repos += places.repositories(connection, [name], names, most=MOST)
        with suppress(InputError):
            account = account_named(query, hub)
            accounts += places.accounts(connection, [name], account, most=MOST)
    return repos[:MOST], accounts[:MOST]
