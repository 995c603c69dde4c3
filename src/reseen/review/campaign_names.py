"""What names have in common: of accounts (stems, look-alikes, one letter more), of files (shapes).

Goes in a name, come out keys: names of one pattern have a key in common. They are compared and
counted, and neither kept nor shown.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST = 96
"""Characters of a name that are looked at: hubs allow so many."""
SHORTEST_STEM = 5
"""A stem of fewer letters is anybody's."""

_ALIKE = str.maketrans(
    {
        "0": "o",
        "1": "l",
        "3": "e",
        "4": "a",
        "5": "s",
        "7": "t",
        "8": "b",
        "i": "l",
        "!": "l",
        "|": "l",
        "@": "a",
        "$": "s",
        "\u0430": "a",
        "\u0435": "e",
        "\u043e": "o",
        "\u0440": "p",
        "\u0441": "c",
        "\u0443": "y",
        "\u0445": "x",
        "\u0456": "l",
        "\u0455": "s",
        "\u0501": "d",
        "\u03bf": "o",
        "\u03b1": "a",
        "\u0131": "l",
        "\u03c1": "p",
        "\u03bd": "v",
    }
)
"""Characters that are taken for others, Cyrillic and Greek ones among them."""
_RUNS = re.compile(r"[a-z]+|[0-9]+|[^a-z0-9]+")
_HEX = re.compile(r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{6,}")
_TWICE = re.compile(r"(.)\1+")
_VOWELS = frozenset("aeiouy")

USUAL = frozenset(
    {
        *("adapter", "backup", "checkpoint", "civ", "diffusion", "epoch", "file", "final", "fix"),
        *("fixed", "flux", "fp", "last", "lora", "loras", "lycoris", "model", "models", "new"),
        *("old", "output", "pony", "pruned", "pytorch", "sd", "sdxl", "step", "steps", "test"),
        *("tests", "upload", "v", "version", "weights", "xl", "bf", "safetensors", "ckpt", "pt"),
    }
)
"""Words that say nothing of what a file is of: they stay in a shape as they are."""
_USUAL_FIRST = re.compile("|".join(sorted(USUAL, key=len, reverse=True)))


def folded(name: str) -> str:
    """A name as it looks: no case, no separators, no doubled characters, look-alikes as one."""
    plain = unicodedata.normalize("NFKD", name[:LONGEST]).casefold().translate(_ALIKE)
    return _TWICE.sub(r"\1", "".join(c for c in plain if c.isalnum()))


def stem(name: str) -> str:
    """A name without the number at its end, folded."""
    return folded(name[:LONGEST].rstrip("0123456789-_. "))


def of_account(name: str) -> frozenset[str]:
    """Keys of an account's name: its stem, the stem less one letter each, and its shape."""
    name = name[:LONGEST]
    found = {f"shape {account_shape(name)}"}
    short = stem(name)
    if len(short) >= SHORTEST_STEM:
        found.add(f"stem {short}")
        if len(short) > SHORTEST_STEM + 1:
            found.update(f"near {short[:at]}{short[at + 1 :]}" for at in range(len(short)))
            found.add(f"near {short}")
    return frozenset(found)


def account_shape(name: str) -> str:
    """Kinds and lengths of its runs: "a7 9-4". Letters without any vowel are another kind."""
    return " ".join(_run(run) for run in _RUNS.findall(name[:LONGEST].casefold()))


def _run(run: str) -> str:
    if run[0].isdigit():
        return f"9-{len(run)}"
    if not run[0].isalpha():
        return run if run.isascii() else "?"
    spoken = _VOWELS & set(run)
    return f"{'a' if spoken or len(run) < 5 else 'x'}{len(run)}"


@lru_cache(maxsize=1 << 16)
def shape(name: str) -> str:
    """What a file's or a repository's name is made of: usual words as they are, "a" for other
    words, hex and numbers by their lengths."""
    parts: list[str] = []
    for piece in re.split(r"([^0-9a-z]+)", name[-LONGEST:].casefold()):
        usual = _USUAL_FIRST.match(piece)
        word = usual[0] if usual and _HEX.fullmatch(piece[usual.end() :]) else ""
        rest = piece[len(word) :]
        if _HEX.fullmatch(rest):
            parts.append(f"{word}<hex {len(rest)}>")
            continue
        for run in _RUNS.findall(piece):
            if run[0].isdigit():
                parts.append(f"<{len(run)} digits>" if len(run) > 1 else "<number>")
            elif run[0].isalpha() and run not in USUAL:
                parts.append("<word>")
            else:
                parts.append(run)
    return "".join(parts)
