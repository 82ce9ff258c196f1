"""Two people edit one client in two browsers: the second chooses, with and without JavaScript, and axe finds nothing."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide

pytestmark = pytest.mark.e2e


def open_form(page: Page, clients: str, name: str) -> None:
    page.goto(f"{clients}{name}/update/")
    expect(page.get_by_label("Description")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_second_of_two_people_chooses(
    demo: DemoProcess, chromium: Browser, page: Page, screenshots: Path, scripts: bool
) -> None:
    ready = demo.wait_ready()
    first = Guide(page, ready, screenshots)
    first.sign_in("admin")
    first.open_namespace(ready["namespaces"][0])
    first.open("Clients")
    clients = page.url
    name = f"shared-{'scripts' if scripts else 'plain'}"
    first.create_client(name)
    context = chromium.new_context(java_script_enabled=scripts)
    other = context.new_page()
    Guide(other, ready, screenshots).sign_in("dana")
    open_form(page, clients, name)
    open_form(other, clients, name)
    page.get_by_label("Connection state").select_option("Disabled")
    page.get_by_label("Description").fill(f"by the first {scripts}")
    page.get_by_role("main").get_by_role("button", name="Save").last.click()
    expect(first.row(name)).to_be_visible()

    other.get_by_label("Description").fill(f"by the second {scripts}")
    other.get_by_role("main").get_by_role("button", name="Save").last.click()
    pane = other.get_by_role("dialog")
    expect(pane.locator('[data-code="changed-meanwhile"]')).to_be_visible()
    expect(pane.locator('[data-changed="state"] input[value="theirs"]')).to_be_checked()
    expect(pane.locator('[data-changed="description"]')).to_contain_text(f"by the second {scripts}")
    other.screenshot(path=screenshots / f"two-people-{'scripts' if scripts else 'plain'}.png", full_page=True)
    if scripts:
        assert not Axe().run(other).response["violations"]
    pane.get_by_role("button", name="Save as chosen").click()
    expect(pane.locator('[data-code="choose"]')).to_be_visible()
    pane.locator('[data-changed="description"] input[value="mine"]').check()
    pane.get_by_role("button", name="Save as chosen").click()
    open_form(other, clients, name)
    expect(other.get_by_label("Description")).to_have_value(f"by the second {scripts}")
    expect(other.get_by_label("Connection state")).to_have_value("Disabled")
    context.close()
