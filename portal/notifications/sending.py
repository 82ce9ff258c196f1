"""What a worker does with the outbox: it sends the mails that are due, one after the other."""

import logging
import time
from collections.abc import Callable, Mapping

from django.db import transaction
from django.utils import timezone

from portal.models import Notice, Outgoing, OutgoingMail
from portal.notifications.digests import notices_of
from portal.notifications.mails import compose
from portal.notifications.outbox import DIGEST, MAILS, body_of
from portal.notifications.preferences import address_of
from portal.notifications.smtp import AnswerLostError, ClaimLostError, MailServer, NotSentError
from portal.registry import may_get
from portal.sign_in.encryption import UnreadableSecretError
from portal.sign_in.mail import RESET_ASKED, write_reset_links

logger = logging.getLogger(__name__)

SECONDS = 20.0  # the longest run of one task, so that other tasks of the worker get their turn
MOST_SENDERS = 2  # workers that talk to the mail server at once, so that a slow one does not hold up everything else
State = Outgoing.State

# Mails whose text is written by a worker, by their purpose. Each puts the real mails into the outbox.
WRITERS: Mapping[str, Callable[[dict[str, str]], None]] = {RESET_ASKED: write_reset_links}


def send_due(*, seconds: float = SECONDS) -> bool:
    """Send the mails that are due, and return whether there may be more. A server that is away ends the run."""
    ends = time.monotonic() + seconds
    MAILS.recover(timezone.now())
    if MAILS.in_flight() >= MOST_SENDERS:
        return False
    with MailServer() as server:
        while time.monotonic() < ends:
            mail = MAILS.claim(timezone.now())
            if mail is None or not send_claimed(mail, server):
                return False
    return True


def send_claimed(mail: OutgoingMail, server: MailServer) -> bool:
    """Send one claimed mail, and return whether the server can take another."""
    if mail.purpose in WRITERS:
        _write(mail)
        return True
    if reason := _not_wanted(mail):
        MAILS.settle(mail, State.CANCELLED, code=reason)
        return True
    try:
        _close_notice(mail)
        server.send(compose(mail), lambda: MAILS.note_hand_over(mail))
    except UnreadableSecretError:
        MAILS.settle(mail, State.FAILED, code="unreadable", error="No key of this portal decrypts the text.")
    except ClaimLostError:
        logger.warning("Mail %s was claimed by another worker before it was sent.", mail.pk)
    except NotSentError as fault:
        _keep_for_later(mail, fault)
        return not fault.is_away
    except AnswerLostError as fault:
        logger.warning("The answer to mail %s was lost; it is sent again and may arrive twice: %s", mail.pk, fault)
        MAILS.postpone(mail, code="answer_lost", error=str(fault), answer_lost=True)
        return False
    else:
        MAILS.settle(mail, State.SENT)
    return True


def _keep_for_later(mail: OutgoingMail, fault: NotSentError) -> None:
    if fault.is_final:
        logger.warning("The mail server refused mail %s: %s", mail.pk, fault.code)
        MAILS.settle(mail, State.FAILED, code=fault.code, error=str(fault))
    else:
        MAILS.postpone(mail, code=fault.code, error=str(fault))


def _write(mail: OutgoingMail) -> None:
    """Replace a row by the mails that it asks for."""
    try:
        data = body_of(mail)
    except UnreadableSecretError:
        MAILS.settle(mail, State.FAILED, code="unreadable", error="No key of this portal decrypts the text.")
        return
    with transaction.atomic():
        if OutgoingMail.objects.filter(pk=mail.pk, claim_token=mail.claim_token).delete()[0]:
            WRITERS[mail.purpose](data)


def _not_wanted(mail: OutgoingMail) -> str:
    """Return why a mail is no longer sent, as a code, or ""."""
    if mail.user is not None and not mail.user.is_active:
        return "account_disabled"
    if mail.user is None or (mail.notice is None and mail.purpose != DIGEST):
        return ""
    if not (may_get(mail.user, mail.notice) if mail.notice is not None else notices_of(mail)):
        return "no_right"
    current = address_of(mail.user)
    if not current:
        return "no_address"
    if current != mail.to:
        OutgoingMail.objects.filter(pk=mail.pk).update(to=current)
        mail.to = current
    return ""


def _close_notice(mail: OutgoingMail) -> None:
    """Let no more events join the notice, then read it, so that the mail has all of them."""
    if mail.notice is not None:
        Notice.objects.filter(pk=mail.notice.pk).update(group_key=None)
        mail.notice.refresh_from_db()
