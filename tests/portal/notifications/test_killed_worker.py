"""Workers that are killed while they send a mail, as processes with a database of their own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings as django_settings

from tests.portal.notifications.mail_server import Mailbox, mail_server, mute

pytestmark = pytest.mark.long
SEND = "from portal.notifications.sending import send_due; send_due()"
PUT = """
from portal.notifications.outbox import enqueue_mail
enqueue_mail("ada@example.com", purpose="invitation", subject="Welcome", text="x")
"""
READ = """
import json
from portal.models import OutgoingMail
print(json.dumps(list(OutgoingMail.objects.values("state", "attempts", "lost_answers"))))
"""
END_CLAIMS = """
from datetime import timedelta
from django.utils import timezone
from portal.models import OutgoingMail
OutgoingMail.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
"""


class Portal:
    """A portal in processes: each call runs a piece of Python with its settings."""

    def __init__(self, folder: Path, port: int) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "CELERY_"))},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_STATE_DIR": str(folder),
            "PORTAL_SECRET_KEY": "only-for-tests-" + "x" * 40,
            "PORTAL_MAIL_HOST": "127.0.0.1",
            "PORTAL_MAIL_PORT": str(port),
            "PORTAL_MAIL_SECURITY": "none",
        }
        self.run("from django.core.management import call_command; call_command('migrate', verbosity=0)")

    def start(self, code: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
        return subprocess.Popen(
            command, cwd=django_settings.BASE_DIR, env=self._environment, stdout=subprocess.PIPE, text=True
        )

    def run(self, code: str) -> str:
        process = self.start(code)
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        return output

    def mail(self) -> tuple[str, int, int]:
        (row,) = json.loads(self.run(READ))
        return row["state"], row["attempts"], row["lost_answers"]


class Holding(Mailbox):
    """A server that stops before it answers a command, so that a test can kill the client there."""

    def __init__(self) -> None:
        super().__init__()
        self.holds_at = ""
        self.reached = threading.Event()

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.holds_at == "RCPT":
            return self._hang_up(server)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        return self._hang_up(server) if self.holds_at == "DATA" else answer

    def _hang_up(self, server: SMTP) -> str:
        mute(server)
        self.reached.set()
        return "250 OK"


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Holding]:
    holding = Holding()
    with mail_server(settings, holding):
        yield holding


@pytest.fixture
def portal(mailbox: Holding, tmp_path: Path) -> Portal:
    return Portal(tmp_path, mailbox.port)


def kill_while_sending(portal: Portal, mailbox: Holding, at: str) -> None:
    mailbox.holds_at = at
    worker = portal.start(SEND)
    assert mailbox.reached.wait(120)
    worker.send_signal(signal.SIGKILL)
    worker.communicate(timeout=60)
    mailbox.holds_at = ""


def test_killed_before_the_text_the_mail_arrives_once(portal: Portal, mailbox: Holding) -> None:
    portal.run(PUT)
    kill_while_sending(portal, mailbox, "RCPT")
    assert portal.mail() == ("sending", 1, 0)
    portal.run(SEND)
    assert not mailbox.messages, "the claim still holds"
    portal.run(END_CLAIMS)
    portal.run(SEND)
    assert portal.mail() == ("sent", 2, 0)
    assert len(mailbox.messages) == 1


def test_killed_before_the_answer_the_mail_is_unknown_and_repeated(portal: Portal, mailbox: Holding) -> None:
    portal.run(PUT)
    kill_while_sending(portal, mailbox, "DATA")
    portal.run(END_CLAIMS)
    portal.run(SEND)
    assert portal.mail() == ("sent", 2, 1)
    assert len(mailbox.ids) == 2
    assert len(set(mailbox.ids)) == 1
