"""The kinds of hubs there are: what each is called, which addresses it has, how it is opened.

A new hub is one file that implements `reseen.hubs.hub.Hub`, one that makes its addresses, and one
line in `KINDS`. The store knows a hub by one word that also says its kind: the bare host of a
server that speaks the Hub's API ("huggingface.co"), "folder" for a disk, and for every other kind
the kind before the host ("shelf+models.example").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reseen.errors import HubMissing, SettingsError
from reseen.hubs.addresses import Addresses, is_host
from reseen.hubs.arcenciel_addresses import ArcEnCielAddresses
from reseen.hubs.civitai_addresses import CivitaiAddresses
from reseen.hubs.git_addresses import GitAddresses
from reseen.hubs.huggingface_addresses import HuggingFaceAddresses
from reseen.hubs.liblib_addresses import LiblibAddresses
from reseen.hubs.modelscope_addresses import ModelScopeAddresses
from reseen.hubs.oci_addresses import OciAddresses
from reseen.records import FOLDER as FOLDER
from reseen.records import Sighting
from reseen.settings import (
    ARC_EN_CIEL,
    CIVARCHIVE,
    CIVITAI,
    GIT,
    HUGGING_FACE,
    LIBLIB,
    MODELSCOPE,
    OCI,
    HubSettings,
)

if TYPE_CHECKING:
    from reseen.hubs.client_options import ClientOptions
    from reseen.hubs.hub import Askable, Hub
    from reseen.hubs.shared_quota import SharedWindows


@dataclass(frozen=True, slots=True)
class HubKind:
    """One kind of hub."""

    name: str
    addresses: Callable[[str], Addresses] | None
    """By host; None where no model stands, and so none has a page."""
    opened: Callable[[HubSettings, ClientOptions], Hub]
    """Inside a running event loop; to be closed."""
    askable: Callable[[], Askable] | None = None
    """How it is asked by hash, where it can be: known without opening one."""


def _hugging_face(hub: HubSettings, options: ClientOptions) -> Hub:
    from reseen.hubs.huggingface import HuggingFace

    return HuggingFace(hub.endpoint, hub.token, replace(options, contact=""))


def _civitai(hub: HubSettings, options: ClientOptions) -> Hub:
    from reseen.hubs.civitai import Civitai

    return Civitai(hub.endpoint, hub.token, options)


def _civitai_by_hash() -> Askable:
    from reseen.hubs.civitai import ASKABLE

    return ASKABLE


def _liblib(hub: HubSettings, options: ClientOptions) -> Hub:
    from reseen.hubs.liblib import Liblib

    return Liblib(hub.endpoint, hub.token, options)


def _liblib_by_hash() -> Askable:
    from reseen.hubs.liblib import ASKABLE

    return ASKABLE


def _modelscope(hub: HubSettings, options: ClientOptions) -> Hub:
    from reseen.hubs.modelscope import ModelScope

    return ModelScope(hub.endpoint, hub.token, options)


def _oci(hub: HubSettings, options: ClientOptions) -> Hub:
    if not hub.downloads:
        raise SettingsError(
            f"{hub.name} is an OCI registry, which is looked at by manifests: some count one as a "
            "download",
            remedy=f"Without {hub.downloads_in}=no it can be asked.",
        )
    from reseen.hubs.oci import OciRegistry

    return OciRegistry(hub.endpoint, hub.token, options)


def _git(hub: HubSettings, options: ClientOptions) -> Hub:
    from reseen.hubs.git_forge import GitForge

    return GitForge(hub.endpoint, hub.token, options)


def _arc_en_ciel(hub: HubSettings, options: ClientOptions) -> Hub:
    from reseen.hubs.arcenciel import ArcEnCiel

    return ArcEnCiel(hub.endpoint, hub.token, options)


def _civarchive(hub: HubSettings, options: ClientOptions) -> Hub:
    from reseen.hubs.civarchive import CivArchive

    return CivArchive(hub.endpoint, hub.token, options)


def _civarchive_by_hash() -> Askable:
    from reseen.hubs.civarchive import ASKABLE

    return ASKABLE


KINDS: Mapping[str, HubKind] = {
    kind.name: kind
    for kind in (
        HubKind(HUGGING_FACE, HuggingFaceAddresses, _hugging_face),
        HubKind(CIVITAI, CivitaiAddresses, _civitai, _civitai_by_hash),
        HubKind(LIBLIB, LiblibAddresses, _liblib, _liblib_by_hash),
        HubKind(MODELSCOPE, ModelScopeAddresses, _modelscope),
        HubKind(OCI, OciAddresses, _oci),
        HubKind(GIT, GitAddresses, _git),
        HubKind(ARC_EN_CIEL, ArcEnCielAddresses, _arc_en_ciel),
        HubKind(CIVARCHIVE, None, _civarchive, _civarchive_by_hash),
    )
}
ALIASES = {"hf": HUGGING_FACE}
STORAGE = "storage+"
"""How the store's name of a hub begins of which only its own storage was looked through: it has no
pages, and nobody asks it."""


def open_hub(hub: HubSettings, shared: SharedWindows | None = None) -> Hub:
    """The hub itself: inside a running event loop; to be closed. `shared`: where its quota is
    shared with others who ask with the same token. Raises SettingsError."""
    from reseen.hubs.client_options import ClientOptions

    options = ClientOptions(
        quota=hub.quota,
        shared=shared,
        said_by=hub.said_by,
        address_in=hub.address_in,
        access_in=hub.access_in,
        no_downloads_by="" if hub.downloads else hub.downloads_in,
        contact=hub.contact,
    )
    return _kind(hub).opened(hub, options)


def by_hash(hub: HubSettings) -> Askable | None:
    """How a hub is asked by hash; None where it cannot be. Raises SettingsError."""
    how = _kind(hub).askable
    return None if how is None else how()


def askable_of(hub: HubSettings) -> Askable:
    """How a hub is asked by hash. Raises HubMissing where it cannot be, and SettingsError."""
    how = by_hash(hub)
    if how is None:
        raise HubMissing(
            f"{hub.name} cannot be asked by hash", remedy="`reseen hubs` shows what each can do."
        )
    return how


def is_locator(name: str) -> bool:
    """Whether what the store calls so is asked where copies stand, and holds none itself."""
    kind = KINDS.get(name.partition("+")[0]) if "+" in name else None
    return kind is not None and kind.askable is not None and kind.askable().locates


def stored_name(hub: HubSettings) -> str:
    """What the store calls this hub."""
    kind = _kind(hub)
    return hub.host if kind.name == HUGGING_FACE else f"{kind.name}+{hub.host}"


def _kind(hub: HubSettings) -> HubKind:
    kind = KINDS.get(hub.kind)
    if kind is None:
        raise SettingsError(
            f"the hub {hub.name} is of an unknown kind, {hub.kind[:40]!r}",
            remedy=f"Known are: {', '.join(KINDS)}.",
        )
    return kind


def names_of(hub: HubSettings) -> str:
    """What people call it, with the shorter names in brackets."""
    short = [alias for alias, meant in ALIASES.items() if meant == hub.name]
    return f"{hub.name} ({', '.join(short)})" if short else hub.name


def addresses_of(hub: str) -> Addresses | None:
    """The addresses of a hub, by the name that the store keeps of it; None for one that has no
    pages: a folder, or what is no host."""
    word, plus, host = hub.partition("+")
    kind = KINDS.get(word) if plus else KINDS[HUGGING_FACE]
    if not plus:
        host = hub
    if kind is None or kind.addresses is None or hub == FOLDER or not is_host(host):
        return None
    return kind.addresses(host)


def address_of(sighting: Sighting) -> str | None:
    """The page of the file that was seen."""
    addresses = addresses_of(sighting.hub)
    if addresses is None:
        return None
    return addresses.file(sighting.type, sighting.repo, sighting.revision, sighting.file_path)
