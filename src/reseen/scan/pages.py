"""Pages of a scan's listings, asked for as long as it takes.

What comes in: a part of a scan's listing and where to go on. What goes out: the next page. A part
is a listing of the hub, a list of repositories by name, or the account of a match.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from reseen.errors import (
    HubBusy,
    HubError,
    HubGarbage,
    HubLacks,
    HubMissing,
    ReseenError,
    Unforeseen,
    bulkhead,
)
from reseen.hubs.hub import CUT, Hub, RepositoryPage, WantedRepositories
from reseen.records import Problem, Repository, RepoType
from reseen.scan.outage import HubOutage
from reseen.scan.outcomes import Listed
from reseen.scan.priorities import LACKED, NO_ACCOUNT, NO_REPOSITORY, NO_TYPE, HubListing
from reseen.scan.scan_rows import Part

AT_A_TIME = 32
"""Repositories of a list that are asked for by name at once."""
ATTEMPTS = 4
"""For a page that is garbage."""


class Pages:
    """Asks one hub for the pages of one scan."""

    def __init__(
        self, hub: Hub, parts: Sequence[HubListing], away: HubOutage, backoff: float
    ) -> None:
        self._hub, self._parts, self._away, self._backoff = hub, parts, away, backoff
        self._known: dict[str, Repository] = {}
        """What was looked up of the page that is asked for: it is not asked again after a wait."""
        self._unlisted: set[RepoType] = set()
        """Types of which nothing could be listed."""

    async def page(self, part: Part) -> Listed:
        """The next page of a part, however long the hub lets us wait."""
        garbage = 0
        while True:
            try:
                with bulkhead():
                    listed = await self._ask(part)
            except HubBusy as e:
                await self._away.wait(e)
                continue
            except (HubGarbage, Unforeseen) as e:
                garbage += 1
                if garbage < ATTEMPTS:
                    await asyncio.sleep(min(self._backoff * garbage, 5.0))
                    continue
                listed = self._ended(part, e)
            except HubError as e:
                listed = self._ended(part, e)
            self._away.answered()
            return listed

    def _ended(self, part: Part, error: ReseenError) -> Listed:
        """A list that cannot be had (any further): what its pages gave before is kept. Raises the
        error where nothing of what was asked for can be listed."""
        account: str | None
        if part.subject is not None:
            type, account = part.subject
        else:
            type, wanted = self._parts[part.number].type, self._parts[part.number].wanted
            account = wanted.author if wanted is not None else None
        types = {each.type for each in self._parts}
        lacks = isinstance(error, HubLacks) and (part.subject is not None or len(types) > 1)
        if part.cursor is not None:
            counted = CUT
        elif account is not None and not lacks:
            counted = NO_ACCOUNT
        else:
            self._unlisted.add(type)
            if part.subject is None and self._unlisted >= types:
                raise error
            counted, account = (LACKED if lacks else NO_TYPE)[type], None
        place = f"{self._hub.name}/{account or ''}".rstrip("/")
        reason = f"the rest of a list could not be had: {error}" if part.cursor else str(error)
        why = Problem(place, reason, error.remedy, counted)
        return Listed(part, RepositoryPage((), None, (why,)))

    async def _ask(self, part: Part) -> Listed:
        if part.subject is not None:
            return Listed(part, await self._listed(WantedRepositories(*part.subject), part.cursor))
        listing = self._parts[part.number]
        if listing.wanted is not None and not self._hub.abilities.lists:
            raise HubMissing(
                "this hub does not list its repositories", remedy="Name those to look at."
            )
        if listing.wanted is not None:
            return Listed(part, await self._listed(listing.wanted, part.cursor))
        start = int(part.cursor or 0)
        some = listing.repos[start : start + AT_A_TIME]
        answers = await asyncio.gather(*(self._ask_one(listing.type, repo) for repo in some))
        end = start + AT_A_TIME
        return Listed(
            part,
            RepositoryPage(
                tuple(each for each in answers if isinstance(each, Repository)),
                str(end) if end < len(listing.repos) else None,
                tuple(each for each in answers if isinstance(each, Problem)),
            ),
        )

    async def _listed(self, wanted: WantedRepositories, cursor: str | None) -> RepositoryPage:
        """A page of the hub's list. Where that says of no repository how it stands, each is looked
        up: some hubs list no commits."""
        page = await self._hub.list_repositories(wanted, cursor)
        open_ones = [each for each in page.repositories if not each.disabled]
        if not open_ones or any(each.sha for each in open_ones):
            return page
        for start in range(0, len(open_ones), AT_A_TIME):
            some = [
                each for each in open_ones[start : start + AT_A_TIME] if each.id not in self._known
            ]
            answers = await asyncio.gather(*(self._ask_one(each.type, each.id) for each in some))
            for each, answer in zip(some, answers, strict=True):
                self._known[each.id] = each if isinstance(answer, Problem) else answer
        found = [self._known.get(each.id, each) for each in page.repositories]
        self._known.clear()
        if wanted.since is not None:
            since = wanted.since
            found = [r for r in found if r.modified_at is None or r.modified_at >= since]
        return replace(page, repositories=tuple(found))

    async def _ask_one(self, type: RepoType, repo: str) -> Repository | Problem:
        try:
            with bulkhead():
                found = await self._hub.repository(type, repo)
                return found if found.sha or found.disabled else await self._at_main(found)
        except HubBusy:
            raise
        except ReseenError as e:
            return Problem(f"{self._hub.name}/{repo}", str(e), e.remedy, NO_REPOSITORY)

    async def _at_main(self, repository: Repository) -> Repository:
        """With its last commit as the refs say it. Where they say nothing either, with the name of
        its main line: its files may be listed by that."""
        if not self._hub.abilities.refs:
            return repository
        try:
            found = await self._hub.refs(repository.type, repository.id)
        except HubBusy:
            raise
        except HubError:
            return replace(repository, sha="main")
        commits = (each.commit for each in found.revisions if each.ref == "main")
        unsaid = None if found.revisions or not found.problems else "main"
        return replace(repository, sha=next(commits, unsaid))
