"""What has been read of a file is read of it for ever, under the same names: a removal's weights
are gone, and its sketch is made of these names. `released_names.json` has what the release before
layers had names of their own read: never change it. `python -m tests.updates.test_golden_names`
writes what is read now: only where a header or a table is added."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from tests.updates.golden_headers import KNOWN, headers, row
from tests.updates.naming_tools import listing

from reseen.updates.plan import Plan, plan

GOLDEN = Path(__file__).parent / "golden_names.json"
RELEASED = Path(__file__).parent / "released_names.json"


@cache
def plans() -> dict[str, Plan]:
    return {name: plan(listing(shapes)) for name, shapes in headers()}


def test_every_header_has_the_names_that_it_has_had() -> None:
    kept = json.loads(GOLDEN.read_text())
    now = {name: row(found) for name, found in plans().items()}
    assert now.keys() == kept.keys()
    assert {name: now[name] for name in kept if now[name] != kept[name]} == {}


def test_every_header_has_the_names_of_the_release_too() -> None:
    """Those of a model that was known then are its names still; others are a reading of it."""
    kept = json.loads(RELEASED.read_text())
    assert plans().keys() == kept.keys()
    for name, then in kept.items():
        found = plans()[name]
        if name.partition(",")[0] in KNOWN:
            assert row(found) == then, name
        else:
            assert then in [row(found), *map(row, found.readings)], name


if __name__ == "__main__":
    rows = (f"{json.dumps(name)}: {json.dumps(row(found))}" for name, found in plans().items())
    GOLDEN.write_text("{\n" + ",\n".join(rows) + "\n}\n")
