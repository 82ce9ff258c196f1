"""The lab beside the pages: with the mouse, by keyboard, on a phone and without JavaScript."""

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.e2e.test_accessible import AXE_OPTIONS

pytestmark = pytest.mark.e2e
UPLOAD = "Upload the CA that signed your device"


@pytest.fixture
def guide(demo: DemoProcess, page: Page, screenshots: Path) -> Iterator[Guide]:
    ready = demo.wait_ready()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace("contoso-lab")
    yield guide
    page.goto(f"{ready['portal']}lab/exercise/")
    if page.locator("#lab").count():
        page.get_by_role("button", name="Close").click()  # the next module has no panel beside its pages


def begin(guide: Guide) -> dict[str, bytes]:
    """Begin the exercise from the menu, and return its files."""
    page = guide.page
    guide.open("Lab")
    page.get_by_role("button", name=UPLOAD).click()
    link = page.get_by_role("link", name="Download the files")
    expect(link).to_be_visible()
    data = base64.b64decode((link.get_attribute("href") or "").partition(",")[2])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def width_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["width"]


def check_axe(page: Page) -> None:
    found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []


def test_a_wrong_turn_beside_the_open_pane_and_done(guide: Guide) -> None:
    page = guide.page
    files = begin(guide)
    check_axe(page)
    page.goto(page.url.partition("/lab/")[0] + "/namespaces/2/ca-certificates/")
    panel = page.locator("#lab")
    assert width_of(panel) == 352
    page.get_by_role("link", name="Certificate", exact=True).click()
    pane = guide.pane("Upload certificate")
    pane.locator("input[type=file]").set_input_files(
        {"name": "press-1.crt", "mimeType": "text/plain", "buffer": files["press-1.crt"]}
    )
    expect(panel.locator("[data-wrong-turn]")).to_have_attribute("data-wrong-turn", "upload:leaf")
    guide.shoot("lab-wrong-turn")
    check_axe(page)
    panel.get_by_role("button", name="Open hint 1").click()  # the panel can be used while the pane is open
    expect(panel.locator(".lab-hint")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#pane .pane")).to_have_count(0)
    page.get_by_role("link", name="Certificate", exact=True).click()
    pane = guide.pane("Upload certificate")
    pane.get_by_label("Certificate name").fill("my-first-ca")
    pane.locator("input[type=file]").set_input_files(
        {"name": "intermediate_ca.crt", "mimeType": "text/plain", "buffer": files["intermediate_ca.crt"]}
    )
    before = page.locator("#menu-note-lab").inner_text()
    pane.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator('[data-lab-state="done"]')).to_be_visible()
    expect(page.locator("#menu-note-lab")).not_to_have_text(before)  # without a reload
    guide.shoot("lab-done")


def test_keyboard_and_phone(guide: Guide) -> None:
    page = guide.page
    begin(guide)
    page.goto(page.url.partition("/lab/")[0] + "/namespaces/2/clients/")
    fold = page.locator("#lab").get_by_role("button", name="Fold the lab")
    fold.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#lab.folded")).to_have_count(1)
    assert width_of(page.locator("#lab")) == 44
    page.reload()
    opener = page.locator("#lab").get_by_role("button", name="Open the lab")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#lab.folded")).to_have_count(0)
    page.set_viewport_size({"width": 360, "height": 740})
    check_axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    guide.shoot("lab-phone")


def test_without_javascript(guide: Guide, chromium: Browser) -> None:
    begin(guide)
    state = guide.page.context.storage_state()
    context = chromium.new_context(java_script_enabled=False, storage_state=state)
    page = context.new_page()
    page.goto(guide.page.url.partition("/lab/")[0] + "/lab/exercise/")
    page.get_by_role("button", name="Open hint 1").click()
    expect(page.locator(".lab-hint")).to_have_count(1)
    page.get_by_role("button", name="Check now").click()
    expect(page.locator('[data-check="watching"]')).to_have_count(1)
    page.get_by_role("button", name="Skip").click()
    expect(page.locator('[data-lab-state="skipped"]')).to_have_count(1)
    context.close()
