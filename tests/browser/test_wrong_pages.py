"""Forms that were sent wrong, at a real browser: the page that comes back fits, can be used by
everybody, and leads to the field that is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.test_every_page import a_removal

Enter = Callable[..., Person]
FORMS = (
    ("/keys", "/keys", "#name"),
    ("/users", "/users", "#name"),
    ("/users", "/users/invite", "#names"),
    ("/users", "/users/2/password", "#password-2"),
    ("/me", "/me/password", "#now"),
    ("/lists", "/lists/change", "[id^=list-why-]"),
    ("/removals/{removal}", "/removals/{removal}/withdraw", "#reason"),
    ("/removals/{removal}", "/removals/{removal}/class", "#class-reason"),
    ("/scans", "/scans", "#every"),
)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_a_form_that_comes_back_can_be_used_by_everybody(
    enter: Enter, looked_at: Serving, phone: bool
) -> None:
    person = enter(looked_at, "ada", phone=phone)
    page, removal = person.page, a_removal(looked_at)
    for place, action, field in FORMS:
        person.goto(place.format(removal=removal))
        form = page.locator(f'form[action="{action.format(removal=removal)}"]').first
        with person.refused():
            form.evaluate("form => { form.noValidate = true; form.querySelectorAll('#every')"
                          ".forEach(each => each.value = 'often'); form.submit() }")  # fmt: skip
            marked = page.locator(f"{field}[aria-invalid=true]")
            expect(marked).to_be_visible()
            person.looks()
            person.looks_in_the_dark()
        said = page.locator(f"#{marked.get_attribute('aria-describedby')}")
        expect(said).to_contain_text("Not taken")
