"""What a hub tells by itself, and what follows: the repository is looked at."""

from __future__ import annotations

from reseen.operations import jobs
from reseen.operations.jobs import JobKind
from reseen.records import RepoType
from reseen.scan.target import Options, Target
from reseen.store.database import Store

HOOK = "hook:huggingface"
"""The actor of what a hub asks for."""


def repository_changed(store: Store, type: RepoType, repo: str) -> bool:
    """A hub says that a repository was made, changed or moved: queue a scan of it. False where it
    waits already. Raises Conflict when the queue is full, and StoreError."""
    what = jobs.scan_of(Target(types=(type,), repos=(repo,)), Options(refs=True))
    with store.write() as connection:
        _, new = jobs.ask(connection, JobKind.REPOSITORY, what, None, actor=HOOK)
    return new
