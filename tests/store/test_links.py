from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.store import links

PAGE = "civitai.com/models/1234"
VERSION = "civitai.com/models/1234?modelVersionId=5678"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://civitai.com/models/1234", PAGE),
        ("http://www.civitai.com/models/1234/", PAGE),
        ("HTTPS://CIVITAI.COM/models/1234/some-slug", PAGE),
        ("civitai.com/models/1234/some-slug#comments", PAGE),
        (" <https://civitai.com/models/1234/%73ome-slug?utm_source=x> ", PAGE),
        ("https://civitai.red/models/1234", PAGE),
        ("https://civitai.com/api/v1/models/1234", PAGE),
        ("https://civitai.com/models/1234?modelVersionId=5678", VERSION),
        ("civitai.com/models/1234/some-slug?tab=images&MODELVERSIONID=5678", VERSION),
        ("urn:air:sd1:lora:civitai:1234@5678", VERSION),
        ("air:sdxl:lora:civitai:1234", PAGE),
        (
            "https://civitai.com/api/download/models/5678?type=Model",
            "civitai.com/model-versions/5678",
        ),
        ("https://civitai.com/api/v1/model-versions/5678", "civitai.com/model-versions/5678"),
        ("https://Site.example/a/B%20c/?z=1&b=2&utm_medium=x", "site.example/a/b c?b=2&z=1"),
    ],
)
def test_every_spelling_of_a_link_is_one(text: str, normal: str) -> None:
    link = links.parse(text)
    assert link
    assert link.normal == normal
    assert links.parse("https://" + link.normal) == link


@pytest.mark.parametrize(
    "text",
    [
        *("", "Sample person 07", "a/b", "name.safetensors", "v1.5/model.ckpt", "ftp://a.b/c"),
        *("https://", "http://[::1", "1234", "x" * 5000),
    ],
)
def test_what_is_no_link_is_none(text: str) -> None:
    assert links.parse(text) is None


@given(
    st.text(max_size=80) | st.text("/:.?&=%amodels1", max_size=60).map("https://a.example/".__add__)
)
def test_no_text_makes_it_fail_and_normal_forms_stay(text: str) -> None:
    links.parse(text)
    links.normal_site(text)
    for normal in (links.normal_name, links.normal_file_name):
        assert normal(normal(text)) == normal(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sample  Person\t07 ", "sample person 07"),
        ("ＳＡＭＰＬＥ", "sample"),
        ("Stra\u00dfe", "STRASSE"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert links.normal_name(one) == links.normal_name(other)


def test_a_link_is_silent_when_printed() -> None:
    assert "1234" not in repr(links.parse(PAGE))


def test_sites_go_by_one_name() -> None:
    spellings = ("Civitai", "https://www.civitai.com/models/1", "CIVITAI.COM.", "civitai.red")
    assert {links.normal_site(each) for each in spellings} == {"civitai.com"}


SHA = "0123456789abcdef" * 3 + "fedcba9876543210"


@pytest.mark.parametrize(
    ("text", "normal", "hash"),
    [
        (f"https://host.example/a/b.bin#sha256={SHA}", "host.example/a/b.bin", SHA),
        (f"https://host.example/a/b.bin#egg=b&SHA256={SHA.upper()}", "host.example/a/b.bin", SHA),
        (f"https://host.example/b?sha256={SHA}&x=1", "host.example/b?x=1", SHA),
        (f"https://civitai.com/models/1234#sha256={SHA}", PAGE, SHA),
        # Said twice, or cut off: it says nothing.
        (f"https://host.example/b#sha256={SHA}&sha256={SHA[::-1]}", "host.example/b", None),
        (f"https://host.example/b#sha256={SHA[:-1]}", "host.example/b", None),
        (f"https://host.example/b#md5={SHA[:32]}", "host.example/b", None),
        (
            "https://host.example/b#" + "&".join(f"a{n}=1" for n in range(99)),
            "host.example/b",
            None,
        ),
    ],
)
def test_what_an_address_says_of_its_file_is_its_hash(
    text: str, normal: str, hash: str | None
) -> None:
    link = links.parse(text)
    assert link
    assert (link.normal, link.hash) == (normal, hash)
