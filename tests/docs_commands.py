"""The commands that stand on pages: found, and run as a reader would run them.

What comes in: a page in Markdown. What goes out: its blocks of `sh`, each with the output that the
page shows behind it, and a `Reader` who types them. `reseen` runs in this process (starting Python
for each command takes a second); `reseen serve ... &` is a process of its own; all else goes to
`bash`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

from reseen.cli import main

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
_ENDS = re.compile(r"#.*\bends with (\d+)\b")
_ID = re.compile(r"\b(rm|sg)-[0-9a-z]{8,12}\b")
_SERVES = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Block:
    """Commands, the output that is shown behind them, and why they are not run by a test, if so."""

    commands: tuple[str, ...]
    shown: tuple[str, ...]
    not_run: str | None


def blocks(page: str) -> list[Block]:
    """The blocks of `sh` on a page, in order. A block of `text` right behind one is its output."""
    found: list[Block] = []
    ended = -1
    for match in _FENCE.finditer(page):
        kind, text = match.groups()
        if kind == "sh":
            why = _NOT_RUN.search(page[: match.start()])
            lines = tuple(line for line in text.splitlines() if line.strip())
            found.append(Block(lines, (), why.group(1) if why else None))
            ended = match.end()
        elif kind == "text" and found and not page[ended : match.start()].strip():
            last = found[-1]
            found[-1] = Block(last.commands, tuple(text.splitlines()), last.not_run)
    return found


@dataclass
class Reader:
    """Types commands in a folder; knows the ids that were shown last, as a person would."""

    folder: Path
    endpoint: str
    environment: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    serving: list[subprocess.Popen[str]] = field(default_factory=list)
    port: str = ""

    def play(self, block: Block) -> None:
        """Run a block. Fails where a command ends otherwise than the page says, or where what is
        shown does not come."""
        said = "".join(self.type(command) for command in block.commands)
        for kind in ("rm", "sg"):
            first = re.search(rf"\b{kind}-[0-9a-z]{{8,12}}\b", said)
            if first:
                self.ids[kind] = first.group()
        place = 0
        for line in block.shown:
            pattern = re.escape(line.strip()).replace(re.escape("..."), ".*?")
            match = re.compile(pattern.replace(r"\ ", r"\s+")).search(said, place)
            assert match, f"{line!r} was not printed by {block.commands}:\n{said}"
            place = match.start()

    def type(self, command: str) -> str:
        """Run one command; what it printed, on both outputs."""
        ends = _ENDS.search(command)
        command = re.sub(r"\s{2,}#.*$", "", command)
        command = _ID.sub(lambda m: self.ids.get(m.group(1), m.group()), command)
        command = _SERVES.sub(lambda m: f"http://127.0.0.1:{self.port or m.group(1)}", command)
        if command.startswith("export "):
            name, value = command.removeprefix("export ").split("=", 1)
            self.environment[name] = value.replace("$PWD", str(self.folder))
            return ""
        if command.startswith("reseen serve"):
            return self.serve(command)
        if command.startswith("reseen ") or "| reseen " in command:
            code, said = self.reseen(command)
        else:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self.environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            code, said = done.returncode, done.stdout
        said = said.replace(self.endpoint.removeprefix("http://"), "127.0.0.1:18930")
        assert code == int(ends.group(1) if ends else 0), f"{command} ended with {code}\n{said}"
        return said

    def reseen(self, command: str) -> tuple[int, str]:
        """`reseen ...`, perhaps with something piped into it, or its output into a file."""
        before, _, command = command.rpartition(" | ")
        given = ""
        if before:
            made = ["bash", "-c", before]
            given = subprocess.run(made, text=True, capture_output=True, check=True).stdout
        command, _, into = command.partition(" > ")
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "argv", shlex.split(command)),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()))),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        if into:
            (self.folder / into.strip()).write_text(out.getvalue())
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out.getvalue() + err.getvalue()

    def serve(self, command: str) -> str:
        """Start it, on a free port; what it says when it listens."""
        arguments = shlex.split(command.removesuffix("&"))[1:]
        arguments[arguments.index("--port") + 1] = "0"
        process = subprocess.Popen(
            [sys.executable, "-m", "reseen", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.serving.append(process)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if (listens := _SERVES.search(line)) is not None:
                self.port = listens.group(1)
                return said.replace(f":{self.port}", ":8321")
        raise AssertionError(f"{command} ended: {said}")

    def leave(self) -> None:
        """End what still runs, as closing the terminal does."""
        for process in self.serving:
            process.send_signal(signal.SIGTERM)
            process.communicate()
