"""Mail about accounts. Workers send it, so a slow or missing mail server holds up no page.

A worker also looks for the account of a password reset: the page takes as long, and shows the same, whether there is one or not.
"""

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.utils import user_pk_to_url_str
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from portal.celery import send
from portal.models import User
from portal.sign_in.backend import may_use_password

PREFIX = "[MQTT Namespace Portal] "


def queue_mail(template: str, to: str, context: dict[str, Any]) -> bool:
    """Let a worker send a mail. Return False where no broker takes the message."""
    subject, text = _rendered(template, context)
    return send("portal.tasks.send_mail", to, subject, text)


def queue_password_reset(email: str, base_url: str) -> bool:
    """Let a worker send links to the accounts with this address, if any. `base_url` is the portal's, as the user opened it."""
    return send("portal.tasks.send_password_reset", email, base_url)


def send_mail(to: str, subject: str, text: str) -> None:
    EmailMessage(subject, text, to=[to]).send()


def send_password_reset(email: str, base_url: str) -> None:
    """Send a link for each account that has this address and may use a password."""
    for user in filter_users_by_email(email, is_active=True, prefer_verified=True, for_login=True):
        if not (isinstance(user, User) and may_use_password(user) and user.has_usable_password()):
            continue
        key = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
        url = base_url.rstrip("/") + reverse("account_reset_password_from_key", kwargs=key)
        subject, text = _rendered("account/email/password_reset_key", {"username": user.username, "url": url})
        send_mail(email, subject, text)


def _rendered(template: str, context: dict[str, Any]) -> tuple[str, str]:
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    return PREFIX + subject, render_to_string(f"{template}_message.txt", context).strip() + "\n"
