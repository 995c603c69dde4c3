"""Ctrl-C and SIGTERM end every verb in order, with 130: real processes, real signals.

No test guesses when a verb is at work: the process says so itself, from the function that it then
stays in, or its request has come to a server that never answers.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from tests.cli.test_cli import NAME, SHA256, adapter, reseen

from reseen import cli

DEADLINE = 120
SIGNALS = pytest.mark.parametrize(
    "sent", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"]
)

STAYS = """
import importlib, sys, time
module, name = sys.argv[1].rsplit(".", 1)
place = importlib.import_module(module) if module.count(".") < 3 else None
if place is None or not hasattr(place, name):
    owner, attribute = module.rsplit(".", 1)
    place = getattr(importlib.import_module(owner), attribute)

def stays(*_, **__):
    print("under way", flush=True)
    while True:
        time.sleep(60)

setattr(place, name, stays)
sys.argv = ["reseen", *sys.argv[2:]]
from reseen.cli import main
main()
"""
"""The command, with one function in which it stays for ever."""


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return kept | {"HOME": str(home), "RESEEN_HOME": str(home / "reseen"), **more}


def stopped(process: subprocess.Popen[bytes], sent: signal.Signals) -> str:
    """Stop it; what it said on standard error. It ended with 130, and told nobody of a fault."""
    process.send_signal(sent)
    _, said = process.communicate(timeout=DEADLINE)
    text = said.decode()
    assert process.returncode == 130, text
    assert "Traceback" not in text
    return text


def stays_in(home: Path, function: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A verb that has come as far as this function."""
    process = subprocess.Popen(
        [sys.executable, "-c", STAYS, function, *arguments],
        env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == b"under way":
            return process
    raise AssertionError(process.communicate()[1].decode())


def _verbs(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group) and not command.invoke_without_command:
            yield from _verbs(command, (*before, name))
        else:
            yield (*before, name)


AT_WORK: dict[tuple[str, ...], tuple[str, ...]] = {
    ("registry", "import"): ("reseen.registry.imports.import_list", "{list}"),
    ("registry", "add"): ("reseen.registry.adds.add_files", "{file}"),
    ("registry", "withdraw"): ("reseen.operations.removals.withdraw", "rm-0", "--why", "x"),
    ("check",): ("reseen.operations.checks.Checker.check", "{folder}"),
    ("scan", "folder"): ("reseen.scan.folder.scan_folder", "{folder}", "--jobs", "1"),
    ("read",): ("reseen.scan.walk.scan", "--confirm", "full"),
    ("index", "save"): ("reseen.match.saved.check_place", "{home}/index"),
    ("report",): ("reseen.report.gather.gather", "--out", "{home}/report.html"),
    ("audit", "verify"): ("reseen.store.audit_checkpoint.verify",),
    ("audit", "export"): ("reseen.report.log.write", "--out", "{home}/audit.csv"),
    ("lookup",): ("reseen.registry.lookup.find", "x"),
    ("compare",): ("reseen.fingerprints.local.sketch_of", "{file}", "{file}"),
    ("fingerprint",): ("reseen.fingerprints.whole.fingerprint", "{file}"),
    ("user", "add"): (*("reseen.operations.users.add", "ada", "--role", "lead", "--generate"),),
}
"""Verbs that take long or write, each with a function within."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    adapter(tmp_path / "folder" / "a.safetensors")
    (tmp_path / "first.csv").write_text(
        f"name,SHA256\n{NAME},{hashlib.sha256(b'first').hexdigest()}\n"
    )
    (tmp_path / "list.csv").write_text(f"name,SHA256\n{NAME},{SHA256}\n")
    reseen(tmp_path, "registry", "import", str(tmp_path / "first.csv"))
    return tmp_path


@SIGNALS
@pytest.mark.parametrize("verb", list(AT_WORK), ids=" ".join)
def test_a_verb_at_work_is_stopped(home: Path, verb: tuple[str, ...], sent: signal.Signals) -> None:
    function, *given = AT_WORK[verb]
    paths = {
        "home": str(home),
        "list": str(home / "list.csv"),
        "folder": str(home / "folder"),
        "file": str(home / "folder" / "a.safetensors"),
    }
    before = reseen(home, "registry", "list", "--json")
    arguments = [part.format(**paths) for part in given]
    with stays_in(home, function, *verb, *arguments) as process:
        assert "stopped" in stopped(process, sent).lower()
    assert reseen(home, "registry", "list", "--json") == before
    left = [path.name for path in home.iterdir() if path.name.startswith((".report", ".audit"))]
    assert left == [], "a file that is half there"


@SIGNALS
def test_an_import_that_is_stopped_while_it_writes_leaves_nothing(
    home: Path, sent: signal.Signals
) -> None:
    """In the middle of its transaction, and the same command does it all the next time."""
    before = reseen(home, "registry", "list", "--json")
    process = stays_in(
        home, "reseen.store.audit.write", "registry", "import", str(home / "list.csv")
    )
    with process:
        stopped(process, sent)
    assert reseen(home, "registry", "list", "--json") == before
    with sqlite3.connect(home / "reseen" / "reseen.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert "1 added" in reseen(home, "registry", "import", str(home / "list.csv"))


@contextmanager
def silent_hub() -> Iterator[tuple[str, socket.socket]]:
    """A hub that takes connections and never answers: its address, and where they come in."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE)
        yield f"http://127.0.0.1:{server.getsockname()[1]}", server


HUB_VERBS = (
    ("scan", "hf", "--author", "sample-account"),
    ("scan", "hf", "sample-account/lora"),
    ("scan", "hf", "--all"),
    ("watch", "hf"),
    ("recheck",),
)


@SIGNALS
@pytest.mark.parametrize("verb", HUB_VERBS, ids=" ".join)
def test_a_verb_that_waits_for_a_hub_is_stopped(
    home: Path, verb: tuple[str, ...], sent: signal.Signals
) -> None:
    with silent_hub() as (endpoint, server):
        seen(home, endpoint)
        process = subprocess.Popen(
            [sys.executable, "-m", "reseen", *verb],
            env=environment(home, HF_ENDPOINT=endpoint, HF_HOME=str(home / "hf")),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with process:
            asked, _ = server.accept()
            with asked:
                assert asked.recv(1)
                stopped(process, sent)


def seen(home: Path, endpoint: str) -> None:
    """A sighting at this hub that nobody has read."""
    from tests.facts import MadeMatch, record
    from tests.match.made import KEYRING, remove

    from reseen.hubs.kinds import stored_name
    from reseen.match import evidence
    from reseen.observed import artifacts
    from reseen.records import (
        Artifact,
        Confirmed,
        Digest,
        DigestKind,
        Match,
        RemovedFile,
        Repository,
        RepoType,
    )
    from reseen.settings import Settings
    from reseen.store.database import Store

    assert KEYRING
    settings = Settings.from_environment(environment(home, HF_ENDPOINT=endpoint))
    hub = stored_name(settings.hubs[0])
    with Store(settings.db) as store:
        digest = Digest(DigestKind.SHA256, bytes.fromhex(SHA256))
        removal = remove(store, RemovedFile((digest,)))
        repo = Repository(hub, RepoType.MODEL, "sample-account/lora", "a1" * 20)
        file = Artifact(
            *(hub, RepoType.MODEL, repo.id, "a1" * 20, "main", "model.safetensors", 1234),
            sha256=digest.value,
            lfs=True,
        )
        with store.write() as connection:
            (repository_pk,) = artifacts.repositories(connection, [repo])
            (pk,) = artifacts.artifacts(connection, repository_pk, [file])
            match = Match(removal, (evidence.declared(digest.kind, digest.value),))
            record(connection, store.secret, [MadeMatch(match, pk, Confirmed.NONE)])


def test_every_verb_is_stopped_the_same_way() -> None:
    """What `main` does is every verb's: none has a handler of its own but those that loop."""
    own = [
        path.name
        for path in Path(cli.__file__).parent.glob("*.py")
        if "signal" in path.read_text() and path.name != "__init__.py"
    ]
    assert own == []
    assert set(AT_WORK) <= set(_verbs(cli.cli))
