"""A hub makes its own addresses: exact, with nothing foreign in them, and it reads them back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from reseen.errors import InputError
from reseen.hubs.addresses import Named
from reseen.hubs.huggingface_addresses import HuggingFaceAddresses
from reseen.hubs.kinds import addresses_of
from reseen.hubs.meant import account_named, repository_named
from reseen.records import RepoType
from reseen.settings import HubSettings

HUB = HuggingFaceAddresses("hub.example")
COMMIT = "ab" * 20


def file_page(hub: str, kind: RepoType, repo: str, revision: str, path: str) -> str | None:
    addresses = addresses_of(hub)
    return None if addresses is None else addresses.file(kind, repo, revision, path)


@pytest.mark.parametrize(
    ("hub", "kind", "repo", "revision", "path", "url"),
    [
        (
            *("huggingface.co", RepoType.MODEL, "owner/name", "abc", "a b/c#d?.bin"),
            "https://huggingface.co/owner/name/blob/abc/a%20b/c%23d%3F.bin",
        ),
        (
            *("huggingface.co", RepoType.DATASET, "owner/name", "refs/pr/1", "ä.bin"),
            "https://huggingface.co/datasets/owner/name/blob/refs%2Fpr%2F1/%C3%A4.bin",
        ),
        (
            *("huggingface.co", RepoType.SPACE, "owner/name", "abc", "../x"),
            "https://huggingface.co/spaces/owner/name/blob/abc/%2E%2E/x",
        ),
        (
            *("127.0.0.1:8000", RepoType.MODEL, "owner/name", "abc", "x\r\ny"),
            "http://127.0.0.1:8000/owner/name/blob/abc/x%0D%0Ay",
        ),
        (*("folder", RepoType.MODEL, "owner/name", "abc", "x"), None),
        (*("evil.example/path", RepoType.MODEL, "owner/name", "abc", "x"), None),
    ],
)
def test_an_address_is_exact(
    hub: str, kind: RepoType, repo: str, revision: str, path: str, url: str | None
) -> None:
    assert file_page(hub, kind, repo, revision, path) == url


@examples(max_examples=100, derandomize=True)
@given(st.text(), st.text(), st.text())
def test_an_address_holds_nothing_foreign(repo: str, revision: str, path: str) -> None:
    url = file_page("huggingface.co", RepoType.MODEL, repo, revision, path)
    assert url is not None
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
    assert not set("\"<>'\\^`{|}") & set(url)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("https://hub.example/owner/name", Named("owner/name", RepoType.MODEL)),
        ("https://huggingface.co/owner/name/", Named("owner/name", RepoType.MODEL)),
        ("https://hf.co/datasets/owner/name", Named("owner/name", RepoType.DATASET)),
        ("http://hub.example/spaces/owner/name?x=1#y", Named("owner/name", RepoType.SPACE)),
        ("https://hub.example/owner/name/discussions/3", Named("owner/name", RepoType.MODEL)),
        (
            f"https://hub.example/owner/name/blob/{COMMIT}/a%20b/c.bin",
            Named("owner/name", RepoType.MODEL, COMMIT, "a b/c.bin"),
        ),
        (
            "https://hub.example/owner/name/tree/refs%2Fpr%2F1",
            Named("owner/name", RepoType.MODEL, "refs/pr/1"),
        ),
        ("hf://owner/name", Named("owner/name", RepoType.MODEL)),
        (
            "hf://datasets/owner/name@v1/a/b.bin",
            Named("owner/name", RepoType.DATASET, "v1", "a/b.bin"),
        ),
        ("https://hub.example/api/models/owner/name", Named("owner/name", RepoType.MODEL)),
        (
            "https://hub.example/api/datasets/owner/name/tree/main",
            Named("owner/name", RepoType.DATASET, "main"),
        ),
        ("https://huggingface.co/owner/name.git", Named("owner/name", RepoType.MODEL)),
        ("https://huggingface.co:443/owner/name", Named("owner/name", RepoType.MODEL)),
        ("https://huggingface.co/collections/owner/things-1", None),
        ("https://huggingface.co/papers/2401.00001", None),
        ("https://huggingface.co/docs/hub", None),
        ("https://huggingface.co/api/models", None),
        ("hf://buckets/owner/name", None),
        ("https://hub.example/name/tree/main", None),
        ("https://hub.example/owner", None),
        ("https://elsewhere.example/owner/name", None),
        ("https://user@hub.example/owner/name", None),
        ("ftp://hub.example/owner/name", None),
        ("https://[/owner/name", None),
        ("owner/name", None),
        ("hf://owner", None),
        ("", None),
    ],
)
def test_an_address_is_read(address: str, named: Named | None) -> None:
    assert HUB.named(address) == named


@examples(max_examples=200, derandomize=True)
@given(
    st.sampled_from(list(RepoType)),
    st.from_regex(r"[A-Za-z0-9_][\w.-]{0,20}/[A-Za-z0-9_][\w.-]{0,20}", fullmatch=True),
    st.text(min_size=1).filter(lambda text: text.isprintable()),
    st.lists(
        st.text(min_size=1).filter(lambda text: text.isprintable() and "/" not in text), min_size=1
    ),
)
def test_what_is_made_is_read_back(
    kind: RepoType, repo: str, revision: str, steps: list[str]
) -> None:
    address = HUB.file(kind, repo, revision, "/".join(steps))
    if repo.isascii() and not repo.startswith(("datasets/", "spaces/", "models/")):
        assert HUB.named(address) == Named(repo, kind, revision, "/".join(steps))


@examples(max_examples=300, derandomize=True)
@given(st.text() | st.text().map("https://hub.example/".__add__) | st.text().map("hf://".__add__))
def test_any_text_is_read_or_none(text: str) -> None:
    found = HUB.named(text)
    assert found is None or found.repo.count("/") >= 1


def test_a_kind_is_read_from_the_name_in_the_store() -> None:
    assert addresses_of("huggingface.co") == HuggingFaceAddresses("huggingface.co")
    assert addresses_of("huggingface+hub.example") == HUB
    for none in ("folder", "unheard+hub.example", "a/b", "", "HUB.example"):
        assert addresses_of(none) is None


H = HubSettings("huggingface", "https://hub.example")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("owner/name", Named("owner/name")),
        (" owner/name/ ", Named("owner/name")),
        ("name", Named("name")),
        ("hf://name", Named("name")),
        ("hf://owner/name", Named("owner/name", RepoType.MODEL)),
        ("hf://datasets/name", Named("name", RepoType.DATASET)),
        ("datasets/owner/name", Named("owner/name", RepoType.DATASET)),
        ("spaces/owner/name/", Named("owner/name", RepoType.SPACE)),
        ("models/owner/name", Named("owner/name", RepoType.MODEL)),
        ("datasets/name", Named("name", RepoType.DATASET)),
        ("huggingface.co/owner/name", Named("owner/name", RepoType.MODEL)),
        ("hub.example/datasets/owner/name", Named("owner/name", RepoType.DATASET)),
        ("https://huggingface.co/owner/name", Named("owner/name", RepoType.MODEL)),
        ("https://hub.example/owner/name/", Named("owner/name", RepoType.MODEL)),
        ("owner/name/tree/main", Named("owner/name", None, "main")),
        ("https://hf.co/owner/name/tree/main/a", Named("owner/name", RepoType.MODEL, "main", "a")),
        ("https://hf.co/name/tree/main", Named("name", RepoType.MODEL, "main")),
        ("https://hf.co/name/resolve/v1/a/b.bin", Named("name", RepoType.MODEL, "v1", "a/b.bin")),
        ("https://hf.co/owner/tree/tree/main", Named("owner/tree", RepoType.MODEL, "main")),
        ("git@hf.co:owner/name.git", Named("owner/name", RepoType.MODEL)),
        ("git@hf.co:datasets/owner/name", Named("owner/name", RepoType.DATASET)),
        ("ssh://git@hub.example/owner/name", Named("owner/name", RepoType.MODEL)),
        ("\ufeffowner/name\u200b", Named("owner/name")),
        ("'owner/name'", Named("owner/name")),
        ("<https://hf.co/owner/name>", Named("owner/name", RepoType.MODEL)),
    ],
)
def test_a_repository_is_named_as_people_do(given: str, named: Named) -> None:
    assert repository_named(given, H) == named


@pytest.mark.parametrize(
    "given",
    [
        *("", "/", "datasets", "datasets/", "own er/name", "owner/na?me", "a//b", "hf://"),
        *("https://elsewhere.example/a/b", "https://hub.example/owner", "ftp://hub.example/a/b"),
        *("git@elsewhere.example:owner/name", "https://hf.co/collections/owner/things-1"),
    ],
)
def test_what_names_no_repository_is_an_error(given: str) -> None:
    with pytest.raises(InputError):
        repository_named(given, H)


@pytest.mark.parametrize(
    "given",
    [
        *("owner", "owner/", "https://hub.example/owner", "https://huggingface.co/owner/"),
        *("@owner", "owner\u200b", "hf.co/owner", "https://hf.co/owner?sort=x#models"),
        *("https://hf.co/owner/models", "https://hf.co/organizations/owner/activity/all"),
        *("https://hf.co/models?author=owner", "https://hf.co/datasets?author=owner&sort=x"),
    ],
)
def test_an_account_is_named_as_people_do(given: str) -> None:
    assert account_named(given, H) == "owner"


@pytest.mark.parametrize(
    "given",
    [
        *("", "owner/name", "https://elsewhere.example/owner", "a b", "https://hf.co/models"),
        *("a?b=c", "huggingface.co", "//huggingface.co", "hf.co/"),
    ],
)
def test_what_names_no_account_is_an_error(given: str) -> None:
    with pytest.raises(InputError):
        account_named(given, H)
