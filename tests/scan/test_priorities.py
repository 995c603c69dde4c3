"""The agenda orders and skips; a skip is sound."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from reseen.records import Repository, RepoType
from reseen.scan import priorities
from reseen.scan.priorities import Priority
from reseen.scan.target import Target, target_naming

SHA = "0123456789abcdef0123456789abcdef01234567"
PLAIN = Repository("hub", RepoType.MODEL, "account/model", SHA, paths=("notes.txt",))


def place(repository: Repository, hints: int = 0) -> Priority:
    return priorities.priority(repository, {"known"}, hints)


def test_accounts_of_sightings_then_hints_then_adapters_then_the_rest() -> None:
    adapter = replace(PLAIN, paths=("a.safetensors",), used_storage=50 << 20)
    assert place(replace(adapter, id="known/x"), hints=1) == Priority.ACCOUNT
    assert place(adapter, hints=1) == Priority.HINT
    assert place(adapter) == Priority.ADAPTER
    assert place(replace(PLAIN, tags=("base_model:adapter:some/base",))) == Priority.ADAPTER
    assert place(PLAIN) == Priority.REST


def test_a_large_base_model_is_no_adapter() -> None:
    shards = tuple(f"model-{n:05}.safetensors" for n in range(40))
    assert place(replace(PLAIN, paths=shards)) == Priority.REST
    assert place(replace(PLAIN, paths=("m.bin",), used_storage=80 << 30)) == Priority.REST


def test_names_and_sizes_never_skip() -> None:
    for paths in (("readme.md",), ("x.zip",), ("a/b/c",)):
        assert priorities.skip(replace(PLAIN, paths=paths, used_storage=0), False, True) is None


def test_skips_say_why() -> None:
    empty = replace(PLAIN, paths=())
    assert priorities.skip(replace(PLAIN, disabled=True), True, True) == priorities.Skip(
        "disabled by the hub"
    )
    assert priorities.skip(replace(PLAIN, sha=None), False, True) == priorities.Skip(
        "no commit listed"
    )
    assert priorities.skip(empty, False, True) == priorities.Skip("no files")
    assert priorities.skip(empty, True, True) is None, "a file can stand in a pull request only"
    assert priorities.skip(empty, False, False) is None, "the listing gave no names at all"


def test_what_says_its_type_is_listed_as_that_alone() -> None:
    model, dataset = RepoType.MODEL, RepoType.DATASET
    named = [("a/a", None), ("b/b", dataset), ("a/a", None), ("c/c", model), ("b/b", dataset)]
    target = target_naming(named, (), more=False)
    assert target.names == ("a/a", "b/b", "c/c")
    parts = [(part.type, part.repos) for part in priorities.listings(target)]
    assert sorted(parts) == [(dataset, ("b/b",)), (model, ("a/a", "c/c"))]
    every = target_naming(named, (model, RepoType.SPACE), more=False)
    asked = [(part.type, repo) for part in priorities.listings(every) for repo in part.repos]
    assert sorted(asked) == sorted(
        [(model, "a/a"), (RepoType.SPACE, "a/a"), (model, "c/c"), (dataset, "b/b")]
    )
    assert len({target.key, every.key, target_naming(named[:2], (), more=False).key}) == 3
    # as it was said before there were types for each
    assert target_naming(named[1:2], (), more=False) == Target((dataset,), ("b/b",))
    assert target_naming(named[:1], (), more=False) == Target(repos=("a/a",))


def test_a_target_gives_the_same_parts_in_the_same_order() -> None:
    one = Target(types=(RepoType.SPACE, RepoType.MODEL), repos=("b/b", "a/a"), authors=("z", "y"))
    other = Target(types=(RepoType.MODEL, RepoType.SPACE), repos=("a/a", "b/b"), authors=("y", "z"))
    assert priorities.listings(one) == priorities.listings(other)
    assert one.key == other.key
    assert len(priorities.listings(one)) == 6


def test_what_a_target_lists() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    (changed,) = priorities.listings(Target(since=since))
    assert changed.wanted is not None
    assert changed.wanted.since == since
    (author,) = priorities.listings(Target(authors=("a",), since=since))
    assert author.wanted is not None
    assert (author.wanted.author, author.wanted.since) == ("a", since)
    (everything,) = priorities.listings(Target(everything=True))
    assert everything.wanted is not None
    assert everything.wanted.since is None
    assert priorities.listings(Target()) == ()
