"""An administrator reads the activity log of the whole portal: sealed, filtered, downloaded, also on a phone."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.e2e.test_accessible import AXE_OPTIONS

pytestmark = pytest.mark.e2e


def test_entries_are_sealed_and_found(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    ready = demo.wait_ready()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    page.goto(ready["portal"] + "namespaces/")
    page.get_by_role("main").get_by_role("link", name="Activity log").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Activity log")
    newest = page.locator("table.history tbody tr").first
    expect(newest).to_contain_text("Sign in")
    for _ in range(240):  # the worker seals within ten seconds, unless the machine is busy
        if newest.locator("[data-place]").get_attribute("data-place"):
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(newest.locator("[data-place]")).to_have_attribute("data-place", re.compile(r"^\d+$"))
    expect(newest.locator("[data-origin]")).to_contain_text("127.0.0.1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "activity.csv"
    page.get_by_label("Action").fill("Download")
    page.get_by_label("Action").press("Enter")
    expect(page.locator("table.history tbody tr")).to_contain_text(["activity.csv"])
    expect(page).to_have_url(re.compile("action=Download"))
    guide.shoot("activity-log")
    assert not Axe().run(page, options=AXE_OPTIONS).response["violations"]
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    guide.shoot("activity-log-phone")
