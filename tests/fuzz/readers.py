"""All readers that are fuzzed, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import (
    adapters,
    archive_files,
    cells,
    checkpoint_files,
    civitai_answers,
    containers,
    doors,
    embedding_files,
    hub_answers,
    hub_client,
    kept,
    lists,
    other_hubs,
    outward,
    pages,
    places,
    report_forms,
    signing_in,
    sweeps,
    tensor_files,
    workbooks,
)
from tests.fuzz.play import FuzzedReader

FAMILIES = (
    containers,
    tensor_files,
    archive_files,
    adapters,
    embedding_files,
    checkpoint_files,
    lists,
    other_hubs,
    cells,
    workbooks,
    pages,
    hub_answers,
    civitai_answers,
    hub_client,
    doors,
    kept,
    outward,
    signing_in,
    report_forms,
    places,
    sweeps,
)

READERS: Mapping[str, FuzzedReader] = {
    reader.name: reader for family in FAMILIES for reader in family.READERS
}
