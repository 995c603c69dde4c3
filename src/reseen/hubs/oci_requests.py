"""Requests to an OCI registry: refused first, then let in by a token where it hands one out.

What comes in: a path, and what it is asked for (a scope). What goes out: answers; where the next
page of a list is, and why there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from reseen.errors import HubAuth, HubBusy, HubError, HubGarbage
from reseen.hubs.http import Http, HubResponse
from reseen.hubs.hub import CUT
from reseen.hubs.oci_tokens import Tokens
from reseen.records import Problem

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 8


class OciRequests:
    """Those to one registry."""

    def __init__(self, http: Http, tokens: Tokens) -> None:
        self._http, self._tokens = http, tokens

    async def json(
        self, path: str, query: str, scope: str, headers: Mapping[str, str] | None = None
    ) -> HubResponse:
        """An answer of the API; once more with a token where the registry wants one for that."""

        async def ask() -> HubResponse:
            told = {**(headers or {}), **self._tokens.headers(scope)}
            return await self._http.json(path, query, headers=told)

        return await self.let_in(scope, ask)

    async def let_in(self, scope: str, ask: Callable[[], Awaitable[T]]) -> T:
        """What is asked; once more with a token where the registry wants one for it."""
        try:
            return await ask()
        except HubAuth as e:
            await self._tokens.answered(scope, e)
        return await ask()


async def each_of(
    work: Callable[[T], Awaitable[R]], given: Sequence[T]
) -> AsyncIterator[tuple[T, R | HubError]]:
    """What comes of work on each of these, a few at a time. An error is what comes of that one:
    that the hub has troubles with it, too (500). Raises HubBusy where the hub itself is busy, or
    does not answer."""

    async def one(each: T) -> R | HubError:
        try:
            return await work(each)
        except HubBusy as e:
            if e.answered and e.unexplained:
                return e
            raise
        except HubError as e:
            return e

    for start in range(0, len(given), AT_ONCE):
        some = given[start : start + AT_ONCE]
        for each, came in zip(some, await asyncio.gather(*map(one, some)), strict=True):
            yield each, came


def following_of(answer: HubResponse, where: str) -> tuple[str | None, list[Problem]]:
    """The query of the next page. A link that leads nowhere ends the list, and is said."""
    try:
        return answer.following(), []
    except HubGarbage as e:
        return None, [ends_early(where, e)]


def ends_early(where: str, why: object) -> Problem:
    return Problem(where, f"a list ends early: {why}", counted=CUT)
