"""The site is built without a warning, and each link inside it leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import chromium
from engine import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built anew."""
    python = os.environ.get("KUKRI_DOCS_PYTHON", "")
    if not python or not Path(python).exists():
        pytest.skip("KUKRI_DOCS_PYTHON does not name an interpreter with Sphinx, which needs Python 3.11")
    out = tmp_path_factory.mktemp("site")
    command = [python, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(out / ".doctrees"), str(ROOT / "docs"), str(out / "html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "html"


class Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in {"href", "src"}:
                self.links.append(value)
            elif value and name in {"id", "name"}:
                self.anchors.add(value)


@pytest.mark.slow
def test_links(site: Path) -> None:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 50
    dead, followed, outside = [], 0, set()
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                outside.add(link)
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            followed += 1
            known = target.exists() and (
                not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
            )
            if not known:
                dead.append(f"{path.relative_to(site.resolve())}: {link}")
    assert not dead, "\n".join(sorted(set(dead)))
    assert followed > 1000
    # Nothing that a browser loads comes from elsewhere: the site can be read without a network.
    assert not [
        link
        for page in pages.values()
        for link in page.links
        if link.endswith((".js", ".css")) and "//" in link
    ]


def test_pages_fit(site: Path) -> None:
    """No page is wider than a phone or a desktop, light or dark; what is wide on it can be scrolled by itself."""
    pages = [path for path in sorted(site.rglob("*.html")) if path.parent.name != "api"]
    assert len(pages) > 30
    wrong = []
    with chromium() as browser:
        for width in (390, 1280):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 390}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            for page in [*pages, site / "reference" / "api" / "container.html"]:
                browser.get(page.as_uri())
                wide = browser.execute_script("return document.documentElement.scrollWidth")
                if wide > width:
                    wrong.append(f"{page.relative_to(site)}: {wide} pixels on a screen of {width}")
        # The code on dark pages has the colours of a dark style.
        browser.get((site / "index.html").as_uri())
        shades = []
        for theme in ("light", "dark"):
            browser.execute_script(f"document.body.dataset.theme = '{theme}'")
            colour = "return getComputedStyle(document.querySelector('.highlight')).backgroundColor"
            shades.append(sum(map(int, re.findall(r"\d+", browser.execute_script(colour))[:3])))
        assert shades[0] > 600 > 150 > shades[1], shades
        log = browser.get_log("browser")
    assert not wrong
    assert not [entry for entry in log if entry["level"] == "SEVERE"]
