"""Where the page of a file stands that somebody can be written to about.

What comes in: a hub, as the store calls it. What goes out: whether it has pages, and the address of
a file's: as the hub makes them, or by the template that was given with a sweep of its storage.
"""

from __future__ import annotations

from sqlalchemy import Connection

from reseen.hubs.kinds import address_of, addresses_of
from reseen.hubs.page_template import PageTemplate
from reseen.observed import page_templates
from reseen.records import Sighting


def has_pages(connection: Connection, hub: str) -> bool:
    """Is there somebody who holds it? Nobody is written to about a folder."""
    return addresses_of(hub) is not None or page_templates.of(connection, hub) is not None


def page_of(connection: Connection, sighting: Sighting) -> str | None:
    """The page of the file that was seen."""
    if (own := address_of(sighting)) is not None:
        return own
    template = page_templates.of(connection, sighting.hub)
    if template is None:
        return None
    return PageTemplate(template).page(sighting.repo, sighting.file_path)
