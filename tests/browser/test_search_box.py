"""The search box at a browser: by one key, and nothing of what was typed stays anywhere."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.test_keyboard import focus_is_seen, press

from reseen.registry import removals
from reseen.review.name_rate import SEARCH
from reseen.store import audit

Enter = Callable[..., Person]


def test_what_is_typed_stays_in_no_address_and_no_history(enter: Enter, serving: Serving) -> None:
    with serving.store.read() as connection:
        removal = next(removals.every(connection))
    assert serving.keyring is not None
    with serving.store.read() as connection:
        from reseen.registry import claims

        pk = claims.removal_pk(connection, removal.id)
        name = removals.names_of(connection, serving.keyring, pk, removal.id).name
    assert name is not None
    person = enter(serving, "rio")
    page = person.goto("/scans")  # a page without keys of its own
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url + str(request.headers)))
    press(page, "/")
    box = page.get_by_label("Search: a digest")
    expect(box).to_be_focused()
    focus_is_seen(page)
    page.keyboard.type(name)
    press(page, "Enter")
    found = page.get_by_role("link", name=removal.id)
    expect(found).to_be_visible()
    expect(page.locator("#main")).to_be_focused()
    person.looks()
    assert page.url == f"{person.base}/scans"
    assert box.input_value() == ""
    assert name not in page.content()
    assert not any(name in each for each in sent)

    # Twice from the same page; an id leads on; and Back leads to where one was, without a question.
    press(page, "/")
    page.keyboard.type("nobody of this name")
    press(page, "Enter")
    expect(page.get_by_text("Nothing is known of this")).to_be_visible()
    page.goto("/queue")  # a page with keys of its own
    press(page, "/")
    page.keyboard.type(removal.id)
    press(page, "Enter")
    page.wait_for_url(f"{person.base}/removals/{removal.id}")
    page.go_back()
    expect(page).to_have_url(f"{person.base}/queue")
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    with serving.store.read() as connection:
        lines = [line for line in audit.every(connection) if line.action == SEARCH]
    assert [line.subject for line in lines] == [removal.id, "*"]


def test_it_works_without_script(enter: Enter, serving: Serving) -> None:
    person = enter(serving, "robin", script=False)
    page = person.goto("/lists")
    page.get_by_label("Search: a digest").fill("sample list")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(f"{person.base}/search")
    expect(page.get_by_text("1 list")).to_be_visible()
