"""What a person means who names a hub, a repository or an account, by its name or by an address.

What comes in: words, and the settings. What goes out: the hub of the settings, the repository, the
account as the hub names it. Nobody is asked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from reseen.errors import InputError
from reseen.hubs.addresses import Named, is_host
from reseen.hubs.git_addresses import GitAddresses
from reseen.hubs.huggingface_addresses import HuggingFaceAddresses
from reseen.hubs.kinds import ALIASES, addresses_of, names_of, stored_name
from reseen.hubs.oci_addresses import OciAddresses
from reseen.settings import HubSettings, Settings


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


def stored_name_of(given: str, settings: Settings) -> str:
    """What the store calls the hub that a person means; what no setting names is taken as it is:
    the store may know hubs that the settings no longer do."""
    try:
        return stored_name(hub_named(given, settings))
    except InputError:
        return given


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
