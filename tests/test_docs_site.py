"""The documentation's site: built without a warning, and nothing on it comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc\s*=\s*[\"']?(?:https?:)?//"
    r"[^\"' >]*"
    r"|<link\b[^>]*\bhref\s*=\s*[\"']?(?:https?:)?//[^\"' >]*"
    r"|<(?:form)\b[^>]*\baction\s*=\s*[\"']?(?:https?:)?//[^\"' >]*",
    re.IGNORECASE,
)
"""What a browser asks for by itself, or sends something to, when it shows a page."""
IN_STYLE = re.compile(r"(?:@import\s+|url\()\s*[\"']?(?:https?:)?//", re.IGNORECASE)


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", source, out],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", out)
    assert done.returncode == 0, done.stdout
    return out


def test_every_page_is_there_and_can_be_reached(site: Path) -> None:
    """A page that no list of contents names is a warning, and so fails the build."""
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 30
    for page in pages:
        assert (site / page).with_suffix(".html").is_file(), page


def test_nothing_on_it_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 30
    for page in pages:
        text = page.read_text()
        assert not LOADED.search(text), page.name
        assert not IN_STYLE.search(text), page.name
    for style in site.rglob("*.css"):
        assert not IN_STYLE.search(style.read_text()), style.name


def test_the_reference_is_that_of_the_code(site: Path) -> None:
    verbs = (site / "reference" / "verbs.html").read_text()
    assert "reseen registry import" in verbs
    python = (site / "reference" / "python-api.html").read_text()
    assert 'id="reseen.Registry.check"' in python
    assert 'id="reseen.client.Gate.check"' in python
    assert "/v1/check/file" in (site / "reference" / "gate-api.html").read_text()
    assert "/cases/" in (site / "reference" / "service-api.html").read_text()


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    """With the same settings, but without the reference: it takes its time."""
    settings = (ROOT / "docs" / "conf.py").read_text().replace(', "code_reference"', "")
    (tmp_path / "conf.py").write_text(settings.replace('"tables.css"', ""))
    (tmp_path / "_static").mkdir()
    (tmp_path / "index.md").write_text(
        "# A page\n\n[a link](gone.md) and [another](index.md#lost)\n"
    )
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode != 0
    assert "gone.md" in done.stdout
    assert "lost" in done.stdout
