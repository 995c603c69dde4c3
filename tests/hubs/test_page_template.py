"""Pages by a template: what stands in a place cannot become anything else of the address."""

from __future__ import annotations

import pytest

from reseen.errors import InputError
from reseen.hubs.page_template import PageTemplate


def test_a_place_becomes_an_address() -> None:
    made = PageTemplate.of("https://models.example/{repository}?file={path}")
    assert made.page("owner/name", "a/b.bin") == "https://models.example/owner/name?file=a/b.bin"
    by_key = PageTemplate.of("http://localhost:8080/files/{key}#top")
    assert by_key.page("owner/name", "b.bin") == "http://localhost:8080/files/owner/name/b.bin#top"
    assert by_key.page("/", "b.bin") == "http://localhost:8080/files/b.bin#top"


@pytest.mark.parametrize("name", ["../..", "a b", "a?x=1", "a#b", "{path}", "é", "a\n", "%2e", '"'])
def test_nothing_of_a_key_changes_the_address_around_it(name: str) -> None:
    made = PageTemplate.of("https://models.example/m/{repository}/f/{path}")
    address = made.page(name, name)
    assert address.startswith("https://models.example/m/")
    assert address.isascii()
    assert not set(address) & set(' ?#{}"<>\n')
    assert "/.." not in address


@pytest.mark.parametrize(
    "given",
    [
        "",
        "models.example/{path}",
        "ftp://models.example/{path}",
        "javascript:alert({path})",
        "https://models.example/",
        "https://{path}.example/",
        "https://a@b.example/{path}",
        "https://models.example/{path}/{other}",
        "https://models.example/{{path}}",
        "https://models.example/{path} x",
        'https://models.example/{path}"',
        "https://models.example/<{path}>",
        "https://models.example/é/{path}",
        "https://models.example/{path}" + "x" * 600,
    ],
)
def test_what_is_no_template_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="no template"):
        PageTemplate.of(given)
