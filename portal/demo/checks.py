"""Check that the parts of a demo answer, in the way their users call them."""

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 2.0
NOT_YET = (OSError, http.client.HTTPException, ValueError)


def portal_answers(url: str, ca: str = "") -> bool:
    """Return whether the portal serves a whole page. `ca`: the file of the CA to trust, for https."""
    try:
        context = ssl.create_default_context(cafile=ca) if ca else None
        with urllib.request.urlopen(url, timeout=SECONDS, context=context) as answer:  # noqa: S310 - our own portal
            return answer.status == http.HTTPStatus.OK and b"<html" in answer.read()
    except NOT_YET:
        return False


def mqtt_answers(host: str, port: int, ca: str) -> bool:
    """Return whether a TLS handshake succeeds with the endpoint's own certificate. Clients are authenticated after it."""
    try:
        context = ssl.create_default_context(cafile=ca)
        with socket.create_connection((host, port), timeout=SECONDS) as connection:
            with context.wrap_socket(connection, server_hostname=host):
                return True
    except NOT_YET:
        return False


def worker_answers(heartbeat: Path, since: float) -> bool:
    """Return whether the worker has run a task after `since` (seconds since the epoch)."""
    try:
        return heartbeat.stat().st_mtime >= since
    except OSError:
        return False


def devices_answer(address: Path) -> bool:
    """Return whether the process of devices in the browser listens at the port in its file."""
    try:
        port = json.loads(address.read_text(encoding="utf-8"))["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS):
            return True
    except (*NOT_YET, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class Arm:
    """The emulator's ARM endpoint, as its ready file describes it."""

    url: str
    ca: str
    tenant: str
    client_id: str
    client_secret: str
    subscription: str
    azure_profile: str
    object_id: str  # of the service principal

    @classmethod
    def from_ready_file(cls, path: Path) -> "Arm":
        values = json.loads(path.read_text(encoding="utf-8"))
        names = ("arm", "arm_ca", "tenant", "client_id", "client_secret", "subscription", "azure_profile", "object_id")
        return cls(*(values[name] for name in names))

    def answers(self) -> bool:
        try:
            self._get("/healthz", {})
        except NOT_YET:
            return False
        return True

    def mqtt(self) -> dict[str, dict[str, Any]]:
        """Return host, port and CA of each namespace's MQTT endpoint, by resource id; empty while the emulator does not answer."""
        try:
            answer = json.loads(self._get("/emulator/endpoints", {"Authorization": f"Bearer {self._token()}"}))
        except NOT_YET:
            return {}
        endpoints: dict[str, dict[str, Any]] = answer["mqtt"]
        return endpoints

    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": f"{self.url}/.default",
        }
        body = urllib.parse.urlencode(form).encode()
        token: str = json.loads(self._get(f"/{self.tenant}/oauth2/v2.0/token", {}, body))["access_token"]
        return token

    def _get(self, path: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.url + path, data=body, headers=headers)  # noqa: S310 - https to loopback
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:  # noqa: S310
            content: bytes = answer.read()
            return content
