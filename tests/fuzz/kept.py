"""Files that Reseen reads again: saved indexes, the gate's state, heads, keys, sealed names; and
the words of a person: settings, names of repositories and accounts, lists of them."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fuzz import chance
from tests.fuzz.cells import day, link
from tests.fuzz.chance import (
    MARKER,
    digits,
    folder,
    json_text,
    json_value,
    mutated,
    number,
    number_text,
    sum_of,
    word,
)
from tests.fuzz.play import FuzzedReader
from tests.match import made as sample
from tests.match.updates import REMOVED, put

from reseen.cli import hub as cli_hub
from reseen.cli import user as cli_user
from reseen.errors import InputError, ReseenError
from reseen.gate import state
from reseen.hubs import kinds, meant
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.records import Names
from reseen.review import mail
from reseen.settings import HubSettings, Settings, check_endpoint
from reseen.store import audit_checkpoint, ids, sealing
from reseen.store.database import Store
from reseen.store.sealing import Keyring

_KEYRING = Keyring(bytes(range(32)))
_BYTES = (
    b"\0",
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b'"',
    b"{",
    b"}",
    b"[",
    b":",
    b",",
    b"null",
    b"-1",
    b"1e999",
)


@contextmanager
def steady() -> Iterator[None]:
    """Chance and clock stand still: what is made to be changed is the same in every process."""
    drawn = Random("steady")
    with (
        patch("os.urandom", drawn.randbytes),
        patch("secrets.token_bytes", drawn.randbytes),
        patch("secrets.token_hex", lambda count: drawn.randbytes(count).hex()),
        patch("time.time", lambda: 1.7e9),
        patch("time.time_ns", lambda: 17 * 10**17),
    ):
        yield


def _put(name: str, data: bytes, mode: int = 0o600) -> Path:
    path = folder() / f"{name}-{os.getpid()}"
    path.write_bytes(data)
    path.chmod(mode)
    return path


# -- a saved index --------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeptIndex:
    changed: Mapping[str, bytes]
    """Files of the folder that are other than they were written."""


@cache
def _index() -> tuple[Path, dict[str, bytes]]:
    """A small index in its folder, and the folder's files."""
    where = folder() / f"kept-{os.getpid()}"
    where.mkdir(mode=0o700)
    with steady():
        return _made(where)


def _made(where: Path) -> tuple[Path, dict[str, bytes]]:
    store = Store(f"sqlite:///{where / 'x.db'}")
    data = sample.safetensors(sample.adapter(7))
    sample.remove(store, sample.fully_known(data))
    put(store, REMOVED)
    with store.read() as connection:
        index = RegistryIndex.load(connection)
    index.save(where / "index", _KEYRING.for_indexes)
    store.close()
    return where / "index", {p.name: p.read_bytes() for p in (where / "index").iterdir()}


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(_index()[1]))


def index(rng: Random) -> KeptIndex:
    """An index of which a file was changed; mostly by somebody who has the key, too."""
    files = _index()[1]
    name = rng.choice(_names())
    if chance.chance(rng, 4):
        return KeptIndex({name: mutated(files[name], rng, _BYTES)})
    told = json.loads(files[saved.MANIFEST])
    changed: dict[str, bytes] = {}
    if name not in (saved.MANIFEST, saved.MAC) and chance.chance(rng, 1.5):
        data = files[name]
        if chance.chance(rng, 2) and len(data) >= 8:
            at = rng.randrange(len(data) // 8) * 8
            data = (
                data[:at] + struct.pack("<Q", rng.choice(chance.NUMBERS) % 2**64) + data[at + 8 :]
            )
        else:
            data = mutated(data, rng, _BYTES)
        changed[name] = data
        told["files"][name] |= {"bytes": len(data), "blake3": blake3(data).hexdigest()}
    else:
        about = told["about"]
        key = rng.choice([*about])
        value = (
            json_value(rng) if chance.chance(rng, 2) else [number(rng) % 10**4000, json_value(rng)]
        )
        about[key] = value
        if chance.chance(rng, 8):
            del about[key]
    manifest = json.dumps(told).encode("ascii")
    mac = blake3(manifest, key=_KEYRING.for_indexes).hexdigest()
    return KeptIndex({**changed, saved.MANIFEST: manifest, saved.MAC: mac.encode()})


def read_index(given: KeptIndex) -> object:
    where, files = _index()
    try:
        for name, data in given.changed.items():
            (where / name).write_bytes(data)
        opened = RegistryIndex.open(where, _KEYRING.for_indexes)
        return len(opened.snapshot)
    finally:
        for name in given.changed:
            (where / name).write_bytes(files[name])


# -- the gate's state -----------------------------------------------------------------------------


def gate_state(rng: Random) -> bytes:
    def odd(usual: object) -> object:
        return json_value(rng) if chance.chance(rng, 12) else usual

    told = {
        "index": odd("index-ab"),
        "mac": odd("ab"),
        "at": odd(1.0),
        "lists": odd([[odd(1), odd("x")]]),
        "keys": odd([[odd("00" * 32), odd("ky-1"), odd("x"), odd(["check"]), odd(50.0), odd(1e9)]]),
        "policy": odd([[odd("x"), odd(1), odd("block")]]),
    }
    parts = {"gate": json_text(told, rng).encode("utf-8", "surrogatepass")}
    if chance.chance(rng, 8):
        parts = {rng.choice(("gate", "x", "")): parts["gate"] for _ in range(2)}
    data = struct.pack(
        "<6sHI", b"RSGATE", 2, len(parts) if not chance.chance(rng, 12) else number(rng) % 2**32
    )
    for name, part in parts.items():
        length = len(part) if not chance.chance(rng, 12) else number(rng) % 2**64
        data += struct.pack("<H", len(name)) + name.encode() + struct.pack("<Q", length) + part
    if chance.chance(rng, 6):
        data = mutated(data, rng, _BYTES)
    data += blake3(data).digest()
    data += blake3(data, key=_KEYRING.for_states).digest()
    return mutated(data, rng, _BYTES) if chance.chance(rng, 6) else data


def read_state(data: bytes) -> object:
    return state.last(_put("state", data), _KEYRING)


# -- heads, keys, sealed names --------------------------------------------------------------------


def head(rng: Random) -> bytes:
    signer = Ed25519PrivateKey.from_private_bytes(_KEYRING.for_heads)
    public = signer.public_key().public_bytes_raw().hex()
    made = audit_checkpoint.Head(
        store=audit_checkpoint.name_of(b"s"),
        count=rng.choice((0, 3, 2**63 - 1)),
        at=1,
        hash=digits(rng, 64),
        public_key=public if not chance.chance(rng, 6) else digits(rng, 64),
        signature="",
    )
    made = replace(
        made,
        signature=signer.sign(made.signed()).hex()
        if not chance.chance(rng, 6)
        else digits(rng, 128),
    )
    told: dict[str, Any] = dict(made.as_json())
    if chance.chance(rng, 2):
        told[rng.choice([*told])] = rng.choice(
            (json_value(rng), number(rng) % 10**4000, digits(rng), " ab", "00 11")
        )
    data = json_text(told, rng).encode("utf-8", "surrogatepass")
    return mutated(data, rng, _BYTES) if chance.chance(rng, 6) else data


def read_head(data: bytes) -> object:
    found = audit_checkpoint.parse(data.decode("utf-8", "replace"))
    audit_checkpoint.check(found, b"s", _KEYRING.for_heads)
    return found.count


_KEYS: tuple[Callable[[Random], str], ...] = (
    lambda rng: f"reseen-index-key-1:{digits(rng, 64)}\n",
    lambda rng: digits(rng, 64),
    lambda rng: f" {digits(rng, 64)} \n",
    lambda rng: "\n".join(word(rng) for _ in range(3)),
    lambda rng: "\n".join((link(rng), "account-01/copy", f"{word(rng)} # x")),
    lambda rng: MARKER * 50,
)


def small_file(rng: Random) -> bytes:
    """A file of a key, a password, or names of repositories."""
    data = chance.encoded(rng.choice(_KEYS)(rng), rng)
    return mutated(data, rng, _BYTES) if chance.chance(rng, 3) else data


def read_small_file(data: bytes) -> object:
    path = _put("small", data)
    said: list[object] = []
    takers: tuple[Callable[[Path], object], ...] = (
        *(
            saved.read_key,
            sealing.read_key,
            cli_hub._lines,
            lambda p: cli_user._password(p, generate=False),
        ),
    )
    for take in takers:
        try:
            said.append(sum_of(take(path)))
        except ReseenError as error:
            said.append(str(error).replace(str(path), "it"))
    with suppress(ReseenError):
        sealing.parse_key(data.decode("latin-1"), "it")
    return said


@cache
def _sealed() -> tuple[bytes, bytes]:
    names = Names(name=MARKER, trigger_words=("a",), url="https://x.example/1")
    with steady():
        return _KEYRING.seal(names, "rm-1"), _KEYRING.seal_text(MARKER, "ca-1")


def sealed(rng: Random) -> bytes:
    one = rng.choice(_sealed())
    return mutated(one if not chance.chance(rng, 6) else one[: rng.randrange(40)], rng, _BYTES)


def read_sealed(data: bytes) -> object:
    said: list[object] = []
    for take in (lambda: _KEYRING.open(data, "rm-1"), lambda: _KEYRING.open_text(data, "ca-1")):
        try:
            said.append(type(take()).__name__)
        except ReseenError as error:
            said.append(str(error))
    return said


# -- a person's words -----------------------------------------------------------------------------

_VARIABLES = (
    *(
        "RESEEN_HOME",
        "RESEEN_DB",
        "RESEEN_KEY_FILE",
        "RESEEN_STATE",
        "RESEEN_URL",
        "RESEEN_SMTP",
        "HF_ENDPOINT",
    ),
    *(
        "HF_HOME",
        "HF_HUB_CACHE",
        "XDG_DATA_HOME",
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "RESEEN_GONE_AFTER",
        "RESEEN_KEY",
    ),
    *(
        "RESEEN_HUB_X_ENDPOINT",
        "RESEEN_HUB_X_QUOTA",
        "RESEEN_HUB_X_KIND",
        "RESEEN_HUB_X_DOWNLOADS",
        "RESEEN_HUB_HUGGINGFACE_QUOTA",
    ),
    *("RESEEN_HUB_FOLDER_ENDPOINT", "RESEEN_HUB_A_B_TOKEN", "RESEEN_SMTP_FROM"),
)
_HOSTS = ("hub.example", "x" * 70, "a..b", "[::1]", "é.example", "", "h:0", "h:65536", "h:")
_SETTINGS: tuple[Callable[[Random], str], ...] = (
    *(word, link, number_text, day),
    lambda rng: rng.choice(
        (
            "sqlite:////a?b",
            "sqlite:///x",
            "postgresql://u:p@h/d",
            "~nobody-here/x",
            "~",
            "",
            "x.db",
            "a\ud800",
            "sqlite:///%zz",
        )
    ),
    lambda rng: f"{number_text(rng)[:9]}/{number_text(rng)[:7]}",
    lambda rng: f"{number_text(rng)[:7]}{rng.choice('dhms')}",
    lambda rng: rng.choice(
        (
            "smtp://u:p@h:25",
            "smtps://h",
            "smtp://h:99999",
            "smtp://[::1",
            "smtp://h/x",
            "huggingface",
            "a@b.example",
        )
    ),
    lambda rng: f"https://{rng.choice(_HOSTS)}/{rng.choice(('', 'p/', '?q'))}",
)


def _in_environment(text: str, rng: Random) -> str:
    """As an environment can hold it: no NUL; half characters only for bytes that are no text."""
    plain = text.replace("\0", "").encode("utf-8", "replace").decode()
    return f"{plain}\udcff" if chance.chance(rng, 30) else plain


def environment(rng: Random) -> Mapping[str, str]:
    found: dict[str, str] = {"HOME": "/nonexistent", "HF_TOKEN_PATH": "/nonexistent"}
    for name in rng.sample(_VARIABLES, rng.choice((1, 1, 2, 4))):
        found[name] = _in_environment(rng.choice(_SETTINGS)(rng), rng)
    return found


def read_environment(env: Mapping[str, str]) -> object:
    """The settings, and what is made of them before anything is asked."""
    found = Settings.from_environment(env)
    said: list[object] = [len(found.hubs), sum_of(found.key_beside_store() is None)]
    for each in found.hubs:
        said.append((sum_of(kinds.names_of(each)), sum_of(each.host)))
        with suppress(ReseenError):
            said.append(sum_of(kinds.stored_name(each)))
    for take in (
        lambda: check_endpoint(found.url or "", "RESEEN_URL"),
        lambda: mail.server_of(found.smtp or ""),
    ):
        try:
            said.append(sum_of(take()))
        except ReseenError as error:
            said.append(str(error))
    return said


@dataclass(frozen=True)
class Typed:
    first: str
    second: str


_TYPED = (
    *(
        "account-01/copy",
        "hf://datasets/a/b@main/x.pt",
        "https://hub.example/a/b/blob/main/c",
        "datasets/a/b",
        "a",
    ),
    *(
        "https://huggingface.co/a/b",
        "hf://a",
        "https://hub.example/",
        "//",
        "a/b/c/d",
        "hub.example/a/b",
        "rm-4f7k2q9d",
    ),
)


def typed(rng: Random) -> Typed:
    makers: tuple[Callable[[Random], str], ...] = (
        word,
        link,
        day,
        number_text,
        lambda r: r.choice(_TYPED),
        lambda r: f"{number_text(r)[:8]}d",
    )
    return Typed(rng.choice(makers)(rng), rng.choice(makers)(rng))


_HUB = HubSettings("huggingface", "https://hub.example")
_OF_ONE = Settings(home=Path("/x"), db="sqlite:////x/x", key_file=Path("/x/k"), hubs=(_HUB,))


def read_typed(given: Typed) -> object:
    said: list[object] = []
    takers: tuple[Callable[[str], object], ...] = (
        lambda text: meant.repository_named(text, _HUB),
        lambda text: meant.account_named(text, _HUB),
        lambda text: meant.hub_named(text, _OF_ONE).name,
        lambda text: meant.hub_of(text, _OF_ONE),
        lambda text: kinds.addresses_of(text) is None,
        lambda text: cli_hub.instant(text) is None,
        ids.given,
    )
    for text in (given.first, given.second):
        for take in takers:
            try:
                said.append(sum_of(take(text)))
            except InputError as error:
                said.append(sum_of(str(error)))
    return said


READERS = (
    FuzzedReader("saved-index", index, read_index),
    FuzzedReader("gate-state", gate_state, read_state),
    FuzzedReader("audit-head", head, read_head),
    FuzzedReader("small-file", small_file, read_small_file),
    FuzzedReader("sealed", sealed, read_sealed),
    FuzzedReader("settings", environment, read_environment),
    FuzzedReader("typed", typed, read_typed),
)
