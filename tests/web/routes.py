"""Every route, and the least role that it needs. A route that is not here fails a test."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from fastapi import FastAPI

from reseen.review.roles import Role


class Open(Enum):
    """Routes that ask for no role."""

    ANYBODY = "anybody"
    KEY = "a key of the gate"
    SECRET = "the secret of a webhook"
    HERE = "this machine, or a key with the scope metrics"


NEEDS: dict[tuple[str, str], Role | Open] = {
    ("GET", "/"): Role.READER,
    ("POST", "/begin"): Role.LEAD,
    ("GET", "/sign-in"): Open.ANYBODY,
    ("POST", "/sign-in"): Open.ANYBODY,
    ("GET", "/join/{token}"): Open.ANYBODY,
    ("POST", "/join/{token}"): Open.ANYBODY,
    ("POST", "/sign-in/issuer"): Open.ANYBODY,
    ("GET", "/sign-in/issuer"): Open.ANYBODY,
    ("GET", "/sign-in/second"): Open.ANYBODY,
    ("POST", "/sign-in/second"): Open.ANYBODY,
    ("POST", "/sign-out"): Role.READER,
    ("POST", "/search"): Role.READER,
    ("GET", "/me"): Role.READER,
    ("POST", "/me/language"): Role.READER,
    ("POST", "/me/password"): Role.READER,
    ("GET", "/me/second-factor"): Role.READER,
    ("GET", "/me/second-factor/confirm"): Role.READER,
    ("POST", "/me/second-factor/confirm"): Role.READER,
    ("POST", "/me/second-factor/app"): Role.READER,
    ("GET", "/me/second-factor/app"): Role.READER,
    ("POST", "/me/second-factor/app/confirm"): Role.READER,
    ("POST", "/me/second-factor/key"): Role.READER,
    ("POST", "/me/second-factor/codes"): Role.READER,
    ("POST", "/me/second-factor/{pk}/remove"): Role.READER,
    ("POST", "/me/sessions/end"): Role.READER,
    ("POST", "/me/sessions/{id}/end"): Role.READER,
    # the queue, cases, accounts
    ("GET", "/queue"): Role.READER,
    ("POST", "/queue/next"): Role.REVIEWER,
    ("POST", "/queue/confirm"): Role.REVIEWER,
    ("POST", "/queue/not-this-model"): Role.REVIEWER,
    ("POST", "/queue/allow"): Role.REVIEWER,
    ("POST", "/queue/undo"): Role.REVIEWER,
    ("POST", "/queue/assign"): Role.REVIEWER,
    ("POST", "/queue/filters"): Role.REVIEWER,
    ("POST", "/queue/filters/{id}/delete"): Role.REVIEWER,
    ("GET", "/cases/{id}"): Role.READER,
    ("POST", "/cases/{id}/confirm"): Role.REVIEWER,
    ("POST", "/cases/{id}/not-this-model"): Role.REVIEWER,
    ("POST", "/cases/{id}/allow"): Role.REVIEWER,
    ("POST", "/cases/{id}/second"): Role.REVIEWER,
    ("POST", "/cases/{id}/undo"): Role.REVIEWER,
    ("POST", "/cases/{id}/claim"): Role.REVIEWER,
    ("POST", "/cases/{id}/release"): Role.REVIEWER,
    ("POST", "/cases/{id}/comment"): Role.REVIEWER,
    ("POST", "/cases/{id}/reveal"): Role.REVIEWER,
    ("POST", "/cases/{id}/read"): Role.REVIEWER,
    ("POST", "/cases/{id}/look"): Role.REVIEWER,
    ("GET", "/accounts/{hub}/{account}"): Role.READER,
    ("POST", "/accounts/{hub}/{account}/confirm"): Role.LEAD,
    ("POST", "/accounts/{hub}/{account}/not-this-model"): Role.LEAD,
    ("POST", "/accounts/{hub}/{account}/allow"): Role.LEAD,
    ("POST", "/accounts/{hub}/{account}/undo"): Role.LEAD,
    ("GET", "/campaigns"): Role.READER,
    ("GET", "/campaigns/{id}"): Role.READER,
    ("POST", "/campaigns/{id}"): Role.REVIEWER,
    # notices, lists, scans
    ("GET", "/notices"): Role.READER,
    ("GET", "/notices/{id}"): Role.READER,
    ("POST", "/notices"): Role.REVIEWER,
    ("GET", "/notices/sender"): Role.READER,
    ("GET", "/notices/{id}/letter"): Role.REVIEWER,
    ("GET", "/notices/{id}/letters/{number}"): Role.REVIEWER,
    ("POST", "/notices/{id}/letters/{number}"): Role.REVIEWER,
    ("POST", "/notices/{id}/text"): Role.REVIEWER,
    ("POST", "/notices/{id}/json"): Role.REVIEWER,
    ("POST", "/notices/{id}/pdf"): Role.REVIEWER,
    ("GET", "/notices/{id}/correction"): Role.REVIEWER,
    ("POST", "/notices/{id}/correction"): Role.REVIEWER,
    ("POST", "/notices/{id}/correction/json"): Role.REVIEWER,
    ("POST", "/notices/{id}/correction/pdf"): Role.REVIEWER,
    ("POST", "/notices/{id}/withdrawal"): Role.LEAD,
    ("POST", "/notices/{id}/withdrawal/json"): Role.LEAD,
    ("POST", "/notices/{id}/withdrawal/pdf"): Role.LEAD,
    ("POST", "/notices/{id}/withdrawal/send"): Role.LEAD,
    ("POST", "/notices/{id}/withdrawn"): Role.LEAD,
    ("POST", "/notices/{id}/discard"): Role.REVIEWER,
    ("POST", "/notices/{id}/correction/send"): Role.LEAD,
    ("POST", "/notices/{id}/corrected"): Role.LEAD,
    ("POST", "/notices/{id}/clause"): Role.REVIEWER,
    ("POST", "/notices/{id}/send"): Role.LEAD,
    ("POST", "/notices/{id}/recheck"): Role.REVIEWER,
    ("POST", "/notices/{id}/undo"): Role.REVIEWER,
    ("POST", "/notices/{id}/sent"): Role.LEAD,
    ("POST", "/notices/{id}/acknowledged"): Role.REVIEWER,
    ("POST", "/notices/{id}/refused"): Role.REVIEWER,
    ("POST", "/notices/{id}/gone"): Role.REVIEWER,
    ("POST", "/notices/{id}/re-seen"): Role.REVIEWER,
    ("GET", "/reports"): Role.REVIEWER,
    ("POST", "/reports"): Role.REVIEWER,
    ("POST", "/queue/export"): Role.REVIEWER,
    ("GET", "/lists"): Role.READER,
    ("GET", "/lists/import"): Role.LEAD,
    ("POST", "/lists/import"): Role.LEAD,
    ("POST", "/lists/import/{id}/look"): Role.LEAD,
    ("POST", "/lists/import/{id}/import"): Role.LEAD,
    ("POST", "/lists/import/{id}/throw-away"): Role.LEAD,
    ("POST", "/lists/import/{id}/rejects"): Role.LEAD,
    ("POST", "/lists/change"): Role.LEAD,
    ("GET", "/innocents"): Role.READER,
    ("POST", "/innocents/{id}"): Role.LEAD,
    ("GET", "/removals/{id}"): Role.READER,
    ("POST", "/removals/{id}/reveal"): Role.REVIEWER,
    ("GET", "/lists/{number}"): Role.READER,
    ("POST", "/removals/{id}/claims/{number}"): Role.LEAD,
    ("POST", "/removals/{id}/class"): Role.LEAD,
    ("POST", "/removals/{id}/withdraw"): Role.LEAD,
    ("POST", "/removals/{id}/restore"): Role.LEAD,
    ("GET", "/asking"): Role.LEAD,
    ("GET", "/asking/{hub}"): Role.LEAD,
    ("POST", "/asking/{hub}/ask"): Role.LEAD,
    ("POST", "/asking/{hub}/switch"): Role.ADMINISTRATOR,
    ("GET", "/scans"): Role.READER,
    ("GET", "/not-judged"): Role.READER,
    ("POST", "/scans"): Role.LEAD,
    ("GET", "/scans/{id}"): Role.READER,
    ("POST", "/scans/{id}/again"): Role.LEAD,
    ("POST", "/scans/{id}/stop"): Role.LEAD,
    ("POST", "/schedules/{id}/stop"): Role.LEAD,
    ("GET", "/notifications"): Role.LEAD,
    ("POST", "/notifications/test"): Role.LEAD,
    # administrators
    ("GET", "/audit"): Role.LEAD,
    ("GET", "/audit/head"): Role.LEAD,
    ("GET", "/audit/export"): Role.ADMINISTRATOR,
    ("GET", "/users"): Role.ADMINISTRATOR,
    ("POST", "/users"): Role.ADMINISTRATOR,
    ("POST", "/users/invite"): Role.ADMINISTRATOR,
    ("POST", "/users/{pk}/invite"): Role.ADMINISTRATOR,
    ("GET", "/users/{pk}"): Role.ADMINISTRATOR,
    ("POST", "/users/{pk}/sessions/end"): Role.ADMINISTRATOR,
    ("POST", "/users/{pk}/second-factor/reset"): Role.ADMINISTRATOR,
    ("POST", "/users/second-factor"): Role.ADMINISTRATOR,
    ("POST", "/users/{pk}/role"): Role.ADMINISTRATOR,
    ("POST", "/users/{pk}/disable"): Role.ADMINISTRATOR,
    ("POST", "/users/{pk}/enable"): Role.ADMINISTRATOR,
    ("POST", "/users/{pk}/password"): Role.ADMINISTRATOR,
    ("GET", "/keys"): Role.ADMINISTRATOR,
    ("POST", "/keys"): Role.ADMINISTRATOR,
    ("POST", "/keys/{id}/revoke"): Role.ADMINISTRATOR,
    ("GET", "/policy"): Role.ADMINISTRATOR,
    ("POST", "/policy"): Role.ADMINISTRATOR,
    # machines
    ("GET", "/static/"): Open.ANYBODY,
    ("GET", "/health"): Open.ANYBODY,
    ("GET", "/ready"): Open.ANYBODY,
    ("GET", "/metrics"): Open.HERE,
    ("GET", "/v1/openapi.json"): Open.ANYBODY,
    ("POST", "/v1/check"): Open.KEY,
    ("POST", "/v1/check/file"): Open.KEY,
    ("POST", "/v1/hooks/huggingface"): Open.SECRET,
}


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """(method, template) of everything that the application answers."""
    return set(_walk(app.routes))


def _walk(routes: Any) -> Iterator[tuple[str, str]]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner.routes)
        elif getattr(route, "methods", None):
            for method in route.methods - {"HEAD"}:
                yield method, route.path
        else:
            yield "GET", f"{route.path}/"  # files


def path_of(template: str) -> str:
    """The template, filled with what is there never or always."""
    return template.format(
        pk=1,
        id="xx-00000000",
        hub="huggingface",
        account="sample",
        removal="rm-00000000",
        number=1,
        token="A" * 43,
    )
