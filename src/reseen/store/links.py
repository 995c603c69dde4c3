"""Names and links in one spelling, so that equal things are equal bytes.

What comes in: what a person typed or a list says. What goes out: normal forms. Pure, and it never
fails: text that makes no sense as a link is no link.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

_MOST_WRAPPED = 3
"""Addresses within addresses that are gone into."""
_LONGEST = 4096
"""Characters of a link that are looked at; a longer one is none."""

_ALIASES = {"civitai": "civitai.com", "civitai.red": "civitai.com", "civitai.green": "civitai.com"}
"""Other addresses of the same site, with the same ids."""

_MIRRORS = {"civarchive.com": "civitai.com", "civitaiarchive.com": "civitai.com"}
"""Sites that show another site's models under that one's ids."""

_ARCHIVED = re.compile(
    r"(?:https?://)?(?:web\.archive\.org/(?:web|save)|wayback\.archive\.org/web"
    r"|archive\.(?:ph|is|today|li|md|vn|fo)|webcache\.googleusercontent\.com/search\?q=cache:[^:/]*:?"
    r"|(?:www\.)?ghostarchive\.org/archive|timetravel\.mementoweb\.org/memento)"
    r"(?:/(?:\d{4,14}[a-z_]{0,4}\*?|newest|latest|o|\*))?/?(?=https?(?::|%3a)|[\w-]+\.)",
    re.IGNORECASE,
)
"""What archives of pages put before the address that they keep."""
_WRAPPED = frozenset({"url", "q", "u", "target", "to", "dest", "link"})
"""Parameters in which a site that leads elsewhere holds the address."""
_LEADS_ELSEWHERE = re.compile(
    r"(?:google\.[a-z.]+|l\.facebook\.com|out\.reddit\.com|l\.instagram\.com|duckduckgo\.com"
    r"|steamcommunity\.com|vk\.com|t\.umblr\.com|href\.li|translate\.goog)\Z"
)
_AT = re.compile(
    r"(?:([a-z][\w.-]*)\s*[:/]\s*)?(?:models?/)?(\d{1,20})\s*@\s*(\d{1,20})", re.IGNORECASE
)
"""MODEL@VERSION, as Civitai's own tools write a resource."""
_HASH = re.compile(r"[0-9A-Fa-f]{8,64}\Z")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}\Z")
_BY_HASH = frozenset({"by-hash", "byhash", "sha256", "hash", "hashes", "blake3", "autov2"})

_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,}(?::\d+)?\Z")
_NAMED = re.compile(r"[\w-]+(?:\.[\w-]+)*|[0-9a-f:.%]+")
"""A site's host name or address, as it is kept."""
_AIR = re.compile(r"(?:urn:)?air:[^:\s]*:[^:\s]*:(\w+):(\d+)(?:@(\d+))?", re.IGNORECASE)
"""The resource names that Civitai's generator prints: urn:air:sdxl:lora:civitai:MODEL@VERSION."""

_PLAIN = re.compile(
    r"https?://([a-z0-9.-]+)/models/([0-9]{1,20})(?:/[\w-]*)?(?:\?modelVersionId=([0-9]{1,20}))?\Z"
)
"""Nine links of ten in a list look like this, and need no full reading."""


@dataclass(frozen=True, slots=True, repr=False)
class Link:
    """A link to a model's former page. Silent when printed."""

    site: str
    """Host name, lower case, without "www."."""
    model_id: str | None
    version_id: str | None
    normal: str
    """The whole link in its normal spelling, without scheme and without slug."""
    hash: str | None = None
    """Hexadecimal digits of the file's hash, where the link holds them."""

    def __repr__(self) -> str:
        return "Link(sealed)"


def plain_ids(text: str) -> tuple[str, str, str] | None:
    """(site, model id, version id) of a link that needs no full reading and holds both ids: what
    `parse` finds in it, and nothing else. None for any other, of which `parse` tells more."""
    plain = _PLAIN.match(text)
    if plain is None or plain[3] is None or len(text) > _LONGEST:
        return None
    site = normal_site(plain[1])
    return _MIRRORS.get(site, site), plain[2], plain[3]


def parse(text: str, *, inner: bool = False) -> Link | None:
    """The link in any spelling (with or without scheme, www, slug, query); None if it is none.

    Knows pages (`/models/1/slug?modelVersionId=2`), API addresses (`/api/v1/models/1`,
    `/api/v1/model-versions/2`, `/api/download/models/2`, `/model-versions/by-hash/HASH`), what an
    address says of its file (`#sha256=HASH`), AIR names, MODEL@VERSION, and addresses within those
    of archives and of sites that lead elsewhere.
    `inner`: it is one that such a site led to.
    """
    text = text.strip().strip("<>\"'`()[]")
    if len(text) > _LONGEST or not text:
        return None
    if plain := _PLAIN.match(text):
        site = normal_site(plain[1])
        return _link(_MIRRORS.get(site, site), plain[2], plain[3])
    if air := _AIR.match(text):
        return _link(normal_site(air[1]), air[2], air[3])
    if at := _AT.fullmatch(text):
        return _link(normal_site(at[1] or "civitai"), at[2], at[3])
    for _ in range(_MOST_WRAPPED):
        if (kept := _ARCHIVED.match(text)) is None:
            break
        text = text[kept.end() :]
        text = unquote(text) if "%3a" in text[:12].lower() else text
        text = re.sub(r"\A(https?):/+(?!/)", r"\1://", text, flags=re.IGNORECASE)
    if "://" not in text:
        host, slash, _ = text.partition("/")
        if not slash or not _HOST.match(host):
            return None
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        site = normal_site(parts.hostname or "")
        query = parse_qsl(parts.query, max_num_fields=50)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not _NAMED.fullmatch(site):
        return None  # who the site is stands in clear: no other words may

    if not inner and _LEADS_ELSEWHERE.search(site):
        for name, value in query:
            if name.lower() in _WRAPPED and value.lower().startswith(("http://", "https://")):
                found = parse(value, inner=True)
                if found is not None:
                    return found
    steps = [unquote(step) for step in parts.path.split("/") if step]
    model, version = _ids(steps)
    for name, value in query:
        if name.lower() in ("modelversionid", "versionid", "model_version_id") and value.isdigit():
            version = value
    hash = _hash_in(steps)
    said = _hash_said([*query, *_parameters(parts.fragment)])
    if model or version or hash:
        hash = hash or said
        return _link(_MIRRORS.get(site, site), model, version, hash)
    rest = sorted((n, v) for n, v in query if not n.lower().startswith("utm_"))
    rest = [(name, value) for name, value in rest if value.lower() != said]
    tail = "&".join(f"{name}={value}" for name, value in rest)
    path = normal_name("/".join(steps))
    whole = f"{site}/{path}" + (f"?{normal_name(tail)}" if tail else "")
    return Link(site, None, None, whole, said)


def _ids(steps: list[str]) -> tuple[str | None, str | None]:
    """Model id and version id from the parts of a path."""
    lower = [step.lower() for step in steps]
    for at in range(len(steps) - 1):
        if not (steps[at + 1].isascii() and steps[at + 1].isdigit()):
            continue
        if lower[at] == "model-versions":
            return None, steps[at + 1]
        if lower[at] == "models":
            if at > 0 and lower[at - 1] == "download":
                return None, steps[at + 1]
            return steps[at + 1], None
    return None, None


def _hash_in(steps: list[str]) -> str | None:
    """The hash in a path: `/sha256/HASH`, `/model-versions/by-hash/HASH`."""
    for before, step in itertools.pairwise(steps):
        if before.lower() in _BY_HASH and _HASH.match(step):
            return step.lower()
    return None


def _hash_said(parameters: list[tuple[str, str]]) -> str | None:
    """The SHA-256 that an address says of the file it leads to: `#sha256=HASH`, as Python's package
    indexes write it, or `?sha256=HASH`."""
    said = {v.lower() for name, v in parameters if name.lower() == "sha256" and _SHA256.match(v)}
    return said.pop() if len(said) == 1 else None


def _parameters(fragment: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(fragment, max_num_fields=50)
    except ValueError:
        return []


def _link(site: str, model: str | None, version: str | None, hash: str | None = None) -> Link:
    if not model and not version:
        return Link(site, None, None, f"{site}/by-hash/{hash}", hash)
    normal = f"{site}/models/{model}" if model else f"{site}/model-versions/{version}"
    if model and version:
        normal += f"?modelVersionId={version}"
    return Link(site, model, version, normal, hash)


@lru_cache(maxsize=256)
def normal_site(text: str) -> str:
    """A site's host name: lower case, without scheme, "www.", path, and under its main address."""
    text = text.strip().casefold().partition("://")[2] or text.strip().casefold()
    host = text.partition("/")[0].removeprefix("www.").rstrip(".")
    return _ALIASES.get(host, host)


def normal_name(text: str) -> str:
    """NFKC, case folded, inner white space as single blanks, none outside, nothing invisible."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        # Folding can take the normal form apart again; and pasted text brings zero-width marks.
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def normal_file_name(text: str) -> str:
    """As `normal_name`, of the last part of a path."""
    return normal_name(text.replace("\\", "/").rstrip("/").rpartition("/")[2])
