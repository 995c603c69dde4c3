"""From an empty folder to a team that decides: a link, one form, and a link for each colleague."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from replica.lists import write_csv
from replica.sample import UPLOADER
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.test_review import decide
from tests.browser.world import PASSWORD, Seeded, settings_in

from reseen.operations import invitations

Enter = Callable[..., Person]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_a_team_decides_after_one_link_and_one_form(
    enter: Enter, world_of_a_team: Seeded, tmp_path: Path, phone: bool
) -> None:
    listed = tmp_path / "removals.csv"
    write_csv(listed, world_of_a_team.world.removals)
    home = tmp_path / "home"
    home.mkdir()
    with Serving(settings_in(home, world_of_a_team.hub.endpoint), jobs=not phone) as serving:
        # The first step of a person after the service was started: the link that it said.
        ada = enter(serving, None, phone=phone)
        page = ada.goto(f"/join/{invitations.first(serving.store)}")
        ada.looks()
        page.get_by_label("Your name here").fill("ada")
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_label("Password, again").fill(PASSWORD)
        page.get_by_role("button", name="Come in").click()
        expect(page.get_by_role("heading", name="Three steps to begin")).to_be_visible()
        ada.looks()

        # The second: all of it in one form.
        page.get_by_label("A list of what was removed").set_input_files(listed)
        page.get_by_label("Name of the list").fill("first list")
        page.get_by_label("What to look at first").fill(UPLOADER)
        page.get_by_label("Reviewers to invite").fill("rio")
        page.get_by_role("button", name="Begin").click()
        expect(page.get_by_role("heading", name="Begun")).to_be_visible()
        ada.looks()
        link = page.locator(".secret").inner_text()
        page.goto("/users")
        expect(page.get_by_role("row", name="rio")).to_contain_text("invited")
        ada.looks()
        page.goto("/lists/1")
        ada.looks()
        if phone:
            return

        # A colleague comes in, and decides.
        rio = enter(serving, None)
        page = rio.goto(link.removeprefix(rio.base))
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_label("Password, again").fill(PASSWORD)
        page.get_by_role("button", name="Come in").click()
        expect(page.get_by_role("heading", name="How the work stands")).to_be_visible()

        # What a scan still reads changes cases: they are decided when it is done.
        for _ in range(90):
            page.goto("/scans")
            page.wait_for_timeout(500)
            if not page.get_by_text(re.compile("^(waiting|running)$")).count():
                page.goto("/queue")
                if page.locator("[data-row] a").count():
                    break
        page.get_by_role("button", name="Next case").click()
        decide(page, "Confirm", then="… then the queue")
        expect(page.get_by_role("status").first).to_contain_text("Decided: confirmed.")
        page.goto("/")
        expect(page.locator(".figures")).to_contain_text("1 confirmed")
