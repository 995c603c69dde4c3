"""Checks the cells of one row of a list and makes a draft of a removal of them.

What comes in: cells, and what their columns mean. What goes out: a `Draft`; what is no removal
raises RefusedValue with the reason, and what was left out is counted in a `Tally`. Pure: the
registry is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date

from reseen.fingerprints.kinds import LONG_OF
from reseen.fingerprints.known_bogus import why_bogus
from reseen.records import (
    SAID_CLASSES,
    Digest,
    DigestKind,
    Names,
    RemovalClass,
)
from reseen.registry.draft import Defaults, Draft, Tally, check_list_name, source_of
from reseen.registry.identity import Key
from reseen.registry.lists.columns import Meaning
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.not_removed import (
    is_another_kind,
    is_no_model_name,
    is_unsettled,
)
from reseen.registry.lists.table import Cell, LinkedText
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
from reseen.registry.row_status import STANDS, is_settled, why_not_removed
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
    ListField.MD5: DigestKind.MD5,
    ListField.SHA1: DigestKind.SHA1,
    ListField.CRC32C: DigestKind.CRC32C,
    ListField.CRC64_NVME: DigestKind.CRC64_NVME,
    ListField.HASH: None,
}

_ODD_FIRST = ("", "'", "=")
"""How a name begins that is none, or that a spreadsheet has written otherwise."""
_LINKED = ("=", "[", "<", "`", '"')
"""How a cell begins that may hold a link behind a text."""
_AROUND_LINKS = " <>\"'`"
_LONGER_THAN_ONE = 76
"""Characters in a cell that may name several hashes, one by one."""
_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}")
NO_MODEL = "by its kind or name the file is no model: a picture, a text, a configuration, a base"
"""The reason for which a row is refused that tells of a file that many may have."""


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


def plain_drafter(
    meaning: Meaning, defaults: Defaults
) -> Callable[[int, str, Sequence[Cell]], Draft | None] | None:
    """What drafts a row (number, place, cells) as most rows of long lists are: one full digest, a
    name, a link with both ids, and all of them as they should be; it gives None for any other row.
    `RowDrafter` would make the same of it. None where the columns are others."""
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


class RowDrafter:
    """Drafts the rows of one table: knows where each field stands."""

    def __init__(self, meaning: Meaning, defaults: Defaults, tally: Tally) -> None:
        at = meaning.fields
        among = () if meaning.among is None else (meaning.among,)
        self.width = max((*at.values(), *among, meaning.status.width - 1), default=0) + 1
        self._at = at
        self._digests = [(at[f], kind) for f, kind in DIGEST_FIELDS.items() if f in at]
        self._name, self._link = at.get(ListField.NAME), at.get(ListField.LINK)
        self._algorithm = at.get(ListField.ALGORITHM) if ListField.HASH in at else None
        self._kind = at.get(ListField.KIND) if ListField.HASH in at else None
        self._among = meaning.among
        self._status = meaning.status
        plain = {*DIGEST_FIELDS, ListField.NAME, ListField.LINK, ListField.ALGORITHM}
        self._others = bool(at.keys() - plain)
        self._defaults = defaults
        self._tally = tally

    def draft(self, row: int, place: str, cells: Sequence[Cell]) -> Draft:
        """The row's draft. Raises RefusedValue."""
        self._tally.row, self._tally.place = row, place
        if self._others and (why := why_not_removed(cells, self._status)):
            if why == STANDS and is_settled(cells, self._status):
                self.heed_standing(cells)
            raise RefusedValue(why)
        if self._others and self._is_no_model(cells):
            raise RefusedValue(NO_MODEL)
        message = None if self._among is None else message_in(cells[self._among])
        if message is not None and message.stands:
            if self._among is not None and not is_unsettled(text_of(cells[self._among])):
                self.heed_standing(cells)
            raise RefusedValue("the text says that the model was not removed, or stands again")
        bad: list[str] = []
        digests = self._digests_of(cells, bad)
        name = None if self._name is None else text_of(cells[self._name])
        url = None if self._link is None else value_of(cells[self._link])
        if url is not None and is_ticket(url):
            self._tally.count("a link to a ticket or a message was left out: it is no model's page")
            url = None
        if url is not None and url[:1] in _LINKED and (formula := hyperlink_of(url)):
            url = formula[0]
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

    def heed_standing(self, cells: Sequence[Cell]) -> None:
        """Remember by what the model of a row is known of which the list says that it stands."""
        digests: tuple[Digest, ...] = ()
        with suppress(RefusedValue):
            digests = self._digests_of(cells, [])
        url = None if self._link is None else value_of(cells[self._link])
        link = None if url is None or is_ticket(url) else links.parse(url)
        key: Key | None = None
        if link is not None and link.model_id and link.version_id:
            key = source_of(link.site, link.model_id, link.version_id)
        elif link is not None and not digests:
            key = (links.normal_name(link.normal), link.site)
        self._tally.standing.add(digests, key)

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
