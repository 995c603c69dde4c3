from __future__ import annotations

from tests.match.made import KEYRING
from tests.match.updates import CAST, OTHER, REMOVED, put, sketch

from reseen.match.registry_parts import RegistryParts, known
from reseen.registry import removals
from reseen.store.database import Store


def test_removals_in_force_of_one_architecture_are_candidates_each_once(store: Store) -> None:
    withdrawn, *_ = put(store, OTHER, REMOVED, REMOVED, CAST)
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, withdrawn, "a sample reason")
    architecture = sketch(REMOVED).architecture
    with store.read() as connection:
        found = {each.sketch.encode() for each in known(connection, architecture)}
        assert found == {sketch(file).encode() for file in (REMOVED, CAST)}
        assert len(known(connection, architecture, most=1)) == 1
        assert known(connection, "flux") == []
    # The file itself is no part of itself, and neither is another copy of it.
    assert RegistryParts(store.read).found(sketch(CAST).encode()) == ()
