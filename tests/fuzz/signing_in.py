"""What comes in from an OpenID provider and from security keys, and what a person types to have a
report."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from random import Random

import httpx2
from tests.fuzz import chance
from tests.fuzz.chance import json_text, json_value, mutated, number_text, sum_of, word
from tests.fuzz.play import FuzzedReader

from reseen.review import security_keys
from reseen.review.openid import Challenge, OpenIdClient
from reseen.review.openid_answers import Answers
from reseen.review.security_keys import Party, SecurityKey
from reseen.settings import IssuerSettings
from reseen.web.pages import reports

_ISSUER = "https://provider.example"
_SETTINGS = IssuerSettings(issuer=_ISSUER, client_id="sample", client_secret="sample secret")
_NAMES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
_MARKS = (b'"', b"{", b"}", b"[", b"\\u", b"null", b"1e999", b"\xff", b"=", b"-", b"_")


@dataclass(frozen=True)
class ProviderAnswers:
    """By the end of the address that is asked."""

    metadata: bytes
    token: bytes
    keys: bytes
    issuer: str | None


def _packed(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _token(rng: Random) -> str:
    header: dict[str, object] = {
        "alg": rng.choice(("RS256", "ES256", "none", "HS256", word(rng))),
        "kid": rng.choice((None, "k", word(rng))),
    }
    if chance.chance(rng, 3):
        header[rng.choice(("crit", "b64", "jwk", "zip"))] = json_value(rng)
    claims: dict[str, object] = {
        "iss": _ISSUER, "aud": "sample", "sub": "a", "exp": 1 << 40, "nonce": "nonce",
    }  # fmt: skip
    if chance.chance(rng, 3):
        claims[rng.choice(sorted(claims))] = json_value(rng)
    parts = [_packed(header), _packed(claims), _packed(word(rng))]
    text = ".".join(parts[: rng.choice((1, 2, 3, 3, 3, 3))])
    return mutated(text.encode(), rng, _MARKS).decode("latin-1") if chance.chance(rng, 3) else text


def _said(rng: Random, value: object) -> bytes:
    data = json_text(value, rng).encode("utf-8", "surrogatepass")
    return mutated(data, rng, _MARKS) if chance.chance(rng, 4) else data


def provider_answers(rng: Random) -> ProviderAnswers:
    metadata: dict[str, object] = {name: f"{_ISSUER}/{name}" for name in _NAMES}
    metadata["issuer"] = _ISSUER
    if chance.chance(rng, 3):
        metadata[rng.choice([*sorted(metadata), "end_session_endpoint"])] = rng.choice(
            (json_value(rng), "http://provider.example/x", f"{_ISSUER}:99999/x", word(rng))
        )
    key: object = {"kty": rng.choice(("RSA", "EC", "oct", "OKP")), "kid": "k", "n": "AQAB",
                   "e": "AQAB", "crv": "P-256", "x": word(rng), "y": "AA"}  # fmt: skip
    keys: object = {"keys": [key, json_value(rng)] if chance.chance(rng, 2) else json_value(rng)}
    told: dict[str, object] = {"id_token": _token(rng), "access_token": word(rng)}
    return ProviderAnswers(
        *(_said(rng, each) for each in (metadata, told, keys)),
        rng.choice((None, None, _ISSUER, word(rng))),
    )


def read_provider_answers(given: ProviderAnswers) -> object:
    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        body = given.token if "token" in path else given.keys if "jwks" in path else given.metadata
        return httpx2.Response(200, content=body)

    client = OpenIdClient(_SETTINGS, Answers(httpx2.MockTransport(answer)))
    claims = client.claims(
        "https://review.example/x", Challenge("state", "nonce", "v" * 43), "code", given.issuer
    )
    return sum_of(sorted(claims))


_PARTY = Party("review.example", "https://review.example")
_CHALLENGE = b"c" * 32


def key_answer(rng: Random) -> str:
    client = {"type": rng.choice(("webauthn.create", "webauthn.get")),
              "challenge": urlsafe_b64encode(_CHALLENGE).rstrip(b"=").decode(),
              "origin": _PARTY.origin}  # fmt: skip
    response: dict[str, object] = {
        "clientDataJSON": _packed(client),
        "attestationObject": urlsafe_b64encode(rng.randbytes(rng.randrange(80))).decode(),
        "authenticatorData": urlsafe_b64encode(rng.randbytes(rng.choice((0, 36, 37, 60)))).decode(),
        "signature": urlsafe_b64encode(rng.randbytes(8)).decode(),
    }
    said: dict[str, object] = {
        "id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": response,
    }  # fmt: skip
    if chance.chance(rng, 3):
        rng.choice((said, response))[rng.choice((*said, *response))] = json_value(rng)
    return _said(rng, said).decode("utf-8", "replace")


def read_key_answer(given: str) -> object:
    known = SecurityKey(b"\x00\x00\x00", b"\xa0", 0)
    used = security_keys.used(_PARTY, given, [known], [_CHALLENGE])
    return repr(used), repr(security_keys.added(_PARTY, given, [_CHALLENGE]))


def report_form(rng: Random) -> str:
    return rng.choice(
        (number_text(rng), word(rng), f"{word(rng)}/{word(rng)}", "2026-11-29", "%2F/%")
    )


def read_report_form(given: str) -> object:
    day = reports._day(given) if given[:1].isdigit() else None
    return day, reports._place(given)


READERS = (
    FuzzedReader("openid-provider", provider_answers, read_provider_answers),
    FuzzedReader("security-key", key_answer, read_key_answer),
    FuzzedReader("report-form", report_form, read_report_form, tells=True),
)
