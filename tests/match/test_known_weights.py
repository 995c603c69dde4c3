"""The weights rung: altered copies are matches, related training is none."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.facts import teach
from tests.match.made import KEYRING, known, listed, read, remove
from tests.match.updates import (
    ALTERED,
    CAST,
    OTHER,
    REMOVED,
    RESIZED,
    encoder_only,
    put,
    related,
    sketch,
    sketched,
)

from reseen.fingerprints.entries import entries, modules_of
from reseen.match.registry_index import RegistryIndex
from reseen.records import Rung
from reseen.registry import removals
from reseen.store.database import Store


@pytest.mark.parametrize("how", ALTERED)
def test_an_altered_copy_is_a_match_by_its_weights(store: Store, how: str) -> None:
    removal, _ = put(store, REMOVED, OTHER)
    (match,) = known(store).match_fingerprint(read(ALTERED[how]))
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
    (evidence,) = match.evidence
    figures = json.loads(json.dumps(dict(evidence.figures)))
    assert set(figures) >= {
        *("cosine", "p_value", "agreeing", "relation", "calibration", "modules", "coverage")
    }
    assert figures["cosine"] > 0.7
    assert figures["p_value"] < 1e-6
    assert figures["calibration"] == "uncalibrated"
    assert "weight updates" in evidence.why


def test_the_relation_says_what_was_done(store: Store) -> None:
    put(store, REMOVED)
    index = known(store)
    told = {how: index.copies(read(file))[0].evidence[0].figures for how, file in ALTERED.items()}
    assert told["scaled and resized"]["relation"] == "resized"
    assert told["no encoder"]["relation"] == "partial"
    assert told["no encoder"]["coverage"] == pytest.approx(8 / 12, abs=1e-3)


def test_a_stranger_matches_nothing(store: Store) -> None:
    put(store, REMOVED)
    assert known(store).match_fingerprint(read(OTHER)) == ()
    assert known(store).related(read(OTHER)) == ()


def test_related_training_is_told_and_is_no_match(store: Store) -> None:
    (removal,) = put(store, REMOVED)
    index, file = known(store), read(related(REMOVED, 0.4))
    assert index.match_fingerprint(file) == ()
    (like,) = index.related(file)
    assert like.removal == removal
    assert like.comparison.relation == "related training, not a copy"


def test_the_same_bytes_need_no_such_evidence(store: Store) -> None:
    put(store, REMOVED)
    (match,) = known(store).match_fingerprint(read(REMOVED))
    assert Rung.WEIGHTS not in {e.rung for e in match.evidence}


def test_of_another_removal_the_same_bytes_are_an_altered_copy(store: Store) -> None:
    first, second = put(store, REMOVED, CAST)
    found = {m.removal: m.rung for m in known(store).match_fingerprint(read(REMOVED))}
    assert found == {first: Rung.BYTES, second: Rung.WEIGHTS}


def test_a_withdrawn_removal_matches_nothing(store: Store) -> None:
    (removal,) = put(store, REMOVED)
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, removal, "a test")
    index = known(store)
    assert index.match_fingerprint(read(CAST)) == ()
    assert not index.sketched


def test_a_text_encoder_alone_is_a_part_of_the_whole_and_the_whole_of_it(store: Store) -> None:
    (removal,) = put(store, REMOVED)
    (match,) = known(store).copies(read(encoder_only(REMOVED)))
    assert match.removal == removal
    assert match.evidence[0].figures["modules"] == 4
    assert known(store).copies(read(encoder_only(OTHER))) == ()


def test_the_whole_is_found_by_a_removed_text_encoder(store: Store) -> None:
    (removal,) = put(store, encoder_only(REMOVED))
    (match,) = known(store).copies(read(CAST))
    assert match.removal == removal


def test_a_removal_known_by_hash_is_recognised_by_weights_once_its_bytes_were_read(
    store: Store,
) -> None:
    removal = remove(store, listed(REMOVED))
    index = known(store)
    assert not index.sketched
    assert index.match_fingerprint(read(CAST)) == ()
    with store.write() as connection:
        told = read(REMOVED)
        assert teach(connection, told)
    with store.read() as connection:
        index = index.followed(connection)
    assert [m.removal for m in index.match_fingerprint(read(CAST))] == [removal]
    assert [m.removal for m in known(store).match_fingerprint(read(CAST))] == [removal]


def test_a_header_alone_says_whether_anything_could_match(store: Store) -> None:
    put(store, REMOVED)
    index = known(store)

    layer = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1."
    same = [layer + each for each in ("to_q", "to_k", "to_v", "to_out.0")]
    assert index.could_match(modules_of("sd1", same)) == {"sd1"}
    # Whatever else the file is: layers that SDXL has not are searched among those that have them.
    assert index.could_match(modules_of("sdxl", same)) == {"sd1"}
    assert not index.could_match(modules_of("sdxl", same[:3]))
    assert not index.could_match(modules_of("sd1", [each.replace(".0", ".1") for each in same]))
    assert not index.could_match({})


def test_a_subset_of_the_modules_comes_near(store: Store) -> None:
    put(store, REMOVED)
    assert known(store).is_near(sketch(RESIZED))
    assert not known(store).is_near(sketch(OTHER))


def test_an_encoder_inside_a_file_is_an_entry_of_its_own() -> None:
    assert [each.group for each in entries(sketch(REMOVED))] == ["sd1", "part:clip_l"]
    assert [each.group for each in entries(sketch(encoder_only(REMOVED)))] == ["clip_l"]


def test_two_files_of_one_removal_are_one_match(store: Store) -> None:
    removal = remove(store, sketched(REMOVED), sketched(RESIZED))
    (match,) = known(store).copies(read(CAST))
    assert match.removal == removal
    assert match.evidence[0].figures["relation"] == "same"


def test_without_sketches_nothing_of_this_is_imported() -> None:
    code = (
        "import sys, tempfile, pathlib\n"
        "from reseen.match.registry_index import RegistryIndex\n"
        "from reseen.store.database import Store\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    with Store(f'sqlite:///{pathlib.Path(folder) / \"a.db\"}') as store:\n"
        "        with store.read() as connection:\n"
        "            known = RegistryIndex.load(connection)\n"
        "assert not known.sketched\n"
        "assert 'reseen.match.sketch_index' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_known_is_loaded_again_with_everything(store: Store) -> None:
    many = [REMOVED, OTHER, CAST, RESIZED]
    ids = put(store, *many)
    index: RegistryIndex = known(store)
    found = {match.removal for match in index.copies(read(REMOVED))}
    assert found == {ids[0], ids[2], ids[3]}
