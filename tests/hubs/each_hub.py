"""Every kind of hub that is looked through, each as a small stand-in full of copies: what holds of
one is tried on all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from replica.arcenciel import ArcEnCielSite
from replica.civitai import CivitaiSite
from replica.forge import GitForgeSite
from replica.git import pointer_text
from replica.modelscope import ModelScopeSite
from replica.oci import OciSite
from replica.server import Replica, Site
from replica.world import World, claimed
from tests.scan.walking import Hasty

from reseen.hubs.arcenciel import ArcEnCiel
from reseen.hubs.civitai import Civitai
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.git_forge import GitForge
from reseen.hubs.hub import Hub
from reseen.hubs.modelscope import ModelScope
from reseen.hubs.oci import OciRegistry
from reseen.scan.target import Target

ACCOUNTS = 7
EVERYTHING = Target(everything=True)


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


@dataclass(frozen=True, slots=True)
class OneHub:
    """A kind of hub under test."""

    name: str
    site: Callable[[int, Path], Site]
    """So many repositories of a few accounts, each with one file (`digest_of` its number). It may
    keep them in a folder."""
    opened: Callable[[str, ClientOptions], Hub]
    """At an endpoint, inside a running loop."""
    target: Callable[[int], Target] = lambda count: EVERYTHING
    """All of these repositories."""
    many: int = 120
    """Repositories that are many for it."""

    def served(self, count: int, folder: Path) -> Replica:
        return Replica(World(), site=self.site(count, folder))

    def open(self, replica: Replica, attempts: int = 8) -> Hub:
        """One that never waits."""
        clock = Hasty()
        options = ClientOptions(attempts=attempts, clock=clock, sleep=clock.sleep)
        return self.opened(replica.endpoint, options)


def _civitai(count: int, _: Path) -> CivitaiSite:
    site = CivitaiSite()
    for n in range(count):
        named = {"a.safetensors": (digest_of(n).hex(), 4096 + n)}
        site.put(1000 + n, f"account-{n % ACCOUNTS}", {5000 + n: named})
    return site


def _modelscope(count: int, _: Path) -> ModelScopeSite:
    site = ModelScopeSite()
    for n in range(count):
        named = {"x/a.safetensors": claimed(digest_of(n).hex(), 4096 + n)}
        site.put(f"account-{n % ACCOUNTS}/LORA-{n}", named)
    return site


def _oci(count: int, _: Path) -> OciSite:
    site = OciSite()
    for n in range(count):
        site.put(_oci_name(n), {"latest": {"model": (digest_of(n).hex(), 4096 + n)}})
    return site


def _oci_name(number: int) -> str:
    return f"account-{number % ACCOUNTS}/lora-{number}"


def _arc_en_ciel(count: int, _: Path) -> ArcEnCielSite:
    named = (("a.safetensors", digest_of(n).hex()) for n in range(count))
    return ArcEnCielSite(
        {n + 1: (f"account-{n % ACCOUNTS}", {9000 + n: each}) for n, each in enumerate(named)}
    )


def _forge(count: int, folder: Path) -> GitForgeSite:
    site = GitForgeSite(folder)
    for n in range(count):
        pointer = pointer_text(digest_of(n).hex(), 4096 + n)
        site.put(_forge_name(n), {"refs/heads/main": {"a.safetensors": pointer}})
    return site


def _forge_name(number: int) -> str:
    return f"account-{number % ACCOUNTS}/LORA-{number}"


EACH = (
    OneHub("civitai", _civitai, lambda at, options: Civitai(at, None, options)),
    OneHub("modelscope", _modelscope, lambda at, options: ModelScope(at, None, options)),
    OneHub("arcenciel", _arc_en_ciel, lambda at, options: ArcEnCiel(at, None, options)),
    OneHub("oci", _oci, lambda at, options: OciRegistry(at, None, options)),
    OneHub(
        "oci, by name",
        lambda count, folder: replace(_oci(count, folder), lists=False, realm=""),
        lambda at, options: OciRegistry(at, None, options),
        lambda count: Target(repos=tuple(map(_oci_name, range(count)))),
    ),
    OneHub(
        "git",
        _forge,
        lambda at, options: GitForge(at, None, options),
        lambda count: Target(repos=tuple(map(_forge_name, range(count)))),
        many=16,
    ),
)
