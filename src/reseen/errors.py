"""Every error that Reseen raises on purpose. Each says what went wrong and what to do about it.

    ReseenError
    ├── InputError            what a person gave cannot be used
    │   ├── ListError         a list of removals cannot be read
    │   └── FileError         a model file cannot be read
    │       ├── Malformed     it lies about itself, or breaks off
    │       ├── TooLarge      it asks for more than we give (bytes, tensors, depth)
    │       ├── Unread        recognised, but nothing here reads it yet
    │       ├── PartMissing   another file that belongs to it is not beside it
    │       └── Unforeseen    Reseen itself failed on it, and that was kept to it
    │           └── SystemLimit   the system gave no more memory or time for it
    ├── SettingsError         an environment variable or option makes no sense
    ├── StoreError            the registry's database cannot be used
    │   ├── StoreMissing      there is no registry where one was looked for
    │   ├── StoreReadOnly     this would have to be recorded, and the registry can only be read
    │   └── NotFound          nothing there by that id
    ├── Conflict              somebody else was there first: look again, then decide
    ├── AccessError           nobody is signed in, or the role or key does not allow it
    ├── Tampered              a log or a saved state is not what was written
    ├── SealError             names cannot be sealed or opened (key missing, wrong, or unsafe)
    ├── MailError             a mail server did not take a notice or a correction
    ├── IssuerError           the OpenID provider did not answer as it must
    ├── WebhookError          whom we notify by a webhook did not take it
    └── HubError              a hub did not answer as needed
        ├── HubAuth           401/403: no access with this token
        │   └── HubHidden     401 to a stranger, without a reason: deleted, or private
        ├── HubMissing        404: no such repository, revision or file
        │   └── HubLacks      the hub has no repositories of this type
        ├── HubDisabled       the hub took the repository down itself
        ├── HubBusy           429 or 5xx, also after waiting
        └── HubGarbage        the answer is not what the API promises
            └── HubRefused    it does not know the call, or a parameter of it

No message ever holds a sealed value, a token, or the place of a sighting.

`bulkhead` is the one place that turns an error nobody foresaw into one of these; `OutOfTime` is
raised to get there when processor time is used up.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from types import TracebackType

REPORT_AT = "https://github.com/reseen/reseen/issues"


class ReseenError(Exception):
    """The root: `str()` is one sentence; `remedy` is what the person can do."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class InputError(ReseenError):
    """What a person gave cannot be used."""


class ListError(InputError):
    """A list of removals cannot be read."""


class FileError(InputError):
    """A model file cannot be read. `code` says why in a word, for programs."""

    code = "unreadable"


class Malformed(FileError):
    """The file lies about itself, or breaks off. The message gives the reason, not the path."""

    code = "malformed"


class TooLarge(FileError):
    """The file asks for more than we give."""

    code = "too-large"


class Unread(FileError):
    """The container or algorithm is recognised, but nothing here reads it yet."""

    code = "not-read"


class PartMissing(FileError):
    """A file is one of several, and another of them is not beside it."""

    code = "several-parts"


class Unforeseen(FileError):
    """Reseen itself failed on one file, row or answer, and nothing else was harmed. `fault` tells
    the kind of error and its place in Reseen, without its text: that can hold a name."""

    code = "fault"

    def __init__(self, error: BaseException) -> None:
        import hashlib  # here, for the command line starts without it

        self.place = place_of(error)
        self.fault = f"fault-{hashlib.sha256(self.place.encode()).hexdigest()[:8]}"
        super().__init__(
            f"Reseen itself failed on it ({self.place}; {self.fault})",
            remedy=f"Please report the fault at {REPORT_AT}. What else was asked went on.",
        )


class SystemLimit(Unforeseen):
    """One file, row or answer took more memory or processor time than the system gives for it. The
    budgets that readers keep themselves are narrower: that they did not hold is a fault."""

    code = "system-limit"

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        what = "processor time" if isinstance(error, OutOfTime) else "memory"
        self.args = (
            f"a limit of the system was reached, of {what}: please report it "
            f"({self.place}; {self.fault})",
        )


class OutOfTime(Exception):
    """Raised where the work is when its processor time is used up; `bulkhead` makes it a
    SystemLimit."""


class SettingsError(ReseenError):
    """An environment variable or option makes no sense."""


class StoreError(ReseenError):
    """The registry's database cannot be used."""


class StoreMissing(StoreError):
    """There is no registry where one was looked for, and none was made."""


class StoreReadOnly(StoreError):
    """This would have to be written or recorded, and the registry can only be read."""


class NotFound(StoreError):
    """Nothing there by that id."""

    @classmethod
    def of(cls, what: str, given: str, remedy: str) -> NotFound:
        """Nothing by the id, number, or name of a list or user that a person gave, which is said.
        Anything else is not: it may be the name of somebody, or the secret of a key."""
        shown = given.strip()
        pattern = _WORD if what in _BY_WORD else _ID
        said = f": {shown}" if pattern.fullmatch(shown) else ""
        return cls(f"there is no such {what}{said}", remedy=remedy)


_ID = re.compile(
    r"(?:bt|cp|cs|dc|in|jb|ky|nt|rm|sf|sg)-(?:[0-9a-hjkmnp-tv-z]{8}|[0-9a-hjkmnp-tv-z]{12})"
    r"|[0-9]{1,18}"
)
"""An id as `store.ids` makes it: nobody's name begins and goes on so."""
_BY_WORD = frozenset(("list", "user"))
_WORD = re.compile(r"[\w.@ -]{1,80}")


class Conflict(ReseenError):
    """Somebody else was there first: what was decided on is no longer what stands there."""


class AccessError(ReseenError):
    """Nobody is signed in, or the role or key does not allow it."""


class Tampered(ReseenError):
    """A log or a saved state is not what was written."""


class SealError(ReseenError):
    """Names cannot be sealed or opened."""


class WebhookError(ReseenError):
    """Whom we notify by a webhook did not take it. Never names the address."""


class MailError(ReseenError):
    """A mail server did not take a notice, or a correction of one."""


class IssuerError(ReseenError):
    """The OpenID provider that people sign in with did not answer, or not as it must."""


class HubError(ReseenError):
    """A hub did not answer as needed."""

    code = ""
    """The hub's own word for why, where it gives one."""
    unexplained = False
    """A refusal that gives no reason: it may be about how it was asked, and a simpler question be
    answered."""
    challenge = ""
    """Of a 401: what it says of how to be let in (`WWW-Authenticate`)."""


class HubAuth(HubError):
    """401 or 403: no access with this token, or the repository is private."""


class HubHidden(HubAuth):
    """401 to a caller without a token, and no reason: the repository is missing, or private."""


class HubMissing(HubError):
    """404: no such repository, revision or file."""


class HubLacks(HubMissing):
    """The hub has no repositories of this type at all: not this one, and no other."""


class HubDisabled(HubError):
    """The hub took the repository down itself."""


class HubBusy(HubError):
    """429 or 5xx, also after waiting."""

    answered = False
    """It did answer, with such a status; otherwise nobody did, or not to the end."""


class HubGarbage(HubError):
    """The answer is not what the API promises."""


class HubRefused(HubGarbage):
    """The hub does not know a call, or one of its parameters: a simpler one may be answered."""


class Bulkhead:
    """See `bulkhead`."""

    __slots__ = ("_passing",)

    def __init__(self, passing: tuple[type[Exception], ...]) -> None:
        self._passing: tuple[type[Exception], ...] = (ReseenError, *passing)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, self._passing):
            limit = isinstance(error, MemoryError | OutOfTime)
            raise (SystemLimit if limit else Unforeseen)(error) from error


def bulkhead(*passing: type[Exception]) -> Bulkhead:
    """For `with`: what one file, row or answer does to the code inside stays its own trouble. An
    error that nobody foresaw becomes `Unforeseen`; memory and time that ran out `SystemLimit`. What
    is raised on purpose passes (`passing`: what else is), and so does what stops the run: Ctrl-C, a
    cancelled task.

    Put it around the work on one such thing, and around nothing that others share.
    """
    return Bulkhead(passing)


def place_of(error: BaseException) -> str:
    """The kind of an unexpected error and the place in Reseen where it happened."""
    import traceback

    here = Path(__file__).parent
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        with contextlib.suppress(ValueError):
            place = f" in {Path(frame.filename).relative_to(here)}, line {frame.lineno}"
    return f"{type(error).__name__}{place}"
