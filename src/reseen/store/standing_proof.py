"""Proves that what changes stands as the last line of the audit log that tells of it says.

What comes in: the lines, one after the other; then, of each kind, how everything stands now, by pk
and digest. What goes out: sentences about what disagrees, with ids that tell nothing. Each line
says how the thing stood before, too: so what was changed by hand is found also where it was changed
in order since. What it keeps is 80 bytes a line.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from reseen.store.audit import AuditLine
from reseen.store.audit_rows import covered
from reseen.store.log_proof import SEALED, Disagreements

KINDS = ("claims", "notices")
"""What changes and is covered as it stands, in the order in which it is sealed."""
_NOTHING = bytes(32)
"""Stands for the digest of what was not there."""


@dataclass(slots=True)
class _StandingLines:
    """What lines say of one kind, a line each."""

    pks: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    before: bytearray = field(default_factory=bytearray)
    after: bytearray = field(default_factory=bytearray)

    def groups(self) -> Iterator[tuple[int, list[int]]]:
        """Each pk, ascending, with the places of its lines, oldest first."""
        places = sorted(range(len(self.pks)), key=self.pks.__getitem__)
        at = 0
        while at < len(places):
            pk, some = self.pks[places[at]], [places[at]]
            while (at := at + 1) < len(places) and self.pks[places[at]] == pk:
                some.append(places[at])
            yield pk, some

    def was(self, place: int) -> bytes:
        return bytes(self.before[place * 32 : place * 32 + 32])

    def now(self, place: int) -> bytes:
        return bytes(self.after[place * 32 : place * 32 + 32])


class StandingProof:
    """Take every line with `line`, then ask `check` for each of `KINDS` in order, and `end`."""

    def __init__(self, found: Disagreements) -> None:
        self._found = found
        self._told = {kind: _StandingLines() for kind in KINDS}
        self._sealed_to = dict.fromkeys(KINDS, 0)
        self._sealed_as = ""
        self._sealed_by = 0
        self._seal = hashlib.sha256()

    def line(self, line: AuditLine) -> None:
        """The next line of the log."""
        if line.text is None:
            return
        if line.action == SEALED:
            self._seal_line(line)
        if '"stands": "' not in line.text:
            return
        details = line.details
        said = covered(str(details["stands"]))
        try:
            was, now = (bytes.fromhex(str(details.get(x) or "")) for x in ("was", "as"))
        except ValueError:
            was = now = b""
        if said is None or said[0] not in KINDS or len(now) != 32 or len(was) not in (0, 32):
            self._found.add(f"line {line.number}: tells of what this Reseen does not know")
            return
        told = self._told[said[0]]
        told.pks.append(said[1])
        told.lines.append(line.number)
        told.before += was or _NOTHING
        told.after += now

    def _seal_line(self, line: AuditLine) -> None:
        details = line.details
        if "stood" not in details:
            return
        if self._sealed_as or any(told.pks for told in self._told.values()):
            self._found.add(
                f"line {line.number} (sealed): seals what stood there before, and is not the first "
                "that tells of it"
            )
            return
        self._sealed_by, self._sealed_as = line.number, str(details.get("stood"))
        self._sealed_to = {kind: int(details.get(f"{kind}_stood_to") or 0) for kind in KINDS}

    def check(
        self, kind: str, there: Iterable[tuple[int, str]], named: Callable[[int], str]
    ) -> int:
        """Compare; `there`: what there is of this kind, by pk. How many that is."""
        told = self._told[kind]
        groups, to, count = told.groups(), self._sealed_to[kind], 0
        group = next(groups, None)
        for pk, digest in there:
            count += 1
            while group is not None and group[0] < pk:
                self._lacks(told, group[1])
                group = next(groups, None)
            stands, first = bytes.fromhex(digest), bytes.fromhex(digest)
            if group is not None and group[0] == pk:
                first = self._chain(told, group[1], stands, named)
                group = next(groups, None)
            elif pk > to:
                self._found.add(f"{named(pk)} stands in the store, and in no line of the log")
            if pk <= to:
                self._seal.update(first)
        while group is not None:
            self._lacks(told, group[1])
            group = next(groups, None)
        return count

    def end(self) -> None:
        """After the last kind: whether what was sealed is what stood there."""
        if self._sealed_as and self._seal.hexdigest() != self._sealed_as:
            self._found.add(
                f"line {self._sealed_by} (sealed): what stood there before the log covered it is "
                "another in the store than was sealed"
            )

    def _chain(
        self, said: _StandingLines, places: list[int], stands: bytes, named: Callable[[int], str]
    ) -> bytes:
        """Whether each line goes on from the one before; how it stood before the first."""
        first = before = said.was(places[0])
        for place in places:
            if said.was(place) != before:
                self._found.add(
                    f"line {said.lines[place]}: {named(said.pks[place])} stood otherwise before "
                    "than the line before it says"
                )
            before = said.now(place)
        if before != stands:
            self._found.add(
                f"{named(said.pks[places[0]])} stands otherwise than line "
                f"{said.lines[places[-1]]} says"
            )
        return first

    def _lacks(self, said: _StandingLines, places: list[int]) -> None:
        self._found.add(f"line {said.lines[places[-1]]}: what it tells of is not in the store")


def sealing(digests: Iterable[str]) -> str:
    """The digest of all that is sealed so: of each kind of `KINDS`, by pk."""
    made = hashlib.sha256()
    for digest in digests:
        made.update(bytes.fromhex(digest))
    return made.hexdigest()
