"""Asks an OpenID provider over HTTP, in bounds. What comes in: an address of its metadata. What
goes out: the JSON object that it answered with.

Each answer comes within `PATIENCE` and has at most `MOST` bytes, which are read as they are: one
that is packed is refused, since it could become any number. No redirect is followed: it would carry
a secret elsewhere. At most `TURNS` ask at once, and no more than `SEATS` ask or wait for their
turn, so that a provider that is slow holds up few threads; when it did not answer, it is not asked
again for some seconds.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx2

from reseen.errors import IssuerError

PATIENCE = 8.0
MOST = 512 * 1024
TURNS = 4
SEATS = 2 * TURNS
PAUSE = 5.0
"""Seconds."""


class Answers:
    """The connections to one provider; threads may share it."""

    def __init__(self, transport: httpx2.BaseTransport | None = None) -> None:
        self._turns = threading.BoundedSemaphore(TURNS)
        self._seats = threading.BoundedSemaphore(SEATS)
        self._away_until = 0.0
        self._client = httpx2.Client(
            transport=transport,
            timeout=httpx2.Timeout(PATIENCE / 2),
            follow_redirects=False,
            headers={
                "User-Agent": "reseen",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._ask("GET", url, headers, None)

    def post(self, url: str, headers: Mapping[str, str], body: str) -> dict[str, Any]:
        return self._ask("POST", url, headers, body)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: str | None
    ) -> dict[str, Any]:
        """Raises IssuerError."""
        if time.monotonic() < self._away_until:
            raise _away()
        with self._turn():
            try:
                status, read = self._read(method, url, headers, body)
            except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, UnicodeError):
                self._away_until = time.monotonic() + PAUSE
                raise _away() from None
        if status >= 500:
            raise _away()
        if status != 200:
            raise IssuerError(
                "the sign-in provider refused what it was asked",
                remedy="Sign in again. If that comes back, look at the settings of this service "
                "there and here.",
            )
        try:
            said = json.loads(read)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise garbage()
        return said

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One of the few that may ask at a time. Raises IssuerError when none gets free."""
        slow = IssuerError(
            "the sign-in provider is slow, and others wait for it",
            remedy="Try again in a minute. A name and password of here work all the same.",
        )
        if not self._seats.acquire(blocking=False):
            raise slow
        try:
            if not self._turns.acquire(timeout=PATIENCE / 4):
                raise slow
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._seats.release()

    def _read(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: str | None
    ) -> tuple[int, bytes]:
        until = time.monotonic() + PATIENCE
        read = bytearray()
        with self._client.stream(
            method,
            url,
            headers=dict(headers or {}),
            content=None if body is None else body.encode(),
        ) as answer:
            if answer.headers.get("Content-Encoding", "identity").strip() not in ("", "identity"):
                raise garbage()
            for part in answer.iter_raw():
                read += part
                if len(read) > MOST:
                    raise garbage()
                if time.monotonic() > until:
                    raise TimeoutError
        return answer.status_code, bytes(read)


def garbage() -> IssuerError:
    """What is raised where an answer is not what OpenID Connect promises."""
    return IssuerError(
        "the sign-in provider's answer is not what it must be",
        remedy="Tell an administrator. A name and password of here work all the same.",
    )


def _away() -> IssuerError:
    return IssuerError(
        "the sign-in provider does not answer",
        remedy="Try again in a minute. A name and password of here work all the same.",
    )
