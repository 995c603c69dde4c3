"""The addresses of ModelScope's pages: an account's, a repository's, a file's.

Assumed from links that people share: its makers document no addresses of pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from reseen.hubs.addresses import Named, quoted, quoted_path, root
from reseen.hubs.answers import is_repo_id
from reseen.records import RepoType

_PAGE = re.compile(
    r"https?://(?:www\.)?([^/?#\s]{1,255})/(models|datasets)/([^/?#\s]{1,128}/[^/?#\s]{1,128})"
    r"(?:[/?#]\S*)?"
)
_TYPES = {"models": RepoType.MODEL, "datasets": RepoType.DATASET}


@dataclass(frozen=True, slots=True)
class ModelScopeAddresses:
    """The `Addresses` of ModelScope, or of a server that speaks its API."""

    host: str

    def account(self, account: str) -> str:
        return f"{root(self.host)}/profile/{quoted(account)}"

    def repository(self, type: RepoType, repo: str) -> str:
        return f"{root(self.host)}/{type}s/{quoted_path(repo)}"

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        return f"{self.repository(type, repo)}/file/view/{quoted(revision)}/{quoted_path(path)}"

    def named(self, address: str) -> Named | None:
        found = _PAGE.fullmatch(address)
        if found is None or found[1].lower() != self.host.removeprefix("www."):
            return None
        repo = unquote(found[3])
        return Named(repo, _TYPES[found[2]]) if is_repo_id(repo) else None
