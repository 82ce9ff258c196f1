"""The mails of a change set, as a real SMTP server gets them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from namespaces.actions.change_sets import emergency, requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.decisions import decline
from namespaces.actions.change_sets.records import url_of
from portal.models import OutgoingMail, User
from portal.notifications.sending import send_due
from tests.namespaces.control.conftest import Plant, approve_now
from tests.portal.notifications.mail_server import Mailbox, mail_server
from tests.support.database.factories import make_ca_certificate

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox(settings: Any, plant: Plant) -> Iterator[Mailbox]:
    for user in User.objects.all():
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.com")
    with mail_server(settings) as started:
        yield started


def sent(mailbox: Mailbox) -> dict[str, str]:
    """Send what is due, and return the new mails by recipient."""
    mailbox.messages.clear()
    OutgoingMail.objects.filter(state="waiting").update(next_attempt_at=timezone.now())
    send_due()
    return {message["To"].partition("@")[0]: text_of(message) for message in mailbox.messages}


def text_of(message: Any) -> str:
    plain = next(part for part in message.walk() if part.get_content_type() == "text/plain")
    return str(plain.get_payload(decode=True).decode())


def test_those_who_may_approve_get_a_mail_with_the_reason_and_the_address(plant: Plant, mailbox: Mailbox) -> None:
    change_set = plant.request()
    mails = sent(mailbox)
    assert set(mails) == {"olga", "lee"}
    for text in mails.values():
        assert change_set.reason in text
        assert url_of(change_set) in text


def test_the_requester_reads_why_it_is_declined(plant: Plant, mailbox: Mailbox) -> None:
    change_set = plant.request()
    sent(mailbox)
    decline(plant.lee, change_set=change_set, reason="Ask Line B first.")
    mails = sent(mailbox)
    assert set(mails) == {"dana"}
    assert "Ask Line B first." in mails["dana"]


def test_the_requester_reads_why_it_no_longer_applies(plant: Plant, mailbox: Mailbox) -> None:
    change_set = plant.request()
    make_ca_certificate(plant.namespace, "line-a-ca")
    sent(mailbox)
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    assert "line-a-ca" in sent(mailbox)["dana"]


def test_an_emergency_reaches_owners_and_leads_before_anything_is_written(plant: Plant, mailbox: Mailbox) -> None:
    draft = requests.keep_draft(plant.olga, plant.held(plant.olga, team=None))
    emergency.apply_at_once(plant.olga, change_set=draft, reason="The line stands still.", is_proven=True)
    mails = sent(mailbox)
    assert {"lee", "rita"} <= set(mails)
    assert "dana" not in mails
    assert "The line stands still." in mails["lee"]
    assert not plant.namespace.ca_certificates.exists()
