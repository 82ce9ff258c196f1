"""Mail about accounts, through the outbox: a slow or missing mail server holds up no page and loses no mail.

A worker also looks for the account of a password reset: the page takes as long, and shows the same, whether there is one or not.
"""

from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from portal.models import User
from portal.notifications.outbox import enqueue_later_text, enqueue_mail
from portal.sign_in.backend import may_use_password

PREFIX = "[MQTT Namespace Portal] "
RESET_ASKED = "password_reset_asked"
# By the template's name. Mails with a link are worth sending only while it works.
PURPOSES = {"email_confirmation": "address_verification", "password_reset_key": "password_reset"}


def queue_mail(template: str, to: str, context: dict[str, Any]) -> bool:
    """Put a mail into the outbox, in the caller's transaction. Return False where the portal sends no mail.

    `template` is the beginning of the names of its templates, as django-allauth names them.
    """
    subject, text, html = _rendered(template, context)
    purpose = PURPOSES.get(template.rpartition("/")[2], "account_change")
    days = (
        settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS if purpose == "address_verification" else settings.OUTBOX_DAYS
    )
    mail = enqueue_mail(to, purpose=purpose, subject=subject, text=text, html=html, lifetime=timedelta(days=days))
    return mail is not None


def queue_link(template: str, to: str, context: dict[str, Any], *, purpose: str, lifetime: timedelta) -> bool:
    """Put a mail with a link into the outbox. Return False where the portal has no mail server."""
    subject, text, html = _rendered(template, context)
    return enqueue_mail(to, purpose=purpose, subject=subject, text=text, html=html, lifetime=lifetime) is not None


def queue_password_reset(email: str, base_url: str) -> None:
    """Let a worker write links to the accounts with this address, if any. `base_url` is the portal's, as the user opened it."""
    enqueue_later_text(
        email,
        purpose=RESET_ASKED,
        subject=PREFIX + "Choose a new password",
        lifetime=_reset_lifetime(),
        data={"email": email, "base_url": base_url},
    )


def write_reset_links(data: dict[str, str]) -> None:
    """Put a link into the outbox for each account that has this address and may use a password."""
    email = data["email"]
    for user in filter_users_by_email(email, is_active=True, prefer_verified=True, for_login=True):
        if not (isinstance(user, User) and may_use_password(user) and user.has_usable_password()):
            continue
        key = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
        url = data["base_url"].rstrip("/") + reverse("account_reset_password_from_key", kwargs=key)
        subject, text, html = _rendered("account/email/password_reset_key", {"username": user.username, "url": url})
        enqueue_mail(
            email,
            purpose="password_reset",
            subject=subject,
            text=text,
            html=html,
            user=user,
            lifetime=_reset_lifetime(),
        )


def _reset_lifetime() -> timedelta:
    return timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def _rendered(template: str, context: dict[str, Any]) -> tuple[str, str, str]:
    """Return subject, text and HTML of a mail."""
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    text = render_to_string(f"{template}_message.txt", context).strip() + "\n"
    return PREFIX + subject, text, render_to_string("portal/mail/account.html", {"title": subject, "text": text})
