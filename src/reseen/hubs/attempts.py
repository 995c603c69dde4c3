"""One call tried again while there is hope: what fails in passing is asked once more, not for ever.

What comes in: an attempt, which raises `AttemptFailed` where another one may do better. What goes
out: its answer; or the `reseen.errors.HubError` that the last failure means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from reseen.errors import HubError
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.quota import LONGEST

T = TypeVar("T")

AT_FIRST = 3
"""Attempts to reach a hub that never answered: its address may be wrong."""

_BACKOFF = wait_exponential(multiplier=0.5, max=30.0) + wait_random(0.0, 0.5)


class AttemptFailed(Exception):
    """This attempt failed in a way that another may not."""

    def __init__(self, final: HubError, after: float | None = None, most: int = 1000) -> None:
        super().__init__()
        self.final = final
        """What to raise when patience is at its end."""
        self.after = after
        """Seconds to wait first, where the hub said so (the quota waits by itself)."""
        self.most = most
        """Attempts at most."""


class Attempts:
    """How often and how long one hub is tried, by its options."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self.answered = False
        """The hub has answered something, ever."""

    async def persist(self, attempt: Callable[[], Awaitable[T]], attempts: int | None = None) -> T:
        """Try again while there is hope and patience; then raise what the last failure means."""
        failed: list[AttemptFailed] = []
        try:
            return await attempt()  # most answers come so, and need nothing of what follows
        except AttemptFailed as again:
            failed.append(again)

        async def next_attempt() -> T:
            if failed:
                raise failed.pop()
            return await attempt()

        failed_at: float | None = None
        usual = min(self._options.attempts, attempts or self._options.attempts)

        def enough(state: RetryCallState) -> bool:
            nonlocal failed_at
            now = self._options.clock()
            failed_at = now if failed_at is None else failed_at
            most = min(usual, _failure_of(state).most)
            if not self.answered:
                most = min(most, AT_FIRST)
            return state.attempt_number >= most or now - failed_at > self._options.patience

        def pause(state: RetryCallState) -> float:
            after = _failure_of(state).after
            return _BACKOFF(state) if after is None else min(after, LONGEST)

        retrying = AsyncRetrying(
            sleep=self._options.sleep,
            stop=enough,
            wait=pause,
            retry=retry_if_exception_type(AttemptFailed),
            reraise=True,
        )
        try:
            return await retrying(next_attempt)
        except AttemptFailed as again:
            raise again.final from None


def _failure_of(state: RetryCallState) -> AttemptFailed:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, AttemptFailed)
    return error
