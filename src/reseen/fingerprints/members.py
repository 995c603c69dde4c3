"""Files that come as a stream (an upload, a member of an archive), and what is in archives, each
file of it with a fingerprint of its own.

A safetensors file streams through: its header comes first, and of its weights no more is held at a
time than its layers need (`sketcher.MOST_HELD`). Others that are looked into (a torch file keeps
its directory at its end) go into a temporary file that has no name and is gone with the process.
All others are hashed as they come.

A member's trouble costs that member only, an archive's costs what is in it: the digests of the
archive itself stand, and what was not read is said.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from reseen.errors import FileError, Malformed, TooLarge, bulkhead
from reseen.files import (
    archives,
    lfs_pointer,
    limits,
    npz,
    system_limits,
    torch_zip,
    zip_directory,
)
from reseen.files.archives import ARCHIVES, TOGETHER, Packed, UnpackBudget
from reseen.files.behind import archive_within
from reseen.files.containers import READ
from reseen.files.identify import HEAD_LENGTH, identify
from reseen.files.source import (
    FileParts,
    LocalFile,
    OpenFile,
    OpenSpool,
    Range,
    run,
    standing_beside,
)
from reseen.files.torch_zip import BESIDE
from reseen.files.zip_packed import write_plain
from reseen.fingerprints.config import NAME as CONFIG
from reseen.fingerprints.config import ArchiveConfigs, configs_in_zip
from reseen.fingerprints.digests import (
    BEHIND,
    BLOCK,
    ENDS_OTHERWISE,
    PICTURES,
    ZIP_AT_END,
    Fingerprinter,
    WholeFile,
    look_inside,
    whole_digests,
)
from reseen.records import BlindSpot, Container, DigestKind, Fingerprint, Member
from reseen.updates.peft import PeftConfig

if TYPE_CHECKING:
    from reseen.fingerprints.weights_read import WeightsRead

NO_SKETCH = "an archive: what is in it is judged file by file"
TOO_DEEP = BlindSpot("too-deep", "an archive in an archive in an archive: not opened")
ON_POINTER = BlindSpot(lfs_pointer.IN_ARCHIVE, lfs_pointer.PULL)
NOT_THE_FIRST = BlindSpot(
    archives.SEVERAL_PARTS.code,
    "one of several parts of an archive: it is read with the first of them",
)
_TORCH = (Container.TORCH_ZIP, Container.TORCHSCRIPT)
_FIRST_PART = re.compile(r"\.(?:z(01)|(?:7z|zip|tar|tgz|gz|xz|bz2|zst)\.(0{1,3}1))$", re.I)
_OTHER_PART = re.compile(r"\.(?:z\d{2}|(?:7z|zip|tar|tgz|gz|xz|bz2|zst)\.\d{2,4})$", re.I)
_MOST_PARTS = 512
"""Each is an open file, of which a process may mostly have 1,024, and other threads need some."""
_LONGEST_KEPT = 2 << 30
"""Bytes of a file of no known kind that are kept for an archive that may stand at its end; of a
longer one that is said."""

Forbidden = Callable[[Fingerprint], bool]
"""Told the digests of a whole file: may nothing more of it be read?"""


def needs_its_end(head: bytes, size: int) -> bool:
    """Can a file that begins so be read only when all of it is there?"""
    container = identify(head[:HEAD_LENGTH], size)
    if container is Container.SAFETENSORS:
        return False
    # Whatever its first entry is called: torch looks for data.pkl in the directory.
    return container in READ or container in ARCHIVES or head[:4] in zip_directory.MAGIC


def _may_end_otherwise(head: bytes, size: int) -> bool:
    """Whether a file, not too long to be kept, may hold an archive behind its beginning."""
    is_long = size > _LONGEST_KEPT or size < archives.SMALLEST
    return not is_long and identify(head[:HEAD_LENGTH], size) in ENDS_OTHERWISE


def read_stream(
    pieces: Iterable[bytes],
    size: int | None,
    forbidden: Forbidden | None = None,
    *,
    budget: UnpackBudget | None = None,
    depth: int = 0,
    config: PeftConfig | None = None,
) -> Fingerprint:
    """The fingerprint of a file of `size` bytes (None: nobody knows yet). `forbidden`: asked before
    anything in a file is looked at that has to be kept for it; None: nothing is. `budget` and
    `depth`: of the archives that it stands in. `config`: the adapter_config.json beside it there.

    Raises FileError when other bytes come than were announced.
    """
    blocks = in_blocks(pieces)
    first = next(blocks, b"")
    shared = budget if depth else None
    if size is not None and shared is not None and shared.work < 0:
        return _by_digests(size, chain((first,), blocks))
    if size is None or needs_its_end(first, size) or _may_end_otherwise(first, size):
        return _spooled(size, chain((first,), blocks), forbidden, budget, depth, config)
    pass_ = Fingerprinter(size, config=config, shared=shared)
    every = chain((first,), blocks)
    if budget is None or budget.checkpoints < 1:
        for block in every:
            pass_.update(block)
        return pass_.finish()
    from reseen.fingerprints.passing_layers import PassingLayers  # numpy, which few files need

    with PassingLayers(size) as layers:
        for block in layers.passing(every):
            pass_.update(block)
        return _with_layers(pass_.finish(), layers.read, forbidden, budget)


def _with_layers(
    read: Fingerprint,
    layers: Callable[[], WeightsRead | None],
    forbidden: Forbidden | None,
    budget: UnpackBudget | None,
) -> Fingerprint:
    """The same with some layers, where it may be a checkpoint and may be read."""
    is_other = read.sketch is not None or read.rows is not None or read.problem is not None
    if budget is None or budget.checkpoints < 1 or is_other or read.container not in READ:
        return read
    weights = None if forbidden is not None and forbidden(read) else layers()
    if weights is None:
        return read
    budget.checkpoints -= 1
    read = replace(read, blind=(*read.blind, *weights.blind))
    return replace(read, weights=weights.sketch.encode()) if weights.is_enough else read


def _by_digests(size: int, blocks: Iterable[bytes]) -> Fingerprint:
    whole = WholeFile(size)
    for block in blocks:
        whole.update(block)
    spot = BlindSpot(TooLarge.code, TOGETHER)
    return replace(whole.finish(), problem=TOGETHER, no_sketch=TOGETHER, blind=(spot,))


def in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in pieces worth hashing."""
    parts: list[bytes] = []
    length = 0
    for piece in pieces:
        parts.append(piece)
        length += len(piece)
        if length >= BLOCK:
            yield b"".join(parts)
            parts, length = [], 0
    if parts:
        yield b"".join(parts)


def _spooled(
    size: int | None,
    blocks: Iterator[bytes],
    forbidden: Forbidden | None,
    budget: UnpackBudget | None,
    depth: int,
    config: PeftConfig | None,
) -> Fingerprint:
    with tempfile.TemporaryFile("w+b", buffering=0, prefix="reseen-") as spool:  # 0600, no name
        came = 0
        for block in blocks:
            came += len(block)
            if size is not None and came > size:
                raise Malformed("the file is longer than announced")
            spool.write(block)
        if size is not None and came < size:
            raise Malformed("the file broke off before its end")
        source = OpenSpool(spool.fileno(), came)
        return read_spool(source, forbidden, budget=budget, depth=depth, config=config)


def read_spool(
    source: OpenSpool,
    forbidden: Forbidden | None,
    *,
    budget: UnpackBudget | None = None,
    depth: int = 0,
    config: PeftConfig | None = None,
) -> Fingerprint:
    """As `read_stream`, of a file all of which is at hand."""
    if forbidden is not None and forbidden(told := whole_digests(source)):
        return told  # nothing in it is looked at, and the file is gone
    inside = run(source, look_inside(source.size, thorough=True))
    pass_ = Fingerprinter(source.size, inside, config, shared=budget if depth else None)
    for at in range(0, source.size, BLOCK):
        pass_.update(source.read(Range(at, BLOCK)))
    read = _with_layers(pass_.finish(), partial(_layers_of, source), None, budget)
    return with_members(source, read, forbidden, budget=budget, depth=depth)


def _layers_of(source: OpenSpool) -> WeightsRead | None:
    from reseen.fingerprints.passing_layers import layers_of  # as above

    return layers_of(source)


# -- archives ------------------------------------------------------------------------------------


def with_members(
    source: OpenFile,
    read: Fingerprint,
    forbidden: Forbidden | None = None,
    *,
    budget: UnpackBudget | None = None,
    depth: int = 0,
) -> Fingerprint:
    """The same with what is in it, where it is an archive. `forbidden`: as in `read_stream`.
    `depth`: archives that it stands in."""
    if read.problem in (npz.COMPRESSED, torch_zip.COMPRESSED):
        return _decompressed(source, read, forbidden, budget or UnpackBudget.of(source.size), depth)
    if (spots := tuple(spot for spot in read.blind if spot in (ZIP_AT_END, BEHIND))) != ():
        return _with_archive_within(source, read, spots, forbidden, budget, depth)
    if not is_archive(read):
        return read
    if depth >= limits.NESTED:
        return replace(read, problem=TOO_DEEP.reason, no_sketch=NO_SKETCH, blind=(TOO_DEEP,))
    found, spots = _members(
        source, read.container, forbidden, budget or UnpackBudget.of(source.size), depth
    )
    if read.container in _TORCH:
        # Whether or not it can be read itself, what stands beside its own parts is looked at.
        its_own = (Container.UNKNOWN,) if read.problem else (Container.UNKNOWN, Container.PICKLE)
        beside = tuple(m for m in found if m.fingerprint.container not in its_own)
        every = len(beside) >= _beside(read)
        blind = tuple(spot for spot in read.blind if not (every and spot.reason == BESIDE))
        return replace(read, members=beside, blind=blind)
    problem = spots[0].reason if spots and not found else None
    return replace(read, problem=problem, no_sketch=NO_SKETCH, blind=spots, members=found)


def _with_archive_within(
    source: OpenFile,
    read: Fingerprint,
    spots: tuple[BlindSpot, ...],
    forbidden: Forbidden | None,
    budget: UnpackBudget | None,
    depth: int,
) -> Fingerprint:
    """The same with what is in an archive that stands in it behind other bytes. `spots`: what says
    that there is one, until it is read."""
    rest = tuple(spot for spot in read.blind if spot not in spots)
    if depth >= limits.NESTED:
        return replace(read, blind=(*rest, TOO_DEEP))
    try:
        with bulkhead():
            within = archive_within(source, ends_as_zip=ZIP_AT_END in spots)
    except FileError as e:
        return replace(read, blind=(*read.blind, BlindSpot(e.code, str(e))))
    if within is None:
        return read
    container, view = within
    budget = budget or UnpackBudget.of(source.size)
    found, said = _members(view, container, forbidden, budget, depth)
    if not found:
        return replace(read, blind=(*read.blind, *said))
    no_sketch = read.no_sketch if read.rows is not None else NO_SKETCH
    return replace(read, problem=None, no_sketch=no_sketch, blind=(*rest, *said), members=found)


def _decompressed(
    source: OpenFile,
    read: Fingerprint,
    forbidden: Forbidden | None,
    budget: UnpackBudget,
    depth: int,
) -> Fingerprint:
    """The fingerprint of a torch file, or of numpy's arrays, that is compressed: with what the same
    entries tell as they are. Of what cannot be unpacked the digests stand."""
    try:
        with bulkhead(), tempfile.TemporaryFile("w+b", prefix="reseen-") as spool:
            write_plain(source, spool, budget)
            spool.flush()
            size = os.fstat(spool.fileno()).st_size
            plain = OpenSpool(spool.fileno(), size)
            with system_limits.limits(size):
                pass_ = Fingerprinter(size, run(plain, look_inside(size, thorough=True)))
                for at in range(0, size, BLOCK):
                    pass_.update(plain.read(Range(at, BLOCK)))
            told = _with_layers(pass_.finish(), partial(_layers_of, plain), None, budget)
            inner = with_members(plain, told, forbidden, budget=budget, depth=depth)
    except FileError as e:
        return replace(read, problem=str(e), no_sketch=str(e), blind=(BlindSpot(e.code, str(e)),))
    tensors = inner.digest(DigestKind.TENSORS_BLAKE3)
    found = [*read.digests] if tensors is None else [*read.digests, tensors]
    return replace(
        inner,
        size=read.size,
        digests=tuple(sorted(found, key=lambda digest: digest.kind)),
        data_size=None,
    )


def models_by_digests(path: Path) -> tuple[tuple[Member, ...], tuple[BlindSpot, ...]]:
    """The models in an archive, each by the digests of its bytes and nothing else, and what was not
    read; nothing of a file that is none. What an archive in it holds is not looked at."""
    with LocalFile(path) as source, system_limits.limits(source.size):
        container = identify(source.read(Range(0, HEAD_LENGTH)), source.size)
        if container in _TORCH or container not in ARCHIVES:
            return (), ()
        found, spots = _members(source, container, _at_once, UnpackBudget.of(source.size), 0)
        return tuple(m for m in found if m.fingerprint.container in READ), spots


def _at_once(_: Fingerprint) -> bool:
    """Of no file is more than its digests to be looked at."""
    return True


def is_archive(read: Fingerprint) -> bool:
    """Whether a file holds others, by what was read of it: a zip that is no torch file, or holds
    more than one does, and no archive of arrays."""
    if read.container in _TORCH and _beside(read):
        return True
    by_directory = read.container in archives.BY_DIRECTORY and read.problem is not None
    return by_directory or read.container in archives.BY_PROCESS


def _beside(read: Fingerprint) -> int:
    """Files in a torch file that are no part of it."""
    return sum(spot.count for spot in read.blind if spot.reason == BESIDE)


def with_parts(
    path: Path,
    source: LocalFile,
    read: Fingerprint,
    forbidden: Forbidden | None,
    checkpoints: int = 0,
) -> Fingerprint:
    """As `with_members`, for a file by its path: the parts of an archive that stand beside the
    first are read as one. `checkpoints`: of how many in it some layers are sketched."""

    def budget(size: int) -> UnpackBudget:
        return replace(UnpackBudget.of(size), checkpoints=checkpoints)

    first = _FIRST_PART.search(path.name)
    if first is None and read.container is Container.UNKNOWN and _is_other_part(path, source):
        return replace(read, problem=NOT_THE_FIRST.reason, blind=(NOT_THE_FIRST,))
    if first is None or read.container not in ARCHIVES:
        return with_members(source, read, forbidden, budget=budget(source.size))
    with ExitStack() as opened:
        try:
            others = [opened.enter_context(LocalFile(each)) for each in _other_parts(path, first)]
        except FileError:  # of another file: this one's digests are known
            spot = archives.SEVERAL_PARTS
            return replace(read, problem=spot.reason, blind=(*read.blind, spot))
        whole = FileParts((source, *others))
        return with_members(whole, read, forbidden, budget=budget(whole.size))


def _is_other_part(path: Path, source: LocalFile) -> bool:
    """Whether a file is called like a part of an archive that is not its first, or is the end of a
    zip whose first part stands beside it."""
    if _OTHER_PART.search(path.name):
        return True
    if path.suffix.lower() != ".zip" or standing_beside(path, f"{path.stem}.z01") is None:
        return False
    length = min(source.size, zip_directory.TAIL)
    return zip_directory.is_last_of_several(source.read(Range(source.size - length, length)))


def _other_parts(path: Path, first: re.Match[str]) -> Iterator[Path]:
    """Those that stand beside the first part. Of a zip that its maker cut, its end is the last, and
    without that there is nothing to read."""
    number = first[1] or first[2]
    begin = path.name[: -len(number)]
    end = standing_beside(path, f"{begin}ip") if first[1] else None
    if first[1] and end is None:
        return
    for each in range(2, _MOST_PARTS):
        part = standing_beside(path, f"{begin}{each:0{len(number)}d}")
        if part is None:
            break
        yield part
    if end is not None:
        yield end


def _members(
    source: OpenFile,
    container: Container,
    forbidden: Forbidden | None,
    budget: UnpackBudget,
    depth: int,
) -> tuple[tuple[Member, ...], tuple[BlindSpot, ...]]:
    found: dict[str, Fingerprint] = {}
    spots: dict[str, BlindSpot] = {}
    shown_as: dict[str, str] = {}
    configs = ArchiveConfigs(configs_in_zip(source) if container in archives.BY_DIRECTORY else {})

    def note(spot: BlindSpot) -> None:
        before = spots.get(spot.reason)
        spots[spot.reason] = replace(spot, count=before.count + 1) if before else spot

    def unpacked() -> Iterator[Packed | BlindSpot]:
        return archives.members(source, container, budget, small=small)

    def small(path: str, size: int) -> bool:
        if container in archives.BY_PROCESS and path.rpartition("/")[2] == CONFIG:
            return True
        budget.small -= 1
        return budget.small >= 0 and lfs_pointer.SHORTEST <= size < lfs_pointer.LIMIT

    def read(packed: Packed) -> Fingerprint | None:
        with bulkhead(), system_limits.limits(packed.size or 0):
            file = configs.taken(packed)
            if file is not None and file.size is not None and file.size < archives.SMALLEST:
                file = _pointer(file)
            if file is None:
                return None
            one = _read(file, forbidden, budget, depth, configs.of(packed.path))
            return one if one.pointer is None else replace(one, blind=(ON_POINTER,))

    try:
        with bulkhead():
            for each in unpacked():
                if isinstance(each, BlindSpot):
                    note(each)
                    continue
                try:
                    one = read(each)
                except FileError as e:
                    note(BlindSpot(e.code, str(e)))
                    continue
                if one is not None and _is_kept(one):
                    name = shown_as[each.path] = unique(shown(each.path), found)
                    found[name] = one
            if configs.late and forbidden is not _at_once:
                # Once more, for those of which the configuration came after them.
                for each in unpacked():
                    if not isinstance(each, BlindSpot) and configs.came_late_for(each.path):
                        with suppress(FileError):
                            one = read(each)
                            if one is not None and each.path in shown_as:
                                found[shown_as[each.path]] = one
    except FileError as e:
        several = str(e) == zip_directory.SEVERAL
        note(archives.SEVERAL_PARTS if several else BlindSpot(e.code, str(e)))
    members = tuple(Member(path, read) for path, read in found.items())
    return members, tuple(spots.values())


def _pointer(packed: Packed) -> Packed | None:
    """A member that is too small for a model, where it is a Git LFS pointer: who downloads a
    repository as an archive gets these instead of its models."""
    text = b"".join(packed.blocks)
    return None if lfs_pointer.parse(text) is None else replace(packed, blocks=iter((text,)))


def _is_kept(read: Fingerprint) -> bool:
    """Is it told of: is it no picture, or one with something in it?"""
    is_more = read.members or read.rows is not None or _is_said_to_hold(read)
    return read.container not in PICTURES or bool(is_more)


def _is_said_to_hold(read: Fingerprint) -> bool:
    """Whether something in a file is said not to be read."""
    return any(spot in (ZIP_AT_END, BEHIND, TOO_DEEP) for spot in read.blind)


def _read(
    packed: Packed,
    forbidden: Forbidden | None,
    budget: UnpackBudget,
    depth: int,
    config: PeftConfig | None,
) -> Fingerprint:
    # Of unknown size it is kept until all of it came, and nothing of it is looked at before.
    size = None if forbidden is _at_once else packed.size
    return read_stream(
        packed.blocks, size, forbidden, budget=budget, depth=depth + 1, config=config
    )


def shown(path: str) -> str:
    """A member's name in printable characters, as a path within its archive."""
    plain = path.encode("utf-8", "backslashreplace").decode()
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)
    return plain.replace("\\", "/").lstrip("/!") or "_"


def unique(path: str, taken: Mapping[str, Fingerprint]) -> str:
    """A name that none of these has: an archive can hold one twice."""
    made, number = path, 1
    while made in taken:
        number += 1
        made = f"{path} ({number})"
    return made
