"""What is wrong with outgoing messages: for `manage.py check_deployment`, and as warnings on the pages of administrators."""

from collections.abc import Iterable

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from portal.notifications.links import LOCAL
from portal.notifications.smtp import MailServer, NotSentError
from portal.pages.outbox import is_stuck, summarize, summarize_webhooks
from portal.registry import Shortcoming


def outgoing() -> Iterable[Shortcoming]:
    """Yield why mails and webhooks do not go out. Connects to the mail server."""
    if settings.PRODUCTION and not settings.PUBLIC_URL and not set(settings.ALLOWED_HOSTS) - LOCAL:
        yield Shortcoming(
            "warning",
            "public_url_missing",
            "PORTAL_PUBLIC_URL is not set, and PORTAL_ALLOWED_HOSTS has no name: links in mails lead nowhere.",
            "Set it to the portal as users open it, such as https://portal.example.com.",
        )
    if settings.MAIL_CONFIGURED:
        yield from _mail_server()
    try:
        yield from _queues()
    except DatabaseError:
        return  # reported by the check of the database


def _mail_server() -> Iterable[Shortcoming]:
    try:
        with MailServer() as server:
            server.reach()
    except NotSentError as fault:
        yield Shortcoming(
            "error",
            "mail_away",
            f"The mail server {settings.MAIL_HOST} cannot be used: {fault}.",
            "Check PORTAL_MAIL_HOST and its neighbours, and whether this machine may connect to it.",
        )


def _queues() -> Iterable[Shortcoming]:
    now = timezone.now()
    for code, what, state in (
        ("outbox_stuck", "mail", summarize(now)),
        ("webhooks_stuck", "message to a webhook", summarize_webhooks(now)),
    ):
        if state.is_stuck:
            yield Shortcoming(
                "error",
                code,
                f"A {what} has been due for {state.overdue_seconds / 60:.0f} minutes, and no worker has tried to send it.",
                "Check that a worker and the clock run.",
            )


def warnings_for_administrators() -> Iterable[str]:
    if is_stuck(timezone.now()):
        yield "Mails wait in the outbox, and no worker sends them. Check that a worker and the clock run."
