"""What every hub has that is asked over HTTP: a name, what it can do, what was asked of it so far,
and one client that keeps to its origin and its quota."""

from __future__ import annotations

from dataclasses import replace

from reseen.hubs.client_options import ClientOptions
from reseen.hubs.http import Http
from reseen.hubs.hub import Abilities, Revisions, Usage
from reseen.records import RepoType
from reseen.settings import USUAL_QUOTAS, host_of


class HttpHub:
    """The part of a `Hub` that is the same for all of them. Made inside a running event loop; to be
    closed. The token goes to the endpoint's own origin only, and never over clear text to another
    machine."""

    def __init__(
        self,
        abilities: Abilities,
        endpoint: str,
        token: str | None,
        options: ClientOptions,
        *,
        kind: str | None = None,
    ) -> None:
        """`kind`: of `reseen.settings`, whose usual quota is kept to where the options have none;
        None: a Hugging Face Hub, whose name is its host alone."""
        self._abilities = abilities
        self._name = host_of(endpoint) if kind is None else f"{kind}+{host_of(endpoint)}"
        self._usage = Usage()
        if kind is not None:
            options = replace(options, quota=options.quota or USUAL_QUOTAS[kind])
        self._reads = not options.no_downloads_by
        self._http = Http(endpoint, token, self._usage, options)

    @property
    def name(self) -> str:
        """As in `Repository.hub`: its host, with the port where it is not the usual one."""
        return self._name

    @property
    def abilities(self) -> Abilities:
        return replace(self._abilities, access=self._http.access, reads=self._reads)

    @property
    def usage(self) -> Usage:
        return self._usage

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        """Nothing stands beside what everybody sees, where a hub says nothing else."""
        return Revisions(())

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        """Nor is anything shown that was there before."""
        return Revisions(())

    async def close(self) -> None:
        await self._http.close()
