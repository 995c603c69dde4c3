"""Reads what Hugging Face's API answers for a repository's files as rows, and StabilityMatrix's.

What comes in: one decoded JSON value. What goes out: rows (field's label -> cell) and how many
files were left out, or None when the value is no such answer. Of a file in LFS the `oid` beside it
is git's name of its pointer: the SHA-256 stands in `lfs`. Files that are no weights are left out: a
licence or a picture is many other repositories' too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.table import Cell, as_cell

_WEIGHTS = frozenset(
    {"safetensors", "ckpt", "pt", "pth", "bin", "gguf", "onnx", "npz", "pickle", "pkl", "sft"}
)
_ARCHIVES = frozenset({"zip", "7z", "rar", "tar", "gz", "zst", "dduf"})
NOT_WEIGHTS = "files that are no weights were"


@dataclass(frozen=True, slots=True)
class HubAnswer:
    """The rows of one answer."""

    rows: list[dict[str, Cell]]
    left_out: Counter[str]


def rows_of(entry: object) -> HubAnswer | None:
    """The rows of an entry of a tree, of a model's answer, or of a StabilityMatrix file; None for
    anything else."""
    if not isinstance(entry, dict):
        return None
    if {"type", "oid", "path"} <= entry.keys() and entry["type"] in ("file", "directory"):
        return _files([entry], {})
    siblings = entry.get("siblings")
    if isinstance(siblings, list) and all(isinstance(s, dict) for s in siblings):
        own: dict[str, Cell] = {}
        id = entry.get("modelId") or entry.get("id")
        if isinstance(id, str) and id.count("/") == 1:
            own[ListField.LINK.value] = f"https://huggingface.co/{id}"
        return _files(siblings, own)
    hashes = entry.get("Hashes")
    if "ModelId" in entry and isinstance(hashes, dict):
        return HubAnswer([_of_stability_matrix(entry, hashes)], Counter())
    return None


def _files(files: list[dict[str, Any]], own: Mapping[str, Cell]) -> HubAnswer:
    rows = [{**own, **row} for file in files if (row := _of_file(file)) is not None]
    left_out = len(files) - len(rows)
    return HubAnswer(rows, Counter({NOT_WEIGHTS: left_out} if left_out else {}))


def _of_file(file: Mapping[str, Any]) -> dict[str, Cell] | None:
    path = file.get("path") or file.get("rfilename")
    if not isinstance(path, str) or file.get("type") == "directory":
        return None
    ending = path.rpartition(".")[2].lower() if "." in path.rpartition("/")[2] else ""
    lfs = file.get("lfs")
    said: dict[ListField, object] = {
        ListField.FILE_NAME: path,
        ListField.SIZE: file.get("size"),
        ListField.XET: file.get("xetHash"),
    }
    if isinstance(lfs, dict):
        if ending not in _WEIGHTS | _ARCHIVES | {""}:
            return None
        said[ListField.SHA256] = lfs.get("oid") or lfs.get("sha256")
        said[ListField.SIZE] = lfs.get("size") or file.get("size")
    elif ending in _WEIGHTS:
        said[ListField.GIT_BLOB] = file.get("oid") or file.get("blobId")
    else:
        return None
    return {name.value: as_cell(value) for name, value in said.items()}


def _of_stability_matrix(entry: Mapping[str, Any], hashes: Mapping[str, Any]) -> dict[str, Cell]:
    said: dict[str, object] = {
        ListField.NAME.value: entry.get("ModelName"),
        ListField.MODEL_ID.value: entry.get("ModelId"),
        ListField.VERSION_ID.value: entry.get("VersionId"),
        ListField.TRIGGER_WORDS.value: entry.get("TrainedWords"),
        ListField.SITE.value: entry.get("Source"),
    }
    said |= {f"hashes.{name}": value for name, value in hashes.items()}
    return {name: as_cell(value) for name, value in said.items()}
