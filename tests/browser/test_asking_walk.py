"""A hub is asked by hash from the pages: an administrator switches, asks, and reads what came."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import expect
from replica.civitai import CivitaiSite
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.world import Seeded
from tests.hubs.civitai_site import served

from reseen.settings import CIVITAI, HubSettings

Enter = Callable[..., Person]


def test_a_hub_is_switched_on_asked_and_says_where_copies_stand(
    enter: Enter, world_of_a_team: Seeded, tmp_path: Path
) -> None:
    copy = world_of_a_team.world.removal(2).data
    site = CivitaiSite()
    named = {"a.safetensors": (hashlib.sha256(copy).hexdigest(), len(copy))}
    site.put(1001, "sample-account", {5001: named})
    settings = world_of_a_team.settings(tmp_path)
    with served(site) as hub:
        asked = HubSettings(CIVITAI, hub.endpoint, CIVITAI)
        settings = replace(settings, hubs=(*settings.hubs, asked))
        with Serving(settings, jobs=True) as serving:
            person = enter(serving, "ada")
            page = person.goto("/scans")
            page.get_by_role("link", name="Asking hubs by hash").click()
            page.get_by_role("link", name="civitai").click()
            page.get_by_label("for all removals in force").check()
            page.get_by_role("button", name="Set the switch").click()
            page.get_by_role("button", name="Ask civitai for").click()
            expect(page.get_by_text("The hub says that 1 of these files")).to_be_visible()
            asked_at = page.url.removeprefix(serving.base)
            page.get_by_role("link", name="Their cases are in the queue.").click()
            expect(page.get_by_text("sample-account/1001")).to_be_visible()
            person.goto("/asking/civitai")
            expect(page.get_by_role("table").get_by_text("user:ada").first).to_be_visible()
            by_phone = enter(serving, "lea", phone=True, dark=True)
            for place in ("/asking", "/asking/civitai", asked_at):
                by_phone.goto(place)
