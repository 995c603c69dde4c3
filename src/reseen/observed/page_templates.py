"""How the pages of hubs are addressed of which only the storage was looked through.

What comes in: the store's name of a hub, and a template as a person gave it
(`reseen.hubs.page_template`). What goes out: the template, for whoever shows where a file stands.
"""

from __future__ import annotations

from sqlalchemy import Connection

from reseen.store import meta

_NAME = "pages of "


def keep(connection: Connection, hub: str, template: str) -> None:
    """From now on, instead of the one before."""
    meta.keep(connection, _NAME + hub, template.encode("ascii"))


def of(connection: Connection, hub: str) -> str | None:
    """That of a hub; None where nobody gave one."""
    kept = meta.value(connection, _NAME + hub)
    return None if kept is None else kept.decode("ascii")
