"""The folder of a sweep: what is swept, and each part that is done, with its counts and its MAC.

`sweep.json` says of which manifest, index and depth all parts are; `part-00000000.parquet` is one
part, and `part-00000000.json` its mark: how many rows, what became of them, the part's BLAKE3, and
a MAC under the key of indexes. The mark is written last, and whole or not at all, and goes before
the part is written anew: a part without one, or with another's, is done again. Nobody without the
key can write a part that is taken for one. The folder is its owner's alone: it holds digests and
places.
"""

from __future__ import annotations

import errno
import hmac
import json
import os
import secrets
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from blake3 import blake3

from reseen.errors import InputError, Tampered

if TYPE_CHECKING:
    import pyarrow

FORMAT = 3
"""2 did not say of a file that it is a Git LFS pointer."""
SWEEP = "sweep.json"
_DOMAIN = b"reseen sweep 3\n"
_LARGEST = 1 << 20
_AGAIN = "Sweep it again, into a new folder."


@dataclass(frozen=True, slots=True)
class Sweep:
    """What all parts of a folder are of."""

    manifest: str
    """The BLAKE3 of its file."""
    rows: int
    part_rows: int
    index: str
    """The MAC of the saved index."""
    registry: str
    """What tells the store that the index is of from every other."""
    store: str
    """Where the objects are: `ObjectStore.address`."""
    depth: str

    @property
    def parts(self) -> int:
        return -(-self.rows // self.part_rows)

    def bounds(self, part: int) -> tuple[int, int]:
        """The rows of a part: the first, and the one after the last."""
        first = part * self.part_rows
        return first, min(first + self.part_rows, self.rows)

    @property
    def id(self) -> str:
        """32 hex digits: equal for two folders of the same."""
        return blake3(_canonical(asdict(self))).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said of a part."""

    part: int
    rows: int
    counts: Mapping[str, int]
    """By status."""
    removals: int
    """Rows in which a removal stands, of whatever status."""
    bytes_read: int
    blake3: str


@dataclass(frozen=True, slots=True)
class BadPart:
    """One that is not what was written, or whose mark is not: half of a copy, or worse."""

    part: int
    reason: str


def begin(folder: Path, key: bytes, sweep: Sweep) -> None:
    """Make the folder, or see that it is of this sweep. Raises InputError where it holds another,
    or something else, and Tampered where it was written with another key."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = {each.name for each in folder.iterdir() if not each.name.startswith(".")}
        # Another shard may begin right now: what it writes comes after its `sweep.json`, so that is
        # looked for once more after anything else was seen.
        if SWEEP not in there and not (folder / SWEEP).exists():
            if there:
                raise InputError(
                    "the folder holds something else: it is left as it is",
                    remedy="Name a folder that is new.",
                )
            _write_whole(folder / SWEEP, _signed({"format": FORMAT, **asdict(sweep)}, key))
    except OSError as e:
        raise _cannot_write(e) from None
    if opened(folder, key) != sweep:
        raise InputError(
            "the folder is of another sweep: another manifest, index, store or depth",
            remedy="Name a folder that is new, or give what it was begun with.",
        )


def opened(folder: Path, key: bytes) -> Sweep:
    """What a folder's parts are of. Raises InputError where there is no sweep, and Tampered."""
    try:
        told = _verified(
            folder / SWEEP, key, "Give the key of the index, or sweep again, into a new folder."
        )
    except OSError as e:
        raise InputError(
            f"there is no sweep: {e.strerror}", remedy="Name the folder of `reseen sweep run`."
        ) from None
    if told.pop("format", None) != FORMAT:
        raise Tampered("the sweep is of another format", remedy=_AGAIN)
    return Sweep(**told)


def write(folder: Path, key: bytes, sweep: Sweep, part: int, table: pyarrow.RecordBatch) -> Mark:
    """Write a part and, when it is on the disk, its mark. Raises InputError."""
    import pyarrow
    import pyarrow.parquet

    first, last = sweep.bounds(part)
    if table.num_rows != last - first:
        raise ValueError("a part has one row for each of the manifest")
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_batches([table]), sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    counts = Counter(table.column("status").to_pylist())
    removals = table.num_rows - table.column("removal").null_count
    read = sum(table.column("bytes_read").to_pylist())
    mark = Mark(part, table.num_rows, dict(sorted(counts.items())), removals, read, _hash(data))
    try:
        _mark(folder, part).unlink(missing_ok=True)
        _write_whole(_data(folder, part), data)
        _write_whole(_mark(folder, part), _signed({**asdict(mark), "sweep": sweep.id}, key))
    except OSError as e:
        raise _cannot_write(e) from None
    return mark


def done(folder: Path, key: bytes, sweep: Sweep, part: int) -> Mark | None:
    """The mark of a part that is there, as it was written; None where it is to be done, or done
    again."""
    try:
        mark = _mark_of(folder, key, sweep, part)
        verify(folder, mark)
        return mark
    except (OSError, Tampered):
        return None


def marks(folder: Path, key: bytes, sweep: Sweep) -> Iterator[Mark]:
    """Those that are there, in order, whether or not their parts are. Raises Tampered."""
    for each in found(folder, key, sweep):
        if isinstance(each, BadPart):
            raise Tampered(each.reason, remedy=_anew(each.part))
        yield each


def found(folder: Path, key: bytes, sweep: Sweep) -> Iterator[Mark | BadPart]:
    """The same, and those that are none."""
    for part in range(sweep.parts):
        try:
            yield _mark_of(folder, key, sweep, part)
        except FileNotFoundError:
            continue
        except Tampered as e:
            yield BadPart(part, str(e))
        except OSError as e:
            yield BadPart(part, f"the mark of part {part} cannot be read: {e.strerror}")


def is_coming(folder: Path, key: bytes, sweep: Sweep, mark: Mark) -> bool:
    """Where a part could not be read: is it on its way? Its mark was copied first, or it is being
    done again."""
    if not os.path.lexists(_data(folder, mark.part)):
        return True
    try:
        return _mark_of(folder, key, sweep, mark.part) != mark
    except FileNotFoundError:
        return True
    except OSError:
        return False


def verify(folder: Path, mark: Mark) -> None:
    """Raises Tampered for a part that is not what was written."""
    _read(folder, mark)


def rows(folder: Path, mark: Mark) -> list[dict[str, Any]]:
    """The rows of a part. Raises Tampered for anything that is not what was written."""
    import pyarrow
    import pyarrow.parquet

    data = pyarrow.py_buffer(_read(folder, mark))
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(data).to_pylist()
    return found


def _read(folder: Path, mark: Mark) -> bytes:
    part = mark.part
    try:
        with _opened(_data(folder, part)) as file:
            data = file.read()
    except OSError as e:
        raise Tampered(f"part {part} cannot be read: {e.strerror}", remedy=_anew(part)) from None
    if not hmac.compare_digest(_hash(data), mark.blake3):
        raise Tampered(f"part {part} is not what was written", remedy=_anew(part))
    return data


def _anew(part: int) -> str:
    return f"Run the sweep again: part {part} is done anew."


def _mark_of(folder: Path, key: bytes, sweep: Sweep, part: int) -> Mark:
    told = _verified(_mark(folder, part), key, _anew(part))
    if told.pop("sweep", None) != sweep.id or told.get("part") != part:
        raise Tampered(f"part {part} is of another sweep, or of another place", remedy=_anew(part))
    return Mark(**told)


def _data(folder: Path, part: int) -> Path:
    return folder / f"part-{part:08}.parquet"


def _mark(folder: Path, part: int) -> Path:
    return folder / f"part-{part:08}.json"


def _hash(data: bytes) -> str:
    return blake3(data).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _mac(value: Mapping[str, Any], key: bytes) -> str:
    return blake3(_DOMAIN + _canonical(value), key=key).hexdigest()


def _signed(value: Mapping[str, Any], key: bytes) -> bytes:
    return json.dumps({**value, "mac": _mac(value, key)}, indent=1).encode("ascii")


def _opened(path: Path) -> BinaryIO:
    """A regular file: nothing else is waited for. Raises OSError."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no file")
    return file


def _verified(path: Path, key: bytes, remedy: str) -> dict[str, Any]:
    """What `_signed` wrote. Raises OSError, and Tampered."""
    with _opened(path) as file:
        data = file.read(_LARGEST)
    try:
        told = json.loads(data)
        mac = told.pop("mac")
        good = hmac.compare_digest(str(mac).encode(), _mac(told, key).encode())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = False
    if not good:
        raise Tampered(
            f"{path.name} was not written with this key, or is not what was written", remedy=remedy
        )
    return dict(told)


def _write_whole(path: Path, data: bytes) -> None:
    """It is there whole or not at all, for its owner alone. Raises OSError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _cannot_write(error: OSError) -> InputError:
    return InputError(
        f"the sweep's folder cannot be written to: {error.strerror}",
        remedy="Check the folder and its disk.",
    )
