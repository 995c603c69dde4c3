"""Why a hub says no: from a status and what stands beside it to one of our errors.

What comes in: the status of an answer, its headers, and how it was asked. What goes out: an error
with its remedy; nothing of the hub's own words is in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from reseen.errors import (
    HubAuth,
    HubDisabled,
    HubError,
    HubGarbage,
    HubHidden,
    HubMissing,
    HubRefused,
)

_CODES = ("RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo")
"""What the Hub says of a repository, a version, a file: the reason is known."""
_CLOSED = {
    402: "the hub wants this to be paid for",
    407: "a proxy on the way asks for a name and a password",
    423: "the hub has locked this repository",
}
UNKNOWN_CALL = (400, 405, 406, 413, 414, 422, 431, 501)
"""Statuses by which a server says that it cannot be asked so, whoever asks, and however often."""


def refusal(
    status: int,
    headers: Mapping[str, str],
    signed_in: bool,
    endpoint: str = "the hub",
    access_in: str = "HF_TOKEN",
) -> HubError:
    """What a refusal means, with what the person can do. Not for 429 and 5xx. `access_in`: the
    variable that a token is given in.

    The Hub answers 401 to strangers for what is missing, private or gated alike, and says which
    only in `X-Error-Code` and `X-Error-Message`. A 403 or 404 without a code of the Hub's may be
    about how it was asked: there are servers that answer so to a parameter they do not know.
    """
    token = (
        "Check that the token may read this."
        if signed_in
        else f"Give a token in {access_in}: without one the hub does not tell these apart."
    )
    error = _refusal(status, headers, signed_in, endpoint, token)
    error.code = headers.get("X-Error-Code", "")
    error.unexplained = (
        status in (403, 404) and error.code not in _CODES and not isinstance(error, HubDisabled)
    )
    return error


def _refusal(
    status: int, headers: Mapping[str, str], signed_in: bool, endpoint: str, token: str
) -> HubError:
    """`token`: what helps where a token may."""
    code = headers.get("X-Error-Code", "")
    message = headers.get("X-Error-Message", "")
    if message.startswith("Access to this resource is disabled"):
        return HubDisabled("the hub has disabled this repository")
    if code == "GatedRepo":
        return HubAuth(
            "the repository is gated and this token has no access"
            if signed_in
            else "the repository is gated and we asked without a token",
            remedy="Accept the repository's terms with the token's account, then try again.",
        )
    if code == "RepoNotFound":
        return HubMissing("there is no such repository, or it is private", remedy=token)
    if code in ("RevisionNotFound", "EntryNotFound"):
        what = "revision" if code == "RevisionNotFound" else "file"
        return HubMissing(f"the repository has no such {what}")
    if status == 401 and (signed_in or message.startswith("Invalid credentials")):
        return HubAuth("the hub does not accept the token", remedy="Make a new token at the hub.")
    if status == 401:
        # It says so of a gated one (GatedRepo), and shows its page all the same.
        return HubHidden("there is no such repository, or it is private", remedy=token)
    if status == 403:
        return HubAuth("the hub denies access", remedy=token)
    if status == 451:
        return HubDisabled("the hub does not show this, for legal reasons (status 451)")
    if status in _CLOSED:
        return HubAuth(f"{_CLOSED[status]} (status {status})", remedy=token)
    if status in (404, 410):
        return HubMissing(f"{endpoint}: there is nothing there", remedy="Check the address.")
    if status in UNKNOWN_CALL:
        return HubRefused(f"{endpoint} does not know this call (status {status})")
    return HubGarbage(f"{endpoint} answered with status {status}")
