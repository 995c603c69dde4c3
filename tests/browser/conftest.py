"""One browser and one seeded store for all tests here; a service and a context for each.

Skipped, and said so, where Chromium is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright
from tests.browser.every_page import furnished
from tests.browser.person import PATIENCE, Person, chromium, launched
from tests.browser.serving import Serving
from tests.browser.world import PASSWORD, Seeded, seeded


@pytest.fixture(scope="session")
def world_of_a_team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """Seeded once."""
    with seeded(tmp_path_factory.mktemp("seeded")) as made:
        yield made


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """For the tests here only: while it runs, this thread has an event loop."""
    if chromium() is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as driver:
        expect.set_options(timeout=PATIENCE)
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    opened = launched(playwright)
    yield opened
    opened.close()


@pytest.fixture
def serving(world_of_a_team: Seeded, tmp_path: Path) -> Iterator[Serving]:
    """A service of the test's own on a copy of the seeded store: change it as you like."""
    with Serving(world_of_a_team.settings(tmp_path)) as service:
        yield service


@pytest.fixture
def working(world_of_a_team: Seeded, tmp_path: Path) -> Iterator[Serving]:
    """As `serving`, and scans and rechecks run."""
    with Serving(world_of_a_team.settings(tmp_path), jobs=True) as service:
        yield service


@pytest.fixture(scope="package")
def looked_at(
    world_of_a_team: Seeded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """A service that tests only look at."""
    with Serving(world_of_a_team.settings(tmp_path_factory.mktemp("looked-at"))) as service:
        yield service


@pytest.fixture(scope="package")
def filled(world_of_a_team: Seeded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """As `looked_at`, with something on every page."""
    with Serving(world_of_a_team.settings(tmp_path_factory.mktemp("filled"))) as service:
        yield furnished(service)


@pytest.fixture
def enter(browser: Browser) -> Iterator[Callable[..., Person]]:
    """Call it with a service, a user's name (None: nobody signs in) and options of `Person`. At the
    end all leave, and what anybody noticed fails the test."""
    people: list[Person] = []

    def entered(serving: Serving, name: str | None = "rio", **options: Any) -> Person:
        person = Person(browser, serving.base, **options)
        people.append(person)
        serving.visitors_leave.append(person.close)
        return person if name is None else person.sign_in(name, PASSWORD)

    yield entered
    for person in people:
        person.leave()
