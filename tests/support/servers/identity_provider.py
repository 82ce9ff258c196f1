"""The demo's identity provider as a process, behind a proxy with TLS that can change what it answers."""

import contextlib
import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portal.demo.identity_provider.people import ADMINISTRATORS, LINE_A, LINE_B, object_id
from portal.demo.state import listen
from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.mapping import Grant
from tests.support.certificates.seeded_keys import rsa_key
from tests.support.servers.tls_proxy import Tamperer, Tampering, TLSProxy, tls_proxy_to
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
CALLBACK = "http://testserver/sign-in/sso/callback/"
PASSWORD = "a password at the provider"
CLIENTS = [
    {"id": "portal", "secret": "secret+of/the portal&", "redirect_uris": [CALLBACK]},
    {"id": "other", "secret": "secret-of-another", "redirect_uris": [CALLBACK]},
    {"id": "by-userinfo", "secret": "secret-of-the-third", "redirect_uris": [CALLBACK], "groups_in": "userinfo"},
]
MAPPING = {
    object_id(LINE_A): Grant(("Line 1",)),
    object_id(LINE_B): Grant(("Line 2",)),
    object_id(ADMINISTRATORS): Grant(administrator=True),
}
FORM_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class IdentityProvider:
    """A running provider. `url`: its issuer, which is the proxy's."""

    def __init__(self, proxy: TLSProxy, tamperer: Tamperer) -> None:
        self.url = proxy.url
        self.ca = str(proxy.ca)
        self._tamperer = tamperer
        self._browsers: dict[str, requests.Session] = {}

    def configuration(self, client_id: str = "portal", **changed: object) -> SingleSignOn:
        """Return the settings with which a portal uses it as its Entra ID."""
        secret = next(client["secret"] for client in CLIENTS if client["id"] == client_id)
        values = {
            "issuer": self.url,
            "client_id": client_id,
            "client_secret": secret,
            "name": "Contoso",
            "scopes": ("openid", "profile", "email", "User.Read"),
            "groups": MAPPING,
            "graph_url": f"{self.url}/v1.0",
            "ca": self.ca,
        }
        return SingleSignOn(**values | changed)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def tampered(self, tampering: Tampering) -> Iterator[None]:
        self._tamperer.now = tampering
        try:
            yield
        finally:
            self._tamperer.now = Tampering()

    def answer(self, username: str, url: str) -> str:
        """Open `url` in the browser of a user, who signs in at the provider if need be. Return where it leads back to."""
        browser = self._browser(username)
        while url.startswith(self.url):
            page = browser.get(url, allow_redirects=False, timeout=60)
            if page.status_code == 200:
                page = self._sign_in(browser, page, username)
            assert "Location" in page.headers, f"{page.status_code} {page.text[:2000]}"
            url = urljoin(page.url, page.headers["Location"])
        return url

    def choose_groups(self, username: str, *groups: str) -> None:
        """Let a user choose their groups on the provider's home page."""
        browser = self._browser(username)
        page = browser.get(f"{self.url}/", timeout=60)
        if "id_password" in page.text:
            self._sign_in(browser, page, username)
        form = {"groups": list(groups), "csrfmiddlewaretoken": browser.cookies["identity_provider_csrf"]}
        browser.post(f"{self.url}/", form, headers={"Referer": f"{self.url}/"}, timeout=60).raise_for_status()

    def close(self) -> None:
        for browser in self._browsers.values():
            browser.close()

    def _browser(self, username: str) -> requests.Session:
        if username not in self._browsers:
            self._browsers[username] = requests.Session()
            self._browsers[username].verify = self.ca
            self._browsers[username].trust_env = False  # a CA bundle of the environment would take precedence
        return self._browsers[username]

    @staticmethod
    def _sign_in(browser: requests.Session, page: requests.Response, username: str) -> requests.Response:
        token = FORM_TOKEN.search(page.text)
        assert token is not None, page.text[:2000]
        back = re.search(r'name="next" value="([^"]*)"', page.text)
        form = {"login": username, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        form |= {"next": html.unescape(back[1])} if back else {}
        return browser.post(page.url, form, headers={"Referer": page.url}, allow_redirects=False, timeout=60)


@contextlib.contextmanager
def running_provider(folder: Path) -> Iterator[IdentityProvider]:
    """Run a provider and its proxy for the block."""
    state = folder / "provider"
    state.mkdir(parents=True)
    pem = rsa_key(2048, "identity provider").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (state / "signing-key.pem").write_bytes(pem)
    (state / "clients.json").write_text(json.dumps(CLIENTS))
    people = ("ann", "ben", "cora", "eve", "olga")
    (state / "passwords.json").write_text(json.dumps(dict.fromkeys(people, PASSWORD)))
    listener = listen(0, print, "the provider")
    tamperer = Tamperer()
    with contextlib.closing(listener), (state / "log").open("wb") as log:
        descriptor = listener.fileno()
        command = [sys.executable, "-m", "portal.demo.identity_provider", f"--state={state}", f"--fd={descriptor}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, pass_fds=[descriptor])
        try:
            with tls_proxy_to(listener.getsockname()[1], folder / "proxy", tamperer) as proxy:
                provider = IdentityProvider(proxy, tamperer)
                until(lambda: _answers(provider) or process.poll() is not None, "the identity provider answers")
                assert process.poll() is None, (state / "log").read_text()
                yield provider
                provider.close()
        finally:
            process.terminate()
            process.wait(timeout=60)


def _answers(provider: IdentityProvider) -> bool:
    """Return whether it answers. Its socket listens from the beginning, so this waits rather than fails."""
    url = f"{provider.url}/.well-known/openid-configuration"
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, verify=provider.ca, timeout=60).ok
    return False


@pytest.fixture(scope="session")
def identity_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """One provider for each test process. Tests leave no tampering behind, and change the groups of users of their own only."""
    with running_provider(tmp_path_factory.mktemp("identity-provider")) as provider:
        yield provider
