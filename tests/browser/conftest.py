"""A real browser, of the system's packages, and axe-core, which looks for what hinders readers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
AXE = Path(__file__).parents[2] / ".venv/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Chromium, driven by the package playwright; without either the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def serious_faults() -> Callable:
    """Give a function of a page that returns what axe-core finds serious or critical there."""
    if not AXE.is_file():
        pytest.skip("no axe-core: npm install --prefix .venv axe-core")

    def find(page) -> list[tuple[str, str]]:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run().then(found => found.violations)")
        serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
        return [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in serious]

    return find
