"""The names of repositories at a git forge, and the addresses of their pages.

A repository is `owner/name`, or deeper where the forge has groups in groups. Pages of versions and
files are called otherwise at each forge; a commit's page is not, as far as is known (assumed).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reseen.hubs.addresses import Named, quoted, quoted_path, root
from reseen.records import RepoType

_STEP = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
_REPO = re.compile(rf"{_STEP}(?:/{_STEP}){{1,8}}")


@dataclass(frozen=True, slots=True)
class GitAddresses:
    """The `Addresses` of a git forge."""

    host: str

    def account(self, account: str) -> str:
        return f"{root(self.host)}/{quoted(account)}"

    def repository(self, type: RepoType, repo: str) -> str:
        return f"{root(self.host)}/{quoted_path(repo)}"

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        return f"{self.repository(type, repo)}/commit/{quoted(revision)}"

    def named(self, address: str) -> Named | None:
        start = f"{root(self.host)}/"
        if not address.startswith(start):
            return None
        path = address.removeprefix(start).partition("?")[0].partition("#")[0].strip("/")
        repo, of_gitlab, _ = path.partition("/-/")
        if not of_gitlab and not repo.endswith(".git"):
            repo = "/".join(repo.split("/")[:2])  # what follows is a page in it
        return self.written(repo)

    def written(self, given: str) -> Named | None:
        """What a person wrote that is no address: a name, with or without ".git"."""
        repo = given.removesuffix(".git")
        return Named(repo, RepoType.MODEL) if is_repository(repo) else None


def is_repository(repo: str) -> bool:
    """Can it be the name of a repository?"""
    return _REPO.fullmatch(repo) is not None and ".." not in repo
