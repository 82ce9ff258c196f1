"""The daily summary: once a day, at the hour and in the zone of the person, with the rights of the moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from namespaces.models import Namespace, NamespaceRole
from portal.models import DigestTime, NoticeRecipient, OutgoingMail, User
from portal.notifications.announcing import Place, announce
from portal.notifications.digests import enqueue_digests
from portal.notifications.sending import send_due
from tests.support.database.factories import make_namespace, make_user

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    settings.MAIL_CONFIGURED = True


@pytest.fixture
def ada() -> User:
    return make_user("ada", email="ada@example.com")


@pytest.fixture
def namespace(ada: User) -> Namespace:
    return make_namespace("factory", owner=ada)


def tell(ada: User, namespace: Namespace, subject: str = "Two differ") -> None:
    """Announce what comes in the summary by default."""
    place = Place(namespace.pk, namespace.name)
    announce("drift_found", to=[ada], subject=subject, sentence="Decide.", url="/namespaces/1/drift/", scope=place)


TODAY = timezone.now()  # one day for each test, also around midnight


def today(hour: int) -> datetime:
    return TODAY.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)


def test_one_mail_a_day_has_all_that_waits(ada: User, namespace: Namespace) -> None:
    DigestTime.objects.create(user=ada, hour=8)
    tell(ada, namespace, "First")
    tell(ada, namespace, "Second")
    enqueue_digests(today(7))
    assert not OutgoingMail.objects.exists(), "too early"
    enqueue_digests(today(8))
    enqueue_digests(today(9))
    send_due()
    assert [message.subject for message in mail.outbox] == ["[MQTT Namespace Portal] Daily summary: 2 events"]
    message: Any = mail.outbox[0]
    assert "First" in message.body
    assert "Second" in message.alternatives[0][0]
    tell(ada, namespace, "Third")
    enqueue_digests(today(23))
    assert OutgoingMail.objects.count() == 1, "the next day"
    enqueue_digests(today(8) + 24 * HOUR)
    assert OutgoingMail.objects.count() == 2


def test_a_day_without_events_has_no_mail(ada: User) -> None:
    DigestTime.objects.create(user=ada, hour=0)
    enqueue_digests(today(8))
    assert not OutgoingMail.objects.exists()


def test_the_hour_is_that_of_the_zone(ada: User, namespace: Namespace) -> None:
    DigestTime.objects.create(user=ada, hour=8, time_zone="Asia/Tokyo")  # UTC+9 all year
    tell(ada, namespace)
    morning = today(23)  # 08:00 of the next day in Tokyo
    enqueue_digests(morning - HOUR)
    assert not OutgoingMail.objects.exists()
    enqueue_digests(morning)
    assert OutgoingMail.objects.count() == 1
    assert DigestTime.objects.get().last_day == (morning + 9 * HOUR).date()


def test_after_a_pause_there_is_one_summary_of_the_last_week(ada: User, namespace: Namespace) -> None:
    tell(ada, namespace)
    enqueue_digests(today(12) + timedelta(days=8))
    assert not OutgoingMail.objects.exists()
    assert NoticeRecipient.objects.get().digested_at is not None


@pytest.mark.parametrize("loss", ["role", "account"])
def test_rights_are_read_when_it_is_sent(ada: User, namespace: Namespace, loss: str) -> None:
    tell(ada, namespace)
    enqueue_digests(today(12))
    if loss == "role":
        NamespaceRole.objects.all().delete()
    else:
        User.objects.update(is_active=False)
    send_due()
    assert not mail.outbox
    assert OutgoingMail.objects.get().state == "cancelled"


def test_who_has_no_address_gets_none_and_loses_nothing(ada: User, namespace: Namespace) -> None:
    User.objects.update(email="")
    tell(ada, namespace)
    enqueue_digests(today(12))
    assert NoticeRecipient.objects.get().digested_at is None
    User.objects.update(email="ada@example.com")
    enqueue_digests(today(12))
    send_due()
    assert len(mail.outbox) == 1
