"""Which part of the queue somebody looks at, as an address has it, and how it travels along.

What comes in: the values of an address, or `back`, the same as one text: it goes with a case's
links and forms, so that one comes back to where one was. What goes out: a `QueueAddress`. It is
always parsed anew: of all that stands there, only what is understood is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import Form
from fastapi.responses import RedirectResponse, Response

from reseen.review.case_filter import CaseFilter
from reseen.review.queue import QueuePlace
from reseen.review.queue_groups import grouped

Back = Annotated[str, Form(max_length=4_000)]


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """A part of the queue."""

    which: CaseFilter
    by: str | None = None
    """What the cases are grouped by."""
    place: QueuePlace | None = None
    """Where the page begins, of cases one by one."""
    offset: int = 0
    """Where it begins, of groups."""

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> QueueAddress:
        """From the values of an address."""
        by = grouped(values.get("group", ""))
        place = QueuePlace.parse(values.get("after", ""))
        place = QueuePlace.parse(values.get("before", ""), before=True) or place
        offset = offset_of(values, "offset")
        which = CaseFilter.parse(values)
        return cls(which, by, None if by else place, offset if by else 0)

    @classmethod
    def of(cls, back: str) -> QueueAddress:
        """From what came along."""
        return cls.parse(dict(parse_qsl(back)))

    @property
    def choices(self) -> dict[str, str]:
        """Filter and grouping, as values of an address: without the place."""
        return self.which.values() | ({} if self.by is None else {"group": self.by})

    @property
    def values(self) -> dict[str, str]:
        """All of it."""
        place = {}
        if self.place is not None:
            place["before" if self.place.before else "after"] = str(self.place)
        if self.offset:
            place["offset"] = str(self.offset)
        return self.choices | place

    @property
    def back(self) -> str:
        """All of it, to travel along."""
        return urlencode(self.values)

    def url(self, **said: str) -> str:
        """Its page. `said`: what was just done."""
        return _url("/queue", self.values | said)

    def url_of_case(self, case: str, **said: str) -> str:
        """A case's page, from which this part of the queue is one key away."""
        return _url(f"/cases/{case}", self.values | said)


def queue_url(which: CaseFilter) -> str:
    """The queue that shows these cases."""
    return QueueAddress(which).url()


def came_from(back: str) -> dict[str, str]:
    """Whether one came to a case from an account's page, as a value of its address."""
    return {"from": "account"} if dict(parse_qsl(back)).get("from") == "account" else {}


def see(url: str) -> Response:
    """Go there, after something was done."""
    return RedirectResponse(url, status_code=303)


def offset_of(address: Mapping[str, str], name: str) -> int:
    """A number in the address; 0 for anything else."""
    given = address.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def _url(path: str, values: Mapping[str, str]) -> str:
    return path + (f"?{urlencode(values)}" if values else "")
