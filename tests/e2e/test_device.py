"""A trainee without tools: a device in the browser, refused, then let in by its own CA certificate; and the attempt shared."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.e2e.test_accessible import AXE_OPTIONS

pytestmark = pytest.mark.e2e
NAME = "browser-device-1"
NARROW = 360  # pixels


def check_accessible(page: Page) -> None:
    """Check the page with axe, and that nothing is wider than a phone."""
    found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    assert not found, [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": NARROW, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, page.url
    page.set_viewport_size(size)


def test_from_a_device_to_a_shared_attempt(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    guide = Guide(page, demo.wait_ready(), screenshots)
    guide.sign_in("dana")
    guide.open_namespace("contoso-lab")
    guide.open("Device")
    check_accessible(page)
    page.get_by_label("Authentication name").fill(NAME)
    page.get_by_role("button", name="Create device").click()
    live = page.locator("#device-live")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(live).to_have_attribute("data-state", "refused")
    expect(live.locator('[data-packet="CONNACK"][data-reason="0x87"]')).to_be_visible()
    trace = live.get_by_role("link", name="Trace of this attempt")
    expect(trace).to_be_visible()
    guide.shoot("device-refused")
    check_accessible(page)
    device = page.url

    page.locator("[data-use-ca]").click()
    guide.pane("Upload certificate").get_by_role("button", name="Upload", exact=True).click()
    uploaded = page.get_by_role("row").filter(has_text="device-")
    expect(uploaded).to_contain_text("Succeeded")
    page.goto(device)
    page.get_by_role("link", name="Create client for it").click()
    page.get_by_role("main").get_by_role("button", name="Create", exact=True).click()
    guide.wait_succeeded(NAME)
    page.goto(device)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(live).to_have_attribute("data-state", "connected")
    page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(live.locator("[data-subscription]")).to_have_count(1)
    page.get_by_role("button", name="Publish", exact=True).click()
    received = live.locator('[data-packet="PUBLISH"][data-direction="received"]')
    expect(received).to_contain_text("hello")
    guide.shoot("device-connected")
    live.get_by_role("button", name="Disconnect").click()
    expect(live).to_have_attribute("data-state", "disconnected")

    live.get_by_role("link", name="Trace of this attempt").click()
    page.get_by_role("link", name="Share this attempt").click()
    page.get_by_role("button", name="Create link").click()
    address = page.locator("#shared-address").inner_text()
    guide.open("Shared attempts")
    check_accessible(page)
    page.goto(address)
    expect(page.get_by_role("main")).to_contain_text(NAME)
    check_accessible(page)
    guide.shoot("shared-attempt")
    page.go_back()
    page.get_by_role("button", name=re.compile("^Revoke")).click()
    assert page.request.get(address).status == 404

    page.goto(device)
    page.get_by_role("button", name="End device").click()
    expect(page.get_by_label("Authentication name")).to_be_visible()
