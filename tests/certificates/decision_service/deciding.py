"""The decision service for tests: `manage.py decisions` over TLS, a database of its own, and the authority that publishes keys."""

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.db import connection

from emulator.authority import Authority
from tests.support.azure.emulator_keys import put_keys
from tests.support.certificates.seeded_keys import rsa_key
from tests.support.database.migrated_database import ROOT, kept_database
from tests.support.waiting import until

TENANT, AUDIENCE = "0d0e7b2c-58a1-4a36-9a0e-3c6f0c1a2b3c", "api://portal.contoso.example"
PRINCIPAL, PROBER = "77aa7e0f-2222-4c10-8a55-0b7a7e0f9c10", "11aa7e0f-3333-4c10-8a55-0b7a7e0f9c10"
HOST = "127.0.0.1"
Keys = Mapping[str, RSAPublicKey]
KEY, NEXT_KEY = rsa_key(2048, "sensor-1"), rsa_key(2048, "written")
KEYS: Keys = {"k1": KEY.public_key()}


class KeyServer(ThreadingHTTPServer):
    """The authority: publishes the keys of TENANT over HTTP on loopback. `keys` may be replaced; while None, it is away."""

    daemon_threads = True

    def __init__(self, keys: "Keys | None") -> None:
        super().__init__((HOST, 0), _Keys)
        self.keys = keys
        self.asked = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"


class _Keys(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.server.asked += 1
        keys = self.server.keys
        is_known = keys is not None and self.path == f"/{TENANT}/discovery/v2.0/keys"
        content = json.dumps({"keys": [_published(kid, key) for kid, key in (keys or {}).items()]}).encode()
        self.send_response(200 if is_known else 503)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _published(kid: str, key: RSAPublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    parts = {"n": numbers.n, "e": numbers.e}
    encoded = {name: _base64(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in parts.items()}
    return {"kty": "RSA", "use": "sig", "kid": kid, "x5t": kid, **encoded}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class DecidingPortal:
    """The service in a folder, with `processes` processes. Rows are made inside `database`. `environment` takes precedence."""

    def __init__(
        self,
        folder: Path,
        *,
        processes: int = 2,
        outage_seconds: float = 60,
        keys: Keys | None = KEYS,
        database: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = KeyServer(keys)
        self.database_file = database or _new_database(folder)
        put_keys(folder)
        authority = Authority(folder)
        self.ca, self.key = str(authority.ca_path), str(authority.key_path)
        self.certificate = str(authority.certificate_for([HOST]))
        self._context = ssl.create_default_context(cafile=self.ca)
        self._listener = socket.create_server((HOST, 0), backlog=512)
        self.port = int(self._listener.getsockname()[1])
        descriptor = self._listener.fileno()
        self._command = [
            *(sys.executable, "manage.py", "decisions", f"--socket=fd://{descriptor}", f"--processes={processes}"),
            *(f"--certificate={self.certificate}", f"--key={self.key}"),
        ]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "AZURE_"))},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_STATE_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{self.database_file}",
            "DECISIONS_AUTHORITY": self.authority.url,
            "DECISIONS_OUTAGE_SECONDS": str(outage_seconds),
            "DECISION_PROBE_PRINCIPALS": PROBER,
            "AZURE_TENANT_ID": TENANT,
            **(environment or {}),
        }
        self.log_file = folder / "decisions.log"
        self.start()

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                pass_fds=[self._listener.fileno()],
            )
        until(lambda: self.has_ended or self.is_ready(), "the service is ready")
        assert not self.has_ended, self.log()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def is_ready(self) -> bool:
        try:
            return self.send("GET", "/ready")[0] == 200
        except OSError:
            return False

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def stop(self) -> int:
        if not self.has_ended:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.authority.shutdown()
        self.authority.server_close()
        self._listener.close()
        return status

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Send one request on a connection of its own. Return status, JSON and headers by lower-case name."""
        open_connection = http.client.HTTPSConnection(HOST, self.port, timeout=60, context=self._context)
        with contextlib.closing(open_connection):
            open_connection.request(method, path, body, dict(headers or {}))
            response = open_connection.getresponse()
            content = response.read()
            received = {name.lower(): value for name, value in response.getheaders()}
            return response.status, json.loads(content) if content else {}, received

    def ask(
        self, key: str, body: bytes | Mapping[str, Any], *, token: str | None = None, path: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Ask as a namespace does, with a good token unless another is given."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {signed(claims(self)) if token is None else token}"}
        status, answer, _ = self.send("POST", f"/decide/{key}{path}", text, headers)
        return status, answer

    @contextlib.contextmanager
    def database(self, blocker: Any) -> Iterator[None]:
        """Let the models of this process use the service's database for the block."""
        with blocker.unblock():
            own, name = connection.connection, connection.settings_dict["NAME"]
            connection.connection, connection.settings_dict["NAME"] = None, str(self.database_file)
            try:
                yield
            finally:
                connection.close()
                connection.connection, connection.settings_dict["NAME"] = own, name


def _new_database(folder: Path) -> Path:
    made = folder / "portal.sqlite3"
    made.write_bytes(kept_database().read_bytes())
    return made


def claims(portal: DecidingPortal, **changes: Any) -> dict[str, Any]:
    """The claims of a good v1 token, with changes; None takes a claim out."""
    now = int(time.time())
    every = {
        "ver": "1.0",
        "iss": f"{portal.authority.url}/{TENANT}/",
        "aud": AUDIENCE,
        "tid": TENANT,
        "oid": PRINCIPAL,
        "appid": "5f2c1b7e-1111-4f6e-8a55-0b7a7e0f9c10",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    } | changes
    return {name: value for name, value in every.items() if value is not None}


def signed(payload: Mapping[str, Any], *, key: Any = KEY, kid: str = "k1") -> str:
    return jwt.encode(dict(payload), key, algorithm="RS256", headers={"kid": kid})
