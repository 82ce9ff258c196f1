"""The steps of the guide in the browser, by the labels on the page."""

import re
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

SYNC_MILLISECONDS = 60_000


class Guide:
    """A user in one namespace. `shots` is the folder for screenshots."""

    def __init__(self, page: Page, endpoints: dict[str, Any], shots: Path) -> None:
        self.page = page
        self.endpoints = endpoints
        self._shots = shots
        self.password = ""  # of the user who signed in

    def shoot(self, name: str) -> None:
        self.page.screenshot(path=self._shots / f"{name}.png", full_page=True)

    def sign_in(self, username: str) -> None:
        users = self.endpoints["users"]
        self.password = next(user["password"] for user in users if user["username"] == username)
        self.page.goto(self.endpoints["portal"])
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(self.password)
        self.shoot("sign-in")
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("banner")).to_contain_text(re.compile(username, re.IGNORECASE))

    def open_namespace(self, name: str) -> None:
        self.page.goto(self.endpoints["portal"] + "namespaces/")
        self.shoot("namespaces")
        self.page.get_by_role("main").get_by_role("link", name=name, exact=True).click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(name)

    def open(self, entry: str) -> None:
        """Open an entry of the service menu, and check the title of its page."""
        menu = self.page.locator(".service-menu")
        menu.get_by_role("link", name=re.compile(rf"^{re.escape(entry)}\b")).click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(entry)

    def make_samples(self, names: list[str], folder: Path) -> dict[str, Path]:
        """Create sample certificates and return the files of the downloaded zip by name."""
        self.open("Sample certificates")
        for index, name in enumerate(names):
            if index:
                self.page.get_by_role("button", name=re.compile("Add")).first.click()
            self.page.get_by_label("Client authentication name").nth(index).fill(name)
        self.page.get_by_role("button", name=re.compile("^(Make|Create)")).click()
        link = self.page.get_by_role("link", name=re.compile("Download", re.IGNORECASE))
        expect(link).to_be_visible()
        self.shoot("sample-certificates")
        with self.page.expect_download() as download:
            link.click()
        archive = folder / "samples.zip"
        download.value.save_as(archive)
        with zipfile.ZipFile(archive) as content:
            content.extractall(folder)
        return {path.name: path for path in folder.iterdir()}

    def upload_certificate(self, name: str, file: Path) -> None:
        self.open("CA certificates")
        self.page.get_by_role("link", name="Certificate", exact=True).click()
        pane = self.pane("Upload certificate")
        pane.get_by_label("Certificate name").fill(name)
        pane.locator("input[type=file]").set_input_files(file)
        self.shoot("upload-certificate")
        pane.get_by_role("button", name="Upload", exact=True).click()
        expect(self.row(name)).to_be_visible()

    def create_client(self, name: str, *, state: str = "Enabled") -> None:
        self.open("Clients")
        self.page.get_by_role("link", name="Client", exact=True).click()
        form = self.page.get_by_role("main")
        form.get_by_label("Client name").fill(name)
        expect(form.get_by_label("Client authentication name")).to_have_value(name)
        form.get_by_label("Connection state").select_option(state)
        self.shoot("create-client")
        form.get_by_role("button", name="Create", exact=True).click()
        expect(self.row(name)).to_be_visible()

    def pane(self, title: str) -> Locator:
        pane = self.page.get_by_role("dialog", name=title)
        expect(pane).to_be_visible()
        return pane

    def row(self, name: str) -> Locator:
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=name, exact=True))

    def wait_succeeded(self, name: str) -> None:
        """Wait until the state of the row becomes Succeeded, without a reload."""
        expect(self.row(name)).to_contain_text("Succeeded", timeout=SYNC_MILLISECONDS)
