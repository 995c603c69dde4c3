"""`adapter_config.json` beside a file: PEFT keeps the scale of its updates there."""

from __future__ import annotations

from pathlib import Path

from reseen.errors import FileError, bulkhead
from reseen.files.source import LocalFile, Range
from reseen.updates.peft import LARGEST, PeftConfig, parse_config

NAME = "adapter_config.json"


def config_beside(path: Path) -> PeftConfig | None:
    """The PEFT configuration in the same folder; None where there is none that can be read."""
    try:
        with bulkhead(), LocalFile(path.with_name(NAME)) as source:
            if source.size > LARGEST:
                return None
            return parse_config(source.read(Range(0, source.size)))
    except FileError:
        return None
