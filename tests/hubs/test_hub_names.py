"""Hubs by name: which there are, what the environment says of each, and how each is opened."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from reseen.errors import HubBusy, InputError, SettingsError
from reseen.hubs import kinds, meant, refusals
from reseen.hubs.hub import WantedRepositories
from reseen.hubs.huggingface import HuggingFace
from reseen.settings import HubSettings, RateLimit, Settings, host_of, said_of_address

MIRROR = {
    "RESEEN_HUB_MY_MIRROR_ENDPOINT": "https://mirror.example/hub/",
    "RESEEN_HUB_MY_MIRROR_TOKEN": "secret-of-the-mirror",
    "RESEEN_HUB_MY_MIRROR_QUOTA": "500/300",
}


def settings(**environment: str) -> Settings:
    return Settings.from_environment({"HF_TOKEN": "secret-of-the-hub", **environment})


def test_the_hugging_face_hub_is_there_without_any_setting() -> None:
    plain = Settings.from_environment({})
    hub, other = plain.hubs
    assert hub == HubSettings("huggingface", "https://huggingface.co")
    civitai = HubSettings("civitai", "https://civitai.com", "civitai", quota=RateLimit(2, 1.0))
    assert other == civitai
    assert kinds.stored_name(other) == "civitai+civitai.com"
    assert meant.hub_named("Civitai.com", plain) is other
    for name in ("hf", "HF", " huggingface ", "huggingface.co"):
        assert meant.hub_named(name, plain) is plain.hubs[0]


def test_each_hub_names_its_own_variables_where_it_is_refused_or_away() -> None:
    first, mirror, civitai = settings(**MIRROR).hubs
    assert (first.address_in, first.access_in) == ("HF_ENDPOINT", "HF_TOKEN")
    assert mirror.access_in == "RESEEN_HUB_MY_MIRROR_TOKEN"
    assert civitai.said_of_address == (
        "The hub's address is the usual one; RESEEN_HUB_CIVITAI_ENDPOINT can name another."
    )
    refused = refusals.refusal(403, {}, False, "the hub", civitai.access_in)
    assert (refused.remedy or "").startswith("Give a token in RESEEN_HUB_CIVITAI_TOKEN")


def test_each_hub_has_its_own_endpoint_token_and_quota() -> None:
    both = settings(HF_ENDPOINT="http://127.0.0.1:8000/", **MIRROR)
    hub, mirror, _ = both.hubs
    assert (hub.endpoint, hub.token, hub.quota) == (
        "http://127.0.0.1:8000",
        "secret-of-the-hub",
        None,
    )
    assert mirror == HubSettings(
        "my-mirror",
        "https://mirror.example/hub",
        token="secret-of-the-mirror",
        quota=RateLimit(500, 300.0),
    )
    assert "secret" not in repr(both)
    for name in ("my-mirror", "MY-MIRROR", "mirror.example"):
        assert meant.hub_named(name, both) is mirror
    assert kinds.stored_name(hub) == "127.0.0.1:8000"
    assert kinds.stored_name(mirror) == "mirror.example"


def test_a_mirror_is_never_given_the_token_of_the_hub() -> None:
    _, mirror, _ = settings(RESEEN_HUB_M_ENDPOINT="https://mirror.example").hubs
    assert mirror.token is None


def test_the_first_hub_may_be_set_by_its_name_too() -> None:
    hub, _ = settings(
        HF_ENDPOINT="https://other.example",
        RESEEN_HUB_HUGGINGFACE_ENDPOINT="https://hub.example",
        RESEEN_HUB_HUGGINGFACE_TOKEN="mine",
        RESEEN_HUB_HUGGINGFACE_QUOTA="10/1",
    ).hubs
    wanted = HubSettings(
        "huggingface", "https://hub.example", token="mine", quota=RateLimit(10, 1.0)
    )
    assert (hub, hub.token) == (wanted, "mine")


def test_a_name_that_is_none_is_one_error_that_lists_the_names() -> None:
    with pytest.raises(InputError) as refused:
        meant.hub_named("civit.ai", settings(**MIRROR))
    assert str(refused.value) == (
        "there is no hub called 'civit.ai'; known: huggingface (hf), my-mirror, civitai"
    )
    assert refused.value.remedy == "For another, set RESEEN_HUB_CIVIT_AI_ENDPOINT."


@pytest.mark.parametrize(
    "environment",
    [
        {"RESEEN_HUB_X_TOKEN": "a"},
        {"RESEEN_HUB_X_ENDPOINT": "not a URL"},
        {"RESEEN_HUB_X_ENDPOINT": "https://user@hub.example"},
        {"RESEEN_HUB_X_ENDPOINT": "https://a..b"},
        {"RESEEN_HUB_X_ENDPOINT": "https://hub.example", "RESEEN_HUB_X_QUOTA": "many"},
        {"RESEEN_HUB_X_ENDPOINT": "https://hub.example", "RESEEN_HUB_X_QUOTA": "0/300"},
        {"RESEEN_HUB_X_ENDPOINT": "https://hub.example", "RESEEN_HUB_X_DOWNLOADS": "some"},
        {"RESEEN_HUB_HF_ENDPOINT": "https://hub.example"},
        {"RESEEN_HUB_FOLDER_ENDPOINT": "https://hub.example"},
        {"HF_ENDPOINT": "nonsense"},
    ],
)
def test_settings_that_make_no_sense_are_said(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(**environment)
    (name, *_) = environment
    said = f"{refused.value} {refused.value.remedy}"
    assert name in said or name.rpartition("_")[0] in said or "the hub x" in said


def test_a_kind_that_nobody_knows_is_said_when_it_is_opened() -> None:
    hub = HubSettings("other", "https://hub.example", kind="gopher")
    with pytest.raises(SettingsError, match="unknown kind, 'gopher'"):
        kinds.open_hub(hub)


def test_a_registry_of_images_is_not_opened_where_nothing_may_count_as_a_download() -> None:
    hub = HubSettings("x", "https://hub.example", kind="oci", downloads=False)
    with pytest.raises(SettingsError, match="manifests") as refused:
        kinds.open_hub(hub)
    assert "RESEEN_HUB_X_DOWNLOADS" in str(refused.value.remedy)


def test_what_is_opened_has_the_name_that_the_store_keeps() -> None:
    async def names(hub: HubSettings) -> tuple[str, str]:
        opened = kinds.open_hub(hub)
        assert isinstance(opened, HuggingFace)
        try:
            return opened.name, kinds.stored_name(hub)
        finally:
            await opened.close()

    for endpoint in ("https://huggingface.co", "http://127.0.0.1:8000/sub", "https://h.example"):
        name, stored = asyncio.run(names(HubSettings("h", endpoint)))
        assert name == stored == host_of(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://huggingface.co",
        "https://HuggingFace.co:443/",
        "http://localhost:80",
        "http://127.0.0.1:18931/wrong",
        "http://[::1]:8000",
        "https://[2001:db8::1]",
        "https://b\u00fccher.example:8443",
    ],
)
def test_a_host_is_called_as_it_always_was(endpoint: str) -> None:
    """The client named it so before: stored rows stay the same hub's."""
    assert host_of(endpoint) == httpx2.URL(endpoint).netloc.decode("ascii")


def test_an_error_names_the_address_that_was_given() -> None:
    async def nobody(endpoint: str) -> None:
        async with HuggingFace(endpoint) as hub:
            await hub.list_repositories(WantedRepositories(), None)

    with pytest.raises(HubBusy, match=r"^http://127\.0\.0\.1:9 cannot be reached") as said:
        asyncio.run(nobody("http://127.0.0.1:9"))
    assert "HF_ENDPOINT" in str(said.value.remedy)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("huggingface", ""),
        ("my-mirror", "RESEEN_HUB_MY_MIRROR_ENDPOINT"),
    ],
)
def test_a_hub_knows_which_setting_says_its_address(name: str, variable: str) -> None:
    assert meant.hub_named(name, settings(**MIRROR)).said_by == variable
    (hub, *_) = settings(HF_ENDPOINT="http://127.0.0.1:9").hubs
    assert hub.said_by == "HF_ENDPOINT"
    assert said_of_address("HF_ENDPOINT") == "The hub's address is what HF_ENDPOINT says."
    assert "is the usual one" in said_of_address(""), "nothing says what no variable says"


@pytest.mark.parametrize(
    ("given", "error", "remedy"),
    [
        (
            "https://elsewhere.example/owner/name",
            "no hub of the settings is at elsewhere.example; known: huggingface (hf), my-mirror, "
            "civitai",
            "RESEEN_HUB_ELSEWHERE_EXAMPLE_ENDPOINT=https://elsewhere.example; "
            "its name is then elsewhere-example",
        ),
        ("HTTP://Models.Example:8080/", "is at models.example:8080", "http://models.example:8080"),
        (
            "https://mirror.example/owner/name",
            "is an address, and no name of a hub",
            "Name its hub before it: my-mirror https://mirror.example/owner/name",
        ),
        ("hf://owner/name", "is an address", "Name its hub before it: huggingface hf://owner/name"),
        ("https://a b/x", "there is no hub called", "Give a hub's name"),
        ("ftp://hub.example/x", "there is no hub called", "Give a hub's name"),
    ],
)
def test_an_address_where_a_hubs_name_is_wanted(given: str, error: str, remedy: str) -> None:
    mirror = MIRROR | {"RESEEN_HUB_MY_MIRROR_ENDPOINT": "https://mirror.example"}
    with pytest.raises(InputError) as refused:
        meant.hub_named(given, settings(**mirror))
    assert error.lower() in str(refused.value).lower()
    assert remedy.lower() in str(refused.value.remedy).lower()
