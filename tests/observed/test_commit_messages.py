"""What is kept of a commit's message: its shape, keyed; nothing that could be somebody's name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.any_store import keyring, settings, store

from reseen.observed import artifacts as seen
from reseen.observed import commit_habits, commit_messages
from reseen.observed.commit_messages import LENGTH, NAME, USUAL, kept, shape
from reseen.records import HistoryCommit, Repository, RepoType
from reseen.store.database import Store
from reseen.store.schema import commit_habits as table

__all__ = ["keyring", "settings", "store"]

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Upload folder using huggingface_hub", "upload folder using huggingface_hub"),
        ("Upload sample-person_v1.safetensors with huggingface_hub",
         "upload <name> with huggingface_hub"),
        ("Upload Sample Person 07.safetensors with huggingface_hub",
         "upload sample <name> with huggingface_hub"),
        ("Upload 3 files", "upload <number> files"),
        ("initial commit", "initial commit"),
        ("[auto] batch 12 of 40", "[auto] batch <number> of <number>"),
        ("samplePerson", NAME),
        ("\u65e5\u672c add \u8a9e", "<name> add <name>"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_shape_has_usual_words_and_signs_alone(title: str, found: str) -> None:
    assert shape(title) == found


@given(st.text(max_size=300))
def test_no_word_of_a_title_stays_but_usual_ones(title: str) -> None:
    made = shape(title).replace(NAME, " ").replace("<number>", " ")
    letters = "".join(c if c.isalpha() or c == "_" else " " for c in made)
    assert {word.strip("_") for word in letters.split()} - USUAL <= {"", "huggingface", "hub"}
    assert not any(c.isdigit() for c in made)


def test_it_is_kept_by_a_key() -> None:
    one = kept(b"key", "Upload sample_a.safetensors")
    assert one == kept(b"key", "Upload sample_b.safetensors")
    assert len(one) == LENGTH
    assert one != kept(b"another", "Upload sample_b.safetensors")
    assert one != kept(b"key", "Add sample_b.safetensors")


def test_the_store_has_hours_and_hashes_and_nothing_of_what_others_proposed(store: Store) -> None:
    at = datetime(2026, 11, 3, 20, 41, 7, 12, tzinfo=UTC)
    said = [
        HistoryCommit("Upload Sample person 07.safetensors", at),
        HistoryCommit("Upload Sample person 07.safetensors", at.replace(minute=3)),
        HistoryCommit("Sample person 07 for you (#4)", at),
    ]
    with store.write() as connection:
        (pk,) = seen.repositories(
            connection, [Repository("hub.example", RepoType.MODEL, "sample/one")]
        )
        commit_habits.keep(connection, store.secret, pk, said)
        commit_habits.keep(connection, store.secret, pk, said)
        (row,) = connection.execute(select(table)).all()
        told = commit_habits.of_repositories(connection, [pk, pk + 1])
    hour = int(at.timestamp()) // 3600 * HOUR
    key = commit_messages.kept(store.secret, said[0].title)
    assert tuple(row) == (pk, key, hour)
    assert told == {pk: [commit_habits.KeptCommit(key, hour)]}


def test_a_long_history_is_kept_in_part(store: Store) -> None:
    said = [HistoryCommit("upload", datetime(2026, 1, 1, tzinfo=UTC).replace(year=1990 + n % 30,
            month=1 + n % 12, day=1 + n % 28)) for n in range(1_000)]  # fmt: skip
    with store.write() as connection:
        (pk,) = seen.repositories(
            connection, [Repository("hub.example", RepoType.MODEL, "sample/one")]
        )
        commit_habits.keep(connection, store.secret, pk, said)
        assert len(connection.execute(select(table)).all()) == commit_habits.MOST
