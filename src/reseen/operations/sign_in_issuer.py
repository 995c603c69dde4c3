"""Coming in by an OpenID provider: the browser is sent there, and comes back.

Who somebody is, is what the provider's issuer and its subject say together, and nothing else: no
name and no mail address makes anybody a user who was here before. Where the settings say which
values of a claim give roles, the role is taken anew at each sign-in: it comes and it goes with the
claim. Sessions that began before go on with it until they end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseen.errors import AccessError, Conflict, InputError, IssuerError, SettingsError
from reseen.operations.sign_in import Caller, SignedIn, begin_session
from reseen.review import sessions, sign_in_limits, sign_in_steps, users
from reseen.review.roles import Role
from reseen.review.sessions import Session
from reseen.review.sign_in_steps import AT_ISSUER, SignInStep
from reseen.review.users import User
from reseen.settings import IssuerSettings
from reseen.store import audit
from reseen.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reseen.review.openid import OpenIdClient

_MOST_VALUES = 2_000
_ROLE_OF_NONE = Role.READER
"""What somebody is whose claim gives no role any more: and they are let in nowhere."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """What a browser brings back from the provider."""

    state: str
    code: str
    issuer: str | None = None
    error: bool = False
    """Whether the provider says that there is no sign-in: the person said no, for example."""


def begin(
    store: Store, issuer: IssuerSettings, back: str, held: str, caller: Caller, to: str
) -> str:
    """Where to send the browser. `back`: where it comes back to; `held`: its cookie; `to`: the path
    that it goes on to then. Raises IssuerError when the provider is away; Conflict when too many
    begin from there."""
    from reseen.review.openid import new_challenge

    limits = sign_in_limits.of_issuer(caller.address)
    with store.write() as connection:
        sign_in_limits.take(connection, store.secret, limits)
    challenge = new_challenge()
    try:
        address = _client(issuer).address(back, challenge)
    except IssuerError:  # no fault of whoever comes
        with store.write() as connection:
            sign_in_limits.give_back(connection, store.secret, limits)
        raise
    what = {"nonce": challenge.nonce, "verifier": challenge.verifier, "to": to}
    with store.write() as connection:
        step = SignInStep(AT_ISSUER, what)
        sign_in_steps.begin(connection, step, challenge.state, held)
    return address


def end(
    store: Store,
    issuer: IssuerSettings | None,
    back: str,
    held: str | None,
    caller: Caller,
    answer: CameBack,
) -> tuple[SignedIn, str]:
    """A session for who comes back, and where to go on. Raises Conflict for a sign-in
    that this browser has not begun, or ended already; IssuerError; and AccessError for somebody who
    is nobody here, which is recorded."""
    from reseen.review.openid import Challenge

    if issuer is None:
        raise SettingsError("no sign-in provider is set", remedy="Set RESEEN_OIDC_ISSUER.")
    said_no = AccessError(f"{issuer.label} has not let you in", remedy="Sign in once more.")
    if answer.error and not answer.state:  # some forget it when they say no
        raise said_no
    with store.read() as connection:
        found = sign_in_steps.find(connection, AT_ISSUER, answer.state, held)
    if found is not None:
        with store.write() as connection:  # whatever becomes of it: a second time it is unknown
            found = sign_in_steps.take(connection, AT_ISSUER, answer.state, held)
    if found is None:
        raise Conflict("this sign-in is over, or was begun elsewhere", remedy="Sign in once more.")
    if answer.error:
        raise said_no
    challenge = Challenge(answer.state, found.what["nonce"], found.what["verifier"])
    claims = _client(issuer).claims(back, challenge, answer.code, answer.issuer)
    with store.write() as connection:
        user = _arrived(connection, issuer, claims)
        if user is not None:
            limits = sign_in_limits.of_issuer(caller.address)
            sign_in_limits.give_back(connection, store.secret, limits)
            done = begin_session(connection, store.secret, user.who, caller, by=sessions.ISSUER)
            return done, found.what["to"]
    raise AccessError(
        f"{issuer.label} knows you, and you have no role here",
        remedy="Ask an administrator of the service.",
    )


def sign_out_address(issuer: IssuerSettings | None, session: Session, back: str) -> str | None:
    """Where somebody who came from the provider signs out there, too. Raises IssuerError."""
    if issuer is None or session.how != sessions.ISSUER:
        return None
    return _client(issuer).sign_out_address(back)


def add(store: Store, issuer: IssuerSettings | None, subject: str, name: str, role: Role) -> User:
    """A user whom the provider of the settings knows by this subject. Raises InputError, Conflict,
    SettingsError where no provider is set."""
    if issuer is None:
        raise SettingsError(
            "no sign-in provider is set", remedy="Set RESEEN_OIDC_ISSUER and its neighbours first."
        )
    if not 0 < len(subject) <= 255:
        raise InputError("this is no subject", remedy="Give the `sub` that the provider says.")
    with store.write() as connection:
        return users.add_of_issuer(connection, issuer.issuer, subject, name, role, actor=None)


def role_of(issuer: IssuerSettings, claims: Mapping[str, Any]) -> Role | None:
    """The highest role that the claims give; None: none."""
    from reseen.review.openid import claim

    said = claim(claims, issuer.roles_claim)
    values = said if isinstance(said, list) else [said]
    there = {value for value in values[:_MOST_VALUES] if isinstance(value, str)} | {"*"}
    return max((Role.of(role) for value, role in issuer.roles if value in there), default=None)


def _arrived(
    connection: Connection, issuer: IssuerSettings, claims: Mapping[str, Any]
) -> User | None:
    """The user whom the claims are of, with the role of today; None for nobody: recorded."""
    subject = str(claims["sub"])
    user = users.of_issuer(connection, issuer.issuer, subject)
    role = role_of(issuer, claims) if issuer.roles else None
    if user is None:
        if role is None or not issuer.new_users:
            _refused(connection, None, "unknown")
            return None
        name = _name(claims.get(issuer.name_claim))
        return users.add_of_issuer(
            connection, issuer.issuer, subject, name, role, actor=audit.SERVICE
        )
    if user.disabled_at is not None:
        _refused(connection, user, "disabled")
        return None
    if not issuer.roles:
        return user
    if role is None:
        if user.role is not _ROLE_OF_NONE:
            users.give_role(connection, user, _ROLE_OF_NONE, actor=audit.SERVICE)
        users.end_sign_ins(connection, user.pk)
        _refused(connection, user, "no role")
        return None
    if role is not user.role:
        users.give_role(connection, user, role, actor=audit.SERVICE)
    return users.by_pk(connection, user.pk)


def _refused(connection: Connection, user: User | None, why: str) -> None:
    subject = "*" if user is None else f"user:{user.name}"
    audit.write(connection, "sign-in-refused", subject, actor="nobody", by="issuer", why=why)


def _name(said: object) -> str:
    """A name of our alphabet, as near as can be to what the claim says."""
    text = "".join(c for c in str(said or "").lower() if c in _ALPHABET)[:58]
    return text.lstrip("._@-") or "user"


_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._@-")


def _client(issuer: IssuerSettings) -> OpenIdClient:
    from reseen.review.openid import client_of  # only where there is a provider

    return client_of(issuer)
