"""Invite, accept, turn on two-step sign-in, upload as Certificate uploader, and be refused on another team's certificate."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from certificates.samples.chain import ClientName, make_sample_chain
from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.e2e.test_account import code_of

pytestmark = pytest.mark.e2e
PASSWORD = "violet lamp under the stairs"
PAGES = (
    *("people/", "people/invite/", "people/create/", "people/1/", "people/1/edit/", "people/1/password-link/"),
    *("teams/", "teams/1/", "teams/1/add-member/", "teams/1/delete/", "namespaces/1/access-control/who/", "account/"),
)


def check(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert not found, f"{name}: {[(each['id'], each['nodes'][0]['html'][:160]) for each in found]}"


def authority(folder: Path, label: str) -> Path:
    chain = make_sample_chain([ClientName("press-1")], at=datetime.now(UTC), label=label)
    path = folder / f"{label}.pem"
    path.write_text(chain.intermediate.certificate_pem)
    return path


def upload(page: Page, base: str, name: str, file: Path, team: str) -> None:
    page.goto(f"{base}namespaces/1/upload-certificate/")
    page.get_by_label("Certificate name").fill(name)
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_label("Team").select_option(label=team)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("row").filter(has_text=name)).to_be_visible()


def test_an_invited_uploader_manages_the_own_teams_certificates(
    demo: DemoProcess, chromium: Browser, page: Page, screenshots: Path, tmp_path: Path
) -> None:
    ready = demo.wait_ready()
    base = ready["portal"]
    Guide(page, ready, screenshots).sign_in("admin")
    upload(page, base, "people-line-b", authority(tmp_path, "PeopleB"), "Line B")

    page.goto(f"{base}teams/create/")
    page.locator("#id_name").fill("Retrofit")  # the teams of the demo have roles already
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Retrofit")

    page.goto(f"{base}people/")
    page.get_by_role("link", name="Invite", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_label("E-mail address").fill("mika@integrator.example")
    page.get_by_label("First name").fill("Mika")
    page.get_by_label("Last name").fill("Saari")
    page.get_by_label("Retrofit").check()
    page.locator("#id_role").select_option(label="Certificate uploader in contoso-plant")
    page.get_by_role("button", name="Invite", exact=True).click()
    link = page.locator("[data-link]").input_value()
    check(page, screenshots, "invitation-link")

    context = chromium.new_context(java_script_enabled=False)
    mika = context.new_page()
    mika.goto(link)
    expect(mika).to_have_url(re.compile("/sign-in/link/$"))
    mika.screenshot(path=screenshots / "accept-invitation.png", full_page=True)
    mika.get_by_label("User name").fill("mika")
    mika.get_by_label("Password", exact=False).first.fill(PASSWORD)
    mika.get_by_label("Password again").fill(PASSWORD)
    mika.get_by_role("button", name="Create account").click()
    expect(mika.get_by_role("heading", level=1)).to_contain_text("Home")

    mika.goto(f"{base}account/two-step/app/")
    mika.get_by_label("Password").fill(PASSWORD)
    mika.get_by_role("button", name="Confirm").click()
    mika.get_by_text("No camera?").click()
    secret = mika.locator("[data-secret]").inner_text().replace(" ", "")
    mika.get_by_role("textbox", name="Code").fill(code_of(secret, 0))
    mika.get_by_role("button", name="Turn on").click()
    expect(mika.locator("[data-recovery-code]")).to_have_count(10)

    upload(mika, base, "people-retrofit", authority(tmp_path, "PeopleR"), "Retrofit")
    mika.goto(f"{base}namespaces/1/ca-certificates/people-line-b/delete/")
    expect(mika.locator("[data-code=denied]")).to_be_visible()
    again = context.new_page()
    again.goto(link)
    expect(again.locator("[data-code=link-used]")).to_be_visible()
    context.close()

    page.goto(f"{base}people/?q=mika")
    page.get_by_role("link", name="Mika Saari").click()
    sources = page.locator("#answer [data-source]")
    expect(sources.first).to_have_attribute("data-source", "own:certificate_uploader")
    check(page, screenshots, "person-pane")
    for path in PAGES:
        page.goto(base + path)
        check(page, screenshots, f"people-{path.strip('/').replace('/', '-')}")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    for path in PAGES[::3]:
        page.goto(base + path)
        check(page, screenshots, f"people-phone-dark-{path.strip('/').replace('/', '-')}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
