"""What a running scan says of itself on standard error."""

from __future__ import annotations

import pytest

from reseen.cli.progress import ScanProgress
from reseen.scan.progress import Progress


@pytest.mark.parametrize("quiet", [False, True])
def test_how_a_hub_behaves_is_said_once(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ScanProgress(quiet=quiet, as_json=False, live=None)
    for remarks in ((), ("It is slow.",), ("It is slow.",), ("It is slow.", "It asks to wait.")):
        shown.report(Progress(remarks=remarks))
    said = capsys.readouterr().err.splitlines()
    assert said == ([] if quiet else ["It is slow.", "It asks to wait."])
