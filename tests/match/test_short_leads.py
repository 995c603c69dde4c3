"""AutoV2s that begin a SHA-256 which a hub states are leads, and nothing more."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.any_store import keyring, settings, store
from tests.registry.places import REPOSITORY, artifact

from reseen.match import short_leads
from reseen.observed import artifacts
from reseen.operations import consequences
from reseen.operations.lists import import_list
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

__all__ = ["keyring", "settings", "store"]

SHA = sha256(b"removed").digest()
OTHER = sha256(b"other").digest()


@pytest.fixture
def seen(store: Store) -> Store:
    with store.write() as connection:
        (repository,) = artifacts.repositories(connection, [REPOSITORY])
        artifacts.artifacts(
            connection,
            repository,
            [
                artifact(path="LORA.safetensors", sha256=SHA, git_oid=b"\x01" * 20),
                artifact(path="x.safetensors", sha256=OTHER, git_oid=b"\x02" * 20),
            ],
        )
    return store


def take(store: Store, keyring: Keyring, tmp_path: Path, rows: str) -> None:
    path = tmp_path / "a list.csv"
    path.write_text(rows)
    import_list(store, keyring, path)


def test_a_short_hash_that_begins_a_stated_one_is_a_lead_and_no_sighting(
    seen: Store, keyring: Keyring, tmp_path: Path
) -> None:
    take(seen, keyring, tmp_path, f"name,autov2\na,{SHA.hex()[:10]}\nb,{'ab12cd34ef'}\n")
    consequences.follow(seen)
    with seen.read() as connection:
        found = short_leads.find(connection)
        assert connection.scalar(select(func.count()).select_from(schema.sightings)) == 0
    assert [lead.artifact.path for lead in found.found] == ["LORA.safetensors"]
    assert (found.short, found.stated) == (2, 2)
    assert found.by_accident == pytest.approx(4 / 2**40)


def test_a_removal_with_the_full_digest_needs_no_lead(
    seen: Store, keyring: Keyring, tmp_path: Path
) -> None:
    rows = (
        f"link,autov2,sha256\nhttps://civitai.com/models/1?modelVersionId=2,{SHA.hex()[:10]},\n"
        f"https://civitai.com/models/1?modelVersionId=2,,{SHA.hex()}\n"
    )
    take(seen, keyring, tmp_path, rows)
    with seen.read() as connection:
        assert short_leads.find(connection).found == ()


def test_what_is_beyond_the_limit_is_said(seen: Store, keyring: Keyring, tmp_path: Path) -> None:
    rows = f"name,autov2\na,{SHA.hex()[:10]}\nb,{OTHER.hex()[:10]}\n"
    take(seen, keyring, tmp_path, rows)
    with seen.read() as connection:
        few = short_leads.find(connection, limit=1)
    assert (len(few.found), few.more) == (1, True)
