"""Changes made in Azure without the portal are found, shown and resolved."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide

pytestmark = pytest.mark.e2e


class Arm:
    """Azure as a script of the user reaches it."""

    def __init__(self, ready: dict[str, Any]) -> None:
        azure = ready["azure"]
        self._session = requests.Session()
        self._session.trust_env = False  # a bundle named there would win over the one below
        self._session.verify = ready["arm_ca"]
        form = {"grant_type": "client_credentials", **{key: azure[key] for key in ("client_id", "client_secret")}}
        token = self._session.post(f"{ready['arm']}/{azure['tenant']}/oauth2/v2.0/token", data=form).json()
        self._session.headers["Authorization"] = f"Bearer {token['access_token']}"
        self._namespaces = (
            f"{ready['arm']}/subscriptions/{azure['subscription']}/resourceGroups/{azure['resource_group']}"
            "/providers/Microsoft.EventGrid/namespaces"
        )

    def put_client(self, namespace: str, name: str, **properties: Any) -> None:
        body = {
            "authenticationName": name,
            "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
            **properties,
        }
        self._call("PUT", f"{namespace}/clients/{name}", {"properties": body})

    def put_namespace(self, name: str) -> None:
        self._call("PUT", name, {"location": "westeurope"})

    def delete_namespace(self, name: str) -> None:
        self._call("DELETE", name)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        url = f"{self._namespaces}/{path}?{urlencode({'api-version': '2025-02-15'})}"
        answer = self._session.request(method, url, json=body)
        assert answer.ok, answer.text


def test_a_difference_is_found_shown_and_resolved(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    ready = demo.wait_ready()
    arm = Arm(ready)
    name = ready["namespaces"][0]
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(name)
    arm.put_client(name, "stranger", description="made by a script")
    find(guide, "stranger")
    page.get_by_label("Choose all on this page").check()
    expect(page.get_by_label("Choose stranger")).to_be_checked()
    guide.shoot("drift")
    page.get_by_role("link", name="stranger").click()
    expect(page.get_by_text("made by a script")).to_be_visible()
    guide.shoot("drift-detail")
    page.get_by_role("button", name="Adopt into the portal").click()
    expect(page.locator('[data-result="same"]')).to_be_visible()

    arm.put_client(name, "stranger", description="changed by a script")
    find(guide, "stranger")
    page.get_by_role("link", name="stranger").click()
    guide.shoot("drift-fields")
    page.get_by_role("radio", name="Take the portal's Description").check()
    page.get_by_role("button", name="Apply").click()
    guide.open("Sync")
    expect(page.locator("[data-up-to-date]")).to_be_visible(timeout=60_000)
    guide.shoot("sync")
    guide.open("Activity log")
    page.get_by_role("link", name="Timeline of Keep ours stranger").click()
    expect(page.get_by_role("cell", name="Sent to Azure")).to_be_visible()
    guide.shoot("timeline")


def find(guide: Guide, name: str) -> None:
    """Refresh from Azure, and wait until the page lists the difference."""
    guide.open("Drift")
    guide.page.get_by_role("button", name="Refresh from Azure").click()
    expect(guide.page.get_by_role("row").filter(has_text=name)).to_be_visible(timeout=60_000)
    expect(guide.page.locator("#menu-count-drift")).to_have_text("1")  # without a reload
