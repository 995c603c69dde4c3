"""Names that people did not choose: what a terminal would obey is shown instead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reseen.cli import main, progress

HOSTILE = "\x1b[2J[/red]\u202e"


def test_an_error_shows_escape_sequences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / HOSTILE
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["reseen", "compare", str(folder), str(folder)])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert "\\u001b[2J" in said
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_a_name_that_looks_like_markup_stops_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "on_terminal", lambda: True)
    with progress.bytes_bar(f"Reading {HOSTILE}", quiet=False) as read:
        assert read is not None
        read(5)
