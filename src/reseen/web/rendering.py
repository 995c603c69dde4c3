"""Renders pages. What comes in: a template's name and values. What goes out: HTML in the language
of the request, everything escaped.

Filters: `visible` (foreign text, with control and direction characters shown), `number`,
`decimal`, `percent`, `significant`, `size`, `when`, `ago`, `lasting`, `fixed` (a word that stands
in `N_` or `NP_`), `told` (what a room below the pages says). In every template:
`who` (None when nobody is signed in), `csrf_field()`, `static(name)`, `done` (what was just done,
as a sentence), `language`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files as resources

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reseen.review.roles import Role, Who
from reseen.texts import for_people, visible
from reseen.web.access.csrf import FIELD, token_for
from reseen.web.form_values import line_feeds
from reseen.web.languages import ENGLISH, Language, language_of
from reseen.web.service import service_of
from reseen.web.shown_values import filters
from reseen.web.speech import N_, speech

NAVIGATION: tuple[tuple[str, str, Role], ...] = (
    ("/", N_("Start"), Role.READER),
    ("/queue", N_("Queue"), Role.READER),
    ("/campaigns", N_("Campaigns"), Role.READER),
    ("/notices", N_("Notices"), Role.READER),
    ("/lists", N_("Lists"), Role.READER),
    ("/scans", N_("Scans"), Role.READER),
    ("/reports", N_("Reports"), Role.REVIEWER),
    ("/audit", N_("Audit"), Role.LEAD),
    ("/users", N_("Users"), Role.ADMINISTRATOR),
    ("/keys", N_("Keys"), Role.ADMINISTRATOR),
    ("/policy", N_("Policy"), Role.ADMINISTRATOR),
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
    """A page from `templates/`. `said`: sentences, in `N_`, by the word that `?done=` may carry."""
    held: str | None = getattr(request.state, "held", None)
    secret = service_of(request).store.secret
    language = language_of(request)
    done = (said or {}).get(request.query_params.get("done", ""), "")

    def csrf_field() -> Markup:
        token = token_for(secret, held) if held else ""
        return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)

    text = (
        _environment(language)
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
            done=speech(language).fixed(done),
            **values,
        )
    )
    headers = {"Content-Language": language.code, "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(text, status_code=status, headers=headers)


def attached(name: str) -> dict[str, str]:
    """The header of an answer that a browser keeps as a file. `name`: ours, of plain characters."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@lru_cache
def _environment(language: Language = ENGLISH) -> Environment:
    environment = Environment(
        loader=PackageLoader("reseen.web"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: for_people(value) if type(value) is str else value,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    told = speech(language)
    environment.filters |= filters(told)
    environment.filters["visible"] = lambda text: visible(str(text)) if text is not None else ""
    environment.filters["lines"] = lambda text: for_people(line_feeds(text or ""))
    environment.globals |= {"Role": Role, "language": language, "gettext": told.gettext}
    environment.globals |= {"ngettext": told.ngettext, "pgettext": told.pgettext}
    environment.globals["_"] = told.gettext
    return environment


@lru_cache
def _static(name: str) -> str:
    """The URL of a file under `static/`, which changes with its bytes: browsers may keep it."""
    content = resources("reseen.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
