"""A namespace is picked from the list of those in Azure, connected and disconnected."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.e2e.test_drift import Arm

pytestmark = pytest.mark.e2e
NAME = "picked-plant"


def test_a_namespace_is_picked_connected_and_disconnected(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    ready = demo.wait_ready()
    arm = Arm(ready)
    arm.put_namespace(NAME)
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    page.goto(ready["portal"] + "namespaces/")
    page.get_by_role("link", name="Namespace", exact=True).click()
    pane = guide.pane("Connect a namespace")
    pane.get_by_role("radio", name=NAME).check()
    guide.shoot("connect-namespace")
    pane.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)
    page.get_by_role("link", name="Disconnect", exact=True).click()
    guide.pane("Disconnect namespace").get_by_role("button", name="Disconnect", exact=True).click()
    expect(page.get_by_role("main").get_by_role("link", name=NAME, exact=True)).to_have_count(0)
    arm.delete_namespace(NAME)
