"""The lists of the histories: what each row says, honest and hostile; and what they are known by.

A row is known by the name in it, which no other row has: so it can be told which rows a removal of
the store holds, in any store and without its ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from tests.histories.world import Content, contents, stated

SITE = "models.example"
WHOLE = ("sha256", "blake3", "git blob")
"""Digests of the whole file, which reading computes: the columns' names."""
XET = "xet"
"""One that hubs state, and nobody computes."""
LOCAL = "local"
"""The list of what is added from files."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one list; or one file that is added, which says everything of itself."""

    name: str
    list: str
    whole: Mapping[str, bytes]
    """Kind (of `WHOLE`, and `XET`) -> digest."""
    size: int | None = None
    autov2: bytes | None = None
    states: tuple[bytes, bytes] | None = None
    """AutoV3 and AutoV1, as the file's header states them of itself: hints, and nothing more."""
    model: int | None = None
    """The model's number in its link."""
    file: Content | None = None
    """Of an added file: all that can be computed from it."""
    hostile: bool = False
    further: bool = False
    """About a file of `figures`: drawn apart, so that the other acts of a seed stay what they
    were."""

    @property
    def file_name(self) -> str:
        """Of its file, where its list says names: as files at the hub are called."""
        said = set(self.whole.values())
        files = contents()
        named = (n for n, key in _NAMES.items() if {files[key].sha256, files[key].blake3} & said)
        return next(named, "") if self.list in ("first", "third") else ""

    @property
    def link(self) -> str | None:
        if self.model is None:
            return None
        return f"https://{SITE}/models/{self.model}?modelVersionId={self.model + 1000}"

    def __hash__(self) -> int:
        return hash(self.name)


_NAMES = {
    "x.safetensors": "r1", "a.bin": "r2", "m.safetensors": "r3", "e.safetensors": "r6",
    "five.safetensors": "r5", "o.safetensors": "r1-cast",
}  # fmt: skip
COLUMNS = ("name", "url", "sha256", "blake3", "git_blob_sha1", "xet", "autov2", "autov3", "autov1",
           "size", "file_name")  # fmt: skip


def text(rows: Iterable[Row]) -> str:
    """The rows as a CSV file."""
    lines = [",".join(COLUMNS)]
    for row in rows:
        cells = (
            row.name,
            row.link or "",
            *(row.whole.get(kind, b"").hex() for kind in (*WHOLE, XET)),
            "" if row.autov2 is None else row.autov2.hex(),
            *(value.hex() for value in row.states or (b"", b"")),
            "" if row.size is None else str(row.size),
            row.file_name,
        )
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


@cache
def rows() -> dict[str, Row]:
    """All rows by name, in the order of their lists."""
    files = contents()
    found: dict[str, Row] = {}

    def row(
        list: str,
        *kinds: str,
        size: int | bool = False,
        short: str | None = None,
        states: str | None = None,
        model: int | None = None,
        hostile: bool = False,
    ) -> None:
        """`kinds`: "sha256:r1", "blake3:i1"."""
        whole: dict[str, bytes] = {}
        of: Content | None = None
        for each in kinds:
            kind, _, key = each.partition(":")
            of = of or files[key]
            whole[kind] = _digest(files[key], kind)
        bytes_ = (of.size if of else None) if size is True else (size or None)
        new = Row(
            name=f"Sample person {len(found) + 1:02}",
            list=list,
            whole=whole,
            size=bytes_,
            autov2=None if short is None else files[short].sha256[:5],
            states=None if states is None else stated(files[states]),
            model=model,
            hostile=hostile,
        )
        found[new.name] = new

    def added(key: str) -> None:
        file, name = files[key], f"Sample person {len(found) + 1:02}"
        whole = {kind: _digest(file, kind) for kind in WHOLE}
        found[name] = Row(name, LOCAL, whole, size=file.size, file=file)

    row("first", "sha256:r1")
    row("first", "sha256:r2", size=True)
    row("first", "sha256:r3", size=True)
    row("first", "sha256:r4")
    row("first", "sha256:r5")
    row("first", "git blob:r6")

    row("second", "sha256:r1", size=True, model=101)
    row("second", "blake3:r2")
    row("second", "sha256:r4", size=True)
    row("second", "sha256:r3")
    row("second", "sha256:r6", size=True, model=106)
    row("second", short="r5")

    row("third", "sha256:r1-cast")
    row("third", "sha256:r2-order", model=102)
    row("third", "blake3:r5", model=105)
    row("third", "sha256:r1", "blake3:r1", size=True)

    row("hostile", "sha256:r1", "blake3:i1", hostile=True)
    row("hostile", "sha256:i2", model=101, hostile=True)
    row("hostile", "sha256:r2", size=12_345_678, hostile=True)
    row("hostile", "sha256:r3", size=4_321, hostile=True)
    row("hostile", "sha256:i3", "blake3:r5", hostile=True)
    row("hostile", "sha256:r4", "git blob:i1", hostile=True)

    for key in ("r1", "r2", "r5", "r6", "r1-cast"):
        added(key)
    # What ties removals of which their list had told before, by a digest or by a link.
    row("second", "sha256:r2", "blake3:r2")
    row("third", "sha256:r5", model=105)
    row("third", "sha256:r1-cast", model=102)
    row("first", "sha256:r4", model=104)
    row("first", "sha256:r5", model=104)
    row("hostile", "sha256:r4", model=102, hostile=True)
    row("hostile", "sha256:r1", model=104, hostile=True)
    further = len(found)
    row("first", "sha256:r7")
    row("second", "blake3:r7", model=107)
    row("third", "sha256:r7-two", size=True)
    row("hostile", "sha256:accelerator", hostile=True)
    for key in ("r7", "r8", "r9", "r10"):
        added(key)
    row("second", "sha256:r9-inside")
    # Xet hashes: of the file itself, of an altered copy, of innocents.
    row("second", "sha256:r4", "xet:r4")
    row("third", "xet:r5-cast")
    row("hostile", "sha256:r1", "xet:r1-cast", hostile=True)
    row("hostile", "sha256:r2", "xet:i1", size=True, hostile=True)
    row("hostile", "blake3:r2", "xet:i4", hostile=True)
    # With what files state of themselves, of their own or as a tool left it; a lie.
    row("third", "sha256:r1", states="r1")
    row("second", "blake3:r2", states="r2")
    row("first", "sha256:r5", states="r5")
    row("hostile", "sha256:r5-cast", states="r4", hostile=True)
    return {n: replace(r, further=at >= further) for at, (n, r) in enumerate(found.items())}


def _digest(file: Content, kind: str) -> bytes:
    if kind == XET:
        return file.xet
    return {"sha256": file.sha256, "blake3": file.blake3, "git blob": file.blob}[kind]


def listed(list: str) -> list[Row]:
    """But for the further ones."""
    return [row for row in rows().values() if row.list == list and not row.further]


def further() -> list[Row]:
    return [row for row in rows().values() if row.further]


LISTS = ("first", "second", "third", "hostile")
