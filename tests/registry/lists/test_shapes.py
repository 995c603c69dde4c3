"""Lists in the shapes in which people have them: every file of every shape becomes a removal, and
no value of any of them stands in what is said of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
import xlsxwriter

from reseen.records import DigestKind, Names, Removal
from reseen.registry import removals
from reseen.registry.import_account import ImportAccount
from reseen.registry.imports import OF_ONE_FILE, ImportOptions, import_list
from reseen.store.database import Store
from reseen.store.sealing import Keyring

MARK = "Marked-person"
"""A value that stands in every shape, and may stand nowhere else."""


def digest(number: int) -> str:
    return sha256(b"shape %d" % number).hexdigest()


A, B, C = digest(1), digest(2), digest(3)
DIGITS = str(int(A, 16))[:64]
NAMED = [(A, f"{MARK} one.safetensors"), (B, f"{MARK}, two.safetensors"), (C, f"{MARK}-3.pt")]


@dataclass(frozen=True)
class Shape:
    """A list, and what has to come of it."""

    data: str | bytes
    digests: tuple[str, ...] = (A, B, C)
    set_aside: int = 0
    rejected: int = 0
    names: tuple[str, ...] = ()
    """Names or file names that have to be kept."""
    links: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    also: dict[str, object] = field(default_factory=dict)


def link(model: int, version: int) -> str:
    return f"https://civitai.com/models/{model}/{MARK}?modelVersionId={version}"


def lines(*each: str, end: str = "\n") -> str:
    return end.join(each) + end


def workbook(fill: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        fill(book)
    return out.getvalue()


def _hyperlinked(book: xlsxwriter.Workbook) -> None:
    page = book.add_worksheet()
    for row, (each, name) in enumerate(NAMED):
        page.write(row, 0, name)
        page.write_url(row, 1, link(row + 1, row + 11), string="Link")
        page.write(row, 2, each)


def _stacked(book: xlsxwriter.Workbook) -> None:
    page = book.add_worksheet()
    page.write_row(0, 0, ["Name", "SHA256"])
    page.write_row(1, 0, [NAMED[0][1], A])
    page.write(3, 0, "Others")
    page.write_row(4, 1, ["Link", "File name", "Hash"])
    page.write_row(5, 1, [link(2, 12), NAMED[1][1], B])
    page.write_row(6, 1, [link(3, 13), NAMED[2][1], C])


def _names_with_links(book: xlsxwriter.Workbook) -> None:
    page = book.add_worksheet()
    page.write_row(0, 0, ["Name", "SHA256"])
    for row, (each, name) in enumerate(NAMED, 1):
        page.write_url(row, 0, link(row, row + 10), string=name)
        page.write(row, 1, each)


def _formula_links(book: xlsxwriter.Workbook) -> None:
    page = book.add_worksheet()
    page.write_row(0, 0, ["Name", "SHA256"])
    for row, (each, name) in enumerate(NAMED, 1):
        page.write_formula(row, 0, f'=HYPERLINK("{link(row, row + 10)}","{name}")', None, name)
        page.write(row, 1, each)


def _merged(book: xlsxwriter.Workbook) -> None:
    page = book.add_worksheet()
    page.write_row(0, 0, ["Name", "Link", "SHA256"])
    page.merge_range(1, 0, 3, 0, MARK)
    page.merge_range(1, 1, 3, 1, link(1, 11))
    for row, each in enumerate((A, B, C), 1):
        page.write(row, 2, each)


def _sheets(book: xlsxwriter.Workbook) -> None:
    read_me = book.add_worksheet("README")
    read_me.write_column(0, 0, [f"About {MARK}", "Ask before you pass this on."])
    page = book.add_worksheet(MARK)
    page.write_row(0, 0, [f"Nom du {MARK}", "Lien", "Empreinte"])
    for row, (each, name) in enumerate(NAMED, 1):
        page.write_row(row, 0, [name, "", each])
        page.write_string(row, 1, link(row, row + 10))


HUB_FILE = {"type": "file", "oid": "ab" * 20, "size": 100}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"

SHAPES: dict[str, Shape] = {
    "hash only": Shape(lines(A, B.upper(), C)),
    "hash only, one line without end": Shape(A, (A,)),
    "hash only, comments and blanks": Shape(
        lines("# removed", "", A, "// more", B, C), set_aside=2
    ),
    "hash only, prefixed": Shape(lines(f"sha256:{A}", f"SHA-256: {B}", f"0x{C}")),
    "hash only, carriage returns": Shape(lines(A, B, C, end="\r")),
    "hash only, UTF-16": Shape(lines(A, B, C).encode("utf-16")),
    "one hash is cut off": Shape(lines(A, B, C[:63]), (A, B), rejected=1),
    "sha256sum": Shape(lines(*(f"{d}  {n}" for d, n in NAMED)), names=tuple(n for _, n in NAMED)),
    "sha256sum -b": Shape(
        lines(*(f"{d} *{n}" for d, n in NAMED)), names=tuple(n for _, n in NAMED)
    ),
    "sha256sum, escaped": Shape(lines(f"\\{A}  {MARK}\\nx.pt", f"{B}  {MARK}"), (A, B)),
    "sha256sum --tag": Shape(
        lines(*(f"SHA256 ({n}) = {d}" for d, n in NAMED)), names=tuple(n for _, n in NAMED)
    ),
    "openssl dgst": Shape(lines(*(f"SHA2-256({n})= {d}" for d, n in NAMED[:2])), (A, B)),
    "b3sum --tag": Shape(lines(f"BLAKE3 ({MARK}) = {A}"), (A,), also={"kind": DigestKind.BLAKE3}),
    "Get-FileHash": Shape(
        lines(
            "",
            "Algorithm       Hash" + " " * 68 + "Path",
            "---------       ----" + " " * 68 + "----",
            *(f"SHA256          {d.upper()}       D:\\{n}" for d, n in NAMED),
            "",
        ),
        set_aside=2,
        names=tuple(n for _, n in NAMED),
    ),
    "Get-FileHash | Format-List": Shape(
        lines(*(f"Algorithm : SHA256\nHash      : {d}\nPath      : D:\\{n}\n" for d, n in NAMED)),
        names=tuple(n for _, n in NAMED),
    ),
    "Get-FileHash | ConvertTo-Csv": Shape(
        lines('"Algorithm","Hash","Path"', *(f'"SHA256","{d}","D:\\{n}"' for d, n in NAMED))
    ),
    "git lfs ls-files -l": Shape(
        lines(f"{A} * {NAMED[0][1]}", f"{B} - {NAMED[1][1]}", f"{C} * {NAMED[2][1]} (12 MB)"),
        names=tuple(n for _, n in NAMED),
    ),
    "git lfs ls-files --json": Shape(
        json.dumps(
            {"files": [{"name": n, "size": 5, "oid_type": "sha256", "oid": d} for d, n in NAMED]}
        ),
        sizes=(5, 5, 5),
    ),
    "a pointer": Shape(POINTER.format(A, 1234), (A,), sizes=(1234,)),
    "pointers": Shape(POINTER.format(A, 11) + POINTER.format(B, 12), (A, B), sizes=(11, 12)),
    "a pointer in a cell": Shape(f'name,sha256\n{MARK},"{POINTER.format(A, 7)}"\n', (A,)),
    "certutil": Shape(
        lines(f"SHA256 hash of {MARK}:", A, "CertUtil: -hashfile command completed."),
        (A,),
        set_aside=2,
    ),
    "a hash among words": Shape(lines(*(f"{n}: {d}" for d, n in NAMED))),
    "links": Shape(lines(link(1, 11), link(2, 12)), (), links=(link(1, 11), link(2, 12))),
    "names of resources": Shape(
        lines("urn:air:sdxl:lora:civitai:1@11", "civitai: 2 @ 12", "3@13"),
        (),
        links=(link(1, 11), link(2, 12), link(3, 13)),
    ),
    "no header": Shape(
        lines(*(f'"{n}",Link,{d}' for d, n in NAMED)),
    ),
    "no header, links": Shape(
        lines(*(f"{d};{link(at, at + 10)}" for at, (d, _) in enumerate(NAMED, 1))),
        links=(link(1, 11), link(2, 12), link(3, 13)),
    ),
    "headings of another language": Shape(
        lines(
            "Mallin nimi;Linkki;Tiiviste SHA-256",
            *(f"{n};{link(at, at + 10)};{d}" for at, (d, n) in enumerate(NAMED, 1)),
        ),
        links=(link(1, 11),),
    ),
    "links below a heading that means something else": Shape(
        lines(
            "Model,Checksum", *(f"{link(at, at + 10)},{d}" for at, (d, _) in enumerate(NAMED, 1))
        ),
        links=(link(1, 11),),
    ),
    "an array of hashes": Shape(json.dumps([A, B, C])),
    "an array of links": Shape(json.dumps([link(1, 11)]), (), links=(link(1, 11),)),
    "keyed by hash": Shape(
        json.dumps({A: {"name": MARK, "url": link(1, 11)}, B: {"name": f"{MARK} 2"}, C: MARK}),
        names=(MARK, f"{MARK} 2"),
        links=(link(1, 11),),
    ),
    "keyed by name": Shape(
        json.dumps({n: {"sha256": d} for d, n in NAMED}), names=tuple(n for _, n in NAMED)
    ),
    "keyed by name, hashes alone": Shape(
        json.dumps({n: d for d, n in NAMED}), names=tuple(n for _, n in NAMED)
    ),
    "keyed by name, in an object": Shape(
        json.dumps({n: {"hashes": {"SHA256": d}} for d, n in NAMED})
    ),
    "a hash that says its kind, within": Shape(
        json.dumps(
            [
                {
                    "model": {"name": n, "id": 5},
                    "version": {"id": at},
                    "file": {"name": n, "hash": {"type": "sha256", "value": d}},
                }
                for at, (d, n) in enumerate(NAMED)
            ]
        ),
    ),
    "arrays of cells": Shape(
        json.dumps([[n, d, link(at, at + 10)] for at, (d, n) in enumerate(NAMED, 1)]),
        links=(link(1, 11), link(3, 13)),
    ),
    "arrays of cells, below their headings": Shape(
        json.dumps([["Name", "SHA256"], *([n, d] for d, n in NAMED)]),
        names=tuple(n for _, n in NAMED),
    ),
    "arrays of cells, a line each": Shape(
        lines(*(json.dumps([n, d, link(at, at + 10)]) for at, (d, n) in enumerate(NAMED, 1))),
        links=(link(2, 12),),
    ),
    "several hashes a line": Shape(lines(f"{A}, {B}, {C}")),
    "columns for several files": Shape(
        lines("name,sha256,sha256_2,sha256_3", f"{MARK},{A},{B},", f"{MARK} 2,{C},,"),
        names=(MARK, f"{MARK} 2"),
    ),
    "sections": Shape(
        lines(*(f"[{n}]\nsha256 = {d}\nurl = {link(1, 11)}" for d, n in NAMED)),
        names=tuple(n for _, n in NAMED),
        links=(link(1, 11),),
    ),
    "keyed by name, beside what tells of the list": Shape(
        json.dumps(
            {"version": 2, "updated": "2025-06-01", "models": {n: {"sha256": d} for d, n in NAMED}}
        ),
        names=tuple(n for _, n in NAMED),
    ),
    "keyed by name, one of them without a hash": Shape(
        json.dumps({"removed": {n: {"sha256": d} for d, n in NAMED} | {MARK: {"sha256": None}}}),
        rejected=1,
        names=tuple(n for _, n in NAMED),
    ),
    "WebUI's cache": Shape(
        json.dumps(
            {
                "hashes": {f"lora/{n}": {"mtime": 1.5, "sha256": d} for d, n in NAMED},
                "hashes-addnet": {},
                "safetensors-metadata": {MARK: {"mtime": 1.0, "value": {}}},
            }
        ),
        names=tuple(n for _, n in NAMED),
    ),
    "files in an array": Shape(
        json.dumps([{"name": MARK, "files": [{"sha256": A}, {"sha256": B}, {"sha256": C}]}])
    ),
    "files in arrays of arrays": Shape(
        json.dumps(
            [
                {
                    "name": MARK,
                    "versions": [
                        {"files": [{"sha256": A}, {"hash": B}]},
                        {"files": [{"hashes": {"SHA256": C}}]},
                    ],
                }
            ]
        )
    ),
    "several hashes of one entry": Shape(json.dumps([{"name": MARK, "sha256": [A, B, C]}])),
    "hashes as a list of pairs": Shape(
        json.dumps(
            [
                {
                    "name": MARK,
                    "hashes": [{"type": "SHA256", "value": d}, {"type": "AutoV2", "value": d[:10]}],
                }
                for d in (A, B, C)
            ]
        )
    ),
    "hashes as a list of pairs, several of one kind": Shape(
        json.dumps(
            [{"name": MARK, "hashes": [{"algorithm": "SHA-256", "hash": d} for d in (A, B, C)]}]
        )
    ),
    "attributes of an event": Shape(
        json.dumps(
            {
                "Event": {
                    "Attribute": [
                        {"type": "sha256", "category": "Payload", "value": A, "comment": MARK},
                        {"type": "md5", "value": "ab" * 16},
                        {"type": "filename|sha256", "value": f"{MARK}.pt|{B}"},
                        {"type": "filename|sha256", "value": f"{MARK}|2.pt|{C}"},
                    ]
                }
            }
        )
    ),
    "column by column": Shape(
        json.dumps(
            {
                "name": {str(at): n for at, (_, n) in enumerate(NAMED)},
                "sha256": {str(at): d for at, (d, _) in enumerate(NAMED)},
            }
        )
    ),
    "JSON Lines, keyed by name": Shape(
        lines(*(json.dumps({n: d}) for d, n in NAMED)), names=tuple(n for _, n in NAMED)
    ),
    "JSON Lines of hashes": Shape(lines(*(json.dumps(d) for d in (A, B, C)))),
    "a table in Markdown": Shape(
        lines("| name | sha256 |", "|---|---|", *(f"| {n} | {d} |" for d, n in NAMED)), set_aside=1
    ),
    "a table in Markdown, with links": Shape(
        lines(
            "| Name | SHA256 | Link |",
            "|---|---|---|",
            f"| {MARK} | `{A}` | [page]({link(1, 11)}) |",
            f"| [{MARK} 2]({link(2, 12)}) | {B} | |",
            f"| {MARK} 3 | {C} | <{link(3, 13)}> |",
        ),
        set_aside=1,
        names=(f"{MARK}", f"{MARK} 2"),
        links=(link(1, 11), link(2, 12), link(3, 13)),
    ),
    "links in Markdown": Shape(
        lines(f"- [{MARK}]({link(1, 11)})", f"- [{MARK} 2]({link(2, 12)}): {B}"),
        (B,),
        links=(link(1, 11), link(2, 12)),
    ),
    "columns and rows": Shape(
        json.dumps({"columns": ["name", "sha256"], "rows": [[n, d] for d, n in NAMED]})
    ),
    "JSON Lines, nested": Shape(
        lines(
            *(
                json.dumps({"name": MARK, "files": [{"name": n, "hashes": {"SHA256": d.upper()}}]})
                for d, n in NAMED
            )
        ),
        names=tuple(n for _, n in NAMED),
    ),
    "the Hub's tree": Shape(
        json.dumps(
            [
                {"type": "directory", "oid": "cd" * 20, "size": 0, "path": MARK},
                {**HUB_FILE, "path": "README.md"},
                *(
                    {**HUB_FILE, "path": n, "lfs": {"oid": d, "size": 77, "pointerSize": 134}}
                    for d, n in NAMED
                ),
            ]
        ),
        sizes=(77, 77, 77),
        names=tuple(n for _, n in NAMED),
    ),
    "the Hub's answer for a model": Shape(
        json.dumps(
            {
                "id": f"{MARK}/lora",
                "modelId": f"{MARK}/lora",
                "sha": "ab" * 20,
                "siblings": [
                    {"rfilename": ".gitattributes", "size": 5, "blobId": "ab" * 20},
                    *(
                        {
                            "rfilename": n,
                            "size": 9,
                            "blobId": "ab" * 20,
                            "lfs": {"sha256": d, "size": 9, "pointerSize": 1},
                        }
                        for d, n in NAMED
                    ),
                ],
            }
        ),
        sizes=(9, 9, 9),
    ),
    "StabilityMatrix": Shape(
        json.dumps(
            {
                "ModelId": 5,
                "ModelName": MARK,
                "VersionId": 6,
                "FileMetadata": {"size": "full"},
                "Hashes": {"SHA256": A.upper(), "CRC32": "ABCDEF12"},
                "Source": "Civitai",
            }
        ),
        (A,),
        names=(MARK,),
        also={"site": "civitai.com"},
    ),
    "LoRA Manager": Shape(
        json.dumps(
            {
                "file_name": MARK,
                "model_name": MARK,
                "size": 12,
                "sha256": A,
                "base_model": "SDXL",
                "civitai": {
                    "id": 6,
                    "modelId": 5,
                    "files": [{"name": MARK, "hashes": {"SHA256": B}}],
                    "images": [{"url": "https://image.example/x.png"}],
                },
            }
        ),
        (A,),
        sizes=(12,),
    ),
    "hashes as JSON in a cell": Shape(
        _hashes := lines(
            "name,hashes,file_sha256",
            f'{MARK},"{{""AutoV2"": ""{A[:10]}"", ""SHA256"": ""{A}""}}",{A}',
            f"{MARK},\"{{'AutoV2': '{B[:10]}', 'SHA256': '{B}', 'MD5': '{'ab' * 16}'}}\",",
            f'{MARK},"AutoV2: {C[:10]}; SHA256: {C}",',
        ),
    ),
    "several hashes in a cell": Shape(f'name,sha256\n{MARK},"{A}; {B}\n{C}"\n'),
    "decorated": Shape(
        lines("name,sha256", f"{MARK},\u200b{A}\u200b", f'{MARK},"=""{B}"""', f"{MARK},'{C}"),
    ),
    "decorated otherwise": Shape(
        lines(
            "name,sha256",
            f"{MARK},`{A}`",
            f"{MARK},{'-'.join([B[:32], B[32:]])}",
            f"{MARK},“sha256-{C.upper()}”",
        ),
    ),
    "in pairs": Shape(
        lines("name,sha256", f"{MARK},{':'.join(A[at : at + 2] for at in range(0, 64, 2))}"), (A,)
    ),
    "a bad size beside a hash": Shape(
        lines(
            "name;sha256;size",
            f"{MARK};{A};full",
            f"{MARK};{B};228,455,604",
            f"{MARK};{C};1\u202f234\u202f567",
        ),
        sizes=(228455604, 1234567),
    ),
    "a spoilt short hash beside a link": Shape(
        json.dumps([{"link": link(1, 11), "autov2": 1.5e10}, {"sha256": A, "blake3": "zz"}]),
        (A,),
        links=(link(1, 11),),
    ),
    "archived links": Shape(
        lines(
            "link",
            f"https://web.archive.org/web/20250501000000/{link(1, 11)}",
            "https://civarchive.com/models/2?modelVersionId=12",
            f"https://civarchive.com/sha256/{A}",
            f"https://civitai.com/api/v1/model-versions/by-hash/{B}",
        ),
        (A, B),
        links=(link(1, 11), link(2, 12)),
    ),
    "a workbook without a header, with links": Shape(
        workbook(_hyperlinked), links=(link(1, 11), link(2, 12), link(3, 13))
    ),
    "a workbook with links behind names": Shape(
        workbook(_names_with_links),
        links=(link(1, 11), link(3, 13)),
        names=tuple(n for _, n in NAMED),
    ),
    "a workbook with links in formulas": Shape(
        workbook(_formula_links), links=(link(1, 11), link(3, 13)), names=tuple(n for _, n in NAMED)
    ),
    "a workbook with merged cells": Shape(workbook(_merged), links=(link(1, 11),)),
    "a workbook with a sheet of notes": Shape(workbook(_sheets), links=(link(2, 12),)),
    "tables one below the other": Shape(
        lines(
            *("Removed in May", "Name,SHA256", f'"{NAMED[0][1]}",{A}', "", "Removed in June"),
            *("link,reason,file sha256,name", f'{link(2, 12)},said so,{B},"{NAMED[1][1]}"'),
            *("Title,Size,Hash", f"{NAMED[2][1]},5,{C}"),
        ),
        set_aside=1,
        sizes=(5,),
        links=(link(2, 12),),
        names=tuple(n for _, n in NAMED),
    ),
    "files put together, each with its header": Shape(
        lines(*(line for d, n in NAMED for line in ("name,SHA-256", f'"{n}",{d}'))),
        set_aside=2,
        names=tuple(n for _, n in NAMED),
    ),
    "tables in Markdown": Shape(
        lines(
            *("# Removed", "", "| name | sha256 |", "|---|---|", f"| {MARK} one | `{A}` |"),
            *("", "## More", "", "| link | hash |", "|:--|--:|", f"| {link(2, 12)} | {B} |"),
        ),
        (A, B),
        set_aside=3,
        links=(link(2, 12),),
    ),
    "a sheet with tables one below the other": Shape(
        workbook(_stacked), set_aside=1, links=(link(2, 12),), names=tuple(n for _, n in NAMED)
    ),
    "YAML": Shape(
        lines(
            *("# what was removed", "removed:"),
            *(
                f"  - name: '{n}'\n    hashes: {{sha256: {d}, autov2: {d[:10]}}}\n"
                f"    url: {link(at, at + 10)}"
                for at, (d, n) in enumerate(NAMED, 1)
            ),
        ),
        links=(link(1, 11), link(3, 13)),
        names=tuple(n for _, n in NAMED),
    ),
    "YAML, keyed by name": Shape(
        lines("models:", *(f'  "{n}":\n    sha256: {d}' for d, n in NAMED)),
        names=tuple(n for _, n in NAMED),
    ),
    "YAML, in documents": Shape(
        lines(*(f"---\nmodel:\n  name: '{n}'\n  sha256: {d}\n" for d, n in NAMED)),
    ),
    "YAML, with digits alone": Shape(
        lines("- name: one", f"  sha256: {DIGITS}", f"- sha256: 1e{DIGITS[2:]}"),
        (DIGITS, f"1e{DIGITS[2:]}"),
    ),
    "TOML": Shape(
        lines(*(f'[[removed]]\nname = "{n}"\nsha256 = "{d}"\nsize = 7\n' for d, n in NAMED)),
        sizes=(7, 7, 7),
        names=tuple(n for _, n in NAMED),
    ),
}


@dataclass
class Taken:
    account: ImportAccount
    removals: list[Removal]
    names: list[Names]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """SQLite alone: how a list is read has nothing to do with the database."""
    return f"sqlite:///{tmp_path / 'reseen.db'}"


@pytest.fixture
def take(store: Store, keyring: Keyring, tmp_path: Path) -> Callable[[str | bytes], Taken]:
    def take(data: str | bytes) -> Taken:
        path = tmp_path / f"{MARK}.list"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        account = import_list(store, keyring, path)
        with store.write() as connection:
            every = list(removals.every(connection))
            names = [removals.reveal(connection, keyring, each.id) for each in every]
        return Taken(account, every, names)

    return take


@pytest.mark.parametrize("shape", SHAPES)
def test_every_file_becomes_a_removal_and_no_value_is_said(
    take: Callable[[str | bytes], Taken], shape: str
) -> None:
    wanted = SHAPES[shape]
    taken = take(wanted.data)
    account = taken.account
    assert account.rows == (
        account.added + account.merged + account.unchanged
        + len(account.rejected) + account.set_aside
    )  # fmt: skip
    assert (len(account.rejected), account.set_aside) == (wanted.rejected, wanted.set_aside)
    files = [file for removal in taken.removals for file in removal.files]
    digests = [d for file in files for d in file.digests if not d.kind.is_short]
    assert sorted(d.hex for d in digests if d.kind is not DigestKind.GIT_BLOB) == sorted(
        wanted.digests
    )
    kind = wanted.also.get("kind", DigestKind.SHA256)
    assert {d.kind for d in digests} <= {kind}
    assert sorted(file.size for file in files if file.size) == sorted(wanted.sizes)
    if "site" in wanted.also:
        assert {removal.site for removal in taken.removals} == {wanted.also["site"]}
    said = {(names.model_id, names.version_id) for names in taken.names}
    assert {tuple(_ids(each)) for each in wanted.links} <= said
    kept = {n for names in taken.names for n in (names.name, *names.file_names) if n}
    for name in wanted.names:
        assert any(name in each for each in kept), kept
    shown = repr(account)
    shown = shown.replace(repr(account.rejects_file), "")
    if not account.of_one_file:
        shown = shown.replace(f"list={MARK!r}", "")
    else:
        assert account.list == OF_ONE_FILE
    assert "Marked" not in shown
    assert "arked" not in shown
    assert not any(digest[:8] in shown.lower() for digest in (A, B, C))


def _ids(link: str) -> tuple[str, str]:
    path, _, version = link.partition("?modelVersionId=")
    return path.split("/")[4], version


@pytest.mark.parametrize("shape", SHAPES)
def test_importing_a_shape_twice_changes_nothing(
    take: Callable[[str | bytes], Taken], shape: str
) -> None:
    first = take(SHAPES[shape].data)
    again = take(SHAPES[shape].data)
    assert (again.account.added, again.account.merged) == (0, 0)
    assert [r.id for r in again.removals] == [r.id for r in first.removals]


def test_what_the_rejected_rows_of_a_shape_without_a_header_hold_can_be_mended(
    store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    path = tmp_path / "a list.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([[MARK, A], [MARK, B], [MARK, C], [MARK, A + "f"], [MARK, B]])
    account = import_list(store, keyring, path)
    assert [r.row for r in account.rejected] == [4]
    assert account.rejects_file
    mended = account.rejects_file.read_text().replace(A + "f", digest(9))
    account.rejects_file.write_text(mended)
    again = import_list(store, keyring, account.rejects_file)
    assert (again.list, again.added, again.rejected) == ("a list", 1, ())


def test_a_sheet_that_is_passed_over_is_said(take: Callable[[str | bytes], Taken]) -> None:
    account = take(workbook(_sheets)).account
    assert any("sheet 1 was passed over" in note and "2 rows" in note for note in account.notes)


def test_columns_are_said_by_number_field_and_looks(take: Callable[[str | bytes], Taken]) -> None:
    account = take(SHAPES["no header"].data).account
    said = {str(column): column.field for _, column in account.columns}
    assert said == {
        "column 1: text in all": "file-name",
        "column 2: text in all": None,
        "column 3: 64 hex digits in all": "sha256",
    }
    assert account.unknown_columns == ("column 2: text in all",)


def test_the_account_says_what_the_removals_are_good_for(
    take: Callable[[str | bytes], Taken],
) -> None:
    rows = lines(
        "name,link,hash", f"{MARK},{link(1, 11)},{A}", f"{MARK},{link(2, 12)},{B[:10]}",
        f"{MARK},{link(3, 13)},", f"{MARK},{link(4, 14)},{C[:12]}", f"{MARK},{link(1, 11)},",
    )  # fmt: skip
    good_for = take(rows).account.good_for
    assert (good_for.scans, good_for.links, good_for.leads) == (1, 1, 2)


def test_a_dry_run_says_the_whole_account_and_writes_nothing(
    store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    path = tmp_path / "a list.csv"
    path.write_text(f"name,sha256\n{MARK},{A}\n{MARK},{B}\n{MARK},zz\n")
    dry = import_list(store, keyring, path, ImportOptions(dry_run=True))
    assert (dry.added, len(dry.rejected), dry.dry_run) == (2, 1, True)
    assert dry.rejects_file is None
    assert sorted(each.name for each in tmp_path.iterdir() if "reseen." not in each.name) == [
        "a list.csv"
    ]
    with store.read() as connection:
        assert list(removals.every(connection)) == []
    real = import_list(store, keyring, path)
    assert (real.added, len(real.rejected)) == (dry.added, len(dry.rejected))
