"""A locator is asked where copies are said to stand, and those places are looked at first.

What a locator says is a lead and nothing more: a repository that it names is looked at as every
other is, and what stands there is judged by what its hub says and by what is read. Places at no hub
of the settings are counted, and nobody goes there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from reseen.errors import HubError
from reseen.hubs.addresses import Named, is_host
from reseen.hubs.hub import Hub
from reseen.hubs.kinds import open_hub, stored_name
from reseen.hubs.meant import hub_of
from reseen.operations import asking, scans
from reseen.operations.asking import AboutToAsk, AskListener, HubAsked
from reseen.scan.by_hash import Report
from reseen.scan.progress import Found, Outcome
from reseen.scan.shared_windows import StoreWindows
from reseen.scan.target import Options, Target, target_naming
from reseen.settings import HubSettings, Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

MOST_LOOKED_FIRST = 1_000
"""Repositories of one hub: what a locator says costs the hub's quota."""
_OTHER = "no host"
"""What an address is counted as that names none."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where copies are said to stand."""

    at_hubs: tuple[tuple[HubSettings, tuple[Named, ...]], ...]
    """Repositories at hubs of the settings, each once, most first; of a hub at most
    `MOST_LOOKED_FIRST`."""
    left_out: int
    """Repositories at these hubs beyond that: a walk comes to them as to others."""
    at_others: tuple[tuple[str, int], ...]
    """Addresses at no hub of the settings, by host, most first."""


@dataclass(frozen=True, slots=True)
class LookedFirst:
    """What came of looking at the repositories of one hub."""

    hub: HubSettings
    target: Target
    outcome: Outcome | None
    error: HubError | None = None
    """Why nothing was looked at."""


@dataclass(frozen=True, slots=True)
class Located:
    """What came of asking a locator."""

    asked: HubAsked
    places: Places
    looked: tuple[LookedFirst, ...]


@dataclass(frozen=True, slots=True)
class LocateListener:
    """Who is told while it goes on."""

    begins: Callable[[AboutToAsk], None] = lambda about: None
    """Of what would go out, before the first question."""
    asked: Report | None = None
    places: Callable[[Places], None] = lambda places: None
    """Of where copies are said to stand, before anybody looks there."""
    found: Found | None = None


def locate(
    store: Store,
    keyring: Keyring | None,
    locator: HubSettings,
    settings: Settings,
    listener: LocateListener,
) -> Located:
    """Ask a locator for what it may be asked for, then look at the repositories that it names.
    Raises as `asking.ask`; a hub that cannot be looked at is in `looked`."""
    asked = asking.ask(
        store,
        keyring,
        locator,
        _opened(store, locator),
        listener=AskListener(listener.begins, listener.asked),
    )
    places = places_of(asked.came.elsewhere, settings, locator)
    listener.places(places)
    looked: list[LookedFirst] = []
    for hub, named in () if asked.came.stopped else places.at_hubs:
        looked.append(_look(store, keyring, hub, named, listener.found))
        outcome = looked[-1].outcome
        if outcome is not None and not outcome.ended:
            break
    return Located(asked, places, tuple(looked))


def places_of(addresses: Iterable[str], settings: Settings, locator: HubSettings) -> Places:
    """Which repositories of which hubs these addresses are of."""
    named: dict[str, dict[Named, None]] = {}
    hubs: dict[str, HubSettings] = {}
    others: Counter[str] = Counter()
    for address in addresses:
        found = hub_of(address, settings)
        if found is None or found[0] == locator:
            others[_host(address)] += 1
            continue
        hub, there = found
        hubs[stored_name(hub)] = hub
        repository = Named(there.repo, there.type)
        named.setdefault(stored_name(hub), {})[repository] = None
    most = sorted(named.items(), key=lambda each: (-len(each[1]), each[0]))
    at_hubs = tuple((hubs[name], tuple(there)[:MOST_LOOKED_FIRST]) for name, there in most)
    left_out = sum(max(0, len(there) - MOST_LOOKED_FIRST) for there in named.values())
    return Places(at_hubs, left_out, tuple(others.most_common()))


def _opened(store: Store, hub: HubSettings) -> Callable[[], Hub]:
    """What opens a hub; its quota is shared with all who use this store."""
    return partial(open_hub, hub, StoreWindows(store, stored_name(hub)))


def _host(address: str) -> str:
    try:
        host = (urlsplit(address).hostname or "").lower()
    except ValueError:
        return _OTHER
    return host if is_host(host) else _OTHER


def _look(
    store: Store,
    keyring: Keyring | None,
    hub: HubSettings,
    named: tuple[Named, ...],
    found: Found | None,
) -> LookedFirst:
    target = target_naming([(each.repo, each.type) for each in named], (), more=False)
    try:
        outcome = scans.scan_hub(
            store, keyring, _opened(store, hub), target, Options(), found=found
        )
    except HubError as e:
        return LookedFirst(hub, target, None, e)
    return LookedFirst(hub, target, outcome)
