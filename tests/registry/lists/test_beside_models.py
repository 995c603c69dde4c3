"""What stands beside a model in a list (a preview, a base model, a configuration) is no removal of
it: whoever has such a file would be accused. Where nobody can say which hash is the file's, none is
taken."""

from __future__ import annotations

import json
from hashlib import sha1
from pathlib import Path

import pytest
from tests.registry.lists.as_read import digest, read

from reseen.errors import ListError
from reseen.registry.imports import ReadList
from reseen.registry.lists.not_removed import (
    is_another_kind,
    is_no_model_name,
    is_of_another,
)

MODELS = [digest(f"removed {n}") for n in range(5)]
OTHERS = [digest(f"beside {n}") for n in range(5)]
NO_MODEL = "by its kind or name the file is no model: a picture, a text, a configuration, a base"
LEFT_OUT = "2 entries of pictures, base models and what else stands beside a model were left out."


def digests(listed: ReadList) -> set[str]:
    return {each.hex for draft in listed.drafts for each in draft.digests}


@pytest.mark.parametrize(
    "beside",
    [
        lambda n: {"images": [{"url": "https://example.org/a.png", "sha256": OTHERS[n]}]},
        lambda n: {"previews": [{"file": "a", "hashes": {"SHA256": OTHERS[n]}}]},
        lambda n: {"vae": [{"sha256": OTHERS[n]}]},
        lambda n: {"base_models": [{"name": "base", "sha256": OTHERS[n]}]},
        lambda n: {"dependencies": [{"name": "base", "sha256": OTHERS[n]}]},
        lambda n: {"resources": [{"type": "checkpoint", "hash": OTHERS[n]}]},
        lambda n: {"gallery": [{"meta": {"hashes": {"sha256": OTHERS[n]}}}]},
    ],
)
@pytest.mark.parametrize("form", ["json", "lines", "yaml"])
def test_an_array_of_what_stands_beside_a_model_is_left_out_and_counted(
    tmp_path: Path, beside: object, form: str
) -> None:
    entries = [{"name": "Sample person", "sha256": MODELS[n], **beside(n)} for n in range(2)]  # type: ignore[operator]
    if form == "yaml":
        yaml = pytest.importorskip("yaml")
        text = yaml.safe_dump(entries)
    elif form == "lines":
        text = "\n".join(map(json.dumps, entries))
    else:
        text = json.dumps(entries)
    listed = read(tmp_path, text)
    assert digests(listed) == {*MODELS[:2]}
    assert LEFT_OUT in listed.notes


def test_pictures_beside_files_are_left_out_and_versions_keep_the_models_name(
    tmp_path: Path,
) -> None:
    versions = [
        {"name": "v1", "files": [{"sha256": MODELS[0]}], "images": [{"sha256": OTHERS[0]}]},
        {"name": "v2", "files": [{"sha256": MODELS[1]}], "images": [{"sha256": OTHERS[1]}]},
    ]
    listed = read(tmp_path, json.dumps([{"name": "Sample person 07", "versions": versions}]))
    assert digests(listed) == {*MODELS[:2]}
    assert {draft.names.name for draft in listed.drafts} == {"Sample person 07"}


def test_an_array_that_is_all_there_is_counts_whatever_it_is_called(tmp_path: Path) -> None:
    text = json.dumps({"samples": [{"name": "x", "sha256": MODELS[0]}], "count": 1})
    assert digests(read(tmp_path, text)) == {MODELS[0]}


@pytest.mark.parametrize("key", ["files", "assets", "attachments", "artifacts"])
def test_a_file_that_says_it_is_no_model_is_rejected_with_the_reason(
    tmp_path: Path, key: str
) -> None:
    files = [
        {"kind": "weights", "filename": "x.safetensors", "sha256": MODELS[0]},
        {"kind": "preview", "filename": "x", "sha256": OTHERS[0]},
        {"filename": "cover.JPEG", "sha256": OTHERS[1]},
        {"filename": "config.json", "sha256": OTHERS[2]},
    ]
    listed = read(tmp_path, json.dumps([{"name": "Sample person", key: files}]))
    assert digests(listed) == {MODELS[0]}
    assert [refusal.reason for _, refusal in listed.refusals] == [NO_MODEL] * 3


def test_sums_of_a_folder_are_of_its_models_alone(tmp_path: Path) -> None:
    names = ["README.md", "x.safetensors", "sub/preview.png", "LICENSE", "y.ckpt"]
    lines = [f"{digest(name)}  {name}" for name in names]
    listed = read(tmp_path, "\n".join(lines))
    assert digests(listed) == {digest("x.safetensors"), digest("y.ckpt")}
    assert [refusal.row for _, refusal in listed.refusals] == [1, 3, 4]


def test_a_column_of_kinds_is_heard_in_a_table(tmp_path: Path) -> None:
    rows = [f"x,LORA,{MODELS[0]}", f"x,Image,{OTHERS[0]}", f"x,Base model,{OTHERS[1]}"]
    listed = read(tmp_path, "\n".join(["name,type,sha256", *rows, f"x,Checkpoint,{MODELS[1]}"]))
    assert digests(listed) == {*MODELS[:2]}


def test_without_headings_the_surest_hash_is_taken(tmp_path: Path) -> None:
    rows = [f"x{n},{sha1(b'%d' % n).hexdigest()},{MODELS[n]}" for n in range(4)]
    assert digests(read(tmp_path, "\n".join(rows))) == {*MODELS[:4]}
    rows = [f"{OTHERS[0]},{MODELS[n]},x" for n in range(4)]
    assert digests(read(tmp_path, "\n".join(rows))) == {*MODELS[:4]}


def test_without_headings_two_columns_of_the_same_length_are_not_chosen_between(
    tmp_path: Path,
) -> None:
    rows = [f"{OTHERS[n]},{MODELS[n]}" for n in range(4)]
    with pytest.raises(ListError, match=r"column 1: 64 hex digits in all; column 2: 64 hex"):
        read(tmp_path, "\n".join(rows))


@pytest.mark.parametrize("heading", ["Pohja", "Xyzzy", "Podstawa"])
def test_hashes_that_come_again_are_of_no_file_under_a_heading_that_nobody_knows(
    tmp_path: Path, heading: str
) -> None:
    bases = [OTHERS[0], OTHERS[1], OTHERS[1], OTHERS[2], OTHERS[2]]
    rows = [
        f"x,https://civitai.com/models/{n + 1}?modelVersionId=9,{b}" for n, b in enumerate(bases)
    ]
    listed = read(tmp_path, "\n".join([f"Nimi,Linkki,{heading}", *rows]))
    assert digests(listed) == set()
    assert len(listed.drafts) == 5


@pytest.mark.parametrize(
    "heading", ["底模哈希", "ベースモデル", "베이스 모델", "базовая модель", "预览图"]
)
def test_headings_of_other_things_are_known_in_other_writings(heading: str) -> None:
    assert is_of_another(heading)


@pytest.mark.parametrize("heading", ["哈希", "ハッシュ", "хеш", "해시", "Tiiviste", "SHA256 文件"])
def test_headings_of_hashes_in_other_writings_are_of_no_other_thing(heading: str) -> None:
    assert not is_of_another(heading)


def test_a_foreign_heading_that_says_hash_goes_before_one_that_says_nothing(
    tmp_path: Path,
) -> None:
    rows = [f"x{n},{OTHERS[n]},{MODELS[n]}" for n in range(4)]
    assert digests(read(tmp_path, "\n".join(["名称,甲,哈希", *rows]))) == {*MODELS[:4]}


def test_kinds_and_names_of_models_are_no_hindrance() -> None:
    for kind in ("LORA", "Checkpoint", "model", "Pruned Model", "TextualInversion", "", None):
        assert not is_another_kind(kind)
    for name in ("x.safetensors", "a.b", "model", "readme.safetensors", "png", "x.pt"):
        assert not is_no_model_name(name)
    for kind in ("Preview", "images", "image/png", "Training Data", "base model", "VAE"):
        assert is_another_kind(kind)


def test_a_column_of_links_that_holds_a_base_models_hash_is_said_to_be_none(
    tmp_path: Path,
) -> None:
    rows = [f"x,{OTHERS[0]}" for _ in range(4)]
    with pytest.raises(ListError, match="no column is recognised"):
        read(tmp_path, "\n".join(["name,link", *rows]))


@pytest.mark.parametrize("key", ["uploads", "users", "accounts", "reports", "creators"])
def test_models_under_people_and_cases_are_read(tmp_path: Path, key: str) -> None:
    models = [{"name": "x", "sha256": each} for each in MODELS[:2]]
    text = json.dumps({"page": 1, key: [{"account": "y", "models": models}]})
    assert digests(read(tmp_path, text)) == {*MODELS[:2]}
    text = json.dumps({"user": {"id": 5}, key: models})
    assert digests(read(tmp_path, text)) == {*MODELS[:2]}


def test_a_type_that_is_a_hashs_name_says_which_hash_it_is(tmp_path: Path) -> None:
    rows = [f"x,SHA256,{MODELS[0]}", f"x,SHA384,{sha1(b'x').hexdigest()}"]
    listed = read(tmp_path, "\n".join(["name,type,hash", *rows]))
    assert digests(listed) == {MODELS[0]}
    assert [refusal.row for _, refusal in listed.refusals] == [3]


def test_a_row_of_base_models_in_a_table_on_its_side_is_taken_for_nothing(tmp_path: Path) -> None:
    rows = ["Name,x,y", f"Base model SHA256,{OTHERS[0]},{OTHERS[1]}"]
    listed = read(tmp_path, "\n".join([*rows, f"SHA256,{MODELS[0]},{MODELS[1]}"]))
    assert digests(listed) == {*MODELS[:2]}
