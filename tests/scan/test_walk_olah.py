"""The walk over olah: real git repositories, served by code that none of us wrote."""

from __future__ import annotations

from replica.sample import sample_world
from tests.replica.olah_hub import OlahHub
from tests.scan.walking import fill, seen_at, walk_hub

from reseen.records import Rung
from reseen.scan.target import Options, Target
from reseen.store.database import Store


def test_repositories_by_name_are_walked_and_their_copies_seen(store: Store, olah: OlahHub) -> None:
    """Its lists are empty and its history answers with an error: what is left is files by name.
    It ignores Range: headers are read all the same."""
    world = sample_world()
    ids = fill(store, world)
    cases = [
        c
        for c in world.cases
        if c.type == "model"
        and c.ref == "main"
        and c.declared
        # olah has no gates, so nothing is masked there.
        and c.rung in ("bytes", "declared")
    ]
    repos = tuple({case.repo for case in cases})
    outcome = walk_hub(store, olah.endpoint, Target(repos=repos), Options(follow=False))
    assert outcome.ended
    assert outcome.coverage.walked == len(repos)
    found = seen_at(store)
    for case in cases:
        place = (ids[case.removal], case.type, case.repo, case.ref, case.path)
        assert found[place] == Rung.DECLARED, case.what
