"""Administrators: what the gate advises at each rung, for all lists or for one."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from reseen.errors import InputError
from reseen.gate import policy
from reseen.gate.policy import DEFAULT, EVERY_LIST, ONLY_DIGESTS_DEFAULT, ONLY_DIGESTS_NAME
from reseen.operations.gate import set_policy
from reseen.records import LADDER, Advice, Rung
from reseen.registry import known_lists
from reseen.report.html import RUNG_MEANING
from reseen.web.access import Administrator
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

SAID = {
    "changed": N_("The policy is changed. Every gate follows within two seconds."),
    "same": N_("Nothing was different."),
}
RUNGS = [rung for rung in LADDER if rung in DEFAULT]
_INHERIT = ""


@router.get("/policy")
def show(request: Request, service: Served, who: Administrator, list: str = EVERY_LIST) -> Response:
    with service.store.read() as connection:
        rules = policy.read(connection)
        lists = known_lists.list_names(connection)
    if list != EVERY_LIST and list not in lists:
        raise InputError("there is no such list", remedy="Choose one of those shown.")
    rows = [
        (
            rung,
            rules.rules.get((list, rung)),
            DEFAULT[rung] if list == EVERY_LIST else rules.advice(EVERY_LIST, rung),
        )
        for rung in RUNGS
    ]
    ruled = {name for name, _ in rules.rules}
    return page(
        request,
        "policy.html",
        who,
        said=SAID,
        chosen=list,
        lists=lists,
        ruled=ruled,
        rows=rows,
        only_digests=rules.only_digests,
        only_digests_default=ONLY_DIGESTS_DEFAULT,
        meaning=RUNG_MEANING,
        advices=[*Advice],
    )


@router.post("/policy")
async def change(request: Request, service: Served, who: Administrator) -> Response:
    """One list's rules: for each rung a field of its name, empty for the rule above it."""
    form = await request.form()
    name = form.get("list", EVERY_LIST)
    if not isinstance(name, str):
        raise InputError("that is no list's name", remedy="Choose one of the lists.")
    return await run_in_threadpool(_change, service, who, name, dict(form))


def _change(service: Served, who: Administrator, name: str, form: dict[str, object]) -> Response:
    with service.store.read() as connection:
        lists = set(known_lists.list_names(connection))
    if name != EVERY_LIST and name not in lists:
        raise InputError("there is no such list", remedy="Choose one of those shown.")
    rules: dict[Rung | None, Advice | None] = {}
    fields: dict[str, Rung | None] = {rung.label: rung for rung in RUNGS}
    if name == EVERY_LIST:
        fields[ONLY_DIGESTS_NAME] = None
    for field, rung in fields.items():
        word = form.get(field)
        if word is None:
            continue
        if word not in (_INHERIT, *Advice):
            raise InputError("there is no such advice", remedy="Choose one of those shown.")
        rules[rung] = Advice(str(word)) if word else None
    changed = set_policy(service.store, name, rules, actor=who.actor)
    query = urlencode({"list": name, "done": "changed" if changed else "same"})
    return RedirectResponse(f"/policy?{query}", status_code=303)
