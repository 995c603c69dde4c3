"""`make bench-histories` goes on where it was, and never counts what other code has played."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import histories
from benchmarks.histories import Played, digest_of_code, play_all


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds in the order in which they are played."""
    monkeypatch.setattr(histories, "digest_of_code", lambda: "this code")
    return []


def test_it_goes_on_behind_the_last_that_was_played(
    played: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def one(seed: int) -> Played:
        played.append(seed)
        if seed == 3 and played.count(3) == 1:
            raise KeyboardInterrupt
        return Played(4, ("a kind",) if seed == 2 else (), kills=1)

    progress = tmp_path / "deeper" / "histories.json"
    with pytest.raises(KeyboardInterrupt):
        play_all(range(1, 5), progress, one)
    assert play_all(range(1, 5), progress, one) == 1
    assert played == [1, 2, 3, 3, 4]
    said = capsys.readouterr().out
    assert "4 histories of 16 acts, 4 processes killed, 1 with differences" in said


def test_what_other_code_played_is_played_again(
    played: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(seed: int) -> Played:
        played.append(seed)
        return Played(1)

    progress = tmp_path / "histories.json"
    play_all((1, 2), progress, one)
    monkeypatch.setattr(histories, "digest_of_code", lambda: "other code")
    assert play_all((1,), progress, one) == 0
    play_all((1, 2), progress, one)
    assert played == [1, 2, 1, 2]
    progress.write_text('{"1": [], "2": []}')  # as it was before it held the code
    play_all((1,), progress, one)
    assert played[4:] == [1]


def test_a_crash_is_a_finding(played: list[int], tmp_path: Path) -> None:
    def one(seed: int) -> Played:
        raise ZeroDivisionError

    assert play_all((1,), tmp_path / "histories.json", one) == 1


def test_the_code_is_told_from_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / "a.py"
    file.write_text("1")
    before = digest_of_code(tmp_path)
    (tmp_path / "src" / "a.pyc").write_text("made by Python")
    assert digest_of_code(tmp_path) == before
    file.write_text("2")
    assert digest_of_code(tmp_path) != before
    assert digest_of_code() == digest_of_code()
