"""How `make docs` builds the site: Sphinx with MyST (the pages are Markdown) and the theme Furo.

Warnings are errors (a link that leads nowhere, a page that no list of contents names), and nothing
on the built site comes from elsewhere: no fonts, no scripts, no pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from reseen import __version__

project = "Reseen"
author = "the Reseen project"
copyright = "the Reseen project; Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "code_reference"]
exclude_patterns = ["_ext", "_build"]
nitpicky = False
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
suppress_warnings: list[str] = []

html_theme = "furo"
html_title = f"Reseen {version}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sphinx = False
html_baseurl = ""
pygments_style = "friendly"
pygments_dark_style = "monokai"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
