"""`python -m tests.browser.screenshots`: the pictures of the pages in docs/, made at Chromium.

Everything on them is synthetic. Pictures are brought down to few colours: they stay small.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from replica.sample import UPLOADER
from replica.world import Repo, lfs
from tests.browser.person import PATIENCE, Person, launched
from tests.browser.serving import Serving
from tests.browser.test_from_list_to_notice import step
from tests.browser.test_review import decide
from tests.browser.world import PASSWORD, seeded

DOCS = Path(__file__).parents[2] / "docs"
COLOURS = 64
HEIGHT = 1500
"""Of a picture at most: who wants more opens the page."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="reseen-screenshots-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        (Path(folder) / "seeded").mkdir()
        with (
            seeded(Path(folder) / "seeded") as made,
            Serving(made.settings(home), jobs=True) as serving,
            sync_playwright() as driver,
        ):
            copied = made.world.add(Repo("account-41/backup-2", downloads=12))
            copied.commit({"b.safetensors": lfs(made.world.removal(2).data)})
            browser = launched(driver)
            at_a_desk(browser, serving)
            on_a_phone(browser, serving)
            browser.close()
    return 0


def at_a_desk(browser: Browser, serving: Serving) -> None:
    person = Person(browser, serving.base).sign_in("lea", PASSWORD)
    page = person.page
    # A few days of work, quickly.
    for account, verdict in (("account-16", "Confirm"), ("account-10", "Confirm")):
        page.goto(f"/queue?account={account}")
        page.locator("[data-row] a").first.click()
        decide(page, verdict, then="… then the queue")
    page.goto("/queue?account=account-09")
    page.locator("[data-row] a").first.click()
    decide(page, "Not this model", then="… then the queue")
    page.goto("/queue?account=account-17")
    page.locator("[data-row] a").first.click()
    page.get_by_label("Comment").fill("The text encoder was left out; every other block agrees.")
    page.get_by_role("button", name="Comment").click()
    page.get_by_role("button", name="Claim").click()
    page.get_by_text("Yours until").wait_for()

    page.goto("/queue")
    keep(person, "review-queue")
    page.goto("/queue?rung=weights&account=account-17")
    page.locator("[data-row] a").first.click()
    keep(person, "review-case", whole=True)
    page.goto(f"/queue?account={UPLOADER}")
    page.locator("[data-row] a").first.click()
    page.get_by_role("link", name=re.compile("Everything known of")).click()
    keep(person, "review-account")

    page.goto("/notices")
    page.get_by_role("button", name="Draft a notice about account-16").click()
    step(page, "I sent it")
    page.locator("h1", has_text="sent").wait_for()
    keep(person, "review-notice")

    page.goto("/scans")
    page.get_by_label("Accounts").fill("account-01\naccount-41")
    page.get_by_label("Check a match by reading").select_option("full")
    page.get_by_role("button", name="Start").click()
    page.get_by_text("What it covered").wait_for(timeout=PATIENCE)
    page.reload()
    page.locator("#scan table a").first.wait_for()
    page.goto(page.url.split("?")[0])
    keep(person, "review-scan")
    page.goto("/audit")
    keep(person, "review-audit")
    person.leave()


def on_a_phone(browser: Browser, serving: Serving) -> None:
    person = Person(browser, serving.base, phone=True).sign_in("rio", PASSWORD)
    page = person.page
    keep(person, "review-queue-phone")
    page.goto("/queue?rung=weights&account=account-16")
    page.locator("[data-row] a").first.click()
    keep(person, "review-case-phone")
    person.leave()


def keep(person: Person, name: str, *, whole: bool = False) -> None:
    """A picture of the page as it is, under docs/."""
    taken = person.page.screenshot(full_page=whole, animations="disabled", caret="hide")
    with Image.open(io.BytesIO(taken)) as image:
        cut = image.convert("RGB").crop((0, 0, image.width, min(image.height, HEIGHT)))
        cut.quantize(COLOURS, dither=Image.Dither.NONE).save(DOCS / f"{name}.png", optimize=True)
    print(f"{name}.png  {(DOCS / f'{name}.png').stat().st_size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
