"""Histories in which order once mattered: each as short as it still showed the fault."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.histories.acts import (
    Act,
    Add,
    Change,
    Classify,
    Hook,
    Import,
    Innocent,
    Owed,
    Scan,
    Settle,
    TakeBack,
    Turn,
)
from tests.histories.model import Level, Target
from tests.histories.play import play

ALL = Target(everything=True, level=Level.NONE, follow=False)


def person(number: int) -> str:
    return f"Sample person {number:02}"


def rows(list: str, *numbers: int) -> Import:
    return Import(list, tuple(map(person, numbers)), "python")


def scan(target: Target) -> Scan:
    return Scan(target, "python")


HISTORIES: dict[str, tuple[Act, ...]] = {
    "a hub tells of what was to be read not at all": (
        *(rows("hostile", 18), scan(ALL), Hook("hal/innocents")),
    ),
    "what is found when something was learned leads to what was walked for less": (
        *(rows("second", 8, 10, 11), Hook("ann/renamed"), scan(replace(ALL, refs=True))),
        scan(Target(folder=True, level=Level.FULL, follow=False)),
    ),
    "what an added file finds leads to what was walked for less": (
        scan(Target(accounts=("ann",), repos=(), level=Level.NONE)),
        scan(Target(repos=("ann/altered",), level=Level.FULL)),
        scan(replace(ALL, level=Level.HEADER)),
        Add(person(23), "python"),
    ),
    "a class is taken back from what had been read to its digests": (
        *(Add(person(23), "python"), rows("second", 8), Classify("second", True, "python")),
        *(scan(replace(ALL, level=Level.FULL)), Classify("second", False, "python")),
    ),
    "two people settle that a class is false, of what had been read to its digests": (
        *(Add(person(23), "python"), rows("second", 8), Classify("second", True, "python")),
        *(scan(replace(ALL, level=Level.FULL)), Settle(person(8), False, "python")),
    ),
    "a class is said of what was read and taught": (
        *(rows("first", 5), scan(replace(ALL, level=Level.FULL, refs=True))),
        Classify(person(5), True, "python"),
    ),
    "what was learned is taken back, and looked for by nobody any more": (
        *(rows("first", 5), scan(replace(ALL, level=Level.FULL, refs=True))),
        TakeBack(person(5), "r5", False, "page"),
    ),
    "a gate is opened over files that were seen": (
        *(Hook("cid/members"), Change("open", "cid/members"), rows("third", 16)),
    ),
    "a gate is opened over files of other refs and of the history": (
        scan(Target(repos=("cid/cleaned", "cid/members"), level=Level.FULL)),
        *(Change("gate", "cid/branch"), Change("gate", "cid/cleaned")),
        scan(Target(repos=("cid/branch", "cid/cleaned"), level=Level.HEADER, refs=True)),
        *(Change("open", "cid/branch"), Change("open", "cid/cleaned")),
        *(rows("first", 4), rows("second", 11)),
    ),
    "a class is said before what was owed was read, and would have led elsewhere": (
        scan(Target(accounts=("bob",), level=Level.FULL, follow=False)),
        rows("third", 14, 16),
        scan(Target(repos=("ann/renamed",), level=Level.FULL)),
        Classify(person(14), True, "python"),
    ),
    "a list is withdrawn before what was owed was read, and would have led elsewhere": (
        scan(Target(accounts=("bob",), level=Level.FULL, follow=False)),
        *(rows("second", 7), rows("third", 14)),
        scan(Target(repos=("ann/renamed",), level=Level.FULL)),
        Turn(person(14), True, "python"),
    ),
    "a scan that reads nothing leads nowhere by what an earlier one was to read": (
        scan(Target(repos=("bob/stronger",), level=Level.FULL, follow=False)),
        *(Add(person(24), "python"), rows("third", 14)),
        scan(Target(repos=("bob/stronger",), level=Level.NONE)),
        Turn(person(24), True, "python"),
    ),
    "what is found leads to what a scan of the whole hub had listed, and walked for less": (
        *(scan(replace(ALL, refs=True)), Add(person(24), "python")),
        scan(Target(repos=("bob/edited",), level=Level.HEADER, refs=True)),
    ),
    "a class is said of a file by one digest, and who says another learned of it before": (
        *(rows("hostile", 18), scan(replace(ALL, level=Level.FULL)), rows("second", 8)),
        *(Classify(person(8), True, "python"), rows("first", 2)),
    ),
    "a gate is closed after a header was read": (
        *(rows("first", 6), scan(replace(ALL, level=Level.HEADER)), Change("gate", "gus/plain")),
    ),
    "a class is said of what stands in a folder": (
        *(rows("second", 11), Classify("second", True, "python")),
        scan(Target(folder=True, level=Level.FULL, follow=False)),
    ),
    "a class is said by one digest, and withdrawn, of a file that was added under another": (
        *(rows("second", 8), rows("first", 2), Add(person(24), "python")),
        *(scan(replace(ALL, level=Level.FULL)), Classify(person(8), True, "python")),
        *(Turn(person(8), True, "python"), Turn(person(8), False, "python")),
    ),
    "what one job looks at again is not read as far as another that runs beside it": (
        scan(Target(repos=("eve/teaches",), level=Level.FULL, follow=False)),
        *(rows("first", 5), scan(Target(accounts=("gus",), level=Level.NONE, follow=False))),
        Add(person(26), "python"),
        Scan(Target(repos=("dan/framed",), level=Level.HEADER, follow=False), "page"),
    ),
    "what a weaker scan finds leads to what is walked only then, as far as an earlier one asked": (
        *(scan(Target(repos=("cid/cleaned",), level=Level.FULL)), rows("second", 9, 11)),
        Hook("cid/cleaned"),
    ),
    "the same, and what it leads to is not read by who is told": (
        *(scan(Target(repos=("cid/cleaned",), level=Level.FULL)), rows("second", 9, 11)),
        scan(Target(repos=("cid/cleaned",), level=Level.HEADER, refs=True)),
    ),
    "the same, of an account that is listed twice": (
        *(scan(Target(repos=("cid/cleaned",), level=Level.FULL)), rows("second", 9, 11)),
        scan(Target(repos=("cid/cleaned", "cid/members"), level=Level.NONE, refs=True)),
        scan(Target(accounts=("cid",), level=Level.HEADER)),
    ),
    "what is read again while its file moves into the history": (
        *(scan(replace(ALL, level=Level.FULL, refs=True)), rows("first", 1)),
        Change("delete", "bob/edited"),
    ),
    "what taught was read because of what it taught, and of what is taken back": (
        *(rows("third", 13, 15, 16), scan(replace(ALL, level=Level.FULL))),
        TakeBack(person(16), "r1", False, "python"),
    ),
    "what is owed is read by the worker, and what led further is withdrawn then": (
        *(Hook("cid/cleaned"), rows("second", 11), rows("first", 31), Owed("page")),
        Turn(person(31), True, "python"),
    ),
    "what two files add up to leads to the rest of their account, also when it is known later": (
        *(scan(Target(repos=("jon/one", "jon/two"))), Add(person(39), "python")),
    ),
    "a file that adds up with two others is left by one, of which a class is said": (
        *(Add(person(39), "python"), scan(Target(accounts=("jon",))), rows("third", 37)),
        Classify(person(37), True, "python"),
    ),
    "a class is said of a file before its partner is seen, and taken back": (
        *(rows("third", 37), Add(person(39), "python"), scan(Target(repos=("jon/two",)))),
        Classify(person(37), True, "python"),
        scan(Target(repos=("jon/one",))),
        Classify(person(37), False, "python"),
    ),
    "what a hub says of one of two that add up is refuted": (
        *(Add(person(39), "python"), scan(Target(repos=("kim/framed",)))),
        scan(Target(repos=("kim/framed",), level=Level.FULL)),
    ),
    "what is inside a file is known before the file is removed itself": (
        *(Add(person(41), "python"), scan(Target(repos=("lou/merges",)))),
        rows("second", 43),
    ),
    "a class is said of a merge, and taken back": (
        *(Add(person(41), "python"), scan(Target(repos=("lou/merges",), level=Level.FULL))),
        *(rows("second", 43), Classify(person(43), True, "python")),
        Classify(person(43), False, "python"),
    ),
    "a known innocent explains what was found, and goes out of use by a list": (
        *(Add(person(40), "python"), scan(Target(repos=("lou/merges",)))),
        *(Innocent("accelerator", True, "python"), rows("hostile", 38)),
    ),
    "an innocent is no more one when what it hides is removed, and is again": (
        *(Innocent("style", True, "python"), Add(person(42), "python")),
        Turn(person(42), True, "python"),
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_order_does_not_matter(name: str) -> None:
    assert play(HISTORIES[name]) == []
