"""The class of removals is said, settled by two people, or a list is entitled to say it; and what
follows from it: what was read of the class that is never read goes out of use, or comes back."""

from __future__ import annotations

import csv
from dataclasses import asdict, astuple, fields
from pathlib import Path

from reseen.errors import InputError
from reseen.operations.removals import RemovalChanged, claim_named, followed
from reseen.records import RemovalClass
from reseen.registry import classes, never_read
from reseen.registry.classes import By
from reseen.registry.never_read import ExportedDigest
from reseen.report import tables
from reseen.review.roles import Role, Who
from reseen.store.database import Store
from reseen.store.private_files import private
from reseen.store.sealing import Keyring


def classify(
    store: Store, keyring: Keyring | None, removal: str, cls: RemovalClass, why: str,
    *, actor: str | None = None,
) -> RemovalChanged:  # fmt: skip
    """Say of which class a removal is. `why` is sealed. Raises NotFound, and SealError without a
    key."""
    with store.write() as connection:
        changed = classes.classify(connection, keyring, removal, cls, why, actor=actor)
    return followed(store, keyring, changed)


def classify_list(
    store: Store, keyring: Keyring | None, name: str, cls: RemovalClass, why: str,
    *, actor: str | None = None,
) -> RemovalChanged:  # fmt: skip
    """Say of which class all that a list says is, what it says later too."""
    with store.write() as connection:
        pks = classes.classify_list(connection, keyring, name, cls, why, actor=actor)
    return followed(store, keyring, pks is not None)


def entitle(store: Store, name: str, *, revoked: bool = False, by: Who | None = None) -> bool:
    """Mark a list as entitled to say the class that is never read, or take that back; False if it
    stood so already. `by`: an administrator; None: who has the machine. Raises NotFound."""
    if by is not None:
        by.must_be(Role.ADMINISTRATOR)
    with store.write() as connection:
        return classes.entitle(
            connection,
            name,
            revoked=revoked,
            actor=None if by is None else by.actor,
            user_pk=None if by is None else by.pk,
        )


def propose(
    store: Store, keyring: Keyring | None, claim: str, counts: bool, why: str, *, by: Who
) -> None:
    """The first pair of eyes on a claim ("rm-4f7k2q9d/2") of the class that is never read: it
    counts, or it is false. Raises NotFound, InputError, Conflict, AccessError, SealError."""
    by.must_be(Role.LEAD)
    id, number = claim_named(claim)
    with store.write() as connection:
        classes.propose(connection, keyring, id, number, counts, why, by=By(by.pk, by.name))


def confirm(
    store: Store, keyring: Keyring | None, claim: str, why: str, *, by: Who
) -> RemovalChanged:
    """The second pair of eyes, of somebody else: what was proposed holds. Raises as `propose`."""
    by.must_be(Role.LEAD)
    id, number = claim_named(claim)
    with store.write() as connection:
        classes.confirm(connection, keyring, id, number, why, by=By(by.pk, by.name))
    return followed(store, keyring, True)


def export(store: Store, keyring: Keyring | None, out: Path, to: str, why: str, *, by: Who) -> int:
    """Write the digests of the class that is never read to a file, for the authority `to`: the only
    export that holds them. By an administrator; recorded with the recipient before a byte is
    written. How many there are. Raises AccessError, InputError, SealError."""
    by.must_be(Role.ADMINISTRATOR)
    to = to.strip()
    if not to or len(to) > 200 or not to.isprintable():
        raise InputError("the recipient has no name", remedy='For example --to "an authority".')
    if out.suffix.lower() not in (".jsonl", ".csv"):
        raise InputError(
            "it is written as JSON Lines or CSV", remedy="End the name in .jsonl or .csv."
        )
    with private(out) as path:
        with store.write() as connection:
            found = never_read.every_digest(connection)
            classes.exported(connection, keyring, to, len(found), why, by=By(by.pk, by.name))
        if out.suffix.lower() == ".jsonl":
            tables.write_jsonl(path, map(asdict, found))
        else:
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(field.name for field in fields(ExportedDigest))
                rows.writerows(map(tables.harmless, astuple(one)) for one in found)
    return len(found)
