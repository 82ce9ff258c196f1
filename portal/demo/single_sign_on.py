"""The identity provider of `manage.py demo --sso`: its folder, its users, and the portal's settings for it."""

import json
import secrets
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

from portal.demo.checks import NOT_YET, SECONDS
from portal.demo.identity_provider.people import ADMINISTRATORS, LINE_A, LINE_B, PEOPLE, PROJECTS, object_id
from portal.demo.state import HOST, StateFolder, listen
from portal.demo.supervisor import Supervisor, write_private

PORT = 8100
CLIENT_ID = "mqtt-namespace-portal"
NAME = "Contoso"
MODULE = "portal.demo.identity_provider"


class DemoProvider:
    """The provider of one demo. `portal_url` ends with a slash; `wanted_port` 0 = any."""

    def __init__(
        self, folder: StateFolder, *, portal_url: str, wanted_port: int, report: Callable[[str], None]
    ) -> None:
        self._folder = folder.path / "identity-provider"
        self._listener: socket.socket = listen(wanted_port, report, "the identity provider")
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        self._prepare(portal_url)

    def start(self, supervisor: Supervisor) -> None:
        """Start the process, and let the portal and its workers use it."""
        descriptor = self._listener.fileno()
        options = [f"--state={self._folder}", f"--fd={descriptor}"]
        supervisor.start("identity-provider", MODULE, options, keep_open=[descriptor])
        supervisor.environment |= self._settings()

    def answers(self) -> bool:
        """Return whether it describes itself."""
        url = f"{self.url}/.well-known/openid-configuration"
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - http to loopback
                return self.url.encode() in answer.read()
        except NOT_YET:
            return False

    def endpoints(self) -> dict[str, Any]:
        """Return its address and users, for `endpoints.json`."""
        passwords = self._passwords()
        users = [
            {
                "username": person.username,
                "password": passwords[person.username],
                "groups": [name for name in person.groups if name not in PROJECTS],
            }
            for person in PEOPLE
        ]
        return {"url": self.url, "users": users}

    def announcement(self) -> list[str]:
        """Return lines for the terminal."""
        lines = [f"  {NAME:<9} {self.url}   the identity provider; each user may choose groups there"]
        for user in self.endpoints()["users"]:
            groups = ", ".join(user["groups"]) or "no groups"
            more = f", and {len(PROJECTS)} more" if user["username"] == "olga" else ""
            lines.append(f"  Sign in   {user['username']:<8} {user['password']}   at {NAME}: {groups}{more}")
        return [*lines, ""]

    def _prepare(self, portal_url: str) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        known = self._passwords()
        people = {person.username: known.get(person.username) or secrets.token_urlsafe(12) for person in PEOPLE}
        write_private(self._folder / "passwords.json", json.dumps(people, indent=2))
        if not (self._folder / "client-secret").exists():
            write_private(self._folder / "client-secret", secrets.token_urlsafe(32))
        client = {
            "id": CLIENT_ID,
            "name": "MQTT Namespace Portal",
            "secret": (self._folder / "client-secret").read_text(encoding="utf-8"),
            "redirect_uris": [f"{portal_url}sign-in/sso/callback/"],
        }
        write_private(self._folder / "clients.json", json.dumps([client], indent=2))

    def _passwords(self) -> dict[str, str]:
        path = self._folder / "passwords.json"
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return known

    def _settings(self) -> dict[str, str]:
        mapping = {
            object_id(LINE_A): {"teams": ["Line A"]},
            object_id(LINE_B): {"teams": ["Line B"]},
            object_id(ADMINISTRATORS): {"administrator": True},
        }
        return {
            "PORTAL_SSO_ISSUER": self.url,
            "PORTAL_SSO_NAME": NAME,
            "PORTAL_SSO_CLIENT_ID": CLIENT_ID,
            "PORTAL_SSO_CLIENT_SECRET_FILE": str(self._folder / "client-secret"),
            "PORTAL_SSO_GROUPS": json.dumps(mapping),
            "PORTAL_SSO_GRAPH_URL": f"{self.url}/v1.0",
        }
