"""Tables of LaTeX and AsciiDoc: rows whose cells stand in a line or one below the other are read
alike, and a table whose cells do not fill its rows is refused, not shifted."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.registry.lists.as_read import OPTIONS, link, person, told

from reseen.errors import ListError
from reseen.registry.imports import ReadList, read_list

NUMBERS = (1, 2, 3)


def digest(what: object) -> str:
    return sha256(f"typeset {what}".encode()).hexdigest()


def read(folder: Path, text: str) -> ReadList:
    path = folder / "list.txt"
    path.write_text(text)
    return read_list(path, OPTIONS)


def rows(form: str) -> str:
    """A row for each model; brackets stand for those of LaTeX."""
    filled = "".join(
        form.format(p=person(n), l=link(n), h=digest(n), b=digest(f"base {n}")) for n in NUMBERS
    )
    return filled.replace("<", "{").replace(">", "}")


ALL = [(person(n), link(n), [digest(n)]) for n in NUMBERS]
HASHED = [(name, None, digests) for name, _, digests in ALL]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("= Removed\n\n[options=\"header\"]\n|===\n|Name |Link |SHA256\n" + rows("|{p} |{l} |{h}\n")
         + "|===\n", ALL),
        ("[cols=\"1,1,1\"]\n|===\n|Name |Link |SHA256\n\n" + rows("|{p}\n|{l}\n|{h}\n\n")
         + "|===\n", ALL),
        ("[%header,cols=3*]\n|===\n|Name\n|Link\n|SHA256\n" + rows("|{p}\n|{l}\n|{h}\n")
         + "|===\n", ALL),
        ("|===\n|Name |SHA256\n\n" + rows("|{l}[{p}]\n|`{h}`\n\n") + "|===\n", ALL),
        (".Takedowns\n[cols=\"2,3,4a\",options=\"header\"]\n|===\n\n|Name\n|Link\n|SHA256\n\n"
         + rows("|{p}\n|link:{l}[page]\na|`{h}`\n\n") + "|===\n", ALL),
        ("|===\n|Name |Base model SHA256 |SHA256\n\n" + rows("|{p}\n|{b}\n|{h}\n\n") + "|===\n",
         HASHED),
        ("|===\n|Name |Note |Place |SHA256\n" + rows("|{p} 2+|two\n|{h}\n") + "|===\n", HASHED),
        ("\\begin{tabular}{lll}\n\\toprule\nName & Link & SHA256 \\\\\n\\midrule\n"
         + rows("{p} & \\url<{l}> & \\texttt<{h}> \\\\\n") + "\\bottomrule\n\\end{tabular}\n", ALL),
        ("\\documentclass{a}\n\\begin{longtable}{|l|l|}\n\\hline\n\\textbf{Name} & "
         "\\textbf{SHA-256} \\\\ \\hline\n\\endhead\n"
         + rows("\\href<{l}><{p}> & {h} \\\\ \\hline\n") + "\\end{longtable}\n", ALL),
        ("\\begin{tabular}{ll}\nName & SHA256\\\\\n" + rows("{p} % a & b\n & <{h}>\\\\[2pt]\n")
         + "\\end{tabular}\n", HASHED),
        ("\\begin{tabularx}{\\textwidth}{lXX}\nModel & Base hash & Hash \\\\\\hline\n"
         + rows("{p} & {b} & \\seqsplit<{h}> \\\\\n") + "\\end{tabularx}\n", HASHED),
    ],
)  # fmt: skip
def test_the_rows_of_a_table_are_read(tmp_path: Path, text: str, expected: list[object]) -> None:
    assert told(read(tmp_path, text)) == expected


def test_signs_of_the_text_are_what_they_stand_for(tmp_path: Path) -> None:
    text = (
        "\\begin{tabular}{ll}\nFile name & SHA256 \\\\\n"
        f"a\\_b \\& c\\%~d.pt & {digest(1)} \\\\\n\\end{{tabular}}\n"
    )
    (draft,) = read(tmp_path, text).drafts
    assert draft.names.file_names == ("a_b & c% d.pt",)


@pytest.mark.parametrize("cell", ["", "|one more\n", ".2+|over two rows\n"])
def test_a_table_whose_columns_would_be_shifted_is_refused(tmp_path: Path, cell: str) -> None:
    """A base model's hash would stand where the file's should."""
    first = f"|{person(1)}\n{cell}|{digest(1)}\n" if cell else f"|{person(1)}\n"
    text = f"[cols=3]\n|===\n|Name |Base SHA256 |SHA256\n\n{first}" + rows("|{p}\n|{b}\n|{h}\n")
    with pytest.raises(ListError):
        read(tmp_path, text.replace("[cols=3]", '[cols="1,1,1"]') + f"{cell}|===\n")


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "|===\n" + "|\n" * (n // 2),
        lambda n: "|===\n" + "|" * n,
        lambda n: "|===\n|a |b\n|" + "x\n" * (n // 2),
        lambda n: "\\begin{tabular}{l}\n" + "&" * n,
        lambda n: "\\begin{tabular}{l}\n" + "x\n" * (n // 2),
        lambda n: "\\begin{tabular}{l}\n" + "\\href{" * (n // 6),
        lambda n: "\\begin{tabular}{l}\n" + "{" * n + "\\\\\n",
        lambda n: "\\begin{tabular}{l}\n" + "\\" * n,
        lambda n: "\\begin{tabular}{l}\n" + "\\cmidrule(" * (n // 10),
    ],
)
def test_tables_without_an_end_take_time_of_their_length(
    tmp_path: Path, make: Callable[[int], str]
) -> None:
    with pytest.raises(ListError):
        read(tmp_path, make(100_000))
