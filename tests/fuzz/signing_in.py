"""What comes in from an OpenID provider and from security keys."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from random import Random

import cbor2
import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fuzz import chance
from tests.fuzz.chance import json_text, json_value, mutated, sum_of, word
from tests.fuzz.play import FuzzedReader

from reseen.errors import InputError
from reseen.review import security_keys
from reseen.review.openid import Challenge, OpenIdClient
from reseen.review.openid_answers import Answers
from reseen.review.security_keys import Party, SecurityKey
from reseen.settings import IssuerSettings

_ISSUER = "https://provider.example"
_SETTINGS = IssuerSettings(issuer=_ISSUER, client_id="sample", client_secret="sample secret")
_NAMES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
_SIGNING = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
"""The provider's key, and the authenticator's: what it signs is the same each time."""
_PUBLIC = _SIGNING.public_key().public_bytes_raw()
_MARKS = (b'"', b"{", b"}", b"[", b"\\u", b"null", b"1e999", b"\xff", b"=", b"-", b"_")


@dataclass(frozen=True)
class ProviderAnswers:
    """By the end of the address that is asked."""

    metadata: bytes
    token: bytes
    keys: bytes
    issuer: str | None


def _packed(value: object) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _token(rng: Random) -> str:
    header: dict[str, object] = {
        "alg": rng.choice((*("Ed25519",) * 16, "RS256", "ES256", "none", "HS256", word(rng))),
        "kid": rng.choice((None, "k", "k", "k", word(rng))),
    }
    if chance.chance(rng, 8):
        header[rng.choice(("crit", "b64", "jwk", "zip"))] = json_value(rng)
    claims: dict[str, object] = {
        "iss": _ISSUER, "aud": "sample", "sub": "a", "exp": 1 << 40, "iat": 0, "nonce": "nonce",
    }  # fmt: skip
    if chance.chance(rng, 8):
        claims[rng.choice(sorted(claims))] = json_value(rng)
    parts = [_packed(header), _packed(claims)]
    signed = _encoded(_SIGNING.sign(".".join(parts).encode()))
    parts.append(_packed(word(rng)) if chance.chance(rng, 8) else signed)
    text = ".".join(parts[: rng.choice((1, 2, *(3,) * 14))])
    return mutated(text.encode(), rng, _MARKS).decode("latin-1") if chance.chance(rng, 8) else text


def _said(rng: Random, value: object) -> bytes:
    data = json_text(value, rng).encode("utf-8", "surrogatepass")
    return mutated(data, rng, _MARKS) if chance.chance(rng, 8) else data


def provider_answers(rng: Random) -> ProviderAnswers:
    metadata: dict[str, object] = {name: f"{_ISSUER}/{name}" for name in _NAMES}
    metadata["issuer"] = _ISSUER
    if chance.chance(rng, 8):
        metadata[rng.choice([*sorted(metadata), "end_session_endpoint"])] = rng.choice(
            (json_value(rng), "http://provider.example/x", f"{_ISSUER}:99999/x", word(rng))
        )
    good = {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": _encoded(_PUBLIC)}
    odd = {"kty": rng.choice(("RSA", "EC", "oct", "OKP")), "kid": "k", "n": "AQAB",
           "e": "AQAB", "crv": "P-256", "x": word(rng), "y": "AA"}  # fmt: skip
    listed: list[object] = [rng.choice((good, good, good, odd)), json_value(rng)]
    keys: object = {"keys": json_value(rng) if chance.chance(rng, 8) else listed}
    told: dict[str, object] = {"id_token": _token(rng), "access_token": word(rng)}
    return ProviderAnswers(
        *(_said(rng, each) for each in (metadata, told, keys)),
        rng.choice((None, None, _ISSUER, _ISSUER, word(rng))),
    )


def read_provider_answers(given: ProviderAnswers) -> object:
    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        body = given.token if "token" in path else given.keys if "jwks" in path else given.metadata
        return httpx2.Response(200, stream=httpx2.ByteStream(body))

    client = OpenIdClient(_SETTINGS, Answers(httpx2.MockTransport(answer)))
    claims = client.claims(
        "https://review.example/x", Challenge("state", "nonce", "v" * 43), "code", given.issuer
    )
    return sum_of(sorted(claims))


_PARTY = Party("review.example", "https://review.example")
_CHALLENGE = b"c" * 32


@dataclass(frozen=True)
class KeyAnswer:
    """What a browser sends of an authenticator: of one that is new, or of one that is known."""

    new: bool
    text: str


_CREDENTIAL = b"\x00\x00\x00"
_COSE_KEY = cbor2.dumps({1: 1, 3: -8, -1: 6, -2: _PUBLIC})  # RFC 9053: OKP, EdDSA, Ed25519
_PRESENT, _NEW_KEY = 0x01, 0x40


def _authenticator_data(rng: Random, new: bool) -> bytes:
    flags = _PRESENT | (_NEW_KEY if new else 0)
    if chance.chance(rng, 6):
        flags = rng.randrange(256)
    host = hashlib.sha256(_PARTY.host.encode()).digest()
    data = host + bytes([flags]) + rng.choice((b"\x00\x00\x00\x01", rng.randbytes(4)))
    if new:
        data += bytes(16) + len(_CREDENTIAL).to_bytes(2, "big") + _CREDENTIAL + _COSE_KEY
    return mutated(data, rng, (b"\x00", b"\xff", b"\x40")) if chance.chance(rng, 4) else data


def key_answer(rng: Random) -> KeyAnswer:
    new = chance.chance(rng, 2)
    kinds = ("webauthn.create", "webauthn.get")
    client = {"type": rng.choice(kinds) if chance.chance(rng, 8) else kinds[not new],
              "challenge": _encoded(_CHALLENGE), "origin": _PARTY.origin}  # fmt: skip
    told, data = json.dumps(client).encode(), _authenticator_data(rng, new)
    response: dict[str, object] = {"clientDataJSON": _encoded(told)}
    if new:
        attested: dict[str, object] = {"fmt": "none", "attStmt": {}, "authData": data}
        if chance.chance(rng, 4):
            attested[rng.choice(sorted(attested))] = rng.choice(("packed", data, {}, None))
        packed = cbor2.dumps(attested)
        if chance.chance(rng, 4):
            packed = mutated(packed, rng, (b"\xff", b"\x9f", b"\xbf", b"\x5b"))
        response["attestationObject"] = _encoded(packed)
    else:
        signed = _SIGNING.sign(data + hashlib.sha256(told).digest())
        response["authenticatorData"] = _encoded(data)
        response["signature"] = _encoded(rng.choice((signed, signed, signed, rng.randbytes(8))))
    named = _encoded(_CREDENTIAL)
    said: dict[str, object] = {
        "id": named, "rawId": named, "type": "public-key", "response": response,
    }  # fmt: skip
    if chance.chance(rng, 3):
        rng.choice((said, response))[rng.choice((*said, *response))] = json_value(rng)
    return KeyAnswer(new, _said(rng, said).decode("utf-8", "replace"))


def read_key_answer(given: KeyAnswer) -> object:
    if given.new:
        return repr(security_keys.added(_PARTY, given.text, [_CHALLENGE]))
    known = SecurityKey(_CREDENTIAL, _COSE_KEY, 0)
    used = security_keys.used(_PARTY, given.text, [known], [_CHALLENGE])
    if used is None:
        raise InputError("no known key answered")
    return repr(used)


READERS = (
    FuzzedReader("openid-provider", provider_answers, read_provider_answers),
    FuzzedReader("security-key", key_answer, read_key_answer),
)
