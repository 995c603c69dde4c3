"""What olah gives, and that it is the same commits as the replica's."""

from __future__ import annotations

from huggingface_hub import HfApi, close_session
from huggingface_hub.hf_api import RepoFile
from replica.sample import sample_world
from tests.replica.olah_hub import OlahHub


def test_olah_serves_the_same_commits_with_the_same_oids(olah: OlahHub) -> None:
    world = sample_world()
    api = HfApi(endpoint=olah.endpoint, token=False)
    for id in ("account-01/Test", "account-13/small"):
        repo = world.repositories["model", id]
        commit = repo.at("main")
        assert commit is not None
        entries = list(api.list_repo_tree(id, revision=commit.id, recursive=True))
        assert {e.path: e.blob_id for e in entries if isinstance(e, RepoFile)} == {
            p: b.git_oid for p, b in commit.files.items()
        }
    refs = api.list_repo_refs("account-06/empty", include_pull_requests=True)
    ours = world.repositories["model", "account-06/empty"].refs
    assert {r.ref: r.target_commit for r in (*refs.branches, *(refs.pull_requests or ()))} == ours
    read = api.parse_safetensors_file_metadata("account-01/LORA", "LORA.safetensors")
    assert len(read.tensors) == 36
    close_session()
