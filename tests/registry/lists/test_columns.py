from __future__ import annotations

import unicodedata

import pytest

from reseen.errors import InputError
from reseen.registry.lists.columns import parse_map, recognise
from reseen.registry.lists.list_fields import REJECT_COLUMNS, SPELLINGS, ListField


def test_spellings_are_compared_without_case_and_punctuation() -> None:
    for header in ("SHA256", "sha-256", "Sha 256", "sha_256", "hashes.SHA256"):
        assert recognise([header]).fields == {ListField.SHA256: 0}


def test_no_spelling_means_two_things() -> None:
    seen: dict[str, ListField] = {}
    for field, spellings in SPELLINGS.items():
        for spelling in spellings:
            plain = "".join(c for c in spelling.casefold() if c.isalnum())
            assert seen.setdefault(plain, field) is field


def test_every_field_can_be_recognised_and_mapped() -> None:
    for field in ListField:
        assert parse_map([f"Some column={field.value}"]) == {"Some column": field}
        assert field is ListField.IGNORE or SPELLINGS[field]


def test_a_mapped_column_goes_first_and_an_ignored_one_is_not_listed() -> None:
    given = {"file": ListField.SHA256, "sha256": ListField.IGNORE}
    meaning = recognise(["sha256", "File", "other"], given)
    assert meaning.fields == {ListField.SHA256: 1}
    assert [column.number for column in meaning.unknown] == [3]


def test_a_second_column_of_one_field_is_listed_as_unknown() -> None:
    meaning = recognise(["link", "url"])
    assert meaning.fields == {ListField.LINK: 0}
    assert [(c.number, c.heading) for c in meaning.unknown] == [(2, "url")]


def test_columns_of_the_rejects_file_are_neither_taken_nor_listed() -> None:
    meaning = recognise(["sha256", *REJECT_COLUMNS])
    assert (meaning.fields, meaning.unknown) == ({ListField.SHA256: 0}, ())


def test_a_column_is_named_by_its_number_and_by_its_heading_only_where_that_is_a_usual_one() -> (
    None
):
    odd = ["sha256", "https://example.org/x", "Sample Person", "Url", "Link"]
    unknown = recognise(odd).unknown
    assert [str(column) for column in unknown] == ["column 2", "column 3", "column 5"]
    assert [column.heading for column in unknown] == [None, None, "Link"]


def test_a_map_that_makes_no_sense_is_refused() -> None:
    for pair in ("x", "=sha256", "x=nonsense", ""):
        with pytest.raises(InputError):
            parse_map([pair])
    assert parse_map(["a=b=SHA-256"]) == {"a=b": ListField.SHA256}


@pytest.mark.parametrize(
    "headings",
    [
        "Nom du modèle;Lien d’origine;Empreinte SHA-256;Taille (Ko);Supprimé le;Motif",
        "Bezeichnung;Verweis;Prüfsumme (SHA-256);Größe (KB);Gelöscht am;Grund",
        "NOMBRE DEL MODELO;Enlace;Suma de verificación SHA256;Tamaño KB;Fecha de eliminación;Razón",
    ],
)
def test_headings_are_known_in_other_languages_with_accents_or_without(headings: str) -> None:
    wanted = [
        *(ListField.NAME, ListField.LINK, ListField.SHA256, ListField.SIZE_KB),
        *(ListField.REMOVED_ON, ListField.REASON),
    ]
    for form in ("NFC", "NFD"):
        fields = recognise(unicodedata.normalize(form, headings).split(";")).fields
        assert fields == {field: at for at, field in enumerate(wanted)}
