"""`reseen serve` as people start it: a process of its own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.person import Person
from tests.browser.test_review import decide
from tests.browser.world import KEY, PASSWORD, Seeded, furnish, settings_in

DEADLINE = 120.0


@pytest.mark.parametrize("on", ["sqlite", "postgresql"])
def test_the_command_serves_and_ends_in_order(
    browser: Browser,
    world_of_a_team: Seeded,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    on: str,
) -> None:
    settings = world_of_a_team.settings(tmp_path)
    if on == "postgresql":
        from concurrent.futures import ThreadPoolExecutor

        url = request.getfixturevalue("postgresql_url")
        settings = replace(settings_in(tmp_path, world_of_a_team.hub.endpoint), db=url)
        with ThreadPoolExecutor(1) as thread:  # the browser's loop runs in this one
            thread.submit(furnish, settings, world_of_a_team.world).result()
    environment = {
        "RESEEN_HOME": str(tmp_path),
        "RESEEN_KEY": KEY,
        "HF_ENDPOINT": settings.hubs[0].endpoint,
    }
    with served(settings.db, environment) as base:
        person = Person(browser, base).sign_in("rio", PASSWORD)
        person.goto("/queue")
        person.page.get_by_role("button", name="Next case").click()
        expect(person.page.get_by_text("Yours until")).to_be_visible()
        decide(person.page, "Confirm", then="… then the queue")
        expect(person.page.get_by_role("status").first).to_contain_text("Decided: confirmed.")
        assert person.page.request.get("/ready", timeout=60_000).status in (200, 503)
        person.leave()


@contextmanager
def served(db: str, environment: dict[str, str]) -> Iterator[str]:
    """`reseen serve` on a free port; its address. Ended by SIGTERM, and that in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reseen", "serve", "--port", "0", "--db", db],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stderr, lines.put), daemon=True)
    reader.start()
    try:
        yield _address(process, lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) in (0, -signal.SIGTERM)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(DEADLINE)
        process.stderr.close()


def _read(lines: IO[str], put: Callable[[str], None]) -> None:
    for line in lines:
        put(line)


def _address(process: subprocess.Popen[str], lines: queue.Queue[str]) -> str:
    told = []
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            told.append(lines.get(timeout=0.2))
        except queue.Empty:
            assert process.poll() is None, "".join(told)
            continue
        if found := re.search(r"Reseen is at (http://\S+)", told[-1]):
            return found[1]
    raise AssertionError("".join(told))
