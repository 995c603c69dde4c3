"""Signing in at somebody else's OpenID provider, at a real browser: there and back, the provider's
no, and out of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from oidc_provider_mock import run_server_in_thread
from playwright.sync_api import Page, expect
from tests.browser.person import Person
from tests.browser.serving import Serving
from tests.browser.world import Seeded

from reseen.review import openid
from reseen.settings import IssuerSettings

Enter = Callable[..., Person]
LABEL = "Sample House"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Its issuer; it knows one person, who is a lead."""
    with run_server_in_thread(require_nonce=True) as server:
        issuer = f"http://localhost:{server.server_port}"
        claims = {"sub": "7", "preferred_username": "grace", "groups": ["ts-leads"]}
        assert httpx2.put(f"{issuer}/users/7", json=claims).status_code == 204
        yield issuer


@pytest.fixture
def serving(world_of_a_team: Seeded, tmp_path: Path, provider: str) -> Iterator[Serving]:
    issuer = IssuerSettings(
        *(provider, "reseen", "a secret of tests"), label=LABEL, roles=(("ts-leads", "lead"),)
    )
    openid.client_of.cache_clear()
    with Serving(world_of_a_team.settings(tmp_path), issuer=issuer) as service:
        yield service


def _to_provider(page: Page, provider: str) -> None:
    page.get_by_role("button", name=f"Sign in with {LABEL}").click()
    expect(page).to_have_url(re.compile(re.escape(provider) + "/"))


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_there_and_back_and_out_of_both(
    enter: Enter, serving: Serving, provider: str, script: bool
) -> None:
    person = enter(serving, None, script=script, sent_to=provider)
    person.context.route("https://**", lambda route: route.abort())  # the provider's fonts and such
    page = person.goto("/notices?state=sent")
    expect(page).to_have_url(f"{person.base}/sign-in?next=/notices%3Fstate%3Dsent")
    person.looks()
    _to_provider(page, provider)
    page.get_by_placeholder("sub").fill("7")
    page.get_by_role("button", name="Authorize").click()
    expect(page).to_have_url(f"{person.base}/notices?state=sent")
    person.goto("/me")
    expect(page.get_by_role("heading", name="grace")).to_be_visible()
    expect(page.get_by_label("Password of now")).to_have_count(0)
    person.looks()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out here")).to_be_visible()
    person.looks()
    page.get_by_role("link", name=f"Sign out at {LABEL}, too").click()
    page.get_by_role("button", name="End session").click()
    expect(page).to_have_url(f"{person.base}/sign-in")
    page.goto("/queue")
    expect(page.get_by_label("Password")).to_be_visible()


def test_who_says_no_there_is_back_at_the_door(
    enter: Enter, serving: Serving, provider: str
) -> None:
    person = enter(serving, None, sent_to=provider)
    person.context.route("https://**", lambda route: route.abort())
    page = person.goto("/sign-in")
    _to_provider(page, provider)
    with person.refused():
        page.get_by_role("button", name="Deny").click()
        expect(page.get_by_role("alert")).to_contain_text(f"{LABEL} has not let you in")
        person.looks()
    page.goto("/queue")
    expect(page.get_by_label("Password")).to_be_visible()
    _to_provider(page, provider)
    page.get_by_placeholder("sub").fill("7")
    page.get_by_role("button", name="Authorize").click()
    expect(page).to_have_url(f"{person.base}/queue")
