"""Every kind of hub that is looked through, each as a small stand-in full of copies: what holds of
one is tried on all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from replica.civitai import CivitaiSite
from replica.modelscope import ModelScopeSite
from replica.oci import OciSite
from replica.server import Replica, Site
from replica.world import World, claimed
from tests.scan.walking import Hasty

from reseen.hubs.civitai import Civitai
from reseen.hubs.http import ClientOptions
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
    site: Callable[[int], Site]
    """So many repositories of a few accounts, each with one file (`digest_of` its number)."""
    opened: Callable[[str, ClientOptions], Hub]
    """At an endpoint, inside a running loop."""
    target: Callable[[int], Target] = lambda count: EVERYTHING
    """All of these repositories."""

    def served(self, count: int) -> Replica:
        return Replica(World(), site=self.site(count))

    def open(self, replica: Replica, attempts: int = 8) -> Hub:
        """One that never waits."""
        clock = Hasty()
        options = ClientOptions(attempts=attempts, clock=clock, sleep=clock.sleep)
        return self.opened(replica.endpoint, options)


def _civitai(count: int) -> CivitaiSite:
    site = CivitaiSite()
    for n in range(count):
        named = {"a.safetensors": (digest_of(n).hex(), 4096 + n)}
        site.put(1000 + n, f"account-{n % ACCOUNTS}", {5000 + n: named})
    return site


def _modelscope(count: int) -> ModelScopeSite:
    site = ModelScopeSite()
    for n in range(count):
        named = {"x/a.safetensors": claimed(digest_of(n).hex(), 4096 + n)}
        site.put(f"account-{n % ACCOUNTS}/LORA-{n}", named)
    return site


def _oci(count: int) -> OciSite:
    site = OciSite()
    for n in range(count):
        site.put(_oci_name(n), {"latest": {"model": (digest_of(n).hex(), 4096 + n)}})
    return site


def _oci_name(number: int) -> str:
    return f"account-{number % ACCOUNTS}/lora-{number}"


EACH = (
    OneHub("civitai", _civitai, lambda at, options: Civitai(at, None, options)),
    OneHub("modelscope", _modelscope, lambda at, options: ModelScope(at, None, options)),
    OneHub("oci", _oci, lambda at, options: OciRegistry(at, None, options)),
    OneHub(
        "oci, by name",
        lambda count: replace(_oci(count), lists=False, realm=""),
        lambda at, options: OciRegistry(at, None, options),
        lambda count: Target(repos=tuple(map(_oci_name, range(count)))),
    ),
)
