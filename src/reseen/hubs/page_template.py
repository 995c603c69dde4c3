"""Pages of a hub that is known by its own storage alone: addresses by a template.

What comes in: a template that a person gave (`https://models.example/{repository}?file={path}`), a
repository and a path. What goes out: the address of the file's page, in ASCII, in which nothing of
the two can be anything but what stands in a place of theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reseen.errors import InputError
from reseen.hubs.addresses import is_host, quoted_path

LONGEST = 500
PLACES = ("repository", "path", "key")
_PLACE = re.compile(r"\{(" + "|".join(PLACES) + r")\}")
_WHOLE = re.compile(r"https?://([^/?#\s]{1,255})([/?#][!#-;=?-~]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageTemplate:
    """How a key becomes an address. Made by `of`."""

    text: str

    @classmethod
    def of(cls, given: str) -> PageTemplate:
        """Raises InputError for what is no template."""
        found = _WHOLE.fullmatch(given) if len(given) <= LONGEST else None
        rest = "" if found is None else _PLACE.sub("", found[2])
        good = found is not None and is_host(found[1].lower()) and _PLACE.search(found[2])
        if not good or "{" in rest or "}" in rest:
            raise InputError(
                "that is no template of a page's address",
                remedy="Write https://HOST/... with {repository}, {path} or {key} behind the host, "
                "as https://models.example/{repository}?file={path}",
            )
        return cls(given)

    def page(self, repository: str, path: str) -> str:
        """The page of a file. A key that names no repository is the path alone."""
        key = f"{repository}/{path}" if repository.strip("/") else path
        values = {"repository": repository, "path": path, "key": key}
        return _PLACE.sub(lambda found: quoted_path(values[found[1]]), self.text)
