"""`reseen sweep`: a hub's own storage looked through by a manifest, without a database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reseen.cli.common import (
    about,
    count,
    db_option,
    emit,
    keyring_if_any,
    note,
    on_terminal,
    open_store,
    say,
    settings_for,
    size_text,
)
from reseen.cli.exit_codes import ExitCode, finish, tell
from reseen.cli.hub import Output, as_value, output_options
from reseen.cli.index import KEY_FILE, key_of_indexes
from reseen.cli.lazy import LazyGroup
from reseen.errors import InputError, SealError

if TYPE_CHECKING:
    from reseen.scan.sweep.processes import SweepSource
    from reseen.scan.sweep.run import SweepWork, Swept
    from reseen.scan.sweep.taken import KeyPlaces, SweepTaken
    from reseen.settings import Settings

_SHARD = re.compile(r"([0-9]{1,7})/([0-9]{1,7})")
_HUB_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_MOST_BAD = 20
_DIR = click.Path(path_type=Path)
_ASKED = {"md5": "md5", "sha1": "sha1", "crc32c": "crc32c", "crc64nvme": "crc64-nvme"}
"""As manifests and SQL call them: the kinds of digests that are computed only where they are asked
for."""
_STATUS = {
    "match": "with a removal",
    "clear": "without",
    "by-digests": "judged by their digests alone",
    "not-judged": "not judged: damaged, or Reseen failed on it",
    "unread": "not read, or not as far as was asked",
}


@click.group(cls=LazyGroup, verbs={})
def sweep() -> None:
    """A hub's own storage: list it, run over it in parts on any machines, import what was found."""


@sweep.command("list")
@click.argument("store", metavar="URL")
@click.option("--out", type=_DIR, required=True, help="The manifest to write, as Parquet.")
def list_store(store: str, out: Path) -> None:
    """Write a manifest of what lies in a store.

    URL is s3://, gs://, az:// or file://, or a folder. Of checksums it has the MD5s that the store
    states (an ETag of one piece): take the manifest from the hub's database where that has better
    ones. What no row can be made of is counted and ends it with 3.
    """
    from reseen.scan.sweep.listing import write_listing

    with about(store):
        found = write_listing(store, out)
    note(f"{count(found.objects, 'object')}: {out}")
    for reason, times in sorted(found.left_out.items()):
        note(f"  left out, {count(times, 'time')}: {reason}")
    finish(ExitCode.PART if found.left_out else ExitCode.DONE)


@sweep.command("digests")
@click.option("--out", type=_DIR, required=True, help="The CSV to write; yours alone (0600).")
@click.option(
    "--kind",
    type=click.Choice(["sha256", *_ASKED]),
    default="sha256",
    show_default=True,
    help="Which digests: those that the hub has. A CRC comes with the file's size.",
)
@db_option
def write_digests(out: Path, kind: str, db: str | None) -> None:
    """Write the registry's SHA-256s as a table, for a join.

    It is joined with those that a hub's own database has. Two columns, sha256 and removal, and no
    name. Digests of the class that is never read are not in it. This is recorded in the audit log
    as an export of digests.
    """
    from reseen.operations import exports
    from reseen.records import DigestKind

    with open_store(settings_for(db)) as store:
        made = exports.digests(store, out, DigestKind.of(_ASKED.get(kind, kind)))
    note(f"{count(made.digests, 'digest')} of {count(made.removals, 'removal')}: {out}")
    if made.class_left_out:
        note(f"  {made.class_left_out:,} more are of the class that is never read: not in it")
    note("This was recorded as an export of digests.")


@sweep.command("learn")
@click.argument("kinds", nargs=-1, type=click.Choice(list(_ASKED)))
@click.option("--none", "nothing", is_flag=True, help="No more of them.")
@db_option
def learn_digests(kinds: tuple[str, ...], nothing: bool, db: str | None) -> None:
    """Choose which digests full readings compute beside the usual ones.

    For a hub whose storage states only these of its files (MD5, SHA-1, CRC32C, CRC64-NVME): they
    are learned of a removal when its file is read in full from now on, in a scan, in a folder, or
    by `reseen registry add`. With no KINDS it says which are chosen. At the gate none is computed.
    """
    from reseen.operations import sweeps
    from reseen.records import DigestKind
    from reseen.registry import digests_asked

    if kinds and nothing:
        raise InputError("kinds and --none exclude each other", remedy="Give one of them.")
    with open_store(settings_for(db)) as store:
        if kinds or nothing:
            sweeps.ask(store, {DigestKind.of(_ASKED[kind]) for kind in kinds})
        with store.read() as connection:
            chosen = digests_asked.said(connection)
    say(
        " ".join(name for name, label in _ASKED.items() if DigestKind.of(label) in chosen) or "none"
    )


def _work(jobs: int | None, reads: int, part_rows: int, shard: str) -> SweepWork:
    from reseen.scan.sweep.run import SweepWork, default_jobs

    parted = _SHARD.fullmatch(shard)
    if parted is None:
        raise InputError(f"{shard[:40]!r} is no shard", remedy="Write --shard 1/4, up to 4/4.")
    of = (int(parted[1]), int(parted[2]))
    return SweepWork(jobs or default_jobs(), reads, part_rows, of)


def _work_options(command: Any) -> Any:
    """How the work is spread: the verb's `work`."""
    return as_value(
        "work",
        _work,
        click.option(
            "--jobs",
            type=click.IntRange(1, 256),
            help="Processes. Default: one a core, at least 2.",
        ),
        click.option(
            "--reads",
            type=click.IntRange(1, 1024),
            default=64,
            show_default=True,
            help="Files that each process reads at the same time.",
        ),
        click.option(
            "--part-rows",
            type=click.IntRange(1, 1_000_000),
            default=10_000,
            show_default=True,
            help="Rows of a part: what is lost at a kill, at most, for each process.",
        ),
        click.option(
            "--shard", metavar="I/N", default="1/1", show_default=True, help="Which of how many."
        ),
    )(command)


def _source(
    index: Path, key_file: Path | None, store: str, out: Path, db: str | None
) -> SweepSource:
    from reseen.scan.sweep.processes import SweepSource

    return SweepSource(index, key_of_indexes(key_file, db), store, out)


def _source_options(command: Any) -> Any:
    """What is read, by what, and where the parts go: the verb's `source`."""
    return as_value(
        "source",
        _source,
        click.option(
            "--index", type=_DIR, required=True, help="The index that `reseen index save` wrote."
        ),
        KEY_FILE,
        click.option(
            "--store",
            metavar="URL",
            required=True,
            help="Where the objects are: s3://, gs://, az://, file:// or a folder.",
        ),
        click.option("--out", type=_DIR, required=True, help="The folder for the parts."),
        db_option,
    )(command)


@sweep.command("run")
@click.argument("manifest", type=_DIR)
@_source_options
@click.option(
    "--confirm",
    type=click.Choice(["none", "header", "full"]),
    default="header",
    show_default=True,
    help="none: the manifest's checksums alone. header: a known checksum is enough, and of the "
    "others what tells an altered copy is read. full: every byte of every file.",
)
@_work_options
@click.option("--unread-again", is_flag=True, help="Do parts again in which rows were not read.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when a removed model was found.")
@output_options
def run_shard(
    manifest: Path,
    source: SweepSource,
    confirm: str,
    work: SweepWork,
    unread_again: bool,
    exit_code: bool,
    output: Output,
) -> None:
    """Look through the objects that MANIFEST names, or a share of them.

    MANIFEST is Parquet or CSV with the columns key and size and, where known, sha256, xet, md5,
    sha1, crc32c and crc64nvme. It needs no database. Stop it at any moment: the same command goes
    on where it was, and parts that other machines did are not done again.
    """
    from reseen.scan.sweep.examiner import Depth
    from reseen.scan.sweep.run import SweepAsked, run

    asked = SweepAsked(manifest, source, Depth(confirm), work, unread_again)
    with _bar("rows", output) as bar:
        done = run(asked, lambda swept, rows: bar(swept.rows, rows))
    _say_swept(done, output)
    if exit_code and done.removals:
        tell(ExitCode.MATCH)
    finish(ExitCode.DONE if done.is_whole else ExitCode.PART)


def _say_swept(done: Swept, output: Output) -> None:
    if output.as_json:
        emit(
            {
                "parts": done.parts,
                "new": done.new,
                "rows": done.rows,
                "counts": dict(done.counts),
                "removals": done.removals,
                "bytes_read": done.bytes_read,
            }
        )
        return
    before = done.parts - done.new
    say(
        f"{count(done.rows, 'row')} in {count(done.parts, 'part')}"
        f"{f', {before:,} of them done before' if before else ''}; "
        f"{size_text(done.bytes_read)} of files read"
    )
    _say_counts(done.counts, done.removals)
    if not output.quiet:
        note("Next, where the registry is: reseen sweep import")


def _say_counts(counts: Mapping[str, int], removals: int) -> None:
    for status, words in _STATUS.items():
        if counts.get(status):
            say(f"  {counts[status]:,} {words}")
    if more := removals - counts.get("match", 0):
        say(f"  {more:,} more with a removal, among those that were not read as far as was asked")


def _places(settings: Settings, hub_name: str, steps: int, template: str | None) -> KeyPlaces:
    """What the keys are places of: a hub of the settings, or one that has no pages but those that
    are told here."""
    from reseen.hubs.kinds import STORAGE, stored_name
    from reseen.hubs.meant import hub_named
    from reseen.hubs.page_template import PageTemplate
    from reseen.scan.sweep.taken import KeyPlaces

    name = hub_name.strip().lower()
    if not _HUB_NAME.fullmatch(name):
        raise InputError(
            f"{hub_name[:80]!r} is no name of a hub",
            remedy="Write letters, digits, dots and hyphens.",
        )
    pages = None if template is None else PageTemplate.of(template)
    try:
        hub = stored_name(hub_named(name, settings))
    except InputError:
        return KeyPlaces(STORAGE + name, steps, pages)
    if pages is not None:
        raise InputError(
            f"{hub} has pages of its own",
            remedy="Leave out --page-template, or give another --hub-name.",
        )
    return KeyPlaces(hub, steps)


def _say_place(places: KeyPlaces) -> None:
    """How a key becomes a place, by one that is nobody's."""
    steps = ["OWNER", "NAME", "FOLDER", *(f"STEP{n}" for n in range(4, 11))]
    key = "/".join([*steps[: places.repository_steps], "FILE"])
    repository, path = places.of(key)
    where = f"{path}, in no repository" if repository == "/" else f"{path} in {repository}"
    note(f"A key like {key} is taken for {where}, at {places.hub}")
    if places.pages is not None:
        note(f"  its page: {places.pages.page(repository, path)}")


@sweep.command("import")
@click.argument("folder", metavar="DIR", type=_DIR)
@click.option(
    "--hub-name",
    required=True,
    help="Whose storage it is: a hub of the settings, or any other name.",
)
@click.option(
    "--repository-steps",
    type=click.IntRange(0, 10),
    default=2,
    show_default=True,
    help="So many leading steps of a key are the repository (OWNER/NAME), the rest is the path.",
)
@click.option(
    "--page-template",
    metavar="URL",
    help="The address of a file's page, with {repository}, {path} or {key} in it: for a hub that "
    "is none of the settings.",
)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 when a removed model stands in what was swept, found now or before.",
)
@db_option
@output_options
def import_parts(
    folder: Path,
    hub_name: str,
    repository_steps: int,
    page_template: str | None,
    exit_code: bool,
    db: str | None,
    output: Output,
) -> None:
    """Take what was found into the registry's store.

    What `reseen sweep run` found becomes sightings, and their cases. Each part is taken once,
    however often this is called; one that was done again since takes the place of what was taken.
    A part that is damaged, or half of a copy, is named and not taken; the others are. A folder that
    was written with another key, or by the index of another registry, is refused. Parts that are
    still being copied wait for the next import.
    """
    from reseen.operations import sweeps

    settings = settings_for(db)
    places = _places(settings, hub_name, repository_steps, page_template)
    if not output.silent:
        _say_place(places)
    with open_store(settings) as store:
        keyring = keyring_if_any(store, settings)
        if keyring is None:
            raise SealError(
                "there is no key here to verify the parts with",
                remedy="Give the sealing key in RESEEN_KEY or RESEEN_KEY_FILE.",
            )
        with about(folder), _bar("parts", output) as bar:
            done = sweeps.take(store, keyring, folder, places, bar)
    _say_taken(done, places.hub, output)
    if exit_code and done.stands:
        tell(ExitCode.MATCH)
    bad = done.standing["unread"] + done.standing["not-judged"]
    is_part = bad or done.coming or done.damaged or done.missing
    finish(ExitCode.PART if is_part else ExitCode.DONE)


def _say_taken(done: SweepTaken, hub: str, output: Output) -> None:
    from reseen.cli.progress import show_sighting

    for sighting in done.sightings:
        show_sighting(sighting, as_json=output.as_json)
    if output.as_json:
        emit(
            {
                "scan": done.scan,
                "hub": hub,
                "new": done.new,
                "again": done.again,
                "before": done.before,
                "coming": done.coming,
                "damaged": [{"part": bad.part, "reason": bad.reason} for bad in done.damaged],
                "missing": done.missing,
                "rows": done.rows,
                "counts": dict(done.counts),
                "standing": dict(done.standing),
                "new_sightings": len(done.sightings),
            }
        )
        return
    for bad in done.damaged[:_MOST_BAD]:
        note(f"Not taken: {bad.reason}")
    if len(done.damaged) > _MOST_BAD:
        note(f"  and {len(done.damaged) - _MOST_BAD:,} more like these")
    if done.damaged and not output.quiet:
        note("  Copy them again, or run the sweep again: they are done anew.")
    if output.quiet:
        return
    if not done.new:
        note(f"Nothing new: {count(done.before, 'part')} were imported before, at {hub}.")
    else:
        before = f"; {done.before:,} more were imported before" if done.before else ""
        note(f"{count(done.new, 'part')} with {count(done.rows, 'row')}, at {hub}{before}")
        if done.again:
            note(f"  {done.again:,} of them were done anew: they take the place of what was there")
        note(f"{count(len(done.sightings), 'new sighting')}")
    for status in ("unread", "not-judged"):
        if done.standing[status]:
            note(f"{count(done.standing[status], 'file')} of this sweep: {_STATUS[status]}")
    if done.coming:
        note(f"{count(done.coming, 'part')} still on the way (a mark without its data): not taken")
    if done.missing:
        note(f"{count(done.missing, 'part')} of this sweep are not here: run the other shards.")


@contextmanager
def _bar(what: str, output: Output) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, told of how many of how many; elsewhere nothing."""
    if output.silent or not on_terminal():
        yield lambda done, every: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as live:
        task = live.add_task(what, total=None)
        yield lambda done, every: live.update(task, completed=done, total=every)
