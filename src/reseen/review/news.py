"""How much there is to do that was not there before: counts, for who is told of it."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from reseen.records import Rung
from reseen.review.cases import FALLEN
from reseen.review.notice_states import NoticeState
from reseen.store.service_schema import cases, notice_steps, notices

_RUNNING = (NoticeState.SENT.value, NoticeState.ACKNOWLEDGED.value)


def new_cases(connection: Connection, least: Rung, since: int, until: int) -> int:
    """Cases of that rung or a higher one that came and are not decided."""
    c = cases.c
    here = (c.rung >= int(least)) & (c.rung != FALLEN) & (c.state != "decided") & (c.live > 0)
    query = select(func.count()).where(here, c.opened_at > since, c.opened_at <= until)
    return int(connection.scalar(query) or 0)


def clocks_run_out(connection: Connection, since: int, until: int) -> int:
    """Notices that wait for their host, whose clock ran out."""
    n = notices.c
    query = select(func.count()).where(
        n.state.in_(_RUNNING), n.due_at.is_not(None), n.due_at > since, n.due_at <= until
    )
    return int(connection.scalar(query) or 0)


def came_back(connection: Connection, since: int, until: int) -> int:
    """Notices of which a file was seen again."""
    s = notice_steps.c
    query = select(func.count(func.distinct(s.notice_pk))).where(
        s.state == NoticeState.RESEEN.value, s.at > since, s.at <= until
    )
    return int(connection.scalar(query) or 0)
