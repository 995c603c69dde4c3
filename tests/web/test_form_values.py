"""Names as people paste them into the page's form."""

from __future__ import annotations

import pytest

from reseen.errors import InputError
from reseen.records import RepoType
from reseen.settings import HubSettings
from reseen.web.form_values import account
from reseen.web.typed_lines import read_each, repositories

HUB = HubSettings("huggingface", "https://hub.example")


def test_repositories_are_named_in_any_way() -> None:
    text = """owner/one/
    hf://owner/two, https://huggingface.co/owner/three/tree/main
    datasets/owner/four https://hub.example/spaces/owner/five
    gpt2"""
    assert repositories(text, HUB) == [
        ("owner/one", None),
        ("owner/two", RepoType.MODEL),
        ("owner/three", RepoType.MODEL),
        ("owner/four", RepoType.DATASET),
        ("owner/five", RepoType.SPACE),
        ("gpt2", None),
    ]


@pytest.mark.parametrize(
    "word", ["https://elsewhere.example/a/b", "a/b/c/d?", "a//b", "own<er/name", "../x/y"]
)
def test_what_names_none_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(InputError) as caught:
        repositories(word, HUB)
    assert word not in f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a/b\nmy first model", 2),
        ("a/b, c/d e f/g", 1),
        ("a/b\n\nc/d\ne/f\nown<er/name", 5),
        ("a/b\nc/d e//f", 2),
        ("a/b, https://elsewhere.example/c/d", 1),
    ],
)
def test_what_is_wrong_of_several_is_named_by_its_line(text: str, number: int) -> None:
    with pytest.raises(InputError, match=f"line {number}: ") as caught:
        repositories(text, HUB)
    assert not any(word in str(caught.value) for word in ("first", "Test", "owner", "elsewhere"))


def test_an_account_that_is_wrong_is_named_by_its_line() -> None:
    with pytest.raises(InputError, match="line 2: this is no account's name"):
        read_each("one, two\nth/ree", account)
    assert read_each("one; two, three", account) == ["one", "two", "three"]
