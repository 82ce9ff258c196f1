"""Disable and delete many clients at once, after the page has shown how long Azure takes."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import SYNC_MILLISECONDS, Guide
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


def test_many_clients_are_disabled_after_a_question(
    demo: DemoProcess, page: Page, chromium: Browser, screenshots: Path
) -> None:
    ready = demo.wait_ready()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    names = ["bulk-1", "bulk-2", "bulk-3"]
    for name in names:
        guide.create_client(name)
    disable = page.get_by_role("button", name="Disable", exact=True)
    expect(disable).to_be_disabled()  # nothing is selected yet
    every = page.get_by_label("Choose all on this page")
    every.check()
    expect(disable).to_be_enabled()
    for box in page.get_by_role("row").get_by_label("Choose ").all():
        expect(box).to_be_checked()
    page.get_by_label(f"Choose {names[2]}").uncheck()
    expect(every).to_have_js_property("indeterminate", value=True)
    every.check()
    every.uncheck()
    expect(disable).to_be_disabled()
    for name in names[:2]:
        page.get_by_label(f"Choose {name}").check()
    expect(disable).to_be_enabled()
    page.get_by_role("button", name="Disable", exact=True).click()
    pane = guide.pane("Disable 2 clients")
    expect(pane).to_contain_text("2 changes to Azure. About")
    guide.shoot("clients-change")
    pane.get_by_role("button", name="Disable", exact=True).click()
    for name in names[:2]:
        expect(guide.row(name)).to_contain_text("Disabled")
        guide.wait_succeeded(name)
    expect(guide.row(names[2])).to_contain_text("Enabled")
    without_scripts(ready, chromium, screenshots)


def without_scripts(ready: dict[str, Any], chromium: Browser, screenshots: Path) -> None:
    """Delete all clients that match a filter, without JavaScript."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    guide.open("Clients")
    page.goto(f"{page.url}?q=bulk-")
    page.get_by_label("Which clients").select_option("all")
    page.get_by_role("button", name="Delete", exact=True).click()
    pane = guide.pane("Delete 3 clients")
    expect(pane).to_contain_text("3 changes to Azure. About")
    pane.get_by_role("button", name="Delete", exact=True).click()
    page.goto(f"{page.url}?q=bulk-")

    def are_gone() -> bool:
        page.reload()
        return page.locator('[data-empty="filtered"]').count() == 1

    until(are_gone, "Azure has deleted all three", SYNC_MILLISECONDS / 1000, every=0.5)
    context.close()
