"""Announcing: who gets a notice, how, and what happens when rights change before it is sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Namespace, NamespaceRole
from portal.models import Activity, Channel, Notice, NoticePreference, NoticeRecipient, OutgoingMail, Team, User
from portal.notifications.announcing import Place, announce
from portal.notifications.preferences import choose_for_team
from portal.notifications.sending import send_due
from portal.people.authority import RefusedError
from tests.support.database.factories import make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db
URL = "/namespaces/1/ca-certificates/"


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    settings.MAIL_CONFIGURED = True
    settings.PUBLIC_URL = "https://portal.example.com"


@pytest.fixture
def ada() -> User:
    return make_user("ada", email="ada@example.com")


@pytest.fixture
def namespace(ada: User) -> Namespace:
    return make_namespace("factory", owner=ada)


def tell(namespace: Namespace, *people: User, event: str = "ca_expiry", **more: Any) -> Notice:
    place = Place(namespace.pk, namespace.name)
    text = {"subject": "CA certificate line-a expires", "sentence": "In 7 days.", "url": URL}
    return announce(event, to=people, **{**text, "scope": place, **more})


def choose(channel: str, *, event: str = "ca_expiry", **holder: Any) -> None:
    NoticePreference.objects.create(event=event, channel=channel, **holder)


def ways(user: User) -> tuple[bool, bool, bool]:
    """Return whether a notice is in the bell, in the next summary and in the outbox."""
    row = NoticeRecipient.objects.filter(user=user).first()
    mails = OutgoingMail.objects.filter(user=user)
    return bool(row and row.in_bell), bool(row and row.in_digest), mails.exists()


def now_due() -> None:
    OutgoingMail.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_a_notice_is_in_the_bell_and_in_a_mail(ada: User, namespace: Namespace) -> None:
    tell(namespace, ada)
    browser = Browser()
    browser.force_login(ada)
    assert 'class="badge">1' in browser.get(reverse("portal:bell")).content.decode()
    page = browser.get(reverse("portal:notifications")).content.decode()
    assert 'data-event="ca_expiry"' in page
    assert f'href="{URL}"' in page
    send_due()
    message: Any = mail.outbox[0]
    assert f"https://portal.example.com{URL}" in message.body
    assert f"https://portal.example.com{reverse('portal:notification_preferences')}" in message.body
    html = message.alternatives[0][0]
    assert f'href="https://portal.example.com{URL}"' in html
    assert reverse("portal:notification_preferences") in message.extra_headers["List-Unsubscribe"]


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("none", (False, False, False)),
        ("bell", (True, False, False)),
        ("digest", (True, True, False)),
        ("mail", (True, False, True)),
    ],
)
def test_a_person_chooses_the_channel(
    ada: User, namespace: Namespace, channel: str, expected: tuple[bool, bool, bool]
) -> None:
    choose(channel, user=ada)
    tell(namespace, ada)
    assert ways(ada) == expected


def test_a_team_chooses_for_those_who_have_not(ada: User, namespace: Namespace) -> None:
    bob = make_user("bob", email="bob@example.com")
    NamespaceRole.objects.create(namespace=namespace, user=bob, role="reader")
    line = make_team("Line 1", ada, bob)
    choose("bell", team=line)
    choose("mail", user=bob)
    tell(namespace, ada, bob)
    assert ways(ada) == (True, False, False)
    assert ways(bob) == (True, False, True)


def test_the_team_that_owns_the_thing_decides(ada: User, namespace: Namespace) -> None:
    line, other = make_team("Line 1", ada), make_team("Line 2", ada)
    choose("none", team=line)
    choose("mail", team=other)
    tell(namespace, ada, team=line)
    assert ways(ada) == (False, False, False)
    tell(namespace, ada)
    assert ways(ada) == (True, False, True), "else the strongest choice of one's teams"


@pytest.mark.parametrize("why", ["no role", "disabled"])
def test_who_may_not_see_it_gets_nothing(ada: User, namespace: Namespace, why: str) -> None:
    bob = make_user("bob", email="bob@example.com", is_active=why != "disabled")
    if why == "disabled":
        NamespaceRole.objects.create(namespace=namespace, user=bob, role="owner")
    tell(namespace, bob)
    assert ways(bob) == (False, False, False)


@pytest.mark.parametrize("loss", ["role", "account"])
def test_rights_are_read_again_when_a_mail_is_sent(ada: User, namespace: Namespace, loss: str) -> None:
    tell(namespace, ada)
    if loss == "role":
        NamespaceRole.objects.all().delete()
    else:
        User.objects.update(is_active=False)
    send_due()
    assert not mail.outbox
    assert OutgoingMail.objects.get().state == "cancelled"


def test_the_bell_hides_what_one_may_no_longer_see(ada: User, namespace: Namespace) -> None:
    tell(namespace, ada)
    NamespaceRole.objects.all().delete()
    browser = Browser()
    browser.force_login(ada)
    assert "badge" not in browser.get(reverse("portal:bell")).content.decode()
    assert "data-event" not in browser.get(reverse("portal:notifications")).content.decode()


def test_events_of_a_group_are_one_notice_with_their_number(ada: User, namespace: Namespace) -> None:
    for name in ("press-1", "press-2", "press-3"):
        tell(
            namespace,
            ada,
            event="sync_rejected",
            subject=f"Azure rejected {name}",
            group="sync_rejected:1",
            summary="Azure rejected {count} changes",
        )
    assert Notice.objects.get().count == 3
    send_due()
    assert not mail.outbox, "it waits for more"
    now_due()
    send_due()
    assert [message.subject for message in mail.outbox] == ["[MQTT Namespace Portal] Azure rejected 3 changes"]


def test_events_after_the_mail_are_another_notice_later(ada: User, namespace: Namespace) -> None:
    group = {"event": "sync_rejected", "group": "sync_rejected:1", "summary": "{count} changes"}
    tell(namespace, ada, **group)
    now_due()
    send_due()
    tell(namespace, ada, **group)
    assert Notice.objects.count() == 2
    waits = OutgoingMail.objects.get(state="waiting").next_attempt_at - timezone.now()
    assert timedelta(minutes=14) < waits <= timedelta(minutes=15)


def test_news_about_oneself_needs_no_role(ada: User) -> None:
    announce("access_declined", to=[ada], subject="No", sentence="Why", url="/", scope=None)
    assert ways(ada) == (True, False, True)


def test_a_mail_goes_to_the_address_of_the_moment(ada: User, namespace: Namespace) -> None:
    tell(namespace, ada)
    User.objects.update(email="new@example.com")
    send_due()
    assert [message.to for message in mail.outbox] == [["new@example.com"]]


def test_hostile_names_add_no_header_and_no_markup(ada: User, namespace: Namespace) -> None:
    tell(namespace, ada, subject="x\r\nBcc: eve@example.com <b>", sentence="<script>alert(1)</script>")
    send_due()
    message: Any = mail.outbox[0]
    assert message.message()["Bcc"] is None
    assert "<script>" not in message.alternatives[0][0]


def test_invisible_characters_are_named_in_mails(ada: User, namespace: Namespace) -> None:
    tell(namespace, ada, sentence="press\u202e1")
    send_due()
    assert "\u202e" not in str(mail.outbox[0].body)


# The page of preferences


@pytest.fixture
def browser(ada: User) -> Browser:
    browser = Browser()
    browser.force_login(ada)
    return browser


def test_choices_are_kept_and_shown(browser: Browser, ada: User) -> None:
    url = reverse("portal:notification_preferences")
    answer = browser.post(url, {"ca_expiry": "bell", "hour": "7", "time_zone": "europe/berlin"})
    assert answer.status_code == 302
    assert [(row.event, row.channel) for row in NoticePreference.objects.filter(user=ada)] == [
        ("ca_expiry", Channel.BELL)
    ]
    page = browser.get(url).content.decode()
    assert '<option value="bell" selected>' in page
    assert 'value="Europe/Berlin"' in page
    browser.post(url, {"ca_expiry": "bell", "hour": "7", "time_zone": "europe/berlin"})
    entry = Activity.objects.get(verb="Choose notifications")
    assert (entry.actor, entry.after) == (ada, {"ca_expiry": "bell", "hour": 7, "time_zone": "Europe/Berlin"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"time_zone": "Mars/Base"}, "unknown_time_zone"),
        ({"hour": "24"}, "invalid_choice"),
        ({"ca_expiry": "fax"}, "invalid_choice"),
        ({"sync_rejected": "none"}, "invalid_choice"),
    ],
)
def test_bad_choices_keep_nothing(browser: Browser, change: dict[str, str], code: str) -> None:
    form = {"client_expiry": "bell", "hour": "7", "time_zone": "UTC", **change}
    answer = browser.post(reverse("portal:notification_preferences"), form)
    assert answer.status_code == 422
    assert f'data-code="{code}"' in answer.content.decode()
    assert not NoticePreference.objects.exists()


def test_leads_choose_for_their_team(browser: Browser, ada: User) -> None:
    line = make_team("Line 1", ada)
    url = reverse("portal:team_notifications", args=[line.pk])
    assert browser.post(url, {"ca_expiry": "none"}).status_code == 403
    line.memberships.update(is_lead=True)
    assert browser.post(url, {"ca_expiry": "none"}).status_code == 302
    assert NoticePreference.objects.get(team=line).channel == "none"
    entry = Activity.objects.get(verb="Choose notifications of team")
    assert (entry.before, entry.after) == ({}, {"ca_expiry": "none"})
    with pytest.raises(RefusedError):
        choose_for_team(make_user("stranger"), team=line, choices={})
    other = Team.objects.create(name="Line 2")
    assert browser.get(reverse("portal:team_notifications", args=[other.pk])).status_code == 404
