"""What leads and administrators do: a whole account at once, users, keys, the policy, the log."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import expect
from replica.sample import UPLOADER
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.test_every_page import some_cases
from tests.browser.world import PASSWORD

Enter = Callable[..., Person]


def test_an_account_is_decided_together_and_undone_at_once(enter: Enter, serving: Serving) -> None:
    person = enter(serving, "lea")
    hub, _, _ = some_cases(serving)
    address = f"/accounts/{quote(hub, safe='')}/{UPLOADER}"
    page = person.goto(address)
    expect(
        page.get_by_text("may be confirmed together: everything in each was read")
    ).to_be_visible()
    page.get_by_label("Reason").fill("One uploader, one batch: all are the removed files.")
    page.get_by_role("button", name="Confirm").click()
    outcome = page.get_by_role("status", name="Outcome")
    expect(outcome).to_contain_text("decided together")
    person.looks()
    expect(page.get_by_text("Nothing of this account is open.")).to_be_visible()
    outcome.get_by_role("button", name="Undo all").click()
    expect(page.get_by_role("heading", name="Decide together")).to_be_visible()
    expect(page.get_by_text("Nothing of this account is open.")).to_have_count(0)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_users_keys_and_the_policy_are_kept_at_a_browser(
    enter: Enter, serving: Serving, phone: bool
) -> None:
    person = enter(serving, "ada", phone=phone)
    page = person.goto("/users")
    page.locator("#name").fill("noor")
    page.locator("#role").select_option("reviewer")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("rowheader", name="noor")).to_be_visible()

    page.goto("/keys")
    page.locator("#name").fill("uploads of a hub")
    page.get_by_role("button", name="Make").click()
    expect(page.locator("main")).to_contain_text("rsk_")
    person.looks()
    page.goto("/keys")
    expect(page.locator("main")).to_contain_text("uploads of a hub")
    expect(page.locator("main")).not_to_contain_text("rsk_")
    page.get_by_role("button", name="Revoke").first.click()
    expect(page.locator("main")).to_contain_text("revoked")

    page.goto("/policy")
    page.locator("select").first.select_option("hold")
    page.locator("main").get_by_role("button").first.click()
    expect(page.get_by_role("status").first).to_be_visible()

    noor = enter(serving, "noor")
    expect(noor.page.get_by_role("link", name="Users")).to_have_count(0)
    with noor.refused():
        noor.goto("/users")
        expect(noor.page.get_by_role("heading", name="Not allowed")).to_be_visible()

    page.goto("/audit?action=user-made")
    expect(page.locator("tbody")).to_contain_text("user:noor")
    page.goto("/audit?action=policy")
    expect(page.locator("tbody tr")).to_have_count(1)
