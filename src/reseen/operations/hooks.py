"""What a hub tells by itself, and what follows: the repository is looked at."""

from __future__ import annotations

from reseen.observed import walks
from reseen.operations import jobs
from reseen.operations.jobs import JobKind
from reseen.records import RepoType
from reseen.scan.target import Confirm, Options, Target
from reseen.store.database import Store

HOOK = "hook:huggingface"
"""The actor of what a hub asks for."""


def repository_changed(store: Store, hub: str, type: RepoType, repo: str) -> bool:
    """A hub (as the store calls it) says that a repository was made, changed or moved: queue a scan
    of it, as far as was ever asked of it. False where it waits already. Raises Conflict when the
    queue is full, and StoreError."""
    with store.read() as connection:
        before = walks.asked_of(connection, hub, type, repo)
    options = Options(refs=True)
    if before is not None:
        level = tuple(Confirm)[before.confirm]
        options = Options(confirm=level, refs=True, follow=before.follow > 0)
    what = jobs.scan_of(Target(types=(type,), repos=(repo,)), options)
    with store.write() as connection:
        _, new = jobs.ask(connection, JobKind.REPOSITORY, what, None, actor=HOOK)
    return new
