"""A service over a store of its own, and people of every role at its doors."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from reseen.review import sessions, users
from reseen.review.roles import Role, Who
from reseen.web.access import auth_middleware, csrf
from reseen.web.service import Service

PASSWORD = "three plain words for tests"
BASE = "http://testserver"


class Visitor:
    """A browser without script: keeps cookies, sends the token of forms along with every POST."""

    def __init__(self, app: FastAPI, role: Role | None = None, name: str | None = None) -> None:
        """Signed in with this role (the user is made when there is none of the name), or not."""
        self.service: Service = app.state.service
        self.client = TestClient(
            app, base_url=BASE, follow_redirects=False, raise_server_exceptions=False
        )
        self.who: Who | None = None
        self.csrf = ""
        if role is not None:
            with self.service.store.write() as connection:
                self.who = user_of(connection, name or f"sample-{role.label}", role)
                session = sessions.begin(connection, self.who)
            self.client.cookies.set(auth_middleware.session_cookie(self.service), session.token)
            self.csrf = csrf.token_for(self.service.store.secret, session.token)

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
        return self.client.post(path, data={"csrf": self.csrf, **(data or {})}, **more)

    def send_list(self, data: bytes, name: str, file: str = "list.csv") -> Any:
        """A list is sent, and looked at."""
        return self.post("/lists/import", {"name": name}, files={"file": (file, data, "text/csv")})

    def import_list(self, data: bytes, name: str, **fields: str) -> Any:
        """A list is sent, then imported; `fields`: of the preview."""
        sent = self.send_list(data, name)
        waits = re.search(r'formaction="(/lists/import/[0-9a-f]+)/look"', sent.text)
        assert waits is not None, sent.text
        return self.post(f"{waits[1]}/import", {"name": name, **fields})

    def sign_in(self, name: str, password: str = PASSWORD, next: str = "") -> Any:
        """By the form, as a person does."""
        form = self.client.get("/sign-in").text
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', form)
        assert token is not None
        answer = self.client.post(
            "/sign-in",
            data={"csrf": token[1], "name": name, "password": password, "next": next},
        )
        held = self.client.cookies.get(auth_middleware.session_cookie(self.service))
        self.csrf = csrf.token_for(self.service.store.secret, held) if held else ""
        return answer


def user_of(connection: Any, name: str, role: Role) -> Who:
    """The user of this name, made without a password when there is none: hashing takes time."""
    from reseen.store.database import now
    from reseen.store.service_schema import users as table

    if not any(user.name == name for user in users.every(connection)):
        connection.execute(
            table.insert(), [{"name": name, "role": role.label, "created_at": now()}]
        )
    return users.by_name(connection, name).who
