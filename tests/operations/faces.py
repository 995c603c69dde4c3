"""The same acts by every face: the command line, a page, Python."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from tests.web.visitors import Visitor

from reseen.cli import main
from reseen.operations import lists, removals
from reseen.registry.imports import ImportOptions
from reseen.review.roles import Role
from reseen.web.app import make_app
from reseen.web.service import Service

KEY = "5e" * 32


@dataclass(frozen=True)
class Face:
    """How somebody imports a list, and withdraws and restores a removal."""

    import_list: Callable[[Service, Path], None]
    withdraw: Callable[[Service, str], None]
    restore: Callable[[Service, str], None]


def _python_import(service: Service, path: Path) -> None:
    assert service.keyring is not None
    lists.import_list(service.store, service.keyring, path, ImportOptions(list_name="sample"))


def command(service: Service, *args: str, endpoint: str = "", code: int = 0) -> str:
    """What the command says, on standard output and standard error."""
    environment = {
        "PATH": os.environ["PATH"],
        "RESEEN_HOME": str(service.settings.home),
        "RESEEN_DB": service.settings.db,
        "RESEEN_KEY": KEY,
        **({"HF_ENDPOINT": endpoint} if endpoint else {}),
    }
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["reseen", *args]),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert ended.value.code == code, said.getvalue()
    return said.getvalue()


def _ran(service: Service, *args: str) -> None:
    command(service, *args)


def _page_import(service: Service, path: Path) -> None:
    lead = Visitor(make_app(service), Role.LEAD)
    assert lead.import_list(path.read_bytes(), "sample").status_code == 200


def _page_turn(what: str) -> Callable[[Service, str], None]:
    def turn(service: Service, id: str) -> None:
        lead = Visitor(make_app(service), Role.LEAD)
        assert lead.post(f"/removals/{id}/{what}", {"reason": "A test."}).status_code == 303

    return turn


FACES = {
    "command": Face(
        lambda service, path: _ran(
            service, "registry", "import", str(path), "--list", "sample", "--quiet"
        ),
        lambda service, id: _ran(service, "registry", "withdraw", id, "--why", "A test."),
        lambda service, id: _ran(service, "registry", "restore", id, "--why", "A test."),
    ),
    "page": Face(_page_import, _page_turn("withdraw"), _page_turn("restore")),
    "python": Face(
        _python_import,
        lambda service, id: _done(removals.withdraw, service, id),
        lambda service, id: _done(removals.restore, service, id),
    ),
}


def _done(act: Callable[..., object], service: Service, id: str) -> None:
    act(service.store, service.keyring, id, "A test.")
