"""`adapter_config.json` beside a file, or in its folder of an archive, where PEFT has the scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reseen.errors import FileError, bulkhead
from reseen.files.archives import SMALLEST, Packed, unpacked_blocks, zip_windows
from reseen.files.source import ByteSource, LocalFile, Range, run, standing_beside
from reseen.files.zip_directory import DEFLATED, STORED, ZipEntry, read_directory
from reseen.updates.peft import LARGEST, PeftConfig, parse_config

NAME = "adapter_config.json"
_MOST = 64
"""Configurations that are read of one archive."""


def config_beside(path: Path) -> PeftConfig | None:
    """The PEFT configuration in the same folder; None where there is none that can be read."""
    beside = standing_beside(path, NAME)
    if beside is None:
        return None
    try:
        with bulkhead(), LocalFile(beside) as source:
            if source.size > LARGEST:
                return None
            return parse_config(source.read(Range(0, source.size)))
    except FileError:
        return None


class ArchiveConfigs:
    """The configurations in an archive as they come: each is that of the files in its folder.
    `known`: those that are known before any file of it is unpacked."""

    def __init__(self, known: Mapping[str, PeftConfig]) -> None:
        self._found = dict(known)
        self._left = _MOST
        self._asked: set[str] = set()
        self.late: set[str] = set()
        """Folders of which a file came before the configuration did."""

    def of(self, path: str) -> PeftConfig | None:
        """That of a file, as far as it is known."""
        self._asked.add(_folder(path))
        return self._found.get(_folder(path))

    def came_late_for(self, path: str) -> bool:
        """Was a file unpacked before its configuration was?"""
        return _folder(path) in self.late

    def taken(self, packed: Packed) -> Packed | None:
        """The same file, its configuration taken where it is one; None for one that is too small
        to be looked at as a file. Raises FileError."""
        folder = _folder(packed.path)
        is_one = packed.path.rpartition("/")[2] == NAME and folder not in self._found
        if not is_one or packed.size is None or packed.size > LARGEST or not self._left:
            return packed
        self._left -= 1
        text = b"".join(packed.blocks)
        with suppress(FileError), bulkhead():
            self._found[folder] = parse_config(text)
            self.late |= {folder} & self._asked
        return replace(packed, blocks=iter((text,))) if len(text) >= SMALLEST else None


def _folder(path: str) -> str:
    return path.rpartition("/")[0].removeprefix("./")


def config_entries(entries: Iterable[ZipEntry]) -> list[ZipEntry]:
    """The entries of a zip that are configurations and may be read."""
    ending = f"/{NAME}".encode()
    found = [
        entry
        for entry in entries
        if (b"/" + entry.raw).endswith(ending)
        and not entry.encrypted
        and entry.method in (STORED, DEFLATED)
        and max(entry.full, entry.size) <= LARGEST
    ]
    return found[:_MOST]


def folder_of(entry: ZipEntry) -> str:
    """The folder that an entry of a zip lies in."""
    return entry.raw.decode("utf-8", "replace").rpartition("/")[0]


def configs_in_zip(source: ByteSource) -> dict[str, PeftConfig]:
    """The configurations in a zip by the folder in it that each lies in; none where its list or
    they cannot be read."""
    found: dict[str, PeftConfig] = {}
    try:
        with bulkhead():
            windows = zip_windows(source)
            entries = config_entries(run(source, read_directory(windows)))
    except FileError:
        return found
    for entry in entries:
        with suppress(FileError), bulkhead():
            text = b"".join(unpacked_blocks(source, windows, entry))
            found[folder_of(entry)] = parse_config(text)
    return found
