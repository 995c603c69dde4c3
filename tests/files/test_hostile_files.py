from __future__ import annotations

import pytest
from tests.hostile.make import Hostile, hostile

from reseen.errors import FileError
from reseen.files import containers
from reseen.files.source import Memory, run
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.records import DigestKind

CASES = list(hostile())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_lie_is_answered_by_its_error(case: Hostile) -> None:
    size = len(case.data)
    for thorough in (False, True):
        if thorough or case.name not in ("no-entry-there.pt", "count.pth"):
            with pytest.raises(case.error) as caught:
                run(Memory(case.data), containers.read_listing(size, thorough=thorough))
            assert str(caught.value)
            assert isinstance(caught.value, FileError)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_lie_hides_nothing_of_the_file_itself(case: Hostile) -> None:
    inside = run(Memory(case.data), look_inside(len(case.data)))
    for known in (None, inside):
        pass_ = Fingerprinter(len(case.data), known)
        pass_.update(case.data)
        found = pass_.finish()
        assert found.problem
        assert found.digest(DigestKind.SHA256)
        plausible = found.data_size is not None and found.data_size > 0
        assert (found.digest(DigestKind.DATA_SHA256) is not None) == plausible


def test_every_lie_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 80
