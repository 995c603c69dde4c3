from __future__ import annotations

import pytest
from tests.match import merges
from tests.match.made import KEYRING
from tests.match.updates import CAST, OTHER, REMOVED, put, sketch

from reseen.match import registry_parts
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


def test_of_more_removals_than_are_drawn_those_inside_are_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [merges.person(number) for number in range(1, 7)]
    ids = merges.put(store, *parts)
    merges.put_decoys(store, 240)
    monkeypatch.setattr(registry_parts, "MOST", 215)
    weights = [1, 0.5, 0.3, 0.2, 0.1, 0.05]
    file = sketch(merges.file_of(merges.concatenated(parts, weights)))
    other = sketch(
        merges.file_of(merges.concatenated([merges.person(8), merges.person(9)], [1, 1]))
    )
    with store.read() as connection:
        search = registry_parts.search_for(connection, store.read, file.architecture)
    assert len(search.known) == 215
    found = search.found(file)
    assert {part.removal for part in found} == set(ids)
    assert all(part.is_sure for part in found)
    assert search.found(other) == ()
