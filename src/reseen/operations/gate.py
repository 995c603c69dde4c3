"""Who may ask the gate, and what it advises."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reseen.gate import keys, policy
from reseen.gate.keys import Key, KeyScope
from reseen.records import Advice, Rung
from reseen.review.roles import Who
from reseen.store.database import Store


def make_key(
    store: Store, name: str, scopes: Collection[KeyScope], rate: float, who: Who | None = None
) -> tuple[Key, str]:
    """A new key, and its secret text, which nobody can show again. `who`: None at the command
    line. Raises InputError for a name, scopes or rate that make no sense."""
    with store.write() as connection:
        actor, pk = (None, None) if who is None else (who.actor, who.pk)
        return keys.make(connection, name, scopes, rate, actor=actor, created_by=pk)


def revoke_key(store: Store, key: str, *, actor: str | None = None) -> bool:
    """Make a key worth nothing, for ever; False if it was before. Raises NotFound."""
    with store.write() as connection:
        return keys.revoke(connection, key, actor=actor)


def set_policy(
    store: Store,
    list_name: str,
    rules: Mapping[Rung | None, Advice | None],
    *,
    actor: str | None = None,
) -> bool:
    """Rule what is advised at these rungs for a list, all at once; None takes a rule away. Under
    the rung None: of files that only their digests could judge, for every list. Whether anything
    changed. Raises InputError."""
    changed = False
    with store.write() as connection:
        for rung, advice in rules.items():
            if rung is None:
                changed |= policy.set_only_digests(connection, advice, actor=actor)
            else:
                changed |= policy.set(connection, list_name, rung, advice, actor=actor)
    return changed
