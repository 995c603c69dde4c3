"""The docs are complete: a verb, option, setting, error, field or rung left out fails."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.web.routes import NEEDS

from reseen import errors
from reseen.cli import cli
from reseen.cli.exit_codes import FIRST, MEANING, ExitCode
from reseen.records import Confirmed, DigestKind, Rung, SightingState
from reseen.report.rows import REPORT_FIELDS
from reseen.review.roles import Role
from reseen.settings import ENVIRONMENT

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def verbs(
    command: click.Command = cli, path: str = "reseen"
) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(command, info_name=path)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from verbs(inner, f"{path} {name}")
    else:
        yield path, command


@pytest.mark.parametrize("path", [path for path, _ in verbs()])
def test_every_verb_has_a_section_with_all_its_options(path: str) -> None:
    command = dict(verbs())[path]
    text = page("cli")
    assert f"## {path}\n" in text
    section = text.split(f"## {path}\n", 1)[1].split("\n## ", 1)[0]
    for option in command.params:
        for name in option.opts if isinstance(option, click.Option) else ():
            assert f"`{name}`" in section, f"{path} {name} is not documented"
    assert command.help


def test_the_exit_codes_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page("cli"), re.MULTILINE)
    assert {ExitCode(int(code)): meaning for code, meaning in rows} == MEANING
    order = ", ".join(str(int(code)) for code in FIRST)
    assert f"the first of {order}:" in page("cli")
    assert set(FIRST) == set(ExitCode)


def test_the_cli_page_names_no_verb_that_is_gone() -> None:
    named = set(re.findall(r"^## (reseen .+)$", page("cli"), re.MULTILINE))
    assert named == {path for path, _ in verbs()}


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in page("settings")


def test_no_setting_is_read_that_is_not_in_the_table() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        for name in re.findall(r"environ(?:\.get\(|\[)[\"']([A-Z_]+)", path.read_text()):
            assert name in ENVIRONMENT, f"{path.name} reads {name}"


@pytest.mark.parametrize(
    "name",
    [n for n, v in vars(errors).items() if inspect.isclass(v) and issubclass(v, Exception)],
)
def test_every_error_is_documented_and_drawn(name: str) -> None:
    assert f"`{name}`" in page("errors")
    assert name in (errors.__doc__ or "")


@pytest.mark.parametrize("name", sorted(REPORT_FIELDS))
def test_every_field_is_documented(name: str) -> None:
    assert f"`{name}`" in page("json")


def test_every_word_of_a_finding_is_documented() -> None:
    for rung in Rung:
        assert f"`{rung.label}`" in page("how-it-works")
    for word in (*Confirmed, *SightingState):
        assert f"`{word.value}`" in page("json")
    for kind in DigestKind:
        assert f"`{kind.label.replace('-', '_')}`" in page("json")


def test_every_route_is_documented_with_what_it_needs() -> None:
    """The table is complete: `tests/web/test_routes.py` holds it to the application."""
    rows = re.findall(r"^\| `([A-Z]+) (\S+)` \| (.+?) \|", page("service"), re.MULTILINE)
    needs = {
        route: needed.label if isinstance(needed, Role) else needed.value
        for route, needed in NEEDS.items()
    }
    assert {(method, path): needed for method, path, needed in rows} == needs


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_readme_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.index("make demo") < text.index("make test") < text.index("HF_TOKEN")


def test_the_questions_of_a_newcomer_are_answered_by_files_that_are_there() -> None:
    section = page("development").split("## Where is it?\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| Where")]
    rows += [
        line.split(" | ") for line in section.splitlines() if re.match(r"\| (What|Who|When)", line)
    ]
    assert len(rows) >= 10
    for question, *answer in rows:
        files = re.findall(r"`([\w/]+\.py)`", " ".join(answer))
        assert files, question
        for file in files:
            assert (ROOT / "src" / "reseen" / file).is_file(), f"{question}: {file}"


def test_every_room_stands_in_the_tour() -> None:
    source = ROOT / "src" / "reseen"
    rooms = {path.name for path in source.iterdir() if (path / "__init__.py").is_file()}
    section = page("development").split("## The house\n", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {*rooms, "client", "api"}
