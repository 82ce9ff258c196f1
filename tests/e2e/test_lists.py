"""The list of clients in a browser: how much fits on a screen, its columns without JavaScript, and targets for fingers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide

pytestmark = pytest.mark.e2e
ROWS = 18  # at 1280 × 900
FINGER = 44  # CSS pixels
FIRST_ROW = "document.querySelector('.list-client tbody tr').getBoundingClientRect()"
SMALL = """(least) => [...document.querySelectorAll('main :is(a, button, select, input:not([type=hidden]), .tick)')]
  .filter((each) => each.checkVisibility() && !each.closest('thead, .tick, .breadcrumb') || each.matches('.tick'))
  .filter((each) => each.getBoundingClientRect().height < least && !each.matches('.small-button'))
  .map((each) => each.outerHTML.slice(0, 120))"""


def test_the_list_shows_18_clients_and_is_large_enough_for_fingers(
    demo: DemoProcess, page: Page, chromium: Browser, screenshots: Path
) -> None:
    ready = demo.wait_ready()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    guide.create_client("listed-1")
    page.set_viewport_size({"width": 1280, "height": 900})
    row = page.evaluate(FIRST_ROW)
    assert (900 - row["top"]) // row["height"] >= ROWS, row
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(SMALL, FINGER) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    guide.shoot("clients-phone")
    without_scripts(ready, chromium, screenshots)


def without_scripts(ready: dict[str, Any], chromium: Browser, screenshots: Path) -> None:
    """Choose the columns and export the rows."""
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1366, "height": 900})
    page = context.new_page()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    guide.open("Clients")
    page.get_by_role("button", name="Columns").press("Enter")
    page.get_by_role("checkbox", name="Scheme").uncheck()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("columnheader", name="Scheme")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="State", exact=True)).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("columnheader", name="Scheme")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="JSON").click()
    clients = json.loads(started.value.path().read_text())
    assert "listed-1" in {client["name"] for client in clients}
    context.close()


def test_a_toast_shows_how_far_a_long_export_is(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    ready = demo.wait_ready()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    guide.open("Clients")
    progress = re.compile(r"/exports/[0-9a-f]{32}/$")
    page.route(progress, lambda route: route.fulfill(json={"state": "running", "done": 1200, "total": 5000}))
    page.get_by_role("button", name="Export").click()
    link = page.get_by_role("link", name="JSON")
    with page.expect_download() as started:
        link.click()
    toast = page.locator("[data-export-progress]")
    expect(toast).to_have_attribute("data-export-progress", "running")
    expect(toast).to_contain_text("1,200 of 5,000")
    bar = toast.get_by_role("progressbar")
    expect(bar).to_have_js_property("value", 1200)
    expect(bar).to_have_js_property("max", 5000)
    assert "progress=" in started.value.url
    assert "progress=" not in str(link.get_attribute("href"))  # the next file has a token of its own
    page.unroute(progress)  # now the portal answers: the file was sent long ago
    expect(toast).to_have_attribute("data-export-progress", "done")
    expect(bar).to_have_count(0)
