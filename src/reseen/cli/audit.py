"""`reseen audit`: verify and export the audit log."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from reseen.cli.common import (
    about,
    count,
    db_option,
    emit,
    json_option,
    keyring_if_any,
    keyring_or_new,
    look_into,
    note,
    open_store,
    say,
    settings_for,
)
from reseen.cli.lazy import LazyGroup
from reseen.errors import InputError, Tampered

_HEAD_BYTES = 64_000


@click.group(cls=LazyGroup, verbs={})
def audit() -> None:
    """The audit log: head, verify, export."""


@audit.command()
@db_option
@json_option
def head(db: str | None, as_json: bool) -> None:
    """Print a signed checkpoint (head) of the audit log, to keep elsewhere.

    Keep it where those who can write to the database cannot change it: a log that is changed later
    fails `reseen audit verify --head`.
    """
    settings = settings_for(db)
    with open_store(settings) as store:
        from reseen.operations.exports import audit_head

        taken = audit_head(store, keyring_or_new(store, settings))
    if as_json:
        emit(taken.as_json())
    else:
        say(json.dumps(taken.as_json(), indent=2))


@audit.command()
@click.option(
    "--head",
    "head_file",
    type=click.Path(path_type=Path),
    help="A head that was kept elsewhere, to verify the log against.",
)
@db_option
@json_option
def verify(head_file: Path | None, db: str | None, as_json: bool) -> None:
    """Verify that neither the audit log nor what it tells of was changed.

    Recomputes the hash chain, and compares every decision, comment, withdrawal, event, claim and
    notice, and what bytes taught, with the line that covers it, and what follows from them with how
    it stands. Without --head this shows
    that no single line was changed; only a head that was kept elsewhere shows that the log was not
    cut off or written anew.
    """
    settings = settings_for(db)
    with look_into(settings) as store:
        from reseen.operations import log_check
        from reseen.store import audit_checkpoint

        with about(head_file):
            known = None if head_file is None else audit_checkpoint.parse(_text(head_file))
        keyring = keyring_if_any(store, settings) if known is not None else None
        key = None if keyring is None else keyring.for_heads
        done = log_check.verify(store, known, key=key)
    if known is not None and key is None:
        note("There is no sealing key here: the head's signature was not verified.")
    at = None if known is None else known.count
    if as_json:
        told = {"lines": done.lines, "cases": done.cases, "claims": done.claims, "head": at}
        told |= {"files": done.files, "notices": done.notices}
        emit(told | {"wrong": list(done.wrong), "wrong_in_all": done.wrong_in_all})
    else:
        end = "" if at is None else f"; the head's line {at}"
        for sentence in done.wrong:  # first: who reads one line must not read that all is well
            say(sentence)
        say(f"{count(done.lines, 'line')}, each as it was written{end}")
    if done.wrong_in_all:
        raise Tampered(
            f"the store does not agree with the log in {count(done.wrong_in_all, 'place')}",
            remedy="Keep the database as it is, and compare it with a backup from before.",
        )
    if not as_json:
        say(
            f"{count(done.cases, 'case')}, {count(done.claims, 'claim')} of lists, what bytes "
            f"taught of {count(done.files, 'file')} and {count(done.notices, 'notice')} stand as "
            "the log says"
        )


@audit.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The file: JSON Lines where its name ends in .jsonl, CSV where it ends in .csv.",
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day (UTC).")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Up to and including this day (UTC)."
)
@db_option
def export(out: Path, since: datetime | None, until: datetime | None, db: str | None) -> None:
    """Write the audit log to a file, for the authorities, with a signed head beside it.

    The export itself is recorded in the log. Both files are readable by you alone.
    """
    settings = settings_for(db)
    ending = out.suffix.lower()
    if ending not in (".jsonl", ".csv"):
        raise InputError(
            "the log is written as JSON Lines or CSV", remedy="End the name in .jsonl or .csv."
        )
    with open_store(settings) as store:
        from reseen.operations.exports import AuditPart, audit_file
        from reseen.store.private_files import private

        part = AuditPart(since.date() if since else None, until.date() if until else None)
        keyring = keyring_or_new(store, settings)
        with private(out) as path, private(out.with_name(f"{out.name}.head.json")) as beside:
            lines, taken = audit_file(store, keyring, path, part, as_csv=ending == ".csv")
            beside.write_text(json.dumps(taken.as_json(), indent=2) + "\n", "ascii")
    note(f"Wrote {count(lines, 'line')} to {out}, and the head to {out.name}.head.json")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError as e:
        raise InputError(
            f"{path}: the head cannot be read: {e.strerror}", remedy="Name the file of a kept head."
        ) from None
