"""Pages of a scan's listings, asked for as long as it takes.

What comes in: a part of a scan's listing and where to go on. What goes out: the next page. A part
is a listing of the hub, a list of repositories by name, or the account of a match.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reseen.errors import (
    HubBusy,
    HubError,
    HubGarbage,
    HubMissing,
    ReseenError,
    Unforeseen,
    bulkhead,
)
from reseen.hubs.hub import CUT, Hub, RepositoryPage, WantedRepositories
from reseen.records import Problem, Repository, RepoType
from reseen.scan.outage import HubOutage
from reseen.scan.outcomes import Listed
from reseen.scan.priorities import NO_ACCOUNT, NO_REPOSITORY, HubListing
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

    async def page(self, part: Part) -> Listed:
        """The next page of a part, however long the hub lets us wait."""
        garbage = 0
        while True:
            try:
                with bulkhead():
                    listed = await self._ask(part)
            except HubBusy:
                await self._away.wait()
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
        error where not even the first page of what was asked for came."""
        if part.subject is not None:
            where, counted = part.subject[1], NO_ACCOUNT
        elif (wanted := self._parts[part.number].wanted) is not None and wanted.author is not None:
            where, counted = wanted.author, NO_ACCOUNT
        elif part.cursor is not None:
            where, counted = "", CUT
        else:
            raise error
        place = f"{self._hub.name}/{where}".rstrip("/")
        reason = f"the rest of a list could not be had: {error}" if part.cursor else str(error)
        why = Problem(place, reason, error.remedy, CUT if part.cursor else counted)
        return Listed(part, RepositoryPage((), None, (why,)))

    async def _ask(self, part: Part) -> Listed:
        if part.subject is not None:
            wanted = WantedRepositories(*part.subject)
            return Listed(part, await self._hub.list_repositories(wanted, part.cursor))
        listing = self._parts[part.number]
        if listing.wanted is not None and not self._hub.abilities.lists:
            raise HubMissing(
                "this hub does not list its repositories", remedy="Name those to look at."
            )
        if listing.wanted is not None:
            return Listed(part, await self._hub.list_repositories(listing.wanted, part.cursor))
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

    async def _ask_one(self, type: RepoType, repo: str) -> Repository | Problem:
        try:
            with bulkhead():
                return await self._hub.repository(type, repo)
        except HubBusy:
            raise
        except ReseenError as e:
            return Problem(f"{self._hub.name}/{repo}", str(e), e.remedy, NO_REPOSITORY)
