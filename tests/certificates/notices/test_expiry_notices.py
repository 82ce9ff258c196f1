"""Reminders of expiry: once for each certificate and threshold, also after a pause, a restart or a renewal."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from certificates.models import CACertificate
from certificates.notices.expiries import DAYS, announce_expiries, threshold_of
from namespaces.models import ClientCertificate, Namespace
from portal.models import Notice, NoticeRecipient, Reminder
from portal.notifications import upkeep
from portal.registry import notice_producers
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db
END = datetime(2027, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace("factory", owner=make_user("olga"))


@pytest.fixture
def ca(namespace: Namespace) -> CACertificate:
    row = make_ca_certificate(namespace, "line-a")
    CACertificate.objects.update(not_after=END)
    return row


def shown(namespace: Namespace, client: str, thumbprint: str, not_after: datetime = END) -> None:
    ClientCertificate.objects.create(
        namespace=namespace,
        client_name=client,
        thumbprint=thumbprint,
        der=b"",
        not_after=not_after,
        seen_at=timezone.now(),
    )


def announced() -> list[tuple[str, int]]:
    """Return the events so far, each with its number."""
    return list(Notice.objects.order_by("pk").values_list("event", "count"))


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (60 * DAY, 60),
        (31 * DAY, 60),
        (30 * DAY, 30),
        (14 * DAY + timedelta(seconds=1), 30),
        (14 * DAY, 14),
        (7 * DAY, 7),
        (DAY, 1),
        (-DAY, 1),
    ],
)
def test_the_threshold_is_the_smallest_that_is_reached(left: timedelta, expected: int) -> None:
    assert threshold_of(END, END - left) == expected


def test_a_ca_is_announced_once_at_each_threshold(ca: CACertificate) -> None:
    for days in range(70, -1, -1):
        for _ in range(2):
            announce_expiries(END - days * DAY)
    assert announced() == [("ca_expiry", 1)] * len(DAYS)
    assert [row.subject.rpartition(" in ")[2] for row in Notice.objects.order_by("pk")][:4] == [
        *("60 days", "30 days", "14 days", "7 days")
    ]


def test_after_a_pause_only_the_nearest_threshold_is_announced(ca: CACertificate) -> None:
    announce_expiries(END - 60 * DAY)
    announce_expiries(END - 6 * DAY)
    announce_expiries(END - 5 * DAY)
    assert announced() == [("ca_expiry", 1)] * 2
    assert Reminder.objects.get().days == 7


def test_what_expired_during_the_pause_is_announced_once(ca: CACertificate) -> None:
    announce_expiries(END + 2 * DAY)
    announce_expiries(END + 3 * DAY)
    assert announced() == [("ca_expiry", 1)]


def test_what_expired_long_ago_is_no_news(ca: CACertificate) -> None:
    announce_expiries(END + 30 * DAY)
    assert announced() == []


def test_a_successor_has_reminders_of_its_own(ca: CACertificate) -> None:
    announce_expiries(END - 6 * DAY)
    CACertificate.objects.update(thumbprint="B" * 64, not_after=END + 365 * DAY)
    announce_expiries(END - 5 * DAY)
    assert announced() == [("ca_expiry", 1)]
    announce_expiries(END + 360 * DAY)
    assert len(announced()) == 2


def test_the_team_gets_its_own_and_the_owners_what_belongs_to_no_team(namespace: Namespace, ca: CACertificate) -> None:
    line, other = make_team("Line 1", make_user("lea")), make_team("Line 2", make_user("otto"))
    for team in (line, other):
        namespace.roles.create(team=team, role="certificate_uploader")
    make_ca_certificate(namespace, "line-b")
    CACertificate.objects.filter(name="line-b").update(not_after=END, team=line, thumbprint="B" * 64)
    announce_expiries(END - 5 * DAY)
    found = NoticeRecipient.objects.values_list("notice__object_name", "user__username")
    assert sorted(found) == [("line-a", "olga"), ("line-b", "lea")]


def test_clients_of_a_team_are_announced_together(namespace: Namespace) -> None:
    for number in range(12):
        make_client(namespace, f"press-{number}")
        shown(namespace, f"press-{number}", f"{number:064}")
    shown(namespace, "unregistered", "F" * 64)
    announce_expiries(END - 6 * DAY)
    announce_expiries(END - 6 * DAY)
    assert announced() == [("client_expiry", 12)]


def test_a_client_that_was_renewed_is_not_announced(namespace: Namespace) -> None:
    make_client(namespace, "press-1")
    shown(namespace, "press-1", "A" * 64)
    shown(namespace, "press-1", "B" * 64, END + 365 * DAY)
    announce_expiries(END - 6 * DAY)
    assert announced() == []


def test_a_failure_announces_nothing_and_is_made_up_for(ca: CACertificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reminder is kept in the transaction of the notice."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the database went away")

    with monkeypatch.context() as broken:
        broken.setattr("certificates.notices.expiries.announce", fail)
        with pytest.raises(RuntimeError):
            announce_expiries(END - 6 * DAY)
    assert not Reminder.objects.exists()
    announce_expiries(END - 6 * DAY)
    assert announced() == [("ca_expiry", 1)]


def test_a_worker_announces_them_and_deletes_old_notices(ca: CACertificate) -> None:
    assert announce_expiries in notice_producers()
    now = timezone.now()
    CACertificate.objects.update(not_after=now + 6 * DAY)
    upkeep.run(now)
    assert announced() == [("ca_expiry", 1)]
    Notice.objects.update(at=now - 100 * DAY)
    upkeep.run(now)
    assert announced() == []
