"""The addresses of a hub's pages, as values: each hub makes its own.

Nothing here asks anybody. `reseen.hubs.kinds.addresses_of` finds the addresses of a hub by the name
that the store keeps of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from reseen.records import RepoType

_HOST = re.compile(r"(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?|\[[0-9a-f:]+\](?::\d{1,5})?")
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Named:
    """What a person named by an address."""

    repo: str
    type: RepoType | None = None
    """None: the address does not say."""
    revision: str | None = None
    path: str | None = None
    own_id: str | None = None
    """What the hub itself calls it, where the address says that alone: `repo` is enough to ask the
    hub then, and is not what the store knows it by."""


class Addresses(Protocol):
    """Makes the addresses of one hub's pages: in ASCII, nothing foreign in them, and none that
    downloads anything. And reads them back."""

    def account(self, account: str) -> str:
        """The account's page."""

    def repository(self, type: RepoType, repo: str) -> str:
        """The repository's page."""

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        """The file's page, at that version of the repository where the hub has such."""

    def named(self, address: str) -> Named | None:
        """The repository that an address of this hub names; None for any other text."""


def is_host(name: str) -> bool:
    """Whether this is a host's name, with or without a port."""
    return _HOST.fullmatch(name) is not None


def root(host: str) -> str:
    """The address that all of a host's addresses begin with."""
    return f"{'http' if _LOOPBACK.fullmatch(host) else 'https'}://{host}"


def quoted(text: str) -> str:
    """Text as one step of an address."""
    # Steps of dots would be resolved away by whoever opens the address.
    if text in (".", ".."):
        return text.replace(".", "%2E")
    return quote(text, safe="", errors="replace")


def quoted_path(path: str) -> str:
    """A path as steps of an address."""
    return "/".join(quoted(step) for step in path.split("/"))
