from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from tests.registry.places import ARTIFACT, COMMIT, LATER, REPOSITORY, artifact, sketch

from reseen.errors import NotFound
from reseen.observed import artifacts as seen
from reseen.observed import walks
from reseen.observed.walks import REFS, Asked, Commit
from reseen.records import Container, Digest, DigestKind
from reseen.store import schema
from reseen.store.database import Store, now


def test_a_repository_is_one_row_however_often_it_is_listed(store: Store) -> None:
    other = replace(REPOSITORY, id="sample-account/other", gated=True)
    with store.write() as connection:
        first = seen.repositories(connection, [REPOSITORY, other, REPOSITORY], at=1)
        bare = replace(REPOSITORY, sha=LATER, downloads=None, likes=9)
        again = seen.repositories(connection, [bare], at=2)
        row = connection.execute(
            select(schema.repositories).where(schema.repositories.c.pk == again[0])
        ).one()
    assert first[0] == first[2] == again[0] != first[1]
    assert (row.sha.hex(), row.downloads, row.likes, row.last_listed) == (LATER, 7, 9, 2)


def test_an_artifact_comes_back_as_it_was_seen(store: Store) -> None:
    odd = artifact(path="folder/x.pt", sha256=None, xet=None, lfs=False, masked=True, ref=None)
    no_git = artifact(path="y.pt", git_oid=None)
    nothing = artifact(path="z.pt", git_oid=None, sha256=None, xet=None, revision="local")
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        stored = [ARTIFACT, odd, no_git, nothing]
        pks = seen.artifacts(connection, pk, stored)
        assert [seen.artifact(connection, each) for each in pks] == stored
        assert seen.artifacts(connection, pk, stored[::-1]) == pks[::-1]
        assert connection.scalar(select(func.count()).select_from(schema.artifacts)) == 4
        with pytest.raises(NotFound):
            seen.artifact(connection, 10**6)


def test_what_is_read_again_stays_where_it_was_told_to_stand_meanwhile(store: Store) -> None:
    """A visit that was under way had the ref of before: the copy was looked for on main, where it
    had been deleted, and was called gone while it stood in the history."""
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        (one,) = seen.artifacts(connection, pk, [ARTIFACT], at=1)
        seen.only_in_history(connection, pk, [COMMIT])
        for since in (0, 9):
            again = seen.artifacts(connection, pk, [ARTIFACT], since=since, at=9, listed=False)
            assert again == [one]
            assert seen.artifact(connection, one).ref is None
        # And a listing of the same scan says where it stands, whatever was read before.
        seen.artifacts(connection, pk, [artifact(ref="refs/pr/1", revision=LATER)], since=9, at=10)
        found = seen.artifact(connection, one)
        assert (found.ref, found.revision) == ("refs/pr/1", LATER)
        new = artifact(git_oid=b"\x55" * 20)
        (other,) = seen.artifacts(connection, pk, [new], at=11, listed=False)
        assert seen.artifact(connection, other).ref == "main"


def test_the_same_content_on_many_refs_is_one_artifact_and_main_wins(store: Store) -> None:
    on_pr = artifact(ref="refs/pr/1", revision=LATER)
    in_history = artifact(ref=None, revision="c3" * 20)
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])

        def stand(*artifacts: object, since: int = 0, at: int = 1) -> tuple[str | None, str]:
            (one, *_) = seen.artifacts(connection, pk, artifacts, since=since, at=at)  # type: ignore[arg-type]
            found = seen.artifact(connection, one)
            return found.ref, found.revision

        assert stand(in_history) == (None, "c3" * 20)
        assert stand(on_pr) == ("refs/pr/1", LATER)
        assert stand(in_history) == ("refs/pr/1", LATER)
        assert stand(ARTIFACT) == ("main", COMMIT)
        assert stand(on_pr, at=5) == ("main", COMMIT)
        assert stand(artifact(revision=LATER), at=5) == ("main", LATER)
        assert stand(on_pr, since=9, at=9) == ("refs/pr/1", LATER)
        assert stand(in_history, ARTIFACT, on_pr) == ("main", COMMIT)
        assert connection.scalar(select(func.count()).select_from(schema.artifacts)) == 1


def test_new_content_at_a_path_is_another_artifact(store: Store) -> None:
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        one, two = seen.artifacts(connection, pk, [ARTIFACT, artifact(git_oid=b"\x44" * 20)])
    assert one != two


def test_a_hash_once_shown_is_not_forgotten(store: Store) -> None:
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        seen.artifacts(connection, pk, [ARTIFACT])
        hidden = artifact(sha256=None, xet=None, masked=True)
        (one,) = seen.artifacts(connection, pk, [hidden])
        found = seen.artifact(connection, one)
    assert (found.sha256, found.masked) == (ARTIFACT.sha256, True)


def test_hostile_values_are_taken_without_failing(store: Store) -> None:
    odd = artifact(path="a\0b\udcff\n.pt", size=2**70, ref="x\ud800")
    garbage = replace(REPOSITORY, id="a/\udcff\0", downloads=-1, likes=2**64, sha="not hex")
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [garbage])
        (one,) = seen.artifacts(connection, pk, [odd])
        found = seen.artifact(connection, one)
    assert found.size is None
    assert "\0" not in found.path


def test_walked_commits_are_remembered(store: Store) -> None:
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        assert walks.of_repositories(connection, [pk]) == {}
        walks.walked(connection, [Commit(pk, COMMIT), Commit(pk, LATER)])
        walks.followed(connection, [pk], REFS)
        walks.walked(connection, [Commit(pk, LATER), Commit(pk, "local")])
        assert walks.commits(connection, pk) == {COMMIT, LATER, "local"}
        assert walks.of_repositories(connection, [pk])[pk].followed == REFS


def test_what_was_asked_of_a_repository_only_grows(store: Store) -> None:
    header, full = Asked(1, True, REFS), Asked(2, False, REFS)
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])

        def remembered() -> tuple[Asked, int]:
            here = walks.of_repositories(connection, [pk])[pk]
            return here.asked, here.version

        walks.walked(connection, [Commit(pk, COMMIT, header, 7)])
        assert remembered() == (header, 7)
        walks.ask(connection, {pk: Asked(1, False, 0)})
        assert remembered() == (header, 7), "less was asked: nothing is owed"
        walks.ask(connection, {pk: full})
        assert remembered() == (Asked(2, True, REFS), 0)
        walks.done(connection, [pk], 9, before=now())
        assert remembered() == (Asked(2, True, REFS), 9)
        walks.walked(connection, [Commit(pk, LATER, header, 8)])
        assert remembered() == (Asked(2, True, REFS), 8), "as far as every commit is done"
        walks.done(connection, [pk], 10, before=0)
        assert remembered()[1] == 8, "walked since then"


def test_a_full_reading_is_not_replaced_by_less(store: Store) -> None:
    digest = Digest(DigestKind.BLAKE3, b"\x05" * 32)
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        (one,) = seen.artifacts(connection, pk, [ARTIFACT])
        header = seen.Inspection(Container.SAFETENSORS, data_size=10, layout=bytes(32))
        full = replace(header, full=True, data_size=11, digests=(digest,))

        def known() -> tuple[int, int]:
            row = connection.execute(select(schema.readings)).one()
            return row.full, row.data_size

        seen.readings(connection, [(one, header)])
        assert known() == (0, 10)
        seen.readings(connection, [(one, full), (one, header)])
        assert known() == (1, 11)
        seen.readings(connection, [(one, replace(header, problem="cut\0off"))])
        assert known() == (1, 11)
        assert seen.read_digests(connection, [one]) == {one: [digest]}


def test_a_complete_sketch_is_not_replaced_by_less(store: Store) -> None:
    whole, part = sketch(complete=True), sketch(complete=False)
    table = schema.read_sketches.c
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        (one,) = seen.artifacts(connection, pk, [ARTIFACT])
        for first, then in ((part, 0), (whole, 1), (part, 1)):
            seen.readings(connection, [(one, seen.Inspection(sketch=first))])
            assert connection.scalar(select(table.complete)) == then
        assert connection.scalar(select(table.value)) == whole


def test_a_sketch_is_replaced_by_one_that_tells_more(store: Store) -> None:
    """One of the two versions is kept; all of a file goes before the version."""
    part_1, part_2, whole_1, whole_2 = (
        sketch(complete=complete, version=version)
        for complete in (False, True)
        for version in (1, 2)
    )
    table = schema.read_sketches.c
    steps = (
        *((part_1, part_1), (part_2, part_2), (part_1, part_2), (whole_1, whole_1)),
        *((part_2, whole_1), (whole_2, whole_2), (whole_1, whole_2), (part_2, whole_2)),
    )
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        (one,) = seen.artifacts(connection, pk, [ARTIFACT])
        for read, kept in steps:
            seen.readings(connection, [(one, seen.Inspection(sketch=read))])
            assert connection.scalars(select(table.value)).all() == [kept]
        assert connection.scalars(select(table.version)).all() == [2]


def test_a_walk_of_a_thousand_files_and_more_keeps_their_order(store: Store) -> None:
    many = [artifact(path=f"{n % 7}/{n}.bin", git_oid=n.to_bytes(20)) for n in range(1_500)]
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [REPOSITORY])
        pks = seen.artifacts(connection, pk, many)
        assert len(set(pks)) == 1_500
        assert seen.artifact(connection, pks[777]).path == many[777].path


@given(st.text(max_size=50) | st.binary(min_size=20, max_size=20).map(bytes.hex))
def test_commits_survive_the_store(commit: str) -> None:
    back = seen.commit_text(seen.commit_bytes(commit))
    assert back == seen.text(commit)


@given(st.datetimes(min_value=datetime(1900, 1, 1)))
def test_instants_survive_the_store(moment: datetime) -> None:
    assert seen.instant(seen.micros(moment)) == moment.replace(tzinfo=UTC)
    east = timezone(timedelta(hours=5, minutes=30))
    if moment.year > 1950:
        assert seen.instant(seen.micros(moment.replace(tzinfo=east))) == moment.replace(tzinfo=east)
