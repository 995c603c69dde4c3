"""`reseen user`: the users of the service."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    look_into,
    note,
    open_or_make,
    open_store,
    say,
    settings_for,
)
from reseen.cli.lazy import LazyGroup
from reseen.errors import InputError, SettingsError
from reseen.settings import ROLES

if TYPE_CHECKING:
    from reseen.cli.common import Opens
    from reseen.review.users import User
    from reseen.store.database import Store

MISSING = SettingsError(
    "the service's libraries are not installed", remedy="Install them: pip install 'reseen[serve]'"
)


@click.group(cls=LazyGroup, verbs={})
def user() -> None:
    """Users of the service: add, list, change, and their sessions. Each change is recorded."""


def password_options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option(
        "--generate", is_flag=True, help="Generate a password and print it once."
    )(command)
    return click.option(
        "--password-file",
        type=click.Path(path_type=Path),
        help="A file with the password on its first line. Without it you are asked.",
    )(command)


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the user may do.")
@click.option("--subject", help="Who it is at the OpenID provider (`sub`): no password then.")
@password_options
@db_option
def add(
    name: str,
    role: str,
    subject: str | None,
    password_file: Path | None,
    generate: bool,
    db: str | None,
) -> None:
    """Add the user NAME, with a role."""
    _need_service()
    from reseen.operations import sign_in_issuer
    from reseen.operations import users as acts
    from reseen.review import users

    name = users.normal_name(name)
    if subject is not None:
        issuer = settings_for(db).oidc
        with _users(db, open_or_make) as store:
            added = sign_in_issuer.add(store, issuer, subject, name, users.role_of(role))
        say(f"{added.name} may sign in at the provider as {role}")
        return
    password = _password(password_file, generate)  # nothing is made where that is no good
    with _users(db, open_or_make) as store:
        acts.add(store, name, users.role_of(role), password)
    say(f"{name} may sign in as {role}")
    _tell(password, generate)


@user.command("list")
@db_option
@json_option
def list_(db: str | None, as_json: bool) -> None:
    """List the users of the service."""
    with _users(db, look_into) as store, store.read() as connection:
        from reseen.review import users

        found = users.every(connection)
    for one in found:
        if as_json:
            emit(
                {
                    "name": one.name,
                    "role": one.role.label,
                    "created_at": one.created_at,
                    "disabled_at": one.disabled_at,
                }
            )
        else:
            say(f"{one.name:<24}{one.role.label:<16}{_state(one)}".rstrip())
    if not as_json:
        note(count(len(found), "user") if found else "No users. `reseen user add --help`")


@user.command()
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@db_option
def role(name: str, role: str, db: str | None) -> None:
    """Change NAME's role. It applies from the next request on."""
    with _users(db) as store:
        from reseen.operations import users as acts
        from reseen.review.users import role_of

        acts.set_role(store, name, role_of(role))
    say(f"{name} is {role}")


@user.command()
@click.argument("name")
@db_option
def disable(name: str, db: str | None) -> None:
    """Disable the user NAME. Open sessions end at once; past decisions stay."""
    with _users(db) as store:
        from reseen.operations import users as acts

        acts.disable(store, name)
    say(f"{name} is disabled")


@user.command()
@click.argument("name")
@db_option
def enable(name: str, db: str | None) -> None:
    """Enable the user NAME again."""
    with _users(db) as store:
        from reseen.operations import users as acts

        acts.enable(store, name)
    say(f"{name} may sign in")


@user.command()
@click.argument("name")
@password_options
@db_option
def password(name: str, password_file: Path | None, generate: bool, db: str | None) -> None:
    """Change NAME's password. All sessions of NAME end."""
    with _users(db) as store:
        from reseen.operations import users as acts

        new = _password(password_file, generate)
        acts.set_password(store, name, new)
    say(f"{name} has a new password")
    _tell(new, generate)


@user.command("reset-second-factor")
@click.argument("name")
@db_option
def reset_second_factor(name: str, db: str | None) -> None:
    """Reset NAME's second factor. All sessions of NAME end; the password stays."""
    with _users(db) as store:
        from reseen.operations import second_factor as acts

        gone = acts.reset(store, name)
    say(f"{name} has no second factor any more ({count(gone, 'factor')} removed)")


@user.command()
@click.argument("name")
@click.option("--end", is_flag=True, help="End them all. NAME may sign in again.")
@db_option
@json_option
def sessions(name: str, end: bool, db: str | None, as_json: bool) -> None:
    """List the open sessions of NAME, or end them all."""
    if end:
        with _users(db) as store:
            from reseen.operations import sessions as acts

            ended = acts.end_of(store, name)
        if as_json:
            emit({"name": name, "ended": ended})
        else:
            say(f"{count(ended, 'session')} of {name} ended")
        return
    with _users(db, look_into) as store, store.read() as connection:
        from reseen.review import sessions as seen
        from reseen.review import users

        found = seen.open_of(connection, users.by_name(connection, name).pk)
    for one in found:
        if as_json:
            emit(
                {
                    "browser": one.browser,
                    "began_at": one.began_at,
                    "seen_at": one.seen_at,
                    "how": one.how,
                }
            )
        else:
            say(f"{one.browser:<32}{one.began_at:%Y-%m-%d %H:%M}  {one.seen_at:%Y-%m-%d %H:%M}")
    if not as_json:
        note(count(len(found), "session") if found else f"{name} is signed in nowhere.")


def _need_service() -> None:
    try:
        import argon2
        import fastapi
    except ImportError:
        raise MISSING from None
    del argon2, fastapi


@contextmanager
def _users(db: str | None, opens: Opens = open_store) -> Iterator[Store]:
    _need_service()
    with opens(settings_for(db)) as store:
        yield store


def _password(path: Path | None, generate: bool) -> str:
    if generate:
        return secrets.token_urlsafe(18)
    if path is None:
        import getpass
        import warnings

        try:
            with warnings.catch_warnings():  # that of no terminal names a line of Python
                warnings.simplefilter("ignore", getpass.GetPassWarning)
                return str(
                    click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
                )
        except click.Abort as e:
            if not isinstance(e.__context__, EOFError):
                raise
            raise InputError(
                "no password was given", remedy="Use --password-file FILE, or --generate."
            ) from None
    try:
        with path.open("rb") as file:
            return file.readline(4096).decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"{path}: the password cannot be read", remedy="Give a text file with the password."
        ) from None


def _tell(password: str, generated: bool) -> None:
    if generated:
        say(f"password: {password}")
        note("It is shown only once.")


def _state(user: User) -> str:
    return "disabled" if user.disabled_at is not None else ""
