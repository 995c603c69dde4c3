"""The addresses of Civitai's pages: a model's page, and that of one of its versions.

A repository is a model and is called `ACCOUNT/ID`, a file in it `VERSION/FILE/name`: what the hub
itself calls all of these, but for the account, are numbers. An address tells the model by its
number alone, which is enough to look it up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reseen.hubs.addresses import Named, quoted, root
from reseen.records import RepoType

NOBODY = "-"
"""The account of a model whose account the hub does not say; none is called so."""

_PAGE = re.compile(
    r"https?://([^/?#\s]{1,255})/(?:api/v1/)?models/([0-9]{1,15})(?:/[^?#\s]*)?(?:\?([^#\s]*))?"
    r"(?:#\S*)?"
)
_VERSION = re.compile(r"(?:^|&)modelVersionId=([0-9]{1,15})(?:&|$)")
_SAME_SITE = frozenset(
    ("civitai.com", "www.civitai.com", "civitai.red", "www.civitai.red", "civitai.green")
)
"""The same models under the same numbers."""


@dataclass(frozen=True, slots=True)
class CivitaiAddresses:
    """The `Addresses` of Civitai, or of a server that speaks its API."""

    host: str

    def account(self, account: str) -> str:
        return f"{root(self.host)}/user/{quoted(account)}"

    def repository(self, type: RepoType, repo: str) -> str:
        return f"{root(self.host)}/models/{quoted(number_of(repo))}"

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        page, version = self.repository(type, repo), path.partition("/")[0]
        return f"{page}?modelVersionId={quoted(version)}" if version.isdecimal() else page

    def named(self, address: str) -> Named | None:
        found = _PAGE.fullmatch(address)
        if found is None:
            return None
        host = found[1].lower()
        if host != self.host and not {host, self.host} <= _SAME_SITE:
            return None
        version = _VERSION.search(found[3] or "")
        revision = version[1] if version else None
        return Named(f"{NOBODY}/{found[2]}", RepoType.MODEL, revision, own_id=found[2])


def number_of(repo: str) -> str:
    """What the hub itself calls a model."""
    return repo.rpartition("/")[2]
