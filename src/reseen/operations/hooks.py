"""What a hub tells by itself, and what follows: the repository is looked at."""

from __future__ import annotations

from reseen.operations import jobs
from reseen.operations.jobs import JobKind
from reseen.records import RepoType
from reseen.scan.target import Options, Target
from reseen.store.database import Store

HOOK = "hook:huggingface"
"""The actor of what a hub asks for."""
TOLD = Options(refs=True)
"""How far a repository is looked at that a hub tells of."""


def repository_changed(store: Store, type: RepoType, repo: str) -> bool:
    """A hub says that a repository was made, changed or moved: queue a scan of it. It asks the same
    whatever was asked before (and goes further where more was): which came first does not matter.
    False where it waits already. Raises Conflict when the queue is full, and StoreError."""
    what = jobs.scan_of(Target(types=(type,), repos=(repo,)), TOLD)
    with store.write() as connection:
        _, new = jobs.ask(connection, JobKind.REPOSITORY, what, None, actor=HOOK)
    return new
