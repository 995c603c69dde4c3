"""A removal's whole way at a browser: imported, scanned for, confirmed, written about, gone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from replica.lists import write_csv
from replica.sample import removed_adapter
from replica.world import Repo, lfs
from tests.browser.person import PATIENCE, Person
from tests.browser.serving import Serving
from tests.browser.test_review import decide
from tests.browser.world import Seeded

Enter = Callable[..., Person]


@pytest.mark.parametrize(
    ("how", "number"),
    [({}, 31), ({"phone": True}, 32), ({"script": False}, 33)],
    ids=["desktop", "phone", "without script"],
)
def test_a_removal_is_imported_found_confirmed_written_about_and_gone(
    enter: Enter,
    working: Serving,
    world_of_a_team: Seeded,
    tmp_path: Path,
    how: dict[str, bool],
    number: int,
) -> None:
    removed = removed_adapter(number)
    account = f"account-{number}"
    repo = world_of_a_team.world.add(Repo(f"{account}/LORA", downloads=5))
    repo.commit({"model.safetensors": lfs(removed.data)})
    listed = tmp_path / "more.csv"
    write_csv(listed, [removed])

    person = enter(working, "lea", **how)
    page = person.goto("/lists/import")
    page.get_by_label("File").set_input_files(listed)
    page.get_by_label("Name of the list").fill("more of it")
    page.get_by_role("button", name="Look at the list").click()
    expect(page.get_by_role("status").first).to_contain_text("1 added")
    person.looks()
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").first).to_contain_text("Imported into")
    person.looks()

    page.goto("/scans")
    page.get_by_label("Accounts").fill(account)
    page.get_by_label("Check a match by reading").select_option("full")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile("/scans/.+"))
    # Without script a person loads the page again; with it, it says by itself when it is done.
    until(page, person, lambda: expect(page.locator("#scan")).to_contain_text("What it covered"))
    person.looks()
    # It becomes a case a moment later.
    found = page.locator("#scan table a").first
    until(page, person, lambda: expect(found).to_be_visible(timeout=1_000), reload=True)
    page.locator("#scan table a").first.click()
    case = page.locator("h1 code").inner_text()
    decide(page, "Confirm", then="… then the queue")
    expect(page.get_by_role("status").first).to_contain_text("Decided: confirmed.")

    page.goto("/notices")
    person.looks()
    page.get_by_role("button", name=f"Draft a notice about {account}").click()
    expect(page.locator("h1")).to_contain_text("drafted")
    person.looks()
    for name in ("Take the text", "Take the JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        text = download.value.path().read_text("utf-8")
        assert f"{account}/LORA" in text
        assert removed.sha256 in text
        assert removed.name not in text
        if name.endswith("JSON"):
            json.loads(text)
    step(page, "I sent it")
    expect(page.locator("h1")).to_contain_text("sent")
    step(page, "The host acknowledged it")
    expect(page.locator("h1")).to_contain_text("acknowledged")
    page.get_by_role("button", name="Undo the last step").click()
    expect(page.locator("h1")).to_contain_text("sent")
    notice = page.url.split("?")[0]

    # The host acts. Two answers that say gone close the notice.
    world_of_a_team.world.remove("model", repo.id)

    def closed() -> None:
        page.goto(notice)
        if "gone" not in page.locator("h1").inner_text():
            page.get_by_role("button", name="Recheck this account").click()
            expect(page.get_by_role("status").first).to_be_visible()
        page.goto(notice)
        expect(page.locator("h1")).to_contain_text("gone", timeout=1_000)

    again(closed)
    person.looks()
    page.goto(f"/cases/{case}")
    expect(page.locator(".sighting")).to_contain_text("gone")


def step(page: Page, what: str) -> None:
    """Note a step of a notice."""
    details = page.locator("details", has=page.locator("summary", has_text=what)).first
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.get_by_role("button", name="Note it").click()


def until(page: Page, person: Person, comes: Callable[[], None], *, reload: bool = False) -> None:
    """Wait for what the page will show; who has no script loads it again."""
    if person.script and not reload:
        comes()
        return

    def reloaded() -> None:
        page.reload()
        comes()

    expect.set_options(timeout=1_000)
    try:
        again(reloaded)
    finally:
        expect.set_options(timeout=PATIENCE)


def again(look: Callable[[], None], times: int = 60) -> None:
    """Look until what is expected is there."""
    for left in reversed(range(times)):
        try:
            return look()
        except AssertionError:
            if not left:
                raise
    return None
