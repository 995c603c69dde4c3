"""The replica held to answers that were recorded of the real Hub, and of KohakuHub, field by field.

`recorded/` has the facts of the recordings, written anew with the names of samples: status, headers
that matter (as patterns), headers that are not there, keys and types of the body. A list of shapes
means: each entry has one of them, and each of them is had. What no recording covers is marked
"assumed" in the replica, and listed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from replica.sample import sample_world
from replica.server import Replica
from replica.world import Repo, World, plain

from replica import kohaku

HERE = Path(__file__).parent
REPLICA = HERE.parents[1] / "replica"


def cases(name: str) -> list[Any]:
    found: list[Any] = json.loads((HERE / "recorded" / f"{name}.json").read_text())
    return [pytest.param(case, id=case["name"]) for case in found]


def world() -> World:
    made = sample_world()
    long = made.add(Repo("account-97/former"))
    for number in range(63):
        long.commit({"README.md": plain(b"%d" % number)})
    made.rename("model", "account-97/former", "account-98/long")
    made.add(Repo("account-98/single")).commit({"README.md": plain(b"one")})
    made.moved["model", "former"] = "account-98/long"
    return made


@pytest.fixture(scope="module")
def hub() -> Iterator[Replica]:
    with Replica(world()) as replica:
        yield replica


@pytest.fixture(scope="module")
def kohakuhub() -> Iterator[Replica]:
    with Replica(world(), answer=kohaku.answer) as replica:
        yield replica


@pytest.mark.parametrize("case", cases("hub"))
def test_the_replica_answers_as_the_hub_was_recorded(hub: Replica, case: dict[str, Any]) -> None:
    compare(hub, case)


@pytest.mark.parametrize("case", cases("kohakuhub"))
def test_its_other_mode_answers_as_kohakuhub_was_recorded(
    kohakuhub: Replica, case: dict[str, Any]
) -> None:
    compare(kohakuhub, case)


def compare(replica: Replica, case: dict[str, Any]) -> None:
    asked, told = case["request"], case["response"]
    headers = {"Accept": "application/json"}
    if "token" in asked:
        headers["Authorization"] = f"Bearer {asked['token']}"
    with httpx2.Client(follow_redirects=False, trust_env=False) as client:
        answer = client.request(
            asked["method"],
            f"{replica.endpoint}{asked['path']}",
            headers=headers,
            json=asked.get("json"),
        )
    assert answer.status_code == told["status"]
    for name, pattern in told["headers"].items():
        assert re.fullmatch(pattern, answer.headers.get(name, "")), (name, answer.headers.get(name))
    for name in told.get("absent", ()):
        assert name not in answer.headers
    if "body" in told:
        if told["body"] == "text":
            assert answer.text == answer.headers["X-Error-Message"]
        else:
            fits(answer.json(), told["body"], "body")


WORDS: dict[str, Any] = {
    "text": lambda v: isinstance(v, str),
    "number": lambda v: type(v) is int,
    "flag": lambda v: type(v) is bool,
    "list": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
    "null": lambda v: v is None,
    "any": lambda v: True,
    "hex24": lambda v: re.fullmatch(r"[0-9a-f]{24}", v),
    "hex40": lambda v: re.fullmatch(r"[0-9a-f]{40}", v),
    "hex64": lambda v: re.fullmatch(r"[0-9a-f]{64}", v),
    "time": lambda v: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", v),
    "micros": lambda v: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", v),
}


def fits(value: object, shape: object, where: str) -> None:
    """Raises AssertionError, which says where."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), where
        assert set(value) == set(shape), where
        for key, inner in shape.items():
            fits(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        had = set()
        for number, entry in enumerate(value):
            which = [n for n, one in enumerate(shape) if _does_fit(entry, one)]
            assert which, f"{where}[{number}] {entry}"
            had.update(which)
        assert had == set(range(len(shape))), where
    elif isinstance(shape, str) and shape.startswith("="):
        assert value in (shape[1:], {"true": True, "134": 134}.get(shape[1:])), where
    else:
        assert WORDS[str(shape)](value), f"{where}: {value!r} is no {shape}"


def _does_fit(value: object, shape: object) -> bool:
    try:
        fits(value, shape, "")
    except (AssertionError, TypeError):
        return False
    return True


ASSUMED = {
    "arcenciel.py": 2,
    "civarchive.py": 1,
    "civitai.py": 2,
    "kohaku.py": 2,
    "liblib.py": 1,
    "modelscope.py": 3,
    "oci.py": 1,
    "routes.py": 7,
    "shapes.py": 1,
}
"""How many lines of each file of the replica say what it assumes (a line can be of a whole file):
all else is held to recordings, or makes nothing that a hub answers. Whoever assumes more, or has a
recording, says so here."""


def test_what_no_recording_covers_is_marked() -> None:
    marked: dict[str, list[str]] = {}
    for path in sorted(REPLICA.glob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "assumed" in line.lower():
                marked.setdefault(path.name, []).append(f"{number}: {line.strip()}")
    for name, lines in marked.items():
        print(f"replica/{name}:", *lines, sep="\n  ")
    assert {name: len(lines) for name, lines in marked.items()} == ASSUMED
