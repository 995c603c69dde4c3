"""Renders pages. What comes in: a template's name and values. What goes out: HTML, everything
escaped.

Filters: `visible` (foreign text, with control and direction characters shown), `number`, `size`,
`when` and `ago` (of datetimes or of the store's microseconds). In every template: `who` (None when
nobody is signed in), `csrf_field()`, `static(name)`, `done` (what was just done, as a sentence).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files as resources

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reseen.observed.artifacts import instant
from reseen.review.roles import Role, Who
from reseen.store.database import now
from reseen.texts import for_people, visible
from reseen.web.access.csrf import FIELD, token_for
from reseen.web.form_values import line_feeds
from reseen.web.service import service_of

NAVIGATION: tuple[tuple[str, str, Role], ...] = (
    ("/", "Start", Role.READER),
    ("/queue", "Queue", Role.READER),
    ("/campaigns", "Campaigns", Role.READER),
    ("/notices", "Notices", Role.READER),
    ("/lists", "Lists", Role.READER),
    ("/scans", "Scans", Role.READER),
    ("/reports", "Reports", Role.REVIEWER),
    ("/audit", "Audit", Role.LEAD),
    ("/users", "Users", Role.ADMINISTRATOR),
    ("/keys", "Keys", Role.ADMINISTRATOR),
    ("/policy", "Policy", Role.ADMINISTRATOR),
)


def page(
    request: Request,
    template: str,
    who: Who | None,
    *,
    status: int = 200,
    said: Mapping[str, str] | None = None,
    **values: object,
) -> HTMLResponse:
    """A page from `templates/`. `said`: sentences by the word that `?done=` may carry."""
    held: str | None = getattr(request.state, "held", None)
    secret = service_of(request).store.secret
    done = (said or {}).get(request.query_params.get("done", ""))

    def csrf_field() -> Markup:
        token = token_for(secret, held) if held else ""
        return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)

    text = (
        _environment()
        .get_template(template)
        .render(
            who=who,
            path=request.url.path,
            navigation=[
                (path, label) for path, label, role in NAVIGATION if who and who.role >= role
            ],
            csrf_field=csrf_field,
            csrf_token=token_for(secret, held) if held else "",
            static=_static,
            done=done,
            **values,
        )
    )
    return HTMLResponse(text, status_code=status)


def attached(name: str) -> dict[str, str]:
    """The header of an answer that a browser keeps as a file. `name`: ours, of plain characters."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reseen.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: for_people(value) if type(value) is str else value,
    )
    environment.filters["visible"] = lambda text: visible(str(text)) if text is not None else ""
    environment.filters["lines"] = lambda text: for_people(line_feeds(text or ""))
    environment.filters["number"] = "{:,}".format
    environment.filters["size"] = _size
    environment.filters["when"] = _when
    environment.filters["ago"] = _ago
    environment.globals["Role"] = Role
    return environment


@lru_cache
def _static(name: str) -> str:
    """The URL of a file under `static/`, which changes with its bytes: browsers may keep it."""
    content = resources("reseen.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _instant(value: datetime | int) -> datetime:
    return value if isinstance(value, datetime) else instant(value)


def _when(value: datetime | int | None) -> Markup | str:
    """2026-11-23 21:10 UTC."""
    if value is None:
        return "never"
    at = _instant(value).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M UTC")
    )


def _ago(value: datetime | int | None) -> Markup | str:
    """5 minutes ago, in 3 days."""
    if value is None:
        return "never"
    at = _instant(value).astimezone(UTC)
    seconds = now() / 1e6 - at.timestamp()
    amount = abs(seconds)
    for size, unit in ((86_400 * 365, "year"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        # A clock of 48 hours that began a second ago is no clock of one day.
        if amount >= size * (3 if unit == "day" else 1):
            count = int(amount // size)
            text = f"{count} {unit}{'' if count == 1 else 's'}"
            break
    else:
        text = ""
    words = "just now" if not text else f"{text} ago" if seconds > 0 else f"in {text}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M UTC"), words
    )


def _size(value: int | None) -> str:
    """Bytes as people write them, in powers of 1,000."""
    if value is None:
        return "?"
    amount = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
