"""The kinds of hubs there are: what each is called, which addresses it has, how it is opened.

A new hub is one file that implements `reseen.hubs.hub.Hub`, one that makes its addresses, and one
line in `KINDS`. The store knows a hub by one word that also says its kind: the bare host of a
server that speaks the Hub's API ("huggingface.co"), "folder" for a disk, and for every other kind
the kind before the host ("shelf+models.example").
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reseen.errors import HubMissing, InputError, SettingsError
from reseen.hubs.addresses import Addresses, Named, is_host
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
    Settings,
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


def hub_named(name: str, settings: Settings, *, others: Sequence[str] = ()) -> HubSettings:
    """The hub that a person means: by its name in the settings, or by its host. `others`: words
    that may stand there instead. Raises InputError, which lists the names."""
    given = name.strip().lower()
    wanted = ALIASES.get(given, given)
    for hub in settings.hubs:
        if wanted in (hub.name, hub.host, stored_name(hub)):
            return hub
    names = ", ".join([*(names_of(hub) for hub in settings.hubs), *others])
    if "://" in given:
        raise _address_for_a_hub(name.strip(), settings, names)
    raise InputError(
        f"there is no hub called {name[:80]!r}; known: {names}",
        remedy=f"For another, set {_variable(given)}.",
    )


def _variable(word: str) -> str:
    """The setting that gives a hub the name of this word, or of this host."""
    letters = "".join(c if c.isascii() and c.isalnum() else "_" for c in word[:40]).upper()
    name = "_".join(filter(None, letters.split("_"))) or "NAME"
    return f"RESEEN_HUB_{name}_ENDPOINT"


def _address_for_a_hub(given: str, settings: Settings, names: str) -> InputError:
    """Somebody gave an address where the name of a hub is wanted."""
    known = hub_of(given, settings)
    if known is not None:
        return InputError(
            f"{given[:200]!r} is an address, and no name of a hub",
            remedy=f"Name its hub before it: {known[0].name} {given[:200]}",
        )
    scheme, _, rest = given.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    if scheme.lower() not in ("http", "https") or not is_host(host.lower()):
        return InputError(
            f"there is no hub called {given[:80]!r}; known: {names}",
            remedy="Give a hub's name, then what to look at there.",
        )
    variable = _variable(host)
    called = variable.removeprefix("RESEEN_HUB_").removesuffix("_ENDPOINT")
    return InputError(
        f"no hub of the settings is at {host[:80]}; known: {names}",
        remedy=f"If a server there speaks the Hub's API, set {variable}={scheme.lower()}://{host}; "
        f"its name is then {called.lower().replace('_', '-')}.",
    )


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


def askable_of(hub: HubSettings) -> Askable:
    """How a hub is asked by hash. Raises HubMissing where it cannot be, and SettingsError."""
    by_hash = _kind(hub).askable
    if by_hash is None:
        raise HubMissing(
            f"{hub.name} cannot be asked by hash", remedy="`reseen hubs` shows what each can do."
        )
    return by_hash()


def is_locator(name: str) -> bool:
    """Whether what the store calls so is asked where copies stand, and holds none itself."""
    kind = KINDS.get(name.partition("+")[0]) if "+" in name else None
    return kind is not None and kind.askable is not None and kind.askable().locates


def stored_name(hub: HubSettings) -> str:
    """What the store calls this hub."""
    kind = _kind(hub)
    return hub.host if kind.name == HUGGING_FACE else f"{kind.name}+{hub.host}"


def stored_name_of(given: str, settings: Settings) -> str:
    """What the store calls the hub that a person means; what no setting names is taken as it is:
    the store may know hubs that the settings no longer do."""
    try:
        return stored_name(hub_named(given, settings))
    except InputError:
        return given


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


def repository_named(given: str, hub: HubSettings) -> Named:
    """The repository of a hub that a person named: OWNER/NAME (or the bare name of an old one), or
    the address of its page or of anything in it. Raises InputError, which names what was given."""
    given = _bare(given)
    addresses = addresses_of(stored_name(hub))
    named = addresses.named(given) if addresses is not None and "://" in given else None
    if named is None and isinstance(addresses, HuggingFaceAddresses | OciAddresses | GitAddresses):
        named = addresses.written(given)
    elif named is None and "://" not in given:
        one = given.count("/") == 1 and all(given.split("/")) and given.split() == [given]
        named = Named(given) if one else None
    if named is not None:
        return named
    if "://" in given:
        raise InputError(
            f"{given[:200]!r} is no address of a repository at {hub.host}",
            remedy="Write OWNER/NAME, or name the hub that the address is of.",
        )
    raise InputError(
        f"{given[:80]!r} is no repository's name",
        remedy="Write OWNER/NAME, or the address of its page; or --author ACCOUNT.",
    )


def _bare(given: str) -> str:
    """Without what copying brings along: marks that nobody sees, quotes, brackets."""
    text = "".join(c for c in given if unicodedata.category(c) != "Cf").strip()
    if len(text) > 1 and text[0] + text[-1] in ('""', "''", "``", "<>"):
        text = text[1:-1].strip()
    return text


def account_named(given: str, hub: HubSettings) -> str:
    """The account of a hub that a person named, by its name or by its page's address. Raises
    InputError."""
    text = _bare(given).strip("/")
    addresses = addresses_of(stored_name(hub))
    if isinstance(addresses, HuggingFaceAddresses):
        text = addresses.named_account(text) or ""
    elif "://" in text and addresses is not None:
        root = addresses.account("").rstrip("/")
        if text.lower().startswith(f"{root}/"):
            text = text[len(root) + 1 :]
    if not text or "/" in text or any(map(str.isspace, text)):
        raise InputError(
            f"{given[:80]!r} is no account's name at {hub.host}",
            remedy="Write ACCOUNT, as the hub does, without a repository's name.",
        )
    return text


def hub_of(address: str, settings: Settings) -> tuple[HubSettings, Named] | None:
    """Which hub of the settings an address is of, and what it names there."""
    for hub in settings.hubs:
        addresses = addresses_of(stored_name(hub))
        if addresses is not None and (named := addresses.named(address)) is not None:
            return hub, named
    return None
