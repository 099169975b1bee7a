"""The documentation site: `make docs` builds it into `site/`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
# Exceptions and settings of the Python package are described by their docstrings.
sys.path.insert(0, str(HERE.parent / "python"))

project = "Kukri"
copyright = "The Kukri contributors"
html_title = "Kukri"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Without underlines, which look like links.
pygments_dark_style = "github-dark"
html_show_sphinx = False
html_copy_source = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
# Notes on decisions are for those who change the engine; they are read in the repository.
exclude_patterns = ["design", "snippets"]

# Anchors as forges make them, so that links work there as well.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_links_external_new_tab = False
nitpicky = True
# Types of the standard library and of the package's own insides, in signatures.
nitpick_ignore = [("py:class", "PathLike"), ("py:class", "_Unset")]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
# Only commands are copied from terminals, not what they print.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_exclude = ".linenos, .gp, .go"

# Other sites: `make docs ARGS=--external`. The addresses of examples do not exist.
linkcheck_ignore = [r"https?://[^/]*example\b", r"https?://(localhost|127\.0\.0\.1)"]


def api_pages(_app: Sphinx, name: str, source: list[str]) -> None:
    """Puts the generated pages of types below the page that lists them."""
    if name == "reference/api/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n[a-z]*\n```\n"


def plain_docstrings(
    _app: Sphinx, _what: str, _name: str, _it: object, _options: object, lines: list[str]
) -> None:
    """Docstrings are written in Markdown, and read here as reStructuredText."""
    inside = False
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("```"):
            inside = not inside
            indent = line[: len(line) - len(line.lstrip())]
            lines[number] = f"{indent}.. code-block:: python\n" if inside else ""
        elif inside:
            lines[number] = f"    {line}"
        else:
            lines[number] = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line)
    lines[:] = "\n".join(lines).split("\n")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", api_pages)
    # Before napoleon, which has the default priority.
    app.connect("autodoc-process-docstring", plain_docstrings, priority=100)
