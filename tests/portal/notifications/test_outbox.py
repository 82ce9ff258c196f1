"""The outbox: nothing is lost, and nothing is sent twice unless the server's answer was lost."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from portal.models import OutgoingMail, User
from portal.notifications import outbox
from portal.notifications.mails import compose
from portal.notifications.outbox import MAILS
from portal.notifications.sending import send_due
from portal.notifications.smtp import ClaimLostError, MailServer
from tests.portal.notifications.mail_server import Mailbox, mail_server, send_to
from tests.support.database.factories import make_user

pytestmark = pytest.mark.django_db
SECRET = "https://portal.example.com/sign-in/reset/1/secret-link/"


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with mail_server(settings) as started:
        yield started


def put(to: str = "ada@example.com", **more: Any) -> OutgoingMail:
    mail = outbox.enqueue_mail(
        to, **{"purpose": "invitation", "subject": "Welcome", "text": f"Here: {SECRET}", "html": "<p>Here</p>", **more}
    )
    assert mail is not None
    return mail


def now_due() -> None:
    """Let the time until the next attempt pass."""
    OutgoingMail.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_a_mail_is_sent_once_and_its_text_erased(mailbox: Mailbox) -> None:
    mail = put()
    assert SECRET not in mail.body, "the database has it encrypted only"
    send_due()
    send_due()
    assert [message["To"] for message in mailbox.messages] == ["ada@example.com"]
    assert [part.get_content_type() for part in mailbox.messages[0].walk()] == [
        *("multipart/alternative", "text/plain", "text/html")
    ]
    assert SECRET in mailbox.messages[0].as_string()
    mail.refresh_from_db()
    assert (mail.state, mail.body, mail.attempts, mail.lost_answers) == ("sent", "", 1, 0)


def test_a_mail_goes_with_the_transaction_of_its_change(mailbox: Mailbox) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        put()
        raise RuntimeError("the change failed")
    assert not OutgoingMail.objects.exists()


def test_a_server_that_is_away_delays_mails_and_loses_none(settings: Any, mailbox: Mailbox) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        send_to(settings, closed.getsockname()[1])
        first, second = put(), put("bob@example.com")
        send_due()
    states = OutgoingMail.objects.order_by("pk").values_list("state", "attempts", "error_code")
    assert list(states) == [("waiting", 1, "server_away"), ("waiting", 0, "")], "one attempt shows that it is away"
    first.refresh_from_db()
    assert first.next_attempt_at > timezone.now()
    send_to(settings, mailbox.port)
    now_due()
    send_due()
    assert sorted(message["To"] for message in mailbox.messages) == ["ada@example.com", second.to]


def test_a_server_that_does_not_greet_is_away(settings: Any, mailbox: Mailbox) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        send_to(settings, silent.getsockname()[1], timeout=0.2)
        put()
        send_due()
    mail = OutgoingMail.objects.get()
    assert (mail.state, mail.error_code, mail.lost_answers) == ("waiting", "server_away", 0)


def test_a_server_that_does_not_answer_the_text_makes_it_unknown(settings: Any, mailbox: Mailbox) -> None:
    send_to(settings, mailbox.port, timeout=2)  # also for the answers before it
    mailbox.is_silent_after_data = True
    put()
    send_due()
    mail = OutgoingMail.objects.get()
    assert (mail.state, mail.error_code, mail.lost_answers) == ("unknown", "answer_lost", 1)


def test_a_refused_recipient_fails_and_others_get_their_mail(mailbox: Mailbox) -> None:
    mailbox.refusals = {"no@example.com": "550 No such user", "full@example.com": "452 Mailbox full"}
    for to in ("no@example.com", "full@example.com", "ada@example.com"):
        put(to)
    send_due()
    found = {mail.to: (mail.state, mail.error_code) for mail in OutgoingMail.objects.all()}
    assert found == {
        "no@example.com": ("failed", "recipient_refused"),
        "full@example.com": ("waiting", "recipient_refused"),
        "ada@example.com": ("sent", ""),
    }
    mailbox.refusals = {}
    now_due()
    assert outbox.retry(OutgoingMail.objects.get(to="no@example.com").pk)
    send_due()
    assert len(set(mailbox.ids)) == len(mailbox.ids) == 3


@pytest.mark.parametrize(("answer", "state"), [("554 Spam", "failed"), ("451 Try again later", "waiting")])
def test_a_refused_message_is_not_unknown(mailbox: Mailbox, answer: str, state: str) -> None:
    mailbox.data_answer = answer
    put()
    send_due()
    mail = OutgoingMail.objects.get()
    assert (mail.state, mail.error_code, mail.lost_answers) == (state, "message_refused", 0)


def test_a_lost_answer_makes_a_mail_unknown_and_it_is_sent_again(mailbox: Mailbox) -> None:
    mailbox.drop_after_data = True
    mail = put()
    send_due()
    mail.refresh_from_db()
    assert (mail.state, mail.error_code, mail.lost_answers) == ("unknown", "answer_lost", 1)
    mailbox.drop_after_data = False
    now_due()
    send_due()
    mail.refresh_from_db()
    assert (mail.state, mail.lost_answers) == ("sent", 1)
    assert len(mailbox.ids) == 2
    assert len(set(mailbox.ids)) == 1, "a mailbox recognizes the second by its Message-ID"


def test_a_worker_killed_before_the_hand_over_repeats_nothing(mailbox: Mailbox) -> None:
    put()
    assert MAILS.claim(timezone.now()) is not None
    send_due()
    assert not mailbox.messages, "the claim still holds"
    OutgoingMail.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    send_due()
    mail = OutgoingMail.objects.get()
    assert (mail.state, mail.lost_answers, len(mailbox.messages)) == ("sent", 0, 1)


def test_a_worker_killed_after_the_hand_over_leaves_an_unknown_mail(mailbox: Mailbox) -> None:
    put()
    mail = MAILS.claim(timezone.now())
    assert mail is not None
    assert MAILS.note_hand_over(mail)
    OutgoingMail.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    MAILS.recover(timezone.now())
    mail.refresh_from_db()
    assert (mail.state, mail.lost_answers) == ("unknown", 1)
    send_due()
    mail.refresh_from_db()
    assert (mail.state, len(mailbox.messages)) == ("sent", 1)


def test_a_worker_whose_claim_ran_out_sends_nothing(mailbox: Mailbox) -> None:
    put()
    late = MAILS.claim(timezone.now())
    assert late is not None
    OutgoingMail.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    MAILS.recover(timezone.now())
    assert MAILS.claim(timezone.now()) is not None, "another worker"
    with MailServer() as server, pytest.raises(ClaimLostError):
        server.send(compose(late), lambda: MAILS.note_hand_over(late))
    assert not mailbox.messages
    assert not MAILS.settle(late, "sent")


def test_an_expired_link_is_not_sent_and_its_text_erased(mailbox: Mailbox) -> None:
    mail = put(lifetime=timedelta(hours=1))
    OutgoingMail.objects.update(expires_at=timezone.now())
    send_due()
    mail.refresh_from_db()
    assert (mail.state, mail.body) == ("expired", "")
    assert not mailbox.messages
    assert not outbox.retry(mail.pk)


def test_a_mail_that_cannot_be_sent_for_days_is_given_up(mailbox: Mailbox) -> None:
    mail = put()
    OutgoingMail.objects.update(attempts=300, error_code="server_away", expires_at=timezone.now())
    send_due()
    mail.refresh_from_db()
    assert (mail.state, mail.body, mail.error_code) == ("failed", "", "server_away")


def test_a_failed_mail_keeps_its_text_only_while_it_may_be_retried(mailbox: Mailbox) -> None:
    mailbox.refusals = {"ada@example.com": "550 No such user"}
    mail = put(lifetime=timedelta(hours=1))
    send_due()
    mail.refresh_from_db()
    assert mail.body
    outbox.tidy(mail.expires_at)
    mail.refresh_from_db()
    assert not mail.body


def test_a_cancelled_mail_is_not_sent(mailbox: Mailbox) -> None:
    mail = put()
    assert MAILS.cancel(mail.pk)
    send_due()
    mail.refresh_from_db()
    assert (mail.state, mail.body) == ("cancelled", "")
    assert not mailbox.messages
    assert not MAILS.cancel(mail.pk)


def test_a_disabled_account_gets_no_mail(mailbox: Mailbox) -> None:
    ada = make_user("ada", email="ada@example.com")
    mail = put(user=ada)
    User.objects.update(is_active=False)
    send_due()
    mail.refresh_from_db()
    assert (mail.state, mail.error_code) == ("cancelled", "account_disabled")
    assert not mailbox.messages


def test_a_key_that_was_lost_fails_the_mail_and_stops_no_other(settings: Any, mailbox: Mailbox) -> None:
    put()
    settings.SECRET_KEY = "another-key-" + "y" * 40
    put("bob@example.com")
    send_due()
    found = list(OutgoingMail.objects.order_by("pk").values_list("state", "error_code"))
    assert found == [("failed", "unreadable"), ("sent", "")]


def test_without_a_mail_server_there_is_no_row(settings: Any) -> None:
    settings.MAIL_CONFIGURED = False
    assert outbox.enqueue_mail("ada@example.com", purpose="invitation", subject="x", text="x") is None
    assert not OutgoingMail.objects.exists()


def test_the_wait_grows_and_is_bounded() -> None:
    waits = [MAILS.backoff(attempts) for attempts in range(1, 400)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=10), timedelta(minutes=15))
