"""Coming in and going out, at a real browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.world import PASSWORD

Enter = Callable[..., Person]


def test_a_wrong_password_is_said_and_lets_nobody_in(enter: Enter, looked_at: Serving) -> None:
    person = enter(looked_at, None)
    page = person.goto("/queue?rung=bytes")
    expect(page).to_have_url(f"{person.base}/sign-in?next=/queue%3Frung%3Dbytes")
    person.looks()
    page.get_by_label("Name").fill("rio")
    page.get_by_label("Password").fill(PASSWORD + "!")
    with person.refused():
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        person.looks()
    # The name stands as it was given: only the password is typed again.
    expect(page.get_by_label("Name")).to_have_value("rio")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value("")
    page.keyboard.type(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{person.base}/queue?rung=bytes")


def test_who_signed_out_is_out(enter: Enter, looked_at: Serving) -> None:
    person = enter(looked_at, "robin")
    page = person.page
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto("/queue")
    expect(page.get_by_label("Password")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
