"""Lists to import, and imports of the pages in the test's own process: to start one for each list
is most of what such a test costs. tests/operations/test_import_process.py tries those, and so do
some tests of pages."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from reseen.operations import import_process, page_imports
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

SECRET = "Sample person 23"


def csv(*rows: tuple[str, str]) -> bytes:
    lines = ["name,sha256", *(f"{name},{digest}" for name, digest in rows)]
    return "\n".join(lines).encode()


def sha(number: int) -> str:
    return hashlib.sha256(b"list %d" % number).hexdigest()


GOOD = csv((SECRET, sha(1)), ("Sample person 24", sha(2)))
"""A list that can be imported as it is."""


def import_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def done(work: Any) -> Any:
        def here(settings: Settings, file: int, options: Any) -> Any:
            with Store(settings.db) as store:
                keyring = Keyring.for_store(store, settings, create=False)
                return work(store, keyring, Path(f"/dev/fd/{file}"), options)

        return here

    monkeypatch.setattr(page_imports, "import_apart", done(import_process.imported))
    monkeypatch.setattr(page_imports, "preview_apart", done(import_process.previewed))
