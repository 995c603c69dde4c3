"""Serving: sockets, worker processes, and an end that is clean.

What comes in: settings and how to listen. What goes out: nothing, until Ctrl-C or SIGTERM. One
worker runs in this process; several are processes of their own under uvicorn's supervisor, each
with its own store and gate. Jobs run in one place only: in a thread of this process. What only a
worker needs is imported there: the supervisor has them started a second earlier.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.supervisors import Multiprocess

from reseen.errors import ReseenError, SettingsError, StoreError
from reseen.gate.state import FILE
from reseen.hubs.kinds import stored_name
from reseen.operations import logs
from reseen.review import users
from reseen.settings import Settings, check_endpoint, is_loopback
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.slow_client_guard import Careful

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from reseen.gate.gate import GateProcess
    from reseen.web.service import Service

MOST_AT_ONCE = 1_000
"""Connections and tasks in one worker; more are answered with 503."""
KEEP_ALIVE = 15
SHUTDOWN = 20
"""Seconds that running requests get to end."""
HANDED_ON = 0.0005
"""Seconds after which a thread that follows the store hands the interpreter on to those who answer:
they ask for it several times a request, and Python's usual 5 ms would add up."""
BEGIN = 60
"""Seconds that a worker may take to begin, or to answer its supervisor, before it is replaced."""


@dataclass(frozen=True, slots=True)
class Listening:
    """How to listen."""

    host: str = "127.0.0.1"
    port: int = 8321
    workers: int = 1
    jobs: bool = True
    """Whether scans and rechecks that people ask for run here."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    insecure: bool = False
    """Listen beyond this machine although people do not come by https."""


def check(settings: Settings, listening: Listening) -> None:
    """Raise SettingsError for hubs of no known kind, an address that is none, and what must not be
    served: passwords in clear over a network."""
    for hub in settings.hubs:
        stored_name(hub)
    if settings.url is not None:
        check_endpoint(settings.url, "RESEEN_URL", such_as="https://review.example.org")
    if listening.insecure or is_loopback(listening.host):
        return
    if not (settings.url or "").startswith("https://"):
        raise SettingsError(
            "this would take passwords over a network in clear text",
            remedy="Put a proxy with https before it and say so in RESEEN_URL=https://..., or "
            "listen on 127.0.0.1. --insecure serves all the same.",
        )


def serve(
    settings: Settings, listening: Listening, ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve until told to stop. `ready` gets the URL when connections are taken.
    Raises SettingsError, StoreError or SealError when it cannot begin."""
    check(settings, listening)
    logs.set_up()
    with ExitStack() as stack:
        # Opened here first: what is wrong with the store is said once, before any worker starts.
        try:
            with Store(settings.db) as store:
                Keyring.for_store(store, settings, create=True)
        except StoreError as e:
            from reseen.web.degraded_start import is_away

            if not (is_away(e) and _last_state(settings).exists()):
                raise
            logs.log().warning("the store is away; the gate answers from its last state")
        taken = stack.enter_context(_bound(listening.host, listening.port))
        if listening.jobs:
            _start_jobs(settings, stack)
        address, port = taken.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        url = settings.url or f"http://{shown}:{port}"
        config = _config(functools.partial(worker_app, settings), listening)
        if listening.workers == 1:
            _Announced(config, functools.partial(ready, url)).run(sockets=[taken])
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="reseen-metrics-"))
            # Before a worker imports the library, which looks for it.
            os.environ.update({"PROMETHEUS_MULTIPROC_DIR": folder})
            ready(url)
            _Workers(config, sockets=[taken]).run()


def worker_app(settings: Settings) -> ASGIApp:
    """The application of one worker process, with a store and a gate of its own. Where the
    database server is away and the gate has a last state, the gate begins alone."""
    from reseen.gate.gate import GateProcess
    from reseen.web.app import make_app
    from reseen.web.degraded_start import Late, is_away

    logs.set_up()
    sys.setswitchinterval(HANDED_ON)
    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # see `_Workers`
    stack = ExitStack()
    try:
        service = stack.enter_context(open_service(settings))
    except StoreError as e:
        if not (is_away(e) and _last_state(settings).exists()):
            raise
        gate = GateProcess(settings, Keyring.from_settings(settings, create=False))
        return Late(gate, lambda: open_service(settings, running=gate), make_app)
    app = make_app(service)
    app.state.closing = stack
    return app


@contextmanager
def open_service(
    settings: Settings, *, gate: bool = True, running: GateProcess | None = None
) -> Iterator[Service]:
    """The service over the store that the settings name. `running`: a gate that has begun already.
    Raises StoreError and SealError."""
    from reseen.gate.gate import GateProcess
    from reseen.web.service import Service

    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        own = GateProcess(settings, keyring, store) if gate and running is None else running
        yield Service(
            store=store,
            settings=settings,
            keyring=keyring,
            gate=own,
            gate_runs=running is not None,
        )


def has_users(settings: Settings) -> bool:
    """Whether anybody can sign in; True also where nobody can tell, the store being away."""
    try:
        with Store(settings.db) as store, store.read() as connection:
            return users.any_at_all(connection)
    except StoreError as e:
        from reseen.web.degraded_start import is_away

        if is_away(e):
            return True
        raise


class _Announced(uvicorn.Server):
    """Says when it listens, not before."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end serving, and are not raised again afterwards."""
        before = {
            sent: signal.signal(sent, self.handle_exit) for sent in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for sent, handler in before.items():
                signal.signal(sent, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


class _Workers(Multiprocess):
    """A terminal sends Ctrl-C to all processes; only this one heeds it, and ends the others. They
    inherit that it is ignored, so that one that is still starting does not break off."""

    def init_processes(self) -> None:
        heeded = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            super().init_processes()
        finally:
            signal.signal(signal.SIGINT, heeded)


def _config(app: Callable[[], ASGIApp], listening: Listening) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=True,
        workers=listening.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        http=Careful,
        ws="none",
        lifespan="on",
        proxy_headers=bool(listening.trusted_proxies),
        forwarded_allow_ips=list(listening.trusted_proxies),
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=SHUTDOWN,
        timeout_worker_healthcheck=BEGIN,
    )


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket that worker processes inherit. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
            taken.listen(2048)
        except OSError as e:
            raise SettingsError(
                f"cannot listen on {host} port {port}: {e.strerror}",
                remedy="Choose another with --host and --port.",
            ) from None
        taken.set_inheritable(True)
        yield taken


def _start_jobs(settings: Settings, stack: ExitStack) -> None:
    """The background worker, as a thread of this process; it waits for a store that is away."""
    end = threading.Event()
    opened = ExitStack()

    def begin() -> None:
        from reseen.operations.worker import Worker
        from reseen.web.degraded_start import PAUSE

        while True:
            try:
                service = opened.enter_context(open_service(settings, gate=False))
                break
            except ReseenError as e:
                logs.log().warning("no jobs yet", why=str(e))
                if end.wait(PAUSE):
                    return
        worker = Worker(service.store, service.keyring, service.settings)
        worker.start()
        opened.callback(worker.stop)

    thread = threading.Thread(target=begin, name="reseen-jobs-begin", daemon=True)
    thread.start()
    stack.callback(opened.close)
    stack.callback(thread.join)
    stack.callback(end.set)


def _last_state(settings: Settings) -> Path:
    return (settings.state or settings.home / "gate") / FILE
