"""A demo and a browser, shared by the modules that run one after another: in a parallel run too, in one process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, expect, sync_playwright

from tests.e2e import browser as installed
from tests.e2e.demo_process import ROOT, DemoProcess, running_demo

SECONDS = 60  # how long the browser waits for what a page is to show, also on a busy machine
# What Chromium writes about a form that is sent back, and htmx about a check that a newer one replaced (`hx-sync`).
EXPECTED = ("status of 409", "status of 422", "htmx:afterRequest, ", "htmx:sendAbort, ")
expect.set_options(timeout=SECONDS * 1000)


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    with running_demo(tmp_path_factory.mktemp("demo") / "state") as process:
        process.wait_ready()
        yield process


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    # Found before Playwright starts: its loop must not be running twice in one thread.
    executable = installed.ensure()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def storage() -> StorageState | None:
    """The cookies of the visitor; a module may have its own."""
    return None


@pytest.fixture
def page(chromium: Browser, storage: StorageState | None) -> Iterator[Page]:
    """A new visitor, and the check that no page logs an error or breaks the Content-Security-Policy."""
    window = ViewportSize(width=1366, height=900)
    context = chromium.new_context(viewport=window, reduced_motion="reduce", storage_state=storage)
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    errors = [each for each in errors if not any(known in each for known in EXPECTED)]
    assert errors == [], f"The browser's console: {errors}"


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or ROOT / "build" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
