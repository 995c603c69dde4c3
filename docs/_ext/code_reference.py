"""A Sphinx extension that writes docs/reference from the code, before pages are read.

What comes in: the code as it is (verbs from click, the table of settings, the fields of JSON, the
error tree, the routes). What goes out: pages in Markdown, and two OpenAPI documents beside them.
Nothing in docs/reference is kept in git, so that it cannot fall behind.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import licences
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from sphinx.application import Sphinx

import reseen
from reseen import __version__, client, errors
from reseen.cli import cli
from reseen.gate.routes import ProblemModel
from reseen.gate.routes import router as gate
from reseen.report.rows import REPORT_FIELDS
from reseen.settings import ENVIRONMENT
from reseen.web import hooks
from reseen.web.app import PAGES

CLIENT = ("Gate", "Digests", "GateAnswer", "GateResult", "GateMatch")
MADE = "Made from the code when the site is built."


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", lambda app, config: write(Path(app.srcdir) / "reference"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(folder: Path) -> None:
    """All pages, and the OpenAPI documents. A file that would not change is left as it is."""
    pages = {
        "verbs.md": verbs(),
        "variables.md": variables(),
        "fields.md": fields(),
        "error-tree.md": error_tree(),
        "python-api.md": python(),
        "licences.md": licences.page(),
        "gate-api.md": api_page(
            "The gate's API",
            "gate-openapi.json",
            gate_document(),
            "[The gate](../gate.md)",
            answers=True,
        ),
        "service-api.md": api_page(
            "The service's routes",
            "service-openapi.json",
            service_document(),
            "[The service](../service.md#routes)",
        ),
        "gate-openapi.json": json.dumps(gate_document(), indent=1),
        "service-openapi.json": json.dumps(service_document(), indent=1),
    }
    folder.mkdir(exist_ok=True)
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def _cell(text: str) -> str:
    """Text in a table's cell: nothing in it is markup but `code`."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:  # a backtick that stands alone
        parts = ["\\`".join(parts)]
    for n in range(0, len(parts), 2):
        for sign in "|<>*_$[]{}":
            parts[n] = parts[n].replace(sign, "\\" + sign)
    return "`".join(parts)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def commands(
    command: click.Command = cli, path: str = "reseen", parent: click.Context | None = None
) -> Iterator[tuple[str, click.Context]]:
    """Every command, group and verb, in the order of the help."""
    context = click.Context(command, info_name=path.rsplit(" ", 1)[-1], parent=parent)
    yield path, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from commands(inner, f"{path} {name}", context)


def verbs() -> str:
    """Every verb with its help and its options, as `--help` has them."""
    lines = [
        "# Verbs",
        "",
        f"{MADE} With explanations and examples: [the command line](../cli.md).",
        "",
    ]
    for path, context in commands():
        command = context.command
        lines += [f"## {path}", "", "```text", command.get_usage(context), "```", ""]
        help_text = inspect.cleandoc(command.help or "").replace("\b", "")
        lines += [
            line if line.startswith(("  ", "`")) else line.replace("<", "\\<")
            for line in help_text.splitlines()
        ]
        lines.append("")
        rows = [
            record
            for parameter in command.params
            if (record := parameter.get_help_record(context)) is not None
        ]
        if rows:
            lines += ["| option | meaning |", "|---|---|"]
            lines += [f"| {_code(option)} | {_cell(meaning)} |" for option, meaning in rows]
            lines.append("")
    return "\n".join(lines)


def variables() -> str:
    """Every environment variable that is read."""
    rows = [f"| {_code(name)} | {_cell(meaning)} |" for name, meaning in ENVIRONMENT.items()]
    return "\n".join(
        [
            "# Environment variables",
            "",
            f"{MADE} With explanations: [settings](../settings.md).",
            "",
            "| variable | meaning |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def fields() -> str:
    """Every field of a sighting in `--json`, JSON Lines, CSV and XLSX."""
    rows = [f"| {_code(name)} | {_cell(meaning)} |" for name, meaning in REPORT_FIELDS.items()]
    return "\n".join(
        [
            "# Fields of a sighting",
            "",
            f"{MADE} In this order they are the columns of CSV and XLSX reports and the names in",
            "JSON Lines. All other objects: [JSON](../json.md).",
            "",
            "| field | meaning |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def error_tree() -> str:
    """Every error with what it means."""
    lines = ["# Error classes", "", f"{MADE} What helps against each: [errors](../errors.md).", ""]
    lines += ["| error | is a | meaning |", "|---|---|---|"]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.ReseenError):
            said = inspect.getdoc(kind) or ""
            lines.append(f"| {_code(name)} | {_code(kind.__mro__[1].__name__)} | {_cell(said)} |")
    return "\n".join([*lines, ""])


def python() -> str:
    """What `import reseen` and `reseen.client` offer: autodoc fills it."""
    named = []
    for module, names in ((reseen, reseen.__all__), (client, CLIENT)):
        for name in names:
            what = getattr(module, name)
            full = f"{module.__name__}.{name}"
            if inspect.isclass(what):
                named += [f".. autoclass:: {full}", "   :members:", ""]
            elif callable(what):
                named += [f".. autofunction:: {full}", ""]
    return "\n".join(
        [
            "# Functions and classes",
            "",
            f"{MADE} With examples that a test runs: [Python](../python.md).",
            "",
            "```{eval-rst}",
            *named,
            "```",
            "",
        ]
    )


def gate_document() -> dict[str, Any]:
    """The gate in OpenAPI, as a running one gives it at /v1/openapi.json."""
    document = get_openapi(
        title="Reseen", version=__version__, routes=[*gate.routes, *hooks.router.routes]
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("Problem", ProblemModel.model_json_schema())
    return document


def service_document() -> dict[str, Any]:
    """The pages and their forms in OpenAPI. A running service does not hand this out."""
    routes = []
    for router in PAGES:
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.include_in_schema = True
                routes.append(route)
    return get_openapi(title="Reseen: the service's pages", version=__version__, routes=routes)


def api_page(
    title: str, file: str, document: dict[str, Any], explained: str, *, answers: bool = False
) -> str:
    """The routes of an OpenAPI document as a page: what each takes, and with `answers` what comes
    back (a page of the service answers with a page)."""
    lines = [
        f"# {title}",
        "",
        f"{MADE} Explained: {explained}. For machines: {{download}}`{file}`.",
        "",
    ]
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            lines += [f"## {method.upper()} {_cell(path)}", ""]
            lines += [_cell(str(about.get("description") or "")), ""]
            rows = [
                (parameter["name"], parameter["in"], _type(parameter.get("schema", {})))
                for parameter in about.get("parameters", ())
            ]
            for kind, body in about.get("requestBody", {}).get("content", {}).items():
                schema = _resolved(body.get("schema", {}), document)
                rows += [
                    (name, kind, _type(field))
                    for name, field in schema.get("properties", {}).items()
                ] or [("(the body)", kind, _type(schema))]
            if rows:
                lines += ["| takes | in | type |", "|---|---|---|"]
                lines += [f"| {_code(n)} | {_cell(w)} | {_cell(t)} |" for n, w, t in rows]
                lines.append("")
            if answers:
                lines += ["| answers | |", "|---|---|"]
                lines += [
                    f"| {status} | {_cell(str(answer.get('description', '')))} |"
                    for status, answer in about.get("responses", {}).items()
                ]
                lines.append("")
    return "\n".join(lines)


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    named = schema.get("$ref", "").rsplit("/", 1)[-1]
    found: dict[str, Any] = document.get("components", {}).get("schemas", {}).get(named, schema)
    return found


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    kind = str(schema.get("type", "any"))
    return f"list of {_type(schema.get('items', {}))}" if kind == "array" else kind
