"""Signing in at an OpenID provider: the authorization code flow with PKCE (OpenID Connect Core,
RFC 7636, RFC 9207).

What comes in: what the settings say of the provider, and what a browser brings back from it. What
goes out: the address to send a browser to, and the claims of a person, of which all was checked
that the standard asks for: signature (by algorithms with public keys alone), issuer, audience,
expiry, nonce, and the issuer that the answer itself names. Who that is here, and what they may do,
is not decided here.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from reseen.review.openid_answers import Answers, garbage
from reseen.settings import IssuerSettings, is_loopback

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Signatures with a public key: never "none", and none with a secret that both know."""
SKEW = 60
"""Seconds that clocks may differ."""
FRESH = 3600.0
"""Seconds for which metadata and keys are not asked for again."""
AGAIN = 30.0
"""Seconds after which keys are asked for again when a token names one that is not among them."""
_MOST_KEYS = 64


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is new in each sign-in, and binds its answer to it."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class OpenIdClient:
    """One provider, as this service uses it; threads may share it."""

    def __init__(self, settings: IssuerSettings, answers: Answers | None = None) -> None:
        self._settings = settings
        self._answers = answers or Answers()
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._asked_at = -FRESH
        self._keys: list[Key] = []
        self._keys_at = -FRESH

    def address(self, back: str, challenge: Challenge) -> str:
        """Where to send a browser. `back`: where it comes back to. Raises IssuerError."""
        return str(
            prepare_grant_uri(
                self._endpoint("authorization_endpoint"),
                client_id=self._settings.client_id,
                response_type="code",
                redirect_uri=back,
                scope=self._settings.scopes,
                state=challenge.state,
                nonce=challenge.nonce,
                code_challenge=create_s256_code_challenge(challenge.verifier),
                code_challenge_method="S256",
            )
        )

    def sign_out_address(self, back: str) -> str | None:
        """Where a browser ends its session at the provider, where that offers it. Raises
        IssuerError."""
        if not self._known().get("end_session_endpoint"):
            return None
        address = self._endpoint("end_session_endpoint")
        said = [("client_id", self._settings.client_id), ("post_logout_redirect_uri", back)]
        return str(add_params_to_uri(address, said))

    def claims(
        self, back: str, challenge: Challenge, code: str, issuer: str | None
    ) -> Mapping[str, Any]:
        """The claims of who came back with this code. `issuer`: the one that the answer named.
        Raises IssuerError for whatever is not as it must be."""
        named = self._known().get("authorization_response_iss_parameter_supported") is True
        if (issuer is None and named) or issuer not in (None, self._settings.issuer):
            raise garbage()  # the answer of another provider
        told = self._redeem(back, challenge, code)
        token, access = told.get("id_token"), told.get("access_token")
        if not isinstance(token, str):
            raise garbage()
        claims = self._checked(token, challenge.nonce, access if isinstance(access, str) else None)
        return self._with_user_info(claims, access)

    def _redeem(self, back: str, challenge: Challenge, code: str) -> dict[str, Any]:
        secret = self._settings.client_secret
        known = self._known().get("token_endpoint_auth_methods_supported")
        method = "none"
        if secret is not None:
            # The standard's own when nothing is said.
            basic = not isinstance(known, list) or "client_secret_basic" in known
            method = "client_secret_basic" if basic else "client_secret_post"
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=back, code_verifier=challenge.verifier
        )
        auth = ClientAuth(self._settings.client_id, secret, method)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._answers.post(
            *auth.prepare("POST", self._endpoint("token_endpoint"), headers, body)
        )

    def _checked(self, token: str, nonce: str, access: str | None) -> dict[str, Any]:
        settings = self._settings
        decoded = self._decoded(token)
        options = {
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "value": settings.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        params = {"nonce": nonce, "client_id": settings.client_id, "access_token": access}
        claims = CodeIDToken(decoded.claims, decoded.header, options, params)
        try:
            claims.validate(leeway=SKEW)
        except (JoseError, ValueError, TypeError):
            raise garbage() from None
        # To the letter, whatever the library makes of lists, numbers and nulls.
        said = claims.get("nonce"), claims.get("iss"), claims.get("sub"), claims.get("exp")
        if not (
            isinstance(said[0], str)
            and hmac.compare_digest(said[0].encode(), nonce.encode())
            and said[1] == settings.issuer
            and isinstance(said[2], str)
            and 0 < len(said[2]) <= 255
            and isinstance(said[3], int | float)
            and said[3] > time.time() - SKEW
        ):
            raise garbage()
        return dict(claims)

    def _decoded(self, token: str) -> jwt.Token:
        """The token, signed with one of the provider's keys; these are asked for again when it
        names one that is not among them."""
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, TypeError, UnicodeError):
            raise garbage() from None
        if header.get("alg") not in ALGORITHMS:
            raise garbage()
        kid = header.get("kid")
        for again in (False, True):
            for key in self._current_keys(again):
                if kid is not None and key.kid != kid:
                    continue
                try:
                    return jwt.decode(token, key, algorithms=list(ALGORITHMS))
                except (JoseError, ValueError, TypeError):
                    continue
        raise garbage()

    def _current_keys(self, again: bool) -> list[Key]:
        with self._lock:
            keys, age = self._keys, time.monotonic() - self._keys_at
        if age < (AGAIN if again else FRESH):
            return keys
        told = self._answers.get(self._endpoint("jwks_uri")).get("keys")
        if not isinstance(told, list):
            raise garbage()
        keys = [key for one in told[:_MOST_KEYS] if (key := _public_key(one)) is not None]
        with self._lock:
            self._keys, self._keys_at = keys, time.monotonic()
        return keys

    def _with_user_info(self, claims: dict[str, Any], access: object) -> dict[str, Any]:
        """Some providers tell groups there alone. The signed token's claims win."""
        wanted = self._settings.roles and claim(claims, self._settings.roles_claim) is None
        address = self._known().get("userinfo_endpoint")
        if not wanted or not address or not isinstance(access, str) or not access.isascii():
            return claims
        told = self._answers.get(
            self._endpoint("userinfo_endpoint"), {"Authorization": f"Bearer {access}"}
        )
        if told.get("sub") != claims["sub"]:
            raise garbage()  # it tells of somebody else
        return {**told, **claims}

    def _endpoint(self, name: str) -> str:
        address = self._known().get(name)
        if not isinstance(address, str) or not _may_be_asked(address):
            raise garbage()
        return address

    def _known(self) -> dict[str, Any]:
        """The provider's metadata, asked for once an hour."""
        with self._lock:
            if time.monotonic() - self._asked_at < FRESH:
                return self._metadata
        told = self._answers.get(get_well_known_url(self._settings.issuer, external=True))
        if told.get("issuer") != self._settings.issuer:
            raise garbage()
        with self._lock:
            self._metadata, self._asked_at = told, time.monotonic()
        return told


def new_challenge() -> Challenge:
    """256 random bits for each part."""
    return Challenge(*(secrets.token_urlsafe(32) for _ in range(3)))


@lru_cache(maxsize=4)
def client_of(settings: IssuerSettings) -> OpenIdClient:
    """The one of this process."""
    return OpenIdClient(settings)


def claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name; or, where there is none of that name, by a path with dots in between
    (`realm_access.roles`). None where there is none."""
    if name in claims:
        return claims[name]
    at: object = claims
    for part in name.split("."):
        at = at.get(part) if isinstance(at, Mapping) else None
    return at


def _public_key(said: object) -> Key | None:
    if not isinstance(said, dict) or said.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if said.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key({k: v for k, v in said.items() if isinstance(k, str)})
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _may_be_asked(address: str) -> bool:
    """Whether secrets and people may be sent there: by https, or on this machine."""
    try:
        parts = urlsplit(address)
        host, credentials = parts.hostname or "", parts.username or parts.password
    except ValueError:
        return False
    return (
        bool(host)
        and not credentials
        and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    )
