"""A history, played: against the model, and against a fresh store with the same facts.

`play` gives the differences in words, each with its kind. `shrunk` leaves out acts as long as a
difference of that kind stays. `python -m tests.histories.play SEED` plays one seed and says all.
"""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from replica.world import World
from sqlalchemy import select
from tests.asked_once import ask_once
from tests.compiled_once import compile_statements_once
from tests.histories import figures
from tests.histories import world as worlds
from tests.histories.acts import (
    Act,
    Add,
    Change,
    History,
    Hook,
    Import,
    Innocent,
    Saying,
    Scan,
    Stage,
    Watch,
    draw,
    is_further,
    new_folder,
)
from tests.histories.faces import Known, Room, emptied_folder, kept_open
from tests.histories.model import Facts, Found, Level, Place, Read, Target, expected, looked_at
from tests.histories.rows import rows
from tests.histories.world import FOLDER, HUB

from reseen.operations import log_check
from reseen.store import schema


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it must be."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"[{self.kind}] {self.what}"


def play(history: History, make: Callable[..., Room] = Room) -> list[Difference]:
    """What is wrong at its end. `make`: the room that it is played in."""
    further = any(map(is_further, history))
    with kept_open(), emptied_folder() as folder, figures.told():
        world = worlds.build(further=further)
        files = new_folder(folder / "files")
        room = make(folder, "history", world, folder / "files")
        try:
            stage = Stage(room, world)
            stage.facts.in_folder |= {p: worlds.contents()[key] for p, key in files.items()}
            for act in history:
                stage.do(act)
            stage.end()
            known = room.known()
            told = _compared(stage, known)
            fresh = Room(folder, "fresh", world, folder / "files")
            try:
                facts = _tell(fresh, stage.facts, world, room, known, history)
                told += _against(stage, known, fresh, facts)
            finally:
                fresh.close()
        finally:
            room.close()
    return told


def differences(seed: int) -> list[str]:
    """What is wrong at the end of a seed's history, in a process of its own; the logs go nowhere.
    A crash is a difference like another."""
    compile_statements_once()
    ask_once()
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return [str(each) for each in play(draw(seed))]
        except Exception as e:  # noqa: BLE001
            return [f"[crash] {''.join(traceback.format_exception(e))}"]


def _compared(stage: Stage, known: Known) -> list[Difference]:
    """The history's store against the model."""
    told = [Difference("lost", f"a sighting was forgotten: {id}") for id in sorted(stage.lost)]
    stage._grouped()
    missing = sorted(stage.facts.imported.keys() - stage.facts.groups.keys())
    told += [Difference("refused", f"a row was not taken: {name}") for name in missing]
    told += _innocents(stage.facts, stage.world, known)
    told += [Difference("log", what) for what in log_check.verify(stage.room.store).wrong]
    return told + _model(stage.facts, stage.world, known, "history")


def _innocents(facts: Facts, world: World, known: Known) -> list[Difference]:
    hiding = expected(facts, world, known.read).hiding
    right = {key: key not in hiding for key in facts.innocents}
    if right == known.innocents:
        return []
    return [Difference("innocents", f"{known.innocents} are in use, and not {right}")]


def _groups(facts: Facts) -> set[frozenset[str]]:
    return set(facts.groups.values())


def _names(groups: Iterable[frozenset[str]]) -> str:
    return " ".join(sorted("{" + ",".join(sorted(n[-2:] for n in g)) + "}" for g in groups))


def _model(facts: Facts, world: World, known: Known, which: str) -> list[Difference]:
    must = expected(facts, world, known.read)
    places = looked_at(facts, world)
    stands = {place.key for place in worlds.standing(world)}
    told: list[Difference] = []
    is_, should = {}, dict(must.sightings)
    for key, seen in known.live.items():
        place = key[1]
        if place in places:
            is_[key] = Found(seen.rung)
        elif place[0] == HUB and place not in stands and facts.changed:
            told.append(Difference("ghost", f"{which}: {_at(key)} is live and stands nowhere"))
    for key in sorted(is_.keys() | should.keys(), key=str):
        a, b = is_.get(key), should.get(key)
        if a is not b:
            level = places[key[1]][1].name
            kind = f"{_name(a)} for {_name(b)}"
            told.append(Difference(f"model: {kind}", f"{which}: {_at(key)} (asked: {level})"))
    for key, seen in known.live.items():
        right = {
            Found.BYTES: ("bytes",), Found.TENSORS: ("bytes",), Found.WEIGHTS: ("header",),
            Found.REFUTED: ("contradicted",),
        }.get(Found(seen.rung), ("none", "header", "doubtful"))  # fmt: skip
        if seen.confirmed not in right:
            said = f"{which}: {_at(key)} {_name(Found(seen.rung))}/{seen.confirmed}"
            told.append(Difference(f"confirmed: {_name(Found(seen.rung))}/{seen.confirmed}", said))
    return told


def _name(found: Found | None) -> str:
    return "nothing" if found is None else found.name.lower()


def _at(key: tuple[frozenset[str], Place]) -> str:
    rows_, (hub, repo, path, oid) = key
    return f"{_names([rows_])} at {repo if hub == HUB else hub}/{path}#{oid[:6]}"


def _tell(
    fresh: Room, facts: Facts, world: World, old: Room, known: Known, history: History
) -> Facts:
    """The same facts in a store that never knew anything else: everything said first, then
    everything looked at. Returns them as that store put them together."""
    places = looked_at(facts, world)
    beside = _not_read_anew(facts, world, known.read, places)
    # What was learned and taken back has to be learned first.
    teaching = {key for _, key in facts.taken_back}
    beside |= {place for place, key in known.read.full.items() if key in teaching}
    beside |= {
        place
        for place, shown in known.read.shown.items()
        if place in places and places[place][0].shown is None and places[place][0].lfs
    }
    # What was read before a gate was closed nobody can read anew.
    beside |= {
        place for place in known.read.headers if place in places and not places[place][0].readable
    }
    _copy(old, fresh, beside)
    said = [act for act in history if isinstance(act, Saying)]
    if all(isinstance(act, Import | Add) for act in said):
        # Nothing was withdrawn: then the rows may come in any order.
        said.reverse()
    stage = Stage(fresh, world)
    for key in sorted(facts.innocents):
        stage.do(Innocent(key, True, "python"))
    for act in said:
        stage.do(replace(act, by="python"))
    for name, key in sorted(facts.taken_back):
        fresh.take_back(name, key, False, "python")
    for target in _again(facts, world):
        fresh.scan(target, "python")
    fresh.read("python")
    if facts.changed:
        # It was handed readings of what stands nowhere any more: as at a history's end.
        fresh.recheck("python")
        fresh.recheck("python")
    return stage.facts


def _not_read_anew(
    facts: Facts, world: World, read: Read, places: Mapping[Place, object]
) -> set[Place]:
    """Of what was read, what a store with these facts would not read by itself: it has to be handed
    over. What is read only because of what such a place taught is one of them too, and so is the
    place that teaches why it is read itself."""
    beside: set[Place] = set()
    while True:
        handed = replace(
            read,
            full={place: key for place, key in read.full.items() if place in beside},
            sketched=read.sketched & beside,
        )
        reads = expected(facts, world, handed).reads
        more = {
            place
            for place in read.full.keys() | read.sketched
            if place not in places
            or (place in read.full and reads.get(place) != "full")
            or (place in read.sketched and place not in reads)
        }
        if more <= beside:
            return beside
        beside |= more


def _again(facts: Facts, world: World) -> list[Target]:
    """All that was looked at, with what following added."""
    found: list[Target] = []
    for level in Level:
        main = [repo for repo, how in facts.looked.items() if how.main is level]
        refs = [repo for repo, how in facts.looked.items() if how.refs is level]
        for some, with_refs in ((main, False), (refs, True)):
            there = tuple(sorted(r for r in some if ("model", r) in world.repositories))
            if there:
                found.append(Target(repos=there, level=level, refs=with_refs, follow=False))
    if facts.folder:
        found.append(Target(folder=True, level=Level.FULL, follow=False))
    return found


def _copy(old: Room, new: Room, some: set[Place]) -> None:
    """What was read of these places, as facts that nobody has drawn anything from."""
    if not some:
        return
    wanted = {place: pk for pk, place in old.places().items() if place in some}
    pks = set(wanted.values())
    with old.store.read() as source, new.store.write() as to:
        there = source.execute(select(schema.artifacts)).mappings().all()
        mine = [dict(row) for row in there if row["pk"] in pks]
        repositories = {row["repository_pk"] for row in mine}
        for row in source.execute(select(schema.repositories)).mappings().all():
            if row["pk"] in repositories:
                # A hub that is served has another name, and is the same.
                hub = FOLDER if row["hub"] == FOLDER else HUB
                to.execute(schema.repositories.insert(), [dict(row) | {"hub": hub}])
        to.execute(schema.artifacts.insert(), mine)
        for table in (schema.readings, schema.read_digests, schema.read_sketches,
                      schema.read_entries, schema.embedded_digests,
                      schema.stated_digests):  # fmt: skip
            copied = [
                dict(row)
                for row in source.execute(select(table)).mappings().all()
                if row["artifact_pk"] in pks
            ]
            if copied:
                to.execute(table.insert(), copied)


def _against(stage: Stage, known: Known, fresh: Room, same: Facts) -> list[Difference]:
    """The history's store against the fresh one. `same`: its facts."""
    facts, world = stage.facts, stage.world
    other = fresh.known()
    facts_there = replace(facts, groups=same.groups)
    told = _model(facts_there, world, other, "fresh")
    if _groups(facts) != _groups(facts_there):
        one, two = _groups(facts), _groups(facts_there)
        told.append(Difference("identity", f"{_names(one - two)} and {_names(two - one)}"))
    told += _innocents(facts_there, world, other)
    if told:
        return told
    here, there = known.live, other.live
    places = looked_at(facts, world)
    # What one of them read and the other had no reason to is no fact of both.
    apart = _reads(known) ^ _reads(other)
    for key in sorted(here.keys() | there.keys(), key=str):
        a, b = here.get(key), there.get(key)
        if a != b and key[1] in places and not any(place == key[1] for place, _ in apart):
            told.append(Difference("fresh", f"{_at(key)}: {a} here, {b} in a fresh store"))
    return told


def _reads(known: Known) -> set[tuple[Place, str]]:
    full = {(place, "full") for place in known.read.full}
    return full | {(place, "sketch") for place in known.read.sketched}


def shrunk(history: History, kind: str) -> list[Act]:
    """As few acts as still come to a difference of this kind."""

    def fails(some: History) -> bool:
        return any(each.kind == kind for each in play(some))

    acts = list(history)
    size = max(1, len(acts) // 2)
    while size:
        at = 0
        while at < len(acts):
            fewer = acts[:at] + acts[at + size :]
            if fails(fewer):
                acts = fewer
            else:
                at += size
        size //= 2
    for at in range(len(acts)):
        simpler = True
        while simpler:
            simpler = False
            for other in _simpler(acts[at]):
                if fails([*acts[:at], other, *acts[at + 1 :]]):
                    acts[at], simpler = other, True
                    break
    return acts


def _simpler(act: Act) -> Iterator[Act]:
    """The same with less in it."""
    if isinstance(act, Import):
        for name in act.names if len(act.names) > 1 else ():
            yield replace(act, names=tuple(each for each in act.names if each != name))
    if isinstance(act, Scan):
        target = act.target
        for repo in target.repos if len(target.repos) > 1 else ():
            left = tuple(each for each in target.repos if each != repo)
            yield Scan(replace(target, repos=left), act.by)
        if target.refs:
            yield Scan(replace(target, refs=False), act.by)
        if target.follow:
            yield Scan(replace(target, follow=False), act.by)
    if not isinstance(act, Hook | Change | Watch) and act.by != "python":
        yield replace(act, by="python")


def said(history: History) -> str:
    """A line for each act."""
    return "\n".join(f"  {n}. {act}" for n, act in enumerate(history, start=1))


def main() -> None:
    seed = int(sys.argv[1])
    history = draw(seed)
    print(said(history))
    found = play(history)
    for each in found:
        print(each)
    for kind in sorted({each.kind for each in found}):
        fewest = shrunk(history, kind)
        print(f"\nfor {kind}:\n{said(fewest)}")
        for each in play(fewest):
            print("   ", each)


if __name__ == "__main__":
    assert rows()
    main()
