"""Lists as people write them down (pages, lists of tasks, mails, chats): a model's name, link and
hash in one line or in several, and what says itself that it was not removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.registry.lists.as_read import OPTIONS, link, person, told

from reseen.errors import ListError
from reseen.registry.imports import ReadList, read_list

NUMBERS = (1, 2, 3)


def digest(what: object) -> str:
    return sha256(f"said {what}".encode()).hexdigest()


def read(folder: Path, text: str) -> ReadList:
    path = folder / "list.md"
    path.write_text(text)
    return read_list(path, OPTIONS)


def rows(form: str, numbers: tuple[int, ...] = NUMBERS) -> str:
    return "".join(
        form.format(p=person(n), l=link(n), h=digest(n), b=digest(f"base {n}"), n=n)
        for n in numbers
    )


ALL = [(person(n), link(n), [digest(n)]) for n in NUMBERS]
HASHED = [(name, None, digests) for name, _, digests in ALL]

IN_SEVERAL_LINES = [
    "- [{p}]({l})\n  `{h}`\n", "[{p}]({l})\n{h}\n\n", "* [{p}]({l})\n    * {h}\n",
    "{n}. [{p}]({l})\n   {h}\n", "## [{p}]({l})\n\n{h}\n\n", "### [{p}]({l})\n\n```\n{h}\n```\n\n",
    "* [{l} {p}]\n*: <code>{h}</code>\n", "* [{p}|{l}]\n{{{{{h}}}}}\n", "<{l}|{p}>\n{h}\n",
    "{p} <{l}>\n{h}\n\n", "> [{p}]({l})\n> {h}\n>\n", "{p}\n{l}\n{h}\n\n", "{h}\n[{p}]({l})\n\n",
    '<a href="{l}">{p}</a>\n{h}\n\n', "* {l}[{p}]\n`{h}`\n", "* `{p} <{l}>`_\n  ``{h}``\n",
    "- [[{l}][{p}]]\n  {h}\n", "- [ ] [{p}]({l})\n      {h}\n",
    "mod.one  2:02 PM\n[{p}]({l})\n{h}\n\n", "[23-May-25 02:02 PM] mod#1234\n{p} {l}\n{h}\n\n",
    "- [{p}]({l})\n  {h}\n  preview: {b}\n", "- [{p}]({l})\n  base model: {b}\n  sha256: {h}\n",
]  # fmt: skip

IN_A_LINE = [
    "- [ ] {p} {h}\n", "* [X] {p} `{h}`\n", "- [ ] {h} {p}\n", "{n}. [ ] {p} - {h}\n",
    "- [-] {p} :: {h}\n", "☐ {p} {h}\n", "☑ {p} {h}\n", "- [x] ~~{p} {h}~~\n",
    "[23/05/2025, 14:02:11] Mod One: {p} {h}\n", "[14:02] <mod1> {p} {h}\n",
    "14:02 <@mod1> removed: {p} sha256:{h}\n",
]  # fmt: skip


@pytest.mark.parametrize("above", ["", "# Removed models\n\n"])
@pytest.mark.parametrize("form", IN_SEVERAL_LINES)
def test_a_model_may_take_several_lines(tmp_path: Path, form: str, above: str) -> None:
    assert told(read(tmp_path, above + rows(form))) == ALL


def test_a_name_may_stand_in_the_line_before_the_hash_and_lists_may_be_long(tmp_path: Path) -> None:
    assert told(read(tmp_path, rows("{p}\n{h}\n\n"))) == HASHED
    numbers = tuple(range(1, 700))
    listed = read(tmp_path, rows("[{p}]({l})\n{h}\n", numbers))
    assert [each.names.name for each in listed.drafts] == [*map(person, numbers)]


@pytest.mark.parametrize("form", IN_A_LINE)
def test_words_beside_a_hash_are_the_models_name_ticked_or_not(tmp_path: Path, form: str) -> None:
    assert told(read(tmp_path, rows(form))) == HASHED
    linked = read(tmp_path, rows(form.replace("{p}", "[{p}]({l})")))
    assert told(linked) == ALL


@pytest.mark.parametrize(
    "kept",
    [
        "- [x] {p} {h} (kept)\n", "- [x] not removed: {p} {h}\n",
        "[14:03] <m> false positive: {p} {h}\n",
        "{p} {h} - reinstated after appeal\n", "base model: {h}\n", "preview: `{h}`\n",
    ],
)  # fmt: skip
def test_what_says_that_it_stands_or_is_beside_a_model_is_set_aside(
    tmp_path: Path, kept: str
) -> None:
    listed = read(tmp_path, rows("- [ ] {p} {h}\n") + rows(kept, (4, 5)))
    assert told(listed) == HASHED
    assert listed.set_aside == 2


def test_links_and_hashes_that_do_not_come_by_turns_stay_apart(tmp_path: Path) -> None:
    apart = read(tmp_path, rows("{l}\n") + rows("{h}\n"))
    assert [bool(url) for _, url, _ in told(apart)] == [True] * 3 + [False] * 3
    assert all(bool(url) != bool(digests) for _, url, digests in told(apart))


@pytest.mark.parametrize("title", ["## Removed", "Takedowns of June", "## Removals ##"])
def test_lines_under_a_title_of_kept_ones_are_set_aside(tmp_path: Path, title: str) -> None:
    form = "- [{p}]({l})\n  {h}\n"
    kept = f"## Kept\n{rows(form, (4, 5))}"
    assert told(read(tmp_path, f"{title}\n{rows(form)}{kept}")) == ALL
    assert told(read(tmp_path, f"{kept}{title}\n{rows(form)}")) == ALL


def test_a_model_called_as_a_picture_is_one_where_its_link_says_so(tmp_path: Path) -> None:
    text = rows("- [x{n}.png]({l}) {h}\n") + rows("y{n}.png: {h}\n", (4, 5))
    listed = read(tmp_path, text)
    assert told(listed) == [(f"x{n}.png", link(n), [digest(n)]) for n in NUMBERS]
    assert len(listed.refusals) == 2


@pytest.mark.parametrize(
    "message", ["{p} {h}", "{p}: {h}", "{p}\n{h}", "[14:02] <m> {p} {h}", "<{l}|{p}> `{h}`"]
)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_message_names_the_model_whose_hash_it_holds(
    tmp_path: Path, message: str, form: str
) -> None:
    said = [rows(message, (n,)) for n in NUMBERS] + [f"false positive: x {digest(9)}"]
    if form == "json":
        text = json.dumps([{"id": n, "author": {"id": 7}, "content": each}
                           for n, each in enumerate(said)])  # fmt: skip
    else:
        text = "Date,Author,Message\n" + "".join(f'2025-05-23,Mod,"{each}"\n' for each in said)
    listed = read(tmp_path, text)
    assert told(listed) == (ALL if "{l}" in message else HASHED)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "[" * n, lambda n: "[x](" * (n // 4), lambda n: "<a " * (n // 3),
        lambda n: "- [ ] " * (n // 6), lambda n: "x\n" * (n // 2), lambda n: "12:34 " * (n // 6),
        lambda n: "a: " * (n // 3), lambda n: ("x" * 30_000 + "\n") * (n // 30_000),
        lambda n: "[x](https://a.b/c)\n" * (n // 19) + "a\nb\n" * (n // 100), lambda n: "|" * n,
    ],
)  # fmt: skip
def test_long_texts_take_time_of_their_length(tmp_path: Path, make: Callable[[int], str]) -> None:
    try:
        listed = read(tmp_path, make(60_000))
    except ListError:
        return
    assert not any(draft.digests for draft in listed.drafts)
