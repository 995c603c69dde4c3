"""The addresses of the Hugging Face Hub, and of any server that speaks its API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import parse_qs, quote, unquote, urlsplit

from reseen.hubs.addresses import Named, quoted, quoted_path, root
from reseen.records import RepoType

HOME = "huggingface.co"
CLIENT = "hf://"
"""How the Hub's own client writes a place: hf://[datasets/|spaces/]owner/name[@revision][/path]."""

PREFIX = {RepoType.MODEL: "", RepoType.DATASET: "datasets/", RepoType.SPACE: "spaces/"}
_TYPES = {"datasets": RepoType.DATASET, "spaces": RepoType.SPACE, "models": RepoType.MODEL}
_PAGES = ("blob", "resolve", "raw", "tree")
"""What stands before a revision, and a path in it."""
_NO_OWNERS = frozenset(
    ("api", "buckets", "collections", "docs", "kernels", "organizations", "papers", "settings")
)
"""What stands where an owner does, in addresses of pages that are no repository's."""
_OF_ACCOUNTS = frozenset(("models", "datasets", "spaces", "activity", "collections"))
"""What stands behind an account, in addresses of its pages."""
_SHORT = {"www.huggingface.co", "hf.co", HOME}


@dataclass(frozen=True, slots=True)
class HuggingFaceAddresses:
    """The `Addresses` of one server."""

    host: str

    def account(self, account: str) -> str:
        return self.repository(RepoType.MODEL, account)

    def repository(self, type: RepoType, repo: str) -> str:
        return f"{root(self.host)}/{PREFIX[type]}{quote(repo, safe='/', errors='replace')}"

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        return f"{self.repository(type, repo)}/blob/{quoted(revision)}/{quoted_path(path)}"

    def named(self, address: str) -> Named | None:
        """An address of a page or file, also the Hub's own where this server stands in for it; or
        hf://. An account's address names no repository."""
        if address.startswith(CLIENT):
            return _written_by_the_client(address)
        words = self._words(address)
        return None if words is None or _is_of_old(words) else _of_words(words)

    def _words(self, address: str) -> list[str] | None:
        """The steps of an address of this server; None for any other text."""
        try:
            parts = urlsplit(address)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https"):
            return None
        port = ":443" if parts.scheme == "https" else ":80"
        if parts.netloc.lower().removesuffix(port) not in {self.host, *_SHORT}:
            return None
        return [unquote(word) for word in parts.path.strip("/").split("/")]

    def named_account(self, given: str) -> str | None:
        """The account that a person named: its name, the address of one of its pages, or of a
        search for what it has; None for any other text."""
        words = self._words(given)
        if words is None and (steps := given.split("/"))[0].lower() in {self.host, *_SHORT}:
            words = steps[1:]
        if words is None:
            words = [given.removeprefix("@")]
        elif not words:
            return None
        elif words[0] in _TYPES and len(words) == 1:
            words = parse_qs(urlsplit(given).query).get("author", [])
        elif words[0] == "organizations":
            words = words[1:]
        if len(words) not in (1, 2, 3) or not (len(words) == 1 or words[1] in _OF_ACCOUNTS):
            return None
        return words[0] if _is_name(words[0]) else None

    def written(self, given: str) -> Named | None:
        """What a person wrote that is no address: OWNER/NAME, or the bare name of an old
        repository; datasets/ or spaces/ before either; the host before it; a page's path behind
        it."""
        if (old := self._words(given)) is not None and _is_of_old(old):
            return Named(old[0], RepoType.MODEL, old[2], "/".join(old[3:]) or None)
        given = _over_ssh(given)
        words = given.removeprefix(CLIENT).strip("/").split("/")
        by_client = given.startswith(CLIENT)
        hosted = len(words) > 1 and words[0].lower() in {self.host, *_SHORT}
        words = words[1:] if hosted else words
        typed = words[0] in _TYPES
        bare = words[1:] if typed else words
        if len(bare) == 1 and _is_name(bare[0]) and bare[0] not in _TYPES and (typed or not hosted):
            return Named(bare[0], _TYPES[words[0]] if typed else None)
        if by_client or (len(bare) > 2 and bare[2] not in _PAGES):
            return None
        found = _of_words(words)
        if found is None or typed or hosted:
            return found
        return replace(found, type=None)


def _of_words(words: list[str]) -> Named | None:
    """The path of a page: [datasets/|spaces/]owner/name[/tree/revision[/path]]."""
    if words[0] == "api" and len(words) > 1 and words[1] in _TYPES:
        words = words[1:]
    type, words = _type_first(words)
    if len(words) < 2 or not all(words) or not (_is_name(words[0]) and _is_name(words[1])):
        return None
    if words[0] in _NO_OWNERS:
        return None
    repo = f"{words[0]}/{words[1].removesuffix('.git')}"
    if len(words) > 3 and words[2] in _PAGES:
        return Named(repo, type, words[3], "/".join(words[4:]) or None)
    return Named(repo, type)


def _is_of_old(words: list[str]) -> bool:
    """A page of a repository without an owner: name/tree/revision."""
    return (
        len(words) > 2
        and words[1] in _PAGES
        and not (len(words) > 3 and words[2] in _PAGES)
        and _is_name(words[0])
    )


def _over_ssh(given: str) -> str:
    """git@host:owner/name as host/owner/name."""
    address = given.removeprefix("ssh://")
    if not address.startswith("git@"):
        return given
    host, _, path = address.removeprefix("git@").replace(":", "/", 1).partition("/")
    return f"{host}/{path}"


_NO_NAME = frozenset("?#@:\\\"'<>,;|*%=&")
"""Characters of addresses, patterns and tables, which no hub has in a name."""


def _is_name(word: str) -> bool:
    return bool(word) and not any(map(str.isspace, word)) and not _NO_NAME & set(word)


def _written_by_the_client(address: str) -> Named | None:
    type, words = _type_first(address.removeprefix(CLIENT).strip("/").split("/"))
    if len(words) < 2 or not all(words) or words[0] in _NO_OWNERS:
        return None
    name, _, revision = words[1].partition("@")
    return Named(f"{words[0]}/{name}", type, revision or None, "/".join(words[2:]) or None)


def _type_first(words: list[str]) -> tuple[RepoType, list[str]]:
    type = _TYPES.get(words[0])
    return (RepoType.MODEL, words) if type is None else (type, words[1:])
