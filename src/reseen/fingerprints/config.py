"""`adapter_config.json` beside a file, or in its folder of a zip: where PEFT keeps the scale."""

from __future__ import annotations

from pathlib import Path

from reseen.errors import FileError, bulkhead
from reseen.files.archives import unpacked_blocks, zip_windows
from reseen.files.source import ByteSource, LocalFile, Range, run, standing_beside
from reseen.files.zip_directory import DEFLATED, STORED, read_directory
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


def configs_in_zip(source: ByteSource) -> dict[str, PeftConfig]:
    """The configurations in a zip by the folder in it that each lies in; none where its list or
    they cannot be read."""
    found: dict[str, PeftConfig] = {}
    try:
        with bulkhead():
            windows = zip_windows(source)
            ending = f"/{NAME}".encode()
            entries = [
                entry
                for entry in run(source, read_directory(windows))
                if (b"/" + entry.raw).endswith(ending) and not entry.encrypted
            ]
    except FileError:
        return found
    for entry in entries[:_MOST]:
        try:
            with bulkhead():
                if entry.method in (STORED, DEFLATED) and max(entry.full, entry.size) <= LARGEST:
                    text = b"".join(unpacked_blocks(source, windows, entry))
                    folder = entry.raw.decode("utf-8", "replace").rpartition("/")[0]
                    found[folder] = parse_config(text)
        except FileError:
            continue
    return found
