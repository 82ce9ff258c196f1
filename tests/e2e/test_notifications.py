"""Preferences, webhooks and the outbox in the browser: with an empty console, nothing for axe, and on a narrow screen."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.demo_process import DemoProcess

pytestmark = pytest.mark.e2e
PUBLIC = "https://93.184.216.34/portal"  # an address needs no DNS, and nothing is sent to it


def sign_in(page: Page, demo: DemoProcess) -> str:
    """Sign in as the administrator, and return the portal's address."""
    endpoints = demo.wait_ready()
    base: str = endpoints["portal"]
    page.goto(base)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(
        next(user["password"] for user in endpoints["users"] if user["username"] == "admin")
    )
    page.get_by_role("button", name="Sign in").click()
    expect(page).not_to_have_url(re.compile("/sign-in/"))
    return base


def check(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert not found, f"{name}: {[each['id'] for each in found]}"
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, f"{name} is wider than a phone"
    page.screenshot(path=folder / f"{name}-phone.png", full_page=True)
    page.set_viewport_size({"width": 1366, "height": 900})


def test_a_webhook_is_created_and_its_key_shown_once(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    base = sign_in(page, demo)
    page.goto(f"{base}webhooks/create/")
    page.locator("#id_name").fill("Plant chat")
    page.get_by_label("Address").fill("https://127.0.0.1/portal")
    page.get_by_label("Unknown CA certificate in Azure").check()
    page.get_by_role("button", name="Create").click()
    expect(page.locator('[data-code="private_address"]')).to_be_visible()
    expect(page.locator("#id_name")).to_have_value("Plant chat")
    check(page, screenshots, "webhook-refused")
    page.get_by_label("Address").fill(PUBLIC)
    page.get_by_role("button", name="Create").click()
    expect(page.locator("[data-signing-key]")).to_have_text(re.compile("^whsec_"))
    check(page, screenshots, "webhook-key")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Plant chat")
    expect(page.locator("[data-signing-key]")).to_have_count(0)
    check(page, screenshots, "webhook")
    page.goto(f"{base}webhooks/")
    check(page, screenshots, "webhooks")


def test_preferences_and_the_outbox(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    base = sign_in(page, demo)
    page.goto(f"{base}account/notifications/")
    page.get_by_label("Azure differs from the portal").select_option("none")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Azure differs from the portal")).to_have_value("none")
    check(page, screenshots, "notification-preferences")
    page.goto(f"{base}outbox/")
    check(page, screenshots, "outbox")
