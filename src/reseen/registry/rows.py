"""Checks a row of a list and makes a draft of a removal, or says why the row is refused.

What comes in: a `ListTable` and what its columns mean. What goes out: a `Draft` or a `Refusal` for
each row, in order; and, in a `Tally`, what was left out of rows that were taken. Pure: the
registry is not asked here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from reseen.errors import FileError, bulkhead
from reseen.fingerprints.kinds import LONG_OF
from reseen.fingerprints.known_bogus import why_bogus
from reseen.records import (
    SAID_CLASSES,
    Digest,
    DigestKind,
    Names,
    RemovalClass,
    RemovedFile,
)
from reseen.registry.lists.columns import ListField, Meaning
from reseen.registry.lists.documents import UNREADABLE
from reseen.registry.lists.table import Cell, ListTable
from reseen.registry.lists.values import (
    RefusedValue,
    date_of,
    digest_of,
    id_of,
    size_of,
    text_of,
    value_of,
    words_of,
)
from reseen.store import links

DIGEST_FIELDS: dict[ListField, DigestKind | None] = {
    ListField.SHA256: DigestKind.SHA256,
    ListField.BLAKE3: DigestKind.BLAKE3,
    ListField.XET: DigestKind.XET,
    ListField.GIT_BLOB: DigestKind.GIT_BLOB,
    ListField.DATA_SHA256: DigestKind.DATA_SHA256,
    ListField.TENSORS_BLAKE3: DigestKind.TENSORS_BLAKE3,
    ListField.AUTOV1: DigestKind.AUTOV1,
    ListField.AUTOV2: DigestKind.AUTOV2,
    ListField.AUTOV3: DigestKind.AUTOV3,
    ListField.CRC32: DigestKind.CRC32,
    ListField.HASH: None,
}

_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}")
_NOT_A_LIST_NAME = re.compile(
    r"://|[/\\\x00-\x1f\x7f]|\b(?!\d{1,14}\b)[0-9a-f]{8,}\b", re.IGNORECASE
)
"""A link, a path or a hash; a date without dashes is none."""
MAX_LIST_NAME = 100


@dataclass(slots=True)
class Draft:
    """What one row says of a removal. Not frozen, since a list makes millions."""

    row: int
    place: str
    names: Names
    digests: tuple[Digest, ...]
    size: int | None
    site: str | None
    removed_on: date | None
    list_name: str
    source: tuple[str, str, str] | None = None
    """(site, model id, version id), where the row says all three. Ids in their normal spelling."""
    otherwise: tuple[str, str] | None = None
    """By what the row is known again when it has neither a full digest nor a source: its link
    and site, or everything that it says. In its normal spelling."""
    cls: RemovalClass | None = None
    file: RemovedFile | None = None
    """Of a file that was read here (`registry add`): what its bytes told beside the digests."""

    def __repr__(self) -> str:
        return f"Draft(row {self.row}, sealed)"


@dataclass(slots=True)
class Refusal:
    """A row that is not taken."""

    row: int
    place: str
    reason: str
    cells: Sequence[Cell]
    """The row itself, for the file of rejected rows."""


@dataclass(slots=True)
class Tally:
    """What was left out of rows that were taken, or assumed: sentence -> how many rows."""

    counts: Counter[str] = field(default_factory=Counter)

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"{count} row{'s' if count > 1 else ''}: {what}."
            for what, count in sorted(self.counts.items())
        )


def class_of(text: str) -> RemovalClass | None:
    """A class as lists write it; None for what is none."""
    return _CLASSES.get(re.sub(r"[\s_/-]+", "-", text.strip().lower()))


_CLASSES = {
    **{cls.label: cls for cls in SAID_CLASSES},
    "intimate": RemovalClass.INTIMATE,
    "ncii": RemovalClass.INTIMATE,
    "csam": RemovalClass.CHILD_ABUSE,
    "child-abuse": RemovalClass.CHILD_ABUSE,
    "capable-of-child-abuse-imagery": RemovalClass.CHILD_ABUSE,
}


def source_of(site: str, model: str, version: str) -> tuple[str, str, str]:
    """The key of a removal that is known by its site and ids."""
    both = model + version
    if both.isdigit() and both.isascii():  # nearly always
        return site, model, version
    return site, links.normal_name(model), links.normal_name(version)


def check_list_name(name: str) -> str:
    """The name as it is kept. Raises RefusedValue when it may hold what has to be sealed: a list's
    name is shown everywhere."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_LIST_NAME or _NOT_A_LIST_NAME.search(name):
        raise RefusedValue("the list's name is empty, too long, or looks like a link, path or hash")
    return name


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for rows that do not say it themselves."""

    list: str
    """A list name that `check_list_name` let pass."""
    site: str | None = None
    force_list: bool = False
    """The rows' own list names do not count."""
    cls: RemovalClass | None = None


def drafts(
    table: ListTable, meaning: Meaning, defaults: Defaults, tally: Tally
) -> Iterator[Draft | Refusal]:
    """A draft or a refusal for each row that is not blank, in order."""
    unreadable = table.columns.index(UNREADABLE) if UNREADABLE in table.columns else None
    columns = len(table.columns)
    drafter = _Drafter(meaning, defaults, tally.counts)
    place, width, draft = table.place, drafter.width, drafter.draft
    for number, cells in table.rows:
        if len(cells) < width:
            cells = [*cells, *[None] * (width - len(cells))]
        try:
            if unreadable is not None and len(cells) > unreadable and cells[unreadable]:
                raise RefusedValue("the entry is not a JSON object")
            if len(cells) > columns and any(cells[columns:]):
                raise RefusedValue("the row has more cells than the header has columns")
            with bulkhead(RefusedValue):
                drafted = draft(number, place, cells)
        except (RefusedValue, FileError) as refused:
            if any(text_of(cell) for cell in cells):
                yield Refusal(number, place, str(refused), cells)
            continue
        yield drafted


class _Drafter:
    """Drafts the rows of one table: knows where each field stands."""

    def __init__(self, meaning: Meaning, defaults: Defaults, counts: Counter[str]) -> None:
        at = meaning.fields
        self.width = max(at.values(), default=0) + 1
        self._at = at
        self._digests = [(at[f], kind) for f, kind in DIGEST_FIELDS.items() if f in at]
        self._name, self._link = at.get(ListField.NAME), at.get(ListField.LINK)
        self._others = bool(at.keys() - DIGEST_FIELDS.keys() - {ListField.NAME, ListField.LINK})
        self._defaults = defaults
        self._counts = counts

    def draft(self, row: int, place: str, cells: Sequence[Cell]) -> Draft:
        """The row's draft. Raises RefusedValue."""
        digests = self._digests_of(cells)
        name = None if self._name is None else text_of(cells[self._name])
        url = None if self._link is None else value_of(cells[self._link])
        link = None if url is None else links.parse(url)
        if url is not None and link is None:
            self._counts["what stands in the link's column is not a link"] += 1
        site = link.site if link else self._defaults.site
        model, version = (link.model_id, link.version_id) if link else (None, None)
        if self._others:
            return self._full(row, place, cells, digests, name, url, link)
        names = Names(name, (), url, model, version)
        draft = Draft(row, place, names, digests, None, site, None, self._defaults.list)
        draft.cls = self._defaults.cls
        return self._known_again(draft, link)

    def _full(
        self, row: int, place: str, cells: Sequence[Cell], digests: tuple[Digest, ...],
        name: str | None, url: str | None, link: links.Link | None,
    ) -> Draft:  # fmt: skip
        model = self._same(
            id_of(self._cell(cells, ListField.MODEL_ID)), link.model_id if link else None
        )
        version = self._same(
            id_of(self._cell(cells, ListField.VERSION_ID)), link.version_id if link else None
        )
        names = Names(
            name=name,
            trigger_words=words_of(self._cell(cells, ListField.TRIGGER_WORDS)),
            url=url,
            model_id=model,
            version_id=version,
            file_names=words_of(self._cell(cells, ListField.FILE_NAME), r"[;\n|]"),
            reason=text_of(self._cell(cells, ListField.REASON)),
        )
        size, removed_on = self._size(cells), self._removed_on(cells)
        site = link.site if link else self._site(cells)
        list_name = self._defaults.list
        if not self._defaults.force_list:
            own = text_of(self._cell(cells, ListField.LIST))
            list_name = check_list_name(own) if own else list_name
        draft = Draft(row, place, names, digests, size, site, removed_on, list_name)
        draft.cls = self._class(cells) or self._defaults.cls
        return self._known_again(draft, link)

    def _known_again(self, draft: Draft, link: links.Link | None) -> Draft:
        """The draft, sure to be known again when its row comes once more. Raises RefusedValue."""
        names = draft.names
        if draft.site and names.model_id and names.version_id:
            draft.source = source_of(draft.site, names.model_id, names.version_id)
        elif all(digest.kind.is_short for digest in draft.digests):
            if link is not None:
                draft.otherwise = (links.normal_name(link.normal), link.site)
            elif names.model_id or names.version_id:
                ids = f"{names.model_id or ''}/{names.version_id or ''}"
                draft.otherwise = (links.normal_name(ids), draft.site or "")
            elif draft.digests:
                said = [str(digest) for digest in sorted(draft.digests, key=lambda d: d.kind)]
                draft.otherwise = (links.normal_name(" ".join([*said, names.name or ""])), "")
            else:
                raise RefusedValue(
                    "nothing by which the model could be known again: no hash, link, id"
                )
        return draft

    def _digests_of(self, cells: Sequence[Cell]) -> tuple[Digest, ...]:
        """A row's digests, at most one of a kind. Raises RefusedValue."""
        found: dict[DigestKind, Digest] = {}
        for position, kind in self._digests:
            digest = digest_of(cells[position], kind)
            if digest is None:
                continue
            bogus = why_bogus(digest)
            if bogus is not None:
                if not digest.kind.is_short:
                    raise RefusedValue(f"{digest.kind.label} names no file: {bogus}")
                self._counts[f"a known bogus {digest.kind.label} was left out"] += 1
                continue
            if kind is None and digest.kind is DigestKind.GIT_BLOB:
                self._counts["a bare hash of 40 digits was taken for a git blob SHA-1"] += 1
            if found.setdefault(digest.kind, digest) != digest:
                raise RefusedValue(f"the row gives two different values of {digest.kind.label}")
        if len(found) > 1:
            for short, full in LONG_OF.items():
                if short in found and full in found:
                    if not found[full].value.startswith(found[short].value):
                        raise RefusedValue(f"{short.label} is not the beginning of {full.label}")
                    del found[short]
        return tuple(found.values())

    def _size(self, cells: Sequence[Cell]) -> int | None:
        for which, kilobytes in ((ListField.SIZE, False), (ListField.SIZE_KB, True)):
            cell = self._cell(cells, which)
            size = size_of(cell, kilobytes=kilobytes)
            if size is not None:
                return size
            if value_of(cell) is not None:
                self._counts["a rounded size was left out: it has to be exact"] += 1
        return None

    def _removed_on(self, cells: Sequence[Cell]) -> date | None:
        cell = self._cell(cells, ListField.REMOVED_ON)
        day = date_of(cell)
        if day is None and value_of(cell) is not None:
            self._counts["a date that could be read in two ways, or in none, was left out"] += 1
        return day

    def _site(self, cells: Sequence[Cell]) -> str | None:
        text = value_of(self._cell(cells, ListField.SITE))
        if text is None:
            return self._defaults.site
        site = links.normal_site(text)
        if _HOST.fullmatch(site):
            return site
        self._counts["what stands in the site's column is not a host name"] += 1
        return self._defaults.site

    def _class(self, cells: Sequence[Cell]) -> RemovalClass | None:
        text = text_of(self._cell(cells, ListField.CLASS))
        if text is None:
            return None
        said = class_of(text)
        if said is None:
            self._counts["what stands in the class's column is no class"] += 1
        return said

    def _cell(self, cells: Sequence[Cell], field: ListField) -> Cell:
        position = self._at.get(field)
        return None if position is None else cells[position]

    def _same(self, own: str | None, linked: str | None) -> str | None:
        """The id in its column or in the link. Raises RefusedValue when they differ."""
        if own and linked and own != linked:
            raise RefusedValue("the link and the id name different models or versions")
        return own or linked
