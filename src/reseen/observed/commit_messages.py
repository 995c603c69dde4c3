"""What is kept of a commit's message: its shape, as a keyed hash.

Goes in a title as a hub tells it, come out 16 bytes. A shape has the usual words of such titles,
signs, and places where anything else stood: a name, a file, a number. So it tells which tool or
habit wrote it, and holds no word that could be somebody's name, not even hashed.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from functools import lru_cache

LONGEST = 160
"""Characters of a title that are looked at."""
LENGTH = 16
"""Bytes that are kept of its shape."""

USUAL = frozenset(
    {
        *("a", "add", "added", "adding", "adapter", "adapters", "all", "an", "and", "api", "app"),
        *("archive", "as", "at", "attributes", "auto", "autotrain", "automated", "automatic"),
        *("backup", "base", "batch", "bot", "branch", "bulk", "by", "card", "change", "changed"),
        *("changes", "checkpoint", "checkpoints", "ckpt", "clean", "cleanup", "cli", "colab"),
        *("collection", "commit", "config", "convert", "converted", "copied", "copy", "create"),
        *("created", "dataset", "delete", "deleted", "demo", "diffusers", "done", "duplicate"),
        *("duplicated", "edit", "embedding", "embeddings", "empty", "end", "epoch", "epochs"),
        *("example", "examples", "export", "files", "file", "final", "first", "fix", "fixed"),
        *("fixes", "folder", "folders", "for", "from", "full", "git", "gitattributes", "github"),
        *("hf", "hub", "huggingface", "huggingface_hub", "image", "images", "import", "imported"),
        *("in", "info", "init", "initial", "initialize", "into", "is", "job", "json", "large"),
        *("last", "lfs", "license", "link", "links", "log", "logs", "lora", "loras", "main"),
        *("merge", "merged", "metadata", "migrate", "mirror", "mirrored", "model", "models"),
        *("move", "moved", "my", "new", "of", "old", "on", "one", "only", "or", "other", "part"),
        *("parts", "path", "permalink", "pipeline", "pr", "preview", "previews", "private"),
        *("process", "progress", "prompt", "prompts", "public", "pull", "push", "pushed", "py"),
        *("pytorch", "readme", "re", "refs", "release", "remove", "removed", "rename", "renamed"),
        *("repo", "repository", "request", "restore", "restored", "result", "results", "revert"),
        *("rm", "run", "safetensors", "sample", "samples", "save", "saved", "saving", "script"),
        *("sd", "sdxl", "set", "setup", "slow", "some", "space", "squash", "start", "state"),
        *("step", "steps", "stuff", "sync", "synced", "task", "test", "testing", "tests", "text"),
        *("the", "this", "to", "tokenizer", "train", "trained", "trainer", "training", "tree"),
        *("two", "update", "updated", "updates", "upgrade", "upload", "uploaded", "uploader"),
        *("uploading", "uploads", "url", "use", "user", "using", "v", "vae", "ver", "version"),
        *("versions", "via", "web", "weight", "weights", "wip", "with", "xl", "yaml", "zip"),
    }
)
"""Words of which titles of commits are usually made, and which are nobody's name."""
NAME = "<name>"
_PIECE = re.compile(r"[^\W\d_]+|[0-9]+|[^\w\s]|_")
_FILE = re.compile(r"[/\\_]|\w\.\w|\w-\w|[^\W\d]\d|\d[^\W\d]")
"""What a word has in it that is a file's, a path's or a repository's name."""
_EDGES = "()[]{}<>\"'`*,:;!?."
_MERGED = re.compile(r"\(#\d+\)\s*$")
_NAMES = re.compile(rf"{NAME}(?: ?{NAME})+")


def is_by_others(title: str) -> bool:
    """Whether it says that a proposal was merged: what somebody else wrote."""
    return _MERGED.search(title[:LONGEST]) is not None


def kept(secret: bytes, title: str) -> bytes:
    """What is kept of it. `secret`: `store.secret`."""
    return hmac.digest(secret, b"commit message 1 " + shape(title).encode(), "sha256")[:LENGTH]


@lru_cache(maxsize=1 << 14)
def shape(title: str) -> str:
    """Its usual words and signs; `<name>` for whatever else it has, `<number>` for numbers."""
    plain = unicodedata.normalize("NFKC", title[:LONGEST]).casefold()
    made = " ".join(filter(None, map(_word, plain.split())))
    return _NAMES.sub(NAME, made)


def _word(word: str) -> str:
    bare = word.strip(_EDGES)
    if bare in USUAL:
        inner = bare
    elif _FILE.search(bare):
        inner = NAME
    else:
        inner = "".join(map(_piece, _PIECE.findall(bare)))
    before, _, after = word.partition(bare) if bare else ("", "", word)
    return f"{before}{inner}{after}"


def _piece(piece: str) -> str:
    if piece.isdecimal():
        return "<number>"
    if piece in USUAL:
        return piece
    return NAME if piece[0].isalnum() else piece if piece.isascii() else "?"
