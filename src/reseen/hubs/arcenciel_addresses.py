"""The addresses of Arc en Ciel's pages: a model's alone. Assumed from its API's, which has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reseen.hubs.addresses import Named, quoted, root
from reseen.hubs.civitai_addresses import NOBODY, number_of
from reseen.records import RepoType

_PAGE = re.compile(
    r"https?://(?:www\.)?([^/?#\s]{1,255})/(?:api/)?models/([0-9]{1,15})(?:[/?#]\S*)?"
)


@dataclass(frozen=True, slots=True)
class ArcEnCielAddresses:
    """The `Addresses` of Arc en Ciel: a repository is a model, `ACCOUNT/NUMBER`."""

    host: str

    def account(self, account: str) -> str:
        return root(self.host)

    def repository(self, type: RepoType, repo: str) -> str:
        return f"{root(self.host)}/models/{quoted(number_of(repo))}"

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        return self.repository(type, repo)

    def named(self, address: str) -> Named | None:
        found = _PAGE.fullmatch(address)
        if found is None or found[1].lower() != self.host.removeprefix("www."):
            return None
        return Named(f"{NOBODY}/{found[2]}", RepoType.MODEL, own_id=found[2])
