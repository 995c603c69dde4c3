"""What the pages and the gate work with: made once when a process starts, then only read.

What comes in: an open store, the key where there is one, the settings. What goes out: one value
that every handler gets from its request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Service:
    """Everything beside the request itself."""

    store: Store
    settings: Settings
    keyring: Keyring | None = None
    """None: no key is here; everything works but what opens or seals names."""
    gate: Any = field(default=None, repr=False)
    """The gate of this process; None where only pages are served."""
    gate_runs: bool = False
    """Whether somebody else begins and ends it."""
    worker: Any = field(default=None, repr=False)
    """Does jobs in the background; None where another process does."""

    @property
    def https(self) -> bool:
        """Whether people reach the service by https: cookies are bound to it."""
        return (self.settings.url or "").startswith("https://")


def service_of(request: Request) -> Service:
    """The service that this request came to."""
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(service_of)]
"""As a parameter of a handler: `service: Served`."""
