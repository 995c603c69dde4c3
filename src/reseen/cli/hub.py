"""Options that every verb about a hub has, and what they mean as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reseen.errors import InputError
from reseen.records import RepoType
from reseen.settings import Settings, check_endpoint

if TYPE_CHECKING:
    from reseen.hubs.hub import Hub
    from reseen.scan.target import Options, Target

F = TypeVar("F", bound=Callable[..., Any])

_MOST_REPOS = 1_000_000
_LONGEST_LINE = 512


def endpoint_option(command: F) -> F:
    return click.option("--endpoint", metavar="URL", help="The Hub's address (HF_ENDPOINT).")(
        command
    )


def target_options(command: F) -> F:
    """What to look at."""
    for option in reversed(
        (
            click.argument("repos", metavar="[OWNER/NAME]...", nargs=-1),
            click.option("--author", multiple=True, metavar="ACCOUNT", help="All of an account."),
            click.option(
                "--repos",
                "repos_file",
                type=click.Path(dir_okay=False, path_type=Path),
                help="A file with one OWNER/NAME a line.",
            ),
            click.option(
                "--since",
                metavar="WHEN",
                help="What was created or modified since: a date (2026-11-01) or an age (7d, 12h).",
            ),
            click.option("--all", "everything", is_flag=True, help="The whole hub."),
            types_option,
        )
    ):
        command = option(command)
    return command


def types_option(command: F) -> F:
    return click.option(
        "--types",
        default="models",
        show_default=True,
        metavar="LIST",
        help="Of models, datasets, spaces; separated by commas.",
    )(command)


def depth_options(command: F) -> F:
    """How far to go."""
    for option in reversed(
        (
            click.option(
                "--confirm",
                type=click.Choice(["none", "header", "full"]),
                default="header",
                show_default=True,
                help="How far to check a match by reading: not at all, its header, or all bytes.",
            ),
            click.option(
                "--refs", is_flag=True, help="Also branches, tags, pull-request refs and history."
            ),
            click.option("--no-follow", is_flag=True, help="Do not walk on from a sighting."),
            click.option(
                "--max-bytes",
                default="64GB",
                show_default=True,
                metavar="SIZE",
                help="Bytes of files that the scan may read in all: 500MB, 64GB.",
            ),
            click.option(
                "--background",
                default=64,
                show_default=True,
                type=click.IntRange(0),
                help="Strangers that are read for their sketch, to calibrate p-values.",
            ),
        )
    ):
        command = option(command)
    return command


def open_hugging_face(settings: Settings, endpoint: str | None) -> Callable[[], Hub]:
    """What opens the Hub; the token goes along only where it may."""
    from reseen.hubs import kinds

    hub = kinds.hub_named("huggingface", settings)
    if endpoint is not None:
        hub = replace(hub, endpoint=endpoint.rstrip("/"))
        check_endpoint(hub.endpoint, "--endpoint")
    return lambda: kinds.open_hub(hub)


def target_of(
    repos: Sequence[str],
    author: Sequence[str],
    repos_file: Path | None,
    since: str | None,
    everything: bool,
    types: str,
) -> Target:
    """Raises InputError when nothing was named, or too much."""
    from reseen.scan.target import Target

    named = [*repos, *(_lines(repos_file) if repos_file else [])]
    for repo in named:
        if repo.count("/") != 1 or repo != repo.strip() or not all(repo.split("/")):
            raise InputError(
                f"{repo[:80]!r} is no repository's name",
                remedy="Write OWNER/NAME, without the hub's address; or --author ACCOUNT.",
            )
    if everything and (named or author):
        raise InputError("--all and single repositories exclude each other")
    if not (named or author or since or everything):
        raise InputError(
            "nothing to scan was named",
            remedy="Name repositories, or give --author, --repos, --since or --all.",
        )
    return Target(
        types=types_of(types),
        repos=tuple(named),
        authors=tuple(author),
        since=instant(since) if since else None,
        everything=everything,
    )


def options_of(
    confirm: str, refs: bool, no_follow: bool, max_bytes: str, background: int
) -> Options:
    """Raises InputError for a size that is none."""
    from reseen.scan.target import Confirm, Options

    return Options(
        confirm=Confirm(confirm),
        refs=refs,
        follow=not no_follow,
        max_scan_bytes=byte_count(max_bytes),
        background=background,
    )


def byte_count(given: str) -> int:
    """ "500MB" as bytes, in powers of 1,000. Raises InputError."""
    text = given.strip().upper().removesuffix("B")
    scale = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(text[-1:], 1)
    digits = text[:-1] if scale > 1 else text
    if not digits.isascii() or not digits.isdigit() or len(digits) > 12:
        raise InputError("--max-bytes is no size", remedy="Use something like 500MB or 64GB.")
    return int(digits) * scale


def types_of(given: str) -> tuple[RepoType, ...]:
    """ "models,datasets" as types. Raises InputError."""
    known = {**{t.value: t for t in RepoType}, **{f"{t.value}s": t for t in RepoType}}
    words = [word.strip().lower() for word in given.split(",") if word.strip()]
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        raise InputError(
            "--types names something unknown", remedy="Use models, datasets, spaces; with commas."
        )
    return tuple(dict.fromkeys(known[word] for word in words))


def instant(given: str) -> datetime:
    """A date, an instant, or an age ("7d", "12h"). Raises InputError."""
    text = given.strip()
    unit = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
    try:
        if text[-1:].lower() in unit and text[:-1].isdigit():
            return (
                datetime.now(UTC).replace(microsecond=0) - int(text[:-1]) * unit[text[-1].lower()]
            )
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InputError(
            "--since is neither a date nor an age", remedy="Use 2026-11-01, or 7d, or 12h."
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as lines:
            found: list[str] = []
            for line in lines:
                word = line.split("#", 1)[0].strip()
                if len(line) > _LONGEST_LINE or len(found) >= _MOST_REPOS:
                    raise InputError("--repos holds too long a line, or too many")
                if word:
                    found.append(word)
            return found
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(
            "--repos cannot be read", remedy="Give a text file with one OWNER/NAME a line."
        ) from e
