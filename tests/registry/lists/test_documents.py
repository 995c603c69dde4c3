from __future__ import annotations

import io
import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.errors import ListError
from reseen.registry.imports import ImportOptions, read_list
from reseen.registry.lists.civitai import rows_of
from reseen.registry.lists.documents import read_documents
from reseen.registry.lists.table import UNREADABLE

SHA = sha256(b"x").hexdigest()

VERSION = {
    "id": 2,
    "modelId": 1,
    "name": "v1",
    "trainedWords": ["word"],
    "model": {"name": "Sample person 07", "type": "LORA"},
    "files": [
        {
            "name": "a.safetensors", "type": "Model", "sizeKB": 0.5,
            "hashes": {"SHA256": SHA, "AutoV3": "00" * 6, "NewKind": "x"},
        },
        {"name": "a.yaml", "type": "Config", "hashes": {"SHA256": SHA}},
    ],
}  # fmt: skip


def records(data: object) -> list[dict[str, object]]:
    text = data if isinstance(data, str) else json.dumps(data)
    table = read_documents(io.BytesIO(text.encode()))
    return [dict(zip(table.columns, cells, strict=False)) for _, cells in table.rows]


def test_an_array_and_lines_are_the_same_list() -> None:
    entries = [{"name": "a", "sha256": SHA}, {"sha256": SHA, "size": 5}]
    lines = "\n".join(json.dumps(e) for e in entries)
    assert records(entries) == records(lines + "\n\n")
    assert records({"items": entries}) == records(entries)


def test_nested_keys_are_flattened() -> None:
    assert records([{"hashes": {"SHA256": SHA}, "x": None}]) == [{"hashes.SHA256": SHA, "x": None}]


def test_a_line_that_is_no_json_is_a_row_of_its_own() -> None:
    data = f'{{"sha256": "{SHA}"}}\n{{"sha256": \n[1]\n'
    assert [UNREADABLE in r and bool(r[UNREADABLE]) for r in records(data)] == [False, True, True]


def test_a_version_gives_a_row_for_each_file_of_its_model() -> None:
    (row,) = records(VERSION)
    assert row["name"] == "Sample person 07"
    assert (row["model-id"], row["version-id"], row["site"]) == (1, 2, "civitai.com")
    assert row["link"] == "https://civitai.com/models/1?modelVersionId=2"
    assert (row["file-name"], row["sha256"], row["size-kb"]) == ("a.safetensors", SHA, 0.5)
    assert row["trigger-words"] == ["word"]


def test_answers_come_in_arrays_and_lines_too() -> None:
    assert records([VERSION, VERSION]) == records(VERSION) * 2
    assert records(json.dumps(VERSION) + "\n" + json.dumps(VERSION)) == records(VERSION) * 2


def test_a_model_gives_rows_for_all_its_versions_and_one_for_an_archived_version() -> None:
    model = {"id": 1, "name": "Sample person 07", "modelVersions": [
        {k: v for k, v in VERSION.items() if k not in ("modelId", "model")}, {"id": 3, "files": []},
    ]}  # fmt: skip
    first, second = records(model)
    assert first["sha256"] == SHA
    assert (second["model-id"], second["version-id"], second.get("sha256")) == (1, 3, None)


def test_answers_for_hashes_are_read() -> None:
    (row,) = records([{"modelVersionId": 2, "modelId": 1, "hash": SHA}])
    assert (row["hash"], row["model-id"], row["version-id"]) == (SHA, 1, 2)


def test_an_archives_answer_is_read_and_its_version_knows_its_model_better() -> None:
    version = {"id": 2, "modelId": 9, "trigger": ["word"], "deletedAt": "2025-05-23T00:00:00Z",
               "files": [{"name": "a.pt", "sha256": SHA, "sizeKB": 1, "mirrors": []}]}  # fmt: skip
    (row,) = records({"data": {"id": 1, "name": "Sample person 07", "version": version}})
    assert (row["model-id"], row["sha256"], row["removed-on"]) == (9, SHA, "2025-05-23T00:00:00Z")
    short = {"files": [{"model_id": 1, "model_version_id": 2, "source": "civitai"}], "sha256": SHA}
    (row,) = records(short)
    assert (row["model-id"], row["version-id"], row["sha256"]) == (1, 2, SHA)


@pytest.mark.parametrize("depth", [40, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(ListError, match="nested"):
        records('[{"sha256": ' + '{"a": ' * depth + "1" + "}" * depth + "}]")


def test_endless_cells_and_keys_are_refused() -> None:
    with pytest.raises(ListError, match="more than"):
        records([{"sha256": "a" * 40_000}])
    with pytest.raises(ListError, match="keys"):
        records([{str(n): 1 for n in range(2_000)}])
    with pytest.raises(ListError, match="JSON"):
        records("{broken")


KEYS = [
    "id", "modelId", "model", "files", "hashes", "version", "modelVersions", "data", "SHA256",
    "name", "type", "trainedWords", "sizeKB", "hash", "modelVersionId",
]  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_no_answer_is_a_surprise(answer: object) -> None:
    rows_of(answer)
    try:
        records(answer)
    except ListError:
        return


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_an_error(data: bytes) -> None:
    for whole in (data, b'{"sha256": "' + data, b"[" + data):
        try:
            list(read_documents(io.BytesIO(whole)).rows)
        except ListError:
            continue


def test_values_one_after_another_are_a_list() -> None:
    """As jq writes what it finds: each in several lines, with nothing between."""
    entries = [{"name": f"Sample person {n:02}", "sha256": SHA} for n in range(3)]
    for parted in ("", "\n", "\n\n", "\x1e"):
        text = parted.join(json.dumps(each, indent=1) for each in entries)
        assert records(parted + text + parted) == entries
    arrays = json.dumps(entries[:2], indent=1) + json.dumps(entries[2:], indent=1)
    assert records(arrays) == entries


def test_long_values_one_after_another_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reseen.registry.lists.documents.MAX_ENTRY", 400)
    entries = [{"name": f"Sample person {n:02}", "sha256": SHA} for n in range(30)]
    assert records("\n".join(json.dumps(each, indent=1) for each in entries)) == entries
    arrays = json.dumps(entries[:20], indent=1) + "\n" + json.dumps(entries[20:], indent=1)
    assert records(arrays) == entries
    assert records(json.dumps(entries, indent=1)) == entries


@pytest.mark.parametrize("length", [400, 4 << 20])
@pytest.mark.parametrize("rest", ["}", "]", "x", '{"sha256": "', ", {}"])
def test_what_follows_a_document_is_not_passed_over(
    rest: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseen.registry.lists.documents.MAX_ENTRY", length)
    entries = [{"name": f"Sample person {n:02}", "sha256": SHA} for n in range(30)]
    with pytest.raises(ListError):
        records(json.dumps(entries, indent=1) + rest)


def test_where_a_document_is_no_json_is_said_by_the_line() -> None:
    text = f'[\n{{"name": "Sample person 07", "sha256": "{SHA}"}},\n]'
    with pytest.raises(ListError, match="line 3") as refused:
        records(text)
    assert "comma" in (refused.value.remedy or "")
    assert "Sample" not in f"{refused.value}{refused.value.remedy}"


def test_yaml_without_its_reader_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "list"
    path.write_text(f"- name: a\n  sha256: {'0123456789abcdef' * 4}\n")
    with pytest.raises(ListError) as error:
        read_list(path, ImportOptions())
    assert "reseen[yaml]" in (error.value.remedy or "")


def test_text_that_only_looks_like_yaml_is_read_by_lines(tmp_path: Path) -> None:
    path = tmp_path / "list"
    good = sha256(b"one").hexdigest()
    path.write_text(f"- note: these: are\n gone\n{good}\n")
    assert [d.digests[0].hex for d in read_list(path, ImportOptions()).drafts] == [good]
