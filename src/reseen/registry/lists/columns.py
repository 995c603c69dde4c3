"""Which column of a list means what.

What comes in: the cells of a header, what the values below it look like, and `--map`. What goes
out: a `Meaning`. Spellings are compared without case, blanks and punctuation, so "SHA-256",
"sha256" and "Sha 256" are one. A heading is shown only where it is a known spelling: any other may
be a value of the list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reseen.errors import InputError
from reseen.registry.lists.list_fields import (
    BY_SPELLING,
    HASHES,
    KNOWING,
    ListField,
    plain_heading,
    spelled_as,
)
from reseen.registry.lists.not_removed import is_of_another, says_not_removed

_OF_FILE = frozenset({"lfs", "file", "files", "model", "modelfile"})
"""Names of nested entries that tell of the file itself: `lfs.size` is its size. What other entries
call a size, a name or a page may be something else's."""

_LIKE_NAMES = frozenset(
    {*("summary", "subject", "headline", "issuetitle", "ticketsubject", "shortdescription")}
)
"""Headings under which trackers keep what a ticket is about, where no column is called a name."""

_OF_ENTRY = frozenset(
    {
        *("source", "fields", "attributes", "properties", "row", "record", "attrs", "node"),
        *("item", "entry", "removal", "takedown"),
    }
)
"""Names under which an API keeps all that an entry says."""

_HINTS = (
    ("sha256", ListField.SHA256),
    ("blake3", ListField.BLAKE3),
    ("xet", ListField.XET),
)
"""Parts of a foreign heading that tell which hash of 64 digits stands below it."""


@dataclass(frozen=True, slots=True)
class ListColumn:
    """What is said of one column: nothing that stands in it, and no heading but a usual one."""

    number: int
    """From 1, as it stands in the list."""
    heading: str | None
    """Where it is a known spelling."""
    field: ListField | None
    """None: nothing is taken from it."""
    looks: str = ""
    """What its values look like: "64 hex digits in 98 %"."""

    def __str__(self) -> str:
        looks = f": {self.looks}" if self.looks else ""
        return f"column {self.number}{looks}"


@dataclass(frozen=True, slots=True)
class StatusColumns:
    """The columns that say what became of the models, by their positions."""

    every: tuple[int, ...] = ()
    """Of a status, a decision, labels."""
    decided: tuple[int, ...] = ()
    """Of these, those of which most rows say that their model was removed: a word that is not known
    says something else there."""
    appeals: frozenset[int] = frozenset()
    """Of these, those that tell of appeals: "granted" says there that the model stands."""
    again: tuple[int, ...] = ()
    """Whether, or when, the model was put back, or is to be kept."""
    removed_on: int | None = None
    dated: int | None = None
    """The same, where a database keeps it: of what stands there it holds nothing."""

    @property
    def width(self) -> int:
        return max((*self.every, *self.again), default=-1) + 1


NO_STATUS = StatusColumns()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the columns of one table mean."""

    fields: Mapping[ListField, int]
    """Position of the column of each field; the first, where several would do."""
    columns: tuple[ListColumn, ...] = ()
    given: frozenset[str] = frozenset()
    """What of `--map` named a column of this table."""
    further: tuple[tuple[int, int], ...] = ()
    """Columns that hold the hashes of further files of their rows ("sha256_2"): each behind the
    column whose like it is."""

    status: StatusColumns = NO_STATUS
    among: int | None = None
    """The column of texts (tickets, messages) that have one hash among their words."""

    @property
    def usable(self) -> bool:
        return any(field in KNOWING for field in self.fields)

    @property
    def unknown(self) -> tuple[ListColumn, ...]:
        """Columns that nothing is taken from, though something stands in them."""
        return tuple(c for c in self.columns if c.field is None)


NO_MEANING = Meaning({})


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """What the values of a column look like, by a sample of them."""

    said: str = ""
    """For a person."""
    field: ListField | None = None
    """`HASH` or `LINK`, where nearly all values are."""
    digits: int = 0
    """Of nearly all hashes; 0 where they are of several kinds."""
    repeated: bool = False
    """The values come more than twice on average: so does a base model's hash, and no file's."""
    often: bool = False
    """More than one in ten has come before: where nothing else says that they are of the files,
    they may be of what several models have in common."""
    among: bool = False
    """Texts, with one hash among their words."""
    names: bool = False
    """Texts, of which nearly each is another."""
    files: bool = False
    """Names of model files."""
    some_hashes: bool = False
    """Hashes beside other values: each row says in another column which it is."""
    hash_names: bool = False
    """What rows say that their values are, mostly kinds of hashes."""
    status: bool = False
    """Short words, some of which say that a model was not removed, or that say of most that they
    were."""
    decided: bool = False
    """Most say that a model was removed."""
    empty: bool = False
    """Some rows hold nothing there, and others do."""
    ticks: bool = False
    """Ticks, answers and days: whether something is so, or since when."""
    tickets: bool = False
    """The links lead to tickets, tasks and messages alone."""
    behind: bool = False
    """The links stand behind other text, which the heading tells."""


def recognise(
    header: Sequence[str],
    given: Mapping[str, ListField] | None = None,
    values: Sequence[ColumnValues] = (),
) -> Meaning:
    """What each column of a header means; `given` (a column's name or number -> field) goes
    first, then a usual heading, then what its values look like."""
    width = max(len(header), len(values))
    cells = [*header, *[""] * (width - len(header))]
    looks = [*values, *[ColumnValues()] * (width - len(values))]
    plain = [plain_heading(cell) for cell in cells]
    chosen, used = _chosen(plain, given or {})
    spelled = [
        BY_SPELLING.get(p) or _by_last_part(cell) for p, cell in zip(plain, cells, strict=False)
    ]
    wholly = [BY_SPELLING.get(p) is not None for p in plain]
    fields: dict[ListField, int] = {}
    for position, wanted in chosen.items():
        if wanted is not ListField.IGNORE:
            fields.setdefault(wanted, position)
    _not_as_they_are_called(cells, spelled, looks, chosen)
    for position, field in sorted(enumerate(spelled), key=lambda pair: not wholly[pair[0]]):
        if position not in chosen and field is not None and field is not ListField.IGNORE:
            fields.setdefault(field, position)
    free = [at for at, field in enumerate(spelled) if field is None and at not in chosen]
    for position, told in [*_links_by_values(cells, looks, free), *_hashes(cells, looks, free)]:
        taken = HASHES & fields.keys() if told in HASHES else {told} & fields.keys()
        if not taken:
            fields[told] = position
    mixed = [at for at in free if looks[at].some_hashes and not _is_aside(cells[at])]
    kinds = [fields.get(each) for each in (ListField.KIND, ListField.ALGORITHM)]
    typed = any(at is not None and looks[at].hash_names for at in kinds)
    if typed and len(mixed) == 1 and not HASHES & fields.keys():
        fields[ListField.HASH] = mixed[0]
    headed = any(cell.strip() for cell in cells)
    called = [chosen.get(at, each) for at, each in enumerate(spelled)]
    unused = [at for at in free if at not in fields.values()]
    statuses = [at for at, each in enumerate(called) if each is ListField.STATUS]
    statuses += [at for at in unused if looks[at].status or _ends_as_status(cells[at])]
    if statuses:
        fields.setdefault(ListField.STATUS, statuses[0])
    again = [at for at, each in enumerate(called) if each is ListField.REINSTATED]
    again += [at for at in unused if _asks_whether_it_stands(cells[at], looks[at])]
    if again:
        fields.setdefault(ListField.REINSTATED, again[0])
    among = _among(looks, spelled, free, fields) if headed else None
    if among is not None and not HASHES & fields.keys():
        fields[ListField.HASH] = among
    if not headed:
        fields |= _names_by_values(looks, {*fields.values(), *chosen}, fields)
    elif ListField.NAME not in fields:
        like = (at for at in free if plain_heading(cells[at].rpartition(".")[2]) in _LIKE_NAMES)
        first = next(like, None)
        if first is not None and first != among:
            fields[ListField.NAME] = first
    taken_from = {position: field for field, position in fields.items()}
    taken_from |= dict.fromkeys(statuses, ListField.STATUS)
    taken_from |= dict.fromkeys(again, ListField.REINSTATED)
    further = _further(cells, looks, taken_from, {*chosen})
    taken_from |= {more: taken_from[first] for first, more in further}
    columns = []
    for position, cell in enumerate(cells):
        taken_for = taken_from.get(position)
        ignored = ListField.IGNORE in (chosen.get(position), spelled[position])
        empty = not plain[position] and not looks[position].said
        if taken_for is None and (ignored or empty):
            continue
        known = cell if plain[position] in BY_SPELLING else cell.rpartition(".")[2]
        heading = " ".join(known.split()) if plain_heading(known) in BY_SPELLING else None
        columns.append(ListColumn(position + 1, heading, taken_for, looks[position].said))
    dated = fields.get(ListField.REMOVED_ON)
    may_miss = (
        dated is not None
        and looks[dated].empty
        and plain[dated] in _OF_DATABASES
        and " " not in cells[dated].strip()
    )
    status = StatusColumns(
        tuple(statuses),
        tuple(at for at in statuses if looks[at].decided),
        frozenset(at for at in statuses if _OF_APPEALS.search(cells[at].casefold())),
        tuple(again),
        dated,
        dated if may_miss and dated not in chosen else None,
    )
    return Meaning(fields, tuple(columns), used, further, status, among)


_OF_APPEALS = re.compile(
    r"appeal|counter.?notice|einspruch|widerspruch|recours|apela|recurso|ricorso|申诉|異議"
)


def _asks_whether_it_stands(heading: str, look: ColumnValues) -> bool:
    """Whether a column is ticked for models that stand ("Keep", "Back up")."""
    return (look.ticks or not look.said) and bool(heading.strip()) and says_not_removed(heading)


_OF_STATUS = re.compile(
    r"\b(?:status|decision|outcome|verdict|resolution|disposition)\b", re.IGNORECASE
)


def _ends_as_status(heading: str) -> bool:
    """Whether a nested entry's name ends as a status ("appeal.state"), or one of its words is one
    ("Resolution status"), and it is of no other thing."""
    before, dot, last = heading.rpartition(".")
    told = bool(dot) and BY_SPELLING.get(plain_heading(last)) is ListField.STATUS
    worded = _OF_STATUS.search(last.replace("_", " ")) is not None
    return (told or worded) and not is_of_another(before if told else heading)


_OF_DATABASES = frozenset({"deletedat", "removedat", "takendownat", "bannedat", "unpublishedat"})
"""Headings under which databases keep when something was removed, and nothing where it was not."""


def _among(
    looks: Sequence[ColumnValues],
    spelled: Sequence[ListField | None],
    free: Sequence[int],
    fields: Mapping[ListField, int],
) -> int | None:
    """The column of texts in which hashes stand: they count where no column is of hashes alone, and
    what is said beside them in any case."""
    also = [at for at, field in enumerate(spelled) if field in (ListField.NAME, ListField.REASON)]
    found = [at for at in (*free, *also) if looks[at].among]
    return found[0] if len(found) == 1 else None


def _names_by_values(
    looks: Sequence[ColumnValues], taken: Collection[int], fields: Mapping[ListField, int]
) -> dict[ListField, int]:
    """Without headings: the one column of names, and the one of model files' names."""
    found: dict[ListField, int] = {}
    if not any(field in KNOWING for field in fields):
        return found
    for wanted, files in ((ListField.FILE_NAME, True), (ListField.NAME, False)):
        there = [
            at
            for at, look in enumerate(looks)
            if at not in taken and look.names and look.files is files
        ]
        if len(there) == 1 and wanted not in fields:
            found[wanted] = there[0]
    return found


def _further(
    header: Sequence[str],
    looks: Sequence[ColumnValues],
    taken: Mapping[int, ListField],
    chosen: Collection[int],
) -> tuple[tuple[int, int], ...]:
    """Columns of full hashes that are called as another is, but for a number behind it."""
    like: dict[str, int] = {}
    for position, field in taken.items():
        if field in HASHES and looks[position].digits >= 40:
            like |= dict.fromkeys(_numbered(header[position]), position)
    found: list[tuple[int, int]] = []
    called = [plain for each in header if BY_SPELLING.get(plain := plain_heading(each)) in _NAMED]
    beside = len({*called}) < len(called)  # another table, of which nobody says what it is
    for position, heading in enumerate(header):
        if position in taken or position in chosen or looks[position].field is not ListField.HASH:
            continue
        if looks[position].among:
            continue
        if _is_aside(heading) or (beside and plain_heading(heading) in like):
            continue
        first = next((like[each] for each in _numbered(heading) if each in like), None)
        if first is not None and looks[first].digits == looks[position].digits:
            found.append((first, position))
    return tuple(found)


_NAMED = (ListField.NAME, ListField.LINK)


def _is_aside(heading: str) -> bool:
    """Whether a heading tells of another thing than a removed file."""
    return is_of_another(heading) or says_not_removed(heading)


_NUMBER = re.compile(r"[\s_.(#-]{1,4}(?:\d{1,3}|[xy])\)?\s{0,4}\Z")


_KIND = re.compile(
    r"sha[-_ ]?2(?:56)?|sha[-_ ]?1|md5|blake3|b3|autov[123]|crc32c?|crc64[-_ ]?nvme", re.IGNORECASE
)
_DIGITS = re.compile(r"(?<![0-9])[0-9]{1,3}(?![0-9])")
"""Longer numbers are ids, which tell columns apart ("customfield_10042")."""


def _numbered(heading: str) -> frozenset[str]:
    """A heading with and without the number that tells it from others: "sha256_2",
    "file2_sha256"."""
    kind = _KIND.search(heading)
    bare = _DIGITS.sub("", _KIND.sub("", heading)) + (kind[0] if kind else "")
    return frozenset(map(plain_heading, (heading, _NUMBER.sub("", heading), bare))) - {""}


def _chosen(
    plain: Sequence[str], given: Mapping[str, ListField]
) -> tuple[dict[int, ListField], frozenset[str]]:
    """The columns that `--map` names, by position, and what of it names one."""
    chosen: dict[int, ListField] = {}
    used: set[str] = set()
    for name, field in given.items():
        wanted = plain_heading(name)
        places = [position for position, each in enumerate(plain) if each == wanted]
        number = int(wanted) if re.fullmatch("[0-9]{1,6}", wanted) else 0
        if not places and 0 < number <= len(plain):
            places = [number - 1]
        for position in places:
            chosen.setdefault(position, field)
            used.add(name)
    return chosen, frozenset(used)


def _not_as_they_are_called(
    cells: Sequence[str],
    spelled: list[ListField | None],
    looks: Sequence[ColumnValues],
    chosen: Mapping[int, ListField],
) -> None:
    """Headings count for nothing where the values say otherwise: links below "Model"."""
    there = {field for at, field in enumerate(spelled) if field is not None and at not in chosen}
    there |= set(chosen.values())
    others = any(
        look.field is ListField.LINK and not look.tickets and not _is_aside(cell)
        for look, cell in zip(looks, cells, strict=True)
    )
    for position, (field, look) in enumerate(zip(spelled, looks, strict=True)):
        if field is None or position in chosen or field is ListField.IGNORE:
            continue
        if field is ListField.LINK and look.tickets and others:
            spelled[position] = None
            continue
        links = look.field is ListField.LINK and not look.behind and ListField.LINK not in there
        if look.among:
            continue
        hashes = look.field is ListField.HASH and look.digits >= 40 and not HASHES & there
        if links or hashes:
            spelled[position] = None


def _links_by_values(
    cells: Sequence[str], looks: Sequence[ColumnValues], free: Sequence[int]
) -> Iterator[tuple[int, ListField]]:
    """Columns of links, by their values alone; those of tickets last."""
    for at in sorted(free, key=lambda each: looks[each].tickets):
        if looks[at].field is ListField.LINK and not _is_aside(cells[at]):
            yield at, ListField.LINK


def _hashes(
    cells: Sequence[str], looks: Sequence[ColumnValues], free: Sequence[int]
) -> Iterator[tuple[int, ListField]]:
    """The column of hashes, by its values alone. Where it may be of another thing than the removed
    file (a base model, a preview), or several may be the one, none is guessed: a hash that is
    taken by mistake accuses whoever has that file."""
    found = [
        at
        for at in free
        if looks[at].field is ListField.HASH
        and not looks[at].among
        and not _is_aside(cells[at])
        and not looks[at].repeated
        and not (looks[at].often and cells[at].strip() and not _surely_a_file(cells[at]))
    ]
    longest = max((looks[at].digits for at in found), default=0)
    found = [at for at in found if looks[at].digits >= min(longest, 40)]
    if not any(cell.strip() for cell in cells):
        found = [at for at in found if looks[at].digits == longest]
    if not found:
        return
    best = max(_surely_a_file(cells[at]) for at in found)
    first, *others = (at for at in found if _surely_a_file(cells[at]) == best)
    if all(_numbered(cells[at]) & _numbered(cells[first]) for at in others):
        yield first, _by_values(looks[first], plain_heading(cells[first]))


def _surely_a_file(heading: str) -> int:
    """How plainly a heading says that hashes of files stand below it."""
    plain = plain_heading(heading)
    return 2 * any(each in plain for each in _SAYS_FILE) + any(each in plain for each in _SAYS_HASH)


_SAYS_FILE = ("file", "datei", "fichier", "archivo", "fichero", "tiedosto", "文件", "файл")
_SAYS_HASH = (
    *("sha", "hash", "checksum", "digest", "fingerprint", "blake"),
    *("empreinte", "condensat", "prufsumme", "pruefsumme", "fingerabdruck", "huella", "suma"),
    *("tiiviste", "tarkiste", "impronta", "skrot", "kontrolsum", "controlesom", "ozet"),
    *("哈希", "校验", "校驗", "指纹", "指紋", "ハッシュ", "해시", "хеш", "хэш", "контрольн"),
)


def _by_values(look: ColumnValues, plain: str) -> ListField:
    if look.digits == 64:
        return next((field for part, field in _HINTS if part in plain), ListField.SHA256)
    return ListField.HASH


def field_called(heading: str) -> ListField | None:
    """The field that a key of a nested entry names, by itself or by its last part."""
    return spelled_as(heading) or _by_last_part(heading)


def parse_map(pairs: Sequence[str]) -> dict[str, ListField]:
    """`--map column=field` as given on a command line. Raises InputError."""
    given: dict[str, ListField] = {}
    for number, pair in enumerate(pairs, 1):
        column, equals, label = pair.rpartition("=")
        plain = plain_heading(label)
        field = next(
            (f for f in ListField if plain_heading(f.value) == plain), BY_SPELLING.get(plain)
        )
        if not equals or not plain_heading(column) or field is None:
            raise InputError(
                f"--map number {number} of those given names no field that Reseen knows "
                "(COLUMN=FIELD)",
                remedy="Fields: " + ", ".join(f.value for f in ListField) + ".",
            )
        given[column] = field
    return given


def _by_last_part(header: str) -> ListField | None:
    """ "hashes.SHA256", as nested entries are flattened, means what "SHA256" means."""
    before, dot, last = header.rpartition(".")
    field = BY_SPELLING.get(plain_heading(last)) if dot and last[:1].strip() else None
    if field is None or is_of_another(before):
        return None
    if field in HASHES or field is ListField.TRIGGER_WORDS:
        return field
    return field if plain_heading(before.rpartition(".")[2]) in _OF_FILE | _OF_ENTRY else None
