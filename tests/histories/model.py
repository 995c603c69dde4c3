"""What must be known: computed from the facts alone, and written without a look at `match`.

The facts are claims in force, what was read, what stands at the hub now, and what was asked to be
looked at. There is no order in them. Digests are those of `hashlib`; which file is an altered copy
of which is known by construction. Nothing here imports the rooms that it judges.

A claim is a row of a list, or what was learned: a file that was read in full teaches the removals
whose claim it agrees with, as long as that claim is in force. What a reading equals in one digest
of the whole file and contradicts in another gives that claim nothing. A Xet hash is the word of a
hub alone: any other digest of the claim outweighs it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from replica.world import World
from tests.histories.figures import ADD_UP, EXPLAINED, HIDES, INNOCENTS, INSIDE
from tests.histories.rows import XET, Row
from tests.histories.world import FOLDER, HUB, Content, Standing, standing

from replica import git

Place = tuple[str, str, str, str]
"""Hub, repository, path, content."""
Sighting = tuple[frozenset[str], Place]
"""A removal, by its rows, and where it was found."""


class Level(IntEnum):
    """How far a target was to be read."""

    NONE = 0
    HEADER = 1
    FULL = 2


class Found(IntEnum):
    """On what a sighting stands."""

    REFUTED = -10
    COMPONENT = 20
    WEIGHTS = 30
    POINTER = 40
    DECLARED = 50
    TENSORS = 60
    BYTES = 70


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked to be looked at, and how. One of repositories, accounts, everything, or the
    folder."""

    repos: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    everything: bool = False
    folder: bool = False
    level: Level = Level.HEADER
    refs: bool = False
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, as the store remembers it: facts that stay, wherever the bytes are now."""

    full: Mapping[Place, str] = field(default_factory=dict)
    """Place -> the key of what every byte of was read there."""
    sketched: frozenset[Place] = frozenset()
    """Places of which all modules were read."""
    shown: Mapping[Place, bytes] = field(default_factory=dict)
    """Place -> the SHA-256 that the hub showed when it was looked at."""
    bare: frozenset[Place] = frozenset()
    """Of `full`: where reading ended at the digests, because of the file's class."""
    headers: frozenset[Place] = frozenset()
    """Places of which the header was read, at least."""


@dataclass(slots=True)
class Looked:
    """How far a repository was to be looked at; a level that is None was never asked for."""

    main: Level | None = None
    refs: Level | None = None


@dataclass(slots=True)
class Facts:
    """What was said and asked so far."""

    imported: dict[str, Row] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    """Rows that were withdrawn, with their removal."""
    lists_withdrawn: set[str] = field(default_factory=set)
    taken_back: set[tuple[str, str]] = field(default_factory=set)
    """(row, key of a file): what its removal learned from the file is out of use."""
    classed: set[str] = field(default_factory=set)
    """Rows whose removal was said to be of the class that is never read."""
    lists_classed: set[str] = field(default_factory=set)
    settled: dict[str, bool] = field(default_factory=dict)
    """Row -> what two people settled: does what it says of the class count?"""
    targets: dict[Target, None] = field(default_factory=dict)
    looked: dict[str, Looked] = field(default_factory=dict)
    """Repository -> how far, with what following added."""
    folder: bool = False
    in_folder: dict[str, Content] = field(default_factory=dict)
    """Path -> file, of the folder as it is now."""
    innocents: set[str] = field(default_factory=set)
    """Files (by key) that two people called known innocents."""
    changed: bool = False
    """The hub or the folder changed since a target was looked at."""
    stood: dict[Place, Content] = field(default_factory=dict)
    """All that ever stood at the hub: what a pointer states may be a lie."""
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    """Row -> the rows that are about the same removal: as the registry put them together, which
    depends on the rows and their order alone."""

    def in_force(self) -> list[Row]:
        return [
            row
            for name, row in self.imported.items()
            if name not in self.withdrawn and row.list not in self.lists_withdrawn
        ]

    def is_never_read(self, group: Collection[str]) -> bool:
        """Is the removal of these rows of the class that is never read? By what is said of it, or
        of another that stands at one of its links."""
        in_force = self.in_force()
        pages = {row.model for row in in_force if row.name in group} - {None}
        there = {self.group_of(row.name) for row in in_force if row.model in pages}
        return any(map(self._says_never_read, {frozenset(group), *there}))

    def _says_never_read(self, group: Collection[str]) -> bool:
        if any(name in self.classed for name in group):
            return True
        return any(
            row.name in group and row.list in self.lists_classed
            and self.settled.get(row.name) is not False
            for row in self.in_force()
        )  # fmt: skip

    def is_taken_back(self, group: Collection[str], content: Content) -> bool:
        return any((name, content.key) in self.taken_back for name in group)

    def group_of(self, name: str) -> frozenset[str]:
        return self.groups.get(name, frozenset({name}))

    def said(self, some: Iterable[Row]) -> None:
        """Rows were imported, or files added. What a list says more of a removal of which all that
        it said was withdrawn, is withdrawn too."""
        new = [row for row in some if row.name not in self.imported]
        before = dict(self.imported)
        self.imported |= {row.name: row for row in new}
        for row in new:
            own = [n for n in self.group_of(row.name) if n in before and before[n].list == row.list]
            if own and self.withdrawn.issuperset(own):
                self.withdrawn.add(row.name)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of one file of one removal."""

    group: frozenset[str]
    """The removal: its rows."""
    whole: Mapping[str, bytes]
    size: int | None
    file: Content | None
    """All of it is known: it was added, or learned."""
    learned: bool = False
    never: bool = False
    """Of the class that is never read: only digests count."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the facts come to."""

    sightings: Mapping[Sighting, Found]
    reads: Mapping[Place, str]
    """Place -> "full", "bare" or "sketch": what had to be read for it. Bare: all bytes, of which
    nothing but the digests of the whole file is kept."""
    hiding: frozenset[str] = frozenset()
    """Files (by key) that are no known innocents now, whatever people say: they would hide a
    removal."""


def expected(facts: Facts, world: World, read: Read) -> Expected:
    """What must be known of all places that were to be looked at."""
    places = looked_at(facts, world)
    return _judged(facts, places, read)


def follow(
    facts: Facts,
    world: World,
    read: Read,
    targets: Iterable[Target],
    *,
    owed: bool,
    parts: Collection[Sighting] = (),
) -> None:
    """Targets were looked at: remember how far, with all that following adds to them. `owed`: what
    is owed elsewhere was read too; else what was not read there has led nowhere yet, and never will
    if a claim leaves before. `parts`: what was known to be inside files, or that two add up to,
    before: that is found when a scan has ended, and leads nowhere before the next one."""
    for target in targets:
        if target.folder:
            facts.folder = True
            continue
        mine: dict[str, bool] = dict.fromkeys(_named(target, world), target.refs)
        while True:
            for repo, refs in mine.items():
                looked = facts.looked.setdefault(repo, Looked())
                looked.main = _most(looked.main, target.level)
                if refs:
                    looked.refs = _most(looked.refs, target.level)
            if not target.follow:
                break
            places = looked_at(facts, world)
            if not owed:
                places = _read_only(places, mine if target.level else ())
            found = _judged(facts, places, read).sightings
            more = dict(mine)
            for key, rung in found.items():
                hub, repo, _, _ = key[1]
                leads = rung > Found.COMPONENT or (rung > 0 and (owed or key in parts))
                if hub == HUB and repo in mine and leads:
                    more[repo] = True
                    account = repo.partition("/")[0]
                    for _, other in world.repositories:
                        if other.partition("/")[0] == account:
                            more.setdefault(other, target.refs)
            if more == mine:
                break
            mine = more


def _read_only(
    places: Mapping[Place, tuple[Standing, Level]], repos: Collection[str]
) -> dict[Place, tuple[Standing, Level]]:
    """The same, but nothing is read in other places than these."""
    return {
        key: (place, level if place.repo in repos else Level.NONE)
        for key, (place, level) in places.items()
        if place.hub == HUB
    }


def _named(target: Target, world: World) -> list[str]:
    return [
        id
        for _, id in world.repositories
        if target.everything or id in target.repos or id.partition("/")[0] in target.accounts
    ]


def _most(one: Level | None, other: Level) -> Level:
    return other if one is None else max(one, other)


def looked_at(facts: Facts, world: World) -> dict[Place, tuple[Standing, Level]]:
    """Every file that stands now where it was to be looked, and how far it was to be read."""
    found: dict[Place, tuple[Standing, Level]] = {}
    for one in standing(world):
        looked = facts.looked.get(one.repo)
        if looked is None:
            continue
        levels = [looked.main if one.main else None, looked.refs]
        asked = [level for level in levels if level is not None]
        if asked:
            found[one.key] = (one, max(asked))
    if facts.folder:
        for path, content in facts.in_folder.items():
            # Of the class that is never read a file here is known by its SHA-256, as at a hub.
            sha256 = content.sha256
            place = Standing(FOLDER, FOLDER, path, sha256.hex(), content, sha256, False, True, True)
            found[place.key] = (place, Level.FULL)
    return found


def _listed(facts: Facts) -> list[Claim]:
    """What lists say. Of a file of the class that is never read nobody knows the inside, whatever
    removal it stands under."""
    said = [
        Claim(group, row.whole, row.size, row.file, never=facts.is_never_read(group))
        for row in facts.in_force()
        for group in [facts.group_of(row.name)]
    ]
    return [
        replace(one, file=None) if one.never or (one.file and _ends(said, one.file)) else one
        for one in said
    ]


def _judged(facts: Facts, places: Mapping[Place, tuple[Standing, Level]], read: Read) -> Expected:
    listed = _listed(facts)
    reads: dict[Place, str] = {}
    while True:
        claims = _all_claims(facts, listed, places, read, reads)
        more = reads | _wanted(claims, places, reads)
        if more == reads:
            break
        reads = more
    # What was wanted on the way only, before something was learned, need not have been read.
    last = _wanted(claims, places, {})
    if _all_claims(facts, listed, places, read, last) == claims:
        reads = last
    sightings: dict[Sighting, Found] = {}
    whole = _elsewhere(facts, listed, places, read)
    for key, (place, _) in places.items():
        what = reads.get(key)
        if key in read.full and what != "full":
            what = "bare" if key in read.bare else "full"
        if what not in ("full", "bare") and key in read.sketched:
            what = "sketch"
        shown = place.shown or read.shown.get(key)
        stating = [c for c in claims if _declares(c, place, shown) is not None]
        stated = {c.group for c in stating}
        named = any(c.never for c in stating) or _is_named(claims, place, shown)
        if named or (what == "full" and _ends(listed, place.content)):
            # It is of the class that is never read: of what was read its digests count.
            what = "bare" if what in ("full", "bare") else None
        if what in ("full", "sketch"):
            whole[key] = place.content
        for claim in claims:
            found = _evidence(claim, place, shown, what, claim.group in stated)
            if found is not None:
                before = sightings.get((claim.group, key), found)
                sightings[claim.group, key] = max(before, found)
    hiding = frozenset(key for key in INNOCENTS if _hides(claims, key))
    for group, key in [
        *_added_up(claims, whole, sightings),
        *_inside(claims, whole, facts.innocents - hiding),
    ]:
        if key in places:
            sightings[group, key] = max(
                sightings.get((group, key), Found.COMPONENT), Found.COMPONENT
            )
    return Expected(sightings, reads, hiding)


def _elsewhere(
    facts: Facts, listed: Collection[Claim], places: Collection[Place], read: Read
) -> dict[Place, Content]:
    """Of what was read whole, what stands there no more: what its bytes told is known."""
    gone = read.sketched - read.bare - frozenset(places)
    there = {place: facts.stood[place] for place in gone if place in facts.stood}
    return {place: content for place, content in there.items() if not _ends(listed, content)}


def _added_up(
    claims: Collection[Claim],
    whole: Mapping[Place, Content],
    sightings: Mapping[Sighting, Found],
) -> Iterator[Sighting]:
    """Two files of one account that come to a removal, of which neither is that by itself."""
    for group in _of_weights(claims, "r7"):
        alone = {
            place: content.key
            for place, content in whole.items()
            if sightings.get((group, place), Found.COMPONENT) < Found.WEIGHTS
        }
        for one, other in itertools.permutations(alone, 2):
            same = (one[0], account_of(one[1])) == (other[0], account_of(other[1]))
            pair = alone[one], alone[other]
            if same and (pair in ADD_UP or pair[::-1] in ADD_UP):
                yield group, one


def _inside(
    claims: Collection[Claim], whole: Mapping[Place, Content], innocents: Collection[str]
) -> Iterator[Sighting]:
    """Removals inside files, but for what a known innocent explains."""
    for place, content in whole.items():
        if content.key in INSIDE and EXPLAINED.get(content.key) not in innocents:
            for group in _of_weights(claims, INSIDE[content.key]):
                yield group, place


def _hides(claims: Collection[Claim], key: str) -> bool:
    """Would this file hide a removal, if it were a known innocent?"""
    from tests.histories.world import contents

    true = _true(contents()[key])
    same = any(true.get(kind) == value for claim in claims for kind, value in claim.whole.items())
    alike = {key, HIDES.get(key, key)}
    return same or any(_of_weights(claims, weights) for weights in alike)


def _of_weights(claims: Collection[Claim], weights: str) -> set[frozenset[str]]:
    """Removals whose weights are known to be these."""
    return {
        claim.group
        for claim in claims
        if claim.file is not None and claim.file.weights == weights and not claim.never
    }


def account_of(repo: str) -> str:
    return repo.partition("/")[0]


def _true(content: Content) -> dict[str, bytes]:
    return {"sha256": content.sha256, "blake3": content.blake3, "git blob": content.blob}


def _all_claims(
    facts: Facts,
    listed: Collection[Claim],
    places: Mapping[Place, tuple[Standing, Level]],
    read: Read,
    reads: Mapping[Place, str],
) -> list[Claim]:
    """With what was learned."""
    from tests.histories.world import contents

    all_of_it = {contents()[key] for place, key in read.full.items() if place not in read.bare}
    all_of_it |= {places[place][0].content for place, what in reads.items() if what == "full"}
    known = all_of_it | {contents()[key] for key in read.full.values()}
    known |= {places[place][0].content for place, what in reads.items() if what == "bare"}
    claims = list(listed)
    for content in sorted(known, key=lambda each: each.key):
        for claim in listed:
            if claim.never or _ends(listed, content):
                continue
            same = (
                claim.whole.get("sha256") == content.sha256
                or claim.whole.get("blake3") == content.blake3
            )
            if facts.is_taken_back(claim.group, content):
                continue
            if same and not _contradicted(claim, content):
                whole = {
                    "sha256": content.sha256, "blake3": content.blake3, "git blob": content.blob
                }  # fmt: skip
                told = content if content in all_of_it else None
                learned = Claim(claim.group, whole, content.size, told, learned=True)
                if learned not in claims:
                    claims.append(learned)
    return claims


def _contradicted(claim: Claim, content: Content) -> bool:
    """It equals one digest of the whole file, and contradicts another."""
    true = _true(content)
    same = [true[kind] == value for kind, value in claim.whole.items() if kind in true]
    return any(same) and not all(same)


def _declares(claim: Claim, place: Standing, shown: bytes | None) -> Found | None:
    """By what the hub states."""
    sha256 = claim.whole.get("sha256")
    if shown is not None:
        xet = None if sha256 is not None else _stated_xet(place)
        by_xet = xet is not None and claim.whole.get(XET) == xet
        return Found.DECLARED if by_xet or sha256 == shown else None
    if not place.lfs:
        stated = place.hub == HUB and claim.whole.get("git blob", b"").hex() == place.oid
        return Found.DECLARED if stated else None
    if sha256 is not None and claim.size is not None:
        return Found.POINTER if git.pointer_oid(sha256.hex(), claim.size) == place.oid else None
    return None


def _stated_xet(place: Standing) -> bytes | None:
    """Shown where the SHA-256 is."""
    return place.content.xet if place.hub == HUB and place.lfs else None


def _is_doubted(claims: Iterable[Claim], place: Standing) -> bool:
    """Does the hub state the Xet hash of a claim, and another SHA-256? One of the two says what is
    false, which reading tells."""
    xet = None if place.shown is None else _stated_xet(place)
    return xet is not None and any(
        c.whole.get(XET) == xet and c.whole.get("sha256", place.shown) != place.shown
        for c in claims
    )


def _is_named(claims: Iterable[Claim], place: Standing, shown: bytes | None) -> bool:
    """Has a claim of the class that is never read the Xet hash that the hub states? Whatever else
    it says, the file is not read."""
    xet = None if shown is None else _stated_xet(place)
    return xet is not None and any(c.never and c.whole.get(XET) == xet for c in claims)


def _evidence(
    claim: Claim, place: Standing, shown: bytes | None, read: str | None, stated: bool
) -> Found | None:
    """The best that a claim gives a place of which so much was read. `stated`: the hub states that
    the file is the claim's removal."""
    content, declared = place.content, _declares(claim, place, shown)
    if claim.never and stated:
        return declared
    weights = (
        claim.file is not None
        and content.weights is not None
        and claim.file.weights == content.weights
    )
    if read not in ("full", "bare"):
        by_weights = Found.WEIGHTS if weights and read == "sketch" else None
        return max((f for f in (declared, by_weights) if f is not None), default=None)
    if _contradicted(claim, content):
        return None
    true = _true(content)
    if any(true.get(kind) == value for kind, value in claim.whole.items()):
        return Found.BYTES
    if declared is not None and shown is not None and "sha256" not in claim.whole:
        # The Xet hash alone agrees: it is believed where nothing is beside it.
        declared = declared if claim.whole.keys() == {XET} else None
        false = declared
    else:
        false = None if declared is None else Found.REFUTED
    if read == "bare":
        return false
    if (
        claim.file is not None
        and content.tensors is not None
        and (content.tensors == claim.file.tensors or content.section == claim.file.section)
    ):
        return Found.TENSORS
    if weights:
        return Found.WEIGHTS
    return false


def _wanted(
    claims: Collection[Claim],
    places: Mapping[Place, tuple[Standing, Level]],
    reads: Mapping[Place, str],
) -> dict[Place, str]:
    """What has to be read, and how far."""
    wanted: dict[Place, str] = {}
    files = [claim.file for claim in claims if claim.file is not None]
    sizes = {file.data_size for file in files if file.data_size is not None}
    layouts = {file.layout for file in files if file.layout is not None}
    sketched = any(file.weights is not None for file in files)
    for key, (place, level) in places.items():
        if reads.get(key) in ("full", "bare"):
            continue
        content = place.content
        all_bytes = "bare" if _ends(claims, content) else "full"
        if place.hub == FOLDER:
            wanted[key] = all_bytes
            continue
        if level is Level.NONE or not place.readable:
            continue
        said = [c for c in claims if _declares(c, place, place.shown) is not None]
        if any(claim.never for claim in said) or _is_named(claims, place, place.shown):
            continue
        if level is Level.FULL and (said or _is_doubted(claims, place)):
            wanted[key] = all_bytes
        elif content.weights is None or _agree(said, content):
            continue
        elif content.data_size in sizes or content.layout in layouts:
            wanted[key] = all_bytes
        elif sketched:
            wanted[key] = "sketch"
    return wanted


def _ends(claims: Iterable[Claim], content: Content) -> bool:
    """Does reading end at the digests of this file, for one of these claims?"""
    true = _true(content)
    return any(
        true.get(kind) == value
        for claim in claims
        if claim.never
        for kind, value in claim.whole.items()
    )


def _agree(claims: Collection[Claim], content: Content) -> bool:
    """What was computed from bytes must agree; of what lists say, one claim must."""
    if any(claim.learned and not _agrees(claim, content) for claim in claims):
        return False
    return any(_agrees(claim, content) for claim in claims)


def _agrees(claim: Claim, content: Content) -> bool:
    """Does a file's header agree with the claim that it is the removal's?"""
    if claim.size is not None and claim.size != content.size:
        return False
    if claim.file is not None:
        return claim.file.data_size == content.data_size and claim.file.layout == content.layout
    return content.weights is not None
