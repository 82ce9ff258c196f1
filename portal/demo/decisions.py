"""The demo's decision service: it answers the emulator's namespaces that ask the portal about each CONNECT, over TLS on loopback."""

import http
import json
import ssl
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from portal.demo.checks import NOT_YET, SECONDS
from portal.demo.state import HOST, listen
from portal.demo.supervisor import Supervisor
from portal.demo.tls import tls_files

PORT = 8444
AUDIENCE = "api://decisions.contoso.com"  # the emulator issues tokens for any application


class DemoDecisions:
    """Listens from the start, so that the emulator can be told the address; the supervisor holds the socket.

    `folder`: for its certificate, that of the CA which signed it, and its port: namespaces keep the address, so another start has the
    same port, if it is free. `wanted_port`, of the first start: 0 for any.
    """

    def __init__(self, folder: Path, *, wanted_port: int, now: datetime, report: Callable[[str], None]) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._tls = tls_files(folder, HOST, now=now)
        kept = folder / "port"
        wanted = int(kept.read_text()) if kept.exists() else wanted_port
        self.listener = listen(wanted, report, "the decision service")
        kept.write_text(str(self.listener.getsockname()[1]))

    @property
    def _address(self) -> str:
        return f"{HOST}:{self.listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"https://{self._address}"

    @property
    def ca(self) -> str:
        return str(self._tls.ca)

    def emulator_options(self) -> dict[str, str]:
        """Return the options with which the emulator asks this service, and no other."""
        return {"webhook-hosts": self._address, "webhook-ca": self.ca}

    def settings(self, *, authority: str, authority_ca: str, prober: str) -> dict[str, str]:
        """Return the settings of all parts. `authority` issues the tokens; `prober` is the object ID of the portal's own principal."""
        return {
            "DECISIONS_URL": self.url,
            "DECISIONS_AUDIENCE": AUDIENCE,
            "DECISIONS_CA": self.ca,
            "DECISIONS_AUTHORITY": authority,
            "DECISIONS_AUTHORITY_CA": authority_ca,
            "DECISION_PROBE_PRINCIPALS": prober,
        }

    def start(self, supervisor: Supervisor) -> None:
        listener = self.listener.fileno()
        options = [f"--socket=fd://{listener}", "--processes=1"]
        options += [f"--certificate={self._tls.certificate}", f"--key={self._tls.key}"]
        supervisor.start("decisions", "django", ["decisions", *options], keep_open=[listener])

    def answers(self) -> bool:
        """Return whether it has read the database and could decide."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            with urllib.request.urlopen(f"{self.url}/ready", timeout=SECONDS, context=context) as answer:  # noqa: S310
                return answer.status == http.HTTPStatus.OK and json.load(answer)["ready"] is True
        except (*NOT_YET, KeyError):
            return False
