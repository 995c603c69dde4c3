from __future__ import annotations

import pytest
from tests import removals_made
from tests.facts import MadeMatch, record
from tests.registry.places import ARTIFACT, REPOSITORY

from reseen.errors import NotFound
from reseen.observed import artifacts as seen
from reseen.records import Digest, DigestKind, Evidence, Match, Names, RemovedFile, Rung
from reseen.registry import removals
from reseen.registry.lookup import LookupResult, find
from reseen.store.database import Store
from reseen.store.sealing import Keyring

SHA = bytes(range(32))
DATA = bytes(range(100, 132))
NAMES = Names(
    name="Sample person 07",
    url="https://civitai.com/models/1234/sample-person-07?modelVersionId=5678",
    file_names=("sample_person_07.safetensors",),
)
OTHER = Names(name="Sample person 08", url="https://site.example/people/08", model_id="1234")


@pytest.fixture
def ids(store: Store, keyring: Keyring) -> list[str]:
    """Two removals; the first has a sighting."""
    full = RemovedFile((Digest(DigestKind.SHA256, SHA), Digest(DigestKind.DATA_SHA256, DATA)))
    short = RemovedFile((Digest(DigestKind.AUTOV1, b"\xab\xcd\xef\x12"),))
    with store.write() as connection:
        ids = removals_made.insert(
            connection,
            keyring,
            [
                removals_made.NewRemoval("sample", "civitai.com", None, NAMES, (full,)),
                removals_made.NewRemoval("sample", "site.example", None, OTHER, (short,)),
            ],
        )
        (repository,) = seen.repositories(connection, [REPOSITORY])
        (artifact,) = seen.artifacts(connection, repository, [ARTIFACT])
        match = Match(ids[0], (Evidence(Rung.DECLARED, "sha256", SHA.hex(), "why"),))
        record(connection, store.secret, [MadeMatch(match, artifact)])
    return ids


def found(answer: LookupResult) -> list[str]:
    return [each.removal.id for each in answer.found]


@pytest.mark.parametrize(
    ("query", "how"),
    [
        ("Sample person 07", "its name"),
        ("  SAMPLE  PERSON 07", "its name"),
        ("sample_person_07.safetensors", "the name of one of its files"),
        ("C:\\models\\Sample_Person_07.safetensors", "the name of one of its files"),
        ("https://civitai.com/models/1234/any-slug?modelVersionId=5678", "its former link"),
        ("civitai.com/models/1234", "its model id, from the link"),
        ("http://www.civitai.com/models/1234/", "its model id, from the link"),
        (
            "https://civitai.com/models/1234?modelVersionId=999",
            "its model id, from the link, in another version or none that is known",
        ),
        ("https://civitai.com/api/download/models/5678", "its version id, from the link"),
        ("5678", "its version id"),
        (SHA.hex(), "its sha256"),
        ("0x" + SHA.hex().upper(), "its sha256"),
        ("sha256: " + SHA.hex(), "its sha256"),
        (SHA.hex()[:32] + " \n" + SHA.hex()[32:], "its sha256"),
        (SHA.hex()[:10].upper(), "the first 10 digits of its sha256"),
        ("AutoV2: " + SHA.hex()[:10], "the first 10 digits of its sha256"),
        (SHA.hex()[:17], "the first 17 digits of its sha256"),
        (DATA.hex()[:12], "the first 12 digits of its data-sha256"),
    ],
)
def test_everything_that_a_person_has_finds_it(
    store: Store, keyring: Keyring, ids: list[str], query: str, how: str
) -> None:
    answer = find(store, keyring, query)
    assert found(answer) == ids[:1]
    (only,) = answer.found
    assert only.how == (how,)
    assert [s.removal for s in only.sightings] == ids[:1]
    assert answer.not_searched is None


def test_the_other_ones_are_found_too(store: Store, keyring: Keyring, ids: list[str]) -> None:
    assert found(find(store, keyring, "site.example/people/08/")) == ids[1:]
    assert found(find(store, keyring, "ABCDEF12")) == ids[1:]
    assert found(find(store, keyring, "1234")) == ids


@pytest.mark.parametrize(
    "query",
    [
        *("", "   ", "Sample person", "person 07", "https://site.example/", "%", "a" * 9_000),
        *("ff" * 32, "0x", "sha256:", "blake3:" + SHA.hex(), SHA.hex()[:7], "\0", "\ud800"),
        *("autov3:" + SHA.hex()[:10], "https://other.example/models/1234"),
    ],
)
def test_what_is_not_there_is_not_found(
    store: Store, keyring: Keyring, ids: list[str], query: str
) -> None:
    assert find(store, keyring, query) == LookupResult(())


def test_ids_name_one_removal(store: Store, keyring: Keyring, ids: list[str]) -> None:
    (only,) = find(store, None, ids[0].upper()).found
    assert only.how == ("its id",)
    (sighting,) = only.sightings
    (same,) = find(store, None, sighting.id).found
    assert same.sightings == (sighting,)
    assert same.removal == only.removal
    for missing in ("rm-zzzzzzzz", "sg-zzzzzzzzzzzz"):
        with pytest.raises(NotFound):
            find(store, keyring, missing)


def test_without_the_key_digests_work_and_the_answer_says_what_does_not(
    store: Store, ids: list[str]
) -> None:
    by_digest = find(store, None, SHA.hex())
    assert found(by_digest) == ids[:1]
    assert by_digest.not_searched is None, "a whole digest is nobody's name"
    assert find(store, None, "sha256:" + "ab" * 32).not_searched is None
    by_start = find(store, None, SHA.hex()[:10])
    assert found(by_start) == ids[:1]
    assert by_start.not_searched, "ten digits can be a name"
    by_name = find(store, None, "Sample person 07")
    assert found(by_name) == []
    assert "key" in str(by_name.not_searched)


def test_a_long_answer_is_cut_and_says_so(store: Store, keyring: Keyring) -> None:
    same = removals_made.NewRemoval("sample", None, None, Names(name="LORA"), ())
    with store.write() as connection:
        ids = removals_made.insert(connection, keyring, [same] * 12)
    answer = find(store, keyring, "lora", limit=10)
    assert found(answer) == ids[:10]
    assert answer.more


def test_a_withdrawn_removal_is_found_as_such(
    store: Store, keyring: Keyring, ids: list[str]
) -> None:
    with store.write() as connection:
        removals.withdraw(connection, keyring, ids[0], "why")
    (only,) = find(store, keyring, SHA.hex()).found
    assert only.removal.withdrawn_at
    assert only.sightings[0].withdrawn
