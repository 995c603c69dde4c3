from __future__ import annotations

import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.errors import SealError
from reseen.records import Names
from reseen.settings import Settings
from reseen.store import sealing
from reseen.store.database import Store
from reseen.store.sealing import Keyring, SealedField, derive

KEY = bytes(range(32))
NAMES = Names(
    name="Sample person 07",
    trigger_words=("smplprsn07", "a b"),
    url="https://civitai.com/models/1234/sample-person-07?modelVersionId=5678",
    model_id="1234",
    version_id="5678",
    file_names=("sample_person_07.safetensors",),
    reason="Depicts Sample person 07",
)

texts = st.text(max_size=40)
all_names = st.builds(
    Names,
    name=st.none() | texts,
    trigger_words=st.lists(texts, max_size=3).map(tuple),
    url=st.none() | texts,
    model_id=st.none() | texts,
    version_id=st.none() | texts,
    file_names=st.lists(texts, max_size=3).map(tuple),
    reason=st.none() | texts,
)


@given(all_names)
def test_what_is_sealed_opens_again(names: Names) -> None:
    keyring = Keyring(KEY)
    assert keyring.open(keyring.seal(names, "rm-00000000"), "rm-00000000") == names


def test_many_are_sealed_as_one_is_and_no_nonce_comes_twice() -> None:
    keyring = Keyring(KEY)
    many = [(Names(name=f"Sample person {n}"), f"rm-{n:08}") for n in range(1_000)]
    sealed = [*keyring.seal_all(many), *keyring.seal_all(many)]
    for (names, id), one in zip(many * 2, sealed, strict=True):
        assert keyring.open(one, id) == names
    assert len({one[1:13] for one in sealed}) == 2 * len(many)


@given(all_names)
def test_what_is_sealed_is_the_json_that_older_ones_hold(names: Names) -> None:
    fields = [names.name, names.trigger_words, names.url, names.model_id, names.version_id]
    fields += [names.file_names, names.reason]
    plain = sealing._plain(names)
    assert plain == json.dumps(fields, separators=(",", ":")).encode("ascii")


def test_no_name_stands_in_the_ciphertext_and_its_length_tells_little() -> None:
    keyring = Keyring(KEY)
    sealed = keyring.seal(NAMES, "rm-00000000")
    assert b"ample" not in sealed
    assert sealed != keyring.seal(NAMES, "rm-00000000")
    short, long = (keyring.seal(Names(name=n), "rm-00000000") for n in ("Al", "Alexandra"))
    assert len(short) == len(long)


def test_a_seal_opens_for_its_removal_and_purpose_and_key_only() -> None:
    keyring = Keyring(KEY)
    sealed = keyring.seal(NAMES, "rm-00000000")
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for attempt in (
        lambda: keyring.open(sealed, "rm-00000001"),
        lambda: keyring.open_text(sealed, "rm-00000000"),
        lambda: keyring.open(flipped, "rm-00000000"),
        lambda: keyring.open(b"", "rm-00000000"),
        lambda: keyring.open(b"\x09" + sealed[1:], "rm-00000000"),
        lambda: Keyring(bytes(32)).open(sealed, "rm-00000000"),
    ):
        with pytest.raises(SealError) as told:
            attempt()
        assert told.value.remedy


def test_keys_are_derived_as_the_standard_says() -> None:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    theirs = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"purpose").derive(KEY)
    assert derive(KEY, b"purpose") == theirs


@given(st.text(max_size=60))
def test_tokens_are_a_keyed_hash_of_field_and_value(value: str) -> None:
    import hashlib

    from reseen.store import links

    key = derive(KEY, b"reseen index tokens 1")
    normal = links.normal_name(value).encode("utf-8", "surrogatepass")
    theirs = hashlib.blake2s(b"1\n" + normal, key=key, digest_size=16).digest()
    assert Keyring(KEY).token(SealedField.NAME, value) == theirs


def test_tokens_differ_by_field_and_by_key() -> None:
    one, other = Keyring(KEY), Keyring(bytes(32))
    tokens = [k.token(f, "x") for k in (one, other) for f in (SealedField.NAME, SealedField.MODEL)]
    assert len(set(tokens)) == 4
    assert all(len(token) == 16 for token in tokens)


def test_any_spelling_has_the_same_token() -> None:
    keyring = Keyring(KEY)
    assert keyring.token(SealedField.NAME, "  SAMPLE\u00a0 Person ０7") == keyring.token(
        SealedField.NAME, "sample person 07"
    )
    assert keyring.token(SealedField.FILE_NAME, "a\\B\\Some File.PT") == keyring.token(
        SealedField.FILE_NAME, "some file.pt"
    )


def test_ids_come_from_the_link_when_a_list_gives_none() -> None:
    keyring = Keyring(KEY)
    bare = Names(url=NAMES.url)
    given_ids = Names(model_id="1234", version_id="5678")
    assert set(keyring.tokens(bare)) == set(keyring.tokens(given_ids))
    fields = [field for field, _ in keyring.tokens(NAMES)]
    assert sorted(fields) == [
        *(SealedField.NAME, SealedField.FILE_NAME, SealedField.MODEL, SealedField.VERSION)
    ]


def test_nothing_secret_shows_in_a_repr() -> None:
    assert repr(Keyring(KEY)) == "Keyring(sealed)"
    assert "ample" not in repr(NAMES)


def test_the_key_file_is_made_once_and_for_its_owner_alone(settings: Settings) -> None:
    assert Keyring.from_settings(settings, create=False) is None
    old = os.umask(0)
    try:
        made = Keyring.from_settings(settings, create=True)
    finally:
        os.umask(old)
    assert made
    assert stat.S_IMODE(settings.key_file.stat().st_mode) == 0o600
    again = Keyring.from_settings(settings, create=True)
    assert again
    assert again.check == made.check
    assert [p.name for p in settings.key_file.parent.glob("reseen.key*")] == ["reseen.key"]


def test_two_creators_end_with_one_key(settings: Settings) -> None:
    checks: list[bytes] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        made = Keyring.from_settings(settings, create=True)
        assert made
        checks.append(made.check)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(checks) == 8
    assert len(set(checks)) == 1


def test_the_environment_wins_over_the_file(settings: Settings) -> None:
    from_file = Keyring.from_settings(settings, create=True)
    given_key = Keyring.from_settings(replace(settings, key=KEY.hex().upper() + "\n"), create=True)
    assert from_file
    assert given_key
    assert given_key.check == Keyring(KEY).check != from_file.check


@pytest.mark.parametrize("key", ["", "ab", "zz" * 32, "ab" * 33])
def test_an_unusable_key_is_refused_without_being_told(settings: Settings, key: str) -> None:
    with pytest.raises(SealError) as told:
        Keyring.from_settings(replace(settings, key=key), create=True)
    assert told.value.remedy
    assert key not in str(told.value) or not key


def test_a_key_file_that_others_can_read_is_refused(settings: Settings) -> None:
    Keyring.from_settings(settings, create=True)
    settings.key_file.chmod(0o644)
    with pytest.raises(SealError) as told:
        Keyring.from_settings(settings, create=False)
    assert "chmod 600" in str(told.value.remedy)


def test_a_key_file_that_is_cut_or_a_folder_is_refused(settings: Settings, tmp_path: Path) -> None:
    settings.key_file.write_text("abc")
    settings.key_file.chmod(0o600)
    with pytest.raises(SealError):
        Keyring.from_settings(settings, create=True)
    with pytest.raises(SealError):
        Keyring.from_settings(replace(settings, key_file=tmp_path), create=True)
    with pytest.raises(SealError):
        Keyring.from_settings(
            replace(settings, key_file=settings.key_file / "below a file"), create=True
        )


def test_a_store_knows_its_key(store: Store, settings: Settings) -> None:
    assert Keyring.for_store(store, settings, create=False) is None
    first = Keyring.for_store(store, settings, create=True)
    assert first
    looking = Keyring.for_store(store, settings, create=False)
    assert looking
    assert looking.check == first.check
    with pytest.raises(SealError, match="not the key"):
        Keyring.for_store(store, replace(settings, key=KEY.hex()), create=False)


def test_a_lost_key_is_not_replaced_by_a_new_one(store: Store, settings: Settings) -> None:
    Keyring.for_store(store, settings, create=True)
    settings.key_file.unlink()
    assert Keyring.for_store(store, settings, create=False) is None
    with pytest.raises(SealError, match="not here"):
        Keyring.for_store(store, settings, create=True)
    assert not settings.key_file.exists()


def test_a_link_without_ids_is_found_although_ids_are_given() -> None:
    keyring = Keyring(KEY)
    names = Names(url="https://site.example/people/08", model_id="x1", version_id="08")
    assert (SealedField.LINK, keyring.token(SealedField.LINK, str(names.url))) in keyring.tokens(
        names
    )
