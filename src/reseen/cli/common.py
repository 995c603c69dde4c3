"""What verbs share: options, opening the store and the key, printing values.

Two ways to print, and no third: lines for people, or one JSON object a line (`--json`).
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reseen.errors import (
    FileError,
    HubError,
    InputError,
    ListError,
    SealError,
    StoreError,
    StoreMissing,
    StoreReadOnly,
    Tampered,
)
from reseen.settings import Settings, store_url
from reseen.texts import for_people

if TYPE_CHECKING:
    from reseen.records import RemovalClass
    from reseen.store.database import Store
    from reseen.store.sealing import Keyring

    Opens = Callable[[Settings], AbstractContextManager[Store]]
    """One of `open_store`, `look_into` and `open_or_make`."""

F = TypeVar("F", bound=Callable[..., Any])


def db_option(command: F) -> F:
    return click.option(
        "--db", metavar="URL", help="The store, as a URL or a file's path (RESEEN_DB)."
    )(command)


def json_option(command: F) -> F:
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON Lines with stable field names."
    )(command)


def quiet_option(command: F) -> F:
    return click.option("--quiet", "-q", is_flag=True, help="Print findings and errors only.")(
        command
    )


def reveal_option(command: F) -> F:
    return click.option(
        "--reveal", is_flag=True, help="Show sealed names. This is recorded in the audit log."
    )(command)


CLASSES = ("other", "likeness", "intimate-imagery", "child-abuse-imagery")
"""Labels of `records.SAID_CLASSES`; a test compares."""


_MOST_INPUT = 65_536


def given_text(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """What an option says; "-": what stands on standard input, so that no name stands in the
    shell's history or the list of processes. One option of a verb may ask for it."""
    if value != "-":
        return value
    if context.meta.setdefault("reseen.input", parameter.name) != parameter.name:
        raise InputError(
            "standard input is one value's",
            remedy='Give "-" to one option, and the other in words.',
        )
    text = _from_input().strip()
    if not text:
        raise InputError("nothing stands on standard input", remedy="Give the text there.")
    return text


def given_lines(value: str) -> list[tuple[int, str]]:
    """The same for an argument that may be several: "-" stands for the lines of standard input.
    Each with the number of its line; empty ones are left out, and counted."""
    if value != "-":
        return [(1, value)]
    lines = [(n, line.strip()) for n, line in enumerate(_from_input().splitlines(), 1)]
    given = [(n, line) for n, line in lines if line]
    if not given:
        raise InputError("nothing stands on standard input", remedy="Give a name, or one a line.")
    return given


def _from_input() -> str:
    data = sys.stdin.buffer.read(_MOST_INPUT + 1)
    if len(data) > _MOST_INPUT:
        raise InputError(
            "what stands on standard input is too long",
            remedy=f"Give {_MOST_INPUT:,} bytes at most.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            "what stands on standard input is not UTF-8", remedy="Save it as UTF-8."
        ) from None


def why_option(command: F) -> F:
    return click.option(
        "--why",
        required=True,
        callback=given_text,
        help='The reason. Sealed and recorded. "-": from standard input.',
    )(command)


def class_option(help: str, *, required: bool = False) -> Callable[[F], F]:
    return click.option("--class", "cls", type=click.Choice(CLASSES), required=required, help=help)


def class_given(label: str | None) -> RemovalClass | None:
    """The class of `class_option`."""
    from reseen.records import RemovalClass

    return None if label is None else RemovalClass.of(label)


def settings_for(db: str | None = None) -> Settings:
    """The environment's settings, with --db over them."""
    settings = Settings.from_environment()
    if db is not None:
        settings = dataclasses.replace(settings, db=store_url(db))
    return settings


@contextmanager
def _naming(settings: Settings) -> Iterator[None]:
    """An error of the store says which one that is: the person may have another in mind."""
    from reseen.store.backends import place

    try:
        yield
    except StoreError as e:
        where = place(settings.db)
        if type(e) is StoreError and where not in str(e):  # the others are about what is in it
            e.args = (f"{where}: {e}",)
        raise


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store, for what changes it. Raises StoreMissing where there is none: nothing is made."""
    from reseen.store.database import Opening, Store

    with _naming(settings), Store(settings.db, opening=Opening.EXISTING) as store:
        yield store


@contextmanager
def look_into(settings: Settings) -> Iterator[Store]:
    """The store, for what only looks: one that can only be read will do. Raises StoreMissing."""
    from reseen.store.database import Opening, Store

    with _naming(settings), Store(settings.db, opening=Opening.LOOK) as store:
        yield store


@contextmanager
def open_or_make(settings: Settings) -> Iterator[Store]:
    """The store; one is made where there is none, and that is said."""
    from reseen.store.database import Store

    with _naming(settings), Store(settings.db) as store:
        if store.found is None:
            note(f"Made a new registry: {store.place}")
        yield store


def say_if_empty(store: Store) -> None:
    """Say that nothing can match, also where little else is said: the registry may be another than
    the person has in mind."""
    from reseen.registry import removals

    with store.read() as connection:
        if next(removals.every(connection, withdrawn=False), None) is not None:
            return
    note(f"The registry is empty: {store.place}")
    note("  What is seen is remembered, and nothing can match until a list is imported.")


def is_new(settings: Settings) -> bool:
    """Whether there is no registry yet, or no sealing key for it: one would be made."""
    try:
        with look_into(settings) as store:
            return keyring_if_any(store, settings) is None
    except StoreMissing:
        return True


def must_record(store: Store, what: str) -> None:
    """Raises StoreReadOnly where `what` cannot be recorded, which it must be."""
    if store.reads_only:
        raise StoreReadOnly(
            f"{what}: that must be recorded, and this registry can only be read",
            remedy="Copy the registry to a folder that can be written, and use it there.",
        )


def keyring_if_any(store: Store, settings: Settings) -> Keyring | None:
    """The sealing key, when there is one: everything but names works without."""
    from reseen.store.sealing import Keyring

    return Keyring.for_store(store, settings, create=False)


def keyring_for_names(store: Store, settings: Settings) -> Keyring:
    """The sealing key. Raises SealError when there is none: names cannot be opened."""
    keyring = keyring_if_any(store, settings)
    if keyring is None:
        raise SealError(
            "names are sealed, and there is no key to open them",
            remedy=f"It is not in {settings.key_file}: put it there, or give it in RESEEN_KEY or "
            "RESEEN_KEY_FILE.",
        )
    return keyring


def keyring_or_new(store: Store, settings: Settings) -> Keyring:
    """The sealing key; a key file is made on first use, and that is said."""
    from reseen.store.sealing import Keyring

    known = settings.key is not None or settings.key_file.exists()
    keyring = Keyring.for_store(store, settings, create=True)
    if keyring is None:
        raise SealError("there is no sealing key", remedy="Set RESEEN_KEY or RESEEN_KEY_FILE.")
    if not known:
        note(f"Made a new sealing key: {settings.key_file}")
        note("Keep a copy apart from the store: without it, sealed names cannot be opened.")
    return keyring


@contextmanager
def about(name: object) -> Iterator[None]:
    """An error raised in the block says which file or address it is about: `name`, as the person
    gave it on the command line and never as a list, a hub or a file gave it."""
    try:
        yield
    except (FileError, ListError, HubError, InputError, Tampered) as e:
        if not _is_named(str(name), str(e)):
            e.args = (f"{name}: {e}",)
        raise


def _is_named(name: str, said: str) -> bool:
    """Does a message name what it is about? A short name can stand in it as a word like others."""
    if name.isalnum() or len(name) < 4:
        return said.startswith(f"{name}: ")
    return name in said


_COLOURS = re.compile(r"(\x1b\[(?:0|1|2|22|3[1-7])m)")
"""As `click.style` writes them: nothing that hides, moves or erases."""


def say(line: str) -> None:
    """A line of the results, on standard output. Raises InputError where it cannot be written."""
    try:
        click.echo(_shown(line))
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as e:
        raise output_error(e) from e


def output_error(error: OSError) -> InputError:
    """Standard output goes to a file, mostly, and its disk is full."""
    return InputError(
        f"the results cannot be written to standard output: {error.strerror}",
        remedy="Make room where it goes to, or send it elsewhere.",
    )


def note(line: str) -> None:
    """A line beside the results (progress, notes, errors), on standard error."""
    click.echo(_shown(line), err=True)


def _shown(line: str) -> str:
    """Colours are ours; everything else is a text for people."""
    if line.isprintable():
        return line
    return "".join(
        part if at % 2 else for_people(part) for at, part in enumerate(_COLOURS.split(line))
    )


def emit(value: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    say(json.dumps(value, default=plain, ensure_ascii=True, separators=(", ", ": ")))


def error_fields(kind: str, sentence: str, remedy: str | None, code: int) -> dict[str, Any]:
    """What could not be done, as JSON: of one shape, whichever verb it was."""
    return {"error": sentence, "kind": kind, "remedy": remedy, "exit_code": int(code)}


def plain(value: object) -> object:
    """A value of ours as JSON knows it: enums by label, bytes as hex, instants as ISO 8601."""
    label = getattr(value, "label", None)
    if isinstance(value, Enum):
        return label if isinstance(label, str) else value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """ "1 removal", "2 removals", "1,000 removals"."""
    word = noun if number == 1 else (plural or noun + "s")
    return f"{number:,} {word}"


def size_text(size: int | None) -> str:
    """Bytes as people write them, in powers of 1,000."""
    if size is None:
        return "?"
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def on_terminal() -> bool:
    """Whether progress and colours have anybody to look at them."""
    return sys.stderr.isatty()
