"""Panes have addresses: Back closes one, Forward and a reload open it again, and what was typed is kept. Notices turn into results."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import SYNC_MILLISECONDS, Guide

pytestmark = pytest.mark.e2e
LIST, PANE = "namespaces/1/client-groups/", "namespaces/1/create-client-group/"


@pytest.fixture(scope="module")
def session_of_dana(
    demo: DemoProcess, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StorageState]:
    context = chromium.new_context()
    Guide(context.new_page(), demo.wait_ready(), tmp_path_factory.mktemp("pages")).sign_in("dana")
    yield context.storage_state()
    context.close()


@pytest.fixture
def storage(session_of_dana: StorageState) -> StorageState:
    return session_of_dana


@pytest.fixture
def base(demo: DemoProcess, page: Page) -> str:
    base = str(demo.wait_ready()["portal"])
    page.goto(f"{base}{LIST}?q=x")
    return base


def open_pane(page: Page) -> None:
    page.get_by_role("link", name="Client group", exact=True).first.click()
    expect(page.locator("#pane .pane")).to_be_visible()


def test_a_pane_is_in_the_address_and_back_closes_it(base: str, page: Page) -> None:
    open_pane(page)
    expect(page).to_have_url(base + PANE)
    page.evaluate("window.isTheSamePage = true")
    page.go_back()
    expect(page.locator("#pane .pane")).to_have_count(0)
    expect(page).to_have_url(f"{base}{LIST}?q=x")
    page.go_forward()
    expect(page.locator("#pane .pane")).to_be_visible()
    expect(page).to_have_url(base + PANE)
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{base}{LIST}?q=x")
    assert page.evaluate("window.isTheSamePage"), "the page below was loaded again"


def test_a_reload_opens_the_same_pane(base: str, page: Page) -> None:
    open_pane(page)
    page.reload()
    expect(page.locator("#pane .pane")).to_be_visible()
    expect(page).to_have_url(base + PANE)
    page.go_back()
    expect(page.locator("#pane .pane")).to_have_count(0)
    expect(page).to_have_url(f"{base}{LIST}?q=x")


def test_what_was_typed_is_kept_when_the_reader_goes_back(base: str, page: Page) -> None:
    open_pane(page)
    page.locator("#id_name").fill("presses-9")
    page.go_back()
    expect(page.locator("#pane .pane")).to_have_count(0)
    open_pane(page)
    expect(page.locator("#id_name")).to_have_value("presses-9")


def test_one_notice_turns_into_the_result(base: str, page: Page) -> None:
    open_pane(page)
    page.locator("#id_name").fill("with-a-notice")
    page.get_by_label("Query").fill("attributes.type = 'press'")
    page.get_by_role("button", name="Create", exact=True).click()
    notice = page.locator("#toasts .message")
    expect(notice).to_have_class(re.compile(r"\bgood\b"), timeout=SYNC_MILLISECONDS)
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("with-a-notice")
    page.go_back()  # to the list as it was, and not to the form
    expect(page).to_have_url(f"{base}{LIST}?q=x")
    expect(page.locator("#pane .pane")).to_have_count(0)


def test_the_first_error_is_focused(base: str, page: Page) -> None:
    """Of a whole page that comes back with errors, and of a pane."""
    for path in ("namespaces/1/create-client/", PANE):
        page.goto(base + path)
        page.locator("form[novalidate]").last.get_by_role("button", name="Create", exact=True).click()
        expect(page.locator("#id_name")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#id_name")).to_be_focused()
