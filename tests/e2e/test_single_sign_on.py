"""Single sign-on in the browser, with the identity provider of `manage.py demo --sso`: an empty console and nothing for axe."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.demo_process import DemoProcess, running_demo

pytestmark = pytest.mark.e2e
PHONE, DESKTOP = ViewportSize(width=360, height=740), ViewportSize(width=1366, height=900)


@pytest.fixture(scope="module")
def sso_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    with running_demo(tmp_path_factory.mktemp("demo") / "state", "--sso", migrated=True) as process:
        process.wait_ready()
        yield process


def check(page: Page, folder: Path, name: str) -> None:
    for window in (PHONE, DESKTOP):
        page.set_viewport_size(window)
        page.screenshot(path=folder / f"{name}-{window['width']}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= window["width"], f"{name} is too wide"
    found = Axe().run(page).response["violations"]
    assert not found, f"{name}: {[each['id'] for each in found]}"


def sign_in(page: Page, endpoints: dict[str, Any], username: str) -> None:
    provider = endpoints["identity_provider"]
    password = next(user["password"] for user in provider["users"] if user["username"] == username)
    page.goto(endpoints["portal"])
    page.get_by_role("button", name="Sign in with Contoso").click()
    page.wait_for_url(lambda url: "next=" in url or url.endswith("home/"))
    if page.url.startswith(provider["url"]):
        page.get_by_label("User at Contoso").fill(username)
        page.get_by_label("Password at Contoso").fill(password)
        page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Home")


def teams(page: Page, endpoints: dict[str, Any]) -> str:
    page.goto(f"{endpoints['portal']}account/")
    return page.locator("dl.facts div", has=page.get_by_text("Teams", exact=True)).locator("dd").inner_text()


def choose(page: Page, endpoints: dict[str, Any], *groups: str) -> None:
    """Choose groups on the provider's page, and sign out of the portal."""
    page.goto(endpoints["identity_provider"]["url"])
    for box in page.get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("value") in groups)
    page.get_by_role("button", name="Save").click()
    page.goto(f"{endpoints['portal']}account/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()


def test_single_sign_on_with_group_change(sso_demo: DemoProcess, page: Page, screenshots: Path) -> None:
    endpoints = sso_demo.wait_ready()
    page.goto(endpoints["portal"])
    check(page, screenshots, "sso-sign-in")
    sign_in(page, endpoints, "ann")
    assert teams(page, endpoints) == "Line A"
    expect(page.locator("[data-identity-provider]")).to_contain_text("Contoso")
    check(page, screenshots, "sso-account")

    choose(page, endpoints, "Line B engineers", "Portal administrators")
    sign_in(page, endpoints, "ann")
    assert teams(page, endpoints) == "Line B"
    expect(page.locator("dl.facts")).to_contain_text("Administrator")

    choose(page, endpoints)
    sign_in(page, endpoints, "ann")
    assert teams(page, endpoints) == "none"
    expect(page.locator("dl.facts")).not_to_contain_text("Administrator")


def test_single_sign_on_works_without_javascript(sso_demo: DemoProcess, chromium: Browser) -> None:
    endpoints = sso_demo.wait_ready()
    context = chromium.new_context(java_script_enabled=False)
    sign_in(context.new_page(), endpoints, "ben")
    context.close()


def test_a_refusal_is_a_page_of_ours(sso_demo: DemoProcess, chromium: Browser, screenshots: Path) -> None:
    """In a context of its own: Chromium writes each page of status 400 to the console."""
    endpoints = sso_demo.wait_ready()
    for scheme in ("light", "dark"):
        context = chromium.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{endpoints['portal']}sign-in/sso/callback/?code=stolen&state=guessed")
        expect(page.locator("[data-code=sso-state]")).to_be_visible()
        check(page, screenshots, f"sso-refused-{scheme}")
        page.get_by_role("button", name=re.compile("^Try again")).click()
        page.wait_for_url(f"{endpoints['identity_provider']['url']}/**")
        context.close()
