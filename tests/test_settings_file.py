"""RESEEN_DB_FILE: the store's URL in a file, as containers hand over secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseen.errors import SettingsError
from reseen.settings import Settings

URL = "postgresql://reseen:secret-password@database/reseen"


def test_the_file_says_where_the_store_is(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{URL}\n")
    given = {"HOME": str(tmp_path), "RESEEN_DB_FILE": str(tmp_path / "url")}
    assert Settings.from_environment(given).db == URL
    assert Settings.from_environment({**given, "RESEEN_DB": "/x.db"}).db == "sqlite:////x.db"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_that_says_nothing_is_refused(content: bytes | None, tmp_path: Path) -> None:
    """And no other store is taken in its place."""
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    given = {"HOME": str(tmp_path), "RESEEN_DB_FILE": str(tmp_path / "url")}
    with pytest.raises(SettingsError):
        Settings.from_environment(given)
