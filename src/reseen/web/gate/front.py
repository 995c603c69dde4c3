"""The short way: checks of digests are answered before any other layer."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from reseen.web.gate.gate import Gate


class Front:
    """Outermost layer of the application: `app.add_middleware(Front, gate=gate)`, last."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
