"""The pages of a class and of the lab for the walk of the screenshots: a class is held, and ends with the walk."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.walk_stops import Stop

BOARD, LAB = "class/1/", "lab/in/2/"
TRAINEES = ("Ines", "Olu", "Tuva")


def hold_a_class(page: Page) -> None:
    """Create a class of four seats. Three trainees join; one of them asks for help."""
    page.get_by_label("Title").fill("Certificates for MQTT")
    page.get_by_label("Seats").fill("4")
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Create")).click()
    code = page.locator("#join-code").inner_text()
    assert page.context.browser is not None
    for name in TRAINEES:
        elsewhere = page.context.browser.new_context()
        trainee = elsewhere.new_page()
        trainee.goto(page.url.partition("class/")[0] + f"join/?code={code}")
        trainee.get_by_label("First name").fill(name)
        trainee.get_by_role("button", name="Join", exact=True).click()
        trainee.get_by_role("link", name="Start", exact=True).click()
        if name == TRAINEES[1]:
            trainee.locator("#seat-ask").click()
            expect(trainee.locator("#seat-ask-end")).to_be_visible()
        elsewhere.close()
    expect(page.locator("#class-board")).to_have_attribute("data-asking", "1")


def press(name: str, seen: str) -> Callable[[Page], None]:
    """Return what presses a button and waits until something is visible."""

    def act(page: Page) -> None:
        page.get_by_role("button", name=name).last.click()
        expect(page.locator(seen).first).to_be_visible()

    return act


def leave_the_exercise(page: Page) -> None:
    page.locator("#lab").get_by_role("button", name="Close").click()
    expect(page.locator("#lab")).to_have_count(0)


def create_a_device(page: Page) -> None:
    page.get_by_label("Authentication name").fill("press-1")
    page.get_by_role("button", name="Create device").click()
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#device-live")).to_have_attribute("data-state", "refused")


def share_the_first_attempt(page: Page) -> None:
    page.goto(page.locator(".attempt a[hx-target^='#trace-']").first.evaluate("link => link.href"))
    page.get_by_role("link", name="Share this attempt").click()
    expect(page.get_by_role("button", name="Create link")).to_be_visible()


TRAINING = (
    Stop("class-none", "class/"),
    Stop("class-create", "class/create/"),
    Stop("class-board", "class/create/", hold_a_class, "classes:class_board"),
    Stop("class-list", "class/"),
    *(Stop(f"class-{page}", f"{BOARD}{page}/") for page in ("large", "tell", "code", "reset", "end")),
    Stop("class-fault", BOARD, press("Start Expire all", ".class-fault.on")),
    Stop("seat-look-before", f"{BOARD}seats/1/look/"),
    Stop("seat-look", f"{BOARD}seats/1/look/", press("Look over the shoulder", "#seat-look"), "classes:seat_look"),
    *(Stop(f"seat-{page}", f"{BOARD}seats/1/{page}/") for page in ("reset", "code")),
    Stop("namespace-judged-ahead", "namespaces/4/"),
    Stop("class-ended", f"{BOARD}end/", press("End class", "main table"), "classes:class_board"),
    Stop("device", "lab/2/devices/", create_a_device, "lab:device_detail"),
    Stop("share", "namespaces/1/connections/?result=refused", share_the_first_attempt, "lab:share"),
    Stop("lab-place", LAB),
    Stop("lab-exercise", LAB, press("Upload the CA that signed your device", "#lab"), "lab:exercise"),
    Stop("lab-beside", "namespaces/2/"),
    Stop("lab-closed", "lab/exercise/", leave_the_exercise, "lab:home"),
)
