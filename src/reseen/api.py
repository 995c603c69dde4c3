"""The Python face: fingerprints and comparisons of files, and a registry to ask.

Values are those of `reseen.records`, of `reseen.operations` and of `reseen.match.compare`. Nothing
heavy is imported before it is needed. docs/python.md shows all of it; a test runs its examples.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from reseen.match.same import SameContent as SameContent
from reseen.match.same import same
from reseen.records import Fingerprint

if TYPE_CHECKING:
    from reseen.fingerprints.sketch import Sketch
    from reseen.match.calibration import Background
    from reseen.match.compare import Comparison
    from reseen.match.rows import RowsComparison
    from reseen.operations.checks import Checked, Checker
    from reseen.operations.lists import FilesAdded, Imported
    from reseen.operations.removals import RemovalChanged
    from reseen.records import Removal, Sighting
    from reseen.registry.lookup import LookupResult
    from reseen.settings import Settings
    from reseen.store.database import Store
    from reseen.store.sealing import Keyring

StrPath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Incomparable:
    """Two things that could not be compared. Where a `Comparison` has figures, this has none."""

    why: str
    """The reason, in a sentence."""
    is_copy: bool = False


def fingerprint(path: StrPath) -> Fingerprint:
    """All digests and the sketch of a local file, in one pass over its bytes.

    `Fingerprint.sketch` is in the byte layout of docs/sketch.md; where there is none,
    `Fingerprint.no_sketch` says why. Raises `reseen.errors.FileError` when the file cannot be read
    at all; a damaged one is no error, but has its `problem` said.
    """
    from reseen.fingerprints.whole import fingerprint as whole

    return whole(Path(path))


def sketch(path: StrPath) -> Sketch:
    """The sketch alone, without hashing the file. Raises `reseen.errors.FileError`, and says why,
    when there is none."""
    from reseen.errors import FileError

    found = _sketches(path)
    if isinstance(found, str):
        raise FileError(f"there is no sketch: {found}")
    return found[0]


def compare(
    a: StrPath | bytes | Sketch | Fingerprint,
    b: StrPath | bytes | Sketch | Fingerprint,
    background: Background | None = None,
) -> Comparison | RowsComparison | SameContent | Incomparable:
    """How alike the updates of two adapters are; `a` plays the removal.

    Each is a file, a stored sketch (bytes, or a `Sketch`), or a `Fingerprint`. `background`: real
    adapters of the same architecture that are nobody's copies (`Registry.background`); without one
    the p-value is uncalibrated, and says so. `why` says what was found, or why nothing could be
    said. Files and fingerprints whose updates cannot be compared are still known to be the same, by
    their bytes or tensors: a `SameContent`; embeddings (textual inversion) by their rows: a
    `RowsComparison`. Raises `reseen.errors.FileError` for a file that cannot be read, and its
    subclass `Malformed` for bytes that are no sketch.
    """
    from reseen.match.calibration import NO_BACKGROUND
    from reseen.match.compare import closest, obstacle

    first, second = _sketches(a), _sketches(b)
    if isinstance(first, str) or isinstance(second, str):
        which, why = ("first", first) if isinstance(first, str) else ("second", second)
        unlike = Incomparable(f"The {which} has no sketch: {why}.")
        return _same(a, b) or _by_rows(a, b) or unlike
    two = closest(first, second, NO_BACKGROUND if background is None else background)
    if two is None:
        return _same(a, b) or Incomparable(obstacle(first[0], second[0]) or "")
    return two[2]


def _same(
    a: StrPath | bytes | Sketch | Fingerprint, b: StrPath | bytes | Sketch | Fingerprint
) -> SameContent | None:
    """Whether two files, or their fingerprints, are the same by their digests."""
    read: list[Fingerprint] = []
    for given in (a, b):
        if isinstance(given, Fingerprint):
            read.append(given)
        elif isinstance(given, (str, PathLike)):
            read.append(fingerprint(given))
        else:
            return None  # of a sketch, nothing else is known
    return same(*read)


def _by_rows(
    a: StrPath | bytes | Sketch | Fingerprint, b: StrPath | bytes | Sketch | Fingerprint
) -> RowsComparison | Incomparable | None:
    """How alike their embeddings are; None where they have none."""
    from reseen.fingerprints.rows import decode
    from reseen.match.rows import NO_COPY, compare_rows

    rows: list[bytes] = []
    for given in (a, b):
        if isinstance(given, (str, PathLike)):
            given = fingerprint(given)
        if isinstance(given, Fingerprint) and given.rows is not None:
            rows.append(given.rows)
    if len(rows) < 2:
        return None
    return compare_rows(decode(rows[0]), decode(rows[1])) or Incomparable(NO_COPY)


def _sketches(given: StrPath | bytes | Sketch | Fingerprint) -> tuple[Sketch, ...] | str:
    """The sketches of all adapters in it, of a file under all its names, or why there is none."""
    from reseen.fingerprints.sketch import Sketch, decode

    if isinstance(given, Sketch):
        return (given,)
    if isinstance(given, Fingerprint):
        if given.sketch is None:
            return given.no_sketch or "no updates in it"
        return tuple(map(decode, (given.sketch, *given.further_sketches)))
    if isinstance(given, bytes):
        return (decode(given),)
    from reseen.errors import Malformed, TooLarge, Unread
    from reseen.fingerprints.local import sketch_of

    try:
        sketched = sketch_of(Path(given))
    except (Malformed, TooLarge, Unread) as e:
        return str(e)
    return sketched.under_any_names or sketched.reason or "no updates in it"


class Registry:
    """What was removed and what was seen, in one store. `with Registry.open() as registry:`

    Threads may share one. Every method raises `reseen.errors.StoreError` when the store cannot be
    used.
    """

    def __init__(self, store: Store, settings: Settings, keyring: Keyring | None) -> None:
        """Use `Registry.open`."""
        self._store, self._settings, self._keyring = store, settings, keyring
        self._checker: Checker | None = None

    @classmethod
    def open(cls, store: StrPath | None = None, *, make: bool = False) -> Registry:
        """Open a registry: a path, or a URL; without one RESEEN_DB and the usual place.

        `make`: make one where there is none; otherwise that is `reseen.errors.StoreMissing`. One
        that can only be read serves all that only looks. The sealing key comes from RESEEN_KEY or
        RESEEN_KEY_FILE; without it all but names works.
        """
        from reseen.settings import Settings, store_url
        from reseen.store.database import Opening, Store
        from reseen.store.sealing import Keyring

        settings = Settings.from_environment()
        if store is not None:
            settings = replace(settings, db=store_url(fspath(store)))
        opened = Store(settings.db, opening=Opening.MAKE if make else Opening.LOOK)
        try:
            return cls(opened, settings, Keyring.for_store(opened, settings, create=False))
        except BaseException:
            opened.close()
            raise

    def check(self, file: StrPath | Fingerprint) -> Checked:
        """Is a file a removed model? `matched` says so, `matches` which and why.

        Takes a path, or what `reseen.fingerprint` gave. Raises `reseen.errors.FileError` when the
        file cannot be read, and `InputError` when the registry is empty: nothing could match.
        """
        from reseen.operations.checks import Checker

        if self._checker is None:
            self._checker = Checker(self._store, self._keyring)
        if isinstance(file, Fingerprint):
            return self._checker.match(file)
        return self._checker.check(Path(file))

    def import_list(
        self,
        path: StrPath,
        *,
        name: str | None = None,
        columns: Mapping[str, str] | None = None,
        site: str | None = None,
        rejects: StrPath | None = None,
    ) -> Imported:
        """Import a list of removed models, as `reseen registry import` does, and match what is new
        against all that was seen before. `account` says what became of every row.

        `name`: of the list. `columns`: a column's header -> the field to treat it as. `site`: where
        models without a link were removed from. `rejects`: where rejected rows are written; nowhere
        without it. A sealing key is made where the registry has none. Raises
        `reseen.errors.ListError`.
        """
        from reseen.operations import lists
        from reseen.registry.imports import ImportOptions

        options = ImportOptions(
            list_name=name,
            columns=dict(columns or {}),
            site=site,
            rejects=None if rejects is None else Path(rejects),
            keep_rejects=rejects is not None,
        )
        return lists.import_list(self._store, self._key(), Path(path), options)

    def add_files(
        self,
        paths: Iterable[StrPath],
        *,
        list: str = "local",
        site: str | None = None,
        name: str | None = None,
        reason: str | None = None,
        cls: str | None = None,
    ) -> FilesAdded:
        """Register local files, and all files under folders, as `reseen registry add` does. `files`
        says what became of each. `name` and `reason` are sealed. `cls`: the class of what they are,
        as in docs/lists.md."""
        from reseen.operations import lists
        from reseen.records import Names
        from reseen.registry.adds import AddOptions
        from reseen.registry.classes import class_named

        names = Names(name=name, reason=reason) if name or reason else None
        options = AddOptions(list, site, names, None if cls is None else class_named(cls))
        return lists.add_files(self._store, self._key(), [Path(p) for p in paths], options)

    def withdraw(self, removal: str, why: str) -> RemovalChanged:
        """Take a removal out of force, with all that follows. `why` is sealed and recorded. Raises
        `reseen.errors.NotFound`."""
        from reseen.operations.removals import withdraw

        return withdraw(self._store, self._keyring, removal, why)

    def restore(self, removal: str, why: str) -> RemovalChanged:
        """Put a withdrawn removal back in force, and match it against what was seen meanwhile."""
        from reseen.operations.removals import restore

        return restore(self._store, self._keyring, removal, why)

    def lookup(self, query: str, *, limit: int = 100) -> LookupResult:
        """The removals that a name, a former link, an id or a digest names, and where each was seen
        again. Names are sealed: they are found as a whole, and only with the key."""
        from reseen.registry.lookup import find

        return find(self._store, self._keyring, query, limit=limit)

    def removals(self, *, list: str | None = None, withdrawn: bool = False) -> Iterator[Removal]:
        """Removals in force; with `withdrawn` also those that are not."""
        from reseen.registry.removals import every

        with self._store.read() as connection:
            yield from every(connection, list=list, withdrawn=None if withdrawn else False)

    def sightings(
        self,
        *,
        removal: str | None = None,
        hub: str | None = None,
        repo: str | None = None,
        author: str | None = None,
        states: Collection[str] = (),
        withdrawn: bool = False,
    ) -> Iterator[Sighting]:
        """Sightings, newest first; all that is given must hold. `states`: of "live", "gone",
        "disabled", "unreachable". With `withdrawn` also sightings of withdrawn removals."""
        from reseen.observed import sightings
        from reseen.records import SightingState

        which = sightings.SightingFilter(
            removal=removal,
            hub=hub,
            repo=repo,
            author=author,
            states=frozenset(map(SightingState, states)) or None,
            withdrawn=None if withdrawn else False,
        )
        with self._store.read() as connection:
            yield from sightings.every(connection, which)

    def background(self, architecture: str) -> Background:
        """Sketches of what scans read that are nobody's copies, for `reseen.compare`."""
        from reseen.match import background

        with self._store.read() as connection:
            return background.load(connection, architecture)

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _key(self) -> Keyring:
        from reseen.errors import SealError
        from reseen.store.sealing import Keyring

        if self._keyring is None:
            self._keyring = Keyring.for_store(self._store, self._settings, create=True)
        if self._keyring is None:
            raise SealError("there is no sealing key", remedy="Set RESEEN_KEY or RESEEN_KEY_FILE.")
        return self._keyring
