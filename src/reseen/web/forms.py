"""A form that could not be taken: what was typed stays, and the field that is wrong says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from reseen.errors import NotFound, ReseenError, StoreError
from reseen.web.form_values import line_feeds
from reseen.web.problems import status_of

T = TypeVar("T")


@dataclass(slots=True)
class SentForm:
    """What was typed, by the name of the field, and what of it is wrong."""

    values: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    wrong: dict[str, ReseenError] = field(default_factory=dict)
    """By the name of the field; "" for the form as a whole."""

    def take(self, name: str, read: Callable[[], T], otherwise: T) -> T:
        """What `read` makes of a field; where it cannot, that is kept, and `otherwise` comes."""
        try:
            return read()
        except ReseenError as error:
            self.wrong[name] = error
            return otherwise

    def act(self, name: str, do: Callable[[], T]) -> T | None:
        """What an act gives. Where it was refused, that stands at a field, and None comes; but what
        is not there, or is away, is no fault of what was typed: NotFound and StoreError go on."""
        done = self.take(name, do, None)
        if isinstance(error := self.wrong.get(name), NotFound | StoreError):
            raise error
        return done

    def typed(self, name: str, otherwise: str = "") -> str:
        """What was typed into a field, without what cannot be seen."""
        value = self.values.get(name, otherwise)
        if not isinstance(value, str):
            return otherwise
        return "".join(c for c in line_feeds(value) if c.isprintable() or c in "\n\t")

    def ticked(self, name: str, value: str, otherwise: bool = False) -> bool:
        """Whether a box was ticked; `otherwise`: of a form that nobody has sent."""
        if not self.values:
            return otherwise
        given = self.values.get(name, ())
        return value == given if isinstance(given, str) else value in given

    @property
    def status(self) -> int:
        """Of the answer that shows it."""
        return next((status_of(error) for error in self.wrong.values()), 200)


UNSENT = SentForm()
"""A form that nobody has sent."""
