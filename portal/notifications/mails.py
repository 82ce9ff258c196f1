"""Write the mail of an outbox row: text and plain HTML, from the stored body or from the notice."""

from email.utils import format_datetime, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from portal.models import Notice, OutgoingMail
from portal.notifications.digests import MOST, notices_of
from portal.notifications.links import absolute, preferences_url
from portal.notifications.outbox import DIGEST, body_of

PREFIX = "[MQTT Namespace Portal] "


def compose(mail: OutgoingMail) -> EmailMultiAlternatives:
    """Return the message of a row, the same each time. Raise UnreadableSecretError if its body cannot be decrypted."""
    headers = {"Message-ID": message_id(mail), "Date": format_datetime(mail.created_at)}
    if mail.notice is not None or mail.purpose == DIGEST:
        subject, text, html = _of_notice(mail.notice) if mail.notice is not None else _of_digest(mail)
        headers |= {"List-Unsubscribe": f"<{preferences_url()}>", "Auto-Submitted": "auto-generated"}
    else:
        body = body_of(mail)
        subject, text, html = mail.subject, body.get("text", ""), body.get("html", "")
    message = EmailMultiAlternatives(subject, text.strip() + "\n", to=[mail.to], headers=headers)
    if html:
        message.attach_alternative(html, "text/html")
    return message


def _of_notice(notice: Notice) -> tuple[str, str, str]:
    context = {"notice": notice, "url": absolute(notice.url)}
    return PREFIX + _one_line(notice.title), *_rendered("notice", context)


def _of_digest(mail: OutgoingMail) -> tuple[str, str, str]:
    notices = notices_of(mail)
    shown = [{"notice": notice, "url": absolute(notice.url)} for notice in notices[:MOST]]
    context = {"entries": shown, "more": len(notices) - len(shown), "url": absolute(reverse("portal:notifications"))}
    subject = f"{PREFIX}Daily summary: {len(notices)} event{'' if len(notices) == 1 else 's'}"
    return subject, *_rendered("digest", context)


def _rendered(name: str, context: dict[str, Any]) -> tuple[str, str]:
    context |= {"preferences_url": preferences_url()}
    text, html = (render_to_string(f"portal/mail/{name}.{kind}", context) for kind in ("txt", "html"))
    return str(text), str(html)


def message_id(mail: OutgoingMail) -> str:
    """Return the Message-ID of all attempts, by which a mailbox recognizes a mail that arrives twice."""
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return f"<{mail.key}@{sender.rpartition('@')[2] or 'localhost'}>"


def _one_line(text: str) -> str:
    """Return a text as a header: one line without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
