"""The gate of one process: what it knows, how old that is, and whether it answers rightly.

What comes in: the store, which it follows twice a second, and the last state, with which it starts
at once. What goes out: answers from memory. It promises: whatever is added, withdrawn, revoked or
ruled holds here within two seconds; while the store is away it answers from what it knew last, and
says so; a state file that is not what was written is never loaded.

Two threads: one reads (`_follow`), one writes and looks after the rest (`_keep`), so that a store
that takes no writes holds up no reading.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from reseen.errors import ReseenError, StoreError, Tampered
from reseen.gate import answers, keys, policy, state
from reseen.gate.answers import Heard, Result
from reseen.gate.canary import Canary
from reseen.gate.keys import Key, KeyScope
from reseen.gate.policy import Policy
from reseen.gate.state import LastState
from reseen.gate.upload_process import UploadProcesses
from reseen.gate.use import Use
from reseen.match.checkpoint_search import with_base
from reseen.match.checkpoints import KnownBase, known_bases
from reseen.match.live_index import LiveIndex
from reseen.match.stated import NamedIndex, StatedFile, StatedMatch
from reseen.records import Fingerprint
from reseen.registry import bases
from reseen.settings import Settings, sqlite_file
from reseen.store.database import Store
from reseen.store.sealing import Keyring

POLL = 0.5
"""Seconds between two questions for what changed."""
OLD = 5.0
"""Seconds without the store from which on an answer is from the last state."""
CANARY = 10.0
"""Seconds between two canaries."""
SAVE = 60.0
"""Seconds between two savings of the state, at least."""

MOST_ASKED = 4
"""Files in an archive that are asked for parts of merges: each takes up to seconds of a core."""

log = logging.getLogger("reseen.gate")


@dataclass(slots=True)
class _AskedForParts:
    """What was asked of one upload."""

    sketches: int = 0
    """Files that were asked for parts of merges, or had been but for their number."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """May requests be sent here? Only while the canary is answered rightly."""

    ready: bool
    why: str
    """One sentence, without names or places."""


@dataclass(frozen=True, slots=True)
class Status:
    """What metrics tell of the gate."""

    live: bool
    """Whether the store was heard of within the last seconds."""
    version: int
    """The number of the last change that answers are made from."""
    age: float
    """Seconds since the store was last heard of."""
    as_of: datetime | None
    """When that was; None while nothing is known yet."""
    removals: int
    """Removals in force."""
    digests: int
    sketches: int
    checks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(advice, strongest rung or "none") -> sets of digests and files checked since the start."""
    problem: str | None = None
    """What is wrong with the store or the state file, in a sentence."""


@dataclass(frozen=True, slots=True)
class GateConfig:
    """What changes with the store, but for the index: replaced as a whole."""

    keys: Mapping[bytes, Key] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    heard: Heard = field(default_factory=Heard)
    bases: tuple[KnownBase, ...] = ()
    """The base models that checkpoints are told from."""
    bases_version: bytes = b""


@dataclass(frozen=True, slots=True)
class Judge:
    """What the gate knows while it answers one request."""

    index: NamedIndex
    policy: Policy
    heard: Heard
    age: float
    trusted: bool
    """Whether the key's digests count as computed from bytes."""

    def result(self, said: StatedFile) -> Result:
        """One file's answer."""
        return answers.result(self.index.stated(said, trusted=self.trusted), self.policy)

    def answer(self, results: Sequence[Result]) -> bytes:
        """That of all files."""
        return answers.whole(self.heard, self.age < OLD, self.age, results)


class GateProcess:
    """Made once in each worker process. `start` it, and `close` it in the end."""

    def __init__(
        self, settings: Settings, keyring: Keyring | None = None, store: Store | None = None
    ) -> None:
        """`store`: an open one; without it the gate opens its own, again and again while it is
        away. `keyring`: with it a last state is kept, for starts without the store."""
        self._settings = settings
        self._keyring = keyring
        self._store = store
        self._own: Store | None = None
        self.live = LiveIndex(self._snapshot)
        self.known = GateConfig()
        self.use = Use()
        self.uploads = UploadProcesses()
        self._canary = Canary()
        self._canary.put_in(self.live)
        self._loaded = False
        self._canary_at = 0.0
        self._wrong: list[str] = ["start"]
        self._checks: Counter[tuple[str, str]] = Counter()
        self._problems: dict[str, str] = {}
        """By what they are about: store, state, use."""
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []
        self._saved: object = None
        self._lock_file: int | None = None

    # -- beginning and end -----------------------------------------------------------------------

    def start(self) -> None:
        """Load the last state, begin to follow the store. Returns at once; see `ready`."""
        for work, name in ((self._follow, "gate-follow"), (self._keep, "gate-keep")):
            thread = threading.Thread(target=work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop following, end what reads uploads, write down what key uses were counted, keep the
        state."""
        self._end.set()
        self.uploads.close()
        for thread in self._threads:
            thread.join(timeout=10)
        if self._own is not None:
            self._own.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    # -- what is known ---------------------------------------------------------------------------

    def age(self) -> float:
        """Seconds since the store was last heard of."""
        at = self.known.heard.at
        return max(0.0, time.time() - at) if at else 0.0

    @property
    def loaded(self) -> bool:
        """Whether there is anything to answer from."""
        return self._loaded

    def ready(self) -> Readiness:
        """Green only while the canary is answered rightly, again and again."""
        if not self._loaded:
            return Readiness(False, self._problem or "the registry is being loaded")
        if self._wrong:
            return Readiness(False, "the canary is answered wrongly: " + ", ".join(self._wrong))
        if time.monotonic() - self._canary_at > 6 * CANARY:
            return Readiness(False, "nobody has asked for the canary for a while")
        return Readiness(True, "the canary is answered rightly")

    def status(self) -> Status:
        heard, age = self.known.heard, self.age()
        return Status(
            live=bool(heard.at) and age < OLD,
            version=heard.version,
            age=age,
            as_of=heard.as_of,
            removals=len(self.live),
            digests=self.live.digests,
            sketches=self.live.sketched,
            checks=dict(self._checks),
            problem=self._problem,
        )

    @property
    def _problem(self) -> str | None:
        return "; ".join(self._problems.copy().values()) or None

    # -- asking ----------------------------------------------------------------------------------

    def judge(self, key: Key) -> Judge:
        """What to answer one request with, all of it from the same state."""
        known = self.known
        trusted = KeyScope.TRUSTED in key.scopes
        return Judge(self.live.now, known.policy, known.heard, self.age(), trusted)

    def check_file(self, fingerprint: Fingerprint) -> tuple[bytes, Sequence[Result]]:
        """The answer about a file that was read, and its parts for `count`."""
        known = self.known
        fingerprint, found = self._judged(fingerprint, known.bases, _AskedForParts())
        found.sort(key=lambda match: -match.rung)  # stable: the strongest first, then as they lie
        made = answers.result_of_file(found, known.policy, fingerprint)
        age = self.age()
        return answers.of_file(known.heard, age < OLD, age, made, fingerprint), [made]

    def _judged(
        self, read: Fingerprint, known: Sequence[KnownBase], asked: _AskedForParts
    ) -> tuple[Fingerprint, list[StatedMatch]]:
        """A file with what is known of its base, where it is a checkpoint, and the same of each
        file in it; and what they are."""
        asked.sketches += read.sketch is not None
        found = [*self._of_file(read, parts=asked.sketches <= MOST_ASKED)]
        seen, inside = self.live.in_checkpoint(read, found, known)
        read, found = with_base(read, seen), [*found, *inside]
        members = []
        for member in read.members:
            inner, theirs = self._judged(member.fingerprint, known, asked)
            members.append(replace(member, fingerprint=inner))
            for match in theirs:
                place = member.path if match.member is None else f"{member.path}!{match.member}"
                found.append(replace(match, member=place))
        return replace(read, members=tuple(members)), found

    def _of_file(self, fingerprint: Fingerprint, *, parts: bool = True) -> tuple[StatedMatch, ...]:
        found = self.live.match_fingerprint(fingerprint)
        return (*found, *self.live.inside(fingerprint, found)) if parts else found

    def count(self, key: Key, results: Sequence[Result]) -> None:
        """A request was answered so: for metrics and for the audit log."""
        if len(results) == 1:
            (one,) = results
            self._checks[one.advice.value, one.rung] += 1
            self.use.count(key.id, {one.advice.value: 1})
            return
        tally = answers.tally(results)
        self._checks.update(tally)
        words: dict[str, int] = {}
        for (advice, _), number in tally.items():
            words[advice] = words.get(advice, 0) + number
        self.use.count(key.id, words)

    # -- following -------------------------------------------------------------------------------

    def _follow(self) -> None:
        self._begin_with_last_state()
        while not self._end.is_set():
            try:
                with self._reading() as connection:
                    self._catch_up(connection)
                self._problems.pop("store", None)
            except Exception as e:  # noqa: BLE001  whatever it is, the gate goes on answering
                self._trouble("store", e)
            self._end.wait(POLL)

    def _catch_up(self, connection: Connection) -> None:
        self.live.follow(connection)
        heard = Heard(self.live.version, time.time())
        told = (keys.in_force(connection), policy.read(connection), heard)
        self.known = GateConfig(*told, *self._bases(connection))
        if not self._loaded:
            self._look()
            self._loaded = True

    def _bases(self, connection: Connection) -> tuple[tuple[KnownBase, ...], bytes]:
        """Those in use, read when they are others than before."""
        version = bases.version(connection)
        if version == self.known.bases_version:
            return self.known.bases, version
        return tuple(known_bases(bases.sketches(connection))), version

    def _trouble(self, about: str, error: Exception) -> None:
        said = str(error) if isinstance(error, ReseenError) else type(error).__name__
        if self._problems.get(about) != said:
            log.warning("the gate has trouble with its %s: %s", about, said)
        self._problems[about] = said

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._opened().read() as connection:
            yield connection

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """For sketches: one that is away is a StoreError."""
        store = self._store or self._own
        if store is None:
            raise StoreError("the store is away", remedy="See the service's log.")
        with store.read() as connection:
            yield connection

    def _opened(self) -> Store:
        if self._store is not None:
            return self._store
        if self._own is None:
            path = sqlite_file(self._settings.db)
            if path is not None and self._loaded and not path.exists():
                raise StoreError(
                    "the registry's file is not where it was",
                    remedy="Put it back, or start anew without the gate's last state.",
                )
            self._own = Store(self._settings.db, patience=5.0)
        return self._own

    # -- looking after ---------------------------------------------------------------------------

    def _keep(self) -> None:
        saved_at = time.monotonic() - SAVE + 5.0
        looked_at = 0.0
        while not self._end.wait(0.25):
            now = time.monotonic()
            if self._loaded and now - looked_at >= CANARY:
                looked_at = now
                self._look()
            if self.use.due():
                self._write_use(also_now=False)
            if now - saved_at >= SAVE and self._should_save():
                self._save()
                took = time.monotonic() - now
                saved_at = time.monotonic() + 20 * took
        self._write_use(also_now=True)
        if self._should_save():
            self._save()

    def _look(self) -> None:
        wrong = self._canary.wrong(self.live)
        if wrong:  # what changed in this very moment is no error: look again
            wrong = self._canary.wrong(self.live)
        if wrong and wrong != self._wrong:
            log.error("the gate answers its canary wrongly: %s", ", ".join(wrong))
        self._wrong, self._canary_at = wrong, time.monotonic()

    def _write_use(self, *, also_now: bool) -> None:
        if not self.use.due(also_now=also_now):
            return
        try:
            store = self._store or self._own
            if store is None:
                return
            with store.write() as connection:
                some = self.use.write(connection, also_now=also_now)
            self.use.written(some)
            self._problems.pop("use", None)
        except Exception as e:  # noqa: BLE001  they wait for a store that takes them
            self._trouble("use", e)
            self._end.wait(1.0)

    # -- the last state --------------------------------------------------------------------------

    @property
    def _path(self) -> Path:
        return (self._settings.state or self._settings.home / "gate") / state.FILE

    def _begin_with_last_state(self) -> None:
        if self._keyring is None:
            return
        try:
            try:
                last = state.last(self._path, self._keyring)
            except Tampered:
                # Another worker may have kept a newer one in this very moment.
                last = state.last(self._path, self._keyring)
        except Tampered as e:
            self._trouble("state", e)
            return
        if last is None:
            return
        self.live.put_back(last.index, last.names)
        heard = Heard(self.live.version, last.at)
        self.known = GateConfig(last.keys, last.policy, heard)
        self._saved = self._content()
        self._look()
        self._loaded = True

    def _should_save(self) -> bool:
        """Is there something new, and are we the worker that keeps it?"""
        if self._keyring is None or not self._loaded or self.age() > OLD:
            return False
        return self._content() != self._saved and self._is_keeper()

    def _content(self) -> object:
        """What tells one state from another; an hour is another too, for a state says its age."""
        known = self.known
        return known.heard.version, known.keys, known.policy, int(known.heard.at) // 3600

    def _is_keeper(self) -> bool:
        """One worker of a machine writes the file: the first that holds the lock."""
        if self._lock_file is not None:
            return True
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(
                self._path.with_name("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as e:
            self._trouble("state", e)
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._lock_file = lock
        return True

    def _save(self) -> None:
        assert self._keyring is not None
        content, known, now = self._content(), self.known, self.live.now
        last = LastState(now.index, now.names, known.keys, known.policy, known.heard.at)
        try:
            state.keep(self._path, self._keyring, last)
            self._saved = content
            self.live.forget_background()
            self._problems.pop("state", None)
        except ReseenError as e:
            self._trouble("state", e)
