"""What administrators see of the outbox: its page, the checks of a deployment and the metrics."""

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from portal.models import Activity, OutgoingMail, User
from portal.notifications import outbox
from portal.notifications.checks import outgoing, warnings_for_administrators
from portal.notifications.outbox import cancel_mail, retry_mail
from portal.notifications.sending import send_due
from portal.pages.outbox import SLOW, summarize
from portal.people.authority import RefusedError
from tests.portal.notifications.mail_server import keep_in_memory, mail_server, send_to
from tests.support.database.factories import make_admin

pytestmark = pytest.mark.django_db
SECRET = "https://portal.example.com/sign-in/reset/1/secret-link/"


@pytest.fixture
def admin() -> User:
    return make_admin()


@pytest.fixture
def browser(admin: User) -> Browser:
    browser = Browser()
    browser.force_login(admin)
    return browser


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    settings.MAIL_CONFIGURED = True


def put(**values: Any) -> OutgoingMail:
    mail = outbox.enqueue_mail("ada@example.com", purpose="password_reset", subject="Choose a password", text=SECRET)
    assert mail is not None
    OutgoingMail.objects.filter(pk=mail.pk).update(**values)
    return mail


def codes() -> set[str]:
    return {found.code for found in outgoing()}


def test_the_page_shows_state_and_reason_and_no_secret(browser: Browser) -> None:
    put(state="unknown", error_code="answer_lost", attempts=1, lost_answers=1)
    put(state="sent", lost_answers=1, settled_at=timezone.now())
    page = browser.get(reverse("portal:outbox_list")).content.decode()
    assert 'data-state="unknown"' in page
    assert 'data-code="maybe-twice"' in page
    assert "answer_lost" in page
    assert "secret-link" not in page


@pytest.mark.parametrize(("show", "expected"), [("open", 1), ("failed", 1), ("sent", 1), ("", 3), ("nonsense", 3)])
def test_the_list_is_filtered(browser: Browser, show: str, expected: int) -> None:
    put()
    put(state="failed")
    put(state="sent")
    page = browser.get(reverse("portal:outbox_list"), {"show": show}).content.decode()
    assert page.count("data-mail=") == expected


def test_retry_and_cancel_are_recorded(browser: Browser, admin: User) -> None:
    mail = put(next_attempt_at=timezone.now() + timedelta(hours=1))
    browser.post(reverse("portal:outbox_retry", args=[mail.pk]))
    mail.refresh_from_db()
    assert mail.next_attempt_at <= timezone.now()
    browser.post(reverse("portal:outbox_cancel", args=[mail.pk]))
    browser.post(reverse("portal:outbox_cancel", args=[mail.pk]))
    mail.refresh_from_db()
    assert (mail.state, mail.body) == ("cancelled", "")
    verbs = Activity.objects.filter(actor=admin).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["Retry mail", "Cancel mail"]


def test_an_action_reads_the_administrator_again(admin: User) -> None:
    mail = put(next_attempt_at=timezone.now() + timedelta(hours=1))
    User.objects.filter(pk=admin.pk).update(is_superuser=False)  # not known to the object of the actor
    for act in (retry_mail, cancel_mail):
        with pytest.raises(RefusedError):
            act(admin, pk=mail.pk)
    mail.refresh_from_db()
    assert mail.state == "waiting"
    assert not Activity.objects.exists()


def test_a_mail_server_that_is_away_is_reported(settings: Any) -> None:
    with mail_server(settings):
        assert "mail_away" not in codes()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        send_to(settings, closed.getsockname()[1])
        assert "mail_away" in codes()


def test_an_outbox_that_does_not_move_is_reported(settings: Any) -> None:
    keep_in_memory(settings)
    put(next_attempt_at=timezone.now() - SLOW + timedelta(seconds=30))
    assert "outbox_stuck" not in codes()
    put(next_attempt_at=timezone.now() - SLOW - timedelta(seconds=1))
    assert "outbox_stuck" in codes()
    assert list(warnings_for_administrators())
    send_due()
    assert "outbox_stuck" not in codes()
    assert not list(warnings_for_administrators())


def test_the_summary_counts_and_names_the_oldest() -> None:
    put(created_at=timezone.now() - timedelta(minutes=5))
    put(state="unknown", lost_answers=1)
    put(state="failed")
    state = summarize(timezone.now())
    assert (state.waiting, state.unknown, state.failed) == (2, 1, 1)
    assert 300 <= state.oldest_seconds < 360
