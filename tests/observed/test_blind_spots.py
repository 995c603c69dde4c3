"""What of files was not read: kept with the last reading, counted, and told file by file."""

from __future__ import annotations

from reseen.observed import artifacts as seen
from reseen.observed import blind_spots
from reseen.observed.artifacts import Inspection
from reseen.records import Artifact, BlindSpot, Container, Repository, RepoType, Rung
from reseen.store.database import Store

HUB = "hub.example"
COMMIT = "c" * 40
NUMPY = BlindSpot("numpy", "numpy arrays: not read", 17)
BIAS = BlindSpot("bias", "differences of a bias", 2)
CHECKPOINT = BlindSpot("whole-weights", "whole weights", 900)
GATED = BlindSpot("gated", "behind a gate: not read")


def put(store: Store) -> list[int]:
    """Four files: a checkpoint, one of numpy arrays, one read in part, one behind a gate."""
    files = [
        Artifact(
            *(HUB, RepoType.MODEL, "somebody/all", COMMIT, "main", f"{number}.bin", 5_000),
            sha256=bytes([number]) * 32,
            git_oid=bytes([number]) * 20,
            lfs=True,
        )
        for number in range(4)
    ]
    with store.write() as connection:
        (repository,) = seen.repositories(
            connection, [Repository(HUB, RepoType.MODEL, "somebody/all", COMMIT)]
        )
        pks = seen.artifacts(connection, repository, files)
        readings = [
            (pks[0], Inspection(Container.SAFETENSORS, architecture="")),
            (pks[1], Inspection(Container.TORCH_ZIP, architecture="")),
            (
                pks[2],
                Inspection(
                    *(Container.SAFETENSORS,), architecture="sd1", judged_by=(Rung.WEIGHTS,)
                ),
            ),
        ]
        seen.readings(connection, readings)
        told = {pks[0]: (CHECKPOINT,), pks[1]: (NUMPY, BIAS), pks[2]: (BIAS,), pks[3]: (GATED,)}
        assert blind_spots.keep(connection, told, 7) == {}
    return pks


def test_files_are_told_with_their_reasons_checkpoints_last(store: Store) -> None:
    put(store)
    with store.read() as connection:
        every = list(blind_spots.files(connection))
        unjudged = list(blind_spots.files(connection, unjudged=True))
        assert list(blind_spots.files(connection, scan=8)) == []
        assert blind_spots.count_unjudged(connection) == len(unjudged) == 3
    assert [one.artifact.path for one in every] == ["1.bin", "2.bin", "3.bin", "0.bin"]
    assert [one.artifact.path for one in unjudged] == ["1.bin", "3.bin", "0.bin"]
    assert every[0].judged.not_read == (NUMPY, BIAS)
    assert [one.judged.rungs for one in every] == [
        *((Rung.DECLARED,), (Rung.DECLARED, Rung.WEIGHTS), (Rung.DECLARED,), (Rung.DECLARED,)),
    ]
    assert [one.container for one in every[1:3]] == [Container.SAFETENSORS, None]
    assert {one.scan for one in every} == {7}


def test_reasons_are_counted_over_all_files(store: Store) -> None:
    put(store)
    with store.read() as connection:
        counted = blind_spots.count(connection)
    assert counted[0] == (BlindSpot("bias", BIAS.reason, 4), 2)
    assert {(spot.code, spot.count, files) for spot, files in counted[1:]} == {
        *(("numpy", 17, 1), ("whole-weights", 900, 1), ("gated", 1, 1)),
    }


def test_the_last_reading_counts_and_a_scan_knows_what_it_put_there(store: Store) -> None:
    pks = put(store)
    with store.write() as connection:
        assert blind_spots.keep(connection, {pks[1]: (GATED,)}, 8) == {}
        before = blind_spots.keep(connection, {pks[0]: (), pks[1]: (NUMPY,)}, 8)
        assert before == {pks[1]: {"gated"}}
        left = {one.artifact.path: one.judged.not_read for one in blind_spots.files(connection)}
    assert left == {"1.bin": (NUMPY,), "2.bin": (BIAS,), "3.bin": (GATED,)}


def test_files_that_could_not_be_judged_are_told_page_by_page(store: Store) -> None:
    pks = put(store)
    with store.read() as connection:
        first = blind_spots.page_of_unjudged(connection, after=0, most=2)
        rest = blind_spots.page_of_unjudged(connection, after=first[-1][0], most=2)
        others = blind_spots.page_of_unjudged(connection, after=0, most=9, ordinary=False)
        assert blind_spots.page_of_unjudged(connection, after=pks[-1], most=2) == []
        assert blind_spots.count_unjudged(connection, most=2) == 2
    assert [pk for pk, _ in (*first, *rest)] == [pks[0], pks[1], pks[3]]
    assert [pk for pk, _ in others] == [pks[1], pks[3]]
    assert first[1][1].judged.not_read == (NUMPY, BIAS)
