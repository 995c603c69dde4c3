"""Histories: what people and hubs do one after the other, drawn from a seed.

An act is a plain value; a history is a list of them. Played again it does the same again. Any act
may be left out of a history without the others losing their sense: that is how one is made short.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from replica.world import MAIN, World
from tests.histories.faces import FACES, HAS_LISTS, Room
from tests.histories.figures import INNOCENTS
from tests.histories.model import Facts, Found, Level, Sighting, Target, expected, follow
from tests.histories.rows import LISTS, LOCAL, Row, further, listed, rows
from tests.histories.world import FOLDER, contents, put, standing


@dataclass(frozen=True, slots=True)
class Import:
    """Rows of a list are imported."""

    list: str
    names: tuple[str, ...]
    by: str

    def __str__(self) -> str:
        return f"{self.by}: import {self.list} {' '.join(n[-2:] for n in self.names)}"


@dataclass(frozen=True, slots=True)
class Add:
    """A file is added to the registry."""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The removal that holds a row is withdrawn, or restored."""

    name: str
    withdraw: bool
    by: str


@dataclass(frozen=True, slots=True)
class TurnList:
    """A whole list is withdrawn, or restored."""

    list: str
    withdraw: bool
    by: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What the removal that holds a row learned from a file is taken back, or put back."""

    name: str
    key: str
    put_back: bool
    by: str


@dataclass(frozen=True, slots=True)
class Classify:
    """The removal that holds a row, or a whole list, is said to be of the class that is never read,
    or not any more."""

    name: str
    """A row's or a list's."""
    on: bool
    by: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Two people settle whether what a row says of the class counts, or is false."""

    name: str
    counts: bool
    by: str


@dataclass(frozen=True, slots=True)
class Innocent:
    """Two people call a file a known innocent, or one takes it out."""

    key: str
    on: bool
    by: str


@dataclass(frozen=True, slots=True)
class Watch:
    """One round of watching an account, or the hub."""

    account: str | None

    @property
    def target(self) -> Target:
        if self.account is None:
            return Target(everything=True)
        return Target(accounts=(self.account,))


@dataclass(frozen=True, slots=True)
class Scan:
    """A target is looked at."""

    target: Target
    by: str

    def __str__(self) -> str:
        target = self.target
        where = [*target.repos, *target.accounts]
        where += ["everything"] if target.everything else []
        where += ["folder"] if target.folder else []
        how = [target.level.name.lower(), "refs" if target.refs else "no refs"]
        how.append("follow" if target.follow else "no follow")
        return f"{self.by}: scan {' '.join(where)} ({', '.join(how)})"


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed is read."""

    by: str


@dataclass(frozen=True, slots=True)
class Recheck:
    """Do known sightings still stand?"""

    by: str


@dataclass(frozen=True, slots=True)
class Hook:
    """The hub tells that a repository changed, or somebody says so."""

    repo: str


@dataclass(frozen=True, slots=True)
class Change:
    """The hub changes."""

    what: str
    """ "upload", "delete", "gate", "open", "move", "remove", "folder"."""
    repo: str
    path: str = ""
    key: str = ""
    how: str = "lfs"


Saying = Import | Add | Turn | TurnList | Classify | Settle
"""Acts by which something is said."""
Act = Saying | TakeBack | Innocent | Watch | Scan | Owed | Recheck | Hook | Change
History = Sequence[Act]

REPOS = (
    *("ann/copy", "ann/renamed", "ann/altered", "ann/pull", "bob/edited", "bob/stronger"),
    *("cid/members", "cid/cleaned", "cid/branch", "dan/framed", "eve/teaches", "fay/learned"),
    *("gus/plain", "hal/innocents"),
)
KEYS = (
    *("r1", "r2", "r3", "r4", "r5", "r6", "r1-header", "r2-order", "r1-cast", "r2-small"),
    *("r5-cast", "r5-small", "i1", "i2", "i3", "i4"),
)
FURTHER = ("jon/one", "jon/two", "jon/three", "kim/framed", "lou/merges")
"""Repositories of histories with files that add up, and merges."""
ACCOUNTS = ("ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal")


def draw(seed: int) -> list[Act]:
    """The history of a seed."""
    dice = random.Random(seed)
    changes, classed = dice.random() < 0.5, dice.random() < 0.4
    history: list[Act] = []
    imported: list[str] = []
    for _ in range(dice.randint(4, 14)):
        history.append(_act(dice, changes, classed, imported))
    apart = random.Random(f"further {seed}")
    if apart.random() < 0.4:
        said: list[str] = []
        at = 0
        for _ in range(apart.randint(4, 9)):
            at = apart.randint(at, len(history))
            history.insert(at, _further(apart, changes, classed, said))
            at += 1
    return history


def _further(dice: random.Random, changes: bool, classed: bool, said: list[str]) -> Act:
    """About files that add up, and merges."""
    by = dice.choices(FACES, (2, 1, 1, 6))[0]
    kinds = ["say", "scan", "turn", "innocent", "take back", "owed", "class", "change"]
    weights = [34, 30, 12, 14, 3, 4, 12 if classed else 0, 6 if changes else 0]
    match dice.choices(kinds, weights)[0]:
        case "scan":
            where = dice.choice(("jon/one", "jon/two", "all", "jon", "kim", "lou", "several"))
            level = dice.choices(list(Level), (1, 4, 3))[0]
            how = Target(level=level, refs=dice.random() < 0.3, follow=dice.random() < 0.7)
            if where == "all":
                return Scan(replace(how, everything=True), by)
            if where == "several":
                some = tuple(sorted(dice.sample(FURTHER, 2)))
                return Scan(replace(how, repos=some), by)
            if "/" in where:
                return Scan(replace(how, repos=(where,)), by)
            return Scan(replace(how, accounts=(where,)), by)
        case "turn" if said:
            return Turn(dice.choice(said), dice.random() < 0.6, by)
        case "innocent":
            return Innocent(dice.choice(INNOCENTS), dice.random() < 0.7, by)
        case "take back" if said:
            return TakeBack(
                dice.choice(said), dice.choice(("r7", "r7-two", "r9-inside")), False, by
            )
        case "owed":
            return Owed(by)
        case "class" if said:
            return Classify(dice.choice(said), dice.random() < 0.6, by)
        case "change":
            what = dice.choice(("upload", "delete", "gate", "open"))
            repo = dice.choice([repo for repo in FURTHER if repo != "kim/framed"])
            key = dice.choice(("r7-one", "r7-two", "r8-like", "r9-inside", "r7"))
            return Change(what, repo, "new.safetensors", key)
        case _:
            row = dice.choice(further())
            said.append(row.name)
            return Add(row.name, by) if row.list == LOCAL else Import(row.list, (row.name,), by)


def is_further(act: Act) -> bool:
    """Is it about files that add up, or merges?"""
    match act:
        case Innocent():
            return True
        case Import(_, names, _):
            return any(rows()[name].further for name in names)
        case Add(name, _) | Turn(name, _, _) | TakeBack(name, _, _, _) | Settle(name, _, _):
            return rows()[name].further
        case Scan(target, _):
            return not {*FURTHER, "jon", "kim", "lou"}.isdisjoint({*target.repos, *target.accounts})
        case Change(_, repo, _, _, _):
            return repo in FURTHER
        case _:
            return False


def _act(dice: random.Random, changes: bool, classed: bool, imported: list[str]) -> Act:
    by = dice.choices(FACES, (2, 1, 1, 6))[0]
    kinds = ["import", "scan", "turn", "add", "owed", "recheck", "hook", "change", "list"]
    weights = [26, 34, 14, 5, 8, 3, 4, 14 if changes else 0, 6 if HAS_LISTS else 0]
    kinds += ["take back", "watch", "class", "settle"]
    weights += [8, 4, *((6, 3) if classed else (0, 0))]
    match dice.choices(kinds, weights)[0]:
        case "scan":
            return Scan(_target(dice), by)
        case "turn" if imported:
            # Whoever withdraws often restores later.
            return Turn(dice.choice(imported[-6:]), dice.random() < 0.6, by)
        case "take back" if imported:
            name = dice.choice(imported)
            return TakeBack(name, dice.choice(_teachers(name)), dice.random() < 0.3, by)
        case "class" if imported:
            name = dice.choice(LISTS if dice.random() < 0.4 else imported)
            return Classify(name, dice.random() < 0.7, by)
        case "settle" if imported:
            return Settle(dice.choice(imported), dice.random() < 0.3, by)
        case "watch":
            return Watch(None if dice.random() < 0.4 else dice.choice(ACCOUNTS))
        case "list":
            return TurnList(dice.choice(LISTS), dice.random() < 0.6, by)
        case "add":
            name = dice.choice([row.name for row in listed(LOCAL)])
            imported.append(name)
            return Add(name, by)
        case "owed":
            return Owed(by)
        case "recheck":
            return Recheck(by)
        case "hook":
            return Hook(dice.choice(REPOS))
        case "change":
            return _change(dice)
        case _:
            list = dice.choices(LISTS, (4, 4, 3, 3))[0]
            names = [row.name for row in listed(list)]
            some = names if dice.random() < 0.4 else dice.sample(names, dice.randint(1, 3))
            imported += some
            return Import(list, tuple(sorted(some)), by)


def _teachers(name: str) -> list[str]:
    """Files that a row's removal could learn from: of its digests; of another row's, now and
    then."""
    row = rows()[name]
    said = [key for key, file in contents().items() if row.whole.get("sha256") == file.sha256
            or row.whole.get("blake3") == file.blake3]  # fmt: skip
    return said or ["r5"]


def _target(dice: random.Random) -> Target:
    level = dice.choices(list(Level), (1, 3, 3))[0]
    how = Target(level=level, refs=dice.random() < 0.4, follow=dice.random() < 0.7)
    match dice.choices(("repo", "account", "all", "folder"), (4, 3, 3, 1))[0]:
        case "repo":
            some = tuple(sorted(dice.sample(REPOS, dice.randint(1, 3))))
            return replace(how, repos=some)
        case "account":
            return replace(how, accounts=(dice.choice(ACCOUNTS),))
        case "all":
            return replace(how, everything=True)
        case _:
            return Target(folder=True, level=Level.FULL, follow=False)


def _change(dice: random.Random) -> Change:
    repo = dice.choice(REPOS)
    key = dice.choice(KEYS)
    path = dice.choice(("x.safetensors", "new/y.bin", "lora.safetensors", "1.safetensors"))
    match dice.choices(("upload", "delete", "gate", "open", "move", "folder"), (6, 4, 1, 1, 1, 2))[
        0
    ]:
        case "upload":
            how = dice.choices(("lfs", "plain", "as:r4"), (8, 1, 1))[0]
            if how == "as:r4":
                # What is declared alike is one file to git: at one path there is never another.
                return Change("upload", repo, f"lies/{key}.safetensors", key, how)
            return Change("upload", repo, path, key, how)
        case "delete":
            return Change("delete", repo)
        case "folder":
            return Change("folder", "", path.replace("/", "-"), key)
        case what:
            return Change(what, repo)


# -- playing -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Stage:
    """One history under way: the store, the hub, and what is a fact by now."""

    room: Room
    world: World
    facts: Facts = field(default_factory=Facts)
    ids: frozenset[str] = frozenset()
    """Of every sighting that there ever was."""
    lost: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._stands()

    def _stands(self) -> None:
        self.facts.stood |= {one.key: one.content for one in standing(self.world)}

    def do(self, act: Act) -> None:
        """Do it, and note what of it is a fact."""
        facts, room = self.facts, self.room
        match act:
            case Import(list, names, by):
                some = [rows()[name] for name in names]
                room.import_rows(list, some, by)
                self._grouped()
                facts.said(some)
            case Add(name, by):
                row = self._as_added(rows()[name])
                room.add(rows()[name], by)
                self._grouped()
                facts.said([row])
            case Classify(name, on, by) if name in LISTS:
                if all(row.list != name for row in facts.imported.values()):
                    return
                room.classify_list(name, on, by)
                (facts.lists_classed.add if on else facts.lists_classed.discard)(name)
            case Classify(name, on, by):
                if name not in facts.imported:
                    return
                room.classify(name, on, by)
                facts.classed -= facts.group_of(name)
                facts.classed |= facts.group_of(name) if on else set()
            case Settle(name, counts, by):
                if name in facts.imported and room.settle(name, counts, by):
                    facts.settled[name] = counts
            case Turn(name, withdraw, by):
                if name not in facts.imported:
                    return
                (room.withdraw if withdraw else room.restore)(name, by)
                group = facts.group_of(name)
                if withdraw:
                    facts.withdrawn |= group
                else:
                    facts.withdrawn -= group
            case TurnList(list, withdraw, by):
                if all(row.list != list for row in facts.imported.values()):
                    return
                (room.withdraw_list if withdraw else room.restore_list)(list, by)
                if withdraw:
                    facts.lists_withdrawn.add(list)
                else:
                    facts.lists_withdrawn.discard(list)
            case TakeBack(name, key, put_back, by):
                if name not in facts.imported or not room.take_back(name, key, put_back, by):
                    return
                about = {(each, key) for each in facts.group_of(name)}
                facts.taken_back = facts.taken_back - about
                if not put_back:
                    facts.taken_back.add((name, key))
            case Innocent(key, on, by):
                hiding = expected(facts, self.world, room.known().read).hiding
                before = key in facts.innocents
                done = room.innocent(key, on, by)
                assert done == (before is not on and (before or key not in hiding)), act
                if done:
                    (facts.innocents.add if on else facts.innocents.discard)(key)
            case Watch():
                parts = self._parts()
                room.watch(act.target)
                facts.targets[act.target] = None
                self._looked_at(act.target, room.reads_owed("watch", act.target), parts)
            case Scan(target, by):
                parts = self._parts()
                room.scan(target, by)
                facts.targets[target] = None
                self._looked_at(target, room.reads_owed(by, target), parts)
            case Owed(by):
                room.read(by)
                self._owed_was_read()
            case Recheck(by):
                room.recheck(by)
            case Hook(repo):
                parts = self._parts()
                room.told(repo)
                target = Target(repos=(repo,), level=Level.HEADER, refs=True, follow=True)
                facts.targets[target] = None
                self._looked_at(target, room.reads_owed("hook", target), parts)
            case Change():
                self._change(act)
                self._stands()
        self._keep()

    def _as_added(self, row: Row) -> Row:
        """Of a file of the class that is never read nothing but digests is taken."""
        assert row.file is not None
        never = [r for r in self.facts.in_force() if self.facts.is_never_read(
            self.facts.group_of(r.name))]  # fmt: skip
        same = any(r.whole.get(kind) == row.whole[kind] for r in never for kind in row.whole)
        return replace(row, file=None) if same else row

    def _grouped(self) -> None:
        self.facts.groups = {n: group for group in self.room.held().values() for n in group}

    def _parts(self) -> set[Sighting]:
        """What is known to be inside files, and that two add up to."""
        return {key for key, seen in self.room.known().live.items() if seen.rung == Found.COMPONENT}

    def _looked_at(self, target: Target, owed: bool, parts: Collection[Sighting]) -> None:
        if owed:
            self._owed_was_read()
            return
        read = self.room.known().read
        follow(self.facts, self.world, read, [target], owed=False, parts=parts)

    def _owed_was_read(self) -> None:
        read = self.room.known().read
        follow(self.facts, self.world, read, self.facts.targets, owed=True)

    def _keep(self) -> None:
        now = self.room.ids()
        self.lost |= self.ids - now
        self.ids |= now

    def _change(self, act: Change) -> None:
        if act.what == "folder":
            content = contents()[act.key]
            (self.room.files / act.path).write_bytes(content.data)
            self.facts.in_folder[act.path] = content
            self.facts.changed = True
            return
        repo = self.world.repositories.get(("model", act.repo))
        if repo is None:
            return
        self.facts.changed = True
        match act.what:
            case "upload":
                repo.commit({act.path: put(act.key, how=act.how)})
            case "delete":
                head = repo.commits[repo.refs[MAIN]]
                files = sorted(path for path in head.files if path != "README.md")
                if files:
                    repo.commit({files[0]: None})
            case "gate":
                repo.gated = "auto"
            case "open":
                repo.gated = None
            case "move":
                account, _, name = repo.id.partition("/")
                self.world.remove("model", repo.id)
                repo.id = f"ivy/{account}-{name}"
                repo.modified += timedelta(minutes=1)
                self.world.add(repo)

    def end(self) -> None:
        """What the property promises is true only then: the hub as it is now was looked at once
        more if it changed, and what is owed was read."""
        if self.facts.changed:
            for target in strongest(self.facts.targets):
                parts = self._parts()
                self.room.scan(target, "python")
                self._looked_at(target, False, parts)
        if self._folder_is_owed():
            self.room.scan(Target(folder=True, level=Level.FULL, follow=False), "python")
        self.do(Owed("python"))
        if self.facts.changed:
            self.do(Recheck("python"))
            self.do(Recheck("python"))

    def _folder_is_owed(self) -> bool:
        """A folder is read by nobody but whoever scans it: also what was not read for a class that
        was taken back."""
        read = self.room.known().read
        must = expected(self.facts, self.world, read).reads
        return any(place[0] == FOLDER and must.get(place) == "full" for place in read.bare)


def strongest(targets: dict[Target, None]) -> list[Target]:
    """Without those that another one covers."""

    def where(t: Target) -> tuple[object, ...]:
        return (t.repos, t.accounts, t.everything, t.folder)

    def covers(a: Target, b: Target) -> bool:
        return (
            where(a) == where(b) and a.level >= b.level and a.refs >= b.refs
            and a.follow >= b.follow
        )  # fmt: skip

    return [t for t in targets if not any(o != t and covers(o, t) for o in targets)]


def new_folder(folder: Path) -> dict[str, str]:
    """What the folder holds in the beginning: path -> key."""
    files = {"one.safetensors": "r6", "two.bin": "i1"}
    folder.mkdir()
    for path, key in files.items():
        (folder / path).write_bytes(contents()[key].data)
    return files
