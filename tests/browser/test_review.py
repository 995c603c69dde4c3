"""The whole way of a case through a reviewer's day: at a desk, on a phone, and without script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from tests.browser.person import Person
from tests.browser.serving import Serving

Enter = Callable[..., Person]

REASON = "The person agreed to it, as Sample person 01 wrote"


@pytest.mark.parametrize(
    "how",
    [{}, {"phone": True}, {"script": False}],
    ids=["desktop", "phone", "without script"],
)
def test_a_case_is_found_decided_and_undone(
    enter: Enter, serving: Serving, how: dict[str, bool]
) -> None:
    person = enter(serving, "rio", **how)
    page = person.goto("/queue")

    # The queue, and its filter, which lives in the address.
    total = number_of_cases(page)
    page.get_by_label("At least").select_option("bytes")
    if not person.script:
        page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("rung=bytes"))
    expect(page.locator("#list .count")).not_to_contain_text(f"{total} cases")
    page.goto("/queue?rung=weights&account=account-16")
    expect(page.locator("[data-row]")).to_have_count(2)

    # A case: claimed, revealed once, commented on.
    page.locator("[data-row] a").first.click()
    case = page.locator("h1 code").inner_text()
    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_text("Yours until")).to_be_visible()
    expect(page.get_by_text("Sample person")).to_have_count(0)
    page.get_by_role("button", name="Reveal").click()
    expect(page.get_by_role("region", name="Revealed names")).to_contain_text("Sample person")
    person.looks()
    page.goto(f"/cases/{case}?rung=weights&account=account-16")
    expect(page.get_by_text("Sample person")).to_have_count(0)
    page.get_by_label("Comment").fill("Looked at block by block.")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator(".history")).to_contain_text("Looked at block by block.")
    expect(page.locator(".history")).to_contain_text("revealed the names")

    # Decided, undone at once, decided otherwise, undone from the case.
    decide(page, "Not this model", then="… then the queue")
    expect(page).to_have_url(re.compile(r"/queue\?.*done=not-this-model"))
    expect(page.locator("[data-row]")).to_have_count(1)
    person.looks()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone.")).to_be_visible()
    page.goto("/queue?rung=weights&account=account-16")
    expect(page.locator("[data-row]")).to_have_count(2)
    page.goto(f"/cases/{case}?rung=weights&account=account-16")
    decide(page, "Allowed", then="Allowed, next case", reason=REASON)
    expect(page.get_by_role("status").first).to_contain_text("Decided: allowed.")
    expect(page.locator("h1 code")).not_to_have_text(case)
    page.goto(f"/cases/{case}")
    expect(page.locator(".history")).to_contain_text(REASON)
    page.locator("summary", has_text="Undo").click()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".history")).to_contain_text("undid the last decision")
    person.looks()
    page.goto("/queue?rung=weights&account=account-16")
    expect(page.locator("[data-row]")).to_have_count(2)


def test_who_asks_for_a_second_pair_of_eyes_is_not_the_second(
    enter: Enter, serving: Serving
) -> None:
    first, second = enter(serving, "rio"), enter(serving, "remy", phone=True)
    page = first.goto("/queue?account=account-09")
    page.locator("[data-row] a").first.click()
    case = page.locator("h1 code").inner_text()
    decide(page, "Second pair of eyes", then="… then the queue")
    expect(page.get_by_role("status").first).to_contain_text("second pair of eyes")
    page.goto(f"/cases/{case}")
    expect(page.locator("#cannot")).to_contain_text("somebody else decides")

    page = second.goto("/queue?state=second")
    expect(page.locator("[data-row]")).to_have_count(1)
    page.locator("[data-row] a").first.click()
    decide(page, "Not this model", then="… then the queue")
    expect(page.get_by_role("status").first).to_contain_text("Decided: not this model.")


def test_what_another_decided_meanwhile_is_shown_before_deciding(
    enter: Enter, serving: Serving
) -> None:
    first, second = enter(serving, "rio"), enter(serving, "remy")
    page = first.goto("/queue?account=account-02")
    page.locator("[data-row] a").first.click()
    case = page.locator("h1 code").inner_text()
    other = second.goto(f"/cases/{case}")
    decide(other, "Confirm", then="… then the queue")
    expect(other.get_by_role("status").first).to_contain_text("Decided: confirmed.")
    with first.refused():
        decide(page, "Not this model", then="… then the queue", reason="What I wrote is kept")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("#problem")).to_contain_text("confirmed it")
    first.looks()
    expect(page.locator("textarea[name=reason]", has_text="What I wrote is kept")).to_have_count(1)


def test_who_only_reads_sees_everything_but_names_and_buttons(
    enter: Enter, looked_at: Serving
) -> None:
    person = enter(looked_at, "robin")
    page = person.goto("/queue")
    page.locator("[data-row] a").first.click()
    expect(page.get_by_role("heading", name="How we know")).to_be_visible()
    for name in ("Reveal", "Claim", "Comment", "Next case", "Confirm, next case"):
        for button in page.get_by_role("button", name=name).all():
            expect(button).to_be_disabled()
    person.looks()


def decide(page: Page, verdict: str, *, then: str, reason: str = "") -> None:
    """Open a decision, give a reason, send."""
    decision = page.locator("details.decide", has=page.locator("summary", has_text=verdict))
    if decision.get_attribute("open") is None:  # what is proposed is open already
        decision.locator("summary").click()
    if reason:
        decision.get_by_label("In your words").fill(reason)
    decision.get_by_role("button", name=then).click()


def number_of_cases(page: Page) -> int:
    return int(page.locator("#list .count b").first.inner_text().replace(",", ""))
