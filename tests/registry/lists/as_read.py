"""A list as a test writes it, and what was read of it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from reseen.registry.imports import ImportOptions, ReadList, read_list

OPTIONS = ImportOptions(keep_rejects=False)


def digest(what: object) -> str:
    return sha256(str(what).encode()).hexdigest()


def person(number: int) -> str:
    return f"Sample person {number:02}"


def link(number: int) -> str:
    return f"https://civitai.com/models/{number}?modelVersionId={number + 100}"


def read(folder: Path, data: str | bytes) -> ReadList:
    """From a file whose name tells nothing."""
    path = folder / "list"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_list(path, OPTIONS)


def told(listed: ReadList) -> list[tuple[str | None, str | None, list[str]]]:
    """Name, link and digests of each removal."""
    return [
        (draft.names.name, draft.names.url, [each.hex for each in draft.digests])
        for draft in listed.drafts
    ]
