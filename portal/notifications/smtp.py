"""Hand one mail to the mail server, and report exactly how far that got.

`smtplib.sendmail` does not show whether the connection ended before or after the message was sent, so the steps of RFC 5321
are taken one by one, on the connection that Django's backend opens with its settings.
"""

import re
import smtplib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

ONE_LINE = re.compile(r"\s+")
SHOWN = 300  # characters of a server's answer


class NotSentError(Exception):
    """The server does not have the mail. `code` for machines; `is_final`: another attempt would end the same way;
    `is_away`: the fault is the server's, not the mail's."""

    def __init__(self, code: str, reason: str, *, is_final: bool = False, is_away: bool = False) -> None:
        super().__init__(reason)
        self.code, self.is_final, self.is_away = code, is_final, is_away


class AnswerLostError(Exception):
    """The message was sent, and the connection ended before the server answered: it may have the mail."""


class ClaimLostError(Exception):
    """Another worker has the mail now, so nothing was sent."""


class MailServer:
    """A connection to the mail server of Django's settings, for several mails. Use it in a `with` statement."""

    def __init__(self) -> None:
        self._backend = _backend()

    def __enter__(self) -> "MailServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, message: EmailMessage, before_data: Callable[[], bool]) -> None:
        """Send one message to its one recipient. `before_data` is called right before the server gets the text.

        Raises:
            NotSentError: the server does not have it.
            AnswerLostError: the server may have it.
            ClaimLostError: `before_data` returned False.
        """
        if isinstance(self._backend, EmailBackend):
            self._send_by_smtp(self._opened(), message, before_data)
        elif not before_data():
            raise ClaimLostError
        else:
            self._send_by_other_backend(message)

    def _send_by_other_backend(self, message: EmailMessage) -> None:
        try:
            self._backend.send_messages([message])
        except Exception as fault:  # each backend raises errors of its own, and none shows how far it got
            raise AnswerLostError(_reason(fault)) from fault

    def reach(self) -> None:
        """Connect and sign in. Raise NotSentError where that fails."""
        if isinstance(self._backend, EmailBackend):
            self._opened()

    def _opened(self) -> smtplib.SMTP:
        """Return the open connection. A server that ended it since the last mail is connected to again."""
        server: smtplib.SMTP | None = self._backend.connection
        with suppress(OSError, smtplib.SMTPException):
            if server is not None and server.noop()[0] == 250:
                return server
        self._close()
        try:
            self._backend.open()
        except smtplib.SMTPAuthenticationError as refusal:
            raise NotSentError("sign_in_refused", _answer(refusal.smtp_error), is_away=True) from refusal
        except (OSError, smtplib.SMTPException) as fault:
            raise NotSentError("server_away", _reason(fault), is_away=True) from fault
        opened: smtplib.SMTP = self._backend.connection
        return opened

    def _send_by_smtp(self, server: smtplib.SMTP, message: EmailMessage, before_data: Callable[[], bool]) -> None:
        text = re.sub(rb"\r?\n", b"\r\n", message.message().as_bytes())
        try:
            server.ehlo_or_helo_if_needed()
            _expect(server.mail(_envelope(message.from_email)), "sender_refused", may_be_final=False)
            _expect(server.rcpt(_envelope(message.to[0])), "recipient_refused")
        except NotSentError:
            self._reset(server)
            raise
        except (OSError, smtplib.SMTPException) as fault:
            self._close()
            raise NotSentError("server_away", _reason(fault), is_away=True) from fault
        if not before_data():
            self._close()
            raise ClaimLostError
        try:
            answer = server.data(text)
        except smtplib.SMTPDataError as refusal:  # instead of "354 Start mail input"
            answer = (refusal.smtp_code, _bytes(refusal.smtp_error))
        except (OSError, smtplib.SMTPException) as fault:
            self._close()
            raise AnswerLostError(_reason(fault)) from fault
        if answer[0] != 250:
            self._reset(server)
        _expect(answer, "message_refused")

    def _reset(self, server: smtplib.SMTP) -> None:
        try:
            server.rset()
        except (OSError, smtplib.SMTPException):
            self._close()

    def _close(self) -> None:
        if isinstance(self._backend, EmailBackend):
            with suppress(OSError, smtplib.SMTPException):
                self._backend.close()
            self._backend.connection = None


def _backend() -> Any:
    mailers = getattr(mail, "mailers", None)  # Django 6.1 replaces `get_connection`
    return mailers["default"] if mailers is not None else mail.get_connection()


def _expect(answer: tuple[int, bytes], code: str, *, may_be_final: bool = True) -> None:
    """Raise NotSentError unless the server agreed. 4xx means later, 5xx means never (RFC 5321, 4.2.1)."""
    status, text = answer
    if status not in (250, 251):
        reason = f"{status} {_answer(text)}"
        raise NotSentError(code, reason, is_final=may_be_final and 500 <= status < 600, is_away=not 400 <= status < 600)


def _envelope(address: str) -> str:
    """Return an address for the envelope, with its domain in ASCII."""
    name, _, domain = address.rpartition("@")
    if "<" in name:  # "Portal <portal@example.com>"
        name, domain = name.rpartition("<")[2], domain.rstrip("> ")
    try:
        address = f"{name}@{domain.encode('idna').decode()}"
        address.encode("ascii")
    except UnicodeError as fault:
        raise NotSentError(
            "address_unusable", "The address has letters that mail does not allow.", is_final=True
        ) from fault
    return address


def _reason(fault: Exception) -> str:
    return ONE_LINE.sub(" ", f"{type(fault).__name__}: {fault}")[:SHOWN]


def _answer(text: bytes | str) -> str:
    return ONE_LINE.sub(" ", _bytes(text).decode(errors="replace"))[:SHOWN]


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
