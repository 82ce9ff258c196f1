"""A class in three browsers: a trainer and two trainees, from the join code to the report."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.conftest import SECONDS
from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.e2e.test_accessible import AXE_OPTIONS

pytestmark = pytest.mark.e2e
EXERCISE = "Upload the CA that signed your device"


@pytest.fixture
def trainees(chromium: Browser) -> Iterator[tuple[Page, Page]]:
    """Two visitors with sessions of their own; the second has a phone."""
    desk = chromium.new_context(viewport=ViewportSize(width=1366, height=900), reduced_motion="reduce")
    phone = chromium.new_context(viewport=ViewportSize(width=390, height=844), reduced_motion="reduce")
    pages = desk.new_page(), phone.new_page()
    phone.add_init_script("delete Navigator.prototype.clipboard")  # as on a page without TLS
    for page in pages:
        page.set_default_timeout(SECONDS * 1000)
    yield pages
    desk.close()
    phone.close()


def check_axe(page: Page) -> None:
    found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []


def join(page: Page, address: str, name: str, *, can_copy: bool = True) -> None:
    """Join as a trainee does, by the link on the board."""
    page.goto(address)
    page.get_by_label("First name").fill(name)
    page.get_by_role("button", name="Join", exact=True).click()
    code = page.locator("#return-code").inner_text()
    assert page.evaluate("navigator.clipboard !== undefined") is can_copy
    if not can_copy:
        page.get_by_role("button", name="Copy").click()
        assert page.evaluate("getSelection().toString().trim()") == code
    page.get_by_role("link", name="Start", exact=True).click()
    expect(page.locator("#seat-bar")).to_be_visible()


def make_class(trainer: Guide) -> str:
    """Make a class of two seats. Return the address to join at."""
    page = trainer.page
    page.goto(trainer.endpoints["portal"] + "class/create/")
    page.get_by_label("Title").fill("Certificates for MQTT")
    page.get_by_label("Seats").fill("2")
    page.get_by_role("button", name="Create", exact=False).last.click()
    expect(page.locator("#class-board")).to_have_attribute("data-joined", "0")
    return f"{trainer.endpoints['portal']}join/?code={page.locator('#join-code').inner_text()}"


def confirm(page: Page, command: str) -> None:
    page.locator(".commands").get_by_role("link", name=command).click()
    page.get_by_role("dialog").get_by_role("button", name=command).click()


def test_a_class_from_the_code_to_the_report(
    demo: DemoProcess, page: Page, trainees: tuple[Page, Page], screenshots: Path, tmp_path: Path
) -> None:
    trainer = Guide(page, demo.wait_ready(), screenshots)
    trainer.sign_in("admin")
    address = make_class(trainer)
    board, (ines, olu) = page.url, trainees
    join(ines, address, "Ines")
    join(olu, address, "Olu", can_copy=False)
    expect(page.locator("#class-board")).to_have_attribute("data-joined", "2")  # without a reload
    first, second = page.locator('[data-seat="1"]'), page.locator('[data-seat="2"]')

    # One exercise, done by the trainee; the board follows.
    ines.get_by_role("button", name=EXERCISE).click()
    panel = ines.locator("#lab")
    expect(panel).to_be_visible()
    expect(first).to_contain_text(EXERCISE)
    panel.get_by_role("button", name="Show me").click()
    expect(ines.locator('[data-lab-state="done"]')).to_be_visible()
    expect(first).to_contain_text("done")

    # Help asked with one click, and ended by the trainer's help.
    olu.locator("#seat-ask").click()
    expect(page.locator("#class-board")).to_have_attribute("data-asking", "1")
    expect(second).to_have_class(re.compile("asks"))
    check_axe(page)
    trainer.shoot("class-board")
    olu.screenshot(path=screenshots / "class-seat-phone.png", full_page=True)
    check_axe(olu)

    # Over the shoulder: the trainee sees it.
    seat = board + "seats/1/look/"
    page.goto(seat)
    page.get_by_role("button", name="Look over the shoulder").click()
    expect(page.locator("#seat-look")).to_contain_text(EXERCISE)
    expect(ines.locator("[data-watched]")).to_be_visible()
    place = ines.locator("#seat-bar").evaluate("() => location.origin") + namespace_of(ines)
    ines.goto(f"{place}clients/")
    screen = page.frame_locator(".seat-screen iframe")
    expect(screen.get_by_role("heading", level=1)).to_contain_text("Clients")
    check_axe(page)
    trainer.shoot("class-look")
    page.get_by_role("button", name="Stop looking").click()
    expect(ines.locator("[data-watched]")).to_have_count(0)

    # A fault for all seats, and back.
    page.goto(board)
    page.locator("#fault-expire").click()
    expect(page.locator('[data-fault="expire"]')).to_have_class(re.compile(r"\bon\b"))
    ines.goto(place)
    expect(ines.locator("[data-judged-at]")).to_be_visible()
    check_axe(ines)
    ines.screenshot(path=screenshots / "class-expired.png", full_page=True)
    page.locator("#fault-expire").click()
    expect(page.locator('[data-fault="expire"]')).not_to_have_class(re.compile(r"\bon\b"))
    ines.reload()
    expect(ines.locator("[data-judged-at]")).to_have_count(0)

    # Back to the start, and the end.
    confirm(page, "Reset all seats")
    expect(first.locator("[data-no-exercise]")).to_be_visible()
    expect(page.locator("#class-board")).to_have_attribute("data-asking", "0")
    confirm(page, "End class")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Report")
    trainer.shoot("class-report")
    with page.expect_download() as download:
        page.get_by_role("link", name="Report (CSV)").click()
    download.value.save_as(tmp_path / "report.csv")
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["First name"] for row in rows] == ["Ines", "Olu"]
    ines.goto(place)
    expect(ines.get_by_label("User name")).to_be_visible()  # signed out


def namespace_of(page: Page) -> str:
    """Return the path of the trainee's namespace, from the panel's or the menu's links."""
    links = page.locator('a[href*="/namespaces/"]').evaluate_all(
        "(all) => all.map((each) => each.getAttribute('href'))"
    )
    found = next(match[0] for each in links if (match := re.match(r"/namespaces/\d+/", each)))
    return str(found)
