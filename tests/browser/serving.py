"""The service in a thread of the tests: the real application behind the real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

import uvicorn
from tests.scan.walking import QUICK

from reseen.operations.worker import Intervals, Worker
from reseen.settings import IssuerSettings, Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.app import make_app
from reseen.web.service import Service

PATIENCE = 60.0
_QUICK = Intervals(look=0.1, beat=0.2, housekeeping=0.2)


class Serving:
    """Serves from entering to leaving the context, on a free port; `store` is open meanwhile."""

    def __init__(
        self, settings: Settings, *, jobs: bool = False, issuer: IssuerSettings | None = None
    ) -> None:
        """`jobs`: scans and rechecks that people ask for run, too; `issuer`: an OpenID provider, to
        which the service says its own address."""
        self.visitors_leave: list[Callable[[], None]] = []
        """Called before the service ends: what a page still loads then would be refused."""
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        if issuer is not None:
            settings = replace(settings, url=self.base, oidc=issuer)
        self.store = Store(settings.db)
        self.keyring = Keyring.for_store(self.store, settings, create=True)
        self.service = Service(self.store, settings, self.keyring)
        self._worker = (
            Worker(self.store, self.keyring, settings, intervals=_QUICK, pace=QUICK)
            if jobs
            else None
        )
        app = make_app(self.service)
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="service", daemon=True
        )

    def __enter__(self) -> Serving:
        if self._worker is not None:
            self._worker.start()
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._server.started:
            assert self._thread.is_alive(), "the service ended before it began"
            assert time.monotonic() < deadline, "the service does not begin"
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for leave in self.visitors_leave:
            leave()
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        if self._worker is not None:
            self._worker.stop()
        self._socket.close()
        self.store.close()
