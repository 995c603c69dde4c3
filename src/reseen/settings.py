"""Every setting, once, with its environment name. Options of the CLI override these.

What comes in: the process environment. What goes out: a frozen `Settings`.
Endpoint and token follow the conventions that users of the Hub know (`HF_ENDPOINT`, `HF_TOKEN`,
`HF_TOKEN_PATH`, `HF_HOME`, and the file that `hf auth login` leaves behind).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from reseen.errors import SettingsError

ENVIRONMENT: Mapping[str, str] = {
    "RESEEN_HOME": "Folder of the default store and key file (default: $XDG_DATA_HOME/reseen).",
    "RESEEN_DB": "Where the store is: a URL or a file's path (default: a file in RESEEN_HOME).",
    "RESEEN_KEY": "The sealing key: 64 hex digits. Wins over the key file.",
    "RESEEN_KEY_FILE": "The sealing key's file (default: reseen.key in RESEEN_HOME).",
    "RESEEN_STATE": "Folder of the gate's last state (default: gate in RESEEN_HOME).",
    "RESEEN_URL": "Where people reach the service, e.g. https://review.example.org (serve).",
    "RESEEN_HF_WEBHOOK_SECRET": "The secret of the Hub's webhook (serve); without it, no hooks.",
    "RESEEN_SMTP": "Where notices are handed in: smtp://user:password@host:587 or smtps://...",
    "RESEEN_SMTP_FROM": "The sender of notices.",
    "RESEEN_DEBUG": "Set to anything: an unexpected error shows where it happened (--debug).",
    "HF_ENDPOINT": "The Hub to scan (default: https://huggingface.co).",
    "HF_TOKEN": "The Hub's token.",
    "HF_TOKEN_PATH": "File that holds the Hub's token (default: $HF_HOME/token).",
    "HF_HOME": "The Hub client's folder (default: $XDG_CACHE_HOME/huggingface).",
    "XDG_DATA_HOME": "Base of RESEEN_HOME (default: ~/.local/share).",
    "XDG_CACHE_HOME": "Base of HF_HOME (default: ~/.cache).",
    "NO_COLOR": "Set to anything: no colours, also on terminals.",
}
"""Every environment variable that Reseen reads, with its meaning. A test holds the docs to it."""

DEFAULT_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Secrets never show in a repr."""

    home: Path
    db: str
    """An SQLAlchemy URL."""
    key_file: Path
    endpoint: str
    """Without a trailing slash."""
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    """The Hub's token; for the endpoint only."""
    state: Path | None = None
    """Folder of the gate's last state; None: `gate` in `home`."""
    url: str | None = None
    """Where people reach the service; decides whether cookies need https."""
    webhook_secret: str | None = field(default=None, repr=False)
    smtp: str | None = field(default=None, repr=False)
    smtp_from: str | None = None
    no_color: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment. Raises SettingsError for a value that makes no sense."""
        env = os.environ if environ is None else environ
        home = _path(env, "RESEEN_HOME") or (
            (_path(env, "XDG_DATA_HOME") or Path.home() / ".local" / "share") / "reseen"
        )
        endpoint = (env.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).strip().rstrip("/")
        check_endpoint(endpoint, "HF_ENDPOINT")
        return cls(
            home=home,
            db=store_url(env.get("RESEEN_DB") or str(home / "reseen.db")),
            key_file=_path(env, "RESEEN_KEY_FILE") or home / "reseen.key",
            endpoint=endpoint,
            key=env.get("RESEEN_KEY") or None,
            token=_token(env),
            state=_path(env, "RESEEN_STATE") or home / "gate",
            url=(env.get("RESEEN_URL") or "").strip().rstrip("/") or None,
            webhook_secret=env.get("RESEEN_HF_WEBHOOK_SECRET") or None,
            smtp=env.get("RESEEN_SMTP") or None,
            smtp_from=env.get("RESEEN_SMTP_FROM") or None,
            no_color=bool(env.get("NO_COLOR")),
        )

    def token_for(self, endpoint: str) -> str | None:
        """The token, if it may go to this endpoint: never in clear text over a network."""
        parts = urlsplit(endpoint)
        if parts.scheme == "https" or (parts.hostname or "") in ("127.0.0.1", "::1", "localhost"):
            return self.token
        return None


def store_url(given: str) -> str:
    """What `--db` and RESEEN_DB take: a database's URL, or the path of an SQLite file."""
    if "://" in given:
        return given
    if "?" in given:
        raise SettingsError(
            "the store's path holds a question mark", remedy="Give the file another name."
        )
    return f"sqlite:///{Path(given).expanduser()}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_endpoint(endpoint: str, name: str) -> None:
    """Raise SettingsError unless the endpoint is a plain http(s) URL without credentials."""
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise SettingsError(
            f"{name} is not a URL", remedy=f"Use something like {DEFAULT_ENDPOINT}."
        ) from None
    if not usable or parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            f"{name} is not a plain http or https URL",
            remedy=f"Use something like {DEFAULT_ENDPOINT}; give a token in HF_TOKEN.",
        )


def _path(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name)
    return Path(value).expanduser() if value else None


def _token(env: Mapping[str, str]) -> str | None:
    given = (env.get("HF_TOKEN") or "").strip()
    if given:
        return given
    hf_home = _path(env, "HF_HOME") or (
        (_path(env, "XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    )
    try:
        return (_path(env, "HF_TOKEN_PATH") or hf_home / "token").read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None  # nobody has logged in: the Hub answers anonymous callers too
