"""From an empty folder to the first decision of an invited reviewer: seconds of each step.

    python -m benchmarks.from_nothing

Starts `reseen serve` in an empty folder beside the sample hub, and does what people do in their
browsers: the link of the first administrator, the one form (a list, an account, a colleague), the
colleague's link, and a case decided. What people take to type is not counted, nor what installing
takes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

import httpx2
from replica.lists import write_csv
from replica.sample import UPLOADER, sample_world
from replica.server import Replica

PASSWORDS = ("three blue lanterns", "three red lanterns")
PATIENCE = 300.0


class Steps:
    """Says how long each took."""

    def __init__(self) -> None:
        self.begun = self.last = time.perf_counter()

    def done(self, what: str) -> None:
        at = time.perf_counter()
        print(f"{what}: {at - self.last:.1f} s", flush=True)
        self.last = at


def main() -> None:
    world = sample_world(uploads=24)
    with tempfile.TemporaryDirectory() as folder, Replica(world) as hub:
        listed = Path(folder) / "removals.csv"
        write_csv(listed, world.removals)
        environment = {
            **os.environ,
            "RESEEN_HOME": f"{folder}/home",
            "HF_HOME": f"{folder}/hf",
            "HF_ENDPOINT": hub.endpoint,
        }
        steps = Steps()
        command = [sys.executable, "-m", "reseen", "serve", "--port", "0"]
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True
        ) as served:
            try:
                assert served.stderr is not None
                base, link = _link(served.stderr)
                steps.done("serving, and the link is said")
                _walk(steps, base, link, listed)
            finally:
                served.terminate()


def _walk(steps: Steps, base: str, link: str, listed: Path) -> None:
    ada = _browser(base)
    page = _join(ada, link, PASSWORDS[0], name="ada")
    steps.done("the first administrator is in")
    form = {"csrf": _token(page), "name": "first list", "places": UPLOADER, "people": "rio"}
    sent = {"file": ("list.csv", listed.read_bytes(), "text/csv")}
    page = ada.post("/begin", data=form, files=sent).text
    steps.done("the one form is taken")
    rio = _browser(base)
    _join(rio, _found(r"/join/[\w-]{43}", page), PASSWORDS[1])
    steps.done("a colleague is in")
    deadline = time.monotonic() + PATIENCE
    while "Next case" not in (page := rio.get("/queue").text) or "data-row" not in page:
        assert time.monotonic() < deadline, "no case came"
        time.sleep(1)
    steps.done("a case is there")
    case = str(rio.post("/queue/next", data={"csrf": _token(page)}).url).split("?")[0]
    while True:  # what the scan still reads changes the case: then it is looked at again
        page = rio.get(case).text
        version = _found(r'name="version" value="(\d+)"', page)
        said = {"csrf": _token(page), "version": version, "reason": "The same bytes."}
        if rio.post(f"{case}/confirm", data=said).status_code == httpx2.codes.OK:
            break
        assert time.monotonic() < deadline, "nothing was decided"
    steps.done("it is decided")
    print(f"in all: {steps.last - steps.begun:.1f} s")


def _link(said: IO[str]) -> tuple[str, str]:
    """The service's address, and the path of the first link."""
    for line in said:
        if found := re.search(r"(http\S+)(/join/\S+)", line):
            threading.Thread(target=said.read, daemon=True).start()  # what it logs goes nowhere
            return found[1], found[2]
    raise AssertionError("the service said no link")


def _browser(base: str) -> httpx2.Client:
    return httpx2.Client(base_url=base, timeout=PATIENCE, follow_redirects=True)


def _join(browser: httpx2.Client, link: str, password: str, **more: str) -> str:
    form = {"csrf": _token(browser.get(link).text), "password": password, "again": password}
    return browser.post(link, data=form | more).text


def _token(page: str) -> str:
    return _found(r'name="csrf" value="([0-9a-f]+)"', page)


def _found(pattern: str, page: str) -> str:
    found = re.search(pattern, page)
    assert found is not None, pattern
    return found[found.re.groups]


if __name__ == "__main__":
    main()
