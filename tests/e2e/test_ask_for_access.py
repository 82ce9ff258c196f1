"""A person is refused, asks for access, an Owner grants it in one click, and axe finds nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide

pytestmark = pytest.mark.e2e
LAB = "contoso-lab"
WHY = "I set up the devices of the training on Monday."


@pytest.fixture
def lab(demo: DemoProcess, page: Page, screenshots: Path) -> str:
    """Sign in as an Owner, and return the address of the namespace."""
    owner = Guide(page, demo.wait_ready(), screenshots)
    owner.sign_in("admin")
    owner.open_namespace(LAB)
    return page.url


@pytest.fixture
def other(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def looks_right(page: Page, screenshots: Path, name: str) -> None:
    """Take pictures of a page on a desktop, in the dark and on a phone, and check it with axe."""
    page.screenshot(path=screenshots / f"{name}.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=screenshots / f"{name}-dark.png", full_page=True)
    page.emulate_media(color_scheme="light")
    size = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=screenshots / f"{name}-phone.png", full_page=True)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{name} is {overflow} px too wide for a phone"
    if size is not None:
        page.set_viewport_size(size)
    assert not Axe().run(page).response["violations"], name


def grant(page: Page, lab: str, who: str) -> None:
    page.goto(f"{lab}access-control/")
    request = page.locator("[data-request]").filter(has_text=who)
    expect(request).to_contain_text(WHY)
    request.get_by_role("button", name="Grant").click()
    expect(page.locator('[data-code="access-granted"]')).to_be_visible()
    expect(page.locator("[data-request]").filter(has_text=who)).to_have_count(0)


def test_a_refused_reader_asks_and_is_granted(
    demo: DemoProcess, page: Page, other: Page, lab: str, screenshots: Path
) -> None:
    Guide(other, demo.wait_ready(), screenshots).sign_in("rita")
    other.goto(f"{lab}create-client-group/")
    expect(other.locator('[data-status="403"]')).to_be_visible()
    other.locator("[data-ask-for-access]").focus()
    other.keyboard.press("Enter")
    expect(other.locator('input[value="contributor"]')).to_be_checked()
    other.get_by_role("button", name="Ask", exact=True).click()
    expect(other.locator("#id_reason_error")).to_be_visible()
    other.get_by_label("Reason").fill(WHY)
    looks_right(other, screenshots, "ask-for-access")
    other.get_by_role("button", name="Ask", exact=True).click()
    expect(other.locator('[data-code="access-asked"]')).to_be_visible()

    page.goto(f"{lab.partition('namespaces/')[0]}notifications/")
    expect(page.get_by_role("main")).to_contain_text("Rita Reader asks to be")
    page.goto(f"{lab}access-control/")
    looks_right(page, screenshots, "access-requests")
    grant(page, lab, "Rita Reader")
    answer = other.goto(f"{lab}create-client-group/")
    assert answer is not None
    assert answer.status == 200


def test_a_stranger_asks_by_name_and_withdraws_and_asks_again(
    demo: DemoProcess, chromium: Browser, page: Page, lab: str, screenshots: Path
) -> None:
    context = chromium.new_context()
    other = context.new_page()
    Guide(other, demo.wait_ready(), screenshots).sign_in("lee")
    answer = other.goto(lab)
    assert answer is not None
    assert answer.status == 404
    other.locator("[data-ask-for-access]").click()
    for name in ("no-such-place", LAB):
        other.get_by_label("Name of the namespace").fill(name)
        other.locator('input[value="reader"]').check()
        other.get_by_label("Reason").fill(WHY)
        other.get_by_role("button", name="Ask", exact=True).click()
        expect(other.locator('[data-code="access-asked"]')).to_be_visible()
        expect(other.locator('tr[data-state="Waiting"]').filter(has_text=name)).to_have_count(1)
    looks_right(other, screenshots, "ask-by-name")
    other.locator('tr[data-state="Waiting"]').filter(has_text="no-such-place").get_by_role("button").click()
    expect(other.locator('[data-code="access-withdrawn"]')).to_be_visible()
    grant(page, lab, "Lee Line")
    answer = other.goto(lab)
    assert answer is not None
    assert answer.status == 200
    context.close()


def test_an_owner_hides_other_teams(page: Page, lab: str, screenshots: Path) -> None:
    page.goto(f"{lab}access-control/")
    page.get_by_role("link", name="Other teams").click()
    looks_right(page, screenshots, "other-teams")
    page.get_by_role("radio", name="Hidden").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator('[data-other-teams="hidden"]')).to_be_visible()
    page.goto(f"{lab}access-control/other-teams/")
    page.get_by_role("radio", name="Shown").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator('[data-other-teams="shown"]')).to_be_visible()
