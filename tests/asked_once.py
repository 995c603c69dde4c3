"""What the HTTP client asks of the system again and again is not asked.

Before every request it wants the peer's name of each connection that it keeps, only to come to the
socket, and it reads the system's certificates for each client. A service has a client or two; tests
make thousands, and where a call of the system is dear this was a fifth of the time of tests of
scans.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import httpcore2
from httpcore2._backends.anyio import AnyIOStream
from httpcore2._utils import is_socket_readable

_as_it_was = AnyIOStream.get_extra_info


def ask_once() -> None:
    """From here on, for every client of this process."""
    if AnyIOStream.get_extra_info is _as_it_was:
        AnyIOStream.get_extra_info = _info  # type: ignore[method-assign, assignment]
        httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)


def _info(stream: AnyIOStream, info: str) -> Any:
    if info == "is_readable" and (socket := getattr(stream._stream, "_raw_socket", None)):
        return is_socket_readable(socket)
    return _as_it_was(stream, info)
