"""Every page that there is, with something in every table, for tests that look at all of them.

Pages come from the list of routes: a page that is added is looked at without being named here.
"""

from __future__ import annotations

from sqlalchemy import select
from tests import campaigns_made
from tests.browser.serving import Serving
from tests.browser.test_every_page import a_removal, some_cases
from tests.web.routes import NEEDS

from reseen.gate.keys import KeyScope
from reseen.operations import campaigns as found
from reseen.operations import cases as acts
from reseen.operations import gate, jobs, notices, scans
from reseen.records import RepoType, Rung
from reseen.review import campaigns, cases, users
from reseen.review.decide import DecidedBy, ShownCase
from reseen.review.roles import Role
from reseen.review.verdicts import Verdict
from reseen.scan.target import Target
from reseen.store import service_schema

NOT_PAGES = {"/audit/head", "/audit/export"}
"""What a browser keeps as a file, or a machine reads."""
NOT_THERE = {
    *("/notices/{id}/letters/{number}", "/notices/{id}/correction", "/lists/import"),
    *("/me/second-factor/confirm", "/me/second-factor/app", "/asking/{hub}"),
}
"""Pages of what this store has none of, or of a step that was not begun: looked at elsewhere."""


def furnished(serving: Serving) -> Serving:
    """A key, a scan that waits, and a notice about two confirmed cases."""
    cases.put_all(serving.store)
    with serving.store.read() as connection:
        who = users.by_name(connection, "ada").who
        c = service_schema.cases.c
        read = connection.execute(
            select(c.id, c.version, c.hub, c.account).where(c.rung >= int(Rung.TENSORS))
        ).all()
    account = max((row.account for row in read), key=[row.account for row in read].count)
    mine = [row for row in read if row.account == account][:2]
    for row in mine:
        shown = ShownCase(row.id, row.version)
        by = DecidedBy(who, "Looked at both, sample reason.")
        acts.decide(serving.store, serving.keyring, shown, Verdict.CONFIRM, by)
    notices.draft(serving.store, mine[0].hub, account, who)
    gate.make_key(serving.store, "Sample uploads", [KeyScope.CHECK], 5.0, who)
    target = Target(types=(RepoType.MODEL,), authors=("sample-account",))
    scans.queue(serving.store, jobs.scan_of(target), who)
    campaign(serving)
    return serving


def campaign(serving: Serving) -> str:
    """One of four accounts with removals of their own, among others who know nobody; its id."""
    assert serving.keyring is not None
    made = campaigns_made.removals(serving.store, serving.keyring, 380)
    names = ("brightoak", "zunafi88-with-a-very-long-name-as-a-hub-allows", "m-kestrel", "lynx2")
    campaigns_made.put(serving.store, campaigns_made.bystanders(25), made)
    campaigns_made.put(serving.store, campaigns_made.crew(names, range(320, 341)), made)
    found.find(serving.store)
    with serving.store.read() as connection:
        return campaigns.every(connection)[0].id


def pages_of(serving: Serving) -> list[str]:
    """The address of every page of a person, some of them twice."""
    hub, strongest, weakest = some_cases(serving)
    with serving.store.read() as connection:
        notice = connection.scalar(select(service_schema.notices.c.id))
        job = connection.scalar(select(service_schema.jobs.c.id))
        account = connection.scalar(select(service_schema.notices.c.account))
        together = campaigns.every(connection)[0].id
    known = {
        "/cases/{id}": (f"/cases/{strongest}", f"/cases/{weakest}"),
        "/accounts/{hub}/{account}": (f"/accounts/{hub}/{account}",),
        "/notices/{id}": (f"/notices/{notice}",),
        "/campaigns/{id}": (f"/campaigns/{together}",),
        "/scans/{id}": (f"/scans/{job}",),
        "/lists/{number}": ("/lists/1",),
        "/removals/{id}": (f"/removals/{a_removal(serving)}",),
        "/notices/{id}/letter": (f"/notices/{notice}/letter",),
        "/queue": ("/queue", "/queue?group=account"),
        "/users/{pk}": ("/users/1",),
    }
    asked = sorted(
        path
        for (method, path), needed in NEEDS.items()
        if method == "GET" and isinstance(needed, Role) and not _is_file(path)
    )
    return [place for path in asked for place in known.get(path, (path,))]


def _is_file(path: str) -> bool:
    return path in NOT_PAGES | NOT_THERE
