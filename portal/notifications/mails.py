"""Write the mail of an outbox row: text and plain HTML, from the stored body or from the notice."""

from email.utils import format_datetime, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from portal.models import Notice, OutgoingMail
from portal.notifications.links import absolute, preferences_url
from portal.notifications.outbox import body_of

PREFIX = "[MQTT Namespace Portal] "


def compose(mail: OutgoingMail) -> EmailMultiAlternatives:
    """Return the message of a row, the same each time. Raise UnreadableSecretError if its body cannot be decrypted."""
    headers = {"Message-ID": message_id(mail), "Date": format_datetime(mail.created_at)}
    if mail.notice is not None:
        subject = PREFIX + _subject(mail.notice)
        context = {"notice": mail.notice, "url": absolute(mail.notice.url), "preferences_url": preferences_url()}
        text = str(render_to_string("portal/mail/notice.txt", context))
        html = str(render_to_string("portal/mail/notice.html", context))
        headers |= {"List-Unsubscribe": f"<{preferences_url()}>", "Auto-Submitted": "auto-generated"}
    else:
        body = body_of(mail)
        subject, text, html = mail.subject, body.get("text", ""), body.get("html", "")
    message = EmailMultiAlternatives(subject, text.strip() + "\n", to=[mail.to], headers=headers)
    if html:
        message.attach_alternative(html, "text/html")
    return message


def message_id(mail: OutgoingMail) -> str:
    """Return the Message-ID of all attempts, by which a mailbox recognizes a mail that arrives twice."""
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return f"<{mail.key}@{sender.rpartition('@')[2] or 'localhost'}>"


def _subject(notice: Notice) -> str:
    """Return the title as a header: one line without control characters."""
    text = "".join(sign if sign.isprintable() else " " for sign in notice.title)
    return " ".join(text.split())
