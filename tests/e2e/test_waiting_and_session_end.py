"""What a page shows while the server works, and that nothing typed is lost when the session ends or the page is left."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Dialog, Page, Route, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide

pytestmark = pytest.mark.e2e


@pytest.fixture
def guide(demo: DemoProcess, page: Page, screenshots: Path) -> Guide:
    ready = demo.wait_ready()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    return guide


@contextmanager
def held(page: Page, pattern: str) -> Iterator[None]:
    """Hold back requests of these URLs, and let them go at the end."""
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    page.route(re.compile(pattern), hold)
    yield
    for route in routes:
        route.continue_()
    page.unroute(re.compile(pattern))


def test_a_slow_answer_is_waited_for_in_sight(guide: Guide) -> None:
    page, waiting = guide.page, re.compile(r"\bwaiting\b")
    guide.open("Clients")
    with held(page, r"/clients/\?.*q=press"):
        page.get_by_role("main").get_by_role("searchbox").first.fill("press")
        expect(page.locator('[aria-busy="true"]')).to_have_count(1)
        expect(page.locator("html")).to_have_class(waiting)
        guide.shoot("waiting-list")
    expect(page.locator("html")).not_to_have_class(waiting)
    expect(page.locator("[aria-busy]")).to_have_count(0)

    guide.open("CA certificates")
    page.get_by_role("link", name="Certificate", exact=True).click()
    pane = guide.pane("Upload certificate")
    with held(page, "/check-file/"):
        pane.locator("input[type=file]").set_input_files(
            {"name": "press\u202e.pem", "mimeType": "text/plain", "buffer": b"no certificate"}
        )
        expect(pane.locator("#verdict .checking")).to_have_text("Checking press‹U+202E›.pem…")
        guide.shoot("waiting-doctor")
    expect(pane.locator("#verdict .checking")).to_have_count(0)


def end_session(page: Page) -> None:
    page.context.clear_cookies(name=re.compile("session"))


def sign_in_again(guide: Guide, username: str) -> None:
    password = next(user["password"] for user in guide.endpoints["users"] if user["username"] == username)
    with guide.page.expect_popup() as opened:
        guide.page.get_by_role("dialog", name="Your session ended").get_by_role("link", name="Sign in").click()
    popup = opened.value
    popup.get_by_label("User name").fill(username)
    popup.get_by_label("Password").fill(password)
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Sign in").click()


def test_the_session_ends_in_a_pane_and_nothing_is_lost(guide: Guide) -> None:
    page = guide.page
    guide.open("Client groups")  # a topic space would put rules in force, for the tests that share this demo
    page.get_by_role("link", name="Client group", exact=True).first.click()
    pane = guide.pane("Create client group")
    pane.locator("#id_name").fill("kept-group")
    pane.locator("#id_query").fill("attributes.kept = 'yes'")
    with held(page, "/notifications/bell/"):  # which would notice first
        end_session(page)
        pane.get_by_role("button", name="Create", exact=True).click()
        ended = page.get_by_role("dialog", name="Your session ended")
        expect(ended.get_by_role("link", name="Sign in")).to_be_focused()
    guide.shoot("session-ended")
    assert not Axe().run(page).response["violations"]
    sign_in_again(guide, "dana")
    expect(ended.locator("[data-other-user]")).to_be_visible()
    end_session(page)
    sign_in_again(guide, "admin")
    expect(ended).to_have_count(0)
    expect(pane.locator("#id_query")).to_have_value("attributes.kept = 'yes'")
    pane.get_by_role("button", name="Create", exact=True).click()
    expect(guide.row("kept-group")).to_be_visible()


def test_a_form_that_was_left_alone_asks_before_it_is_sent(guide: Guide) -> None:
    page = guide.page
    page.clock.install()
    guide.open("Clients")
    page.get_by_role("link", name="Client", exact=True).click()
    form = page.get_by_role("main")
    form.get_by_label("Client name").fill("kept-client")
    form.get_by_label("Description").fill("typed before the session ended")
    expect(form.locator("#id_name_check")).not_to_be_empty()
    with held(page, "/notifications/bell/"):  # which would notice first
        end_session(page)
        page.clock.fast_forward("09:00:00")
        form.get_by_role("button", name="Create", exact=True).click()
        ended = page.get_by_role("dialog", name="Your session ended")
        expect(ended).to_be_visible()
    sign_in_again(guide, "admin")
    expect(ended).to_have_count(0)
    form.get_by_role("button", name="Create", exact=True).click()
    expect(guide.row("kept-client")).to_be_visible()


def test_leaving_a_changed_form_is_asked(guide: Guide) -> None:
    page = guide.page
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    guide.open("Clients")
    page.get_by_role("link", name="Client", exact=True).click()
    name = page.get_by_role("main").get_by_label("Client name")
    name.fill("left-behind")
    page.locator(".service-menu").get_by_role("link", name="Overview").click()
    expect(name).to_have_value("left-behind")
    page.wait_for_timeout(0)
    assert asked == ["beforeunload"]
    page.get_by_role("main").get_by_role("button", name="Create", exact=True).click()
    expect(guide.row("left-behind")).to_be_visible()
    assert asked == ["beforeunload"]
