"""Checks a row of a list and makes a draft of a removal, or says why the row is refused.

What comes in: a `ListTable` and what its columns mean. What goes out: a `Draft` or a `Refusal` for
each row, in order; and, in a `Tally`, what was left out of rows that were taken. Pure: the
registry is not asked here.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from reseen.errors import FileError, SystemLimit, bulkhead
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
from reseen.registry.identity import Key
from reseen.registry.lists.columns import ListField, Meaning
from reseen.registry.lists.not_removed import (
    is_another_kind,
    is_no_model_name,
    says_no,
    says_not_removed,
)
from reseen.registry.lists.table import HEADING, UNREADABLE, Cell, LinkedText, ListTable
from reseen.registry.lists.values import (
    RefusedValue,
    SeveralValues,
    date_of,
    digest_of,
    hash_among,
    hash_digits,
    hyperlink_of,
    id_of,
    is_hash_name,
    is_ticket,
    kind_called,
    links_among,
    named_digests,
    size_of,
    text_of,
    value_of,
    words_of,
)
from reseen.registry.messages import message_in
from reseen.store import links
from reseen.store.sealing import PlainNames

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

_RULE = re.compile(r"[-=:_+|\s]+\Z")
"""What is drawn between a header and its rows."""
_COUNT = re.compile(r"\(?\d[\d,. ]{0,12} (?:rows?|records?)\b[^|]{0,40}\Z", re.IGNORECASE)
_COMMENT = ("#", "//")
_ODD_FIRST = ("", "'", "=")
"""How a name begins that is none, or that a spreadsheet has written otherwise."""
_LINKED = ("=", "[", "<")
"""How a cell begins that may hold a link behind a text."""
_AROUND_LINKS = " <>\"'`"
_LONGER_THAN_ONE = 76
"""Characters in a cell that may name several hashes, one by one."""
_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}")
_NOT_A_LIST_NAME = re.compile(
    r"://|[/\\\x00-\x1f\x7f]|\b(?!\d{1,14}\b)[0-9a-f]{8,}\b", re.IGNORECASE
)
"""A link, a path or a hash; a date without dashes is none."""
MAX_LIST_NAME = 100
NO_MODEL = "by its kind or name the file is no model: a picture, a text, a configuration, a base"
"""The reason for which a row is refused that tells of a file that many may have."""
MOST_TOLD = 10
"""Rows that a note names by their numbers."""


@dataclass(slots=True)
class Draft:
    """What one row says of a removal. Not frozen, since a list makes millions."""

    row: int
    place: str
    said: Names | PlainNames
    """What is to be sealed; of most rows `PlainNames`, which is less."""
    digests: tuple[Digest, ...]
    size: int | None
    site: str | None
    removed_on: date | None
    list_name: str
    ids: tuple[str, str, str] | None = None
    """(site, model id, version id), where the row says all three. Ids in their normal spelling.
    Left out where they stand in `site` and in `PlainNames`."""
    otherwise: tuple[str, str] | None = None
    """By what the row is known again when it has neither a full digest nor a source: its link
    and site, or everything that it says. In its normal spelling."""
    cls: RemovalClass | None = None
    file: RemovedFile | None = None
    """Of a file that was read here (`registry add`): what its bytes told beside the digests."""

    @property
    def names(self) -> Names:
        said = self.said
        return said if isinstance(said, Names) else Names(said[0], (), said[1], said[2], said[3])

    @property
    def source(self) -> tuple[str, str, str] | None:
        """`ids`, wherever they stand."""
        said, site = self.said, self.site
        if isinstance(said, Names) or site is None:
            return self.ids
        return site, said[2], said[3]

    @property
    def key(self) -> Key | None:
        """By what the row is known beside its full digests."""
        return self.source or self.otherwise

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
    """What was left out of rows that were taken, or assumed: how often, and in which rows."""

    place: str = ""
    row: int = 0
    """That which is drafted."""
    _counts: Counter[str] = field(default_factory=Counter)
    _rows: dict[str, list[str]] = field(default_factory=dict)
    """The first `MOST_TOLD` of each."""

    def count(self, what: str) -> None:
        """Once more, in the row that is drafted."""
        self._counts[what] += 1
        rows = self._rows.setdefault(what, [])
        where = f"{self.row} of {self.place}" if self.place else str(self.row)
        if len(rows) < MOST_TOLD and where not in rows:
            rows.append(where)

    def notes(self) -> tuple[str, ...]:
        return tuple(self._note(what, count) for what, count in sorted(self._counts.items()))

    def _note(self, what: str, count: int) -> str:
        rows = self._rows[what]
        more = " and others" if len(rows) == MOST_TOLD and count > MOST_TOLD else ""
        where = f"row{'s' if len(rows) > 1 else ''} {', '.join(rows)}{more}"
        return f"{count} row{'s' if count > 1 else ''}: {what} ({where})."


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
    usable = 0 < len(name) <= MAX_LIST_NAME and name.isprintable()  # half a character is not
    if not usable or _NOT_A_LIST_NAME.search(name):
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
    drafter = _Drafter(meaning, defaults, tally)
    place, width, draft = table.place, drafter.width, drafter.draft
    plain = _plain_drafter(meaning, defaults) if unreadable is None else None
    rows = _each_file(table.rows, meaning.further) if meaning.further else table.rows
    for number, cells in rows:
        if plain is not None and len(cells) == columns:
            drafted = plain(number, place, cells)
            if drafted is not None:
                yield drafted
                continue
        if len(cells) < width:
            cells = [*cells, *[None] * (width - len(cells))]
        try:
            if unreadable is not None and len(cells) > unreadable and cells[unreadable]:
                raise RefusedValue("the entry is not a JSON object")
            if len(cells) > columns and any(cells[columns:]):
                raise RefusedValue("the row has more cells than the header has columns")
            with bulkhead(RefusedValue):
                drafted = draft(number, place, cells)
        except SeveralValues as several:
            for value in several.values:
                yield _one_of_several(drafter, number, place, several.put(cells, value))
            continue
        except SystemLimit:
            raise  # the next row would reach it, too: it is the list's trouble
        except (RefusedValue, FileError) as refused:
            first = next((text for cell in cells if (text := text_of(cell))), None)
            if first is None:
                continue
            if first.startswith(_COMMENT) and sum(text_of(cell) is not None for cell in cells) == 1:
                table.set_aside["a comment"] += 1
            elif all(_RULE.match(text_of(cell) or "-") for cell in cells) or _is_count(cells):
                table.set_aside[HEADING] += 1
            else:
                yield Refusal(number, place, sys.intern(str(refused)), cells)
            continue
        yield drafted


def _is_count(cells: Sequence[Cell]) -> bool:
    """Whether a row is what a database writes below its rows ("(3 rows)")."""
    held = [text for cell in cells if (text := text_of(cell)) is not None]
    return len(held) == 1 and _COUNT.match(held[0]) is not None


def _each_file(
    rows: Iterable[tuple[int, Sequence[Cell]]], further: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Sequence[Cell]]]:
    """The rows, and behind each as many more as it has hashes of further files."""
    for number, cells in rows:
        others = {more for _, more in further}
        alone = [None if at in others else cell for at, cell in enumerate(cells)]
        yield number, alone
        for first, more in further:
            if more < len(cells) and value_of(cells[more]) is not None:
                yield number, [*alone[:first], cells[more], *alone[first + 1 :]]


def _one_of_several(
    drafter: _Drafter, number: int, place: str, cells: Sequence[Cell]
) -> Draft | Refusal:
    """One of the files of which a row's cell holds the hashes."""
    try:
        with bulkhead(RefusedValue):
            return drafter.draft(number, place, cells)
    except SystemLimit:
        raise
    except (RefusedValue, FileError) as refused:
        return Refusal(number, place, str(refused), cells)


def _plain_drafter(
    meaning: Meaning, defaults: Defaults
) -> Callable[[int, str, Sequence[Cell]], Draft | None] | None:
    """What drafts a row (number, place, cells) as most rows of long lists are: one full digest, a
    name, a link with both ids, and all of them as they should be; it gives None for any other row.
    `_Drafter` would make the same of it. None where the columns are others."""
    at = meaning.fields
    digests = [(at[f], kind) for f, kind in DIGEST_FIELDS.items() if f in at]
    others = at.keys() - {*DIGEST_FIELDS, ListField.NAME, ListField.LINK}
    if len(digests) != 1 or others or len(at) != 3:
        return None
    digest_at, told = digests[0]
    if told is None or told.is_short:
        return None
    kind, name_at, link_at = told, at[ListField.NAME], at[ListField.LINK]
    list_name, cls, plain_ids = defaults.list, defaults.cls, links.plain_ids

    def draft(row: int, place: str, cells: Sequence[Cell]) -> Draft | None:
        said, name, url = cells[digest_at], cells[name_at], cells[link_at]
        if type(said) is not str or type(name) is not str or type(url) is not str:
            return None
        url, name = url.strip(), name.strip()
        source = plain_ids(url)
        if source is None or name[:1] in _ODD_FIRST or len(said) > _LONGER_THAN_ONE:
            return None
        try:
            digest = Digest(kind, bytes.fromhex(said))
        except ValueError:
            return None
        if why_bogus(digest) is not None:
            return None
        site, model, version = source
        names = (name, url, model, version)
        return Draft(row, place, names, (digest,), None, site, None, list_name, cls=cls)

    return draft


class _Drafter:
    """Drafts the rows of one table: knows where each field stands."""

    def __init__(self, meaning: Meaning, defaults: Defaults, tally: Tally) -> None:
        at = meaning.fields
        self.width = max(at.values(), default=0) + 1
        self._at = at
        self._digests = [(at[f], kind) for f, kind in DIGEST_FIELDS.items() if f in at]
        self._name, self._link = at.get(ListField.NAME), at.get(ListField.LINK)
        self._algorithm = at.get(ListField.ALGORITHM) if ListField.HASH in at else None
        self._kind = at.get(ListField.KIND) if ListField.HASH in at else None
        self._among = meaning.among
        plain = {*DIGEST_FIELDS, ListField.NAME, ListField.LINK, ListField.ALGORITHM}
        self._others = bool(at.keys() - plain)
        self._defaults = defaults
        self._tally = tally

    def draft(self, row: int, place: str, cells: Sequence[Cell]) -> Draft:
        """The row's draft. Raises RefusedValue."""
        self._tally.row, self._tally.place = row, place
        if self._others and self._stands(cells):
            raise RefusedValue("the list says that this model was not removed, or stands again")
        if self._others and self._is_no_model(cells):
            raise RefusedValue(NO_MODEL)
        message = None if self._among is None else message_in(cells[self._among])
        if message is not None and message.stands:
            raise RefusedValue("the text says that the model was not removed, or stands again")
        bad: list[str] = []
        digests = self._digests_of(cells, bad)
        name = None if self._name is None else text_of(cells[self._name])
        url = None if self._link is None else value_of(cells[self._link])
        if url is not None and is_ticket(url):
            self._tally.count("a link to a ticket or a message was left out: it is no model's page")
            url = None
        link = None if url is None else links.parse(url)
        if link is not None and url is not None:
            url = url.strip(_AROUND_LINKS)
        if name is None and self._name is None and message is not None:
            name = message.name
        if link is None:
            url, link = self._behind(cells, url)
            if name is not None and name[:1] in _LINKED and (formula := hyperlink_of(name)):
                name = formula[1]
            if url is not None and link is None:
                self._tally.count("what stands in the link's column is not a link")
        elif link.hash is not None:
            digests = self._with_hash_of(link, digests, bad)
        site = link.site if link else self._defaults.site
        model, version = (link.model_id, link.version_id) if link else (None, None)
        names = Names(name=name, url=url, model_id=model, version_id=version)
        draft = Draft(row, place, names, digests, None, site, None, self._defaults.list)
        draft.cls = self._defaults.cls
        if self._others:
            self._fill(draft, cells, link, bad)
        return self._known_again(draft, link, bad)

    def _fill(
        self, draft: Draft, cells: Sequence[Cell], link: links.Link | None, bad: list[str]
    ) -> None:
        """Put in what stands in other columns than those of digests, name and link. Raises
        RefusedValue."""
        model, version = (link.model_id, link.version_id) if link else (None, None)
        before = draft.names
        draft.said = Names(
            name=before.name,
            trigger_words=words_of(self._cell(cells, ListField.TRIGGER_WORDS)),
            url=before.url,
            model_id=self._id(cells, ListField.MODEL_ID, model, bad),
            version_id=self._id(cells, ListField.VERSION_ID, version, bad),
            file_names=words_of(self._cell(cells, ListField.FILE_NAME), r"[;\n|]"),
            reason=text_of(self._cell(cells, ListField.REASON)),
        )
        draft.size, draft.removed_on = self._size(cells), self._removed_on(cells)
        if link is None:
            draft.site = self._site(cells)
        if not self._defaults.force_list:
            own = text_of(self._cell(cells, ListField.LIST))
            try:
                draft.list_name = check_list_name(own) if own else draft.list_name
            except RefusedValue as refused:
                self._tally.count(f"set aside: {refused}")
        draft.cls = self._class(cells) or draft.cls

    def _stands(self, cells: Sequence[Cell]) -> bool:
        """Whether the row says itself that its model is no removed one."""
        status = self._cell(cells, ListField.STATUS)
        if says_not_removed(text_of(status)) or says_no(status):
            return True
        return says_no(self._cell(cells, ListField.REMOVED_ON))

    def _is_no_model(self, cells: Sequence[Cell]) -> bool:
        """Whether the row tells of a file that a model comes with: many others may have it."""
        if is_another_kind(text_of(self._cell(cells, ListField.KIND))):
            return True
        names = words_of(self._cell(cells, ListField.FILE_NAME), r"[;\n|]")
        return bool(names) and all(map(is_no_model_name, names))

    def _known_again(self, draft: Draft, link: links.Link | None, bad: Sequence[str]) -> Draft:
        """The draft, sure to be known again when its row comes once more. `bad`: values of the row
        that cannot be taken. Raises RefusedValue."""
        names = draft.names
        if draft.site and names.model_id and names.version_id:
            draft.ids = source_of(draft.site, names.model_id, names.version_id)
        elif all(digest.kind.is_short for digest in draft.digests):
            if link is not None:
                draft.otherwise = (links.normal_name(link.normal), link.site)
            elif names.model_id or names.version_id:
                ids = f"{names.model_id or ''}/{names.version_id or ''}"
                draft.otherwise = (links.normal_name(ids), draft.site or "")
            elif draft.digests:
                said = [str(digest) for digest in sorted(draft.digests, key=lambda d: d.kind)]
                draft.otherwise = (links.normal_name(" ".join([*said, names.name or ""])), "")
            elif bad:
                raise RefusedValue(bad[0])
            else:
                raise RefusedValue(
                    "nothing by which the model could be known again: no hash, link, id"
                )
        for why in bad:
            self._tally.count(f"set aside, the rest of the row was taken: {why}")
        return draft

    def _behind(
        self, cells: Sequence[Cell], url: str | None
    ) -> tuple[str | None, links.Link | None]:
        """The link behind a cell: that of the link's column or the name's first, then any."""
        first = [cells[at] for at in (self._link, self._name) if at is not None]
        for cell in (*first, *cells):
            if isinstance(cell, LinkedText):
                behind = cell.link
            elif isinstance(cell, str) and cell[:1] in _LINKED and (formula := hyperlink_of(cell)):
                behind = formula[0]
            else:
                continue
            link = None if is_ticket(behind) else links.parse(behind)
            if link is not None:
                return behind, link
        if self._among is not None and isinstance(text := cells[self._among], str):
            told = links_among(text)
            link = links.parse(told[0]) if len(told) == 1 else None
            if link is not None:
                return told[0], link
        return url, None

    def _with_hash_of(
        self, link: links.Link, digests: tuple[Digest, ...], bad: list[str]
    ) -> tuple[Digest, ...]:
        """With the digest that a link holds, where the row says none itself."""
        try:
            digest = digest_of(link.hash, None)
        except RefusedValue as refused:
            bad.append(f"the link's hash: {refused}")
            return digests
        if digest is None or why_bogus(digest) is not None:
            return digests
        same = any(d.kind in (digest.kind, LONG_OF.get(digest.kind)) for d in digests)
        return digests if same else (*digests, digest)

    def _digests_of(self, cells: Sequence[Cell], bad: list[str]) -> tuple[Digest, ...]:
        """A row's digests, at most one of a kind. What cannot be taken is added to `bad`. Raises
        RefusedValue where two contradict each other, or where all that is long is bogus."""
        found: dict[DigestKind, Digest] = {}
        bogus_long = None
        for position, kind in self._digests:
            try:
                digests = self._digests_in(position, kind, cells)
            except SeveralValues as several:
                several.position = position
                raise
            except RefusedValue as refused:
                bad.append(str(refused))
                continue
            for digest in digests:
                bogus = why_bogus(digest)
                if bogus is not None:
                    if digest.kind.is_short:
                        self._tally.count(f"a known bogus {digest.kind.label} was left out")
                    else:
                        bogus_long = f"{digest.kind.label} names no file: {bogus}"
                    continue
                if kind is None and digest.kind is DigestKind.GIT_BLOB:
                    self._tally.count("a bare hash of 40 digits was taken for a git blob SHA-1")
                if found.setdefault(digest.kind, digest) != digest:
                    raise RefusedValue(f"the row gives two different values of {digest.kind.label}")
        if bogus_long is not None:
            if all(kind.is_short for kind in found):
                raise RefusedValue(bogus_long)
            bad.append(bogus_long)
        if len(found) > 1:
            for short, full in LONG_OF.items():
                if short in found and full in found:
                    if not found[full].value.startswith(found[short].value):
                        raise RefusedValue(f"{short.label} is not the beginning of {full.label}")
                    del found[short]
        return tuple(found.values())

    def _digests_in(
        self, position: int, kind: DigestKind | None, cells: Sequence[Cell]
    ) -> Sequence[Digest]:
        """The digests in one cell. Raises RefusedValue."""
        cell = cells[position]
        if isinstance(cell, list):
            cell = ", ".join(cell)
        if position == self._among and isinstance(cell, str) and not hash_digits(cell):
            cell = hash_among(cell)
        if kind is None and self._algorithm is not None:
            called = text_of(cells[self._algorithm])
            if called is not None:
                kind = kind_called(called)
        elif kind is None and self._kind is not None:
            called = text_of(cells[self._kind])
            if called is not None and is_hash_name(called):  # "type" may be of the hash
                kind = kind_called(called)
        if isinstance(cell, str) and len(cell) > _LONGER_THAN_ONE:
            named = named_digests(cell)
            if named:
                own = [digest for each, digest in named.items() if kind in (None, each)]
                return own or [*named.values()]
        digest = digest_of(cell, kind)
        return () if digest is None else (digest,)

    def _id(
        self, cells: Sequence[Cell], field: ListField, linked: str | None, bad: list[str]
    ) -> str | None:
        """The id in its column or in the link. Raises RefusedValue when they differ."""
        try:
            own = id_of(self._cell(cells, field))
        except RefusedValue as refused:
            bad.append(str(refused))
            return linked
        return self._same(own, linked)

    def _size(self, cells: Sequence[Cell]) -> int | None:
        for which, kilobytes in ((ListField.SIZE, False), (ListField.SIZE_KB, True)):
            cell = self._cell(cells, which)
            try:
                size = size_of(cell, kilobytes=kilobytes)
            except RefusedValue as refused:
                self._tally.count(f"set aside, the rest of the row was taken: {refused}")
                continue
            if size is not None:
                return size
            if value_of(cell) is not None:
                self._tally.count("a rounded size was left out: it has to be exact")
        return None

    def _removed_on(self, cells: Sequence[Cell]) -> date | None:
        cell = self._cell(cells, ListField.REMOVED_ON)
        day = date_of(cell)
        if day is None and value_of(cell) is not None:
            self._tally.count("a date that could be read in two ways, or in none, was left out")
        return day

    def _site(self, cells: Sequence[Cell]) -> str | None:
        text = value_of(self._cell(cells, ListField.SITE))
        if text is None:
            return self._defaults.site
        site = links.normal_site(text)
        if _HOST.fullmatch(site):
            return site
        self._tally.count("what stands in the site's column is not a host name")
        return self._defaults.site

    def _class(self, cells: Sequence[Cell]) -> RemovalClass | None:
        text = text_of(self._cell(cells, ListField.CLASS))
        if text is None:
            return None
        said = class_of(text)
        if said is None:
            self._tally.count("what stands in the class's column is no class")
        return said

    def _cell(self, cells: Sequence[Cell], field: ListField) -> Cell:
        position = self._at.get(field)
        return None if position is None else cells[position]

    def _same(self, own: str | None, linked: str | None) -> str | None:
        """The id in its column or in the link. Raises RefusedValue when they differ."""
        if own and linked and own != linked:
            raise RefusedValue("the link and the id name different models or versions")
        return own or linked
