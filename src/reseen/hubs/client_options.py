"""How the server of a hub is asked: how patiently, with whom shared, and what is said of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx2

from reseen.hubs.shared_quota import SharedWindows
from reseen.settings import RateLimit

MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a server is asked."""

    connections: int = 64
    """Requests at once, at most."""
    attempts: int = 8
    """How often one call is tried ..."""
    patience: float = 900.0
    """... and for how long since its first failure. Seconds."""
    quota: RateLimit | None = None
    """A limit of our own, besides the server's."""
    shared: SharedWindows | None = None
    """Where others are met who ask this server with the same token; None: nobody else does."""
    said_by: str = ""
    """What says the server's address, for messages: as in `HubSettings`."""
    address_in: str = "HF_ENDPOINT"
    """The variable that can say another address ..."""
    access_in: str = "HF_TOKEN"
    """... and that in which a token is given, for messages."""
    no_downloads_by: str = ""
    """The variable that forbids to ask for bytes of files, where one does."""
    redirects: int = MOST_REDIRECTS
    """How many are followed, one after the other."""
    contact: str = ""
    """Whom the hub's people can write to: said with each request, where there is one."""
    transport: httpx2.AsyncBaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


USUAL = ClientOptions()
