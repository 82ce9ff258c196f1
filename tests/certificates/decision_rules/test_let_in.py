"""A device with a revoked certificate that is let in although this portal decides is an alarm, until a person settles it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.decision_mode import let_azure_decide
from certificates.actions.decision_rules.revocations import release_certificate
from certificates.models import RevocationAlarm, RevocationList, RevokedCertificate
from certificates.x509.certificate import load_certificate
from namespaces.actions.configuration import update_configuration
from namespaces.actions.decision_points import endpoint_url
from namespaces.models import Client, ConnectionAttempt, ControlPolicy, DecisionPoint, NamespaceConfiguration
from namespaces.pages.overview.health import summarize
from portal.models import Activity, NoticeRecipient, OutgoingMail
from tests.certificates.decision_rules.arranging import OWN_RIGHTS, Plant
from tests.namespaces.connections.device_log import Log
from tests.support.certificates.chains import authority
from tests.support.database.factories import PASSWORD, make_ca_certificate, owner_of

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
State = RevocationAlarm.State


class Let(Plant):
    """A plant whose devices connect, by the broker's log, one second after another."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log(self.namespace, self.line, began=self.at)
        self.let_the_portal_decide()
        DecisionPoint.objects.update(switched_at=self.at - HOUR)

    def connects(self, **more: Any) -> list[tuple[str, int]]:
        """Let the device connect, and return the alarms."""
        self.log.imported([self.log.record(self.line, cas=(self.line,)) | more])
        return list(RevocationAlarm.objects.order_by("pk").values_list("state", "count"))


@pytest.fixture
def plant(settings: Any) -> Let:
    settings.MAIL_CONFIGURED = True
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    plant = Let()
    plant.ada.email = "ada@plant.example"
    plant.ada.save()
    owner_of(plant.namespace)
    return plant


def test_one_alarm_for_a_certificate_until_it_is_settled(plant: Let, client: Browser) -> None:
    assert plant.connects() == []
    plant.revoke(client_name="press-1")
    assert plant.connects() == []  # within the seconds in which every process gets to know of it
    RevokedCertificate.objects.update(revoked_at=plant.at - HOUR)
    assert plant.connects() == [(State.OPEN, 1)]
    assert plant.connects() == [(State.OPEN, 2)]
    told = NoticeRecipient.objects.filter(notice__event="revoked_let_in").values_list("user__username", flat=True)
    assert set(told) == {"ada", owner_of(plant.namespace).username}
    assert OutgoingMail.objects.filter(user__username="ada").count() == 1
    assert Activity.objects.get(verb="Revocation alarm").object_name == "press-1"
    summary = summarize(plant.namespace, timezone.now())
    assert (summary.counts.let_in, summary.health.code) == (1, "revoked-let-in")
    client.login(username="ada", password=PASSWORD)
    overview = client.get(reverse("namespaces:namespace_overview", args=[plant.namespace.pk])).content.decode()
    assert 'data-need="revoked-let-in"' in overview
    alarm = RevocationAlarm.objects.get()
    assert alarm.cursor is not None
    decide = reverse("certificates:client_revocation_alarm", args=[plant.namespace.pk, "press-1", alarm.pk])
    client.post(decide, {"decision": "nonsense"})
    assert RevocationAlarm.objects.open().exists()
    client.post(decide, {"decision": "settled"})
    RevocationAlarm.objects.update(decided_at=plant.at + timedelta(seconds=5))
    assert plant.connects() == [(State.SETTLED, 2)]  # it was made before the decision
    assert plant.connects() == [(State.SETTLED, 2), (State.OPEN, 1)]
    client.post(
        reverse(
            "certificates:client_revocation_alarm",
            args=[plant.namespace.pk, "press-1", RevocationAlarm.objects.open().get().pk],
        ),
        {"decision": "disabled"},
    )
    assert Client.objects.get().state == Client.ConnectionState.DISABLED
    assert not RevocationAlarm.objects.open().exists()


def test_it_is_no_alarm_before_the_switch_or_where_this_portal_decided(plant: Let) -> None:
    RevokedCertificate.objects.all().delete()
    plant.revoke(client_name="press-1")
    RevokedCertificate.objects.update(revoked_at=plant.at - HOUR)
    assert plant.connects(decidedBy="portal") == []
    assert plant.connects(resultType="Failed") == []
    DecisionPoint.objects.update(switched_at=plant.at + HOUR)
    assert plant.connects() == []
    DecisionPoint.objects.update(switched_at=None)
    assert plant.connects() == []


def test_alarms_are_settled_when_this_portal_no_longer_decides(plant: Let, client: Browser, settings: Any) -> None:
    settings.DECISIONS_URL = "https://decide.example.com"
    row = NamespaceConfiguration.objects.get()
    NamespaceConfiguration.objects.update(webhook_url=endpoint_url(DecisionPoint.objects.get()))
    plant.revoke(client_name="press-1")
    RevokedCertificate.objects.update(revoked_at=plant.at - HOUR)
    assert plant.connects() == [(State.OPEN, 1)]
    row.refresh_from_db()
    values = {"state": row.state, "sources": row.sources, "max_expiry_hours": row.max_expiry_hours}
    owner = owner_of(plant.namespace)
    update_configuration(owner, configuration=row, max_sessions=row.max_sessions + 1, **values)
    assert RevocationAlarm.objects.open().exists()  # another setting changes nothing about that
    row.refresh_from_db()
    let_azure_decide(owner, configuration=row)
    alarm = RevocationAlarm.objects.get()
    assert (alarm.state, alarm.decided_by) == (State.SETTLED, None)
    entry = Activity.objects.get(verb="Settle revocation alarm")
    assert (entry.actor, entry.object_name, bool(entry.reason)) == (None, "press-1", True)
    client.login(username="ada", password=PASSWORD)
    page = client.get(reverse("certificates:revoked_list", args=[plant.namespace.pk])).content.decode()
    assert re.findall(r'data-let-in="(\w+)"', page) == ["settled"]


def test_the_ca_above_it_and_its_revocation_list_count_too(plant: Let, client: Browser) -> None:
    listed = plant.list_revoked(plant.device, added_at=plant.at - HOUR)
    assert plant.connects() == [(State.OPEN, 1)]
    assert RevocationAlarm.objects.get().is_listed
    RevocationList.objects.filter(pk=listed.pk).delete()
    RevocationAlarm.objects.all().delete()
    row = RevokedCertificate(namespace=plant.namespace, revoked_at=plant.at - HOUR)
    row.set_certificate(load_certificate(plant.line.der))
    row.save()
    assert plant.connects() == [(State.OPEN, 1)]
    alarm = RevocationAlarm.objects.get()
    assert (alarm.is_ca, alarm.is_listed) == (True, False)
    client.login(username="ada", password=PASSWORD)
    url = reverse("certificates:client_certificates", args=[plant.namespace.pk, "press-1"])
    page = client.get(url).content.decode()
    assert 'data-revoked="above"' in page
    assert "data-let-in" in page
    make_ca_certificate(plant.namespace, "other-ca", der=authority("Other CA", at=plant.at).der)
    Client.objects.update(validation_scheme="ThumbprintMatch")  # then no CA vouches for it
    assert plant.connects() == [(State.OPEN, 1)]


def test_a_certificate_that_counts_again_closes_its_alarm(plant: Let) -> None:
    plant.revoke(client_name="press-1", team=plant.team)
    RevokedCertificate.objects.update(revoked_at=plant.at - HOUR)
    plant.connects()
    ControlPolicy.objects.all().delete()
    plant.namespace.rights = OWN_RIGHTS
    release_certificate(plant.ada, revoked=RevokedCertificate.objects.get())
    assert RevocationAlarm.objects.get().state == State.RELEASED


def test_the_side_card_counts_decisions_and_the_rules_that_refused(plant: Let, client: Browser) -> None:
    now = timezone.now()
    for cursor, (code, minutes) in enumerate(
        (("accepted", 1), ("not-revoked", 2), ("client-found", 3), ("not-revoked", 300), ("key-pinned", 1500)), 1
    ):
        ConnectionAttempt.objects.create(
            namespace=plant.namespace, cursor=cursor, at=now - timedelta(minutes=minutes), code=code,
            accepted=code == "accepted", client_name="press-1", record={},
        )  # fmt: skip
    client.login(username="ada", password=PASSWORD)
    for page in ("rules", "decision_mode"):
        text = client.get(reverse(f"certificates:{page}", args=[plant.namespace.pk])).content.decode()
        assert 'data-decisions="3" data-refused="2"' in text
        counts = dict(re.findall(r'data-rule="([\w-]+)" data-count="(\d+)"', text))
        assert counts == {"not-revoked": "2", "issuer-vouches": "0", "within-policy": "0", "key-pinned": "0"}
        assert reverse("namespaces:connection_detail", args=[plant.namespace.pk, 4]) in text
        assert "reason=not-revoked" in text
