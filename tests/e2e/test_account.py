"""Two-step sign-in in the browser: set up without JavaScript, used with it, with an empty console and nothing for axe."""

import re
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.demo_process import DemoProcess

pytestmark = pytest.mark.e2e


def code_of(secret: str, offset: int) -> str:
    """Return what an app shows now, or `offset` half minutes later."""
    now = list(yield_hotp_counters_from_time())[1]
    return str(format_hotp_value(hotp_value(secret, now + offset)))


def sign_in(page: Page, base: str, password: str) -> None:
    page.goto(base)
    page.get_by_label("User name").fill("rita")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def check(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert not found, f"{name}: {[each['id'] for each in found]}"


def test_an_app_is_added_and_asked_for(demo: DemoProcess, chromium: Browser, page: Page, screenshots: Path) -> None:
    endpoints = demo.wait_ready()
    base = endpoints["portal"]
    password = next(user["password"] for user in endpoints["users"] if user["username"] == "rita")
    context = chromium.new_context(java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, base, password)
    plain.goto(f"{base}account/two-step/app/")
    plain.get_by_label("Password").fill(password)
    plain.get_by_role("button", name="Confirm").click()
    expect(plain.get_by_role("img", name="QR code for your app")).to_be_visible()
    plain.get_by_text("No camera?").click()
    secret = plain.locator("[data-secret]").inner_text().replace(" ", "")
    plain.get_by_role("textbox", name="Code").fill(code_of(secret, 0))
    plain.get_by_role("button", name="Turn on").click()
    expect(plain.locator("[data-recovery-code]")).to_have_count(10)

    sign_in(page, base, password)
    expect(page).to_have_url(re.compile("/sign-in/code/$"))
    check(page, screenshots, "sign-in-code")
    page.get_by_role("textbox", name="Code").fill(plain.locator("[data-recovery-code]").first.inner_text())
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Home")
    for path in ("two-step", "sessions"):
        page.goto(f"{base}account/{path}/")
        check(page, screenshots, f"account-{path}")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    plain.goto(f"{base}account/")
    expect(plain.get_by_role("button", name="Sign in")).to_be_visible()

    sign_in(plain, base, password)  # and leave the account as it was
    plain.get_by_role("textbox", name="Code").fill(code_of(secret, 1))
    plain.get_by_role("button", name="Sign in", exact=True).click()
    plain.goto(f"{base}account/two-step/app/remove/")
    plain.get_by_label("Password").fill(password)
    plain.get_by_role("button", name="Confirm").click()
    plain.get_by_role("button", name="Turn off").click()
    expect(plain.locator("[data-second-step]")).to_have_attribute("data-second-step", "off")
    context.close()
