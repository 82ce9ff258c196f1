"""A real SMTP server in a thread, which does what a test asks of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

import django
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.deployment.mail_settings import mail_settings


class Mailbox:
    """What the server has accepted, and how it answers: `refusals` by recipient, `on_data` for the message."""

    def __init__(self) -> None:
        self.port = 0  # of the server that accepts for it
        self.messages: list[Message] = []
        self.refusals: dict[str, str] = {}
        self.data_answer = "250 Message accepted for delivery"
        self.drop_after_data = False
        self.is_silent_after_data = False

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        if self.data_answer.startswith("250"):
            self.messages.append(message_from_bytes(content if isinstance(content, bytes) else str(content).encode()))
        if self.drop_after_data:
            transport: Any = server.transport
            transport.abort()
        if self.is_silent_after_data:
            mute(server)
        return self.data_answer

    @property
    def ids(self) -> list[str]:
        return [message["Message-ID"] for message in self.messages]


def mute(server: SMTP) -> None:
    """Let the server answer nothing more, with the connection open until the client is gone."""
    transport: Any = server.transport
    transport.write = lambda *_: None


def send_to(settings: Any, port: int, timeout: float = 5) -> None:
    """Let Django's settings name a server at this port, under the names that the installed Django expects."""
    found = mail_settings(host="127.0.0.1", port=port, user="", password="", security="none", timeout=timeout)
    for name, value in found.items():
        setattr(settings, name, value)


def keep_in_memory(settings: Any) -> None:
    """Let Django keep mails in memory, as its own tests do."""
    backend = "django.core.mail.backends.locmem.EmailBackend"
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend


@contextmanager
def mail_server(settings: Any, mailbox: Mailbox | None = None) -> Iterator[Mailbox]:
    """Start a server on a free port, and let Django's settings name it."""
    mailbox = mailbox or Mailbox()
    controller = _AnyPort(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    settings.MAIL_CONFIGURED = True
    mailbox.port = controller.server.sockets[0].getsockname()[1]
    send_to(settings, mailbox.port)
    try:
        yield mailbox
    finally:
        controller.stop()


class _AnyPort(Controller):
    """A controller on a port that the system chooses."""

    server: Any

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
