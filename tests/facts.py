"""Facts put straight into a store, for tests: a claim more, what was learned from bytes, a match.

The product comes by them in one way only (lists, `registry add`, scans); a test that is about what
follows from them need not go that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select
from tests.removals_made import CLAIM_COLUMNS

from reseen.observed import artifacts, sightings
from reseen.records import (
    Artifact,
    Confirmed,
    Fingerprint,
    Match,
    RemovedFile,
    Repository,
    RepoType,
    Rung,
)
from reseen.registry import claims, contradictions, learning
from reseen.registry.removals import DIGEST_COLUMNS, kept
from reseen.store import schema
from reseen.store.database import insert_many, now, reserve


def add_claim(
    connection: Connection, removal_pk: int, file: RemovedFile, *, list: str = "another list"
) -> int:
    """One more claim about a removal; its pk."""
    (pk,) = reserve(connection, schema.claims, 1)
    list_pk = claims.list_pks(connection, [list])[list]
    container = None if file.container is None else file.container.value
    row = (pk, removal_pk, file.size, container, file.data_size, file.layout, list_pk)
    row = (*row, claims.LISTED, None, None, None, now(), None, 1, None)
    insert_many(connection, schema.claims, CLAIM_COLUMNS, [row])
    digests = [(int(d.kind), d.value, pk) for d in kept(file.digests)]
    insert_many(connection, schema.digests, DIGEST_COLUMNS, digests)
    claims.refresh(connection, [removal_pk])
    return pk


def teach(
    connection: Connection,
    fingerprint: Fingerprint,
    *,
    path: str = "read",
    xet: bytes | None = None,
) -> set[int]:
    """Let a file be read in full in some folder; the removals (by pk) that it taught. `xet`: what
    is stated of it there."""
    folder = Repository("folder", RepoType.MODEL, "sample/folder")
    (repository_pk,) = artifacts.repositories(connection, [folder])
    sha256 = fingerprint.digests[0].value
    found = Artifact(
        *("folder", RepoType.MODEL, folder.id, "", None, f"{path}-{sha256.hex()[:8]}"),
        size=fingerprint.size,
        xet=xet,
    )
    (pk,) = artifacts.artifacts(connection, repository_pk, [found])
    inspection = artifacts.Inspection(
        fingerprint.container,
        fingerprint.data_size,
        fingerprint.layout,
        full=True,
        digests=fingerprint.digests,
        sketch=fingerprint.sketch,
        further=fingerprint.further_sketches,
        rows=fingerprint.rows,
        architecture="",
    )
    artifacts.readings(connection, [(pk, inspection)])
    contradictions.by_files(connection, [pk])
    return learning.learn(connection, artifacts=[pk])


@dataclass(frozen=True, slots=True)
class MadeMatch:
    """A match to record, at an artifact that `artifacts.artifacts` has stored."""

    match: Match
    artifact_pk: int
    confirmed: Confirmed = Confirmed.NONE


def record(
    connection: Connection,
    secret: bytes,
    made: Sequence[MadeMatch],
    *,
    scan_pk: int | None = None,
    at: int | None = None,
) -> list[sightings.SettledSighting]:
    """Let these sightings stand so, whatever the store knows of their digests."""
    ids = schema.removals.c
    standing = [
        sightings.JudgedPair(
            connection.scalar(select(ids.pk).where(ids.id == one.match.removal)) or 0,
            one.artifact_pk,
            Rung(one.match.rung),
            one.confirmed,
            one.match.evidence,
        )
        for one in made
    ]
    return sightings.settle(
        connection, secret, standing, scan_pk=scan_pk, seen_at=now() if at is None else at
    )
