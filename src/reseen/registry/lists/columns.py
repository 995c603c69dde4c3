"""Which column of a list means what.

What comes in: the cells of a header, and `--map`. What goes out: a `Mapping` from columns to
fields. Spellings are compared without case, blanks and punctuation, so "SHA-256", "sha256" and
"Sha 256" are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reseen.errors import InputError


class ListField(StrEnum):
    """What a column can say of a removed model. The value is its label for `--map`."""

    NAME = "name"
    LINK = "link"
    SITE = "site"
    MODEL_ID = "model-id"
    VERSION_ID = "version-id"
    FILE_NAME = "file-name"
    TRIGGER_WORDS = "trigger-words"
    SHA256 = "sha256"
    BLAKE3 = "blake3"
    XET = "xet"
    GIT_BLOB = "git-blob-sha1"
    DATA_SHA256 = "data-sha256"
    TENSORS_BLAKE3 = "tensors-blake3"
    AUTOV1 = "autov1"
    AUTOV2 = "autov2"
    AUTOV3 = "autov3"
    CRC32 = "crc32"
    HASH = "hash"
    """Some hash: which one is told by the length of each value."""
    SIZE = "size"
    SIZE_KB = "size-kb"
    REMOVED_ON = "removed-on"
    REASON = "reason"
    LIST = "list"
    CLASS = "class"
    """Of the removal: likeness, intimate imagery, child abuse imagery, other."""
    IGNORE = "ignore"
    """For `--map` alone: leave this column out."""


SPELLINGS: dict[ListField, tuple[str, ...]] = {
    ListField.NAME: ("name", "model name", "model title", "model", "title", "display name"),
    ListField.LINK: (
        *("link", "url", "uri", "href", "model link", "model url", "former link", "former url"),
        *("original link", "original url", "source link", "source url", "civitai link"),
        *("civitai url", "page", "model page", "page url", "permalink", "web address", "address"),
        *("download url", "download link"),
    ),
    ListField.SITE: ("site", "host", "hub", "platform", "domain", "source site", "website"),
    ListField.MODEL_ID: ("model id", "civitai model id", "id of model", "parent model id"),
    ListField.VERSION_ID: ("version id", "model version id", "civitai version id", "model version"),
    ListField.FILE_NAME: ("file name", "file", "file names", "model file", "original file name"),
    ListField.TRIGGER_WORDS: (
        *("trigger words", "trigger word", "trigger", "triggers", "trained words"),
        *("activation words", "activation text", "activation tags"),
    ),
    ListField.SHA256: (
        *("sha256", "sha2", "file sha256", "hash sha256", "lfs oid", "lfs sha256", "oid"),
        *("sha256 hash", "sha256 sum", "sha256 checksum", "sha256 file", "sha256 of file"),
        *("file sha256 hash", "sha256 digest", "full sha256"),
    ),
    ListField.BLAKE3: ("blake3", "file blake3", "hash blake3", "b3", "b3sum"),
    ListField.XET: ("xet", "xet hash"),
    ListField.GIT_BLOB: ("git blob sha1", "git blob", "git oid", "git sha1", "blob id", "git hash"),
    ListField.DATA_SHA256: (
        *("data sha256", "data section sha256", "sshs model hash", "addnet hash"),
        *("modelspec hash sha256",),
    ),
    ListField.TENSORS_BLAKE3: ("tensors blake3",),
    ListField.AUTOV1: ("autov1", "auto v1", "hash autov1"),
    ListField.AUTOV2: ("autov2", "auto v2", "hash autov2"),
    ListField.AUTOV3: ("autov3", "auto v3", "hash autov3"),
    ListField.CRC32: ("crc32", "crc", "hash crc32"),
    ListField.HASH: (
        "hash",
        "file hash",
        "model hash",
        "checksum",
        "digest",
        "short hash",
        "hashes",
    ),
    ListField.SIZE: ("size", "file size", "bytes", "size bytes", "size in bytes", "length"),
    ListField.SIZE_KB: ("size kb", "size kib", "file size kb", "size in kb"),
    ListField.REMOVED_ON: (
        *("removed on", "removed", "removed at", "removal date", "date removed", "date of removal"),
        *("takedown date", "taken down", "taken down on", "deleted at", "deleted", "deletion date"),
        *("deleted on", "date"),
    ),
    ListField.REASON: (
        *("reason", "removal reason", "reason of removal", "why", "violation", "policy"),
        *("takedown reason", "category"),
    ),
    ListField.LIST: ("list", "list name", "name of list", "source list", "batch"),
    ListField.CLASS: ("class", "removal class", "classification"),
}
"""The usual spellings. A column of any other name has to be given by `--map`."""

REJECT_COLUMNS = ("rejected row", "rejected because")
"""What the file of rejected rows has beside the list's own columns; left out when read again."""

KNOWING = frozenset(
    {
        ListField.LINK,
        ListField.MODEL_ID,
        ListField.VERSION_ID,
        ListField.HASH,
        ListField.SHA256,
        ListField.BLAKE3,
    }
    | {
        ListField.XET,
        ListField.GIT_BLOB,
        ListField.DATA_SHA256,
        ListField.TENSORS_BLAKE3,
        ListField.CRC32,
    }
    | {ListField.AUTOV1, ListField.AUTOV2, ListField.AUTOV3}
)
"""Fields by which a model can be known again: a list needs a column of one of them."""

_DROP = re.compile(r"[\W_]+")
_MAX_SHOWN = 40


def _plain(header: str) -> str:
    return _DROP.sub("", header).casefold()


_BY_SPELLING = {_plain(s): field for field, all_ in SPELLINGS.items() for s in all_} | {
    _plain(s): ListField.IGNORE for s in REJECT_COLUMNS
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the columns of one table mean."""

    fields: Mapping[ListField, int]
    """Position of the column of each field; the first, where several would do."""
    unknown: tuple[str, ...]
    """Columns that nothing is taken from, as a person may be shown them."""

    @property
    def usable(self) -> bool:
        return any(field in KNOWING for field in self.fields)


def recognise(header: Sequence[str], given: Mapping[str, ListField] | None = None) -> Meaning:
    """What each column of a header means; `given` (column name -> field) goes first."""
    wanted = {_plain(column): field for column, field in (given or {}).items()}
    fields: dict[ListField, int] = {}
    unknown: list[str] = []
    by_choice = [(wanted.get(_plain(cell)), cell) for cell in header]
    for position, (field, _) in enumerate(by_choice):
        if field is not None and field is not ListField.IGNORE:
            fields.setdefault(field, position)
    for position, (chosen, cell) in enumerate(by_choice):
        plain = _plain(cell)
        field = chosen or _BY_SPELLING.get(plain) or _BY_SPELLING.get(_plain(_last_part(cell)))
        if field is ListField.IGNORE or not plain:
            continue
        if field is None or fields.setdefault(field, position) != position:
            unknown.append(_shown(cell, position))
    return Meaning(fields, tuple(unknown))


def parse_map(pairs: Sequence[str]) -> dict[str, ListField]:
    """`--map column=field` as given on a command line. Raises InputError."""
    given: dict[str, ListField] = {}
    for pair in pairs:
        column, equals, label = pair.rpartition("=")
        plain = _plain(label)
        field = next((f for f in ListField if _plain(f.value) == plain), _BY_SPELLING.get(plain))
        if not equals or not _plain(column) or field is None:
            raise InputError(
                "--map takes COLUMN=FIELD with a field that Reseen knows",
                remedy="Fields: " + ", ".join(f.value for f in ListField) + ".",
            )
        given[column] = field
    return given


def _last_part(header: str) -> str:
    """ "hashes.SHA256", as nested entries are flattened, means what "SHA256" means."""
    return header.rpartition(".")[2]


def _shown(header: str, position: int) -> str:
    """A header's cell fit for showing: one that looks like a value is named by its place."""
    text = " ".join(header.split())
    looks_like_a_name = len(text) <= _MAX_SHOWN and not re.search(r"//|[0-9a-fA-F]{8}|\d{4}", text)
    return text if looks_like_a_name and text.isprintable() else f"column {position + 1}"
