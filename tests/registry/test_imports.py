from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from reseen.errors import InputError, ListError
from reseen.records import Digest, DigestKind, Names, Removal
from reseen.registry import imports, lookup, removals, store_rows
from reseen.registry.import_account import ImportAccount
from reseen.registry.imports import ImportOptions, import_list
from reseen.store import audit, schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

Import = Callable[..., ImportAccount]


def digest(number: int) -> str:
    return sha256(b"%d" % number).hexdigest()


def link(model: int, version: int | None = None) -> str:
    tail = f"?modelVersionId={version}" if version else ""
    return f"https://civitai.com/models/{model}/sample-person{tail}"


@pytest.fixture
def take(store: Store, keyring: Keyring, tmp_path: Path) -> Import:
    """Import CSV text (or a list of rows) as a file of its own."""

    def take(
        rows: str | list[list[object]], name: str = "a list.csv", **options: object
    ) -> ImportAccount:
        path = tmp_path / name
        if isinstance(rows, str):
            path.write_text(rows)
        else:
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(rows)
        return import_list(store, keyring, path, ImportOptions(**options))  # type: ignore[arg-type]

    return take


def every(store: Store) -> list[Removal]:
    with store.read() as connection:
        return list(removals.every(connection))


def names(store: Store, keyring: Keyring, removal: Removal) -> Names:
    with store.write() as connection:
        return removals.reveal(connection, keyring, removal.id)


def snapshot(store: Store) -> list[object]:
    """All that is known of removals."""
    tables = (schema.removals, schema.claims, schema.digests, schema.sealed_index, schema.lists)
    with store.read() as connection:
        return [sorted(map(repr, connection.execute(select(table)))) for table in tables]


def test_a_reporters_list_becomes_removals(store: Store, keyring: Keyring, take: Import) -> None:
    account = take([["Name", "Link", "SHA-256"], ["Sample person 07", link(1, 2), digest(1)]])
    assert (account.rows, account.added, account.list) == (1, 1, "a list")
    (removal,) = every(store)
    assert removal.site == "civitai.com"
    assert removal.files[0].digests == (Digest(DigestKind.SHA256, bytes.fromhex(digest(1))),)
    said = names(store, keyring, removal)
    assert said.name == "Sample person 07"
    assert (said.url, said.model_id, said.version_id) == (link(1, 2), "1", "2")


def test_every_field_finds_its_place(store: Store, keyring: Keyring, take: Import) -> None:
    header = (
        "title;site;model id;version id;file name;trigger words;sha256;blake3;xet;git blob;"
        "data sha256;tensors blake3;autov1;autov2;autov3;crc32;md5;sha1;crc32c;crc64nvme;"
        "size;removal date;reason;list"
    )
    sha, data = digest(1), digest(6)
    row = (
        f"Sample person 07;civitai;11;22;a.safetensors|b.pt;word one, two;{sha};{digest(2)};"
        f"{digest(3)};{digest(4)[:40]};{data};{digest(7)};{digest(8)[:8]};{sha[:10]};{data[:12]};"
        f"{digest(9)[:8]};{digest(10)[:32]};{digest(11)[:40]};{digest(12)[:8]};{digest(13)[:16]};"
        "123456;2025-05-23;likeness;may 2025"
    )
    account = take(f"{header}\n{row}\n")
    assert (account.added, account.unknown_columns, account.notes) == (1, (), ())
    (removal,) = every(store)
    assert (removal.list, removal.site, str(removal.removed_on)) == (
        "may 2025", "civitai.com", "2025-05-23",
    )  # fmt: skip
    (file,) = removal.files
    assert file.size == 123456
    implied = {DigestKind.AUTOV2, DigestKind.AUTOV3}
    assert {d.kind for d in file.digests} == set(DigestKind) - implied
    said = names(store, keyring, removal)
    assert said == Names(
        name="Sample person 07", trigger_words=("word one", "two"), model_id="11",
        version_id="22", file_names=("a.safetensors", "b.pt"), reason="likeness",
    )  # fmt: skip


DAYS, CLASSES = ("", "2025-05-23"), {3: "likeness"}


def test_a_long_list_is_written_as_a_short_one_is(
    store: Store, keyring: Keyring, take: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_rows, "_MANY", 1)  # half of it in another process
    header = ["name", "link", "sha256", "size", "date", "class"]
    rows: list[list[object]] = [
        [f"Sample person {n}", link(n + 1, n + 1), digest(n), n or "", DAYS[n % 2], CLASSES.get(n)]
        for n in range(9)
    ]
    same: list[object] = ["Another name", link(77, 77), digest(5), "", "", ""]
    account = take([header, *rows, same])
    assert (account.added, account.merged) == (9, 1)
    found = {names(store, keyring, each).name: each for each in every(store)}
    assert len(found) == 9
    for n in range(9):
        removal = found[f"Sample person {n}"]
        first = removal.claims[0]
        assert first.digests == (Digest(DigestKind.SHA256, bytes.fromhex(digest(n))),)
        assert (first.size, first.site) == (n or None, "civitai.com")
        assert (first.removed_on is not None) == (n % 2 == 1)
        assert (first.cls is not None) == (n == 3)
        assert len(removal.claims) == (2 if n == 5 else 1)
        told = lookup.find(store, keyring, f"sample PERSON {n}")
        assert [each.removal.id for each in told.found] == [removal.id]


def test_importing_twice_changes_nothing(store: Store, take: Import) -> None:
    rows: list[list[object]] = [["name", "link", "sha256", "autov2", "size"]]
    rows += [["Sample person 01", link(1, 2), digest(1), "", 100]]
    rows += [["Sample person 02", link(3), "", "", ""]]
    rows += [["Sample person 03", "", "", digest(3)[:10], ""]]
    rows += [["Sample person 04", "https://example.org/some/page", "", "", ""]]
    rows += [["Sample person 05", link(5, 6), "", "", ""]]
    rows += [["Another name", link(8, 9), digest(1), "", ""]]
    rows += [["", link(8, 9), digest(7), "", ""], ["", link(8, 9), "", "", ""]]
    first = take(rows)
    assert (first.added, first.merged, first.unchanged) == (6, 1, 1)
    before = snapshot(store)
    second = take(rows)
    assert (second.added, second.merged, second.unchanged) == (0, 0, 8)
    assert snapshot(store) == before


def test_rows_with_an_equal_full_digest_are_one_removal(store: Store, take: Import) -> None:
    account = take(f"name,link,sha256\na,{link(1, 2)},{digest(1)}\nb,{link(3, 4)},{digest(1)}\n")
    assert (account.added, account.merged) == (1, 1)
    assert len(every(store)) == 1


def test_rows_with_equal_site_and_ids_are_one_removal_with_two_files(
    store: Store, take: Import
) -> None:
    account = take(f"link,sha256\n{link(1, 2)},{digest(1)}\n{link(1, 2)},{digest(2)}\n")
    assert (account.added, account.merged) == (1, 1)
    (removal,) = every(store)
    assert len(removal.files) == 2


def test_equal_names_or_models_alone_merge_nothing(store: Store, take: Import) -> None:
    rows = f"name,link,sha256\nx,{link(1)},{digest(1)}\nx,{link(1)},{digest(2)}\n"
    assert take(rows).added == 2
    other_site = f"link,sha256\nhttps://other.example/models/1?modelVersionId=2,{digest(3)}\n"
    assert take(other_site).added == 1
    assert take(f"link,sha256\n{link(1, 2)},{digest(4)}\n").added == 1


def test_a_later_list_says_its_own_beside_the_earlier(
    store: Store, keyring: Keyring, take: Import
) -> None:
    take(f"name,sha256\nSample person 07,{digest(1)}\n")
    rows = (
        f"sha256,blake3,size,link,removed on,trigger words\n"
        f"{digest(1)},{digest(2)},77,{link(1, 2)},2025-05-01,one\n"
    )
    later = take(rows, name="later.csv")
    assert (later.added, later.merged) == (0, 1)
    (removal,) = every(store)
    assert removal.lists == ("a list", "later")
    assert removal.site == "civitai.com"
    assert str(removal.removed_on) == "2025-05-01"
    first, second = removal.claims
    assert (first.list, first.size, first.site, first.removed_on) == ("a list", None, None, None)
    assert {d.kind for d in first.digests} == {DigestKind.SHA256}
    assert (second.list, second.size, second.site) == ("later", 77, "civitai.com")
    assert {d.kind for d in second.digests} == {DigestKind.SHA256, DigestKind.BLAKE3}
    said = names(store, keyring, removal)
    assert (said.name, said.url, said.trigger_words) == ("Sample person 07", link(1, 2), ("one",))
    less = f"link,blake3\n{link(1, 2)},{digest(2)}\n"
    assert take(less, name="later.csv").unchanged == 1
    # what another list says is that one's word, though somebody said it before
    less = f"sha256,blake3\n{digest(1)},{digest(2)}\n"
    assert take(less).merged == 1
    assert take(less).unchanged == 1
    assert [claim.list for claim in every(store)[0].claims] == ["a list", "later", "a list"]


def test_a_second_list_that_says_the_same_is_a_claim_beside(store: Store, take: Import) -> None:
    rows = f"name,sha256,size\nSample person 07,{digest(1)},7\n"
    assert take(rows).added == 1
    second = take(rows, name="second.csv")
    assert (second.added, second.merged, second.unchanged) == (0, 1, 0)
    assert len(second.removals) == 1
    again = take(rows, name="second.csv")
    assert (again.unchanged, again.removals) == (1, frozenset())
    (removal,) = every(store)
    first, other = removal.claims
    assert (first.list, other.list) == ("a list", "second")
    assert (first.digests, first.size) == (other.digests, other.size)


@pytest.mark.parametrize("swap", [False, True])
def test_rows_that_contradict_each_other_stand_side_by_side(
    store: Store, take: Import, swap: bool
) -> None:
    """Whoever is wrong is wrong alone: no earlier row blocks a later one."""
    header = "sha256,blake3,size"
    rows = [f"{digest(1)},{digest(5)},6", f"{digest(1)},{digest(4)},5"]
    first, second = reversed(rows) if swap else rows
    assert take(f"{header}\n{first}\n", name="one.csv").added == 1
    later = take(f"{header}\n{second}\n", name="two.csv")
    assert (later.merged, later.rejected) == (1, ())
    (removal,) = every(store)
    assert len(removal.claims) == 2
    assert all(claim.in_force and not claim.contradicted for claim in removal.claims)
    said = {
        (claim.size, d.hex)
        for claim in removal.claims
        for d in claim.digests
        if d.kind is DigestKind.BLAKE3
    }
    assert said == {(6, digest(5)), (5, digest(4))}
    # and so do two rows of one list
    both = take("\n".join([header, first, second, ""]), name="both.csv")
    assert (both.merged, both.rejected) == (2, ())
    assert len(every(store)[0].claims) == 4


def test_a_row_that_names_two_removals_belongs_to_the_one_of_its_surest_digest(
    store: Store, take: Import
) -> None:
    take(f"sha256,blake3,link\n{digest(1)},,\n,{digest(2)},\n,,{link(1, 2)}\n")
    assert len(every(store)) == 3
    account = take(
        f"blake3,link,sha256\n{digest(2)},{link(1, 2)},{digest(1)}\n", name="another.csv"
    )
    assert (account.added, account.merged, account.rejected) == (0, 1, ())
    joined = [r for r in every(store) if len(r.claims) == 2]
    assert [d.hex for d in joined[0].claims[0].digests] == [digest(1)]
    assert len(joined) == 1


def test_a_removal_is_found_by_every_name_it_was_given(
    store: Store, keyring: Keyring, take: Import
) -> None:
    from reseen.registry.lookup import find

    take(f"name,sha256\nSample person 07,{digest(1)}\n")
    assert take(f"name,sha256\nSample person 08,{digest(1)}\n").merged == 1
    assert take(f"name,sha256\nSAMPLE  person 08,{digest(1)}\n").unchanged == 1
    (removal,) = every(store)
    for name in ("Sample person 07", "sample person 08"):
        assert [f.removal.id for f in find(store, keyring, name).found] == [removal.id]


def test_what_a_list_said_stays_withdrawn_whatever_it_says_again(
    store: Store, keyring: Keyring, take: Import
) -> None:
    take(f"name,sha256\nSample person 07,{digest(1)}\n")
    (removal,) = every(store)
    with store.write() as connection:
        removals.withdraw(connection, keyring, removal.id, "a mistake")
    same = take(f"name,sha256\nSample person 07,{digest(1)}\n")
    more = take(f"sha256,blake3\n{digest(1)},{digest(2)}\n")
    assert (same.unchanged, same.withdrawn) == (1, 1)
    assert (more.merged, more.withdrawn) == (1, 1)
    assert more.notes == ()
    (removal,) = every(store)
    assert removal.withdrawn_at
    assert [claim.in_force for claim in removal.claims] == [False, False]


def test_another_list_brings_a_withdrawn_removal_back_by_its_own_word(
    store: Store, keyring: Keyring, take: Import
) -> None:
    take(f"name,sha256,size\nSample person 07,{digest(1)},7\n")
    (removal,) = every(store)
    with store.write() as connection:
        removals.withdraw(connection, keyring, removal.id, "a mistake")
    other = take(f"name,sha256\nSample person 07,{digest(1)}\n", name="other.csv")
    assert (other.added, other.merged, other.withdrawn) == (0, 1, 0)
    assert any("in force by this list" in note for note in other.notes)
    (back,) = every(store)
    assert (back.id, back.withdrawn_at, back.lists) == (removal.id, None, ("other",))
    assert [claim.in_force for claim in back.claims] == [False, True]
    assert [claim.size for claim in back.files] == [None], "what was withdrawn owns nothing"
    # the first list's rows stay out, also now
    again = take(f"name,sha256\nSample person 08,{digest(1)}\n")
    assert (again.merged, again.withdrawn) == (1, 1)
    assert [claim.in_force for claim in every(store)[0].claims] == [False, True, False]
    with store.write() as connection:
        assert removals.restore(connection, keyring, removal.id, "it was right")
    assert [claim.in_force for claim in every(store)[0].claims] == [True, True, True]


def test_what_a_withdrawn_list_says_more_stays_out_with_it(
    store: Store, keyring: Keyring, take: Import
) -> None:
    from reseen.registry import claims

    take(f"sha256\n{digest(1)}\n")
    with store.write() as connection:
        claims.withdraw_list(connection, keyring, "a list", "why", restored=False)
    take(f"sha256\n{digest(2)}\n")
    assert [removal.withdrawn_at is None for removal in every(store)] == [False, False]
    take(f"sha256\n{digest(2)}\n", name="another.csv")
    assert sorted(removal.withdrawn_at is None for removal in every(store)) == [False, True]
    with store.write() as connection:
        claims.withdraw_list(connection, keyring, "a list", "why", restored=True)
    assert [removal.withdrawn_at is None for removal in every(store)] == [True, True]


@pytest.mark.parametrize("swap", [False, True])
def test_a_row_finds_its_claim_again_where_two_removals_hold_its_key(
    store: Store, take: Import, swap: bool
) -> None:
    """Which of two got it first, the store does not tell: nothing in it tells a list's order."""
    one, two = sorted((digest(1), digest(2)), reverse=swap)
    rows = (
        f"link,sha256,autov2,blake3\n{link(1, 2)},{one},,\n{link(1, 3)},{two},,{digest(4)}\n"
        f"{link(1, 2)},{two},,\n{link(1, 2)},,{digest(5)[:10]},\n,{one},,{digest(4)}\n"
        f"{link(1, 9)},,,{digest(4)}\n"
    )
    first = take(rows)
    assert (first.added, first.merged, first.unchanged) == (2, 4, 0)
    before = snapshot(store)
    again = take(rows)
    assert (again.added, again.merged, again.unchanged) == (0, 0, 6)
    assert snapshot(store) == before


def test_every_row_is_accounted_for(store: Store, tmp_path: Path, take: Import) -> None:
    nothing = sha256().hexdigest()
    rows = f"""name,link,sha256,autov2,size
good,{link(1, 2)},{digest(1)},,
short,,{digest(2)[:63]},,
nothing,,{nothing},,
,,,,

name only,,,,
contradiction,,{digest(3)},{digest(4)[:10]},
not hex,,{"g" * 64},,
other size,,{digest(5)},,10
other size,,{digest(5)},,11
too many,,{digest(6)},,,cells
"""
    account = take(rows)
    assert (account.rows, account.added, account.merged) == (9, 2, 1)
    assert [r.row for r in account.rejected] == [3, 4, 7, 8, 9, 12]
    assert account.rows == (
        account.added + account.merged + account.unchanged + len(account.rejected)
    )
    reasons = {r.row: r.reason for r in account.rejected}
    assert "63 digits" in reasons[3]
    assert "of nothing" in reasons[4]
    assert "known again" in reasons[7]
    assert "not the beginning" in reasons[8]
    assert sorted(f.size for r in every(store) for f in r.files if f.size) == [10, 11]
    assert account.rejects_file == tmp_path / "a list.rejects.csv"


def test_rejected_rows_can_be_mended_and_imported_again(
    store: Store, tmp_path: Path, take: Import
) -> None:
    take(f'name,sha256\n"=cmd, ""x""",{digest(1)[:63]}\nb,zz\n')
    path = tmp_path / "a list.rejects.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "'=cmd" in text
    path.write_text(text.replace(digest(1)[:63], digest(1)))
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        account = import_list(other, Keyring(bytes(32)), path)
        assert (account.list, account.added, account.unknown_columns) == ("a list", 1, ())
        (removal,) = every(other)
        assert names(other, Keyring(bytes(32)), removal).name == '=cmd, "x"'
    assert account.rejects_file == tmp_path / "a list.rejects.rejects.csv"


def test_a_file_of_rejects_that_somebody_mends_is_not_written_over(
    tmp_path: Path, take: Import
) -> None:
    rows = "name,sha256\na,zz\n"
    first = take(rows).rejects_file
    assert first
    assert take(rows).rejects_file == first
    first.write_text("mended")
    second = take(rows).rejects_file
    assert second == tmp_path / "a list.rejects-2.csv"
    assert first.read_text() == "mended"


def test_reasons_and_notes_hold_no_value_of_the_list(take: Import) -> None:
    account = take(
        "name,link,sha256,size,date,site,hash,model id,Marked-header-1234567\n"
        "Marked-a,Marked-b,Marked-c,Marked-d,Marked-e,Marked-f,Marked-g,Marked h,Marked-i\n"
        f"Marked-a,Marked-b,{digest(1)},,Marked-e,Marked-f,,,\n"
        f"Marked-a,Marked-b,,Marked-d,,,{digest(1)},Marked h,\n"
    )
    assert len(account.rejected) == 1
    assert any("set aside" in note for note in account.notes)
    assert "arked" not in repr(account).replace(str(account.rejects_file), "")


def test_no_sealed_value_stands_in_the_database(
    store: Store, tmp_path: Path, url: str, take: Import
) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("reads the database's file")
    take(
        "name,link,sha256,model id,version id,file name,trigger words,reason\n"
        f"Marked-a,https://example.org/Marked-b,{digest(1)},Marked-c,Marked-d,Marked-e,Marked-f,"
        "Marked-g\n"
    )
    store.close()
    for path in tmp_path.glob("reseen.db*"):
        assert b"arked" not in path.read_bytes()


def test_one_broken_row_in_the_middle_of_a_file_leaves_nothing_of_it(
    store: Store, take: Import
) -> None:
    before = snapshot(store)
    with pytest.raises(ListError, match="row 3"):
        take(f'name,sha256\na,{digest(1)}\n"open,{digest(2)}\n')
    assert snapshot(store) == before


@pytest.mark.parametrize(("where", "name"), [(imports, "write"), (imports.learning, "learn")])
def test_a_failure_while_writing_leaves_nothing(
    store: Store, take: Import, monkeypatch: pytest.MonkeyPatch, where: object, name: str
) -> None:
    before = snapshot(store)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, name, fail)
    with pytest.raises(KeyboardInterrupt):
        take(f"name,sha256\na,{digest(1)}\n")
    assert snapshot(store) == before


def test_a_killed_import_leaves_all_or_nothing(tmp_path: Path) -> None:
    """The process dies on the spot in the middle of its transaction, with all rows written."""
    path = tmp_path / "list.csv"
    path.write_text("sha256\n" + "".join(f"{digest(n)}\n" for n in range(200)))
    code = (
        "import os, sys; from pathlib import Path; from reseen.registry import imports\n"
        "from reseen.store.sealing import Keyring; from reseen.store.database import Store\n"
        "imports.learning.learn = lambda *_, **__: os._exit(9)\n"
        "imports.import_list(Store(sys.argv[1]), Keyring(bytes(32)), Path(sys.argv[2]))\n"
    )
    url = f"sqlite:///{tmp_path / 'reseen.db'}"
    done = subprocess.run([sys.executable, "-c", code, url, str(path)], check=False)
    assert done.returncode == 9
    with Store(url) as store:
        assert every(store) == []
        assert import_list(store, Keyring(bytes(32)), path).added == 200


def test_lists_have_plain_names(store: Store, take: Import) -> None:
    rows = (
        f"list,sha256\nhttps://example.org/x,{digest(1)}\nspring 2025,{digest(2)}\n,{digest(3)}\n"
    )
    account = take(rows)
    assert account.rejected == ()
    assert any("set aside: the list's name" in note for note in account.notes)
    assert sorted(r.list for r in every(store)) == ["a list", "a list", "spring 2025"]
    with pytest.raises(InputError, match="list's name"):
        take(rows, list_name=digest(1))
    forced = take(rows, list_name="mine")
    assert (forced.added, forced.merged, forced.unchanged) == (0, 3, 0)
    assert take(rows, list_name="mine").unchanged == 3
    assert sorted(r.lists for r in every(store)) == [
        ("a list", "mine"), ("a list", "mine"), ("spring 2025", "mine"),
    ]  # fmt: skip


def test_columns_can_be_mapped(store: Store, keyring: Keyring, take: Import) -> None:
    rows = f"Kennung,Wer,extra\n{digest(1)},Sample person 07,1\n"
    account = take(rows, columns={"Kennung": "sha256", "wer": "name"})
    assert (account.added, account.unknown_columns) == (1, ("column 3: numbers in all",))
    assert names(store, keyring, every(store)[0]).name == "Sample person 07"
    by_number = take(rows, columns={"1": "sha256", "2": "name"})
    assert (by_number.unchanged, by_number.unknown_columns) == (1, account.unknown_columns)
    for missing in ("4", "Sample person 07", "who"):
        with pytest.raises(InputError, match="not in the list") as error:
            take(rows, columns={"Kennung": "sha256", missing: "name"})
        assert "person" not in str(error.value)
    with pytest.raises(InputError, match="--map"):
        take(rows, columns={"Kennung": "nonsense"})


def test_ids_without_a_link_need_a_site_to_merge(store: Store, take: Import) -> None:
    rows = f"model id,version id,sha256\n1,2,{digest(1)}\n1,2,{digest(2)}\n"
    assert take(rows).added == 2
    other = take(rows.replace("1,2", "3,4").replace(digest(1), digest(3)), site="civitai")
    assert other.merged == 2  # one file is known, and the other stands at its link


def test_a_hub_answer_becomes_a_removal_for_each_version(store: Store, take: Import) -> None:
    answer = {
        "id": 1, "name": "Sample person 07", "modelVersions": [
            {"id": 2, "trainedWords": ["word"], "files": [
                {"name": "a.safetensors", "type": "Model", "sizeKB": 144.5009765625,
                 "hashes": {"SHA256": digest(1).upper(), "AutoV2": digest(1)[:10].upper()}},
                {"name": "b.vae.pt", "type": "VAE", "hashes": {"SHA256": digest(9)}}]},
            {"id": 3, "files": [{"name": "c.pt", "hashes": {"SHA256": digest(3)}}]}]}  # fmt: skip
    account = take(json.dumps(answer), name="answer.json")
    assert (account.added, account.rejected) == (2, ())
    assert any("not its model" in note for note in account.notes)
    sizes = {f.size for r in every(store) for f in r.files}
    assert sizes == {147969, None}


def test_an_import_is_audited_without_names(store: Store, take: Import) -> None:
    take(f"name,sha256\nSample person 07,{digest(1)}\n")
    with store.read() as connection:
        (line,) = audit.every(connection)
    assert (line.action, line.details["added"]) == ("import", 1)
    assert "ample" not in repr(line)


def test_what_is_left_out_is_counted(store: Store, take: Import) -> None:
    account = take(
        "sha256,autov1,size,date,site,link\n"
        f"{digest(1)},e3b0c442,217 MB,03/04/2025,not a host,no link\n"
    )
    assert account.added == 1
    assert len(account.notes) == 5
    assert all(note.startswith("1 row:") for note in account.notes)


def test_a_short_digest_is_said_by_the_full_one_that_it_is_the_beginning_of(
    store: Store, take: Import
) -> None:
    take(f"link,autov2\n{link(1, 2)},{digest(1)[:10]}\n")
    assert take(f"link,sha256\n{link(1, 2)},{digest(1)}\n").merged == 1
    assert take(f"link,autov2\n{link(1, 2)},{digest(1)[:10]}\n").unchanged == 1
    take(f"link,sha256\n{link(3, 4)},{digest(3)}\n")
    assert take(f"link,autov2\n{link(3, 4)},{digest(3)[:10]}\n").unchanged == 1
    assert take(f"link,autov2\n{link(3, 4)},{digest(5)[:10]}\n").merged == 1
    files = sorted(
        (len(r.files), [d.kind for f in r.files for d in f.digests]) for r in every(store)
    )
    short, full = DigestKind.AUTOV2, DigestKind.SHA256
    assert files == [(2, [full, short]), (2, [short, full])]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["", link(1), link(1, 2), link(1, 3), "https://example.org/x"]),
        st.sampled_from(["", digest(1), digest(2), "zz"]),
        st.sampled_from(["", digest(1)[:10], digest(3)[:10]]),
        st.sampled_from(["", digest(4)]),
        st.sampled_from(["", "5", "6"]),
    ),
    max_size=12,
)


COLUMNS = ("name", "link", "sha256", "autov2", "blake3", "size")


def take_twice(
    folder: Path, rows: Sequence[Sequence[str]], columns: Sequence[str]
) -> ImportAccount:
    """Import rows as a list, twice, with an account of the first time: the second time changes
    nothing and rejects the same rows."""
    for old in folder.iterdir():
        old.unlink()
    path = folder / "list.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    keyring = Keyring(bytes(32))
    with Store(f"sqlite:///{folder / 'reseen.db'}") as store:
        first = import_list(store, keyring, path)
        before = snapshot(store)
        second = import_list(store, keyring, path)
        assert snapshot(store) == before
    assert first.rows == second.rows == sum(any(row) for row in rows)
    assert second.added == second.merged == 0
    assert [r.row for r in first.rejected] == [r.row for r in second.rejected]
    return first


def take_in_parts(
    folder: Path, rows: Sequence[Sequence[str]], columns: Sequence[str], cuts: Sequence[int]
) -> list[int]:
    """Import rows as several lists, each with the rows up to a cut, then all of them as one, which
    changes nothing. Returns the rows that were rejected, numbered as in the one list."""
    for old in folder.iterdir():
        old.unlink()
    path, keyring, rejected = folder / "list.csv", Keyring(bytes(32)), []
    with Store(f"sqlite:///{folder / 'reseen.db'}") as store:
        for start, end in pairwise((0, *cuts, len(rows))):
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([columns, *rows[start:end]])
            rejected += [r.row + start for r in import_list(store, keyring, path).rejected]
        before = snapshot(store)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
        again = import_list(store, keyring, path)
        assert snapshot(store) == before
    assert again.added == again.merged == 0
    assert [r.row for r in again.rejected] == rejected
    return rejected


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS)
def test_whatever_the_rows_are_a_second_time_changes_nothing(
    tmp_path: Path, rows: list[tuple[str, ...]]
) -> None:
    take_twice(tmp_path, rows, COLUMNS)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS, st.integers(0, 12))
def test_what_is_rejected_does_not_depend_on_where_a_list_is_cut(
    tmp_path: Path, rows: list[tuple[str, ...]], cut: int
) -> None:
    whole = [r.row for r in take_twice(tmp_path, rows, COLUMNS).rejected]
    assert take_in_parts(tmp_path, rows, COLUMNS, [min(cut, len(rows))]) == whole


@pytest.mark.parametrize(
    ("columns", "rows", "outcomes", "rejected"),
    [
        pytest.param(
            "link,sha256,autov2,blake3",
            [
                f"{link(1, 2)},{digest(1)},,",
                f"{link(1, 2)},,{digest(1)[:10]},{digest(4)}",
                f",{digest(2)},,{digest(4)}",
            ],
            (1, 2, 0), [],
            id="a short hash of another file contradicts nothing",
        ),
        pytest.param(
            "sha256,data sha256",
            [
                f"{digest(1)},{digest(6)}",
                f"{digest(2)},{digest(6)}",
                f"{digest(2)},{digest(7)}",
            ],
            (1, 2, 0), [],
            id="the weights of two files of a removal are those of both",
        ),
        pytest.param(
            "link,sha256,blake3,size",
            [
                f"{link(1, 2)},{digest(1)},,",
                f"{link(1, 2)},,{digest(4)},5",
                f",{digest(1)},{digest(4)},",
                f",{digest(1)},{digest(5)},",
                f",{digest(1)},,6",
            ],
            (1, 4, 0), [],
            id="what rows say of one file stands side by side",
        ),
        pytest.param(
            "link,sha256,blake3",
            [
                f"{link(1, 2)},{digest(1)},",
                f"{link(1, 2)},{digest(2)},{digest(4)}",
                f",{digest(1)},{digest(4)}",
            ],
            (1, 2, 0), [],
            id="a row that names two files which differ is taken",
        ),
        pytest.param(
            "link,data sha256,autov2,size",
            [
                f"{link(1, 2)},,{digest(1)[:10]},5",
                f"{link(1, 2)},{digest(6)},{digest(1)[:10]},6",
                f"{link(1, 3)},{digest(6)},,",
            ],
            (1, 2, 0), [],
            id="less certain digests refuse nothing",
        ),
        pytest.param(
            "name,autov2,size",
            [f"a,{digest(1)[:10]},5", f"A,{digest(1)[:10]},6", f"A,{digest(1)[:10]},"],
            (1, 1, 1), [],
            id="what a row says is one whatever its spelling",
        ),
        pytest.param(
            "model id,version id,site,autov2",
            [f"Ab,2,civitai,{digest(1)[:10]}", f"aB,2,civitai,{digest(2)[:10]}", "aB,2,civitai,"],
            (1, 1, 1), [],
            id="ids are one whatever their spelling",
        ),
        pytest.param(
            "link,sha256,autov2",
            [
                f"{link(1, 2)},{digest(1)},",
                f"https://other.example/models/1?modelVersionId=2,{digest(1)},",
                f"https://other.example/models/1?modelVersionId=2,,{digest(3)[:10]}",
            ],
            (1, 2, 0), [],
            id="a removal is known by the ids of another site too",
        ),
        pytest.param(
            "link,sha256,autov2",
            [
                f"{link(1, 2)},{digest(1)},",
                f"{link(3, 4)},{digest(1)},",
                f"{link(1, 4)},,{digest(3)[:10]}",
                f"{link(3, 4)},,{digest(4)[:10]}",
            ],
            (2, 2, 0), [],
            id="the ids of two links are not put together",
        ),
        pytest.param(
            "site,model id,version id,sha256,autov2",
            [
                f",1,2,{digest(1)},",
                f"civitai,,,{digest(1)},",
                f"civitai,1,2,,{digest(3)[:10]}",
            ],
            (2, 1, 0), [],
            id="nor a site and ids of different rows",
        ),
        pytest.param(
            "site,model id,version id,sha256,autov2",
            [
                f"civitai,,,{digest(1)},",
                f"civitai,1,2,,{digest(3)[:10]}",
                f"civitai,1,2,{digest(1)},",
            ],
            (1, 2, 0), [],
            id="a later row may say that two before it are of one model",
        ),
    ],
)  # fmt: skip
def test_a_row_is_taken_or_rejected_for_ever(
    tmp_path: Path, columns: str, rows: list[str], outcomes: tuple[int, int, int],
    rejected: list[int],
) -> None:  # fmt: skip
    header, cells = columns.split(","), [row.split(",") for row in rows]
    first = take_twice(tmp_path, cells, header)
    assert [r.row for r in first.rejected] == rejected
    assert (first.added, first.merged, first.unchanged) == outcomes
    for cut in range(1, len(rows)):
        assert take_in_parts(tmp_path, cells, header, [cut]) == rejected
    assert take_in_parts(tmp_path, cells, header, range(1, len(rows))) == rejected


def test_the_rejects_file_is_private_whatever_the_umask(tmp_path: Path, take: Import) -> None:
    old = os.umask(0)
    try:
        path = take("sha256\nzz\n").rejects_file
    finally:
        os.umask(old)
    assert path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_made_up_sha256_takes_no_file_away_from_its_removal(store: Store, take: Import) -> None:
    """Whose SHA-256 is another is another file's, whatever else it claims: in either order."""
    made_up = f"sha256,blake3\n{digest(7)},{digest(5)}\n"
    honest = f"sha256,blake3\n{digest(1)},{digest(5)}\n"
    assert take(made_up, name="made up.csv").added == 1
    assert take(honest, name="honest.csv").added == 1
    assert take(f"sha256\n{digest(1)}\n", name="third.csv").merged == 1
    assert take(f"sha256\n{digest(7)}\n", name="third.csv").merged == 1
    assert take(honest, name="honest.csv").unchanged == 1


def test_a_note_names_the_rows_that_it_is_about_and_no_value(take: Import) -> None:
    hashes = {3: "Sample person 07", 5: "zz" * 32}
    rows = [["name", "link", "sha256"]]
    rows += [[f"model {n}", link(n), hashes.get(n, digest(n))] for n in range(2, 8)]
    account = take([[*row] for row in rows])
    notes = " ".join(account.notes)
    assert "sha256" in notes
    assert "(row 3)" in notes or "(rows 3, 5)" in notes
    assert "Sample person" not in notes
    assert "zz" not in notes
    many = take([["name", "link", "sha256"], *([f"m {n}", link(n), "?!"] for n in range(50, 70))])
    (note,) = many.notes
    assert note.startswith("20 rows: set aside")
    assert note.endswith("(rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and others).")
