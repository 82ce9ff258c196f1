"""The outbox: mails are rows, put there in the transaction of the change and sent by workers."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from portal.activity import SESSIONS, record
from portal.celery import send
from portal.models import Notice, Outgoing, OutgoingMail, User
from portal.notifications.preferences import address_of
from portal.notifications.queue import Queue
from portal.people.authority import administrator_and
from portal.sign_in.encryption import MAIL_BODY, decrypt, encrypt

TASK = "portal.tasks.send_mails"
ERASED = {"body": ""}
DIGEST = "digest"
KEPT = timedelta(days=30)  # settled mails, for the page of the outbox
State = Outgoing.State
MAILS = Queue(
    OutgoingMail,
    lease=timedelta(minutes=3),
    longest_backoff=timedelta(minutes=15),
    related=("user", "notice", "notice__team"),
    erased=ERASED,
)


# Put into the outbox


def enqueue_mail(
    to: str,
    *,
    purpose: str,
    subject: str,
    text: str,
    html: str = "",
    user: User | None = None,
    lifetime: timedelta | None = None,
) -> OutgoingMail | None:
    """Put a mail into the outbox, in the transaction of the caller. Return None where the portal has no mail server.

    Args:
        to: one address.
        purpose: a short code for the page of the outbox, such as "invitation".
        subject: one line. It stays visible to administrators, so it contains no secret.
        text, html: the body; encrypted, and erased as soon as the mail is sent or given up.
        user: the account that it is about; a mail to a disabled account is not sent.
        lifetime: how long the mail is worth sending, such as the lifetime of its link.
    """
    body = encrypt(json.dumps({"text": text, "html": html}), MAIL_BODY)
    return _enqueue(
        to, purpose=purpose, subject=" ".join(subject.split())[:300], body=body, user=user, lifetime=lifetime
    )


def enqueue_later_text(to: str, *, purpose: str, subject: str, lifetime: timedelta, data: dict[str, str]) -> None:
    """Put a mail into the outbox whose text a worker writes; `data` is what it needs for that."""
    body = encrypt(json.dumps(data), MAIL_BODY)
    _enqueue(to, purpose=purpose, subject=subject, body=body, user=None, lifetime=lifetime)


def enqueue_notice(notice: Notice, users: Iterable[User], *, at: datetime) -> None:
    """Put a mail about a notice into the outbox for each user who has an address. A worker writes its text."""
    for user in users:
        if address := address_of(user):
            _enqueue(address, purpose=notice.event, user=user, notice=notice, at=at)


def enqueue_digest(user: User) -> OutgoingMail | None:
    """Put a daily summary into the outbox. A worker writes its text. Return None where the user has no address."""
    address = address_of(user)
    return _enqueue(address, purpose=DIGEST, user=user, lifetime=timedelta(days=1)) if address else None


def _enqueue(
    to: str,
    *,
    purpose: str,
    subject: str = "",
    body: str = "",
    user: User | None = None,
    notice: Notice | None = None,
    lifetime: timedelta | None = None,
    at: datetime | None = None,
) -> OutgoingMail | None:
    if not settings.MAIL_CONFIGURED:
        return None
    now = timezone.now()
    mail = OutgoingMail.objects.create(
        created_at=now,
        next_attempt_at=at or now,
        expires_at=now + (lifetime or timedelta(days=settings.OUTBOX_DAYS)),
        purpose=purpose,
        to=to[:254],
        subject=subject,
        body=body,
        user=user,
        notice=notice,
    )
    if mail.next_attempt_at <= now:
        wake_up()
    return mail


def wake_up() -> None:
    """Let a worker look into the outbox after the commit. Without a broker, the clock does within ten seconds."""
    transaction.on_commit(_send_hint)


def _send_hint() -> None:
    send(TASK)


def body_of(mail: OutgoingMail) -> dict[str, str]:
    """Return the decrypted body. Raise UnreadableSecretError without its key."""
    body: dict[str, str] = json.loads(decrypt(mail.body, MAIL_BODY)) if mail.body else {}
    return body


# By administrators

# Failed mails whose text the portal still has or can write again.
REPEATABLE = Q(state=State.FAILED) & (Q(notice__isnull=False) | Q(purpose=DIGEST) | ~Q(body=""))


def retry(pk: int) -> bool:
    """Send a mail that failed again, or one that waits now. Return False where it is sent, or its text is erased."""
    now = timezone.now()
    done = MAILS.hurry(pk)
    again = {"state": State.WAITING, "settled_at": None, "next_attempt_at": now}
    failed = OutgoingMail.objects.filter(REPEATABLE, pk=pk)
    new_end = now + timedelta(days=settings.OUTBOX_DAYS)
    done |= bool(failed.filter(notice__isnull=False).update(**again, expires_at=new_end))
    done |= bool(failed.filter(notice__isnull=True, expires_at__gt=now).update(**again))
    if done:
        wake_up()
    return done


def retry_mail(actor: User, *, pk: int) -> bool:
    """Send a mail again, or now. Return False where it was sent or its text is erased. Raise RefusedError."""
    return _change(actor, "Retry mail", pk, retry)


def cancel_mail(actor: User, *, pk: int) -> bool:
    """Give a mail up. Return False where it is being sent or settled. Raise RefusedError."""
    return _change(actor, "Cancel mail", pk, MAILS.cancel)


def _change(actor: User, verb: str, pk: int, act: Callable[[int], bool]) -> bool:
    with transaction.atomic(durable=True):
        administrator_and(actor)
        mail = OutgoingMail.objects.filter(pk=pk).first()
        done = mail is not None and act(pk)
        if done and mail is not None:
            record(actor, verb=verb, kind=SESSIONS, object_pk=pk, object_name=f"{mail.purpose} to {mail.to}"[:160])
    return done


def tidy(at: datetime) -> None:
    """Erase the text of failed mails that are no longer worth sending, and delete what was settled long ago."""
    failed = OutgoingMail.objects.filter(state=State.FAILED)
    failed.filter(expires_at__lte=at).exclude(body="").update(**ERASED)
    OutgoingMail.objects.filter(settled_at__lt=at - KEPT).delete()
