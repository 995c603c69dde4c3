"""What the gate advises for each rung, and for each list where one is treated otherwise.

What comes in: a connection. What goes out: a `Policy`, a value that is asked without the store.
The most particular rule counts: that of the list and the rung, then that of the rung for every
list, then the default. One more setting is about files that match nothing: those that only their
digests could judge. Every change is a line in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from reseen.errors import InputError
from reseen.records import Advice, Rung
from reseen.store import audit, service_schema
from reseen.store.database import upsert

EVERY_LIST = ""
"""The name under which a rule for every list is kept: no list has an empty name."""


DEFAULT: Mapping[Rung, Advice] = {
    Rung.BYTES: Advice.BLOCK,
    Rung.TENSORS: Advice.BLOCK,
    Rung.DECLARED: Advice.HOLD,
    Rung.POINTER: Advice.HOLD,
    Rung.WEIGHTS: Advice.HOLD,
    Rung.COMPONENT: Advice.HOLD,
    Rung.HINT: Advice.ALLOW,
}
"""What proves is blocked, what makes likely is held for a person, what hints is let through."""


ONLY_DIGESTS = 0
"""What stands in a rung's place in the store for files that only their digests could judge."""
ONLY_DIGESTS_NAME = "only-digests"
ONLY_DIGESTS_DEFAULT = Advice.ALLOW
"""Most of what a hub is sent is so (checkpoints, pictures of training, texts): it is said, and let
through."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The administrator's rules over the default."""

    rules: Mapping[tuple[str, Rung], Advice] = field(default_factory=dict)
    """(list or EVERY_LIST, rung) -> advice."""
    only_digests: Advice | None = None
    """What is advised of a file that only its digests could judge; None: the default."""

    @property
    def blind(self) -> Advice:
        """The advice for a file that only its digests could judge."""
        return self.only_digests or ONLY_DIGESTS_DEFAULT

    def advice(self, list_name: str, rung: Rung) -> Advice:
        """The rule for a list's removals at a rung; what only hints is let through by any rule."""
        if rung <= Rung.HINT:
            return Advice.ALLOW
        found = self.rules.get((list_name, rung)) or self.rules.get((EVERY_LIST, rung))
        return found or DEFAULT[rung]


def read(connection: Connection) -> Policy:
    """The rules in force."""
    table = service_schema.policies.c
    rules: dict[tuple[str, Rung], Advice] = {}
    only_digests: Advice | None = None
    for name, rung, advice in connection.execute(select(table.list, table.rung, table.advice)):
        if rung == ONLY_DIGESTS:
            only_digests = Advice(advice)
        else:
            rules[name, Rung(rung)] = Advice(advice)
    return Policy(rules, only_digests)


def set(
    connection: Connection,
    list_name: str,
    rung: Rung,
    advice: Advice | None,
    *,
    actor: str | None = None,
) -> bool:
    """Rule what is advised at a rung for a list, or for EVERY_LIST; None takes the rule away.
    Whether that changed anything; a change is audited. Raises InputError for a name that no list
    can have."""
    if len(list_name) > 200 or not list_name.isprintable():
        raise InputError("that is no list's name", remedy="Choose one of the lists.")
    return _set(connection, list_name, (int(rung), rung.label), advice, actor)


def set_only_digests(
    connection: Connection, advice: Advice | None, *, actor: str | None = None
) -> bool:
    """Rule what is advised of files that only their digests could judge; None takes the rule away.
    As `set` otherwise."""
    return _set(connection, EVERY_LIST, (ONLY_DIGESTS, ONLY_DIGESTS_NAME), advice, actor)


def _set(
    connection: Connection,
    list_name: str,
    what: tuple[int, str],
    advice: Advice | None,
    actor: str | None,
) -> bool:
    """`what`: the number that stands for it in the store, and its name in the log."""
    number, label = what
    table = service_schema.policies.c
    here = (table.list == list_name) & (table.rung == number)
    before = connection.scalar(select(table.advice).where(here))
    after = None if advice is None else advice.value
    if before == after:
        return False
    if after is None:
        connection.execute(delete(service_schema.policies).where(here))
    else:
        row = {"list": list_name, "rung": number, "advice": after}
        upsert(connection, service_schema.policies, [row], key=("list", "rung"), update=("advice",))
    audit.write(
        connection,
        "policy",
        list_name or "*",
        actor=actor,
        rung=label,
        before=before,
        after=after,
    )
    return True
