"""How a list goes on: the whole query of the next page, on our own origin, whatever its name."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reseen.errors import HubGarbage
from reseen.hubs.paging import following, number_in

ASKED = "https://hub.example/api/models?limit=50"


@pytest.mark.parametrize(
    ("link", "query"),
    [
        (None, None),
        ("", None),
        ("garbage", None),
        ('<https://hub.example/api/models?cursor=p>; rel="prev"', None),
        ('</api/models?limit=50>; rel="xet-auth"', None),
        ('<https://hub.example/api/models?cursor=abc>; rel="next"', "cursor=abc"),
        ("<https://hub.example/api/models?limit=1&cursor=a%3D%3D>; rel=next", None),
        ("</api/models?p=1&limit=50>; rel=next", "p=1&limit=50"),
        ("<?page=2>; rel=next", "page=2"),
        ("<https://hub.example:443/other?offset=50>; rel=next", "offset=50"),
        # A server behind a proxy that ends TLS does not know it.
        ("<http://hub.example/api/models?skip=50>; rel=next", "skip=50"),
        ('<https://h/x?c=p>; rel="prev", <https://hub.example/x?c=n>; rel="next"', "c=n"),
        ('<https://hub.example/x?cursor=a,b>; rel="next"', "cursor=a,b"),
        # What a mirror hands on.
        ('<https://huggingface.co/api/models?limit=50&cursor=c>; rel="next"', "limit=50&cursor=c"),
    ],
)
def test_the_whole_query_of_the_next_page_is_taken(link: str | None, query: str | None) -> None:
    if link is not None and "%3D" in link:
        query = "limit=1&cursor=a%3D%3D"
    assert following(link, ASKED) == query


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/api/models?cursor=abc",
        "//evil.example?cursor=abc",
        "https://hub.example:8443/api/models?p=1",
        "https://hub.example.evil.example/?p=1",
        "https://huggingface.co/elsewhere?p=1",
        "https://huggingface.co?p=1",
        "http://huggingface.co/api/models?p=1",
        "https://huggingface.co:8443/api/models?p=1",
        "https://hub.example@evil.example/?p=1",
        "ftp://hub.example/?p=1",
    ],
)
def test_a_link_to_another_origin_is_refused_and_said(target: str) -> None:
    with pytest.raises(HubGarbage, match="another host"):
        following(f'<{target}>; rel="next"', ASKED)


@pytest.mark.parametrize(
    "target",
    [
        "https://hub.example/api/models",
        "https://hub.example/api/models?",
        "https://hub.example/api/models?limit=50",
        "https://hub.example/api/models?cursor=" + "x" * 9000,
        "https://hub.example/api/models?cursor=a%0d%0aX:%20y",
        "https://hub.example/?" + "&".join("a=b" for _ in range(200)),
        "http://[::1?cursor=x",
    ],
)
def test_a_link_that_leads_nowhere_is_garbage(target: str) -> None:
    with pytest.raises(HubGarbage):
        following(f'<{target}>; rel="next"', ASKED)


def test_numbers_are_read_out_of_a_query() -> None:
    assert number_in("a=1&limit=20", "limit") == 20
    assert number_in("limit=many", "limit") is None
    assert number_in("p=1", "limit") is None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=80))
def test_any_link_is_read_or_refused(link: str) -> None:
    headers = (link, f'<{link}>; rel="next"', f'<https://hub.example/?c={link}>; rel="next"')
    for header in headers:
        try:
            found = following(header, ASKED)
        except HubGarbage:
            continue
        if found is not None:
            assert found.isascii()
            assert found.isprintable()
            assert all(v.isprintable() for kv in parse_qsl(found) for v in kv)
