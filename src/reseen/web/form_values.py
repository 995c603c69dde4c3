"""Turns what people and hubs name in a request into values that a scan may be given.

What comes in: foreign text. What goes out: names of accounts and repositories in the Hub's own
alphabet, instants, numbers; or an InputError that does not repeat what was given. No request says
where a scan goes: that is a hub of the settings, and an address only names a repository there.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Form
from pydantic import AfterValidator

from reseen.errors import InputError
from reseen.hubs.meant import repository_named
from reseen.operations.schedules import check_every
from reseen.records import RepoType
from reseen.scan.target import Confirm
from reseen.settings import HubSettings

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?")
_AGE = re.compile(r"(\d{1,5})\s*([dhm])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def line_feeds(text: str) -> str:
    """The text with lines that end as ours do: browsers send CR and LF for each."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


OF_LINES = AfterValidator(line_feeds)
"""Of a field into which lines are typed."""
Text = Annotated[str, Form(max_length=20_000), OF_LINES]
"""A field for a reason, a note or a comment."""


def account(text: str) -> str:
    """One account's name. Raises InputError."""
    text = text.strip()
    if _NAME.fullmatch(text) is None or ".." in text:
        raise InputError(
            "this is no account's name", remedy="Write it as the hub does, without its address."
        )
    return text


def repository(text: str) -> str:
    """ "owner/name", or the bare name of an old repository. Raises InputError."""
    parts = text.strip().split("/")
    if len(parts) > 2 or any(_NAME.fullmatch(part) is None or ".." in part for part in parts):
        raise InputError(
            "this is no repository's name",
            remedy="Write OWNER/NAME, or copy the address of its page.",
        )
    return "/".join(parts)


def repository_at(word: str, hub: HubSettings) -> tuple[str, RepoType | None]:
    """One by its name or by its page's address at this hub, with the type that this says. Raises
    InputError."""
    try:
        named = repository_named(word, hub)
    except InputError:
        what = "address of a repository at this hub" if "://" in word else "repository's name"
        raise InputError(
            f"this is no {what}", remedy="Write OWNER/NAME, or copy the address of its page."
        ) from None
    return repository(named.repo), named.type


def since(text: str) -> datetime | None:
    """A date, an instant, or an age ("7d", "12h"); None for nothing. Raises InputError."""
    text = text.strip()
    if not text:
        return None
    try:
        age = _AGE.fullmatch(text.lower())
        if age is not None:
            return datetime.now(UTC).replace(microsecond=0) - int(age[1]) * _UNITS[age[2]]
        when = datetime.fromisoformat(text[:40])
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(
            "this is neither a date nor an age", remedy="Use 2026-11-01, or 7d, or 12h."
        ) from None


def period(number_given: str, unit: str) -> int | None:
    """Seconds of so many hours or days; None for nothing. Raises InputError."""
    count = number(number_given, "how often")
    if count is None:
        return None
    size = {"hours": 3_600, "days": 86_400}.get(unit)
    if size is None:
        raise InputError("this is no unit of time", remedy="Give a number of hours or days.")
    return check_every(count * size)


def types(given: list[str]) -> list[RepoType]:
    """Kinds of repository; models when nothing is ticked. Raises InputError."""
    try:
        return list(dict.fromkeys(RepoType(word) for word in given)) or [RepoType.MODEL]
    except ValueError:
        raise InputError("this is no kind of repository") from None


def confirm(given: str) -> Confirm:
    """Raises InputError."""
    try:
        return Confirm(given)
    except ValueError:
        raise InputError("this is no way of checking a match") from None


def number(given: str, what: str) -> int | None:
    """A whole number from a field; None for nothing. Raises InputError."""
    given = given.strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 15):
        raise InputError(f"{what} is no whole number")
    return int(given)
