"""Mail leaves through the configured server, in each version of Django. A real SMTP server on a socket."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.mail import EmailMessage

from portal.deployment.mail_settings import mail_settings


class Mailbox(socketserver.StreamRequestHandler):
    """Accept any mail, and keep what was sent in the server's `received`."""

    def handle(self) -> None:
        self._say(220)
        while line := self.rfile.readline().decode("latin-1").strip():
            self._keep(line)
            command = line.split()[0].upper()
            self._say({"DATA": 354, "QUIT": 221}.get(command, 250))
            if command == "DATA":
                while (text := self.rfile.readline().decode("latin-1").strip()) != ".":
                    self._keep(text)
                self._say(250)
            if command == "QUIT":
                return

    def _say(self, code: int) -> None:
        self.wfile.write(f"{code} local\r\n".encode())

    def _keep(self, line: str) -> None:
        server: Any = self.server
        server.received.append(line)


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """Yield the port of an SMTP server, and the lines that it receives."""
    received: list[str] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        server.received = received  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], received
        finally:
            server.shutdown()
            thread.join()


def apply(settings: Any, **changed: Any) -> None:
    configured: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 25,
        "user": "",
        "password": "",
        "security": "none",
    } | changed
    for name, value in mail_settings(**configured).items():
        setattr(settings, name, value)


def test_mail_is_sent_through_the_server(settings: Any) -> None:
    with mail_server() as (port, received):
        apply(settings, port=port)
        EmailMessage("About press-1", "It expires.", "portal@example.com", ["ada@example.com"]).send()
    assert "rcpt to:<ada@example.com>" in [line.lower() for line in received]
    assert {"Subject: About press-1", "It expires."} <= set(received)


@pytest.mark.parametrize(("security", "used"), [("starttls", {"use_tls"}), ("tls", {"use_ssl"}), ("none", set())])
def test_the_encryption_asked_for_is_used(security: str, used: set[str]) -> None:
    made = mail_settings(host="mail.example.com", port=587, user="", password="", security=security)
    options = made["MAILERS"]["default"]["OPTIONS"] if "MAILERS" in made else made
    flags = {name.lower().removeprefix("email_"): value for name, value in options.items()}
    assert {name for name in ("use_tls", "use_ssl") if flags[name]} == used


def test_without_a_server_sending_does_nothing(settings: Any) -> None:
    apply(settings, host="")
    EmailMessage("About press-1", "It expires.", "portal@example.com", ["ada@example.com"]).send()
