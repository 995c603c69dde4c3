"""Names as people paste them into the page's form."""

from __future__ import annotations

import pytest

from reseen.errors import InputError
from reseen.records import RepoType
from reseen.settings import HubSettings
from reseen.web.form_values import repositories

HUB = HubSettings("huggingface", "https://hub.example")


def test_repositories_are_named_in_any_way() -> None:
    text = """owner/one/
    hf://owner/two, https://huggingface.co/owner/three/tree/main
    datasets/owner/four gpt2 https://hub.example/spaces/owner/five"""
    names, types = repositories(text, HUB)
    assert names == ["owner/one", "owner/two", "owner/three", "owner/four", "gpt2", "owner/five"]
    assert types == [RepoType.MODEL, RepoType.MODEL, RepoType.DATASET, RepoType.SPACE]


@pytest.mark.parametrize(
    "word", ["https://elsewhere.example/a/b", "a/b/c/d?", "a//b", "own<er/name", "../x/y"]
)
def test_what_names_none_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(InputError) as caught:
        repositories(word, HUB)
    assert word not in f"{caught.value} {caught.value.remedy}"
