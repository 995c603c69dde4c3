"""Whatever people and scans do in whatever order, cases stand as a simple model says."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.fresh_store import fresh_store
from tests.review.room import Room

from reseen.errors import AccessError, Conflict
from reseen.records import Rung
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store.database import Store

CONFIRM, NOT, ALLOWED, SECOND = Verdict
REPOS = st.sampled_from(["a/one", "a/two", "b/three"])
PATHS = st.sampled_from(["x.pt", "y.pt"])
BYTES = st.sampled_from([None, None, "one", "two"])
RUNGS = st.sampled_from([Rung.WEIGHTS, Rung.DECLARED, Rung.REFUTED, Rung.UNSUPPORTED])


@dataclass
class File:
    """A file in the model: its evidence, what was read of it, and whether reviewers were told."""

    rung: Rung
    read: str | None


@dataclass
class Word:
    """A decision in the model."""

    repo: str
    verdict: Verdict
    who: Who | None
    covers: dict[str, tuple[Rung, str | None]]
    because: Word | None = None
    undone: bool = False


@dataclass
class Model:
    """All that was said and seen, and nothing that is worked out from it."""

    files: dict[str, dict[str, File]] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)

    def said(self, repo: str, path: str) -> Word | None:
        """What holds for a file."""
        now = self.files[repo][path]
        for word in reversed(self.words):
            if word.undone or word.repo != repo or word.verdict is SECOND:
                continue
            if path in word.covers:
                rung, read = word.covers[path]
                if word.verdict is CONFIRM and not (rung.on_ladder and now.rung.on_ladder):
                    return None
                if read is not None:
                    return word if read == now.read else None
                if word.verdict is CONFIRM:  # and nobody saw that it stands on less
                    return word if now.rung >= rung else None
                return word if now.read is None and now.rung <= rung else None
        return None

    def fallen(self, repo: str, path: str) -> bool:
        """Was it confirmed, and is it refuted now?"""
        if self.files[repo][path].rung is not Rung.REFUTED:
            return False
        for word in reversed(self.words):
            other = word.undone or word.repo != repo or word.verdict is SECOND
            if not other and path in word.covers:
                return word.verdict is CONFIRM and word.covers[path][0].on_ladder
        return False

    def remembered(self, read: str | None) -> Word | None:
        """The last that a person said of these bytes, if it was "not this model"."""
        for word in reversed(self.words):
            if read is None or word.undone or word.because or word.verdict is SECOND:
                continue
            if any(
                then == read and (word.verdict is not CONFIRM or rung.on_ladder)
                for rung, then in word.covers.values()
            ):
                return word if word.verdict is NOT else None
        return None

    def remember(self) -> None:
        """Decide everywhere what was remembered."""
        for repo, files in self.files.items():
            for path, file in files.items():
                word = self.remembered(file.read)
                if word is None or self.said(repo, path) is not None:
                    continue
                refused = any(
                    w.undone and w.because is word and w.repo == repo and path in w.covers
                    for w in self.words
                )
                if not refused:
                    covers = {path: (file.rung, file.read)}
                    self.words.append(Word(repo, NOT, None, covers, because=word))

    def people(self, repo: str) -> list[Word]:
        return [w for w in self.words if w.repo == repo and not w.undone and not w.because]

    def state(self, repo: str) -> CaseState:
        files = self.files[repo]
        stands = any(file.rung.on_ladder for file in files.values())

        def waits(path: str) -> bool:
            rung = files[path].rung
            if self.said(repo, path) or rung is Rung.UNSUPPORTED:
                return False
            return rung.on_ladder or not stands or self.fallen(repo, path)

        ever = any(
            word.repo == repo and not word.undone and word.verdict is not SECOND and word.covers
            for word in self.words
        )
        if ever and not any(waits(path) for path in files):
            return CaseState.DECIDED
        words = self.people(repo)
        return CaseState.SECOND if words and words[-1].verdict is SECOND else CaseState.OPEN

    def last(self, repo: str) -> Word | None:
        """What an undo takes back."""
        words = [w for w in self.words if w.repo == repo and not w.undone]
        return (self.people(repo) or words or [None])[-1]


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="reseen-tests-")
        self.store = Store(fresh_store(Path(self.folder.name) / "reseen.db"))
        self.room = Room(self.store)
        self.model = Model()
        self.cases: dict[str, str] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(repo=REPOS, path=PATHS, read=BYTES, rung=RUNGS)
    def see(self, repo: str, path: str, read: str | None, rung: Rung) -> None:
        if rung is Rung.UNSUPPORTED and path not in self.model.files.get(repo, {}):
            return  # what nothing supports is no sighting, unless it was one
        known = self.model.files.setdefault(repo, {}).get(path)
        if known is not None and known.read is not None and read not in (None, known.read):
            read = known.read  # what stands at one place and content has one reading
        file = known or File(rung, read)
        file.rung, file.read = rung, read or file.read
        self.model.files[repo][path] = file
        self.cases[repo] = self.room.see(repo, path, rung=rung, read=read)
        self.model.remember()

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict), number=st.integers(0, 2))
    def say(self, data: st.DataObject, verdict: Verdict, number: int) -> None:
        repo = data.draw(st.sampled_from(sorted(self.cases)))
        who = (self.room.ann, self.room.bob, self.room.lea)[number]
        state, asker = self.model.state(repo), self._asker(repo)
        try:
            self.room.say(self.cases[repo], verdict, who)
        except Conflict:
            again = state is CaseState.SECOND and verdict is SECOND
            assert state is CaseState.DECIDED or again or self._cannot_be_said(repo, verdict)
            return
        except AccessError:
            assert asker == who.pk
            return
        assert state is not CaseState.DECIDED
        assert not self._cannot_be_said(repo, verdict)
        assert not (state is CaseState.SECOND and (verdict is SECOND or asker == who.pk))
        covers = {
            path: (file.rung, file.read)
            for path, file in self.model.files[repo].items()
            if not ((word := self.model.said(repo, path)) and word.because)
        }
        self.model.words.append(Word(repo, verdict, who, covers))
        self.model.remember()

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), number=st.integers(0, 2))
    def undo(self, data: st.DataObject, number: int) -> None:
        repo = data.draw(st.sampled_from(sorted(self.cases)))
        who = (self.room.ann, self.room.bob, self.room.lea)[number]
        last = self.model.last(repo)
        maker = None if last is None else (last.because or last).who
        try:
            self.room.undo(self.cases[repo], who)
        except Conflict:
            assert last is None
            return
        except AccessError:
            assert who is not self.room.lea
            assert who != maker
            return
        assert last is not None
        assert who in (maker, self.room.lea)
        last.undone = True
        for word in self.model.words:
            word.undone = word.undone or word.because is last
        self.model.remember()

    @rule()
    def put_again(self) -> None:
        assert self.room.put().sightings == 0

    @invariant()
    def cases_stand_as_the_model_says(self) -> None:
        for repo, case in self.cases.items():
            assert self.room.stands(case)[0] is self.model.state(repo)
            words = {
                path: word and word.verdict
                for path in self.model.files[repo]
                for word in [self.model.said(repo, path)]
            }
            found = self.room.verdicts(case)
            assert sorted(map(str, found)) == sorted(map(str, words.values()))

    @invariant()
    def columns_follow_from_what_was_appended(self) -> None:
        self.room.check()

    def _cannot_be_said(self, repo: str, verdict: Verdict) -> bool:
        """Of what reading refuted, and of what nothing supports any more."""
        rungs = {file.rung for file in self.model.files[repo].values()}
        if any(rung.on_ladder for rung in rungs):
            return False
        return rungs == {Rung.UNSUPPORTED} or verdict in (CONFIRM, ALLOWED)

    def _asker(self, repo: str) -> int | None:
        words = self.model.people(repo)
        if self.model.state(repo) is not CaseState.SECOND or not words or not words[-1].who:
            return None
        return words[-1].who.pk


Machine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=18, derandomize=True, deadline=None
)
TestCases = Machine.TestCase
