"""The second factor of local accounts: given at the door, given again, added, taken away.

`keyring` opens the secrets of authenticator apps: without one only keys and recovery codes work.
What is tried in vain is counted like passwords, and recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.errors import AccessError, Conflict, InputError
from reseen.operations.sign_in import Caller, SignedIn, begin_session, second_step
from reseen.review import (
    app_codes,
    second_factors,
    security_keys,
    sessions,
    sign_in_limits,
    sign_in_steps,
    users,
)
from reseen.review.passwords import verified
from reseen.review.roles import Role, Who
from reseen.review.second_factors import Proof
from reseen.review.security_keys import Party
from reseen.review.sessions import Session
from reseen.review.sign_in_steps import NEW_APP, WITH_PASSWORD, SignInStep
from reseen.store import audit
from reseen.store.database import Store, now
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Ways:
    """How somebody may prove who they are, as a page shows it."""

    app: bool
    codes: bool
    key: str | None
    """Options for the browser, as JSON; None: they have no key, or browsers give none here."""


def ways_in(store: Store, held: str | None, party: Party | None) -> Ways | None:
    """For who has given the password in this browser; None for anybody else."""
    with store.read() as connection:
        step = sign_in_steps.find(connection, WITH_PASSWORD, second_step(held), held)
    if step is None or step.user_pk is None or held is None:
        return None
    return ways(store, step.user_pk, second_step(held), party)


def ways(store: Store, user_pk: int, bound: str, party: Party | None) -> Ways:
    """For this user. `bound`: what the challenge of a key is bound to."""
    with store.read() as connection:
        kinds = {factor.kind for factor in second_factors.of_user(connection, user_pk)}
        known = second_factors.keys_of(connection, user_pk)
        stamp = second_factors.stamp(connection, user_pk)
        left = second_factors.codes_left(connection, user_pk)
    options = None
    if party is not None and known:
        challenge = next(security_keys.challenges(store.secret, bound, stamp, now() / 1e6))
        options = security_keys.to_use(party, known, challenge)
    return Ways(second_factors.APP in kinds, left > 0, options)


def end_sign_in(
    store: Store, keyring: Keyring | None, caller: Caller, proof: Proof
) -> tuple[SignedIn, str] | None:
    """A session for who gave the password in this browser before and proves it now, and where to go
    on; None for a proof that is none, which is recorded. Raises Conflict when the password was not
    given, or too long ago, or after too many refusals."""
    held, token = caller.held, second_step(caller.held)
    with store.read() as connection:
        step = sign_in_steps.find(connection, WITH_PASSWORD, token, held)
    if step is None or step.user_pk is None:
        raise Conflict("this sign-in is over", remedy="Begin again with name and password.")
    _count(store, step.user_pk)
    with store.write() as connection:
        user = users.by_pk(connection, step.user_pk)
        kind = second_factors.proved(connection, store.secret, keyring, user.pk, proof)
        if kind is None:
            _refused(connection, user.who)
            return None
        found = users.known(connection, user.name)
        if sign_in_steps.take(connection, WITH_PASSWORD, token, held) is None or found is None:
            raise Conflict("this sign-in is over", remedy="Begin again with name and password.")
        _forgive(connection, store, user.pk)
        done = begin_session(
            connection,
            store.secret,
            user.who,
            caller,
            by=f"password and {kind}",
            confirmed_at=now(),
        )
        return done, step.what["to"]


def confirm(
    store: Store, keyring: Keyring | None, session: Session, proof: Proof, password: str
) -> bool:
    """Whether the holder of a session proves again who they are: by a second factor where they have
    one, otherwise by the password. Raises Conflict after too many refusals."""
    who = session.who
    with store.read() as connection:
        has_one = bool(second_factors.of_user(connection, who.pk))
        known = users.known(connection, who.name)
    _count(store, who.pk)
    right = has_one or verified(password, None if known is None else known[1])
    with store.write() as connection:
        if has_one:
            proof_of = second_factors.proved(connection, store.secret, keyring, who.pk, proof)
            right = proof_of is not None
        if not right:
            _refused(connection, who)
            return False
        _forgive(connection, store, who.pk)
        sessions.confirm(connection, session)
        return True


def begin_app(store: Store, keyring: Keyring | None, session: Session) -> None:
    """A new secret for an authenticator app, kept for some minutes. Raises AccessError unless the
    holder has just proved who they are."""
    sessions.must_be_fresh(session)
    secret = app_codes.new_secret()
    sealed = second_factors.sealed(keyring, session.who.pk, secret)
    step = SignInStep(NEW_APP, {}, session.who.pk, sealed)
    with store.write() as connection:
        sign_in_steps.begin(connection, step, f"app {session.token}", session.token)


def secret_begun(store: Store, keyring: Keyring | None, session: Session) -> str | None:
    """The secret that was begun; None when there is none any more."""
    with store.read() as connection:
        token = f"app {session.token}"
        step = sign_in_steps.find(connection, NEW_APP, token, session.token)
    if step is None or step.sealed is None:
        return None
    return second_factors.opened(keyring, session.who.pk, step.sealed)


def end_app(store: Store, keyring: Keyring | None, session: Session, code: str) -> list[str]:
    """The app has the secret: its code says so. Gives recovery codes where it is the first second
    factor. Raises InputError for a code that does not fit, Conflict when nothing was begun."""
    secret = secret_begun(store, keyring, session)
    if secret is None:
        raise Conflict("setting up the app took too long", remedy="Begin again.")
    step = app_codes.step_of(secret, "".join(code.split()), 0, now() / 1e6)
    if step is None:
        raise InputError(
            "this code does not fit",
            remedy="Type the one that the app shows now. Is the clock of the phone right?",
        )
    with store.write() as connection:
        user = users.by_pk(connection, session.who.pk)
        first = not second_factors.of_user(connection, user.pk)
        sign_in_steps.take(connection, NEW_APP, f"app {session.token}", session.token)
        second_factors.add_app(connection, keyring, user, secret, step)
        return second_factors.new_codes(connection, user) if first else []


def options_to_add(store: Store, session: Session, party: Party) -> str:
    """For the browser that is to make a key, as JSON."""
    who = session.who
    with store.read() as connection:
        known = second_factors.keys_of(connection, who.pk)
        stamp = second_factors.stamp(connection, who.pk)
    bound = f"add {session.token}"
    challenge = next(security_keys.challenges(store.secret, bound, stamp, now() / 1e6))
    return security_keys.to_add(party, (who.pk, who.name), known, challenge)


def add_key(store: Store, session: Session, party: Party | None, answer: str) -> list[str]:
    """A security key, as the browser made it. Gives recovery codes where it is the first second
    factor. Raises InputError, Conflict; AccessError as `begin_app`."""
    sessions.must_be_fresh(session)
    if party is None:
        raise InputError("no browser gives keys here", remedy="Come by the service's https name.")
    with store.write() as connection:
        user = users.by_pk(connection, session.who.pk)
        first = not second_factors.of_user(connection, user.pk)
        stamp = second_factors.stamp(connection, user.pk)
        bound = f"add {session.token}"
        expected = security_keys.challenges(store.secret, bound, stamp, now() / 1e6)
        made = security_keys.added(party, answer, list(expected))
        second_factors.add_key(connection, user, made)
        return second_factors.new_codes(connection, user) if first else []


def remove(store: Store, session: Session, pk: int) -> None:
    """One of one's own goes. Raises NotFound, Conflict; AccessError as `begin_app`."""
    sessions.must_be_fresh(session)
    with store.write() as connection:
        second_factors.remove(connection, users.by_pk(connection, session.who.pk), pk)


def new_codes(store: Store, session: Session) -> list[str]:
    """New recovery codes for who has a second factor. Raises Conflict; AccessError as
    `begin_app`."""
    sessions.must_be_fresh(session)
    with store.write() as connection:
        user = users.by_pk(connection, session.who.pk)
        if not second_factors.of_user(connection, user.pk):
            raise Conflict("there is no second factor yet", remedy="Add one first.")
        return second_factors.new_codes(connection, user)


def reset(store: Store, user: str | int, by: Who | None = None) -> int:
    """Somebody lost theirs: all of them go, with the recovery codes and open sessions; how many
    there were. `user`: a name or a number; `by`: an administrator, None at the command line."""
    with store.write() as connection:
        found = users.named(connection, user)
        if by is not None and by.pk == found.pk:
            raise AccessError(
                "nobody resets their own second factor", remedy="Remove it on your own page."
            )
        gone = second_factors.reset(connection, found, actor=None if by is None else by.actor)
        users.end_sign_ins(connection, found.pk)
        return gone


def require(store: Store, roles: Iterable[Role], by: Who) -> None:
    """Local accounts of these roles need a second factor from the next request on."""
    with store.write() as connection:
        second_factors.require(connection, roles, actor=by.actor)


def _count(store: Store, user_pk: int) -> None:
    with store.write() as connection:
        sign_in_limits.take(connection, store.secret, sign_in_limits.of_factor(user_pk))


def _forgive(connection: Connection, store: Store, user_pk: int) -> None:
    sign_in_limits.give_back(connection, store.secret, sign_in_limits.of_factor(user_pk))


def _refused(connection: Connection, who: Who) -> None:
    audit.write(connection, "factor-refused", f"user:{who.name}", actor="nobody")
