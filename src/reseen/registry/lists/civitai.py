"""Reads what Civitai's API answers for a model or a version as rows; CivArchive's answers too.

What comes in: one decoded JSON value. What goes out: a row (field label -> cell) for each file,
or None when the value is no such answer. Nothing is trusted to be there: a part of the wrong type
is as good as absent. Shapes: docs/lists.md; Civitai's public API v1 (model, model version,
by-hash, by-hash ids), and CivArchive's as three of its clients read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.table import Cell, as_cell

Row: TypeAlias = dict[str, Cell]

SITE = "civitai.com"

MODEL_FILES = frozenset({"", "model", "pruned model"})
"""Types of file that are the model. A VAE, a config or training images are not: they are often
somebody else's public file, and every copy of it would be taken for the removed model."""

ONLY_FILES = frozenset({"negative", "archive", "diffusers"})
"""Types of file that are the model where there is no other: embeddings are often "Negative"."""

NOT_THE_MODEL = "files of a version that are not its model were"

_HASHES = {
    "sha256": ListField.SHA256,
    "blake3": ListField.BLAKE3,
    "crc32": ListField.CRC32,
    "autov1": ListField.AUTOV1,
    "autov2": ListField.AUTOV2,
    "autov3": ListField.AUTOV3,
}


@dataclass(frozen=True, slots=True)
class CivitaiAnswer:
    """The rows of one answer."""

    rows: list[Row]
    left_out: Counter[str] = field(default_factory=Counter)
    """Files that are not the model (see `MODEL_FILES`)."""


def rows_of(answer: object) -> CivitaiAnswer | None:
    """The rows of one answer; None when it is not one of these APIs'."""
    if not isinstance(answer, dict):
        return None
    inside = answer.get("data")
    said: dict[str, Any] = inside if isinstance(inside, dict) else answer
    if isinstance(said.get("modelVersions"), list):
        return _of_model(said, said["modelVersions"])
    version = _object(said.get("version"))
    if "modelId" in version or isinstance(version.get("files"), list):
        return _of_model(said, [said["version"]])
    if set(said) == {"modelVersionId", "modelId", "hash"}:
        row = _row(said["modelId"], said["modelVersionId"], {ListField.HASH: said["hash"]})
        return CivitaiAnswer([row])
    if isinstance(said.get("files"), list):
        if "modelId" in said or "trainedWords" in said:
            return _of_version(said, _object(said.get("model")), said.get("modelId"))
        if any("model_version_id" in _object(file) for file in said["files"]):
            return CivitaiAnswer([_mirrored(_object(file), said) for file in said["files"]])
    return None


def _of_model(model: Mapping[str, Any], versions: list[Any]) -> CivitaiAnswer:
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    for version in map(_object, versions):
        # an archive may answer with a version of another model: the version knows better
        of = _of_version(version, model, version.get("modelId") or model.get("id"))
        rows.extend(of.rows)
        left_out.update(of.left_out)
    return CivitaiAnswer(rows, left_out)


def _of_version(
    version: Mapping[str, Any], model: Mapping[str, Any], model_id: object
) -> CivitaiAnswer:
    said: dict[ListField, object] = {
        ListField.NAME: model.get("name") or version.get("name"),
        ListField.TRIGGER_WORDS: version.get("trainedWords") or version.get("trigger"),
        ListField.REMOVED_ON: version.get("deletedAt") or model.get("deletedAt"),
    }
    files = [_object(file) for file in _list(version.get("files"))]
    models = [file for file in files if _is_model(file)]
    models = models or [file for file in files if _may_be_model(file)]
    # an archived model has no files any more: its hashes are gone, its place is not
    rows = [_row(model_id, version.get("id"), said | _of_file(file)) for file in models or [{}]]
    others = len(files) - len(models)
    return CivitaiAnswer(rows, Counter({NOT_THE_MODEL: others} if others else {}))


def _of_file(file: Mapping[str, Any]) -> dict[ListField, object]:
    said: dict[ListField, object] = {
        ListField.FILE_NAME: file.get("name") or file.get("filename"),
        ListField.SIZE_KB: file.get("sizeKB"),
        ListField.SHA256: file.get("sha256"),
    }
    for name, value in _object(file.get("hashes")).items():
        field = _HASHES.get(str(name).lower())
        if field is not None:
            said[field] = value
    return said


def _mirrored(file: Mapping[str, Any], answer: Mapping[str, Any]) -> Row:
    """CivArchive's short answer for a hash: which versions hold it."""
    said = _of_file(file)
    said[ListField.SHA256] = said[ListField.SHA256] or answer.get("sha256")
    return _row(file.get("model_id"), file.get("model_version_id"), said)


def _row(model_id: object, version_id: object, said: Mapping[ListField, object]) -> Row:
    row: Row = {field.value: as_cell(value) for field, value in said.items()}
    model, version = as_cell(model_id), as_cell(version_id)
    row |= {
        ListField.SITE.value: SITE,
        ListField.MODEL_ID.value: model,
        ListField.VERSION_ID.value: version,
    }
    if model and version:
        row[ListField.LINK.value] = f"https://{SITE}/models/{model}?modelVersionId={version}"
    return row


def _is_model(file: Mapping[str, Any]) -> bool:
    kind = file.get("type")
    return not isinstance(kind, str) or kind.strip().lower() in MODEL_FILES


def _may_be_model(file: Mapping[str, Any]) -> bool:
    return str(file.get("type")).strip().lower() in ONLY_FILES


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
