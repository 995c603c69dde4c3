"""Where a file stands, as an address that a host can open: exact, and with nothing foreign in it.

What comes in: hub, kind of repository, repository, revision, path. What goes out: a URL in ASCII,
every step of it percent-encoded. None for a hub that has no addresses (a folder on disk).
"""

from __future__ import annotations

import re
from urllib.parse import quote

from reseen.records import RepoType, Sighting

_PREFIX = {RepoType.MODEL: "", RepoType.DATASET: "datasets/", RepoType.SPACE: "spaces/"}
_HOST = re.compile(r"(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?|\[[0-9a-f:]+\](?::\d{1,5})?")
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")


def has_addresses(hub: str) -> bool:
    """Whether the hub is a host: "folder" is none."""
    return hub != "folder" and _HOST.fullmatch(hub) is not None


def account_url(hub: str, account: str) -> str | None:
    """The account's page."""
    return repository_url(hub, RepoType.MODEL, account)


def repository_url(hub: str, type: RepoType, repo: str) -> str | None:
    """The repository's page."""
    if not has_addresses(hub):
        return None
    scheme = "http" if _LOOPBACK.fullmatch(hub) else "https"
    return f"{scheme}://{hub}/{_PREFIX[type]}{quote(repo, safe='/', errors='replace')}"


def file_url(hub: str, type: RepoType, repo: str, revision: str, path: str) -> str | None:
    """The file's page at that revision: every hub with the Hub's API has one, and none of them
    downloads anything."""
    page = repository_url(hub, type, repo)
    if page is None:
        return None
    # A step of dots would be resolved away by whoever opens the address.
    steps = (
        step.replace(".", "%2E") if step in (".", "..") else quote(step, safe="", errors="replace")
        for step in path.split("/")
    )
    return f"{page}/blob/{quote(revision, safe='')}/{'/'.join(steps)}"


def account_of(repo: str) -> str:
    """Who holds a repository: "owner" of "owner/name"."""
    return repo.split("/", 1)[0]


def url_of(sighting: Sighting) -> str | None:
    """The address of what was seen."""
    return file_url(sighting.hub, sighting.type, sighting.repo, sighting.revision, sighting.path)
