"""What people's commits say, and whether they put all into one repository.

Decided before anything was measured with it, from how hubs and their tools behave: a repository
begins with "initial commit"; the hub's pages, its library and its trainers write messages of their
own, which most people leave as they are; some write a few usual words, and few have words that
nobody else has. A script for a batch leaves the library's message more often than not. Everybody
who uses a popular uploader leaves its message, whatever they upload. Some put all that they have
into one repository: there the hub says of the repository alone when it was made.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Naming = Callable[[str, bytes, int], tuple[str, str]]
"""(subject, content, counter) -> (repository, path)."""
Message = Callable[[str, str, int], str]
"""(subject, path, counter) -> the commit's title."""

FIRST = "initial commit"
README = "Update README.md"
FOLDER = "Upload folder using huggingface_hub"
_PLAIN = (
    "add model",
    "add files",
    "first commit",
    "initial upload",
    "update",
    "upload",
    "upload model",
    "new lora",
    "add lora",
    "v1",
    "init",
    "test",
)
GATHERED = {"hand": 0.10, "popular": 0.25, "script": 0.25}
"""Share of people who put all into one repository, by what they use."""
READMES = 0.4
"""Share of people uploading by hand who write a page for each repository."""
_COLLECTIONS = ("loras", "models", "collection", "backup", "my-models", "files", "lora", "stuff")


@dataclass(frozen=True)
class Tool:
    """What somebody uploads with."""

    naming: Naming
    message: Message
    collection: str | None = None
    """The one repository that all goes to."""
    readme: bool = False


def folder(_: str, __: str, ___: int) -> str:
    return FOLDER


def one_file(_: str, path: str, __: int) -> str:
    return f"Upload {path} with huggingface_hub"


def page(_: str, path: str, __: int) -> str:
    return f"Upload {path}"


def trained(_: str, __: str, ___: int) -> str:
    return "End of training"


def _same(text: str) -> Message:
    return lambda _, __, ___: text


def by_hand(r: random.Random, word: str) -> Message:
    """45 of 100 by the hub's page, 30 by its library, 10 by a trainer, 15 in words of their own."""
    draw = r.random()
    if draw < 0.45:
        return page
    if draw < 0.75:
        return r.choice((folder, one_file))
    if draw < 0.85:
        return trained
    if draw < 0.95:
        return _same(r.choice(_PLAIN))
    return _own(r, word)


def of_script(r: random.Random, word: str) -> Message:
    """60 of 100 leave what the library writes, 20 have a few usual words, 20 their own."""
    draw = r.random()
    if draw < 0.6:
        return folder if r.random() < 0.6 else one_file
    return _same(r.choice(_PLAIN)) if draw < 0.8 else _own(r, word)


def _own(r: random.Random, word: str) -> Message:
    first, dash = (
        r.choice(("batch", "part", "auto", "sync", word)),
        r.choice((" ", ": ", " - ", " #")),
    )
    left, right = r.choice((("[", "]"), ("(", ")"), ("", "")))
    last = r.choice(("done", "uploaded", "", "ok", "backup"))
    ways: tuple[Message, ...] = (
        lambda _, __, counter: f"{left}{first}{right}{dash}{counter}",
        lambda subject, __, ___: f"{first}{dash}{subject}",
        lambda _, path, counter: f"{left}{counter}{right} {path} {last}",
        lambda _, __, ___: f"{left}{first}{right} {last} {word}",
    )
    return r.choice(ways)


def collection(r: random.Random, kind: str) -> str | None:
    """The one repository of somebody who has one."""
    return r.choice(_COLLECTIONS) if r.random() < GATHERED[kind] else None
