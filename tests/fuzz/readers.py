"""All readers that are fuzzed, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import (
    adapters,
    cells,
    containers,
    doors,
    gguf_files,
    hub_answers,
    hub_client,
    kept,
    lists,
    places,
    workbooks,
)
from tests.fuzz.play import FuzzedReader

FAMILIES = (
    containers,
    gguf_files,
    adapters,
    lists,
    cells,
    workbooks,
    hub_answers,
    hub_client,
    doors,
    kept,
    places,
)

READERS: Mapping[str, FuzzedReader] = {
    reader.name: reader for family in FAMILIES for reader in family.READERS
}
