"""The one place where the histories touch the product: each act, by each face; and what is known.

When the product changes how an act is called, this module changes and nothing else of them.
A `Room` is one store with a hub and a folder. Acts are done by the command line ("cli"), the pages
("page"), the service's worker ("worker") or Python ("python"); all of them end with what follows
from them, as the product does it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import io
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import mock

from replica.world import World
from sqlalchemy import Connection, select
from tests.histories.model import Place, Read, Target
from tests.histories.rows import LOCAL, Row, rows, text
from tests.histories.world import FOLDER, HUB, WorldHub, by_sha256, contents
from tests.web.visitors import user_of

from reseen.errors import Conflict, NotFound
from reseen.observed import sightings
from reseen.observed.artifacts import ENDED
from reseen.records import DigestKind, RemovalClass, Rung, SightingState
from reseen.registry import innocents
from reseen.registry.claims import LEARNED
from reseen.registry.innocents import Innocent, InnocentState
from reseen.review.roles import Role
from reseen.scan import target as targets
from reseen.scan.pace import USUAL, Pace
from reseen.settings import Settings
from reseen.store import backends, schema, service_schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring, SealedField

KEY = "5e" * 32
SECRET = "a sample secret"
ENDPOINT = f"http://{HUB}"
QUICK = Pace(workers=4, turn=0.0, idle=0.005, patience=5.0, backoff=0.01, every=60.0)

FACES = ("cli", "page", "worker", "python")
NEVER_READ = RemovalClass.CHILD_ABUSE
HAS_LISTS = True
"""Whether whole lists can be withdrawn and restored."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting of the store, without its ids."""

    rung: int
    state: str
    confirmed: str
    hints: frozenset[str]
    """The kinds of what only hints beside it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a store knows."""

    live: dict[tuple[frozenset[str], Place], Seen]
    """Live sightings of removals in force, also refuted ones: by the removal's rows and place."""
    read: Read
    innocents: Mapping[str, bool]
    """Known innocents that two people confirmed, by their keys: is it in use?"""


_open_engine = cache(backends.open_engine)


@contextlib.contextmanager
def kept_open() -> Iterator[None]:
    """Stores at one path share an engine, and so the statements that it has compiled: that is a
    fifth of what a history costs. Each store has connections and a file of its own all the same."""
    with mock.patch.object(backends, "open_engine", _open_engine):
        yield


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="reseen-history-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextlib.contextmanager
def emptied_folder() -> Iterator[Path]:
    """The folder of this process's histories, one after the other: always at the same path."""
    for path in _folder().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    yield _folder()


@cache
def _template() -> Path:
    """An empty store: made once, and copied for every history, so that they share its secret."""
    folder = Path(mkdtemp(prefix="reseen-histories-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Store(f"sqlite:///{folder / 'empty.db'}") as store:
        Keyring.for_store(store, _settings(folder, "empty"), create=True)
    return folder / "empty.db"


def _settings(folder: Path, name: str) -> Settings:
    return Settings.from_environment(environment(folder, name))


def environment(folder: Path, name: str) -> dict[str, str]:
    """In which the command finds a store of this name."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RESEEN_HOME": str(folder),
        "RESEEN_DB": f"sqlite:///{folder / name}.db",
        "RESEEN_KEY": KEY,
        "HF_HOME": str(folder / "hf"),
        "HF_ENDPOINT": ENDPOINT,
        "RESEEN_HF_WEBHOOK_SECRET": SECRET,
        "NO_COLOR": "1",
    }


class Room:
    """A store that acts are done in."""

    def __init__(self, folder: Path, name: str, world: World, files: Path) -> None:
        """`files`: the folder that is scanned."""
        self.folder, self.name, self.world, self.files = folder, name, world, files
        shutil.copyfile(_template(), folder / f"{name}.db")
        self.settings = _settings(folder, name)
        self.store = Store(self.settings.db)
        keyring = Keyring.for_store(self.store, self.settings, create=False)
        assert keyring is not None
        self.keyring = keyring
        self.hub = WorldHub(world)

    def close(self) -> None:
        self.store.close()

    # -- acts ------------------------------------------------------------------------------------

    def import_rows(self, list: str, some: Sequence[Row], by: str) -> None:
        path = self.folder / f"{list}.csv"
        path.write_text(text(some))
        if by == "page":
            with mock.patch.multiple(
                "reseen.operations.page_imports",
                import_apart=self._import_here,
                preview_apart=self._preview_here,
            ):
                answer = self._visitor.import_list(path.read_bytes(), list)
            assert answer.status_code == 200, answer.text
            self._work()
        elif by == "cli":
            self._cli("registry", "import", str(path), "--list", list, "-q", codes=(0, 2, 3))
        else:
            from reseen.operations import lists
            from reseen.registry.imports import ImportOptions

            options = ImportOptions(list_name=list, keep_rejects=False)
            lists.import_list(self.store, self.keyring, path, options)

    def _import_here(self, _: Settings, file: int, options: Any) -> Any:
        """As `operations.import_process` does it, but in no process of its own: to start one for
        each list is a third of what a history costs (tests/operations tries those)."""
        from reseen.operations import import_process

        path = Path(f"/dev/fd/{file}")
        return import_process.imported(self.store, self.keyring, path, options)

    def _preview_here(self, _: Settings, file: int, options: Any) -> Any:
        from reseen.operations import import_process

        path = Path(f"/dev/fd/{file}")
        return import_process.previewed(self.store, self.keyring, path, options)

    def add(self, row: Row, by: str) -> None:
        assert row.file is not None
        path = self.folder / "added.safetensors"
        path.write_bytes(row.file.data)
        if by == "cli":
            self._cli("registry", "add", str(path), "--name", row.name, "-q")
            return
        from reseen.operations import lists
        from reseen.records import Names
        from reseen.registry.adds import AddOptions

        options = AddOptions(list=LOCAL, names=Names(name=row.name))
        lists.add_files(self.store, self.keyring, [path], options)

    def withdraw(self, row: str, by: str) -> None:
        self._turn("withdraw", row, by)

    def restore(self, row: str, by: str) -> None:
        self._turn("restore", row, by)

    def withdraw_list(self, list: str, by: str) -> None:
        self._turn_list("withdraw", list, by)

    def restore_list(self, list: str, by: str) -> None:
        self._turn_list("restore", list, by)

    def _turn_list(self, what: str, list: str, by: str) -> None:
        if by == "cli":
            self._cli("registry", f"{what}-list", list, "--why", "a test")
            return
        from reseen.operations import removals

        getattr(removals, f"{what}_list")(self.store, self.keyring, list, "a test")

    def _turn(self, what: str, row: str, by: str) -> None:
        id = self._removal_of(row)
        if id is None:
            return
        if by == "page":
            answer = self._visitor.post(f"/removals/{id}/{what}", {"reason": "a test"})
            assert answer.status_code == 303, answer.text
            self._work()
        elif by == "cli":
            self._cli("registry", what, id, "--why", "a test")
        else:
            from reseen.operations import removals

            getattr(removals, what)(self.store, self.keyring, id, "a test")

    def take_back(self, row: str, content: str, put_back: bool, by: str) -> bool:
        """What the removal that holds a row has learned from this file is taken back, or put back;
        False where it learned nothing from it."""
        claim = self._learned(row, contents()[content].sha256)
        if claim is None:
            return False
        act = "put-back" if put_back else "take-back"
        if by == "page":
            id, _, number = claim.partition("/")
            said = {"act": act, "reason": "a test"}
            answer = self._visitor.post(f"/removals/{id}/claims/{number}", said)
            assert answer.status_code == 303, answer.text
            self._work()
        elif by == "cli":
            self._cli("registry", act, claim, "--why", "a test")
        else:
            from reseen.operations import removals

            turn = removals.put_back if put_back else removals.take_back
            turn(self.store, self.keyring, claim, "a test")
        return True

    def classify(self, row: str, on: bool, by: str) -> None:
        """The removal that holds a row is said to be of the class that is never read, or not."""
        id = self._removal_of(row)
        assert id is not None
        cls = NEVER_READ if on else RemovalClass.OTHER
        if by == "page":
            said = {"said": cls.label, "reason": "a test"}
            answer = self._visitor.post(f"/removals/{id}/class", said)
            assert answer.status_code == 303, answer.text
            self._work()
        elif by == "cli":
            self._cli("registry", "classify", id, "--class", cls.label, "--why", "a test")
        else:
            from reseen.operations import classes

            classes.classify(self.store, self.keyring, id, cls, "a test")

    def classify_list(self, list: str, on: bool, by: str) -> None:
        """All of a list is said to be of the class that is never read, or not."""
        cls = NEVER_READ if on else RemovalClass.OTHER
        if by == "cli":
            words = ("--list", list, "--class", cls.label, "--why", "a test")
            self._cli("registry", "classify", *words)
        else:
            from reseen.operations import classes

            classes.classify_list(self.store, self.keyring, list, cls, "a test")

    def settle(self, row: str, counts: bool, by: str) -> bool:
        """Two people settle what a row says of the class; False where it says nothing of it, or
        that is settled already."""
        from reseen.operations import classes

        claim = self._claim_of(row)
        assert claim is not None
        try:
            with self.store.write() as connection:
                people = [user_of(connection, name, Role.LEAD) for name in ("one", "two")]
            if by == "cli":
                how = "--counts" if counts else "--false"
                one, two = (person.name for person in people)
                words = ("--as", one, "--why", "a test")
                code = self.run("registry", "propose-class", claim, how, *words)
                if code == 0:
                    words = ("--as", two, "--why", "a test")
                    # 2: it was killed behind its end, and is given again
                    self._cli("registry", "confirm-class", claim, *words, codes=(0, 2))
                return code == 0
            said = (self.store, self.keyring, claim)
            classes.propose(*said, counts, "a test", by=people[0])
            classes.confirm(*said, "a test", by=people[1])
        except (Conflict, NotFound):
            return False
        return True

    def innocent(self, key: str, on: bool, by: str) -> bool:
        """A file is proposed as a known innocent and confirmed, or taken out; False where that is
        refused."""
        from reseen.operations import innocents as acts

        with self.store.write() as connection:
            people = [user_of(connection, name, Role.LEAD) for name in ("one", "two")]
        known = self._innocents().get(key)
        if not on:
            if known is None:
                return False
            if by == "cli":
                words = ("remove", known.id, "--as", people[0].name, "--why", "a test")
                self._cli("registry", "negative", *words, codes=(0, 2))
            else:
                acts.remove(self.store, self.keyring, known.id, "a test", by=people[0])
            return True
        path = self.folder / "innocent.safetensors"
        path.write_bytes(contents()[key].data)
        if by == "cli":
            words = ("--name", key, "--as", people[0].name, "--why", "a test")
            self._cli("registry", "negative", "add", str(path), *words, codes=(0, 2))
        else:
            with contextlib.suppress(Conflict):
                acts.propose(self.store, self.keyring, path, key, "a test", by=people[0])
        proposed = self._innocents().get(key)
        if proposed is None or known is not None:
            return False
        if by == "cli":
            words = ("confirm", proposed.id, "--as", people[1].name, "--why", "a test")
            self._cli("registry", "negative", *words, codes=(0, 2))
        else:
            acts.confirm(self.store, self.keyring, proposed.id, "a test", by=people[1])
        return True

    def _innocents(self) -> dict[str, Innocent]:
        """Those that wait or are confirmed, by their names, which are their keys."""
        with self.store.read() as connection:
            return {one.name: one for one in innocents.every(connection)}

    def watch(self, target: Target) -> None:
        """One round of watching: what is new since the mark, and what is owed."""
        from reseen.operations.watching import following
        from reseen.scan.watch import WatchContext, WatchIntervals, watching

        async def whole() -> None:
            stop = asyncio.Event()

            def round_ended(came: Any) -> None:
                ended.append(came.ended)
                stop.set()

            context = WatchContext(
                *(self.store, self.keyring, *self._asked(target), lambda _: None),
                intervals=WatchIntervals(first=timedelta(days=20 * 365)),
                pace=QUICK,
                rounds=round_ended,
            )
            await watching(following(context), self.hub, stop)

        ended: list[bool] = []
        asyncio.run(whole())
        assert ended == [True]

    def scan(self, target: Target, by: str) -> None:
        if target.folder:
            if by == "cli":
                self._cli("scan", "folder", str(self.files), "--jobs", "1", "-q")
            else:
                from reseen.operations import scans

                scans.scan_folder(self.store, self.keyring, self.files, jobs=1)
        elif by == "cli":
            given = [*target.repos]
            for account in target.accounts:
                given += ["--author", account]
            given += ["--all"] if target.everything else []
            given += ["--confirm", target.level.name.lower(), "--background", "0", "-q"]
            given += ["--refs"] if target.refs else []
            given += [] if target.follow else ["--no-follow"]
            self._cli("scan", "hf", *given, codes=(0, 2, 3))
        elif by in ("page", "worker") and not target.everything:
            from reseen.operations import jobs

            what, who = jobs.scan_of(*self._asked(target)), self._visitor.who
            with self.store.write() as connection:
                jobs.ask(connection, jobs.JobKind.SCAN, what, who)
            self._work()
        else:
            from reseen.operations import scans

            with self._our_hub():
                outcome = scans.scan_hub(
                    self.store, self.keyring, lambda: self.hub, *self._asked(target)
                )
            assert outcome.ended

    def reads_owed(self, by: str, target: Target) -> bool:
        """Whether with an act by which a target is looked at ("watch", "hook", or a scan by one of
        `FACES`) all that is owed is read too."""
        jobs = by in ("page", "worker") and not (target.everything or target.folder)
        return jobs or by in ("watch", "hook")

    def _asked(self, target: Target) -> tuple[targets.Target, targets.Options]:
        where = targets.Target(
            repos=target.repos, authors=target.accounts, everything=target.everything
        )
        confirm = targets.Confirm(target.level.name.lower())
        return where, targets.Options(
            confirm=confirm, refs=target.refs, follow=target.follow, background=0
        )

    def read(self, by: str) -> None:
        """Read what is owed, and what follows from it."""
        if by == "cli":
            self._cli("read", "-q", codes=(0, 3))
        elif by in ("page", "worker"):
            self._work()
        else:
            from reseen.operations import reading

            with self._our_hub():
                reading.read_known(self.store, self.keyring, lambda: self.hub)

    def recheck(self, by: str) -> None:
        if by == "cli":
            self._cli("recheck", codes=(0, 3))
        elif by in ("page", "worker"):
            from reseen.operations import jobs

            who, all_of_them = self._visitor.who, {"account": None, "most": None}
            with self.store.write() as connection:
                jobs.ask(connection, jobs.JobKind.RECHECK, all_of_them, who)
            self._work()
        else:
            from reseen.operations import rechecks

            rechecks.recheck(self.store, lambda: self.hub)

    def told(self, repo: str) -> None:
        """The hub tells that a repository changed; the worker looks."""
        body = {
            "event": {"action": "update", "scope": "repo.content"},
            "repo": {"type": "model", "name": repo},
        }
        answer = self._visitor.client.post(
            "/v1/hooks/huggingface", json=body, headers={"X-Webhook-Secret": SECRET}
        )
        assert answer.status_code == 202, answer.text
        self._work()

    # -- how the faces are reached ---------------------------------------------------------------

    def run(self, *words: str) -> int:
        """A command's exit code."""
        return self._command(*words)[0]

    def said(self, *words: str) -> str:
        """What a command prints."""
        return self._cli(*words)

    def _cli(self, *words: str, codes: Sequence[int] = (0,)) -> str:
        code, out, err = self._command(*words)
        assert code in codes, (words, code, out, err)
        return out

    def _command(self, *words: str) -> tuple[int, str, str]:
        from reseen.cli import main

        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, environment(self.folder, self.name), clear=True),
            mock.patch.object(sys, "argv", ["reseen", *words]),
            self._our_hub(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
                code: Any = 0
            except SystemExit as ended:
                code = ended.code
        return int(code or 0), out.getvalue(), err.getvalue()

    @contextlib.contextmanager
    def _our_hub(self) -> Iterator[None]:
        """Whoever opens the hub opens ours, and walks it without waiting."""
        usual = {name: getattr(USUAL, name) for name in ("turn", "idle", "workers")}
        for name in usual:
            object.__setattr__(USUAL, name, getattr(QUICK, name))
        try:
            with mock.patch("reseen.hubs.huggingface.HuggingFace", self._hub):
                yield
        finally:
            for name, value in usual.items():
                object.__setattr__(USUAL, name, value)

    def _hub(self, *_: object, **__: object) -> WorldHub:
        return WorldHub(self.world)

    @cached_property
    def _service(self) -> Any:
        from reseen.web.service import Service

        return Service(store=self.store, settings=self.settings, keyring=self.keyring)

    @cached_property
    def _visitor(self) -> Any:
        from tests.web.visitors import Visitor

        from reseen.review.roles import Role
        from reseen.web.app import make_app

        return Visitor(make_app(self._service), Role.LEAD)

    def _work(self) -> None:
        """The worker does all that there is to do, and tidies the house."""
        from reseen.operations import jobs
        from reseen.operations.worker import Intervals, Worker

        worker = Worker(
            self.store,
            self.keyring,
            self.settings,
            intervals=Intervals(look=0.01, beat=60.0, housekeeping=0.05, recheck=1e9),
            pace=QUICK,
            open_hub=lambda _: self.hub,
        )
        # What is due by itself is queued first: a worker that has not begun yet has nothing to do.
        worker.round()
        worker.start()
        # On a loaded machine a minute is nothing: what counts is whether it had its share.
        last, busy = time.monotonic() + 60, time.process_time() + 20
        try:
            while self._has_jobs():
                ended = time.monotonic() > last and time.process_time() > busy
                assert not ended, f"the worker does not end: {self._left()}"
                time.sleep(0.01)
        finally:
            worker.stop()
        worker.round()
        with self.store.read() as connection:
            failed = [job.problem for job in jobs.every(connection) if job.problem]
        assert not failed, failed

    def _has_jobs(self) -> bool:
        with self.store.read() as connection:
            return connection.scalar(_UNDER_WAY) is not None

    def _left(self) -> dict[str, list[Any]]:
        """Who holds which jobs, and what is left of which scans."""
        j, f, p = service_schema.jobs.c, schema.frontier.c, schema.listings.c
        queries = {
            "jobs": select(j.kind, j.state, j.lives, j.leased_by).where(j.ended_at.is_(None)),
            "work": select(f.scan_pk, f.task, f.state, f.attempts, f.leased_by).where(f.state < 2),
            "listings": select(p.scan_pk, p.part, p.subject.is_(None), p.leased_by).where(
                p.done == 0
            ),
        }
        with self.store.read() as connection:
            return {
                name: [tuple(row) for row in connection.execute(query)]
                for name, query in queries.items()
            }

    # -- what is known ---------------------------------------------------------------------------

    def _holders(self, connection: Any) -> dict[str, int]:
        """Row -> the pk of the removal that holds it."""
        index, claims = schema.sealed_index.c, schema.claims.c
        query = (
            select(index.token, claims.removal_pk)
            .join(schema.claims, claims.pk == index.claim_pk)
            .where(index.field == int(SealedField.NAME))
        )
        names = _tokens(self.keyring)
        return {names[token]: pk for token, pk in connection.execute(query) if token in names}

    def _removal_of(self, row: str) -> str | None:
        with self.store.read() as connection:
            pk = self._holders(connection).get(row)
            if pk is None:
                return None
            query = select(schema.removals.c.id).where(schema.removals.c.pk == pk)
            return str(connection.scalar(query))

    def _claim_of(self, row: str) -> str | None:
        """A row's claim, as people name it ("rm-4f7k2q9d/2")."""
        i, c, r = schema.sealed_index.c, schema.claims.c, schema.removals.c
        token = self.keyring.token(SealedField.NAME, row)
        with self.store.read() as connection:
            mine = select(i.claim_pk).where(i.field == int(SealedField.NAME), i.token == token)
            query = select(c.pk, c.removal_pk, r.id).join(schema.removals, r.pk == c.removal_pk)
            found = connection.execute(query.where(c.pk.in_(mine))).first()
            if found is None:
                return None
            pks = select(c.pk).where(c.removal_pk == found.removal_pk).order_by(c.pk)
            return f"{found.id}/{list(connection.scalars(pks)).index(found.pk) + 1}"

    def _learned(self, row: str, sha256: bytes) -> str | None:
        """What a removal learned from a file, as people name it ("rm-4f7k2q9d/2")."""
        c, d, r = schema.claims.c, schema.digests.c, schema.removals.c
        with self.store.read() as connection:
            pk = self._holders(connection).get(row)
            query = select(c.pk, c.source, r.id).join(schema.removals, r.pk == c.removal_pk)
            claims = connection.execute(query.where(r.pk == pk).order_by(c.pk)).all()
            same = select(d.claim_pk).where(d.kind == int(DigestKind.SHA256), d.value == sha256)
            held = set(connection.scalars(same))
        for number, (claim, source, id) in enumerate(claims, start=1):
            if source == LEARNED and claim in held:
                return f"{id}/{number}"
        return None

    def held(self) -> dict[str, frozenset[str]]:
        """Removal -> its rows."""
        with self.store.read() as connection:
            groups: dict[int, set[str]] = {}
            for name, pk in self._holders(connection).items():
                groups.setdefault(pk, set()).add(name)
            query = select(schema.removals.c.id, schema.removals.c.pk)
            return {str(id): frozenset(groups.get(pk, ())) for id, pk in connection.execute(query)}

    def places(self) -> dict[int, Place]:
        """Every artifact of the store by its pk."""
        return self._places()[0]

    def _places(self) -> tuple[dict[int, Place], dict[Place, bytes]]:
        a, r = schema.artifacts.c, schema.repositories.c
        places: dict[int, Place] = {}
        shown: dict[Place, bytes] = {}
        with self.store.read() as connection:
            query = select(a.pk, r.hub, r.repo, a.path, a.git_oid, a.sha256).join(
                schema.repositories, r.pk == a.repository_pk
            )
            for pk, hub, repo, path, oid, sha256 in connection.execute(query):
                where = (FOLDER, FOLDER) if hub == FOLDER else (HUB, repo)
                places[pk] = (*where, path, bytes(oid).hex())
                if sha256 is not None and hub != FOLDER:
                    shown[places[pk]] = bytes(sha256)
        return places, shown

    def known(self) -> Known:
        groups = self.held()
        places, shown = self._places()
        with self.store.read() as connection:
            full: dict[Place, str] = {}
            d = schema.read_digests.c
            for pk, value in connection.execute(
                select(d.artifact_pk, d.value).where(d.kind == int(DigestKind.SHA256))
            ):
                full[places[pk]] = by_sha256()[bytes(value)].key
            r = schema.readings.c
            ended = select(r.artifact_pk).where(r.full == 1, r.problem == ENDED)
            bare = frozenset(places[pk] for pk in connection.scalars(ended))
            headers = frozenset(places[pk] for pk in connection.scalars(select(r.artifact_pk)))
            s = schema.read_sketches.c
            whole = connection.scalars(select(s.artifact_pk).where(s.complete == 1))
            sketched = frozenset(places[pk] for pk in whole)
            live: dict[tuple[frozenset[str], Place], Seen] = {}
            at = _artifacts(connection)
            for each in sightings.every(connection):
                on = each.rung > Rung.HINT or each.rung is Rung.REFUTED
                if each.state is SightingState.LIVE and not each.withdrawn and on:
                    hints = frozenset(e.kind for e in each.standing if e.rung is Rung.HINT)
                    live[groups[each.removal], places[at[each.id]]] = Seen(
                        int(each.rung), each.state.value, each.confirmed.value, hints
                    )
        used = {key: one.state is InnocentState.IN_USE for key, one in self._innocents().items()}
        return Known(live, Read(full, sketched, shown, bare, headers), used)

    def ids(self) -> frozenset[str]:
        """Of every sighting that there is, whatever became of it."""
        with self.store.read() as connection:
            return frozenset(_artifacts(connection))


_UNDER_WAY = select(service_schema.jobs.c.pk).where(service_schema.jobs.c.ended_at.is_(None))


def _artifacts(connection: Connection) -> dict[str, int]:
    """Sighting -> the pk of its artifact."""
    s = schema.sightings.c
    return {str(id): int(pk) for id, pk in connection.execute(select(s.id, s.artifact_pk))}


@cache
def _row_names() -> tuple[str, ...]:
    return tuple(rows())


def _tokens(keyring: Keyring) -> dict[bytes, str]:
    return {keyring.token(SealedField.NAME, name): name for name in _row_names()}
