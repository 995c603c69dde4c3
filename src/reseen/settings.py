"""Every setting, once, with its environment name. Options of the CLI override these.

What comes in: the process environment. What goes out: a frozen `Settings`.
Endpoint and token of the Hugging Face Hub follow the conventions that its users know
(`HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, and the file that `hf auth login` leaves
behind). Every hub, this one too, has its settings under its name: `RESEEN_HUB_<NAME>_ENDPOINT`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reseen.errors import SettingsError

ENVIRONMENT: Mapping[str, str] = {
    "RESEEN_HOME": "Folder of the default store (default: $XDG_DATA_HOME/reseen).",
    "RESEEN_DB": "Where the store is: a URL or a file's path (default: a file in RESEEN_HOME).",
    "RESEEN_DB_FILE": "A file that holds what RESEEN_DB would say: a secret of a container.",
    "RESEEN_KEY": "The sealing key: 64 hex digits. Wins over the key file.",
    "RESEEN_KEY_FILE": "The sealing key's file (default: $XDG_CONFIG_HOME/reseen/reseen.key).",
    "RESEEN_NEW_KEY": "The next sealing key, for `seal rotate`: 64 hex digits.",
    "RESEEN_STATE": "Folder of the gate's last state (default: gate in RESEEN_HOME).",
    "RESEEN_URL": "Where people reach the service, e.g. https://review.example.org (serve).",
    "RESEEN_HF_WEBHOOK_SECRET": "The secret of the Hub's webhook (serve); without it, no hooks.",
    "RESEEN_SMTP": "Where notices are handed in: smtp://user:password@host:587 or smtps://...",
    "RESEEN_SMTP_FROM": "The mail address that notices are sent from.",
    "RESEEN_SENDER_ORGANISATION": "Whose notices they are: the name of the organisation.",
    "RESEEN_SENDER_CONTACT": "Who answers at it: a name, or a desk.",
    "RESEEN_SENDER_MAIL": "Where a host answers (default: RESEEN_SMTP_FROM).",
    "RESEEN_SENDER_ADDRESS": "Its postal address, in one line.",
    "RESEEN_PDF_FONT": "A TrueType font for PDFs (default: DejaVu Sans, where it is installed).",
    "RESEEN_OIDC_ISSUER": "The OpenID provider that people may sign in with: its issuer URL.",
    "RESEEN_OIDC_CLIENT_ID": "What this service is called there.",
    "RESEEN_OIDC_CLIENT_SECRET": "Its secret there; without one it is a public client.",
    "RESEEN_OIDC_SCOPES": "What is asked for (default: openid profile).",
    "RESEEN_OIDC_LABEL": "What the sign-in page calls the provider (default: its host).",
    "RESEEN_OIDC_NAME_CLAIM": "The claim with a new user's name (default: preferred_username).",
    "RESEEN_OIDC_ROLES_CLAIM": "The claim that gives roles (default: groups).",
    "RESEEN_OIDC_ROLES": "Which value of it gives which role: reviewers=reviewer,ts-leads=lead.",
    "RESEEN_OIDC_NEW_USERS": "Whether who has a role there is made a user (yes, or no).",
    "RESEEN_NOTIFY_MAIL": "Who is told by mail that there is something to do, with commas between.",
    "RESEEN_NOTIFY_WEBHOOK": "The address that is told by a signed webhook.",
    "RESEEN_NOTIFY_SECRET": "What it is signed with: whsec_ and base64 of 24 bytes or more.",
    "RESEEN_NOTIFY_ABOUT": "What is told: cases scans clocks notices (default: all of them).",
    "RESEEN_NOTIFY_RUNG": "The lowest rung of new cases that is told (default: declared).",
    "RESEEN_NOTIFY_EVERY": "How often at most: 15m, 1h, 1d (default: 1h).",
    "RESEEN_NOTIFY_PRIVATE": "Set to anything: the webhook may be at a private address, or http.",
    "RESEEN_DEBUG": "Set to anything: an unexpected error shows where it happened (--debug).",
    "RESEEN_HUB_<NAME>_ENDPOINT": "The address of a hub that is then called <name>.",
    "RESEEN_HUB_<NAME>_TOKEN": "Its token; for its endpoint only.",
    "RESEEN_HUB_<NAME>_QUOTA": "Requests in seconds, at most: 500/300. Its own limits hold too.",
    "RESEEN_HUB_<NAME>_DOWNLOADS": "no: nothing is asked for that may count as a download.",
    "RESEEN_HUB_<NAME>_KIND": "What it speaks: huggingface (default), civitai, modelscope ...",
    "HF_ENDPOINT": "The Hub to scan (default: https://huggingface.co).",
    "HF_TOKEN": "The Hub's token.",
    "HUGGING_FACE_HUB_TOKEN": "The same, by the name that it had before.",
    "HF_TOKEN_PATH": "File that holds the Hub's token (default: $HF_HOME/token).",
    "HF_HOME": "The Hub client's folder (default: $XDG_CACHE_HOME/huggingface).",
    "HF_HUB_CACHE": "The Hub client's cache: `scan folder` without a path (default: $HF_HOME/hub).",
    "HUGGINGFACE_HUB_CACHE": "The same, by the name that it had before.",
    "XDG_DATA_HOME": "Base of RESEEN_HOME (default: ~/.local/share).",
    "XDG_CONFIG_HOME": "Base of the sealing key's folder (default: ~/.config).",
    "XDG_CACHE_HOME": "Base of HF_HOME (default: ~/.cache).",
    "RESEEN_GONE_AFTER": "How long strangers must be refused before that is gone (default: 24h).",
    "NO_COLOR": "Set to anything: no colours, also on terminals.",
}
"""Every environment variable that Reseen reads, with its meaning. A test holds the docs to it."""

DEFAULT_ENDPOINT = "https://huggingface.co"
HUGGING_FACE = "huggingface"
"""The name of the first hub that is there without any setting, and the kind of those like it."""
CIVITAI = "civitai"
"""The name of another that is there without any setting, and the kind of those like it."""
CIVITAI_ENDPOINT = "https://civitai.com"
LIBLIB, MODELSCOPE, OCI, GIT, ARC_EN_CIEL = "liblib", "modelscope", "oci", "git", "arcenciel"
CIVARCHIVE = "civarchive"
"""Kinds of hubs that are there only where somebody sets one."""

_OF_A_HUB = re.compile(
    r"RESEEN_HUB_([A-Z0-9]+(?:_[A-Z0-9]+)*)_(ENDPOINT|TOKEN|QUOTA|KIND|DOWNLOADS)"
)
_QUOTA = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,5})")
_TAKEN = {"hf", "folder"}
"""Names that mean something already."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests at most in any so many seconds."""

    requests: int
    seconds: float


USUAL_QUOTAS: Mapping[str, RateLimit] = {
    CIVITAI: RateLimit(2, 1.0),
    LIBLIB: RateLimit(1, 1.0),
    MODELSCOPE: RateLimit(2, 1.0),
    OCI: RateLimit(5, 1.0),
    GIT: RateLimit(2, 1.0),
    ARC_EN_CIEL: RateLimit(5, 1.0),
    CIVARCHIVE: RateLimit(1, 1.0),
}
"""By kind: hubs that publish no quota are asked so often at most, where the settings say nothing
else."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """One hub that can be asked."""

    name: str
    """What people call it."""
    endpoint: str
    """Without a trailing slash."""
    kind: str = HUGGING_FACE
    """What it speaks: see `reseen.hubs.kinds`."""
    token: str | None = field(default=None, repr=False)
    """For this endpoint only."""
    gone_after: timedelta = timedelta(days=1)
    """How long a repository that anybody could see must be refused to whoever has no token, before
    that means that it was deleted or made private."""
    quota: RateLimit | None = None
    """How often we ask at most; what the hub itself asks for is kept in any case."""
    downloads: bool = True
    """Whether bytes of files are asked for: a hub may count that as a download."""
    said_by: str = field(default="", compare=False)
    """The variable, or option, that says the address; empty: none does, it is the usual one."""
    contact: str = field(default="", compare=False)
    """Whom the hub's people can write to, where notices have a sender: some are told with each
    request."""

    @property
    def host(self) -> str:
        return host_of(self.endpoint)

    @property
    def address_in(self) -> str:
        """The variable that can say another address."""
        return "HF_ENDPOINT" if self.name == HUGGING_FACE else self._variable("ENDPOINT")

    @property
    def access_in(self) -> str:
        """The variable in which a token is given."""
        return "HF_TOKEN" if self.name == HUGGING_FACE else self._variable("TOKEN")

    @property
    def downloads_in(self) -> str:
        """The variable that says whether bytes of files are asked for."""
        return self._variable("DOWNLOADS")

    @property
    def said_of_address(self) -> str:
        """Where its address is from, in a sentence."""
        return said_of_address(self.said_by, self.address_in)

    def _variable(self, what: str) -> str:
        return f"RESEEN_HUB_{self.name.upper().replace('-', '_')}_{what}"

    @property
    def is_chosen(self) -> bool:
        """Somebody set it, or it is the first. Any other is there by itself, and nobody need ever
        have asked it."""
        return bool(self.said_by) or self.name == HUGGING_FACE


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """Whose notices they are, as each says at its head; empty: not said."""

    organisation: str = ""
    contact: str = ""
    mail: str = ""
    address: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Without these nobody knows who writes: the settings that are to be set."""
        needed = {
            "RESEEN_SENDER_ORGANISATION": self.organisation or self.contact,
            "RESEEN_SENDER_MAIL": self.mail,
        }
        return tuple(name for name, value in needed.items() if not value)


UNNAMED = NoticeSender()
"""Nobody says whose they are."""


NEWS = ("cases", "scans", "clocks", "notices")
"""New cases, scans that failed, clocks of notices that ran out, notices that came back."""


_RUNGS = ("bytes", "tensors", "declared", "pointer", "weights", "component")


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is told that there is something to do; nobody by default."""

    mail: tuple[str, ...] = ()
    webhook: str | None = field(default=None, repr=False)
    """An address can be a secret."""
    secret: str | None = field(default=None, repr=False)
    about: tuple[str, ...] = NEWS
    rung: str = "declared"
    every: timedelta = timedelta(hours=1)
    private: bool = False

    @property
    def ways(self) -> tuple[str, ...]:
        """One for each who is told: what one does not take keeps nothing from others."""
        mails = tuple(f"mail {number}" for number in range(1, len(self.mail) + 1))
        return mails + ("webhook",) * bool(self.webhook)


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """The OpenID provider that people may sign in with."""

    issuer: str
    """As its tokens say it, to the letter."""
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    scopes: str = "openid profile"
    label: str = ""
    name_claim: str = "preferred_username"
    roles_claim: str = "groups"
    roles: tuple[tuple[str, str], ...] = ()
    """Values of that claim ("*": whatever it has, and where it is not there), each with a role's
    label. Empty: roles are given here, and nobody is made a user."""
    new_users: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Secrets never show in a repr."""

    home: Path
    db: str
    """An SQLAlchemy URL."""
    key_file: Path
    hubs: tuple[HubSettings, ...] = (HubSettings(HUGGING_FACE, DEFAULT_ENDPOINT),)
    """The Hugging Face Hub first, the other one that no setting needs to name last."""
    key: str | None = field(default=None, repr=False)
    new_key: str | None = field(default=None, repr=False)
    """What `key` is to be: for `seal rotate`."""
    state: Path | None = None
    """Folder of the gate's last state; None: `gate` in `home`."""
    url: str | None = None
    """Where people reach the service; decides whether cookies need https."""
    webhook_secret: str | None = field(default=None, repr=False)
    smtp: str | None = field(default=None, repr=False)
    smtp_from: str | None = None
    sender: NoticeSender = UNNAMED
    pdf_font: Path | None = None
    oidc: IssuerSettings | None = None
    notify: NotifySettings = NotifySettings()
    no_color: bool = False
    hub_cache: Path | None = None
    """Where the Hub's own client keeps what it has downloaded."""

    def key_beside_store(self) -> Path | None:
        """The folder in which both the key file and the store's file lie (or are to lie); None
        where they lie apart, or the key is in no file."""
        file = sqlite_file(self.db)
        if self.key is not None or file is None:
            return None
        store = file.absolute().parent.resolve()
        key = self.key_file.absolute().parent.resolve()
        return key if key.is_relative_to(store) or store.is_relative_to(key) else None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment. Raises SettingsError for a value that makes no sense."""
        env = os.environ if environ is None else environ
        home = _path(env, "RESEEN_HOME") or (
            (_path(env, "XDG_DATA_HOME") or _home() / ".local" / "share") / "reseen"
        )
        return cls(
            home=home,
            db=store_url(env.get("RESEEN_DB") or _from_file(env) or str(home / "reseen.db")),
            key_file=_path(env, "RESEEN_KEY_FILE") or _key_file(env, home),
            hubs=_hubs(env),
            key=env.get("RESEEN_KEY") or None,
            new_key=env.get("RESEEN_NEW_KEY") or None,
            state=_path(env, "RESEEN_STATE") or home / "gate",
            url=(env.get("RESEEN_URL") or "").strip().rstrip("/") or None,
            webhook_secret=env.get("RESEEN_HF_WEBHOOK_SECRET") or None,
            smtp=env.get("RESEEN_SMTP") or None,
            smtp_from=env.get("RESEEN_SMTP_FROM") or None,
            sender=_sender(env),
            pdf_font=_path(env, "RESEEN_PDF_FONT"),
            oidc=_issuer(env),
            notify=_notify(env),
            no_color=bool(env.get("NO_COLOR")),
            hub_cache=_hub_cache(env),
        )


_LONGEST_LINE = 300
"""Characters in a line of a notice's head."""


def _sender(env: Mapping[str, str]) -> NoticeSender:
    """Raises SettingsError for what is no line of text."""
    said = {}
    for part in ("ORGANISATION", "CONTACT", "MAIL", "ADDRESS"):
        name = f"RESEEN_SENDER_{part}"
        value = said[part] = (env.get(name) or "").strip()
        if len(value) > _LONGEST_LINE or not value.isprintable():
            raise SettingsError(
                f"{name} is not one line of text",
                remedy=f"Write at most {_LONGEST_LINE} characters, without line breaks.",
            )
    mail = said["MAIL"] or (env.get("RESEEN_SMTP_FROM") or "").strip()
    if mail and not re.fullmatch(r"[^@\s]+@[^@\s]+", mail):
        raise SettingsError(
            "RESEEN_SENDER_MAIL is no mail address",
            remedy="Give one, like reports@example.org, and no name.",
        )
    return NoticeSender(said["ORGANISATION"], said["CONTACT"], mail, said["ADDRESS"])


def _key_file(env: Mapping[str, str], home: Path) -> Path:
    """Where the sealing key is where nobody says: apart from the store, so that one copied folder
    does not give both. But where it lies already, and in a folder that was named for all of it."""
    beside = home / "reseen.key"
    if env.get("RESEEN_HOME") or os.path.exists(beside):  # of a name that none can have: False
        return beside
    config = _path(env, "XDG_CONFIG_HOME") or _home() / ".config"
    return config / "reseen" / "reseen.key"


def host_of(endpoint: str) -> str:
    """The endpoint's host, with its port where that is not the usual one: what the store calls a
    hub that speaks the Hub's API."""
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
    if ":" in host:
        host = f"[{host}]"
    usual = parts.port in (None, _PORTS.get(parts.scheme))
    return host if usual else f"{host}:{parts.port}"


def _from_file(env: Mapping[str, str]) -> str | None:
    """What the file that RESEEN_DB_FILE names says; None where none is named. What it holds can be
    a password, and is in no error. Raises SettingsError."""
    path = _path(env, "RESEEN_DB_FILE")
    if path is None:
        return None
    try:
        said = path.read_text().strip()
    except (OSError, ValueError):
        said = ""
    if not said:
        raise SettingsError(
            "the file that RESEEN_DB_FILE names cannot be read, or is empty",
            remedy="Put into it what RESEEN_DB would say, readable by who runs Reseen.",
        )
    return said


def store_url(given: str) -> str:
    """What `--db` and RESEEN_DB take: a database's URL, or the path of an SQLite file. In the URL
    that comes out, "%" and "?" of a file's path are written as in other URLs."""
    if not given.startswith(_SQLITE):
        if "://" in given:
            return given
        return _SQLITE + _in_url(str(_at_home(given, "the path of the store")))
    path, query, _ = given.removeprefix(_SQLITE).partition("?")
    if query:
        raise SettingsError(
            "the URL of an SQLite file has a question mark in it, and takes no options",
            remedy="Give the file's path alone.",
        )
    return _SQLITE + _in_url(path)


def sqlite_file(url: str) -> Path | None:
    """The file of a store whose URL `store_url` gave; None where a server holds it."""
    return Path(unquote(url.removeprefix(_SQLITE))) if url.startswith(_SQLITE) else None


_SQLITE = "sqlite:///"


def _in_url(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3F")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_endpoint(endpoint: str, name: str, such_as: str = DEFAULT_ENDPOINT) -> None:
    """Raise SettingsError unless the endpoint is a plain http(s) URL without credentials.
    `such_as`: one that would do."""
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(host_of(endpoint)) and parts.port != 0
    except ValueError:  # no port, or a host that is no host's name
        raise SettingsError(
            f"{name} is not a URL", remedy=f"Use something like {such_as}."
        ) from None
    if not usable or parts.username or parts.password or parts.query or parts.fragment:
        token = "; give a token in HF_TOKEN" if such_as == DEFAULT_ENDPOINT else ""
        raise SettingsError(
            f"{name} is not a plain http or https URL",
            remedy=f"Use something like {such_as}{token}.",
        )


ROLES = ("reader", "reviewer", "lead", "administrator")
"""Labels of roles, the least first."""


def _issuer(env: Mapping[str, str]) -> IssuerSettings | None:
    def given(name: str, otherwise: str = "") -> str:
        return (env.get(f"RESEEN_OIDC_{name}") or "").strip() or otherwise

    issuer, client_id = given("ISSUER"), given("CLIENT_ID")
    if not issuer:
        alone = [n for n in ENVIRONMENT if n.startswith("RESEEN_OIDC_") and env.get(n, "").strip()]
        if not alone:
            return None
        raise SettingsError(
            f"{alone[0]} is set, and RESEEN_OIDC_ISSUER is not",
            remedy="Set it to the provider's issuer URL, such as https://id.example.org.",
        )
    check_endpoint(issuer, "RESEEN_OIDC_ISSUER", such_as="https://id.example.org")
    if not client_id:
        raise SettingsError(
            "RESEEN_OIDC_ISSUER is set, and RESEEN_OIDC_CLIENT_ID is not",
            remedy="Register this service at the provider, and set what it is called there.",
        )
    if not issuer.startswith("https://") and not is_loopback(urlsplit(issuer).hostname or ""):
        raise SettingsError(
            "RESEEN_OIDC_ISSUER is not reached by https",
            remedy="Whoever is on the way could sign in as anybody: use its https address.",
        )
    if not (env.get("RESEEN_URL") or "").strip():
        raise SettingsError(
            "RESEEN_OIDC_ISSUER is set, and RESEEN_URL is not",
            remedy="The provider sends people back there: set RESEEN_URL=https://...",
        )
    new_users = _yes(given("NEW_USERS", "yes"), "RESEEN_OIDC_NEW_USERS")
    scopes = given("SCOPES", "openid profile").split()
    return IssuerSettings(
        issuer,
        client_id,
        given("CLIENT_SECRET") or None,
        scopes=" ".join(dict.fromkeys(["openid", *scopes])),
        label=given("LABEL", host_of(issuer))[:64],
        name_claim=given("NAME_CLAIM", "preferred_username"),
        roles_claim=given("ROLES_CLAIM", "groups"),
        roles=_claimed_roles(given("ROLES")),
        new_users=new_users,
    )


def _claimed_roles(given: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.rpartition("=") for part in given.split(",") if part.strip()]
    found = tuple((value.strip(), role.strip().lower()) for value, _, role in pairs)
    if any(not value or role not in ROLES for value, role in found):
        raise SettingsError(
            "RESEEN_OIDC_ROLES does not say which value gives which role",
            remedy=f"Write VALUE=ROLE,VALUE=ROLE with roles of {', '.join(ROLES)}.",
        )
    return found


def _hubs(env: Mapping[str, str]) -> tuple[HubSettings, ...]:
    given: dict[str, dict[str, str]] = {HUGGING_FACE: {}}
    for variable, value in sorted(env.items()):
        matched = _OF_A_HUB.fullmatch(variable)
        if matched and value.strip():
            name = matched[1].lower().replace("_", "-")
            given.setdefault(name, {})[matched[2]] = value.strip()
    given[CIVITAI] = given.pop(CIVITAI, {})
    return tuple(_hub(name, each, env) for name, each in given.items())


def _hub(name: str, given: Mapping[str, str], env: Mapping[str, str]) -> HubSettings:
    prefix = f"RESEEN_HUB_{name.upper().replace('-', '_')}"
    variable, endpoint, token = f"{prefix}_ENDPOINT", given.get("ENDPOINT"), given.get("TOKEN")
    if name in _TAKEN:
        raise SettingsError(
            f"{prefix}_... names a hub {name!r}, which means something else",
            remedy=f"Call it otherwise; for the Hugging Face Hub say {HUGGING_FACE.upper()}.",
        )
    if name == HUGGING_FACE:
        if endpoint is None:
            endpoint = env.get("HF_ENDPOINT")
            variable = "HF_ENDPOINT" if endpoint else ""
            endpoint = endpoint or DEFAULT_ENDPOINT
        token = token or _token(env)
    if name == CIVITAI and endpoint is None:
        variable, endpoint = "", CIVITAI_ENDPOINT
    if endpoint is None:
        raise SettingsError(
            f"the hub {name} has settings, but no address", remedy=f"Set {variable} to its URL."
        )
    endpoint = endpoint.strip().rstrip("/")
    check_endpoint(endpoint, variable)
    kind = given.get("KIND", CIVITAI if name == CIVITAI else HUGGING_FACE).lower()
    quota = given.get("QUOTA")
    return HubSettings(
        name,
        endpoint,
        gone_after=_gone_after(env),
        kind=kind,
        token=token,
        quota=USUAL_QUOTAS.get(kind) if quota is None else _rate(quota, f"{prefix}_QUOTA"),
        downloads=_yes(given.get("DOWNLOADS", "yes"), f"{prefix}_DOWNLOADS"),
        said_by=variable,
        contact=_sender(env).mail,
    )


def said_of_address(said_by: str, address_in: str = "HF_ENDPOINT") -> str:
    """Where a hub's address is from, in a sentence. Both as in `HubSettings`."""
    if said_by:
        return f"The hub's address is what {said_by} says."
    return f"The hub's address is the usual one; {address_in} can name another."


def _notify(env: Mapping[str, str]) -> NotifySettings:
    about = tuple(re.split(r"[\s,]+", (env.get("RESEEN_NOTIFY_ABOUT") or " ".join(NEWS)).strip()))
    if not set(about) <= set(NEWS):
        raise SettingsError(
            "RESEEN_NOTIFY_ABOUT names something that is told of nowhere",
            remedy=f"Use some of: {' '.join(NEWS)}.",
        )
    rung = (env.get("RESEEN_NOTIFY_RUNG") or "declared").strip().lower()
    if rung not in _RUNGS:
        raise SettingsError(
            "RESEEN_NOTIFY_RUNG is no rung of a case", remedy=f"Use one of: {' '.join(_RUNGS)}."
        )
    mail = re.split(r"[\s,]+", (env.get("RESEEN_NOTIFY_MAIL") or "").strip())
    webhook = (env.get("RESEEN_NOTIFY_WEBHOOK") or "").strip() or None
    secret = (env.get("RESEEN_NOTIFY_SECRET") or "").strip() or None
    if webhook is not None and secret is None:
        raise SettingsError(
            "RESEEN_NOTIFY_WEBHOOK has no secret to sign with",
            remedy="Set RESEEN_NOTIFY_SECRET: whsec_ and the base64 of 24 random bytes or more.",
        )
    return NotifySettings(
        mail=tuple(address for address in mail if address)[:20],
        webhook=webhook,
        secret=secret,
        about=about,
        rung=rung,
        every=_length(env, "RESEEN_NOTIFY_EVERY", "1h"),
        private=bool(env.get("RESEEN_NOTIFY_PRIVATE")),
    )


def _gone_after(env: Mapping[str, str]) -> timedelta:
    return _length(env, "RESEEN_GONE_AFTER", "24h")


def _length(env: Mapping[str, str], variable: str, usual: str) -> timedelta:
    given = (env.get(variable) or usual).strip().lower()
    matched = re.fullmatch(r"(\d{1,5})\s*([dhms])", given)
    if matched is None:
        raise SettingsError(
            f"{variable} is no length of time", remedy="Write a number and d, h, m or s: 24h."
        )
    unit = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}[matched[2]]
    return timedelta(**{unit: int(matched[1])})


def _yes(given: str, variable: str) -> bool:
    if given.lower() not in ("yes", "no"):
        raise SettingsError(f"{variable} is neither yes nor no", remedy="Write yes or no.")
    return given.lower() == "yes"


def _rate(given: str, variable: str) -> RateLimit:
    matched = _QUOTA.fullmatch(given)
    if matched is None:
        raise SettingsError(
            f"{variable} is no quota", remedy="Write REQUESTS/SECONDS, for example 500/300."
        )
    return RateLimit(int(matched[1]), float(matched[2]))


def _path(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name)
    return _at_home(value, name) if value else None


def _home() -> Path:
    return _at_home("~", "A usual place")


def _at_home(path: str, name: str) -> Path:
    """A path that may begin with a home folder. Raises SettingsError where nobody has that one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise SettingsError(
            f"{name} begins with a home folder that nobody has here",
            remedy="Write the path from the root on, or set HOME.",
        ) from None


def _hf_home(env: Mapping[str, str]) -> Path:
    return _path(env, "HF_HOME") or (
        (_path(env, "XDG_CACHE_HOME") or _home() / ".cache") / "huggingface"
    )


def _hub_cache(env: Mapping[str, str]) -> Path:
    named = _path(env, "HF_HUB_CACHE") or _path(env, "HUGGINGFACE_HUB_CACHE")
    return named or _hf_home(env) / "hub"


def _token(env: Mapping[str, str]) -> str | None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if given := (env.get(name) or "").strip():
            return given
    try:
        return (_path(env, "HF_TOKEN_PATH") or _hf_home(env) / "token").read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None  # nobody has logged in: the Hub answers anonymous callers too
