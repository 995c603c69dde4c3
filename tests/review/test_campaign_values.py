"""Campaigns as values: who is found together, and who is not drawn in, whatever others do."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from tests.campaigns_made import HOUR, HUB, START, bystanders, crew, file

from reseen.review import campaign_following, campaign_groups, campaign_names
from reseen.review.campaign_accounts import SeenAccount, SeenCommit, SeenFile
from reseen.review.campaign_score import Population
from reseen.review.campaign_traits import first_copies, traits


def found_in(accounts: Iterable[SeenAccount]) -> list[set[str]]:
    seen = list(accounts)
    first = first_copies(seen)
    every = [traits(account, first) for account in seen]
    there = Population(
        [one for one in every if one.removals], [one for one in every if not one.removals]
    )
    return [
        {there.accounts[number].name for number in group.scores}
        for group in campaign_groups.groups(there)
    ]


MEMBERS = ("brightoak", "zunafi88", "m-kestrel", "polarlynx2", "q7wandler")
ARCHIVE = range(1_000, 1_030)


def test_who_re_uploads_the_same_is_found_and_nobody_else() -> None:
    assert found_in([*bystanders(), *crew(MEMBERS, ARCHIVE)]) == [set(MEMBERS)]


def test_nothing_is_found_among_those_who_have_nothing_to_do_with_each_other() -> None:
    assert found_in(bystanders()) == []
    assert found_in([]) == []


def test_an_order_of_accounts_makes_no_difference() -> None:
    accounts = [*bystanders(), *crew(MEMBERS, ARCHIVE)]
    random.Random(1).shuffle(accounts)
    assert found_in(accounts) == [set(MEMBERS)]


def test_a_mirror_of_everything_belongs_to_nobody() -> None:
    accounts = [*bystanders(), *crew(MEMBERS, ARCHIVE)]
    copied = [one for account in accounts for one in account.files]
    mirror = SeenAccount(HUB, "mirror-of-all", tuple(copied))
    assert found_in([*accounts, mirror]) == [set(MEMBERS)]


def test_who_forks_a_few_of_its_repositories_does_not_belong_to_a_campaign() -> None:
    accounts = [*bystanders(), *crew(MEMBERS, ARCHIVE)]
    source = accounts[-1].files[:3]
    later = tuple(
        SeenFile(one.repo, one.path, one.content, (one.at or 0) + 700 * HOUR, one.removal)
        for one in source
    )
    fork = SeenAccount(HUB, "just-a-fork", (*later, file("own", "own.safetensors", START)))
    assert found_in([*accounts, fork]) == [set(MEMBERS)]


def innocent() -> SeenAccount:
    """Somebody with a few re-uploads, who has never heard of anybody here."""
    own = [(f"my-style-{n}", f"mystyle{n}.safetensors", START + n * 90 * HOUR) for n in (1, 2, 3)]
    files = [file(*one) for one in own]
    kept = [
        file(f"kept-{n}", f"mystyle{n}.safetensors", START + (50 + 31 * n) * HOUR, 70 + n)
        for n in (4, 5, 6)
    ]
    return SeenAccount(HUB, "goldenharbor", (*files, *kept))


def copies_of(victim: SeenAccount, names: Iterable[str]) -> list[SeenAccount]:
    """An attacker who copies all of somebody's at once: file names, repositories, the re-upload,
    the hour, and puts removals beside it."""
    found = []
    for number, name in enumerate(names):
        files = [
            SeenFile(
                *(one.repo, one.path, one.content, (one.at or 0) + (number + 1) * 60_000_000),
                one.removal,
            )
            for one in victim.files
        ]
        at = START + (400 + number) * HOUR
        files += [
            file(f"my-style-{n}", f"mystyle{n}.safetensors", at + n, 2_000 + n, number)
            for n in range(4, 12)
        ]
        found.append(SeenAccount(HUB, name, tuple(files)))
    return found


def test_nobody_is_drawn_in_by_what_others_do_after_them() -> None:
    """Names with a suffix, file names, the same file, the same hour, removals beside it."""
    victim = innocent()
    attack = copies_of(victim, ("goldenharbor1", "goldenharbor2", "g0ldenharbor", "goldenharbour"))
    groups = found_in([*bystanders(1_200), victim, *attack])
    assert groups == [{one.name for one in attack}], "the attackers show themselves"
    again = tuple(replace(one, at=(one.at or 0) + 10 * 60_000_000) for one in victim.files)
    groups = found_in([*bystanders(1_200), replace(victim, files=again), *attack])
    assert victim.name in groups[0], "who does all that after the others is one of them"


def test_nobody_of_whom_the_hub_says_no_time_comes_after_others() -> None:
    """Where it does not say when repositories were made, nobody can tell who copied whom."""
    victim = innocent()
    attack = copies_of(victim, ("goldenharbor1", "goldenharbor2", "g0ldenharbor", "goldenharbour"))
    undated = replace(victim, files=tuple(replace(one, at=None) for one in victim.files))
    groups = found_in([*bystanders(1_200), undated, *attack])
    assert all(victim.name not in group for group in groups)


TOLD = b"a script's own message"
USUAL = b"upload folder using huggingface_hub"


def by_one_script(message: bytes | None) -> list[SeenAccount]:
    """Accounts of an archive that is shared out: no removal, no name and no file's name in common,
    but one evening; with what their commits say, if that is known."""
    found = []
    for number, name in enumerate(MEMBERS):
        at = START + 900 * HOUR + number * 4 * 60_000_000
        way = ("oaks", "lake", "mill", "dune", "reef")[number]
        files = tuple(
            file(
                f"{way}{of}", f"{way}-{of}.bin", at + of * 1_000_000, 2_000 + 4 * number + of, name
            )
            for of in range(4)
        )
        commits = tuple(SeenCommit(one.repo, message, one.at or 0) for one in files if message)
        found.append(SeenAccount(HUB, name, files, commits))
    return found


def with_commits(accounts: Iterable[SeenAccount], message: bytes) -> list[SeenAccount]:
    return [
        replace(one, commits=tuple(SeenCommit(f.repo, message, f.at or 0) for f in one.files))
        for one in accounts
    ]


def test_a_message_that_few_leave_ties_accounts_and_one_that_all_leave_does_not() -> None:
    others = with_commits(bystanders(1_200), USUAL)
    assert found_in([*others, *by_one_script(None)]) == []
    assert found_in([*others, *by_one_script(USUAL)]) == []
    (group,) = found_in([*others, *by_one_script(TOLD)])
    assert group <= set(MEMBERS)
    assert len(group) >= len(MEMBERS) - 1, "but the first, who came after nobody"


def test_a_message_is_rare_among_those_of_whom_commits_are_known() -> None:
    """Where few histories are known, one that they all have is no sign."""
    few, others = with_commits(bystanders(3), TOLD), bystanders(1_200)[3:]
    assert found_in([*few, *others, *by_one_script(TOLD)]) == []


def gathering(dates: bool) -> list[SeenAccount]:
    """Accounts that put all into one repository, which each made on another day."""
    found = []
    for number in range(5):
        repo, at = "loras", START + (300 + 50 * number) * HOUR
        files = tuple(
            file(repo, f"{'abcde'[number] * 5}{'-' * of}z.bin", at, 3_000 + 5 * number + of, number)
            for of in range(4)
        )
        evenings = (START + 2_000 * HOUR, START + 2_200 * HOUR)
        commits = tuple(SeenCommit(repo, USUAL, one + number * 60_000_000) for one in evenings)
        found.append(SeenAccount(HUB, f"polarlynx{number + 3}", files, commits if dates else ()))
    return found


def test_hours_of_commits_are_sittings_where_all_goes_into_one_repository() -> None:
    others = with_commits(bystanders(), USUAL)
    assert found_in([*others, *gathering(dates=False)]) == []
    (group,) = found_in([*others, *gathering(dates=True)])
    assert group <= {f"polarlynx{n}" for n in range(3, 8)}
    assert len(group) >= 3


def test_nobody_is_drawn_in_by_what_the_commits_of_others_say() -> None:
    """Messages and dates of commits are written by who makes them: an attacker's, in repositories
    made long before, say what the victim's say, an hour earlier, and the re-uploads are there."""
    (victim,) = with_commits([innocent()], TOLD)
    old = START - 9_000 * HOUR
    attack = []
    for number, name in enumerate(("quietlake42", "mossy-fern", "b7wanderer", "t-holloway")):
        files = tuple(
            file(f"{name}-{n}", f"{name}_{n}.bin", old + (97 * number + n) * HOUR, 2_000 + n, name)
            for n in range(4, 16)
        )
        commits = tuple(
            SeenCommit(files[of % len(files)].repo, TOLD, one.at - HOUR // 2 - number)
            for of, one in enumerate(victim.commits)
        )
        attack.append(SeenAccount(HUB, name, files, commits))
    groups = found_in([*with_commits(bystanders(1_200), USUAL), victim, *attack])
    assert groups, "the attackers show themselves"
    assert all(victim.name not in group for group in groups)


def test_nobody_without_a_re_upload_of_their_own_is_drawn_in() -> None:
    victim = SeenAccount(HUB, "goldenharbor", innocent().files[:3])
    attack = copies_of(innocent(), ("goldenharbor1", "goldenharbor2", "g0ldenharbor"))
    assert all(victim.name not in group for group in found_in([*bystanders(), victim, *attack]))


def test_what_many_have_ties_nobody() -> None:
    """One uploader, one popular model, one evening: everybody has them."""
    r = random.Random(5)
    many = []
    for number in range(300):
        at = START + 200 * HOUR + r.randrange(60) * 60_000_000
        name = "".join(r.choices("abcdefghijklmnopqrstuvwxyz", k=9))
        files = [file(f"lora-{n}", f"{n:06d}.safetensors", at, n, (number, n)) for n in (1, 2)]
        many.append(SeenAccount(HUB, name, tuple(files)))
    assert found_in([*bystanders(), *many]) == []


@pytest.mark.parametrize("at", [None, START])
def test_what_the_hub_does_not_say_is_held_against_nobody(at: int | None) -> None:
    files = tuple(file(f"a{n}", f"b{n}.safetensors", at, n) for n in range(1, 3))
    assert found_in([SeenAccount(HUB, name, files) for name in ("one", "two")]) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sampleuser1", "sampleuser27"),
        ("sample-user", "sampleuser_9"),
        ("sampleuser", "samp1euser"),
        ("sampleuser", "s\u0430mpleuser"),
        ("sampleuser", "samplleuser"),
        ("sampleuser", "samplexuser"),
        ("SampleUser", "sampleuser"),
    ],
)
def test_names_of_one_pattern_have_a_key_in_common(one: str, other: str) -> None:
    mine, theirs = campaign_names.of_account(one), campaign_names.of_account(other)
    assert any(not str(key).startswith("shape") for key in mine & theirs)


def test_names_of_two_patterns_have_none() -> None:
    mine = campaign_names.of_account("sampleuser")
    theirs = campaign_names.of_account("quietlake42")
    assert not mine & theirs


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("3fa9c1d2e4", "<hex 10>"),
        ("lora-3fa9c1d2", "lora-<hex 8>"),
        ("upload3fa9c1", "upload<hex 6>"),
        ("lora_000123", "lora_<6 digits>"),
        ("sample_person_v2", "<word>_<word>_v<number>"),
        ("", ""),
    ],
)
def test_a_shape_has_no_word_but_usual_ones(name: str, shape: str) -> None:
    assert campaign_names.shape(name) == shape


def places(*names: str) -> list[tuple[str, str]]:
    return [(HUB, name) for name in names]


def test_a_campaign_is_the_same_when_accounts_join_and_leave() -> None:
    known = {"first": places("a", "b", "c", "d"), "second": places("x", "y", "z")}
    found = [places("x", "y", "w"), places("c", "d", "e", "f", "g"), places("n", "o", "p")]
    assert campaign_following.followed(known, found) == ["second", "first", None]


def test_one_that_parts_keeps_its_name_once() -> None:
    known = {"first": places("a", "b", "c", "d", "e")}
    assert campaign_following.followed(known, [places("d", "e", "f"), places("a", "b", "c")]) == [
        None,
        "first",
    ]


def test_who_was_taken_out_stays_out_of_what_it_was_taken_out_of() -> None:
    apart = {(HUB, "a"): places("b", "c")}
    groups = [places("a", "b", "x"), places("a", "y", "z")]
    assert campaign_following.without(groups, apart) == [
        set(places("b", "x")),
        set(places("a", "y", "z")),
    ]
