"""Every place in Reseen that takes foreign bytes apart is reached by a fuzzed reader.

Found by reading our own source: whoever calls one of `TAKES_APART`, and every function by which
`tests/test_readers.py` knows that a file is read. A new one that no maker reaches fails here.
"""

from __future__ import annotations

import ast
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import pytest
from tests.fuzz.play import play, watching
from tests.fuzz.readers import READERS
from tests.test_readers import READS, SOURCE

INPUTS = 150
"""Of each reader, to see what it reaches."""

TAKES_APART = {
    *(
        "json.loads",
        "json.load",
        "csv.reader",
        "expat.ParserCreate",
        "zipfile.ZipFile",
        "zlib.decompressobj",
    ),
    *(
        "pickletools.genops",
        "np.frombuffer",
        "int.from_bytes",
        "struct.unpack",
        "struct.unpack_from",
        "parse_qsl",
        "urlsplit",
    ),
    *(
        "datetime.fromisoformat",
        "date.fromisoformat",
        "bytes.fromhex",
        "MultipartParser",
        "parse_options_header",
    ),
    *(
        "parsedate_to_datetime",
        "pyarrow.parquet.ParquetFile",
        "httpx2.URL",
        "url.join",
        "_DECODER.raw_decode",
        "tomllib.loads",
        "yaml.parse",
        "parser.feed",
    ),
}

OWN: dict[str, str] = {
    "scan/sweep/taken.py": "which parts were taken, as Reseen wrote it into the store",
    "match/folding.py": "an index in memory, made of rows or of a saved one that was read",
    "match/saved_columns.py": "arrays of a saved index, whose every byte was verified",
    "observed/evidence.py": "figures that Reseen wrote into the store",
    "observed/merge_parts.py": "figures that Reseen wrote into the store",
    "hubs/object_address.py": "an address that whoever runs the command gives",
    "operations/asking.py": "an address of the settings",
    "operations/jobs.py": "a job that Reseen wrote into the store",
    "operations/webhook.py": "an address and a secret of the settings",
    "review/campaigns.py": "reasons that Reseen wrote into the store",
    "review/letters.py": "letters that Reseen sealed, and opened before",
    "review/saved_filters.py": "a filter that Reseen wrote into the store",
    "review/sign_in_steps.py": "a step that Reseen wrote into the store",
    "store/kept_files.py": "sealed by Reseen, and opened before",
    "store/migrations/versions/0017_embedded_digests.py": "evidence of sightings, as it was kept",
    "store/migrations/versions/0015_queue.py": "figures that Reseen wrote into the store",
    "web/pages/notifications.py": "an address of the settings",
    "report/gather.py": "counts that Reseen wrote into the store",
    "review/case_view.py": "figures that Reseen wrote into the store",
    "scan/scan_rows.py": "options that Reseen wrote into the store",
    "web/limits_middleware.py": "the service's own address, which was checked",
    "store/audit.py": "lines of the log; `audit verify` proves them",
    "store/standing_proof.py": "lines of the log that were proved before",
    "store/kept_keys.py": "sealed, and opened before",
}
"""Modules that take apart only what Reseen itself wrote, and why."""

NOT_HERE: dict[str, str] = {
    "read_files": "reads files of this machine in processes of their own, by `fingerprint`",
    "fingerprint_of": "an upload from its head on, handed to a process that does `read_upload`",
    "listing_of": "a file at a hub: `read_listing`",
    "sketch_of": "a file by its path: `read_listing` and `read_sketch`",
    "embedding_of": "a file by its path: `read_listing` and `read_rows`",
    "weights_of": "a file by its path: `read_listing`, `plan_weights` and `read_chosen`",
    "read_chosen": "some layers of a file: `read_weights`",
    "read_base": "a file by its path: `plan_weights` and `read_weights`",
    "read_against": "a file by its path: `weights_of`",
    "read_checkpoint": "layers of a checkpoint at a hub: `read_plan` and `read_weights`",
    "step_through": "hands bytes of a file at a hub to whichever reader asks for them",
    "plan_of": "a file by its path: `read_listing` and `plan`",
    "digests_alone": "a file by its path: `WholeFile`",
    "fingerprint": "a file by its path: `look_inside`, `Fingerprinter` and `with_members`",
    "with_parts": "a file by its path: `with_members`",
    "LocalFile": "ranges of a file of this machine; takes nothing apart",
}
"""Of `READS`: those that only lead to others, which are fuzzed."""


def _modules() -> set[str]:
    """The modules that call one of `TAKES_APART`."""
    found: set[str] = set()
    last = {each.rpartition(".")[2] for each in TAKES_APART}
    for path in SOURCE.rglob("*.py"):
        code = path.read_text()
        if not any(name in code for name in last):
            continue  # to take it apart takes long
        for node in ast.walk(ast.parse(code)):
            if not isinstance(node, ast.Call) or _last_name(node.func) not in last:
                continue  # `unparse` takes long
            if ast.unparse(node.func) in TAKES_APART:
                found.add(path.relative_to(SOURCE).as_posix())
    return found


def _last_name(function: ast.expr) -> str:
    """`c` of `a.b.c`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@cache
def reached() -> dict[str, set[str]]:
    """Module -> names of the functions that fuzzed readers came to, methods with their class. In a
    process of its own: what is made once in a process may have been made in this one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_reached).result()


def _reached() -> dict[str, set[str]]:
    codes: set[CodeType] = set()

    def seen(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    for reader in READERS.values():
        with watching() as kept:
            sys.setprofile(seen)
            try:
                for seed in range(INPUTS):
                    play(reader, seed, kept, twice=False)
            finally:
                sys.setprofile(None)
    found: dict[str, set[str]] = {}
    for code in codes:
        path = Path(code.co_filename)
        if path.is_relative_to(SOURCE):
            found.setdefault(path.relative_to(SOURCE).as_posix(), set()).add(code.co_qualname)
    return found


def test_the_search_is_not_blind() -> None:
    assert _modules() >= {
        "files/safetensors.py",
        "hubs/answers.py",
        "gate/questions.py",
        "registry/lists/zip_parts.py",
    }
    assert "parse_header" in reached()["files/safetensors.py"]


@pytest.mark.parametrize("module", sorted(_modules()))
def test_whoever_takes_foreign_bytes_apart_is_fuzzed(module: str) -> None:
    assert module in reached() or module in OWN, (
        f"{module} is reached by no maker: write one, or say in OWN whose bytes they are"
    )


def test_what_is_said_to_be_our_own_is_there() -> None:
    assert OWN.keys() <= _modules()


@pytest.mark.parametrize("name", sorted(READS))
def test_every_way_to_read_a_file_is_fuzzed(name: str) -> None:
    names = {each.partition(".")[0] for functions in reached().values() for each in functions}
    assert (name in names) != (name in NOT_HERE), (
        f"{name}: write a maker, or say in NOT_HERE what it leads to"
    )
