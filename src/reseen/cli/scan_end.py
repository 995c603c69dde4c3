"""How a scan ends: what is said of it, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from reseen.cli.common import count, emit, error_fields, note, size_text
from reseen.cli.exit_codes import ExitCode, finish, so_far, take_back, tell
from reseen.cli.hub import as_value
from reseen.errors import HubBusy
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.cli.hub import Output
    from reseen.records import Sighting
    from reseen.scan.left_out import LeftOut
    from reseen.scan.progress import Outcome
    from reseen.scan.target import Target
    from reseen.scan.unread_copies import UnreadCopies
    from reseen.store.database import Store

F = TypeVar("F", bound=Callable[..., Any])
_MOST_LINES = 20  # of a file, that are told one by one


@dataclass(frozen=True, slots=True)
class Ending:
    """What a person asked of a scan's end."""

    named: Mapping[str, str] = field(default_factory=dict)
    """Repositories named on the command line itself -> as they were given there."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Accounts that were named -> as they were given."""
    lines: Mapping[str, str] = field(default_factory=dict)
    """Where in a file the others were named."""
    strict: bool = False
    exit_code: bool = False
    silent: bool = False
    """Say nothing but errors."""
    as_json: bool = False
    """Beside the sightings, what could not be judged is printed as JSON."""
    where: str = ""
    """The hub's address."""
    said_of_address: str = ""
    """Where that is from, in a sentence."""
    walks: bool = True
    """False: only known files were read."""
    confirms: bool = True
    """What is a copy by what the hub says was to be read."""


def strict_option(command: F) -> F:
    return click.option(
        "--strict",
        is_flag=True,
        help="Exit with 3 also when nothing is listed for an --author, the hub does not have one "
        "of the --types, a line of --repos is bad, or a file was judged by its digests alone.",
    )(command)


def strict_option_of_files(command: F) -> F:
    """The same where nothing but files is looked at."""
    return click.option(
        "--strict",
        is_flag=True,
        help="Exit with 3 also when a file was judged by its digests alone.",
    )(command)


def ending_options(command: F) -> F:
    """What is asked of a scan's end: the verb's `ending`."""
    return as_value("ending", _ending, strict_option, exit_code_option)(command)


def ending_options_of_files(command: F) -> F:
    """The same where nothing but files is looked at."""
    return as_value("ending", _ending, strict_option_of_files, exit_code_option)(command)


def _ending(strict: bool, exit_code: bool) -> Ending:
    return Ending(strict=strict, exit_code=exit_code)


def exit_code_option(command: F) -> F:
    return click.option(
        "--exit-code",
        is_flag=True,
        help="Exit with 1 when a removed model stands in what was scanned, found now or before.",
    )(command)


class ShownFindings:
    """Sightings as they are found and shown, one by one; and which of them reading refuted later: a
    line once shown cannot be taken back, so that is said."""

    def __init__(self, show: Callable[[Sighting], None], *, exit_code: bool = False) -> None:
        self._show, self._exit_code = show, exit_code
        self._standing: set[str] = set()
        """Those shown as matches, by id."""

    def found(self, sighting: Sighting) -> None:
        """Show it. That there is a match is told at once: an error that comes later must not hide
        it."""
        if sighting.rung.on_ladder:
            self._standing.add(sighting.id)
            if self._exit_code:
                tell(ExitCode.MATCH)
        self._show(sighting)

    def refuted(self, outcome: Outcome) -> list[Sighting]:
        """Those that stand no more at the end of a scan; each is told once."""
        if self._exit_code:
            take_back(ExitCode.MATCH)  # what stands in the target is known now
        gone = [s for s in outcome.sightings if s.id in self._standing and not s.rung.on_ladder]
        self._standing -= {each.id for each in gone}
        return gone


def say_refuted(refuted: Sequence[Sighting], *, as_json: bool) -> None:
    """Of matches that were shown while the scan ran."""
    if as_json:
        from reseen.report.rows import row

        for each in refuted:
            emit(row(each))
        return
    for each in refuted[:_MOST_LINES]:
        note(f"{each.id} was {each.rung.label} by reading: it is no copy")
    if len(refuted) > _MOST_LINES:
        note(f"{len(refuted) - _MOST_LINES:,} more: reseen sightings --refuted")


def finish_scan(
    store: Store, outcome: Outcome, target: Target | None, asked: Ending, shown: ShownFindings
) -> NoReturn:
    """Say what came of a scan, and end with its exit code. `target` None: a folder."""
    say_refuted(shown.refuted(outcome), as_json=asked.as_json)
    say_scan(store, outcome, target, asked)
    if target is not None and not asked.silent:
        from reseen.scan.unread_copies import in_store

        said_of_unread(in_store(store))
    finish()


def said_of_unread(unread: UnreadCopies) -> None:
    """How many known copies are not read, and what reads them."""
    if unread.copies:
        verb = "is" if unread.copies == 1 else "are"
        note(f"{count(unread.copies, 'known copy', 'known copies')} {verb} not read yet.")
    if unread.refused:
        copies = count(unread.refused, "known copy", "known copies")
        note(f"{copies} cannot be read: no access, or too large.")
    if unread.waiting:
        note(
            f"{unread.waiting:,} of them are work of a scan that has not ended: where it was "
            "stopped, the same command goes on."
        )
    if unread.asked:
        note(f"A scan asked for {unread.asked:,} of them: reseen read")
    elif unread.copies > unread.waiting:
        note("Every byte of them is read by: reseen read --confirm full")
    if unread.stored:
        copies = count(unread.stored, "known copy", "known copies")
        note(f"In a hub's own storage {copies} stand by a checksum alone:")
        note("  reseen sweep run --confirm full reads them.")
    if unread.pointers:
        copies = count(unread.pointers, "known copy", "known copies")
        note(f"In folders here only the Git LFS pointer of {copies} is there:")
        note("  git lfs pull brings the files, and reseen scan folder reads them.")


def say_scan(store: Store, outcome: Outcome, target: Target | None, asked: Ending) -> None:
    """Say what came of a scan, and tell its exit code."""
    from reseen.observed import sketches
    from reseen.registry import removals
    from reseen.scan.left_out import left_out, standing
    from reseen.scan.read_result import BLIND
    from reseen.scan.walk import GO_ON, STOPPED

    with store.read() as connection:
        nothing = next(removals.every(connection, withdrawn=False), None) is None
        left = left_out(connection, outcome, target)
        sketched = sketches.any_of_removals(connection)
        if asked.exit_code and standing(connection, outcome, target):
            tell(ExitCode.MATCH)
    if asked.as_json:
        _emit_refused(left, asked)
        _emit_end(store, outcome, left)
    if not asked.silent:
        _summary(outcome, left, walks=asked.walks)
        _say_blind(outcome)
        if not nothing and not sketched and outcome.coverage.artifacts:
            note("  No removal has a sketch: exact copies were looked for, altered ones were not.")
        for reason in left.cut:
            note(f"  {reason}")
        if outcome.not_put_together:
            what = f"{outcome.not_put_together:,} files, or pairs of opposed files of one account"
            note(f"  Not looked at together: {what}, beyond what is looked at (docs/parts.md)")
        for sentence in outcome.innocents:
            note(f"  {sentence}")
    for repo, reason in left.refused.items():
        if repo in asked.named:
            note(f"{visible(asked.named[repo])}: {visible(reason)}")
            tell(ExitCode.CANNOT)
        else:
            tell(ExitCode.PART)
    refused = [repo for repo in left.refused if repo in asked.lines and repo not in asked.named]
    for repo in refused[:_MOST_LINES]:
        note(f"{asked.lines[repo]}: {visible(left.refused[repo])}")
    if len(refused) > _MOST_LINES:
        note(f"{len(refused) - _MOST_LINES:,} more: reseen problems --scan {outcome.scan}")
    for author, reason in left.refused_accounts.items():
        where = "" if asked.where in reason else f"{asked.where}: "
        note(f"{where}{visible(asked.accounts.get(author, author))}: {visible(reason)}")
        tell(ExitCode.CANNOT)
    for author in left.empty_accounts:
        note(
            f"{visible(asked.accounts.get(author, author))}: nothing is listed for this account "
            f"(0 repositories): no such account at {asked.where}, or it shows nothing"
        )
        if asked.strict:
            tell(ExitCode.PART)
    for lacked in left.lacked:
        note(f"{asked.where}: not looked at: {lacked}")
        if asked.strict:
            tell(ExitCode.PART)
    if not asked.silent:
        _say_problems(outcome, left, walks=asked.walks)
    if outcome.sightings and not asked.silent:
        note("A sighting is a lead, not a verdict. Next: reseen sightings, reseen report --out ...")
    if left.reasons or (asked.confirms and left.unread):
        tell(ExitCode.PART)
    if asked.strict and outcome.coverage.skipped.get(BLIND):
        tell(ExitCode.PART)
    if not outcome.ended:
        stopped = outcome.stopped or STOPPED
        note(stopped if stopped == STOPPED else f"{asked.where}: {stopped}")
        if stopped != STOPPED and asked.where:
            note(f"  {asked.said_of_address}")
        note(GO_ON)
        tell(ExitCode.STOPPED if stopped == STOPPED else ExitCode.CANNOT)
        if asked.as_json:
            kind = "Stopped" if stopped == STOPPED else HubBusy.__name__
            emit(error_fields(kind, stopped, GO_ON, so_far()))


def say_walk(store: Store, outcome: Outcome, target: Target, output: Output) -> None:
    """Say what came of one walk of many, as of a scan, but what is said of it only where there is
    something to say."""
    from reseen.scan.left_out import left_out

    with store.read() as connection:
        left = left_out(connection, outcome, target)
    if output.as_json:
        _emit_end(store, outcome, left)
    if not output.silent:
        _say_blind(outcome)
        for reason in left.cut:
            note(f"  {reason}")
        if outcome.not_put_together:
            what = f"{outcome.not_put_together:,} files, or pairs of opposed files of one account"
            note(f"  Not looked at together: {what}, beyond what is looked at (docs/parts.md)")
        for sentence in outcome.innocents:
            note(f"  {sentence}")
        _say_problems(outcome, left, walks=True)


def _say_problems(outcome: Outcome, left: LeftOut, *, walks: bool) -> None:
    if left.problems:
        verb = "looked at" if walks else "read"
        places = count(left.problems, "place")
        note(f"  {places} could not be {verb} or judged in full; where, and why:")
        note(f"    reseen problems --scan {outcome.scan}")


def _counted(outcome: Outcome) -> tuple[int, int]:
    """New sightings, and how many more were only shown as found, until reading refuted them."""
    standing = sum(sighting.rung.on_ladder for sighting in outcome.sightings)
    return standing, len(outcome.sightings) - standing


def _summary(outcome: Outcome, left: LeftOut, *, walks: bool) -> None:
    from reseen.observed.blind_spots import DAMAGED
    from reseen.scan.read_result import BLIND

    coverage = outcome.coverage
    found, refuted = _counted(outcome)
    where = f" in {count(coverage.walked, 'repository', 'repositories')}" if walks else ""
    files = f"{count(coverage.artifacts, 'file')}, " if walks else ""
    note(
        f"{count(found, 'new sighting')}{where} "
        f"({files}{count(coverage.requests, 'request')}, "
        f"{size_text(coverage.bytes_read)} of files read)"
    )
    if refuted:
        verb, they = ("was", "it is no copy") if refuted == 1 else ("were", "they are no copies")
        note(f"  {refuted:,} more {verb} refuted by reading: {they} (reseen sightings --refuted)")
    parts = ", ".join(f"{kind} {size_text(n)}" for kind, n in coverage.bytes_by.items() if n)
    if parts:
        note(f"  read of files: {parts}")
    if coverage.unchanged:
        note(f"  {coverage.unchanged:,} unchanged since the last scan")
    for reason, times in coverage.skipped.items():
        if reason not in (BLIND, DAMAGED, *left.lacked):  # those are told in any case
            note(f"  not looked at: {reason}: {times:,}")


def _emit_refused(left: LeftOut, asked: Ending) -> None:
    """What the command line named and could not be looked at, an object each."""
    refused = [(asked.named[r], why) for r, why in left.refused.items() if r in asked.named]
    refused += [(asked.accounts.get(a, a), why) for a, why in left.refused_accounts.items()]
    for name, why in refused:
        emit(error_fields("Refused", f"{name}: {why}", None, ExitCode.CANNOT))


def _emit_end(store: Store, outcome: Outcome, left: LeftOut) -> None:
    """The files that could not be judged in full, a line each, and then what came of all."""
    from reseen.cli.findings import blind_fields
    from reseen.observed.blind_spots import DAMAGED, ORDINARY, files, tally
    from reseen.scan.read_result import BLIND

    with store.read() as connection:
        for file in files(connection, outcome.scan, unjudged=True):
            if all(spot.code in ORDINARY for spot in file.judged.not_read):
                break  # checkpoints are most of a hub, and come last: they are counted
            emit(blind_fields(file))
    coverage = outcome.coverage
    found, refuted = _counted(outcome)
    skipped = {r: n for r, n in coverage.skipped.items() if r not in (BLIND, DAMAGED)}
    emit(
        {
            "scan": outcome.scan,
            "ended": outcome.ended,
            "stopped": outcome.stopped,
            "new_sightings": found,
            "refuted": refuted,
            "repositories": coverage.walked,
            "files": coverage.artifacts,
            "unchanged": coverage.unchanged,
            "requests": coverage.requests,
            "bytes_read": coverage.bytes_read,
            "judged_by_digests_alone": coverage.skipped.get(BLIND, 0),
            "not_judged": coverage.skipped.get(DAMAGED, 0),
            "not_read": [
                {"code": spot.code, "reason": spot.reason, "files": files}
                for spot, files in tally(coverage.blind)
            ],
            "not_looked_at": [{"reason": r, "count": n} for r, n in skipped.items()],
            "may_be_cut": list(left.cut),
            "not_put_together": outcome.not_put_together,
            "innocents": list(outcome.innocents),
            "problems": left.problems,
        }
    )


def _say_blind(outcome: Outcome) -> None:
    """Of how many files "nothing found" speaks by digests alone, and why."""
    from reseen.observed.blind_spots import tally
    from reseen.scan.read_result import BLIND

    if times := outcome.coverage.skipped.get(BLIND):
        listed = f"reseen blind --scan {outcome.scan}"
        note(f"  judged by digests alone, their weights could not be: {times:,} ({listed})")
        for spot, files in tally(outcome.coverage.blind):
            note(f"    {spot.reason} [{spot.code}]: {files:,}")
