"""Textual inversions: known row by row, whatever the file around the rows looks like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.files import build
from tests.files.build import T
from tests.match import embedded
from tests.match.embedded import Floats, rows
from tests.match.made import KEYRING, known
from tests.match.updates import OTHER, REMOVED

from replica import made
from reseen.fingerprints.rows import LARGEST_NORM, MOVED, EmbeddingRows, decode, make
from reseen.fingerprints.whole import fingerprint
from reseen.match.compare import Relation
from reseen.match.rows import RowsComparison, compare_rows
from reseen.records import NEAR_TABLE, NEAR_TABLE_IN_PART, DigestKind, Fingerprint, Match, Rung
from reseen.registry.adds import add_files
from reseen.store.database import Store

PERSON = rows(7)


@pytest.fixture
def removal(store: Store, tmp_path: Path) -> str:
    return put(store, tmp_path, embedded.kohya(PERSON))


def put(store: Store, folder: Path, data: bytes) -> str:
    path = folder / "removed.bin"
    path.write_bytes(data)
    (added,) = add_files(store, KEYRING, [path])
    assert added.removal is not None
    return added.removal


def read(folder: Path, data: bytes) -> Fingerprint:
    path = folder / "seen"
    path.write_bytes(data)
    return fingerprint(path)


def matched(store: Store, folder: Path, data: bytes) -> tuple[Match, ...]:
    return known(store).match_fingerprint(read(folder, data))


def relation(match: Match) -> object:
    (said,) = (e for e in match.evidence if e.kind == "sketch-rows")
    return said.figures["relation"]


@pytest.mark.parametrize("layout", embedded.LAYOUTS)
def test_the_rows_are_found_in_every_layout(
    store: Store, tmp_path: Path, removal: str, layout: str
) -> None:
    dtype = "F16" if layout != "kohya" else "BF16"
    data = embedded.LAYOUTS[layout](PERSON[::-1], dtype)
    (match,) = matched(store, tmp_path, data)
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
    assert relation(match) == "same"
    stranger = embedded.LAYOUTS[layout](rows(8), dtype)
    assert matched(store, tmp_path, stranger) == ()
    assert read(tmp_path, stranger).judged.by_weights


EDITS = {
    "half precision": (PERSON.astype(np.float16).astype(np.float64), "same"),
    "scaled": (PERSON * 0.2, "scaled"),
    "scaled up": (PERSON * 30, "scaled"),
    "permuted": (PERSON[[2, 0, 3, 1]], "same"),
    "half of the rows": (PERSON[:2], "partial"),
    "one of the rows": (PERSON[3], "partial"),
    "rows added": (np.concatenate([rows(9, 3), PERSON]), "same"),
    "one taken, one added": (np.concatenate([rows(9, 1), PERSON[1:]]), "partial"),
    "noised": (PERSON + 0.1 * PERSON.std() * rows(5) / rows(5).std(), "cast"),
}


@pytest.mark.parametrize("how", EDITS)
def test_what_was_done_to_the_rows_is_said(
    store: Store, tmp_path: Path, removal: str, how: str
) -> None:
    values, expected = EDITS[how]
    (match,) = matched(store, tmp_path, embedded.renamed(values, "F32"))
    assert (match.removal, match.rung, relation(match)) == (removal, Rung.WEIGHTS, expected)


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F8_E4M3"])
def test_number_formats_hide_nothing(
    store: Store, tmp_path: Path, removal: str, dtype: str
) -> None:
    (match,) = matched(store, tmp_path, embedded.kohya(PERSON, dtype))
    assert match.removal == removal


def test_a_picture_of_which_the_text_is_damaged_says_so(tmp_path: Path) -> None:
    whole = embedded.picture(PERSON)
    at = whole.index(b"sd-ti-embedding") + 40
    told = read(tmp_path, whole[:at] + b"!" + whole[at + 1 :])
    assert told.rows is None
    assert [spot.code for spot in told.blind] == ["malformed"]
    cut = read(tmp_path, whole[: at + 100])
    assert cut.rows is None
    assert cut.blind


def test_both_encoders_of_a_model_count(store: Store, tmp_path: Path) -> None:
    second = rows(17, width=1280, norm=4.0)
    removal = put(store, tmp_path, embedded.of_two_encoders(PERSON, second))
    for part in (PERSON, second):
        (match,) = matched(store, tmp_path, embedded.kohya(part))
        assert match.removal == removal
    assert matched(store, tmp_path, embedded.of_two_encoders(rows(8), rows(18, width=1280))) == ()


def adapter(data: bytes) -> dict[str, T]:
    return {t.name: T(t.dtype, t.shape, t.data) for t in made.opened(data)[0]}


def test_an_embedding_in_an_adapter_is_found_beside_it(store: Store, tmp_path: Path) -> None:
    removal = put(store, tmp_path, embedded.bundled(adapter(REMOVED), PERSON))
    whole = read(tmp_path, embedded.bundled(adapter(REMOVED), PERSON, "F32"))
    assert whole.sketch is not None
    assert whole.rows is not None
    assert not whole.blind
    (alone,) = matched(store, tmp_path, embedded.a1111(PERSON))
    assert alone.removal == removal
    (elsewhere,) = matched(store, tmp_path, embedded.bundled(adapter(OTHER), PERSON))
    assert {e.kind for e in elsewhere.evidence} == {"sketch-rows"}
    # and the adapter without it is found as it was before
    cast = made.cast_and_renamed(build.safetensors(adapter(REMOVED)))
    (without,) = matched(store, tmp_path, cast)
    assert {e.kind for e in without.evidence} == {"sketch"}


def test_an_embedding_of_before_is_found_in_an_adapter(
    store: Store, tmp_path: Path, removal: str
) -> None:
    (match,) = matched(store, tmp_path, embedded.bundled(adapter(OTHER), PERSON))
    assert match.removal == removal
    assert [e.kind for e in match.evidence] == ["sketch-rows"]


def test_rows_near_the_table_are_said_to_tell_nothing(store: Store, tmp_path: Path) -> None:
    near = rows(7, norm=MOVED * LARGEST_NORM[768] * 0.99)
    put(store, tmp_path, embedded.kohya(near))
    told = read(tmp_path, embedded.kohya(near, "F16"))
    assert [(spot.code, spot.count) for spot in told.blind] == [(NEAR_TABLE, 4)]
    assert not told.judged.by_weights
    assert known(store).match_fingerprint(told) == ()
    # its digests are compared as before
    (match,) = matched(store, tmp_path, embedded.renamed(near))
    assert match.rung is Rung.TENSORS


def test_rows_of_which_some_tell_are_judged_by_these(store: Store, tmp_path: Path) -> None:
    both = np.concatenate([rows(7, 2), rows(8, 2, norm=0.4)])
    removal = put(store, tmp_path, embedded.kohya(both))
    told = read(tmp_path, embedded.kohya(both[::-1], "F16"))
    assert [(spot.code, spot.count) for spot in told.blind] == [(NEAR_TABLE_IN_PART, 2)]
    assert told.judged.by_weights
    (match,) = known(store).match_fingerprint(told)
    assert (match.removal, match.why.count("2 of 2 rows")) == (removal, 1)


def test_what_no_table_is_known_of_is_said(tmp_path: Path) -> None:
    told = read(tmp_path, embedded.kohya(rows(7, width=4096, norm=50.0)))
    (spot,) = told.blind
    assert spot.code == NEAR_TABLE
    assert "table is not known" in spot.reason


def test_digests_are_as_before(tmp_path: Path) -> None:
    first, second = (read(tmp_path, layout(PERSON)) for layout in (embedded.kohya, embedded.a1111))
    kind = DigestKind.TENSORS_BLAKE3
    assert first.digest(kind) == second.digest(kind)


NO_EMBEDDINGS = {
    "vectors of layers": {"x.layer_norm.weight": (768,), "x.layer_norm.bias": (768,)},
    "what else is in the file": {"a": (4, 768), "b": (3, 3)},
    "a text that was encoded": {"prompt": (77, 768)},
    "a layer's factors": {"lora_unet_x.lora_down.weight": (4, 768)},
    "factors of no layer": {"lora_down.weight": (4, 768), "lora_up.weight": (768,)},
    "of no encoder's width": {"a": (4, 640)},
    "an encoder's output": {"clip_l_out": (1, 768)},
}


@pytest.mark.parametrize("what", NO_EMBEDDINGS)
def test_other_tensors_are_no_embeddings(tmp_path: Path, what: str) -> None:
    some = {n: build.ramp("F32", *shape) for n, shape in NO_EMBEDDINGS[what].items()}
    assert read(tmp_path, build.safetensors(some)).rows is None


# -- strangers -------------------------------------------------------------------------------------


def compared(removed: Floats, other: Floats) -> RowsComparison | None:
    return compare_rows(sketch(removed), sketch(other))


def sketch(values: Floats) -> EmbeddingRows:
    made_rows, _ = make([values.astype(np.float32)])
    assert made_rows is not None
    return made_rows


@pytest.mark.parametrize("along", [0.0, 0.5])
@pytest.mark.parametrize("amount", [0.0, 0.3, 0.6, 2.0])
def test_strangers_who_began_with_one_token_are_no_copies(along: float, amount: float) -> None:
    """However long they were trained, and though half of it went along the token itself. The
    figures of all 79,800 pairs are `benchmarks.embeddings`'s."""
    numbers = np.random.default_rng(1)
    token = numbers.standard_normal(768)
    token *= 0.45 / np.linalg.norm(token)
    made_rows = []
    for _ in range(16):
        moves = numbers.standard_normal((int(numbers.integers(1, 4)), 768))
        moves /= np.linalg.norm(moves, axis=1, keepdims=True)
        moves = (1 - along**2) ** 0.5 * moves + along * token / np.linalg.norm(token)
        made_rows.append(sketch(token + amount * moves))
    found = [
        compare_rows(a, b)
        for n, a in enumerate(made_rows)
        for m, b in enumerate(made_rows)
        if n != m
    ]
    assert not any(found)


def test_a_token_that_was_hardly_trained_is_nobodys_row() -> None:
    """A removal of two rows, one of which is still its token, says nothing of who has that."""
    token = rows(3, 1, norm=0.4)
    removed = np.concatenate([token, PERSON[:1]])
    assert compared(removed, token) is None
    assert compared(removed, token * 1.001) is None
    found = compared(removed, PERSON[:1])
    assert found is not None
    assert (found.agreeing, found.rows, found.relation) == (1, 1, Relation.SAME)


def test_one_row_of_many_in_a_file_of_many_is_no_copy() -> None:
    assert compared(PERSON, np.concatenate([PERSON[:1], rows(8)])) is None
    assert compared(PERSON, np.concatenate([PERSON[:2], rows(8)])) is not None


# -- the stored form -------------------------------------------------------------------------------


def test_rows_are_a_set() -> None:
    once = sketch(PERSON).encode()
    assert sketch(np.concatenate([PERSON[::-1], PERSON])).encode() == once
    assert decode(once).encode() == once


def test_rows_that_are_no_numbers_are_left_out() -> None:
    values = PERSON.copy()
    values[0], values[1, 5] = 0.0, np.inf
    found, blind = make([values.astype(np.float32)])
    assert found is not None
    assert len(found) == 2
    assert [(spot.code, spot.count) for spot in blind] == [("not-finite", 2)]
