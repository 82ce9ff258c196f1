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


def request_upload(guide: Guide, name: str, file: Path, title: str, screenshots: Path) -> None:
    """Upload a CA certificate that needs approval, and ask for it."""
    page = guide.page
    guide.open("CA certificates")
    page.get_by_role("link", name="Certificate", exact=True).click()
    pane = guide.pane("Upload certificate")
    pane.get_by_label("Certificate name").fill(name)
    pane.locator("input[type=file]").set_input_files(file)
    pane.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator('[data-change="ca_certificate create"]')).to_be_visible()
    fine(page, screenshots, f"change-set-request-{name}")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Reason").fill("The new line starts on Monday.")
    page.get_by_role("button", name="Request approval").click()
    expect(page.locator('[data-code="change-set-requested"]')).to_be_visible()


def declined_and_applied_at_once(owner: Guide, plain: Page, dana: Guide, file: Path, screenshots: Path) -> None:
    """Decline a request, apply the next one at once with the password, and begin to undo it, all on a page without scripts."""
    plain.goto(dana.page.url)
    plain.get_by_role("button", name="Decline").click()
    expect(plain.locator("#id_text_error")).to_be_visible()  # it takes a reason
    plain.get_by_label("Comment, or the reason to decline").fill("Ask for path length 0.")
    plain.get_by_role("button", name="Decline").click()
    expect(plain.locator(".page-title [data-state=declined]")).to_be_visible()

    request_upload(dana, "line-b-ca", file, "CA of Line B, again", screenshots)
    plain.goto(dana.page.url)
    plain.locator("[data-emergency] summary").click()
    emergency = plain.locator("[data-emergency]")
    emergency.get_by_label("Why can it not wait?").fill("Line B stands still.")
    emergency.get_by_label("Your password").fill("wrong")
    emergency.get_by_role("button", name="Apply at once").click()
    expect(plain.locator('[data-state="waiting-for-you"]')).to_be_visible()
    emergency.get_by_label("Your password").fill(owner.password)
    emergency.get_by_role("button", name="Apply at once").click()
    expect(plain.locator("[data-unconfirmed]")).to_be_visible()
    dana.page.reload()
    expect(dana.page.locator("[data-emergency-bar]")).to_be_visible()
    expect(plain.get_by_role("button", name="Confirm")).to_have_count(0)  # that is another person's

    owner.open("CA certificates")
    owner.page.reload()
    expect(owner.row("line-b-ca")).to_be_visible(timeout=SYNC_MILLISECONDS)
    owner.wait_succeeded("line-b-ca")
    plain.reload()
    plain.get_by_role("button", name="Build the inverse").first.click()
    expect(plain.locator('[data-change="ca_certificate delete"]')).to_be_visible()


def test_what_another_person_approves_is_sent(
    demo: DemoProcess, chromium: Browser, page: Page, other: Page, screenshots: Path, tmp_path: Path
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
    request_upload(dana, "line-a-ca", files["intermediate_ca.crt"], "CA of Line A", screenshots)
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

    request_upload(dana, "line-b-ca", files["root_ca.crt"], "CA of Line B", screenshots)
    cookies = page.context.storage_state()
    without_scripts = chromium.new_context(java_script_enabled=False, storage_state=cookies)
    declined_and_applied_at_once(owner, without_scripts.new_page(), dana, files["root_ca.crt"], screenshots)
    without_scripts.close()

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
