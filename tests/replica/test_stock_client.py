"""The Hub's stock client is the judge: what it understands is what the Hub says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import huggingface_hub
import pytest
from huggingface_hub import HfApi, errors, hf_api
from huggingface_hub.hf_api import RepoFile, RepoFolder
from replica.big import BigWorld
from replica.sample import sample_world
from replica.server import Replica
from replica.shapes import EXPAND
from replica.world import EPOCH, World, plain


@pytest.fixture
def api(replica: Replica) -> Iterator[HfApi]:
    yield HfApi(endpoint=replica.endpoint, token=False)
    huggingface_hub.close_session()  # the client keeps connections, also to replicas that left


def test_lists_page_by_the_link_in_the_order_of_making(api: HfApi, world: World) -> None:
    public = [r for (type, _), r in world.repositories.items() if type == "model" and not r.private]
    listed = list(
        api.list_models(sort="created_at", expand=["sha", "siblings", "createdAt", "usedStorage"])
    )

    assert [m.id for m in listed] == [
        r.id for r in sorted(public, key=lambda r: r.created, reverse=True)
    ]
    one = next(m for m in listed if m.id == "account-01/LORA")
    repo = world.repositories["model", "account-01/LORA"]
    assert one.sha == repo.sha
    assert one.siblings is not None
    assert [s.rfilename for s in one.siblings] == [
        ".gitattributes",
        "LORA.safetensors",
        "README.md",
    ]
    assert one.used_storage == world.removal(1).size
    assert one.created_at == repo.created


def test_a_long_list_comes_in_pages() -> None:
    with Replica(BigWorld(2500)) as hub:
        api = HfApi(endpoint=hub.endpoint, token=False)
        listed = [m.id for m in api.list_models(sort="created_at")]
        huggingface_hub.close_session()
        assert hub.journal.requests == {"list": 3}
    assert len(set(listed)) == 2500
    assert listed[0] == "account-0000124/model-0002499"


def test_an_author_a_search_and_a_filter_narrow_a_list(api: HfApi) -> None:
    assert len(list(api.list_models(author="account-01"))) == 4
    assert [m.id for m in api.list_models(search="MEMBERS")] == ["account-05/members-only"]
    assert all("lora" in (m.tags or ()) for m in api.list_models(filter="lora"))
    assert [d.id for d in api.list_datasets()] == ["account-11/collection"]
    assert [s.id for s in api.list_spaces(full=True)] == ["account-12/playground"]


def test_a_repository_tells_its_blobs(api: HfApi, world: World) -> None:
    info = api.model_info("account-01/LORA", files_metadata=True)
    removal = world.removal(1)
    sibling = next(s for s in info.siblings or () if s.rfilename == "LORA.safetensors")

    assert info.sha == world.repositories["model", "account-01/LORA"].sha
    assert sibling.lfs is not None
    assert (sibling.lfs.sha256, sibling.size) == (removal.sha256, removal.size)
    assert info.gated is False


def test_a_tree_pages_and_names_directories(world: World) -> None:
    crowded = sample_world(crowd=5000)
    with Replica(crowded) as hub:
        api = HfApi(endpoint=hub.endpoint, token=False)
        entries = list(api.list_repo_tree("account-30/many-files", recursive=True))
        huggingface_hub.close_session()
        assert hub.journal.requests["tree"] == 6
    files = {e.path: e for e in entries if isinstance(e, RepoFile)}
    folders = [e.path for e in entries if isinstance(e, RepoFolder)]

    assert len(files) == 5002
    assert folders == ["part-0", "part-1", "part-2", "part-3", "part-4", "part-z"]
    last = files["part-z/last.bin"].lfs
    assert last is not None
    assert last.sha256 == world.removal(3).sha256


def test_an_expanded_tree_tells_the_last_commit(api: HfApi, world: World) -> None:
    repo = world.repositories["model", "account-07/cleaned-up"]
    repo.commit({"late.txt": plain(b"late")}, "Add late")
    entries = api.list_repo_tree(repo.id, recursive=True, expand=True)
    titles = {e.path: e.last_commit.title for e in entries if e.last_commit}
    assert titles == {".gitattributes": "initial", "README.md": "initial", "late.txt": "Add late"}


def test_paths_info_drops_what_is_missing(api: HfApi, world: World) -> None:
    found = api.get_paths_info("account-01/LORA", ["LORA.safetensors", "missing"], expand=True)
    assert len(found) == 1
    assert isinstance(found[0], RepoFile)
    assert found[0].xet_hash is not None
    assert (
        found[0].blob_id
        == world.repositories["model", "account-01/LORA"]
        .at("main")
        .files[  # type: ignore[union-attr]
            "LORA.safetensors"
        ]
        .git_oid
    )


def test_a_gated_tree_masks_the_hash_and_shows_the_pointer(api: HfApi, world: World) -> None:
    world.repositories["model", "account-05/members-only"].readers.add("account-reader")
    repo = world.repositories["model", "account-05/members-only"]
    (masked,) = api.get_paths_info(repo.id, "m.safetensors")
    (open,) = api.get_paths_info(repo.id, "m.safetensors", token="hf_sample")

    assert isinstance(masked, RepoFile)
    assert isinstance(open, RepoFile)
    assert masked.lfs is not None
    assert open.lfs is not None
    assert set(masked.lfs.sha256) == {"*"}
    assert masked.xet_hash is None
    assert open.lfs.sha256 == world.removal(6).sha256
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        world.removal(6).sha256.encode(),
        world.removal(6).size,
    )
    assert masked.blob_id == hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()


def test_refs_and_history_show_what_main_does_not(api: HfApi, world: World) -> None:
    refs = api.list_repo_refs("account-06/empty", include_pull_requests=True)
    assert [r.ref for r in refs.pull_requests or ()] == ["refs/pr/1"]
    assert [b.name for b in refs.branches] == ["main"]
    tree = api.list_repo_tree("account-06/empty", revision="refs/pr/1")
    assert "p.safetensors" in [e.path for e in tree]
    assert "p.safetensors" not in [e.path for e in api.list_repo_tree("account-06/empty")]

    commits = api.list_repo_commits("account-07/cleaned-up")
    assert [c.title for c in commits] == ["Delete old", "Upload old", "initial"]
    old = api.list_repo_tree("account-07/cleaned-up", revision=commits[1].commit_id)
    assert "old.safetensors" in [e.path for e in old]

    refs = api.list_repo_refs("account-08/branches")
    assert [b.name for b in refs.branches] == ["backup", "main"]
    assert [t.name for t in refs.tags] == ["v1"]


def test_files_download_whole_and_the_token_stays(
    replica: Replica, api: HfApi, world: World, tmp_path: Path
) -> None:
    large = api.hf_hub_download(
        "account-01/LORA", "LORA.safetensors", cache_dir=tmp_path, token="hf_sample"
    )
    small = api.hf_hub_download("account-20/model-00", "config.json", cache_dir=tmp_path)

    assert Path(large).read_bytes() == world.removal(1).data
    assert Path(small).read_bytes() == b'{"sample": 0}\n'
    assert replica.journal.authorizations["hub"] == {"Bearer hf_sample"}
    assert replica.journal.authorizations["cdn"] == set()
    assert replica.journal.sent["cdn"] == world.removal(1).size
    assert replica.journal.downloads > 0


def test_a_header_is_read_by_range(replica: Replica, api: HfApi, world: World) -> None:
    found = api.parse_safetensors_file_metadata("account-02/backup", "file-16.safetensors")
    assert len(found.tensors) == 36
    assert found.metadata["ss_network_dim"] == "64"
    assert replica.journal.sent["cdn"] == 100_001


def test_errors_are_the_hubs(api: HfApi, world: World, tmp_path: Path) -> None:
    # A stranger is told no code, and the client takes 401 for it at https addresses only.
    for id in ("account-99/missing", "account-15/private"):
        with pytest.raises(errors.HfHubHTTPError) as hidden:
            api.model_info(id)
        assert hidden.value.response.status_code == 401
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("account-99/missing", token="hf_sample")
    with pytest.raises(errors.RevisionNotFoundError):
        list(api.list_repo_tree("account-01/LORA", revision="missing"))
    with pytest.raises(errors.RevisionNotFoundError):
        list(api.list_repo_tree("account-15/nothing-yet"))
    with pytest.raises(errors.RemoteEntryNotFoundError):
        api.hf_hub_download("account-01/LORA", "missing", cache_dir=tmp_path)
    with pytest.raises(errors.GatedRepoError):
        api.hf_hub_download("account-05/members-only", "m.safetensors", cache_dir=tmp_path)
    assert api.model_info("account-14/taken-down", expand=["disabled"]).disabled
    with pytest.raises(errors.DisabledRepoError):
        list(api.list_repo_tree("account-14/taken-down"))
    with pytest.raises(errors.HfHubHTTPError) as refused:
        api.whoami(token="hf_wrong")
    assert refused.value.response.status_code == 401


def test_a_token_has_a_name_and_opens_what_is_its_own(api: HfApi, world: World) -> None:
    world.repositories["model", "account-15/private"].readers.add("account-reader")
    assert api.whoami(token="hf_sample")["name"] == "account-reader"
    assert api.model_info("account-15/private", token="hf_sample").private


def test_a_renamed_repository_redirects(api: HfApi, world: World) -> None:
    world.moved["model", "account-01/old-name"] = "account-01/LORA"
    assert api.model_info("account-01/old-name").id == "account-01/LORA"


def test_a_new_repository_leads_the_list_of_changes(api: HfApi, world: World) -> None:
    repo = world.repositories["model", "account-01/LORA"]
    late = EPOCH.replace(year=2026)
    repo.commit({"new.txt": plain(b"new")}, date=late)
    first = next(iter(api.list_models(sort="last_modified", full=True)))
    assert (first.id, first.last_modified) == (repo.id, late)


def test_expand_knows_the_fields_that_the_client_knows(api: HfApi) -> None:
    for type, known in (
        ("model", hf_api.ExpandModelProperty_T),
        ("dataset", hf_api.ExpandDatasetProperty_T),
        ("space", hf_api.ExpandSpaceProperty_T),
    ):
        assert set(get_args(known)) == EXPAND[type]
    with pytest.raises(errors.BadRequestError):
        list(api.list_spaces(expand=["downloads"]))  # type: ignore[list-item]
