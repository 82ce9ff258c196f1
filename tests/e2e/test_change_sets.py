"""One person requests a CA certificate, another approves it in a second browser, and Azure gets it then and not before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import SYNC_MILLISECONDS, Guide
from tests.e2e.test_drift import Arm

pytestmark = pytest.mark.e2e
NAME = "approval-plant"


@pytest.fixture
def other(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def connect(guide: Guide, arm: Arm) -> None:
    """Connect a namespace that has a client, and make Dana a Contributor: approval is on there from the start."""
    arm.put_namespace(NAME)
    arm.put_client(NAME, "press-of-others")
    page, portal = guide.page, guide.endpoints["portal"]
    page.goto(f"{portal}namespaces/connect/")
    pane = guide.pane("Connect a namespace")
    pane.get_by_role("radio", name=NAME).check()
    pane.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)
    guide.open("Clients")
    expect(guide.row("press-of-others")).to_be_visible(timeout=SYNC_MILLISECONDS)
    guide.open("Access control")
    expect(page.locator('[data-approval-policy="on"]')).to_be_visible()
    page.get_by_role("link", name="Add role assignment").first.click()
    role = page.get_by_role("dialog")
    role.get_by_label("Person or team").fill("dana")
    role.locator('input[value="contributor"]').check()
    role.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator('[data-code="role-granted"]')).to_be_visible()


def fine(page: Page, screenshots: Path, name: str) -> None:
    page.screenshot(path=screenshots / f"{name}.png", full_page=True)
    assert not Axe().run(page).response["violations"], name


def test_what_another_person_approves_is_sent(
    demo: DemoProcess, page: Page, other: Page, screenshots: Path, tmp_path: Path
) -> None:
    ready = demo.wait_ready()
    owner = Guide(page, ready, screenshots)
    owner.sign_in("admin")
    arm = Arm(ready)
    connect(owner, arm)

    dana = Guide(other, ready, screenshots)
    dana.sign_in("dana")
    dana.open_namespace(NAME)
    files = dana.make_samples(["press-1"], tmp_path)
    dana.open("CA certificates")
    other.get_by_role("link", name="Certificate", exact=True).click()
    pane = dana.pane("Upload certificate")
    pane.get_by_label("Certificate name").fill("line-a-ca")
    pane.locator("input[type=file]").set_input_files(files["intermediate_ca.crt"])
    pane.get_by_role("button", name="Upload", exact=True).click()
    expect(other.locator('[data-change="ca_certificate create"]')).to_be_visible()
    fine(other, screenshots, "change-set-request")
    other.get_by_label("Title").fill("CA of Line A")
    other.get_by_label("Reason").fill("The new line starts on Monday.")
    other.get_by_role("button", name="Request approval").click()
    expect(other.locator('[data-code="change-set-requested"]')).to_be_visible()
    expect(other.get_by_role("button", name="Approve")).to_have_count(0)

    owner.open("CA certificates")
    expect(owner.row("line-a-ca")).to_have_count(0)
    owner.open("Change sets")
    page.get_by_role("link", name="CA of Line A").first.click()
    fine(page, screenshots, "change-set-approve")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator('[data-code="change-set-approved"]')).to_be_visible()
    owner.open("CA certificates")
    page.reload()
    expect(owner.row("line-a-ca")).to_be_visible(timeout=SYNC_MILLISECONDS)
    owner.wait_succeeded("line-a-ca")

    owner.open_namespace(NAME)  # other tests use the demo too
    page.get_by_role("link", name="Disconnect", exact=True).click()
    owner.pane("Disconnect namespace").get_by_role("button", name="Disconnect", exact=True).click()
    expect(page.get_by_role("main").get_by_role("link", name=NAME, exact=True)).to_have_count(0)
    arm.delete_namespace(NAME)


def test_the_policy_page_has_no_fault(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    ready = demo.wait_ready()
    owner = Guide(page, ready, screenshots)
    owner.sign_in("admin")
    owner.open_namespace(ready["namespaces"][0])
    owner.open("Access control")
    page.get_by_role("link", name="Approval policy").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Approval policy")
    fine(page, screenshots, "approval-policy")
