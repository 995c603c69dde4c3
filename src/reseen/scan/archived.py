"""Files in archives as artifacts of their own.

What comes in: an archive at a hub or in a folder, and what was read of it. What goes out: one
artifact for each file in it, with what it matches. A hub states nothing of such a file, so what it
matches it does by its own bytes; it is there as long as the archive is, with the same content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reseen.match.registry_index import RegistryIndex
from reseen.observed.parts_of_files import is_marked, mark_of
from reseen.records import Artifact, Confirmed, Fingerprint, member_path
from reseen.scan.bases_at_hand import BasesAtHand
from reseen.scan.inspect import ArtifactResult, concluded, read_in_full
from reseen.scan.read_result import ReadResult


def member_of(archive: Artifact, place: str, size: int | None) -> Artifact:
    """A file in an archive, by its place there ("!member")."""
    return replace(
        archive,
        path=member_path(archive.path, place),
        size=size,
        sha256=None,
        xet=None,
        git_oid=mark_of(archive.content or b""),
        masked=False,
        lfs=False,
        on_pointer=False,
        member=True,
        others=(),
    )


def stands_in(member: Artifact, archive: Artifact) -> bool:
    """Is this the content of the archive that it was seen in? Of a model in several files, of the
    first of them."""
    return member.git_oid is not None and is_marked(member.git_oid, archive.content or b"")


def results(
    archive: Artifact,
    within: Iterable[tuple[str, Fingerprint]],
    known: RegistryIndex,
    at_hand: BasesAtHand | None = None,
) -> Iterator[tuple[ArtifactResult, ReadResult]]:
    """What each file in an archive is, and what reading it told. `within`: by their places;
    `at_hand`: what checkpoints in it are told from, where layers of them were read."""
    for place, inner in within:
        artifact = member_of(archive, place, inner.size)
        what = read_in_full(artifact, Confirmed.NONE, replace(inner, weights=None), known)
        if inner.weights is not None and at_hand is not None:
            from reseen.scan.checkpoint import told_in_passing  # numpy, which few archives need

            what = told_in_passing(what, inner.weights, at_hand)
        yield concluded(artifact, (), known, what)
