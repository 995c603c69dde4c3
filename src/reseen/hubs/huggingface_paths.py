"""Paths of the Hub's API and of files, made of names that are checked before."""

from __future__ import annotations

from urllib.parse import quote

from reseen.errors import HubMissing
from reseen.hubs import answers
from reseen.hubs.huggingface_addresses import PREFIX
from reseen.records import Artifact, RepoType


def api_path(type: RepoType, repo: str) -> str:
    """Of a repository."""
    _check_repo(repo)
    return f"/api/{type}s/{repo}"


def file_path(artifact: Artifact) -> str:
    """Where a file's bytes are. Raises HubMissing for what no hub has a path for."""
    _check_repo(artifact.repo)
    if answers.why_unusable(artifact.path):
        raise HubMissing("no hub has a path like this")
    revision, path = quoted_revision(artifact.revision), quote(artifact.path)
    return f"/{PREFIX[artifact.type]}{artifact.repo}/resolve/{revision}/{path}"


def _check_repo(repo: str) -> None:
    """Before it becomes part of a URL."""
    if not answers.is_repo_id(repo):
        raise HubMissing("this is no repository's name", remedy='It looks like "owner/name".')


def quoted_revision(revision: str) -> str:
    """A ref has slashes, and is one part of the path: "refs/pr/1" -> "refs%2Fpr%2F1"."""
    if answers.is_no_ref(revision):
        raise HubMissing("this is no revision's name")
    return quote(revision, safe="")
