"""Hubs, and what to look at there: options that several verbs have, and their meaning as values."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reseen.cli.common import json_option, look_into, quiet_option, settings_for
from reseen.cli.lazy import LazyGroup
from reseen.errors import InputError, StoreMissing
from reseen.records import RepoType
from reseen.settings import HubSettings, Settings, check_endpoint

if TYPE_CHECKING:
    from reseen.hubs.hub import Hub
    from reseen.registry.never_read import NeverRead
    from reseen.scan.remote import RemoteFile
    from reseen.scan.target import Options, Target
    from reseen.store.database import Store

F = TypeVar("F", bound=Callable[..., Any])

HUB = "HUB"
"""How help and docs write the name of any hub."""

_MOST_REPOS = 1_000_000
_LONGEST_LINE = 512


class HubGroup(LazyGroup):
    """Verbs of which one, `HUB`, is run by the name of any hub."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, HUB)


def as_value(
    name: str, make: Callable[..., Any], *options: Callable[[Any], Any]
) -> Callable[[F], F]:
    """These options together are one parameter of the verb, `name`: what `make` makes of them."""
    taken = tuple(inspect.signature(make).parameters)

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def verb(**given: Any) -> Any:
            value = make(**{each: given.pop(each) for each in taken})
            return command(**given, **{name: value})

        decorated: Any = verb
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


@dataclass(frozen=True, slots=True)
class Output:
    """How results are shown."""

    as_json: bool
    quiet: bool

    @property
    def silent(self) -> bool:
        """Nothing but results and errors."""
        return self.as_json or self.quiet


@dataclass(frozen=True, slots=True)
class TargetGiven:
    """What to look at, as it was given."""

    repos: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    repos_file: Path | None = None
    since: str | None = None
    everything: bool = False
    types: str | None = None


def endpoint_option(command: F) -> F:
    return click.option(
        "--endpoint", metavar="URL", help="The hub's address, instead of the one in the settings."
    )(command)


def types_option(command: F) -> F:
    return click.option(
        "--types",
        metavar="LIST",
        help="Of models, datasets, spaces; separated by commas. Default: models.",
    )(command)


def target_options(command: F) -> F:
    """What to look at: the verb's `given`."""
    return as_value(
        "given",
        TargetGiven,
        click.argument("repos", metavar="[OWNER/NAME]...", nargs=-1),
        click.option("--author", multiple=True, metavar="ACCOUNT", help="Scan all of an account."),
        click.option(
            "--repos",
            "repos_file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="A file with one OWNER/NAME, or address, a line.",
        ),
        click.option(
            "--since",
            metavar="WHEN",
            help="What was created or modified since: a date (2026-11-01) or an age (7d, 12h).",
        ),
        click.option("--all", "everything", is_flag=True, help="The whole hub."),
        types_option,
    )(command)


def depth_options(command: F) -> F:
    """How far to go: the verb's `options`."""
    return as_value(
        "options",
        options_of,
        click.option(
            "--confirm",
            type=click.Choice(["none", "header", "full"]),
            default="header",
            show_default=True,
            help="How much of a match to read to confirm it: nothing, its header, or all bytes.",
        ),
        click.option(
            "--refs", is_flag=True, help="Also scan branches, tags, pull requests and history."
        ),
        click.option(
            "--no-follow",
            is_flag=True,
            help="Do not scan the account's other repositories after a sighting.",
        ),
        click.option(
            "--max-bytes",
            default="64GB",
            show_default=True,
            metavar="SIZE",
            help="The most that the scan may read of files in all: 500MB, 64GB.",
        ),
        click.option(
            "--background",
            default=64,
            show_default=True,
            type=click.IntRange(0),
            help="Unrelated adapters to read in full (at most) to calibrate p-values.",
        ),
    )(command)


def output_options(command: F) -> F:
    """How results are shown: the verb's `output`."""
    return as_value("output", Output, json_option, quiet_option)(command)


def hub_named(
    name: str, settings: Settings, endpoint: str | None = None, *, others: Sequence[str] = ()
) -> HubSettings:
    """The hub of this name, at `--endpoint` where that was given. `others`: names that the verb
    knows besides. Raises InputError, which lists the names."""
    from reseen.hubs import meant

    hub = meant.hub_named(name, settings, others=others)
    if endpoint is None:
        return hub
    check_endpoint(endpoint, "--endpoint")
    return replace(hub, endpoint=endpoint.strip().rstrip("/"), said_by="--endpoint")


def hubs_in_use(settings: Settings, store: Store) -> tuple[HubSettings, ...]:
    """The hubs that somebody chose, and of the others those at which anything was seen."""
    from reseen.hubs.kinds import stored_name
    from reseen.observed.hubs_seen import hubs

    with store.read() as connection:
        seen = hubs(connection)
    return tuple(each for each in settings.hubs if each.is_chosen or stored_name(each) in seen)


def opener(hub: HubSettings, store: Store | None = None) -> Callable[[], Hub]:
    """What opens the hub inside a loop; the token goes along only where it may. `store`: its quota
    is shared with all who use that."""
    from reseen.hubs.kinds import open_hub, stored_name
    from reseen.scan.shared_windows import StoreWindows

    if store is None:
        return lambda: open_hub(hub)
    return lambda: open_hub(hub, StoreWindows(store, stored_name(hub)))


def remote_file(given: str, endpoint: str | None) -> tuple[Callable[[], Hub], RemoteFile] | None:
    """The file at a hub that an address names, and what opens that hub; None for a path on disk.
    Raises InputError."""
    if not is_address(given):
        return None
    from reseen.hubs import meant
    from reseen.scan.remote import remote_file

    found = meant.hub_of(given, Settings.from_environment())
    if found is None:
        raise InputError(f"{given[:200]}: no hub has this address", remedy=_REMOTE)
    hub, named = found
    return opener(hub_named(hub.name, Settings.from_environment(), endpoint)), remote_file(named)


def never_read(db: str | None = None) -> NeverRead:
    """The files of which nothing is read, as the registry here (`db`, or that of the settings)
    knows them; where there is none, nothing is known."""
    from reseen.registry.never_read import NOTHING, load

    try:
        with look_into(settings_for(db)) as store, store.read() as connection:
            return load(connection)
    except StoreMissing:
        return NOTHING


def repo_of(given: str | None, settings: Settings) -> str | None:
    """The repository that a person named, by its name or its address. Raises InputError."""
    if given is None:
        return None
    from reseen.hubs.meant import hub_of, repository_named

    if not is_address(given):
        return repository_named(given, settings.hubs[0]).repo
    found = hub_of(given, settings)
    if found is not None:
        return found[1].repo
    if given.startswith("hf://"):
        return repository_named(given, settings.hubs[0]).repo
    raise InputError(f"{given[:200]}: no hub has this address", remedy=_REPOSITORY)


def account_of(given: str | None, settings: Settings) -> str | None:
    """The account that a person named, by its name or its page's address. Raises InputError."""
    from reseen.hubs.meant import account_named

    return None if given is None else account_named(given, settings.hubs[0])


_REPOSITORY = "Write OWNER/NAME, or the address of its page at a hub of the settings."
_REMOTE = "Write hf://OWNER/NAME/PATH, or the address of the file's page at a hub of the settings."


def is_address(given: str) -> bool:
    return "://" in given


@dataclass(frozen=True, slots=True)
class TargetRead:
    """What to look at, and where it was named."""

    target: Target
    named: Mapping[str, str] = field(default_factory=dict)
    """Repositories of the command line itself -> as they were given there."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Accounts -> as they were given."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Those of the file of repositories, each with the first line that names it."""
    bad: tuple[int, ...] = ()
    """Lines of that file that name none."""
    beside_main: int = 0
    """How many were named by the address of a branch, a proposal, a tag or a commit."""


def target_of(given: TargetGiven, hub: HubSettings) -> TargetRead:
    """What to look at, at this hub. What says of which type its repository is (an address,
    datasets/ before a name) is looked up as that alone. Raises InputError when nothing was named,
    or too much."""
    from reseen.hubs.meant import account_named, repository_named
    from reseen.scan.target import target_naming

    named = [repository_named(each, hub) for each in given.repos]
    authors = tuple(account_named(each, hub) for each in given.author)
    on_the_line: dict[str, str] = {}
    for one, as_given in zip(named, given.repos, strict=True):
        before = on_the_line.get(one.repo)  # as another type
        on_the_line[one.repo] = as_given if before in (None, as_given) else f"{before}, {as_given}"
    lines: dict[str, int] = {}
    bad: list[int] = []
    for number, line in _lines(given.repos_file) if given.repos_file else ():
        try:
            named.append(repository_named(line, hub))
            lines.setdefault(named[-1].repo, number)
        except InputError:
            bad.append(number)
    if given.everything and (named or given.author):
        raise InputError(
            "--all is the whole hub already, and something else is named as well",
            remedy="Leave --all away, or the repositories, --author and --repos.",
        )
    if not (named or given.author or given.since or given.everything):
        if bad:
            raise InputError(
                f"{given.repos_file}, line {bad[0]}: no line names a repository of {hub.host}",
                remedy="Write OWNER/NAME, or the address of its page, a line.",
            )
        raise InputError(
            "nothing to scan was named",
            remedy="Name repositories, or give --author, --repos, --since or --all.",
        )
    target = replace(
        target_naming(
            ((each.repo, each.type) for each in named),
            types_of(given.types) if given.types else (),
            more=bool(given.author or given.since or given.everything),
        ),
        authors=authors,
        since=instant(given.since) if given.since else None,
        everything=given.everything,
    )
    beside_main = sum(each.revision not in (None, "main") for each in named)
    accounts = dict(zip(authors, given.author, strict=True))
    return TargetRead(target, on_the_line, accounts, lines, tuple(bad), beside_main)


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
        raise InputError(
            f"--max-bytes {given} is no size", remedy="Use something like 500MB or 64GB."
        )
    return int(digits) * scale


def types_of(given: str | None) -> tuple[RepoType, ...]:
    """ "models,datasets" as types; models where nothing is given. Raises InputError."""
    if given is None:
        return (RepoType.MODEL,)
    known = {**{t.value: t for t in RepoType}, **{f"{t.value}s": t for t in RepoType}}
    words = [word.strip().lower() for word in given.split(",") if word.strip()]
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        raise InputError(
            f"--types {given}: unknown", remedy="Use models, datasets, spaces; with commas."
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
            f"--since {given} is neither a date nor an age", remedy="Use 2026-11-01, or 7d, or 12h."
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _lines(path: Path) -> list[tuple[int, str]]:
    """What stands in a file, with the number of its line."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            found: list[tuple[int, str]] = []
            for number, line in enumerate(lines, 1):
                word = line.split("#", 1)[0].strip()
                if len(found) >= _MOST_REPOS:
                    raise InputError(f"{path}, line {number}: one line too many")
                if word:
                    found.append((number, word if len(line) <= _LONGEST_LINE else ""))
            return found
    except OSError as e:
        raise InputError(
            f"{path}: the file cannot be read: {e.strerror}",
            remedy="Give a text file with one OWNER/NAME a line.",
        ) from e
