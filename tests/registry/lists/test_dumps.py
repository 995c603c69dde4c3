"""Dumps of databases: the rows of their tables are a list's, whatever wrote them, and nothing that
is of other things becomes a removal."""

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
    return sha256(f"dump {what}".encode()).hexdigest()


def read(folder: Path, text: str, encoding: str = "utf-8") -> ReadList:
    path = folder / "list.csv"
    path.write_bytes(text.encode(encoding))
    return read_list(path, OPTIONS)


def rows(form: str, between: str = "") -> str:
    return between.join(form.format(p=person(n), l=link(n), h=digest(n), n=n) for n in NUMBERS)


ALL = [(person(n), link(n), [digest(n)]) for n in NUMBERS]
HASHED = [(name, None, digests) for name, _, digests in ALL]
CREATE = (
    "CREATE TABLE `removed` (\n  `id` int(11) NOT NULL,\n  `name` varchar(9) DEFAULT 'a, (b',\n"
)
COPY = "--\n-- PostgreSQL database dump\n--\n\nSET x = 0;\nCOPY public.r (id, name, link, sha256)"
MYSQL = "-- MySQL dump 10.13  Distrib 8.0\n/*!40101 SET NAMES utf8 */;\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT INTO r (id, name, link, sha256) VALUES\n"
         + rows("({n},'{p}','{l}','{h}')", ",\n"), ALL),
        (f"{MYSQL}{CREATE}  `url` text,\n  `sha256` char(64),\n  PRIMARY KEY (`id`)\n) ENGINE=x;\n"
         "LOCK TABLES `removed` WRITE;\nINSERT INTO `removed` VALUES "
         + rows("({n},'{p}','{l}','{h}')", ",") + ";\nUNLOCK TABLES;\n", ALL),
        (f"{COPY} FROM stdin;\n" + rows("{n}\t{p}\t{l}\t{h}\n") + "\\.\n\nSELECT x('y');\n", ALL),
        ("COPY r (name, sha256) FROM stdin;\n" + rows("{p}\t\\\\x{h}\n") + "\\.\n", HASHED),
        ("INSERT INTO `m` (`name`,`sha256`) VALUES " + rows("('{p}',0x{h})", ",") + ";", HASHED),
        ("PRAGMA foreign_keys=OFF;\nCREATE TABLE r (name TEXT, \"sha256\" BLOB, CHECK (1 > 0));\n"
         + rows("INSERT INTO r VALUES('{p}',X'{h}');\n"), HASHED),
        ("INSERT INTO r VALUES " + rows("({n}, '{l}', '{h}')", ",") + ";",
         [(None, *each) for _, *each in ALL]),
        ("SET IDENTITY_INSERT [dbo].[R] ON\nGO\n" + rows(
            "INSERT [dbo].[R] ([Id], [Name], [Sha256], [At]) "
            "VALUES ({n}, N'{p}', N'{h}', CAST(N'2025-05-23' AS DateTime))\nGO\n"), HASHED),
        ("CREATE FUNCTION f() AS $x$ it's; ( $x$ LANGUAGE sql;\n"
         "INSERT INTO r (name, sha256) VALUES "
         + rows("(E'{p}', '{h}'::text)", ", /* ' */ ") + " ON CONFLICT DO NOTHING;", HASHED),
        (rows("INSERT IGNORE INTO `d`.`r` (`name`,`sha256`) VALUES ('{p}','{h}') "
              "ON DUPLICATE KEY UPDATE name=VALUES(name);\n"), HASHED),
    ],
)  # fmt: skip
def test_the_rows_of_a_dump_are_read(
    tmp_path: Path, text: str, expected: list[object], encoding: str
) -> None:
    listed = read(tmp_path, text, encoding)
    assert told(listed) == expected
    assert not listed.refusals


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("'it''s; (one), -- no /* comment'", "it's; (one), -- no /* comment"),
        ("'ends so \\'", "ends so \\"),
        ("E'it\\'s'", "it's"),
        ("'two\nlines'", "two\nlines"),
        ("NULL", None),
        ("concat('a', 'b')", "a"),
    ],
)
def test_values_are_what_the_database_held(tmp_path: Path, written: str, name: str | None) -> None:
    text = f"INSERT INTO r (name, sha256) VALUES ({written}, '{digest(1)}'), ('b', '{digest(2)}');"
    assert [each[0] for each in told(read(tmp_path, text))] == [name, "b"]


def test_mysql_takes_back_what_follows_a_backslash_and_copy_has_marks_of_its_own(
    tmp_path: Path,
) -> None:
    text = f"{MYSQL}INSERT INTO `r` (`name`,`sha256`) VALUES ('it\\'s \\\\','{digest(1)}');"
    assert told(read(tmp_path, text)) == [("it's \\", None, [digest(1)])]
    text = f"COPY r (name, link, sha256) FROM stdin;\na\\tb\\\\c\t\\N\t{digest(1)}\n\\.\n"
    assert told(read(tmp_path, text)) == [("a\tb\\c", None, [digest(1)])]


@pytest.mark.parametrize(
    "table",
    [
        *("kept", "not_removed", "whitelist", "base_models", "previews", "users", "`thumbnails`"),
        *("public.vae", "[dbo].[Reinstated]"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_tables_of_others_are_set_aside(tmp_path: Path, table: str, *, before: bool) -> None:
    removed = "INSERT INTO removed (name, sha256) VALUES " + rows("('{p}','{h}')", ",") + ";\n"
    other = (
        f"INSERT INTO {table} (name, sha256) VALUES ('x','{digest(8)}'), ('y', '{digest(9)}');\n"
    )
    listed = read(tmp_path, other + removed if before else removed + other)
    assert told(listed) == HASHED
    assert listed.set_aside == 2


def test_addresses_in_other_tables_and_columns_are_no_models(tmp_path: Path) -> None:
    text = (
        "INSERT INTO settings (name, url) VALUES ('help', 'https://example.org/help');\n"
        "INSERT INTO removed_models (name, url) VALUES " + rows("('{p}','{l}')", ",") + ";\n"
        "INSERT INTO models (base_model_hash, sha256, status) VALUES "
        + ", ".join(f"('{digest(9)}', '{digest(n)}', 'kept')" for n in NUMBERS) + ";\n"
        f"/* INSERT INTO removed (sha256) VALUES ('{digest(7)}'); */\n"
        f"-- INSERT INTO removed (sha256) VALUES ('{digest(7)}');\n"
    )  # fmt: skip
    listed = read(tmp_path, text)
    assert told(listed) == [(name, url, []) for name, url, _ in ALL]
    assert len(listed.refusals) == len(NUMBERS)
    assert listed.set_aside == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "INSERT INTO r (a, sha256) VALUES ('" + "x" * n,
        lambda n: "INSERT INTO r (a, sha256) VALUES " + "(" * n,
        lambda n: "INSERT INTO r VALUES " + "('', ''), " * (n // 10),
        lambda n: "INSERT INTO r VALUES (" + "1," * (n // 2),
        lambda n: "CREATE TABLE r (" + "a," * (n // 2),
        lambda n: "INSERT INTO r VALUES ('" + "''" * (n // 2),
        lambda n: "INSERT INTO `r` VALUES ('" + "\\'" * (n // 2),
        lambda n: "COPY r (a) FROM stdin;\n" + "\t" * n,
        lambda n: "INSERT INTO r VALUES /*" + "/*" * (n // 2),
        lambda n: "INSERT INTO a VALUES (1);INSERT INTO b VALUES (1);" * (n // 50),
        lambda n: "INSERT INTO $" + "$a" * (n // 2),
    ],
)
def test_what_never_ends_is_refused_in_time_of_its_length(
    tmp_path: Path, make: Callable[[int], str]
) -> None:
    with pytest.raises(ListError):
        read(tmp_path, make(70_000))
