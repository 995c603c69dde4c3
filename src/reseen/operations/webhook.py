"""Hands a webhook over, signed as Standard Webhooks says (https://www.standardwebhooks.com).

What comes in: an address, a secret, a body. What goes out: nothing, when it was taken. It promises:
no redirect is followed and no proxy asked; the address is looked up once, is a public one unless
others are allowed, and that one is spoken to; the answer's body is not read; the whole is bounded
in time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import socket

import httpx2

from reseen.errors import SettingsError, WebhookError

TIMEOUT = 10.0
_LEAST_SECRET = 24


def secret_of(given: str) -> bytes:
    """ "whsec_..." as bytes. Raises SettingsError."""
    try:
        key = base64.b64decode(given.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_SECRET:
        raise SettingsError(
            "RESEEN_NOTIFY_SECRET is no secret of a webhook",
            remedy="Use whsec_ and the base64 of 24 random bytes or more.",
        )
    return key


def signature(secret: bytes, id: str, timestamp: int, body: bytes) -> str:
    """What `webhook-signature` says."""
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def post(
    address: str, secret: str, id: str, timestamp: int, body: bytes, *, private: bool = False
) -> None:
    """Raises WebhookError when it was not taken, and SettingsError for what can never be."""
    key = secret_of(secret)
    url, host = _spoken_to(address, private)
    headers = {
        "Host": host,
        "Content-Type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key, id, timestamp, body),
    }
    name = httpx2.URL(address).host
    try:
        with (
            httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", url, content=body, headers=headers, extensions={"sni_hostname": name}
            ) as answer,
        ):
            status = answer.status_code
    except (httpx2.HTTPError, OSError, ValueError):
        raise WebhookError("it does not answer", remedy="Look whether it is up.") from None
    if not 200 <= status < 300:
        raise WebhookError(
            f"it did not take it: status {status}",
            remedy="Look at its own log; redirects are not followed.",
        )


def _spoken_to(address: str, private: bool) -> tuple[httpx2.URL, str]:
    """The address with its host looked up, and what its header Host says."""
    wrong = "RESEEN_NOTIFY_WEBHOOK is no address that is spoken to"
    try:
        url = httpx2.URL(address)
        port = url.port or (443 if url.scheme == "https" else 80)
    except (httpx2.InvalidURL, TypeError, ValueError):
        raise SettingsError(wrong, remedy="Use an https address.") from None
    allowed = ("https", "http") if private else ("https",)
    if url.scheme not in allowed or not url.host or url.userinfo:
        raise SettingsError(wrong, remedy="Use an https address, without user and password.")
    try:
        found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WebhookError("its host has no address", remedy="Look at its name.") from None
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    usable = [each for each in addresses if private or is_public(each)]
    if len(usable) < len(addresses) or not usable:
        raise WebhookError(
            "its host is at an address that is not public",
            remedy="RESEEN_NOTIFY_PRIVATE allows that.",
        )
    return url.copy_with(host=usable[0]), url.netloc.decode("ascii")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open network."""
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return found.is_global and not found.is_multicast
