"""`reseen check`: local files against the registry, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    db_option,
    emit,
    json_option,
    keyring_if_any,
    look_into,
    note,
    quiet_option,
    say,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish, tell
from reseen.errors import FileError, InputError, StoreMissing
from reseen.records import BlindSpot, Container, JudgedBy
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.operations.checks import Checked
    from reseen.records import Fingerprint


_NOTHING: dict[str, object] = {"problem": None, "matches": [], "parts": [], "checkpoint": None}
"""What is said of a file that was not read."""


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@db_option
@json_option
@quiet_option
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 3 when something of a file was not read, for whatever reason.",
)
def check(
    files: tuple[Path, ...], db: str | None, as_json: bool, quiet: bool, strict: bool
) -> None:
    """Say which FILEs are removed models.

    Exits 0 when nothing matched, 1 on a match (a hint alone is none), 2 when a file cannot be read
    or the registry is missing or empty, 3 when a file was judged only by the digests of its bytes
    because its contents are damaged. What of a file was not read is said. A removal that is inside
    a file, as a part of a merge, is a match (component); one that may be is a lead: worth a look,
    and no match. A file in an archive is one of its own, written ARCHIVE!FILE.
    """
    from reseen.cli.progress import bytes_bar
    from reseen.operations.checks import Checker

    settings = settings_for(db)
    with ExitStack() as opened:
        try:
            store = opened.enter_context(look_into(settings))
            checker = Checker(store, keyring_if_any(store, settings))
            checker.load()  # an empty registry is told of before any file is read
        except (StoreMissing, InputError):
            _tell_troubles(files, as_json=as_json)
            raise
        for path in files:
            try:
                with bytes_bar(f"Reading {path.name}", quiet=quiet or as_json) as progress:
                    found = checker.check(path, progress)
            except FileError as e:
                tell(ExitCode.CANNOT)
                if as_json:
                    unread = JudgedBy((), (BlindSpot(e.code, str(e)),))
                    emit({"path": str(path), "error": str(e)} | _NOTHING | unread.fields)
                else:
                    note(f"{visible(str(path))}: {e}")
                continue
            if found.matched:
                tell(ExitCode.MATCH)
            if not found.judged_whole or (strict and found.fingerprint.blind):
                tell(ExitCode.PART)
            _show(str(path), found, as_json=as_json, quiet=quiet)
            for place, member in found.members:
                if as_json or member.matched or _is_weights(member.fingerprint):
                    _show(f"{path}{place}", member, as_json=as_json, quiet=quiet)
    finish()


def _tell_troubles(files: Iterable[Path], *, as_json: bool) -> None:
    """What is wrong with the files themselves, where nothing can be said of them beside."""
    from reseen.fingerprints.local import trouble_of

    for path in files:
        why = trouble_of(path)
        if why is not None and as_json:
            emit({"path": str(path), "error": why} | _NOTHING)
        elif why is not None:
            note(f"{visible(str(path))}: {why}")


def _show(path: str, found: Checked, *, as_json: bool, quiet: bool) -> None:
    from reseen.cli.findings import checkpoint_fields, match_fields, part_fields, rung_text

    read, seen = found.fingerprint, found.checkpoint
    if as_json:
        emit(
            {
                "path": path,
                "error": None,
                "problem": found.no_model or read.problem,
                **found.judged.fields,
                "matches": [match_fields(m) for m in found.matches],
                "parts": [{"removal": p.removal, **part_fields(p.part)} for p in found.parts],
                "checkpoint": None if seen is None else checkpoint_fields(seen),
            }
        )
        return
    for match in found.matches:
        say(f"{visible(path)}: {rung_text(match.rung)} {match.removal}  {match.why}")
    if not found.matches and not quiet:
        say(f"{visible(path)}: no match{visible(_limits(read, found.no_model))}")
    for reason in read.judged.nothing if found.matches and not quiet else ():
        say(f"{visible(path)}: {visible(reason)}")
    for part in found.parts:
        if not part.is_sure:
            say(f"{visible(path)}: lead {part.removal}  {part.part.why}")
    for inside in () if seen is None else seen.parts:
        if not inside.is_sure:
            say(f"{visible(path)}: lead {inside.removal}  {visible(inside.why)}")
    if seen is not None and not quiet:
        say(f"{visible(path)}: {visible(seen.text)}")


def _is_weights(read: Fingerprint) -> bool:
    """Whether a file in an archive is worth a line although nothing matched: not its pictures and
    texts."""
    return read.container is not Container.UNKNOWN


def _limits(read: Fingerprint, no_model: str | None) -> str:
    """What a "no match" does not speak of; nothing where all was read."""
    if read.pointer is not None:
        return f" by the SHA-256 that it states; {read.problem}"
    if no_model is not None:
        return f" by the digests of the whole file; {no_model}"
    if read.problem is not None:
        return f" by the digests of the whole file; {read.problem}"
    return str(read.judged)
