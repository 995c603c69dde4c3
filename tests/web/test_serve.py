"""`reseen serve` and `reseen user`, as processes and commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result

from reseen.cli import cli
from reseen.errors import Conflict, InputError, NotFound, SettingsError
from reseen.settings import Settings
from reseen.store import audit
from reseen.store.database import Store
from reseen.web.serve import Listening, check

DEADLINE = 120.0
PASSWORD = "three plain words for tests"


def run(*words: str, input: str | None = None) -> Result:
    return CliRunner().invoke(cli, [*words], input=input)


def failed(result: Result, kind: type[Exception]) -> str:
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


# -- reseen user ---------------------------------------------------------------------------------


def test_users_are_made_listed_changed_and_each_step_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\nand nothing more\n")
    made = run("user", "add", "Ada", "--role", "administrator", "--password-file", str(file))
    assert made.exit_code == 0
    assert PASSWORD not in made.output
    generated = run("user", "add", "rio", "--role", "reader", "--generate")
    assert re.search(r"^password: \S{24}$", generated.output, re.MULTILINE)
    assert run("user", "role", "rio", "lead").exit_code == 0
    assert run("user", "disable", "rio").exit_code == 0
    listed = run("user", "list").output
    assert re.search(r"^ada +administrator$", listed, re.MULTILINE)
    assert re.search(r"^rio +lead +disabled$", listed, re.MULTILINE)
    assert run("user", "enable", "rio").exit_code == 0
    typed = run("user", "password", "rio", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert typed.exit_code == 0
    assert PASSWORD not in typed.output
    assert '"role": "lead"' in run("user", "list", "--json").output
    with Store(Settings.from_environment().db) as store, store.read() as connection:
        actions = [line.action for line in audit.every(connection)]
        text = str(list(audit.every(connection)))
    assert actions == ["user-made"] * 2 + ["user-changed"] * 4
    assert PASSWORD not in text


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    made = run("user", "add", "ada", "--role", "administrator", "--generate")
    assert made.exit_code == 0, made.exception
    failed(run("user", "add", "ada", "--role", "reader", "--generate"), Conflict)
    assert "last local administrator" in failed(run("user", "disable", "ada"), Conflict)
    failed(run("user", "role", "nobody", "lead"), NotFound)
    failed(run("user", "add", "a b", "--role", "reader", "--generate"), InputError)
    missing = str(tmp_path / "missing")
    failed(run("user", "password", "ada", "--password-file", missing), InputError)
    assert run("user", "add", "eve", "--role", "owner").exit_code == 2


# -- reseen serve --------------------------------------------------------------------------------


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """The process, its URL, and the lines that it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reseen", "serve", "--port", "0", *options],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ),
        start_new_session=True,
    )
    lines: list[str] = []
    found = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.rstrip("\n"))
            if "/join/" in line:  # the last that is said of a start without users
                found.set()
        found.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert found.wait(DEADLINE)
        url = next((m[1] for line in lines if (m := re.search(r"at (http\S+)", line))), "")
        assert url, lines
        yield process, url, lines
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)
        reader.join(DEADLINE)
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_it_serves_until_told_to_stop(workers: str, sent: signal.Signals) -> None:
    with serving("--workers", workers, "--no-jobs") as (process, url, lines):
        assert "Nobody can sign in yet" in " ".join(lines)
        link = next(line.strip() for line in lines if "/join/" in line)
        assert link.startswith(f"{url}/join/")
        with urlopen(link, timeout=DEADLINE) as answer:
            assert b"Make the first administrator" in answer.read()
        with urlopen(f"{url}/health", timeout=DEADLINE) as answer:
            assert answer.read() == b"lives\n"
        with urlopen(f"{url}/sign-in", timeout=DEADLINE) as answer:
            assert "server" not in {name.lower() for name in answer.headers}
        with urlopen(f"{url}/metrics", timeout=DEADLINE) as answer:
            assert b"reseen_request_seconds" in answer.read()
        if sent is signal.SIGINT:
            os.killpg(process.pid, sent)  # as a terminal does
        else:
            process.send_signal(sent)
        assert process.wait(DEADLINE) == 0
    assert not [line for line in lines if "Traceback" in line]


def test_a_taken_port_is_said() -> None:
    with serving("--no-jobs") as (_, url, _):
        port = url.rsplit(":", 1)[1]
        failed_too = run("serve", "--port", port, "--no-jobs")
        assert f"port {port}" in failed(failed_too, SettingsError)


def test_a_start_that_fails_leaves_the_link_of_the_service_that_runs() -> None:
    with serving("--no-jobs") as (_, url, lines):
        link = next(line.strip() for line in lines if "/join/" in line)
        failed(run("serve", "--port", url.rsplit(":", 1)[1], "--no-jobs"), SettingsError)
        with urlopen(link, timeout=DEADLINE) as answer:
            assert b"Make the first administrator" in answer.read()


def test_passwords_do_not_cross_a_network_in_clear(tmp_path: Path) -> None:
    plain = Settings.from_environment({"RESEEN_HOME": str(tmp_path)})
    url = "https://review.example"
    https = Settings.from_environment({"RESEEN_HOME": str(tmp_path), "RESEEN_URL": url})
    for host in ("0.0.0.0", "::", "192.0.2.1", "review.example"):
        with pytest.raises(SettingsError, match="clear text"):
            check(plain, Listening(host=host))
        check(https, Listening(host=host))
        check(plain, Listening(host=host, insecure=True))
    for host in ("127.0.0.1", "::1", "localhost", "127.0.0.9"):
        check(plain, Listening(host=host))


def test_missing_libraries_are_said_with_their_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("argon2", "fastapi", "uvicorn"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "reseen.web.serve", raising=False)
    for words in (("serve",), ("user", "list")):
        result = run(*words)
        assert "not installed" in failed(result, SettingsError)
        assert isinstance(result.exception, SettingsError)
        assert "reseen[serve]" in (result.exception.remedy or "")
