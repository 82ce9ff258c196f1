"""Connections as they happen: attempts appear in place, and the bars of the chart narrow the list."""

import re
import socket
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

# The number of attempts on the page: that of each row, over which hours they may be spread.
COUNTED = """() => [...document.querySelectorAll('tbody.attempt[data-verdict="aborted"]')]
  .reduce((sum, row) => sum + Number(row.querySelector("[data-repeated]")?.dataset.repeated ?? 1), 0)"""


def probe(endpoint: dict[str, object]) -> None:
    """Open the port and go away, as a health check does."""
    socket.create_connection((str(endpoint["host"]), int(str(endpoint["port"]))), timeout=60).close()


def shows_more(page: Page, before: int) -> bool:
    return bool(page.evaluate(COUNTED) > before)


def test_attempts_appear_and_bars_narrow_the_list(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    ready = demo.wait_ready()
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    guide.open("Connections")
    for _ in range(2):
        before = page.evaluate(COUNTED)
        probe(ready["mqtt"])
        until(partial(shows_more, page, before), "the attempt is on the page")
    expect(page.locator("#verdict-aborted")).to_contain_text(str(page.evaluate(COUNTED)))
    page.reload()
    guide.shoot("connections-aborted")
    bars = page.locator(".chart-hits li")
    first, last = bars.nth(20).bounding_box(), bars.nth(23).bounding_box()
    assert first
    assert last
    page.mouse.move(first["x"] + first["width"] / 2, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(last["x"] + last["width"] / 2, last["y"] + 30, steps=4)
    page.mouse.up()
    expect(page.locator("#chosen-time")).to_be_visible()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked.keys() == {"since", "until"}
    expect(page.locator(".chart-hits li.chosen")).to_have_count(4)
    page.locator("#verdict-accepted").click()
    expect(page.locator("#verdict-accepted")).to_have_attribute("aria-current", "true")
    expect(page.locator("#chosen-time")).to_be_visible()
    page.locator("#chosen-time").click()
    expect(page).to_have_url(re.compile(r"\?verdict=accepted$"))
