"""A class that other machines reach: over TLS by a certificate made for its host, with devices; ARM stays on this machine."""

import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.demo_process import running_demo
from tests.support.waiting import until

HOST = "127.0.0.2"  # for the demo another machine than 127.0.0.1
pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_trainee_on_another_machine(chromium: Browser, tmp_path: Path) -> None:
    with running_demo(tmp_path / "state", "--class=2", f"--host={HOST}") as demo:
        ready = demo.wait_ready()
        until(lambda: "Board" in demo.output, "the class is announced")
        ready = demo.wait_ready()
        assert ready["portal"].startswith(f"https://{HOST}:")
        assert urlsplit(ready["arm"]).hostname == "127.0.0.1"
        assert ready["mqtt"]["host"] == HOST
        check_reach(ready)
        context = chromium.new_context(ignore_https_errors=True)  # as after trusting the CA
        page = context.new_page()
        page.goto(f"{ready['portal']}join/?code={ready['class']['code']}")
        with page.expect_download() as download:
            page.get_by_role("link", name="CA of this site").click()
        assert Path(download.value.path()).read_bytes() == Path(ready["portal_ca"]).read_bytes()
        page.get_by_label("First name").fill("Ines")
        page.get_by_role("button", name="Join", exact=True).click()
        page.get_by_role("link", name="Start", exact=True).click()
        expect(page.locator("#seat-bar")).to_be_visible()
        cookies = {cookie["name"]: cookie["secure"] for cookie in context.cookies()}
        assert cookies["__Host-sessionid"]
        page.locator(".service-menu").get_by_role("link", name="Device", exact=True).click()
        page.get_by_label("Authentication name").fill("press-1")
        page.get_by_role("button", name="Create device").click()
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.locator("#device-live")).to_have_attribute(
            "data-state", "refused"
        )  # by the endpoint: it was reached
        context.close()


def check_reach(ready: dict[str, Any]) -> None:
    """Check that the certificate is trusted through the CA of the demo, and that loopback has neither portal nor MQTT."""
    port = urlsplit(ready["portal"]).port
    trusting = ssl.create_default_context(cafile=ready["portal_ca"])
    with socket.create_connection((HOST, port), timeout=60) as plain:
        trusting.wrap_socket(plain, server_hostname=HOST).close()
    for closed in (port, ready["mqtt"]["port"]):
        with socket.socket() as elsewhere:
            assert elsewhere.connect_ex(("127.0.0.1", closed)) != 0
