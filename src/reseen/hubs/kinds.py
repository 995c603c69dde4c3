"""The kinds of hubs there are: what each is called, which addresses it has, how it is opened.

A new hub is one file that implements `reseen.hubs.hub.Hub`, one that makes its addresses, and one
line in `KINDS`. The store knows a hub by one word that also says its kind: the bare host of a
server that speaks the Hub's API ("huggingface.co"), "folder" for a disk, and for every other kind
the kind before the host ("shelf+models.example").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reseen.hubs.addresses import Addresses, is_host
from reseen.hubs.huggingface_addresses import HuggingFaceAddresses
from reseen.records import Sighting

HUGGING_FACE = "huggingface"
FOLDER = "folder"
"""What the store calls a folder on disk: a hub without addresses."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of hub."""

    name: str
    addresses: Callable[[str], Addresses]
    """By host."""


KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (Kind(HUGGING_FACE, HuggingFaceAddresses),)
}


def addresses_of(hub: str) -> Addresses | None:
    """The addresses of a hub, by the name that the store keeps of it; None for one that has no
    pages: a folder, or what is no host."""
    word, plus, host = hub.partition("+")
    kind = KINDS.get(word) if plus else KINDS[HUGGING_FACE]
    if not plus:
        host = hub
    if kind is None or hub == FOLDER or not is_host(host):
        return None
    return kind.addresses(host)


def address_of(sighting: Sighting) -> str | None:
    """The page of the file that was seen."""
    addresses = addresses_of(sighting.hub)
    if addresses is None:
        return None
    return addresses.file(sighting.type, sighting.repo, sighting.revision, sighting.path)
