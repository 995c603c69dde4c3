"""Accounts that re-upload, as values and put into a store: crews, and others who know nobody."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tests import removals_made
from tests.facts import MadeMatch, record

from reseen.match import evidence
from reseen.observed import artifacts as seen
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Match,
    Names,
    RemovedFile,
    Repository,
    RepoType,
)
from reseen.review import cases
from reseen.review.campaign_accounts import SeenAccount, SeenFile
from reseen.store.database import Store
from reseen.store.sealing import Keyring

HOUR = 3_600_000_000
START = 1_750_000_000_000_000
HUB = "hub.example"


def content(word: object) -> bytes:
    return hashlib.sha256(str(word).encode()).digest()


def file(
    repo: str, path: str, at: int | None, removal: int | None = None, own: object = None
) -> SeenFile:
    made = content(f"removal {removal}") if removal and own is None else content((repo, path, own))
    return SeenFile(repo, path, made, at, removal)


def bystanders(count: int = 400) -> list[SeenAccount]:
    """Accounts that put up removed models by themselves, each in its own way and time."""
    r = random.Random(7)
    found = []
    for number in range(count):
        name = "".join(r.choices("abcdefghijklmnopqrstuvwxyz", k=r.randint(6, 12)))
        way = "".join(r.choices("abcdefghijklmnopqrstuvwxyz", k=4))
        files = []
        for of in range(r.randint(1, 4)):
            at = START + r.randrange(24 * 300) * HOUR
            kept = r.randint(1, 300)
            files.append(file(f"{way}{of}", f"{way}{r.choice('-_.')}{of}.bin", at, kept, number))
        for of in range(r.randint(0, 8)):
            at = START + r.randrange(24 * 300) * HOUR
            files.append(file(f"own-{way}-{of}", f"{way}{of}.safetensors", at))
        found.append(SeenAccount(HUB, name, tuple(files)))
    return found


def crew(
    names: Sequence[str], removals: Sequence[int], *, tool: str = "upload_x{:03d}"
) -> list[SeenAccount]:
    """Accounts that put up much the same with one script, on a few evenings."""
    r = random.Random(3)
    found = []
    for name in names:
        mine = r.sample(list(removals), len(removals) * 2 // 3)
        evening = START + (100 + 24 * r.randint(0, 2)) * HOUR
        files = [
            file(tool.format(n), tool.format(n) + ".safetensors", evening + n * 60_000_000, pk, n)
            for n, pk in enumerate(mine)
        ]
        found.append(SeenAccount(HUB, name, tuple(files)))
    return found


COMMIT = "a1" * 20


def removals(store: Store, keyring: Keyring, count: int) -> list[str]:
    """So many removals, each of one file; their ids."""
    new = [
        removals_made.NewRemoval(
            *("sample", "models.example", None, Names(name="Sample person 07")),
            (RemovedFile((Digest(DigestKind.SHA256, content(f"removal {n}")),)),),
        )
        for n in range(count)
    ]
    with store.write() as connection:
        return removals_made.insert(connection, keyring, new)


def put(
    store: Store, accounts: Iterable[SeenAccount], removals: Sequence[str], *, ref: str = "main"
) -> None:
    """These accounts as a scan leaves them; `removal` of a file is a place in `removals`."""
    every = [(account, one) for account in accounts for one in account.files]
    with store.write() as connection:
        listed = [
            Repository(
                *(account.hub, RepoType.MODEL, f"{account.name}/{one.repo}", COMMIT),
                created_at=None if one.at is None else datetime.fromtimestamp(one.at / 1e6, UTC),
            )
            for account, one in every
        ]
        pks = seen.repositories(connection, listed)
        found: list[MadeMatch] = []
        for (_, one), there, pk in zip(every, listed, pks, strict=True):
            artifact = Artifact(
                *(there.hub, RepoType.MODEL, there.id, COMMIT, ref, one.path, 1234),
                sha256=one.content,
                git_oid=hashlib.sha1(one.content).digest(),
                lfs=True,
            )
            (artifact_pk,) = seen.artifacts(connection, pk, [artifact])
            if one.removal is not None:
                proof = evidence.declared(DigestKind.SHA256, one.content)
                match = Match(removals[one.removal % len(removals)], (proof,))
                found.append(MadeMatch(match, artifact_pk))
        record(connection, store.secret, found)
    cases.put_all(store)
