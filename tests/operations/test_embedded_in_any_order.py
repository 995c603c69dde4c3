"""What a file states of itself hints at a removal, whichever of both was known first, and is kept.

Also where the digest was learned only from bytes, where lists come and go, where a class is said
and taken back; and of what was read before such digests were kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from tests.match.made import KEYRING
from tests.match.updates import OTHER, REMOVED
from tests.operations.test_hints_in_any_order import LINK, WHY, import_, look, sha256, standing

from replica import made
from reseen.match.evidence import BY_EMBEDDED
from reseen.observed import embedded, leads, sightings
from reseen.operations import classes, lists, removals
from reseen.records import Digest, DigestKind, RemovalClass
from reseen.registry.imports import ImportOptions
from reseen.store import schema
from reseen.store.database import Store

DATA = hashlib.sha256(made.data_section(REMOVED)).digest()
LEGACY = bytes.fromhex("1234abcd")
SAYS = {
    "sshs_model_hash": DATA.hex(),
    "sshs_legacy_hash": LEGACY.hex(),
    "ss_output_name": "Sample person 07",
}


def saying(file: bytes) -> bytes:
    """Its tensors under a header that states the removed file's hashes."""
    return made.safetensors(made.opened(file)[0], SAYS)


COPY, STRANGER = saying(OTHER), saying(made.adapter(9, rank=1))
FILES = {"removed.bin": REMOVED, "copy.bin": COPY, "stranger.bin": STRANGER}
LISTS: dict[str, list[dict[str, str]]] = {
    "files": [{"sha256": sha256(REMOVED)}, {"sha256": sha256(COPY)}],
    "short": [
        {"sha256": sha256(REMOVED)},
        {"sha256": sha256(COPY)},
        {"autov3": DATA.hex()[:12]},
        {"autov1": LEGACY.hex()},
    ],
}
"""Several rows about one removal."""
BY_SHORT, BY_LONG = {"embedded-autov1", "embedded-autov3"}, {"embedded-data-sha256"}
ORDERS = [("files", "short", "look"), ("look", "short", "files"), ("short", "look", "files")]


def played(store: Store, folder: Path, *acts: str) -> None:
    for act in acts:
        if act == "look":
            look(store, FILES)
            continue
        path = folder / f"{act}.csv"
        rows = [
            f"Sample person 07,{LINK},{row.get('sha256', '')},{row.get('autov1', '')},"
            f"{row.get('autov3', '')}"
            for row in LISTS[act]
        ]
        path.write_text("\n".join(["name,url,sha256,autov1,autov3", *rows]) + "\n")
        lists.import_list(store, KEYRING, path, ImportOptions())


def beside(store: Store, path: str) -> set[str]:
    with store.read() as connection:
        return {
            why.kind
            for one in sightings.every(connection)
            if one.path == path and one.rung.on_ladder and not one.withdrawn
            for why in one.standing
            if why.kind in BY_EMBEDDED
        }


def led(store: Store) -> set[tuple[str, str]]:
    with store.read() as connection:
        every = leads.kept(connection, BY_EMBEDDED, 100)
        return {(lead.artifact.path, lead.kind) for lead in every}


def leads_of(*kinds: set[str]) -> set[tuple[str, str]]:
    return {("stranger.bin", kind) for some in kinds for kind in some}


@pytest.mark.parametrize("order", ORDERS)
def test_it_does_not_matter_what_came_first(
    store: Store, tmp_path: Path, order: tuple[str, ...]
) -> None:
    """The long digest is learned from the removed file, the short ones are said."""
    played(store, tmp_path, *order, "look", "look")
    assert beside(store, "copy.bin") == BY_SHORT | BY_LONG
    assert led(store) == leads_of(BY_SHORT, BY_LONG)
    removals.withdraw_list(store, KEYRING, "short", WHY)
    assert beside(store, "copy.bin") == {"embedded-autov3", *BY_LONG}, "the long one begins so"
    assert led(store) == leads_of({"embedded-autov3"}, BY_LONG)
    removals.withdraw_list(store, KEYRING, "files", WHY)
    assert (standing(store), led(store)) == ({}, set())
    removals.restore_list(store, KEYRING, "short", WHY)
    assert beside(store, "copy.bin") == BY_SHORT | BY_LONG
    assert led(store) == leads_of(BY_SHORT, BY_LONG)


@pytest.mark.parametrize("order", ORDERS)
def test_of_a_file_of_the_class_that_is_never_read_what_it_states_counts_for_nothing(
    store: Store, tmp_path: Path, order: tuple[str, ...]
) -> None:
    played(store, tmp_path, *order, "look", "look")
    classes.classify_list(store, KEYRING, "files", RemovalClass.CHILD_ABUSE, WHY)
    assert standing(store)["copy.bin"], "it stands on its digests"
    assert beside(store, "copy.bin") == set()
    classes.classify_list(store, KEYRING, "files", RemovalClass.OTHER, WHY)
    assert beside(store, "copy.bin") == BY_SHORT | BY_LONG
    assert led(store) == leads_of(BY_SHORT, BY_LONG)


def test_digests_alone_are_kept_and_few(store: Store, tmp_path: Path) -> None:
    played(store, tmp_path, "files", "short", "look", "look")
    table = schema.embedded_digests.c
    with store.read() as connection:
        query = select(table.artifact_pk, table.kind, table.value).order_by(table.kind)
        rows = [tuple(row) for row in connection.execute(query)]
        for pk in {pk for pk, _, _ in rows}:
            mine = [(kind, value) for artifact_pk, kind, value in rows if artifact_pk == pk]
            legacy = DATA[:4] if mine[1][1] == DATA[:4] else LEGACY
            assert mine == [(6, DATA), (8, legacy)], "no short form beside its long one"
            assert embedded.of_artifacts(connection, [pk])[pk] == (
                Digest(DigestKind.DATA_SHA256, DATA),
                Digest(DigestKind.AUTOV1, legacy),
                Digest(DigestKind.AUTOV3, DATA[:6]),
            )
    with store.write() as connection:
        pk = rows[0][0]
        many = [Digest(DigestKind.AUTOV1, bytes([9, 8, 7, n])) for n in range(40)]
        embedded.keep(connection, [(pk, [*many, Digest(DigestKind.SHA256, DATA)])])
        kept = embedded.of_artifacts(connection, [pk])[pk]
        assert kept == tuple(many[: embedded.MOST]), "what it stated before is out"
        embedded.keep(connection, [(pk, ())])
        assert embedded.of_artifacts(connection, [pk])[pk] == kept


def test_a_hint_from_before_such_digests_were_kept_stays(store: Store, tmp_path: Path) -> None:
    played(store, tmp_path, "files", "short", "look", "look")
    with store.write() as connection:
        connection.execute(delete(schema.embedded_digests))
    import_(store, tmp_path, "more", {"name": "x", "url": LINK, "sha256": sha256(b"another")})
    assert beside(store, "copy.bin") == BY_SHORT | BY_LONG
