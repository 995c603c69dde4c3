"""Cases for tests of the review pages: removals, repositories and files, hostile where they can be.

Everything is synthetic. What a list said of a removal is `SEALED`: no page may show it but the
answer to a reveal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from tests import removals_made
from tests.facts import MadeMatch, record

from reseen.match import evidence
from reseen.match.compare import compare
from reseen.observed import artifacts as seen
from reseen.records import (
    Artifact,
    Confirmed,
    Container,
    Digest,
    DigestKind,
    Evidence,
    Match,
    Names,
    RemovedFile,
    Repository,
    RepoType,
    Rung,
)
from reseen.review import cases
from reseen.store import schema
from reseen.web.service import Service

HUB = "hub.example"
COMMIT = "a1" * 20
SEALED = "Sample person 07"
NAMES = Names(
    name=SEALED,
    trigger_words=("smplprsn07", "<b>07</b>"),
    url="https://models.example/models/777007/sample-person-07",
    model_id="777007",
    version_id="888007",
    file_names=("sample_person_07.safetensors",),
    reason="asked for by Sample person 07 <script>alert(7)</script>",
)
SECRETS = (SEALED, "smplprsn07", "777007", "888007", "sample_person_07", "sample-person-07")

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(1)",
    "\u202egpj.exe\u2066",
    "a\x1b[31m\x07b",
    "'; DROP TABLE cases; --",
    "{{ 7*7 }}{% raw %}",
    "x" * 300,
)


@dataclass(frozen=True, slots=True)
class Made:
    """A case and what it is made of."""

    case: str
    removal: str
    repo: str


def removal(
    service: Service, number: int, *, names: Names = NAMES, sketch: bytes | None = None
) -> str:
    """One removal with one file; its id."""
    digest = Digest(DigestKind.SHA256, hashlib.sha256(b"removed %d" % number).digest())
    file = RemovedFile((digest,), 1234, Container.SAFETENSORS, 1000, b"\x05" * 32, sketch)
    new = removals_made.NewRemoval("sample list", "models.example", None, names, (file,))
    assert service.keyring is not None
    with service.store.write() as connection:
        return removals_made.insert(connection, service.keyring, [new])[0]


def sighting(
    service: Service,
    removal_id: str,
    repo: str,
    *,
    paths: tuple[str, ...] = ("model.safetensors",),
    ref: str | None = "main",
    downloads: int = 10,
    read: bool = True,
    refuted: bool = False,
    sketch: bytes | None = None,
    more: tuple[Evidence, ...] = (),
) -> str:
    """The removal stands in a repository, or in a folder on this machine (where that begins with a
    slash), read in full or as the hub says; the case's id.
    `refuted`: read, and the bytes are others than the hub says."""
    hub = "folder" if repo.startswith("/") else HUB
    listed = Repository(
        hub,
        RepoType.MODEL,
        repo,
        COMMIT,
        created_at=datetime(2025, 6, 1, tzinfo=UTC),
        downloads=downloads,
        likes=2,
    )
    with service.store.write() as connection:
        (repository_pk,) = seen.repositories(connection, [listed])
        artifacts = [
            Artifact(
                *(hub, RepoType.MODEL, repo, COMMIT, ref, path, 1234),
                sha256=hashlib.sha256(f"{removal_id} {path}".encode()).digest(),
                git_oid=hashlib.sha1(f"{repo} {path}".encode()).digest(),
                lfs=True,
            )
            for path in paths
        ]
        pks = seen.artifacts(connection, repository_pk, artifacts)
        found = []
        readings = []
        for artifact, pk in zip(artifacts, pks, strict=True):
            assert artifact.sha256 is not None
            digest = Digest(DigestKind.SHA256, artifact.sha256)
            proof = (
                evidence.read(digest.kind, digest.value)
                if read
                else evidence.declared(digest.kind, digest.value)
            )
            proofs = more if sketch is not None else (proof, *more)
            confirmed = Confirmed.BYTES if read else Confirmed.NONE
            if refuted:
                false = evidence.refuted(evidence.declared(digest.kind, digest.value))
                proofs = (*(more if sketch is not None else ()), false)
                confirmed = Confirmed.HEADER if sketch is not None else Confirmed.CONTRADICTED
                digest = Digest(DigestKind.SHA256, hashlib.sha256(b"others").digest())
            found.append(MadeMatch(Match(removal_id, proofs), pk, confirmed))
            if read:
                readings.append(
                    (
                        pk,
                        seen.Inspection(
                            *(Container.SAFETENSORS, 1000, b"\x05" * 32, True, None, (digest,)),
                            sketch=sketch,
                            architecture="sd1",
                        ),
                    )
                )
        seen.readings(connection, readings)
        record(connection, service.store.secret, found)
    cases.put_all(service.store)
    return cases.id_of(service.store.secret, removal_id, hub, "model", repo)


def made(
    service: Service, number: int = 7, repo: str = "sample-account/lora", **more: object
) -> Made:
    """A removal of its own, and its case."""
    id = removal(service, number)
    return Made(sighting(service, id, repo, **more), id, repo)  # type: ignore[arg-type]


def alike(
    service: Service,
    number: int = 9,
    repo: str = "sample-account/altered",
    *,
    refuted: bool = False,
) -> Made:
    """A case that stands on the weights alone. `refuted`: the hub states the removed file's hash,
    and that is false."""
    from tests.match.updates import CAST, REMOVED, sketch

    first, second = sketch(REMOVED), sketch(CAST)
    compared = compare(first, second)
    assert compared is not None
    id = removal(service, number, sketch=first.encode())
    proof = evidence.weights(compared)
    case = sighting(service, id, repo, sketch=second.encode(), more=(proof,), refuted=refuted)
    return Made(case, id, repo)


def said(why: str) -> Evidence:
    """Evidence with a sentence that somebody else wrote."""
    return replace(evidence.path_ids(), why=why)


def gone(service: Service, repo: str) -> None:
    """Everything of a repository is gone."""
    with service.store.write() as connection:
        connection.execute(
            schema.sightings.update()
            .where(
                schema.sightings.c.artifact_pk.in_(
                    schema.artifacts.select()
                    .with_only_columns(schema.artifacts.c.pk)
                    .join(
                        schema.repositories,
                        schema.repositories.c.pk == schema.artifacts.c.repository_pk,
                    )
                    .where(schema.repositories.c.repo == repo)
                )
            )
            .values(state="gone", touched=1)
        )
    cases.put_all(service.store)


def merge(
    service: Service,
    repo: str = "sample-account/merge",
    *,
    name: str = "unet: down_blocks.0.attentions.0",
    in_blocks: bool = True,
    beside_base: bool = False,
) -> tuple[Made, str]:
    """A file that has two removals inside, and the second's id. `name`: of its first block;
    `in_blocks`: strengths were kept block by block; `beside_base`: it is a checkpoint, and they are
    copies of what was added to its base."""
    from tests.match.updates import CAST, sketch

    first, second = (removal(service, number) for number in (31, 32))

    def part(strengths: tuple[float | None, ...], figures: dict[str, float]) -> Evidence:
        rows = [
            [name if n == 0 else f"unet: up_blocks.{n}", 8, w, None if w is None else 0.05, 0.9]
            for n, w in enumerate(strengths)
        ]
        kept = {"blocks": rows, "explained": 0.84} if in_blocks else {}
        told = {"by": "columns", "p_value": 2e-12, "decoys": 212, "modules": 128}
        if beside_base:
            told, figures = {"cosine": 0.97, "p_value": 2e-12}, {"strength": 0.6}
        why = "Inside a merge: 97% of its columns are there."
        return Evidence(Rung.COMPONENT, evidence.PART, "ab", why, told | figures | kept)

    proof = part((0.6, 0.04, None, -0.3), {"share": 0.97, "margin": 0.81, "weight": 0.6})
    case = sighting(service, first, repo, sketch=sketch(CAST).encode(), more=(proof,))
    other = part((0.4, 1.2, 0.5, None), {"share": 0.91, "margin": 0.7})
    with service.store.write() as connection:
        s, r = schema.sightings.c, schema.removals.c
        here = select(s.artifact_pk).join(schema.removals, r.pk == s.removal_pk)
        pk = connection.scalars(here.where(r.id == first)).one()
        found = MadeMatch(Match(second, (other,)), pk, Confirmed.HEADER)
        record(connection, service.store.secret, [found])
    cases.put_all(service.store)
    return Made(case, first, repo), second
