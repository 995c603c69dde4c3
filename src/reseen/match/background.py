"""Makes the background that p-values are calibrated on, from sketches of what scans read.

What comes in: a connection and an architecture. What goes out: a `Background` of at most `MOST`
sketches. Sketches only, never weights; artifacts that are sightings of a removal are left out, and
of several copies of one file one is taken.

Whoever uploads files writes these sketches. So what is taken is drawn by a key of the installation,
account by account, at most `MOST_OF_ACCOUNT` files of one. Not all files are read whole: small ones
at once, large ones where they are drawn, or because they are like a removal, which makes no sample
of them. So accounts are taken only as far as the draw has come (`drawn_until`).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.sketch import decode
from reseen.match.compare import Background
from reseen.observed import samples
from reseen.observed.samples import MOST_OF_ACCOUNT, Account, SampledFile
from reseen.observed.sketches import ADAPTER
from reseen.store import meta
from reseen.store.schema import read_sketches
from reseen.updates.names.known import one_of

MOST = 512
"""More make a comparison slower, and the tail hardly better known."""
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Stranger:
    """A file of a sample."""

    account: int
    """Whose it is, as a number that tells nobody who."""
    sketch: bytes
    """In the published byte layout."""


def load(connection: Connection, architecture: str) -> Background:
    """A sample of the complete files of this architecture."""
    return of_values(v for each in one_of(architecture) for v in values(connection, each))


def values(connection: Connection, architecture: str) -> list[Stranger]:
    """The same, in the published byte layout."""
    secret = secret_of(connection)
    large = samples.accounts_of_large(connection, architecture).get(architecture, {})
    until = drawn_until(secret, large)
    rest = iter(in_order(secret, samples.whole_files(connection, architecture), until))
    found: dict[bytes, int] = {}
    while len(found) < MOST and (some := list(islice(rest, _BATCH))):
        sketches = samples.sketches_of(connection, [file.artifact_pk for file in some])
        for file in some:
            value = sketches.get(file.artifact_pk)
            if value is not None and len(found) < MOST:
                found.setdefault(value, int(number(secret, file.account) * 2**53))
    return [Stranger(account, value) for value, account in found.items()]


def in_order(secret: bytes, files: Iterable[SampledFile], until: float = 1.0) -> list[SampledFile]:
    """Files as they are drawn: one of each account, the accounts by their numbers; then a second of
    each that has one, and so on. Accounts beyond `until` are not drawn."""
    accounts: dict[Account, list[SampledFile]] = {}
    for file in files:
        accounts.setdefault(file.account, []).append(file)
    rounds: list[tuple[int, float, SampledFile]] = []
    for account, theirs in accounts.items():
        drawn = number(secret, account)
        if drawn <= until:
            theirs.sort(key=lambda file: number(secret, file.name))
            few = theirs[: MOST_OF_ACCOUNT if account_is_named(account) else MOST]
            rounds += [(turn, drawn, file) for turn, file in enumerate(few)]
    return [file for *_, file in sorted(rounds, key=lambda each: each[:2])]


def account_is_named(account: Account) -> bool:
    """False for a folder on a disk, which whoever scans it chose."""
    return "/" not in account[1]


def drawn_until(secret: bytes, large: Mapping[Account, bool]) -> float:
    """Up to which number the draw has come: of the accounts below it that have large files, at
    least four in five were read, so that those that others chose to have read are not many more
    of them than of all. 1 where all are read, or there are none."""
    read, until = 0, 1.0 if not large else 0.0
    numbers = sorted((number(secret, account), done) for account, done in large.items())
    for count, (drawn, done) in enumerate(numbers, 1):
        read += done
        if done and 5 * read >= 4 * count:
            until = drawn
    return 1.0 if read == len(numbers) else until


def number(secret: bytes, what: Sequence[str | bytes]) -> float:
    """A number in [0, 1) that nobody can choose without the key."""
    parts = [each if isinstance(each, bytes) else each.encode() for each in what]
    digest = hmac.digest(secret, b"\0".join([b"background", *parts]), "sha256")
    return int.from_bytes(digest[:8], "big") / 2**64


def architectures(connection: Connection) -> list[str]:
    """Those of which there are any."""
    query = select(read_sketches.c.architecture).where(
        read_sketches.c.kind == ADAPTER, read_sketches.c.complete == 1
    )
    return sorted(connection.scalars(query.distinct()))


def of_values(strangers: Iterable[Stranger]) -> Background:
    """A background of encoded sketches."""
    sketches, accounts = [], []
    for each in strangers:
        try:
            sketches.append(decode(each.sketch))
        except Malformed:
            continue  # a damaged row is no stranger to measure against
        accounts.append(each.account)
    return Background(tuple(sketches), tuple(accounts))


def secret_of(connection: Connection) -> bytes:
    """The installation's key."""
    return meta.value(connection, "secret") or b""


# -- what a scan reads for it ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draw:
    """Which files a scan reads whole, before it knows what they are like."""

    secret: bytes
    lacking: Mapping[str, int]
    """Architecture -> files that its sample still lacks; one not named lacks `MOST`."""
    until: Mapping[str, float]
    """Architecture -> accounts up to this number are drawn; of one not named all are."""

    def takes(self, architecture: str, hub: str, repo: str) -> bool:
        """Whether an account's files are drawn."""
        drawn = number(self.secret, samples.account(hub, repo))
        return drawn <= self.until.get(architecture, 1.0)


def draw(connection: Connection, most: int) -> Draw:
    """What a scan may read that reads so many files at most."""
    secret = secret_of(connection)
    lacking: dict[str, int] = {}
    until: dict[str, float] = {}
    for architecture, large in samples.accounts_of_large(connection).items():
        files = samples.whole_files(connection, architecture)
        have = len(in_order(secret, files, drawn_until(secret, large)))
        lacking[architecture] = max(0, MOST - have)
        unread = sorted(number(secret, account) for account, done in large.items() if not done)
        # As many accounts as may be read, of those that are known by now.
        if len(unread) > most:
            until[architecture] = unread[most - 1] if most else 0.0
    return Draw(secret, lacking, until)
