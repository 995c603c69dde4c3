"""Tables as trackers, wikis and people write them: Jira's and MediaWiki's, values of SQL, tables
that are turned on their side, and texts that hold a hash among their words."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import xlsxwriter
from tests.registry.lists.as_read import digest, link, person, read, told

from reseen.errors import ListError
from reseen.registry.imports import ImportOptions, read_list
from reseen.registry.lists import wiki
from reseen.registry.lists.table import MAX_CELL, LinkedText
from reseen.registry.lists.values import hash_among, is_ticket, links_among

NUMBERS = (1, 2, 3)


ALL = [(person(n), link(n), [digest(n)]) for n in NUMBERS]


def rows(form: str) -> str:
    return "".join(form.format(p=person(n), l=link(n), h=digest(n)) for n in NUMBERS)


JIRA = "||Key||Model||Hash||\n" + rows("|TS-1|[{p}|{l}]|{{{{{h}}}}}|\n")
MEDIA = '{| class="wikitable"\n! Name !! SHA256\n! Link\n'


@pytest.mark.parametrize(
    "text",
    [
        "h2. Removed\n||Name||Link||SHA-256||\n" + rows("|{p}|{l}|{h}|\n"),
        JIRA,
        "||*Name*||URL||Hash||\n" + rows("|{{color:red}}{p}{{color}}|[{l}]|*{h}*|\n"),
        MEDIA + rows("|-\n| {p} || <code>{h}</code>\n| [{l} page]\n") + "|}\n",
        MEDIA + rows('|-\n| style="x" | {p}\n| {h}\n| {l}\n') + "|}\n",
        rows("('{p}', '{h}', '{l}'),\n"),
        rows("('{p}','{h}','{l}'), ") + "\n",
        rows("||Name|{p}|\n||SHA256|{h}|\n||URL|{l}|\n\n"),
        "Name," + ",".join(map(person, NUMBERS)) + "\nSHA256," + ",".join(map(digest, NUMBERS))
        + "\nLink," + ",".join(map(link, NUMBERS)),
        rows("Name,{p}\nSHA256,{h}\nLink,{l}\n\n"),
        rows("Name: {p}\nURL: {l}\nSHA256: {h}\nSize: 5\n\n"),
        rows("- **Name:** {p}\n- **SHA-256:** `{h}`\n- **Link:** {l}\n"),
        rows("*** 1. row ***\n   name: {p}\n sha256: {h}\n    url: {l}\n") + "3 rows in set\n",
        "Title,Body\n" + rows('{p},"It is gone.\nSHA256: {h}\nPage: {l}, since May."\n'),
        "Issue key,Summary,Description\n" + rows('TS-1,{p},"hash {h} of {l}"\n'),
    ],
)  # fmt: skip
def test_each_model_is_read_with_its_name_link_and_hash(tmp_path: Path, text: str) -> None:
    listed = read(tmp_path, text)
    assert told(listed) == ALL
    assert listed.refusals == []


def test_a_sheet_may_be_turned_too(tmp_path: Path) -> None:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        sheet = book.add_worksheet()
        for row, (head, of) in enumerate((("Name", person), ("SHA256", digest), ("URL", link))):
            sheet.write_string(row + 1, 1, head)
            for n in NUMBERS:
                sheet.write_string(row + 1, 1 + n, of(n))
    assert told(read(tmp_path, made.getvalue())) == ALL


def test_turned_records_below_a_title_of_models_that_stand_are_set_aside(tmp_path: Path) -> None:
    record = "Name: {p}\nSHA256: {h}\n\n"
    listed = read(tmp_path, rows(record) + "Reinstated\n\nName: x\nSHA256: " + digest("x"))
    assert [digests for _, _, digests in told(listed)] == [[digest(n)] for n in NUMBERS]
    assert any("was not removed" in note or "were not removed" in note for note in listed.notes)


def test_a_heading_that_comes_late_is_said(tmp_path: Path) -> None:
    record = "Name: a\nSHA256: {}\n\n"
    many = "".join(record.format(digest(n)) for n in range(600))
    listed = read(tmp_path, f"{many}Name: b\nBLAKE3: {digest(0)}\nSHA256: {digest(9999)}\n")
    assert len(listed.drafts) == 601
    assert any("a heading that the first rows do not have, once" in n for n in listed.notes)


def test_a_table_with_a_header_is_not_turned(tmp_path: Path) -> None:
    text = f"name,sha256\nname,{digest(1)}\nmodel,{digest(2)}\n"
    assert [name for name, _, _ in told(read(tmp_path, text))] == ["name", "model"]


def test_rows_of_too_many_cells_are_an_error_in_every_form(tmp_path: Path) -> None:
    for begin, cell in (("||a||b||\n|", "x|"), ("{|\n|", "x||"), ("('a', ", "'x', ")):
        with pytest.raises(ListError, match="more than 1000 columns"):
            read(tmp_path, begin + cell * 5_000 + ("')" if "'" in cell else ""))


@pytest.mark.parametrize("mark", ["[", "{{", "]", "a[b]"])
def test_no_cell_of_a_table_between_bars_is_longer_than_a_cell_may_be(mark: str) -> None:
    long = mark * (3 * MAX_CELL)
    lines = [f"|x|{long}|{'y' * 9}|", f"|[{'a' * 40_000}|{link(1)}]|[{link(2) * 2_000}]|"]
    (_, first), (_, second) = wiki.jira_rows(lines)
    assert first == ["x", long.replace("{{", "")[:MAX_CELL], "y" * 9]
    ((_, third),) = wiki.media_rows(["{|", f"|[{link(1)} {long}]||[{link(2) * 2_000} y]", "|}"])
    for linked, cut in (second, third):
        assert isinstance(linked, LinkedText)
        assert (len(linked), linked.link) == (MAX_CELL, link(1))
        assert not isinstance(cut, LinkedText)
        assert len(str(cut)) == MAX_CELL


# -- a hash among words ---------------------------------------------------------------------------


ISSUES = [
    {
        "number": n,
        "title": person(n),
        "body": f"Please remove it.\nSHA256: {digest(n)}\nPage: {link(n)}",
        "labels": [{"name": "takedown"}],
        "html_url": f"https://github.com/example/models/issues/{n}",
    }
    for n in NUMBERS
]


def test_a_tickets_text_gives_its_hash_and_link_and_the_title_is_the_name(tmp_path: Path) -> None:
    listed = read(tmp_path, json.dumps(ISSUES))
    assert told(listed) == ALL
    assert any("a link to a ticket or a message was left out" in note for note in listed.notes)


def test_messages_of_a_chat_are_read_and_those_without_a_hash_are_counted(tmp_path: Path) -> None:
    said = [f"removed `{digest(n)}` <{link(n)}|page>" for n in NUMBERS]
    listed = read(tmp_path, json.dumps([{"user": "U", "text": t} for t in [*said, "thanks"]]))
    assert told(listed) == [(None, link(n), [digest(n)]) for n in NUMBERS]
    assert [refusal.row for _, refusal in listed.refusals] == [4]


def test_what_an_array_holds_is_read_also_where_only_words_tell_of_it(tmp_path: Path) -> None:
    objects = [{"name": person(n), "pattern": f"[file:hash = '{digest(n)}']"} for n in NUMBERS]
    for around in ({}, {"self": "https://example.org/api/objects", "id": "bundle"}):
        listed = read(tmp_path, json.dumps({**around, "objects": objects}))
        assert [(name, digests) for name, _, digests in told(listed)] == [
            (person(n), [digest(n)]) for n in NUMBERS
        ]


def test_columns_that_nobody_knows_can_be_mapped_in_an_array_too(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text(json.dumps({"listing": [{"print": "x" + digest(1)[1:]}]}))
    options = ImportOptions(keep_rejects=False, columns={"print": "sha256"})
    listed = read_list(path, options)
    assert [refusal.reason for _, refusal in listed.refusals] == [
        "sha256 holds what is not a hexadecimal digit"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"It was made on the base model {digest('base')}",
        f"preview: {digest('preview')}",
        f"{digest('one')} and {digest('two')}",
        "no hash at all",
        digest("x")[:-1] + " is cut",
    ],
)
def test_a_hash_that_nobody_says_is_the_files_is_not_taken_from_a_text(text: str) -> None:
    assert hash_among(text + " x") is None


def test_other_hashes_in_a_text_do_not_hide_the_files() -> None:
    text = f"file: {digest('file')}\nbase model: {digest('base')}\n"
    assert hash_among(text) == digest("file")


def test_a_text_that_says_that_it_was_not_removed_is_rejected(tmp_path: Path) -> None:
    out = io.StringIO()
    bodies = [f"hash {digest(n)} is gone" for n in NUMBERS] + [f"False positive: {digest('x')}"]
    csv.writer(out).writerows([("Title", "Body"), *((person(1), body) for body in bodies)])
    listed = read(tmp_path, out.getvalue())
    assert len(listed.drafts) == 3
    assert [refusal.row for _, refusal in listed.refusals] == [5]


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/a/b/issues/12", "https://gitlab.com/a/b/-/issues/3",
        "https://x.atlassian.net/browse/TS-1", "https://jira.example.org/browse/TS-12",
        "https://x.zendesk.com/api/v2/tickets/5.json", "https://x.slack.com/archives/C1/p1",
    ],
)  # fmt: skip
def test_addresses_of_tickets_are_no_models_pages(address: str) -> None:
    assert is_ticket(address)
    assert links_among(f"see {address}, and {link(1)}.") == [link(1)]


@pytest.mark.parametrize(
    "address",
    [link(1), "https://huggingface.co/a/b", "https://huggingface.co/a/issues", "https://x.org/12"],
)
def test_addresses_of_models_are_no_tickets(address: str) -> None:
    assert not is_ticket(address)


def test_a_line_of_link_hash_and_words_loses_neither(tmp_path: Path) -> None:
    listed = read(tmp_path, rows("{l} {h} removed 2025-05-21\n"))
    assert [(url, digests) for _, url, digests in told(listed)] == [
        (link(n), [digest(n)]) for n in NUMBERS
    ]


def test_without_headings_the_one_column_of_words_is_the_name(tmp_path: Path) -> None:
    assert told(read(tmp_path, rows("{p},{l},{h}\n"))) == ALL
    listed = read(tmp_path, rows("{h},5,{p}.safetensors\n"))
    assert [draft.names.file_names for draft in listed.drafts] == [
        (f"{person(n)}.safetensors",) for n in NUMBERS
    ]


def test_what_a_database_writes_below_its_rows_is_set_aside(tmp_path: Path) -> None:
    listed = read(tmp_path, " name | sha256\n------+----\n" + rows(" {p} | {h}\n") + "(3 rows)\n")
    assert (len(listed.drafts), listed.refusals, listed.set_aside) == (3, [], 2)
