"""Thirty devices from their certificates: dropped, reviewed and imported in few actions, and nothing for axe to find."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from certificates.samples.chain import ClientName, make_sample_chain
from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide

pytestmark = pytest.mark.e2e
DEVICES = 30
SECONDS = 60  # a minute for all of it, on a busy machine too


def test_thirty_devices_are_imported_from_their_certificates(
    demo: DemoProcess, page: Page, screenshots: Path, tmp_path: Path
) -> None:
    ready = demo.wait_ready()
    names = [ClientName(f"welder-{n:02}") for n in range(DEVICES)]
    half = DEVICES // 2
    chains = [
        make_sample_chain(each, at=datetime.now(UTC), label=label)
        for each, label in ((names[:half], "East"), (names[half:], "West"))
    ]
    files: list[Path] = []
    for number, chain in enumerate(chains):
        (tmp_path / f"ca-{number}.crt").write_text(chain.intermediate.certificate_pem)
        for client in chain.clients:
            files.append(tmp_path / f"welder-{len(files):02}.crt")
            files[-1].write_text(client.certificate_pem)
    guide = Guide(page, ready, screenshots)
    guide.sign_in("admin")
    guide.open_namespace(ready["namespaces"][0])
    for number in range(len(chains)):
        guide.upload_certificate(f"welders-{number}", tmp_path / f"ca-{number}.crt")

    began = time.monotonic()
    guide.open("Clients")  # 1
    page.get_by_role("main").get_by_role("link", name="Import").click()  # 2
    page.locator('input[name="upload"]').set_input_files(files)  # 3
    shoot(page, screenshots, "import-files")
    page.get_by_role("button", name="Review").click()  # 4
    expect(page.locator(f'[data-ready="{DEVICES}"][data-total="{DEVICES}"]')).to_be_visible()
    shoot(page, screenshots, "import-review")
    page.get_by_role("button", name=f"Import {DEVICES} clients").click()  # 5
    expect(page.locator(f'[data-state="done"][data-imported="{DEVICES}"]')).to_be_visible(timeout=SECONDS * 1000)
    assert time.monotonic() - began < SECONDS
    shoot(page, screenshots, "import-done")
    page.get_by_role("main").get_by_role("link", name="Clients", exact=True).click()
    expect(guide.row("welder-29")).to_be_visible()


def shoot(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert not found, f"{name}: {[(each['id'], [node['html'] for node in each['nodes']][:2]) for each in found]}"
