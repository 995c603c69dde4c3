"""Security keys and passkeys (WebAuthn) beside a password.

What comes in: who asks (`Party`), a challenge, and what a browser's authenticator answered. What
goes out: options for the browser, and what was proved.

A challenge is drawn from the store's secret, what it is bound to (a session, or a sign-in under
way), what the person's factors were last used for, and the time: so nothing is written before
somebody proves something, a challenge is of no use to another browser, after five to ten minutes,
or a second time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reseen.errors import InputError
from reseen.store.kept_keys import derive

LIFE = 5 * 60
"""Seconds: at least so long a challenge holds."""
LONGEST = 20_000
"""Characters of an answer."""


@dataclass(frozen=True, slots=True)
class Party:
    """This service as authenticators know it: keys are bound to its host."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class SecurityKey:
    """What is kept of one."""

    credential: bytes
    public_key: bytes
    counter: int
    """How often it was used, as it says itself; many say 0 always."""


def challenges(secret: bytes, bound: str, stamp: int, seconds: float) -> Iterator[bytes]:
    """The challenge of now, then the one before it, which still holds."""
    key = derive(secret, b"reseen security keys 1")
    for bucket in (int(seconds) // LIFE, int(seconds) // LIFE - 1):
        yield hmac.new(key, f"{bound}\n{stamp}\n{bucket}".encode(), hashlib.sha256).digest()


def to_add(
    party: Party, user: tuple[int, str], known: Sequence[SecurityKey], challenge: bytes
) -> str:
    """Options for `navigator.credentials.create`, as JSON. `user`: number and name."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    pk, name = user
    return options_to_json(
        generate_registration_options(
            rp_id=party.host,
            rp_name="Reseen",
            user_id=f"reseen user {pk}".encode(),
            user_name=name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.DISCOURAGED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential) for one in known],
        )
    )


def to_use(party: Party, known: Sequence[SecurityKey], challenge: bytes) -> str:
    """Options for `navigator.credentials.get`, as JSON."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    allowed = [PublicKeyCredentialDescriptor(id=one.credential) for one in known]
    return options_to_json(
        generate_authentication_options(
            rp_id=party.host, challenge=challenge, allow_credentials=allowed
        )
    )


def added(party: Party, answer: str, expected: Sequence[bytes]) -> SecurityKey:
    """The key that was made. Raises InputError for an answer that proves none."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    told = _told(answer)
    for challenge in expected:
        try:
            made = verify_registration_response(
                credential=told,
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError, LookupError):
            continue
        return SecurityKey(made.credential_id, made.credential_public_key, made.sign_count)
    raise InputError("the key's answer does not fit", remedy="Load the page again, and try again.")


def used(
    party: Party, answer: str, known: Sequence[SecurityKey], expected: Sequence[bytes]
) -> SecurityKey | None:
    """The key of these that answered, with its new count; None where none of them proved it."""
    from webauthn import base64url_to_bytes, verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        told = _told(answer)
        credential = base64url_to_bytes(str(told.get("rawId", "")))
    except (InputError, ValueError):
        return None
    for key in known:
        if key.credential != credential:
            continue
        for challenge in expected:
            try:
                proved = verify_authentication_response(
                    credential=told,
                    expected_challenge=challenge,
                    expected_rp_id=party.host,
                    expected_origin=party.origin,
                    credential_public_key=key.public_key,
                    credential_current_sign_count=key.counter,
                )
            except (WebAuthnException, ValueError, TypeError, KeyError, LookupError):
                continue
            return SecurityKey(key.credential, key.public_key, proved.new_sign_count)
    return None


def party_of(url: str | None, host: str) -> Party | None:
    """How authenticators know this service: by the host of RESEEN_URL, or as `localhost` where
    that is what the browser asked for. None where browsers give no keys: by an address of numbers,
    or without https."""
    from urllib.parse import urlsplit

    origin = url or f"http://{host}"
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
    except ValueError:
        return None
    if name == "localhost" or (url and parts.scheme == "https" and _is_name(name)):
        return Party(name, origin)
    return None


def _is_name(host: str) -> bool:
    return ":" not in host and not host.rsplit(".", 1)[-1].isdigit()


def _told(answer: str) -> dict[str, object]:
    wrong = InputError(
        "the key's answer does not fit", remedy="Load the page again, and try again."
    )
    if len(answer) > LONGEST:
        raise wrong
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(told, dict):
        raise wrong
    return told
