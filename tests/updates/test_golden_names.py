"""What has been read of a file is read of it for ever, under the same names: a removal's weights
are gone, and its sketch is made of these names. `python -m tests.updates.test_golden_names` writes
the golden anew: only where a header is added."""

from __future__ import annotations

import json
from pathlib import Path

from tests.updates.golden_headers import golden

GOLDEN = Path(__file__).parent / "golden_names.json"


def test_every_header_has_the_names_that_it_has_had() -> None:
    kept, now = json.loads(GOLDEN.read_text()), golden()
    assert now.keys() == kept.keys()
    assert {name: now[name] for name in kept if now[name] != kept[name]} == {}


if __name__ == "__main__":
    rows = (f"{json.dumps(name)}: {json.dumps(said)}" for name, said in golden().items())
    GOLDEN.write_text("{\n" + ",\n".join(rows) + "\n}\n")
