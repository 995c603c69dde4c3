from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reseen.errors import HubGarbage
from reseen.hubs import answers, ref_answers
from reseen.hubs.hub import FilesPage
from reseen.records import HistoryCommit, Problem, Repository, RepoType

SHA = "ab" * 32
OID = "cd" * 20
COMMIT = "12" * 20


def tree(*entries: object) -> FilesPage:
    return answers.files("hub", RepoType.MODEL, "a/b", COMMIT, "main", list(entries))


def lfs(path: str = "x.bin", oid: object = SHA, size: object = 100, **more: object) -> object:
    entry = {"type": "file", "oid": OID, "size": size, "path": path}
    return {**entry, "lfs": {"oid": oid, "size": size, "pointerSize": 130}, **more}


def plain(path: str = "x.bin", size: object = 2048, **more: object) -> object:
    return {"type": "file", "oid": OID, "size": size, "path": path, **more}


def test_an_lfs_file_of_any_size_is_an_artifact() -> None:
    found = tree(lfs(size=1, xetHash="ef" * 32)).artifacts[0]
    assert found.sha256 == bytes.fromhex(SHA)
    assert found.git_oid == bytes.fromhex(OID)
    assert found.xet == bytes.fromhex("ef" * 32)
    assert (found.size, found.lfs, found.masked) == (1, True, False)


def test_a_plain_file_is_an_artifact_from_1_kib_on() -> None:
    found = tree(plain("a", 1023), plain("b", 1024), {"type": "directory", "path": "c"})
    assert [a.path for a in found.artifacts] == ["b"]
    assert not found.artifacts[0].lfs
    assert found.problems == ()


@pytest.mark.parametrize("mask", ["*" * 64, "*", "ab" + "*" * 62, "*" * 60 + "abcd"])
def test_a_masked_oid_is_known_for_one(mask: str) -> None:
    found = tree(lfs(oid=mask))
    assert found.artifacts[0].masked
    assert found.artifacts[0].sha256 is None
    assert found.artifacts[0].git_oid == bytes.fromhex(OID)
    assert found.problems == ()


@pytest.mark.parametrize("oid", [None, 7, "", "x" * 64, SHA[:-1], SHA + "0", "é" * 64, [SHA]])
def test_a_bad_oid_is_a_problem_and_the_rest_still_counts(oid: object) -> None:
    found = tree(lfs(oid=oid), lfs("y.bin"))
    assert [a.sha256 for a in found.artifacts] == [None, bytes.fromhex(SHA)]
    assert len(found.problems) == 1


@pytest.mark.parametrize("size", [None, -1, 1.5, "100", True, math.inf])
def test_a_bad_size_is_a_problem(size: object) -> None:
    found = tree(plain(size=size))
    assert found.artifacts[0].size is None
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "a/./b",
        "",
        ".",
        "..",
        None,
        7,
        ["x"],
        "a\x00b",
        "\x1b[31mred",
        "a\x85b",
        "a\u2028b",
        "a\ud800b",
        "a" * 5000,
    ],
)
def test_a_hostile_path_is_a_problem_that_does_not_repeat_it(path: object) -> None:
    found = tree(plain(path), plain("good.bin"))  # type: ignore[arg-type]
    assert [a.path for a in found.artifacts] == ["good.bin"]
    assert len(found.problems) == 1
    assert found.problems[0].reason.isprintable()
    assert len(found.problems[0].reason) < 100


@pytest.mark.parametrize(
    "path", ["a b.safetensors", "ünï/日本.bin", "a%2e%2e/b", "...", "a\\b", "#?&=.bin"]
)
def test_an_odd_path_is_still_a_path(path: str) -> None:
    assert [a.path for a in tree(plain(path)).artifacts] == [path]


@pytest.mark.parametrize("entry", [None, 7, "x", [], {}, {"type": "symlink", "path": "x"}])
def test_one_bad_entry_does_not_kill_the_page(entry: object) -> None:
    found = tree(entry, lfs())
    assert len(found.artifacts) == 1
    assert len(found.problems) == 1


def test_a_tree_that_is_no_list_is_garbage() -> None:
    with pytest.raises(HubGarbage):
        answers.files("hub", RepoType.MODEL, "a/b", COMMIT, None, {"error": "x"})


def test_a_repository_is_read_with_all_that_is_needed() -> None:
    found = answers.repository(
        "hub",
        RepoType.MODEL,
        {
            "id": "account-01/Test_model.v2",
            "sha": COMMIT,
            "createdAt": "2025-05-01T10:00:00.000Z",
            "lastModified": "2025-06-01T12:00:00.000+02:00",
            "downloads": 5,
            "likes": 0,
            "gated": "manual",
            "disabled": False,
            "private": False,
            "usedStorage": 1 << 40,
            "tags": ["lora", 7, "license:mit"],
            "siblings": [{"rfilename": "a.safetensors"}, {"rfilename": "../b"}, 7, {}],
        },
    )
    assert found == Repository(
        hub="hub",
        type=RepoType.MODEL,
        id="account-01/Test_model.v2",
        sha=COMMIT,
        created_at=datetime(2025, 5, 1, 10, tzinfo=UTC),
        modified_at=datetime(2025, 6, 1, 10, tzinfo=UTC),
        downloads=5,
        likes=0,
        gated=True,
        used_storage=1 << 40,
        tags=("lora", "license:mit"),
        paths=("a.safetensors",),
    )


@pytest.mark.parametrize(
    "id",
    ["../x", "a/../b", "a/b/c", "a b/c", "", "/", "a/", "é/x", "a\n/b", "a/b?x", "..", "a" * 300],
)
def test_a_hostile_id_is_a_problem(id: str) -> None:
    found = answers.repository("hub", RepoType.MODEL, {"id": id})
    assert isinstance(found, Problem)


def test_wrong_fields_are_as_if_not_there() -> None:
    wrong = {
        "id": "a/b",
        "sha": "main",
        "createdAt": "0001-01-01T00:00:00+23:59",
        "lastModified": 7,
        "downloads": -1,
        "likes": True,
        "gated": "no",
        "disabled": "yes",
        "tags": "lora",
        "siblings": {"rfilename": "x"},
    }
    assert answers.repository("hub", RepoType.MODEL, wrong) == Repository(
        "hub", RepoType.MODEL, "a/b"
    )


def test_refs_name_every_place_main_first() -> None:
    found, problems = ref_answers.refs(
        "hub a/b",
        {
            "branches": [
                {"name": "backup", "ref": "refs/heads/backup", "targetCommit": COMMIT},
                {"name": "main", "ref": "refs/heads/main", "targetCommit": COMMIT},
                {"name": "x"},
                {"name": "../x", "targetCommit": COMMIT},
            ],
            "converts": [
                {"name": "parquet", "ref": "refs/convert/parquet", "targetCommit": COMMIT}
            ],
            "tags": [{"name": "v1", "ref": "refs/tags/v1", "targetCommit": COMMIT}],
            "pullRequests": [{"name": "1", "ref": "refs/pr/1", "targetCommit": COMMIT}],
        },
    )
    refs = [revision.ref for revision in found]
    assert refs == ["main", "backup", "v1", "refs/convert/parquet", "refs/pr/1"]
    assert len(problems) == 2


@pytest.mark.parametrize("path", ["a\tb.bin", "line\nbreak/x.bin", "old\r\nmac"])
def test_tabs_and_ends_of_lines_are_part_of_a_path(path: str) -> None:
    found = tree(plain(path))
    assert [a.path for a in found.artifacts] == [path]
    assert found.problems == ()


def test_what_is_said_twice_is_not_said() -> None:
    assert answers.parse(b'[{"a": 1, "a": 2}, {"a": 1}]') == [None, {"a": 1}]


def test_numbers_beyond_reason_are_nothing() -> None:
    text = b'{"a": NaN, "b": Infinity, "c": 123456789012345678901, "d": 5}'
    assert answers.parse(text) == {"a": None, "b": None, "c": None, "d": 5}


KEYS = [
    *("type", "path", "oid", "size", "lfs", "xetHash", "id", "sha", "tags", "siblings"),
    *("rfilename", "name", "ref", "targetCommit", "branches", "pullRequests", "converts"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)
STEADY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@STEADY
@given(VALUES)
def test_any_json_is_read_or_refused(value: object) -> None:
    again = answers.parse(json.dumps(value).encode())
    answers.repository("hub", RepoType.MODEL, again)
    for read in (
        lambda: answers.files("hub", RepoType.MODEL, "a/b", COMMIT, None, again),
        lambda: ref_answers.refs("hub a/b", again),
        lambda: ref_answers.commits(again),
    ):
        try:
            read()
        except HubGarbage as e:
            assert str(e)  # noqa: PT017


@STEADY
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        answers.parse(data)
    except HubGarbage as e:
        assert str(e)  # noqa: PT017


@pytest.mark.parametrize(
    "lfs_of",
    [
        {"oid": SHA},
        {"sha256": SHA},
        {"oid": None, "sha256": SHA},
        {"oid": f"sha256:{SHA}"},
        {"oid": SHA.upper()},
    ],
)
@pytest.mark.parametrize("type", ["file", "blob"])
def test_a_digest_is_read_however_a_tree_writes_it(lfs_of: dict[str, str], type: str) -> None:
    entry = {"type": type, "oid": OID, "size": 100, "path": "x.bin", "lfs": {**lfs_of, "size": 100}}
    found = tree(entry, {"type": "tree" if type == "blob" else "directory", "path": "folder"})
    assert [file.sha256 for file in found.artifacts] == [bytes.fromhex(SHA)]
    assert found.problems == ()


def test_a_repository_is_known_by_the_older_name_of_its_id() -> None:
    found = answers.repository("hub", RepoType.MODEL, {"modelId": "a/b", "sha": COMMIT.upper()})
    assert isinstance(found, Repository)
    assert (found.id, found.sha) == ("a/b", COMMIT)


COMMITS = ["a" * 40, "b" * 64, "C" * 40, "d" * 40]


def git_refs(word: str, name: str) -> list[dict[str, object]]:
    """One list of all refs, as git's own servers give it."""
    names = ("refs/tags/v1", "refs/pull/3/head", "refs/heads/main", "refs/heads/dev/x")
    return [
        {name: ref, word: {"sha": commit, "type": "commit"} if word == "object" else commit}
        for ref, commit in zip(names, COMMITS, strict=True)
    ]


@pytest.mark.parametrize("word", ["targetCommit", "oid", "sha", "commit", "object", "id", "target"])
@pytest.mark.parametrize("name", ["ref", "name"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_refs_may_be_one_list(word: str, name: str, wrapped: bool) -> None:
    entries: object = git_refs(word, name)
    found, problems = ref_answers.refs("hub a/b", {"refs": entries} if wrapped else entries)
    assert [(r.ref, r.commit) for r in found] == [
        ("main", "c" * 40),
        ("dev/x", "d" * 40),
        ("v1", "a" * 40),
        ("refs/pull/3/head", "b" * 64),
    ]
    assert problems == []


def test_a_list_of_refs_by_bare_names_is_one_of_branches() -> None:
    listed = [{"name": "dev", "commit": "a" * 40}, {"name": "main", "oid": "b" * 40}]
    found, problems = ref_answers.refs("hub a/b", listed)
    assert [r.ref for r in found] == ["main", "dev"]
    assert problems == []


@pytest.mark.parametrize("bad", [7, None, "main", {}, {"name": "x"}, {"name": "x", "sha": "abc"}])
def test_a_bad_entry_of_a_list_of_refs_is_a_problem(bad: object) -> None:
    found, problems = ref_answers.refs("hub a/b", [bad, {"name": "main", "sha": "a" * 40}])
    assert [r.ref for r in found] == ["main"]
    assert len(problems) == 1


@pytest.mark.parametrize("word", ["targetCommit", "oid", "sha", "commitId", "hash"])
def test_branches_and_commits_are_known_whatever_word_names_the_commit(word: str) -> None:
    branches = {"branches": [{"name": "main", "ref": "refs/heads/main", word: "a" * 40}]}
    found, problems = ref_answers.refs("hub a/b", branches)
    assert [(r.ref, r.commit) for r in found] == [("main", "a" * 40)]
    assert problems == []
    history = [{word: "a" * 40, "title": "x"}, {word: "b" * 40}]
    assert ref_answers.commits(history) == ["a" * 40, "b" * 40]
    assert ref_answers.commits({"commits": history}) == ["a" * 40, "b" * 40]


def test_what_is_said_of_commits_is_taken_as_far_as_it_can_be_read() -> None:
    date = "2026-11-03T20:41:07.000Z"
    at = datetime(2026, 11, 3, 20, 41, 7, tzinfo=UTC)
    page: list[object] = [
        {"id": "a" * 40, "title": "x" * 500, "date": date},
        *({"title": "x"}, {"date": date}, {"title": 3, "date": date}, {"title": "x", "date": 7}),
        None,
    ]
    told = ref_answers.told_of_commits(page)
    assert told == [HistoryCommit("x" * ref_answers.LONGEST_TITLE, at)]
    assert ref_answers.told_of_commits({"commits": page}) == told
    assert ref_answers.told_of_commits("x") == ref_answers.told_of_commits({}) == []


@pytest.mark.parametrize("value", [{}, {"commits": {}}, [{"tree": "a" * 40}], ["a" * 40], 3, None])
def test_what_is_no_history_is_garbage(value: object) -> None:
    with pytest.raises(HubGarbage):
        ref_answers.commits(value)


@pytest.mark.parametrize(
    "value", [{"main": "a" * 40, "v1": "B" * 40}, {"branches": {"main": "a" * 40, "v1": "b" * 40}}]
)
def test_refs_may_be_an_object_of_names(value: object) -> None:
    found, problems = ref_answers.refs("hub a/b", value)
    assert [(r.ref, r.commit) for r in found] == [("main", "a" * 40), ("v1", "b" * 40)]
    assert problems == []


@pytest.mark.parametrize(
    "value", [{}, {"error": "no"}, {"branches": []}, {"main": "a" * 40, "x": 1}]
)
def test_an_object_that_names_no_commits_names_no_refs(value: object) -> None:
    assert ref_answers.refs("hub a/b", value) == ([], [])
