"""Every page, as an administrator sees it: on a desktop, on a phone, in light and in dark.

What fails is what `Person` notices: a serious finding of axe, an error in the console, a page that
scrolls sideways on a phone, a request to elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from replica.sample import UPLOADER
from sqlalchemy import select
from tests.browser.person import Person
from tests.browser.serving import Serving

from reseen.registry import removals
from reseen.review import cases
from reseen.store import service_schema

Enter = Callable[..., Person]

PAGES = (
    "/",
    "/queue",
    "/queue?state=any",
    "/notices",
    "/campaigns",
    "/lists",
    "/lists/import",
    "/innocents",
    "/scans",
    "/notifications",
    "/audit",
    "/users",
    "/keys",
    "/policy",
    "/me",
    "/me/second-factor",
    "/me/second-factor/confirm",
    "/users/1",
)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_every_page_fits_and_can_be_used_by_everybody(
    enter: Enter, looked_at: Serving, phone: bool
) -> None:
    person = enter(looked_at, "ada", phone=phone)
    page = person.page
    hub, strongest, weakest = some_cases(looked_at)
    places = (
        *PAGES,
        f"/cases/{strongest}",
        f"/cases/{weakest}",
        f"/accounts/{hub}/{UPLOADER}",
        f"/lists?removal={a_removal(looked_at)}",
        f"/removals/{a_removal(looked_at)}",
    )
    for place in places:
        answer = page.goto(place)
        assert answer is not None
        assert answer.status == 200, place
        person.looks()
        person.looks_in_the_dark()


def a_removal(serving: Serving) -> str:
    with serving.store.read() as connection:
        return next(removals.every(connection)).id


def some_cases(serving: Serving) -> tuple[str, str, str]:
    """The hub's name as it stands in addresses, a case of bytes, and one of weights."""
    cases.put_all(serving.store)
    table = service_schema.cases.c
    with serving.store.read() as connection:
        rows = connection.execute(select(table.id, table.hub).order_by(table.rung, table.id)).all()
    return rows[0].hub, rows[-1].id, rows[0].id
