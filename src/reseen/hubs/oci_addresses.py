"""The names of repositories at an OCI registry, and the addresses of their pages.

A repository is `some/name`, with all its tags, or `some/name:tag` with that one alone. A registry
has no pages for people; those that well-known registries have elsewhere are assumed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reseen.hubs.addresses import Named, quoted_path, root
from reseen.records import RepoType

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
LONGEST_NAME = 255
"""As the specification of distribution has it."""
_PAGES = {
    "registry.ollama.ai": "https://ollama.com/{}",
    "registry-1.docker.io": "https://hub.docker.com/r/{}",
    "quay.io": "https://quay.io/repository/{}",
}


@dataclass(frozen=True, slots=True)
class OciAddresses:
    """The `Addresses` of an OCI registry."""

    host: str

    def account(self, account: str) -> str:
        return self._page(account)

    def repository(self, type: RepoType, repo: str) -> str:
        return self._page(named_tag(repo)[0])

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        return self.repository(type, repo)

    def _page(self, name: str) -> str:
        page = _PAGES.get(self.host)
        return f"{root(self.host)}/{quoted_path(name)}" if page is None else page.format(name)

    def named(self, address: str) -> Named | None:
        page = _PAGES.get(self.host, "").removesuffix("{}")
        for start in filter(None, (f"{root(self.host)}/v2/", f"{root(self.host)}/", page)):
            if address.startswith(start):
                return self.written(address.removeprefix(start).partition("?")[0].rstrip("/"))
        return None

    def written(self, given: str) -> Named | None:
        """What a person wrote that is no address: a name, with or without a tag."""
        return Named(given, RepoType.MODEL) if is_repository(given) else None


def named_tag(repo: str) -> tuple[str, str | None]:
    """The name that the registry knows, and the one tag that is meant, where one is."""
    name, _, tag = repo.partition(":")
    return name, tag or None


def is_repository(repo: str) -> bool:
    """Can it be the name of a repository?"""
    name, colon, tag = repo.partition(":")
    known = len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None
    return known and (not colon or TAG.fullmatch(tag) is not None)
