"""The outbox: mails are rows, put there in the transaction of the change and sent by workers.

A row goes through claim, hand-over and settlement, each a conditional UPDATE on a fresh token. A worker that dies before the
hand-over loses nothing: its claim runs out, and another sends the mail. From the hand-over until the server's answer is stored,
the server may have the mail although nothing shows it: the row is then "unknown" and sent again, under the same Message-ID.
"""

import json
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from portal.celery import send
from portal.models import Notice, Outgoing, OutgoingMail, User
from portal.notifications.addresses import address_of
from portal.sign_in.encryption import MAIL_BODY, decrypt, encrypt

TASK = "portal.tasks.send_mails"
LEASE = timedelta(minutes=3)  # longer than all time-outs of one SMTP conversation
FIRST_BACKOFF = timedelta(seconds=10)
LONGEST_BACKOFF = timedelta(minutes=15)
ERASED = {"body": ""}
UNCLAIMED = {"claim_token": None, "claimed_at": None, "claimed_until": None, "handed_over_at": None}
LONGEST_ERROR = 500
KEPT = timedelta(days=30)  # settled mails, for the page of the outbox
State = Outgoing.State


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


# Claim, hand over, settle


def recover(at: datetime) -> None:
    """Take back the claims of workers that stopped, and give up what is no longer worth sending."""
    left = OutgoingMail.objects.filter(state=State.SENDING, claimed_until__lt=at)
    again = {**UNCLAIMED, "next_attempt_at": at}
    left.filter(handed_over_at__isnull=True).update(state=State.WAITING, **again)
    left.filter(handed_over_at__isnull=False).update(
        state=State.UNKNOWN,
        lost_answers=F("lost_answers") + 1,
        error_code="answer_lost",
        error="The worker stopped before it could store the server's answer.",
        **again,
    )
    over = OutgoingMail.objects.filter(state__in=Outgoing.OPEN, expires_at__lte=at)
    given_up = {"settled_at": at, **UNCLAIMED, **ERASED}
    over.filter(attempts=0).update(state=State.EXPIRED, **given_up)
    over.update(state=State.FAILED, **given_up)


def claim(at: datetime) -> OutgoingMail | None:
    """Claim the mail that has waited longest, or return None. No other worker gets it until the claim runs out."""
    for pk in OutgoingMail.objects.due(at).order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:20]:
        token = uuid.uuid4()
        values = {"state": State.SENDING, "claim_token": token, "claimed_at": at, "claimed_until": at + LEASE}
        if OutgoingMail.objects.due(at).filter(pk=pk).update(**values, attempts=F("attempts") + 1):
            claimed: OutgoingMail = OutgoingMail.objects.select_related("user", "notice", "notice__team").get(pk=pk)
            return claimed
    return None


def note_hand_over(mail: OutgoingMail) -> bool:
    """Note that the server gets the mail now. Return False if the claim is lost: then it must not get it."""
    now = timezone.now()
    return bool(_mine(mail).update(handed_over_at=now, claimed_until=now + LEASE))


def settle(mail: OutgoingMail, state: str, *, code: str = "", error: str = "") -> bool:
    """Settle a claimed mail, and erase its body unless it failed and may be retried. Return False if the claim was lost."""
    values = {"settled_at": timezone.now(), "error_code": code[:40], "error": error[:LONGEST_ERROR]}
    erased = {} if state == State.FAILED else ERASED
    return bool(_mine(mail).update(state=state, **values, **UNCLAIMED, **erased))


def postpone(mail: OutgoingMail, *, code: str, error: str, answer_lost: bool = False) -> bool:
    """Release a claimed mail for its next attempt, later with each one."""
    values = {
        "state": State.UNKNOWN if answer_lost or mail.lost_answers else State.WAITING,
        "lost_answers": F("lost_answers") + int(answer_lost),
        "next_attempt_at": timezone.now() + backoff(mail.attempts),
        "error_code": code[:40],
        "error": error[:LONGEST_ERROR],
    }
    return bool(_mine(mail).update(**values, **UNCLAIMED))


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after this number of attempts."""
    doubled: timedelta = FIRST_BACKOFF * 2 ** min(max(attempts, 1) - 1, 10)
    return min(doubled, LONGEST_BACKOFF)


def _mine(mail: OutgoingMail) -> QuerySet[OutgoingMail]:
    return OutgoingMail.objects.filter(pk=mail.pk, state=State.SENDING, claim_token=mail.claim_token)


# By administrators

# Failed mails whose text the portal still has or can write again.
REPEATABLE = Q(state=State.FAILED) & (Q(notice__isnull=False) | ~Q(body=""))


def retry(pk: int) -> bool:
    """Send a mail that failed again, or one that waits now. Return False where it is sent, or its text is erased."""
    now = timezone.now()
    done = OutgoingMail.objects.filter(pk=pk, state__in=Outgoing.OPEN).update(next_attempt_at=now)
    again = {"state": State.WAITING, "settled_at": None, "next_attempt_at": now}
    failed = OutgoingMail.objects.filter(REPEATABLE, pk=pk)
    done += failed.filter(notice__isnull=False).update(**again, expires_at=now + timedelta(days=settings.OUTBOX_DAYS))
    done += failed.filter(notice__isnull=True, expires_at__gt=now).update(**again)
    if done:
        wake_up()
    return bool(done)


def cancel(pk: int) -> bool:
    """Give a mail up. Return False where it is being sent or settled."""
    rows = OutgoingMail.objects.filter(pk=pk, state__in=Outgoing.OPEN)
    return bool(rows.update(state=State.CANCELLED, settled_at=timezone.now(), **ERASED))


def tidy(at: datetime) -> None:
    """Erase the text of failed mails that are no longer worth sending, and delete what was settled long ago."""
    failed = OutgoingMail.objects.filter(state=State.FAILED)
    failed.filter(expires_at__lte=at).exclude(body="").update(**ERASED)
    OutgoingMail.objects.filter(settled_at__lt=at - KEPT).delete()
