"""The two ways to read a body of POST /v1/check: at once, and file by file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.gate import questions
from reseen.gate.questions import KINDS, MOST_BYTES, MOST_FILES, SHORT, Refused

DIGESTS = {
    name: st.binary(min_size=kind.length, max_size=kind.length).map(bytes.hex)
    for name, kind in KINDS.items()
} | {"pointer": st.binary(min_size=20, max_size=20).map(bytes.hex)}
FILES = st.fixed_dictionaries(
    {"sha256": DIGESTS["sha256"]},
    optional={
        **{name: way for name, way in DIGESTS.items() if name != "sha256"},
        "size": st.one_of(st.integers(0, 2**63 - 1), st.just(5.0)),
    },
)
ONE = {"sha256": "ab" * 32}


@given(st.lists(FILES, min_size=1, max_size=20), st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_both_ways_read_the_same(files: list[Any], indent: Any, tight: bool) -> None:
    separators = (",", ":") if tight else None
    body = json.dumps({"files": files}, indent=indent, separators=separators).encode()
    for given_body in (body, b" \r\n\t" + body + b"\n \n"):
        assert list(questions.each(given_body)) == questions.read(given_body)
    # However many are parsed at a time.
    longest = max(len(json.dumps(file, indent=indent)) for file in files)
    for most in (longest + 100, 4 * longest):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(questions, "SHORT", most)
            assert list(questions.each(body)) == questions.read(body)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("behind", [b"", b" ", b"\n" * 300])
def test_a_body_may_be_cut_anywhere(
    indent: int | None, behind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"files": [ONE] * 5}, indent=indent).encode() + behind
    expected = questions.read(body)
    for most in range(len(json.dumps(ONE, indent=indent)) + 20, len(body) + 3):
        monkeypatch.setattr(questions, "SHORT", most)
        assert list(questions.each(body)) == expected, most


def both(body: bytes) -> list[int]:
    found = []
    for way in (questions.read, lambda body: list(questions.each(body))):
        try:
            way(body)
            found.append(200)
        except Refused as e:
            found.append(e.status)
    return found


@pytest.mark.parametrize(
    "files",
    [
        *("[]", "{}", "[{}]", "[[]]", "[null]", '["a"]', "[1]", "[{}", "[", "[{},]", "null"),
        '[{"sha256": "ab"}]',
        '[{"size": 5}]',
        '[{"sha256": "' + "ab" * 32 + '"},]',
        '[{"sha256": "' + "ab" * 32 + '"} {"sha256": "' + "ab" * 32 + '"}]',
        '[{"sha256": "' + "ab" * 32 + '", "name": "x"}]',
        '[{"sha256": "' + "ab" * 32 + '", "size": {"a": {}}}]',
        '[{"sha256": "' + "}" * 64 + '"}]',
    ],
)
def test_what_one_way_refuses_the_other_refuses_too(files: str) -> None:
    for body in (f'{{"files": {files}}}', f'{{"files": {files}'):
        one, other = both(body.encode())
        assert one in (400, 422), body
        assert other in (400, 422), body


@pytest.mark.parametrize("end", ["", ', "more": 1}', "}}", "}]", "} x"])
def test_what_stands_behind_is_refused(end: str) -> None:
    body = json.dumps({"files": [ONE]})[:-1] + end
    assert all(status in (400, 422) for status in both(body.encode()))


def test_files_that_are_too_many_are_refused_both_ways() -> None:
    for many, expected in ((MOST_FILES, 200), (MOST_FILES + 1, 422)):
        assert both(json.dumps({"files": [ONE] * many}).encode()) == [expected] * 2


@pytest.mark.parametrize(
    "unit",
    [b"[],", b"{},", b'{"":{}},', b"[", b"{", b'"', b" ", b"\n", b"1,", b'"\\u0061",', b"\\"],
)
@pytest.mark.parametrize("before", [b"", b'{"files":', b'{"files":[', b'{"files":[{', b"[", b"{"])
def test_no_piece_that_is_parsed_is_long(
    unit: bytes, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = before + unit * ((MOST_BYTES - len(before)) // len(unit))
    parsed: list[int] = []
    loads = json.loads

    def counted(piece: bytes) -> Any:
        parsed.append(len(piece))
        return loads(piece)

    monkeypatch.setattr(questions.json, "loads", counted)
    with pytest.raises(Refused) as refused:
        list(questions.each(body))
    assert refused.value.status in (400, 422)
    assert max(parsed, default=0) <= SHORT + 2
    assert len(parsed) <= 3
