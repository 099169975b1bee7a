"""A run that is over, and a browser to look at its page with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engine import Engine
from recorded import Recorded, record


@pytest.fixture(scope="session")
def recorded(
    make_engine: Callable[..., Engine], own_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Recorded:
    """A run with a failure, under `kukri run --trace`."""
    return record(make_engine(), own_python, tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # As root there is no sandbox; the pages are our own.
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()
