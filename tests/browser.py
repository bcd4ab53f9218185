"""The system's Chromium, for tests that look at pages as their readers do.

Without it, or without Playwright, these tests are skipped. VSS_TEST_SCREENSHOTS names a folder for
pictures of what they have seen.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WIDTHS = {"screen": 1280, "phone": 390}
PATIENCE = 120_000  # milliseconds, against hanging alone


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start Chromium, or skip the test."""
    api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs Chromium (apt install chromium)")
    with api.sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"], timeout=PATIENCE
        )
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Any, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    """Open an empty page with cookies and storage of its own, like a browser's first visit."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def take_screenshot(page: Any, name: str) -> None:
    """Keep a picture of a page, if VSS_TEST_SCREENSHOTS names a folder."""
    if folder := os.environ.get("VSS_TEST_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")
