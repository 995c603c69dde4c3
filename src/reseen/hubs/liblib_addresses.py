"""The addresses of LiblibAI's pages: a model's alone. Assumed, as its makers document none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reseen.hubs.addresses import Named, quoted, root
from reseen.records import RepoType

NOBODY = "-"
"""The account of every model: the hub's answers name none that is known to be one."""

_PAGE = re.compile(r"https?://([^/?#\s]{1,255})/modelinfo/([0-9a-zA-Z-]{8,64})(?:[/?#]\S*)?")


@dataclass(frozen=True, slots=True)
class LiblibAddresses:
    """The `Addresses` of LiblibAI."""

    host: str

    def account(self, account: str) -> str:
        return root(self.host)

    def repository(self, type: RepoType, repo: str) -> str:
        return f"{root(self.host)}/modelinfo/{quoted(repo.rpartition('/')[2])}"

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        version = quoted(path.partition("/")[0])
        return f"{self.repository(type, repo)}?versionUuid={version}"

    def named(self, address: str) -> Named | None:
        found = _PAGE.fullmatch(address)
        if found is None or found[1].lower() != self.host:
            return None
        return Named(f"{NOBODY}/{found[2]}", RepoType.MODEL)
