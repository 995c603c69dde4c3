"""People, removals and sightings for the tests of this room, and short ways to act."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import select, update
from tests import audited, removals_made
from tests.facts import MadeMatch, record

from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.operations import log_check
from reseen.records import (
    Artifact,
    Confirmed,
    Digest,
    DigestKind,
    Evidence,
    Match,
    Names,
    RemovedFile,
    Repository,
    RepoType,
    Rung,
    SightingState,
)
from reseen.registry import removals
from reseen.review import cases, decide
from reseen.review.case_filter import ALL, CaseFilter
from reseen.review.decide import Decision
from reseen.review.queue import queue
from reseen.review.queue_entries import QueueEntry
from reseen.review.roles import Role, Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import audit, schema, service_schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

HUB = "hub.example"
KEY = b"\x07" * 32
COMMIT = "a1" * 20
WHY = "Looked at both, sample reason."


class Room:
    """A store with four people, and two removals of one list."""

    def __init__(self, store: Store) -> None:
        self.store, self.keyring = store, Keyring(KEY)
        self.ann, self.bob = self.person("ann", Role.REVIEWER), self.person("bob", Role.REVIEWER)
        self.lea = self.person("lea", Role.LEAD)
        self.ron = self.person("ron", Role.READER)
        self.removal, self.other = self.removals(2)

    def person(self, name: str, role: Role) -> Who:
        with self.store.write() as connection:
            row = {"name": name, "role": role.label, "created_at": 1}
            connection.execute(service_schema.users.insert(), [row])
            query = select(service_schema.users.c.pk).where(service_schema.users.c.name == name)
            return Who(connection.scalar(query) or 0, name, role)

    def removals(self, count: int) -> list[str]:
        new = [
            removals_made.NewRemoval(
                *("sample", "models.example", None, Names(name="Sample person 07")),
                (RemovedFile((Digest(DigestKind.SHA256, bytes([n + 1]) * 32),)),),
            )
            for n in range(count)
        ]
        with self.store.write() as connection:
            return removals_made.insert(connection, self.keyring, new)

    def see(
        self,
        repo: str = "sample-account/lora",
        path: str = "model.safetensors",
        *,
        removal: str | None = None,
        content: str = "",
        declared: str | None = None,
        read: str | None = None,
        rung: Rung | None = None,
        more: tuple[Evidence, ...] = (),
        confirmed: Confirmed | None = None,
        downloads: int = 5,
        put: bool = True,
        hub: str = HUB,
        ref: str = "main",
    ) -> str:
        """A sighting, new or again; its case. `declared`, `read`: what is hashed. `content`: what
        stands at the path, for git."""
        listed = Repository(hub, RepoType.MODEL, repo, COMMIT, downloads=downloads, likes=1)
        rung = rung or (Rung.BYTES if read is not None else Rung.DECLARED)
        if confirmed is None:
            confirmed = Confirmed.BYTES if read is not None else Confirmed.NONE
        removal = removal or self.removal
        with self.store.write() as connection:
            (repository_pk,) = seen.repositories(connection, [listed])
            artifact = Artifact(
                *(hub, RepoType.MODEL, repo, COMMIT, ref, path, 1234),
                sha256=sha(declared) if declared is not None else None,
                git_oid=hashlib.sha1(f"{repo} {path} {content}".encode()).digest(),
                lfs=True,
            )
            (pk,) = seen.artifacts(connection, repository_pk, [artifact])
            if read is not None:
                digest = Digest(DigestKind.SHA256, sha(read))
                read = seen.Inspection(full=True, digests=(digest,))
                seen.readings(connection, [(pk, read)])
            proof = Evidence(rung, "sha256", "11" * 32, f"Because of {rung.label}.")
            record(
                connection,
                self.store.secret,
                [MadeMatch(Match(removal, (proof, *more)), pk, confirmed)],
            )
        if put:
            self.put()
        return cases.id_of(self.store.secret, removal, hub, "model", repo)

    def refute(
        self,
        repo: str = "sample-account/lora",
        path: str = "model.safetensors",
        *,
        alike: bool = False,
        **more: Any,
    ) -> str:
        """Reading proves that what the hub states of a file ("one") is false. `alike`: its weights
        are the removed model's all the same."""
        why = "Every byte was read: the hub's statement is false."
        false = Evidence(Rung.REFUTED, "sha256", "11" * 32, why)
        return self.see(
            *(repo, path),
            declared="one",
            read="two",
            rung=Rung.WEIGHTS if alike else Rung.REFUTED,
            more=(false,),
            confirmed=Confirmed.HEADER if alike else Confirmed.CONTRADICTED,
            **more,
        )

    def put(self) -> cases.Put:
        return cases.put_all(self.store)

    def gone(self, case: str) -> None:
        """All of a case is gone by the hub's word."""
        query = (
            select(schema.sightings.c.id)
            .select_from(
                schema.sightings.join(service_schema.case_sightings).join(service_schema.cases)
            )
            .where(service_schema.cases.c.id == case)
        )
        with self.store.write() as connection:
            for id in connection.scalars(query).all():
                for _ in range(sightings.MISSES):
                    sightings.answered(connection, id, SightingState.GONE)
        self.put()

    def say(
        self,
        case: str,
        verdict: Verdict,
        who: Who | None = None,
        *,
        reason: str = WHY,
        version: int | None = None,
        at: int | None = None,
    ) -> Decision:
        version = self.entry(case).version if version is None else version
        with self.store.write() as connection:
            by = decide.DecidedBy(who or self.ann, reason, at)
            seen = decide.ShownCase(case, version)
            return decide.decide(connection, self.keyring, seen, verdict, by)

    def undo(
        self,
        case: str,
        who: Who | None = None,
        *,
        version: int | None = None,
        decision: str | None = None,
    ) -> Decision:
        version = self.entry(case).version if version is None else version
        with self.store.write() as connection:
            by = decide.DecidedBy(who or self.ann, WHY)
            seen = decide.ShownCase(case, version)
            return decide.undo(connection, self.keyring, seen, by, decision=decision)

    def entry(self, case: str) -> QueueEntry:
        with self.store.read() as connection:
            (found,) = queue(connection, replace(ALL, text=case)).entries
        return found

    def stands(self, case: str) -> tuple[CaseState, Verdict | None]:
        found = self.entry(case)
        return found.state, found.verdict

    def queued(
        self, which: CaseFilter | None = None, who: Who | None = None, **more: int
    ) -> list[str]:
        with self.store.read() as connection:
            page = queue(connection, which or CaseFilter(), who, **more)
        return [entry.id for entry in page.entries]

    def verdicts(self, case: str) -> list[Verdict | None]:
        """Of its sightings, oldest first."""
        with self.store.read() as connection:
            pk = cases.row(connection, case).pk
            found = cases.verdicts(connection, [pk])[pk]
        return [found[pk] for pk in sorted(found)]

    def lines(self, action: str | None = None) -> list[audit.AuditLine]:
        return audited.lines(self.store, action)

    def count(self, table: str) -> int:
        with self.store.read() as connection:
            return len(connection.execute(select(getattr(service_schema, table))).all())

    def withdraw(self, removal: str, *, restore: bool = False) -> None:
        turn = removals.restore if restore else removals.withdraw
        with self.store.write() as connection:
            turn(connection, self.keyring, removal, "a sample reason")

    def hold(self, case: str, who: Who, until: int) -> None:
        with self.store.write() as connection:
            held = update(service_schema.cases).where(service_schema.cases.c.id == case)
            connection.execute(held.values(claimed_by=who.pk, claimed_until=until))

    def disagreements(self) -> list[str]:
        """What the log and the store do not agree about, but for the removals that were put in
        here without a list."""
        wrong = log_check.verify(self.store).wrong
        return [sentence for sentence in wrong if not sentence.startswith("a claim of ")]

    def check(self) -> None:
        """The columns of all cases, and what is remembered, are what follows from what was
        appended; and the log proves it."""
        assert self.disagreements() == []
        with self.store.read() as connection:
            rows = connection.execute(select(service_schema.cases)).all()
            stands = cases.stands(connection, [row.pk for row in rows])
            for row in rows:
                how = stands[row.pk]
                assert (row.state, row.verdict) == (how.state, how.verdict), row.id
                seen_ = connection.execute(
                    select(schema.sightings.c.rung, schema.sightings.c.state)
                    .join(service_schema.case_sightings)
                    .where(service_schema.case_sightings.c.case_pk == row.pk)
                ).all()
                highest = max(one.rung for one in seen_)
                assert row.rung == (cases.FALLEN if how.fallen else highest)
                assert row.live == sum(one.state not in ("gone", "disabled") for one in seen_)
            words: dict[tuple[int, bytes], tuple[int, str]] = {}
            d, undone = service_schema.decisions, service_schema.decisions.alias()
            taken_back = set(
                connection.scalars(select(undone.c.undoes).where(undone.c.undoes.is_not(None)))
            )
            query = (
                select(
                    d.c.pk,
                    d.c.verdict,
                    service_schema.decided.c.sha256,
                    service_schema.decided.c.rung,
                    service_schema.cases.c.removal_pk,
                )
                .join(service_schema.decided, service_schema.decided.c.decision_pk == d.c.pk)
                .join(service_schema.cases, service_schema.cases.c.pk == d.c.case_pk)
                .where(d.c.because.is_(None), d.c.verdict != "second")
                .order_by(d.c.pk)
            )
            for pk, verdict, sha256, rung, removal_pk in connection.execute(query):
                beside = verdict == "confirm" and rung < 0  # refuted, in a case that was confirmed
                if sha256 is not None and pk not in taken_back and not beside:
                    words[removal_pk, sha256] = (pk, verdict)
            wanted = {key: pk for key, (pk, word) in words.items() if word == "not-this-model"}
            found = {
                (row.removal_pk, row.sha256): row.decision_pk
                for row in connection.execute(select(service_schema.dismissals))
            }
            assert found == wanted


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def ids(entries: Iterable[QueueEntry]) -> list[str]:
    return [entry.id for entry in entries]
