"""A security key at a real browser, with the virtual authenticator of Chromium's developer tools:
set up, asked for at the door, asked for again, and of no use elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.world import PASSWORD

Enter = Callable[..., Person]


def _authenticator(person: Person) -> None:
    """The person has a key, and touches it whenever it blinks."""
    tools = person.context.new_cdp_session(person.page)
    tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasResidentKey": False,
        "hasUserVerification": False,
        "automaticPresenceSimulation": True,
    }
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def _first_step(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("Name").fill("rio")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_security_key_is_set_up_and_asked_for(enter: Enter, serving: Serving) -> None:
    serving.base = serving.base.replace("127.0.0.1", "localhost")  # no key is for a number
    person = enter(serving, "rio")
    _authenticator(person)
    page = person.goto("/me/second-factor")
    person.looks()
    page.get_by_role("link", name="It is me").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Add a key").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    expect(page.locator("ul.codes li")).to_have_count(10)
    person.looks()
    page.get_by_role("button", name="Sign out").click()

    _first_step(page)
    expect(page).to_have_url(f"{person.base}/sign-in/second")
    person.looks()
    page.get_by_role("button", name="Use the key").click()
    expect(page).to_have_url(f"{person.base}/")

    page.goto("/me/second-factor")
    page.get_by_role("button", name="Set up an app").click()
    expect(page.get_by_role("heading", name="Set up an app")).to_be_visible()
    person.looks()
    person.looks_in_the_dark()

    other = enter(serving, None)  # somebody who has the password, and another key
    _authenticator(other)
    _first_step(other.page)
    other.page.get_by_role("button", name="Use the key").click()
    expect(other.page.get_by_role("alert")).to_contain_text("did not answer")
    other.goto("/queue")
    expect(other.page.get_by_label("Password")).to_be_visible()
