"""What can hardly be a model is not registered without being told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.any_store import keyring, settings, store
from tests.registry.test_adds import model

from reseen.registry import removals
from reseen.registry.adds import AddOptions, AddOutcome, add_files
from reseen.store.database import Store
from reseen.store.sealing import Keyring

__all__ = ["keyring", "settings", "store"]

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 9\n"
PAGES = {
    "a page": b"<!DOCTYPE html><html><head><title>Sign in</title></head>" + b"x" * 900,
    "a page after blanks": b"\n\n  <html lang=en>" + b"x" * 900,
    "an XML error": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "an error's text": b"Entry not found",
    "an error's text with an end of line": b"Access denied\n",
    "an error as JSON": b'{"error":"Unauthorized","message":"Sign in first, Sample person"}',
    "an error's text with a name in it": b"Access to model someone/marked person is restricted.",
    "a pointer": POINTER,
}


@pytest.mark.parametrize("what", [*PAGES, "cut off", "cut off within its header"])
def test_what_can_hardly_be_a_model_is_rejected_with_the_remedy(
    store: Store, keyring: Keyring, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "Marked person.safetensors"
    whole = model(tmp_path / "whole.safetensors").read_bytes()
    cut = {"cut off": whole[:-1], "cut off within its header": whole[:20]}
    path.write_bytes(PAGES.get(what) or cut[what])
    (added,) = add_files(store, keyring, [path])
    assert added.outcome is AddOutcome.REJECTED
    assert added.reason
    assert "--anyway" in added.reason
    assert "person" not in added.reason
    with store.read() as connection:
        assert list(removals.every(connection)) == []


@pytest.mark.parametrize("what", ["a page", "a pointer"])
def test_it_is_taken_when_told(store: Store, keyring: Keyring, tmp_path: Path, what: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(PAGES[what])
    (added,) = add_files(store, keyring, [path], AddOptions(anyway=True))
    assert added.outcome is AddOutcome.ADDED
