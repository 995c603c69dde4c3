"""A person at a browser: signs in, goes about, and notices whatever a page should never do.

Noticed are: an error in the console (a violated Content-Security-Policy is one), an exception of a
script, a dialog, a request to elsewhere, a page that scrolls sideways on a phone, and serious
findings of axe. `leave()` fails with all of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Playwright,
    Request,
)

PATIENCE = int(os.environ.get("BROWSER_PATIENCE", "60000"))
"""Milliseconds that anything may take before it counts as not coming. Who writes tests here wants
to know sooner."""
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
_SERIOUS = ("serious", "critical")
_COLOURS = ", runOnly: ['color-contrast']"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
"""Quiet, and with nobody to talk to but this machine."""


def chromium() -> str | None:
    """Where Debian's Chromium is, if it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(
        executable_path=chromium(), args=_ARGUMENTS, timeout=2 * max(PATIENCE, 60_000)
    )


class Person:
    """One browser context, on one service."""

    def __init__(
        self,
        browser: Browser,
        base: str,
        *,
        phone: bool = False,
        script: bool = True,
        dark: bool = False,
        sent_to: str | None = None,
    ) -> None:
        """`sent_to`: the address of another program to which the service sends people; what its
        pages do is nothing to notice."""
        self.base = base
        self.sent_to = sent_to
        self.phone = phone
        self.script = script
        self.noticed: list[str] = []
        self._refusals = False
        self._is_closed = False
        self.context: BrowserContext = browser.new_context(
            base_url=base,
            viewport=PHONE if phone else DESKTOP,
            is_mobile=phone,
            has_touch=phone,
            java_script_enabled=script,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            service_workers="block",
        )
        self.context.set_default_timeout(PATIENCE)
        self.context.on("request", self._requested)
        self.context.on("console", self._said)
        self.context.on("dialog", self._asked)
        self.context.on("weberror", lambda error: self.noticed.append(f"exception: {error.error}"))
        self.page: Page = self.context.new_page()

    def _requested(self, request: Request) -> None:
        if self._is_sent_to(request.url) or self._is_sent_to(request.frame.url):
            return
        if not request.url.startswith((self.base + "/", "data:")):
            self.noticed.append(f"a request to elsewhere: {request.url[:200]}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not self._is_sent_to(self.page.url):
            if self._refusals and "status of 4" in message.text:
                return
            where = message.location.get("url", "")
            self.noticed.append(f"console: {message.text[:300]} ({where[:200]})")

    def _is_sent_to(self, url: str) -> bool:
        return self.sent_to is not None and url.startswith(self.sent_to + "/")

    def _asked(self, dialog: Dialog) -> None:
        self.noticed.append(f"a dialog: {dialog.message[:200]}")
        dialog.dismiss()

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Within the block an answer of 4xx is what is wanted; browsers report it as an error."""
        self._refusals = True
        try:
            yield
        finally:
            self._refusals = False

    def sign_in(self, name: str, password: str) -> Person:
        """As people do it: through the form. Ends on the start page."""
        self.page.goto("/sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.base}/")
        return self

    def goto(self, path: str) -> Page:
        self.page.goto(path)
        return self.page

    def looks_in_the_dark(self) -> None:
        """The page as it is now, in dark colours: can they be told apart?"""
        self.page.emulate_media(color_scheme="dark")
        where = self.page.url.removeprefix(self.base)
        self.noticed += [f"{where}, dark: {finding}" for finding in self.findings(_COLOURS)]
        self.page.emulate_media(color_scheme="light")

    def looks(self) -> None:
        """The page as it is now: fits the screen, and can be used by everybody."""
        where = self.page.url.removeprefix(self.base)
        if self.phone and self.script:
            over = self.page.evaluate(_OVER)
            if over:
                self.noticed.append(f"{where} scrolls sideways: {over}")
            if beyond := self.page.evaluate(_BEYOND):
                self.noticed.append(f"{where} has what can be done beyond the edge: {beyond}")
        if self.script:
            for finding in self.findings():
                self.noticed.append(f"{where}: {finding}")

    def findings(self, only: str = "") -> list[str]:
        """What axe finds serious or critical, in the colours that are shown."""
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate(_axe())
        options = "{resultTypes: ['violations'], elementRef: false" + only + "}"
        found: dict[str, Any] = self.page.evaluate(f"axe.run(document, {options})")
        return [
            f"axe: {v['id']} ({v['impact']}): {v['help']}: "
            + "; ".join(f"{n['html'][:160]} {n['failureSummary'][:160]}" for n in v["nodes"][:3])
            for v in found["violations"]
            if v["impact"] in _SERIOUS
        ]

    def snap(self, path: Path, *, whole: bool = False) -> None:
        self.page.screenshot(path=path, full_page=whole, animations="disabled", caret="hide")

    def close(self) -> None:
        """Close the browser's pages; once is enough."""
        if not self._is_closed:
            self._is_closed = True
            self.context.close()

    def leave(self) -> None:
        """Close, and fail with what was noticed."""
        self.close()
        assert not self.noticed, "\n".join(dict.fromkeys(self.noticed))


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


_OVER = """() => {
  const width = document.documentElement.clientWidth
  if (document.documentElement.scrollWidth <= width) return ''
  const wide = [...document.querySelectorAll('body *')].filter(
    e => e.getBoundingClientRect().right > width + 1)
  return wide.slice(0, 4).map(e => e.outerHTML.slice(0, 120)).join(' | ') || 'something'
}"""


_BEYOND = """() => {
  const width = document.documentElement.clientWidth
  const all = [...document.querySelectorAll('table button, table select, table summary')]
  const out = all.filter(e => e.checkVisibility() && e.getBoundingClientRect().right > width + 1)
  return out.slice(0, 4).map(e => e.outerHTML.slice(0, 120)).join(' | ')
}"""
"""Tables may scroll; whoever does not scroll them must still find what can be done with a row."""
