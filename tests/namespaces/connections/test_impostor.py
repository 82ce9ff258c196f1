"""The product's own grave risk, over TLS: who may upload a CA can connect as another team's device. The other team is alarmed."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, IssuerAlarm
from portal.models import NoticeRecipient, OutgoingMail, Webhook, WebhookDelivery
from tests.namespaces.connections.live_plant import LivePlant
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.certificates.chains import authority
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_client, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_contributor_who_connects_as_another_teams_device_raises_its_alarm(
    azure: EmulatorProcess, settings: Any
) -> None:
    settings.MAIL_CONFIGURED = True
    plant = LivePlant(azure, settings)
    namespace, now = plant.namespace, timezone.now()
    lea, tom = make_user("lea", email="lea@plant.example"), make_user("tom")
    press, mill = make_team("Press line", lea), make_team("Mill line", tom)
    owner = owner_of(namespace)
    Webhook.objects.create(
        name="Guard", url="https://guard.example/", owner=owner, created_at=now, events=["issuer_alarm"]
    )
    for team in (press, mill):
        namespace.roles.create(team=team, role="contributor")
    ours, theirs = authority("Press CA", at=now), authority("Press CA", at=now, key_label="made at home")
    make_ca_certificate(namespace, "press-ca", der=ours.der, team=press, synced_generation=0)
    make_client(namespace, "press-1", team=press, synced_generation=0)
    plant.work()
    assert plant.connect(ours.issue("press-1"))
    plant.work()

    tom_browser, lea_browser = Browser(), Browser()
    tom_browser.login(username="tom", password=PASSWORD)
    lea_browser.login(username="lea", password=PASSWORD)
    uploaded = tom_browser.post(
        reverse("certificates:ca_certificate_upload", args=[namespace.pk]),
        {"name": "mill-ca", "team": mill.pk, "file": SimpleUploadedFile("mill.pem", theirs.pem)},
    )
    assert uploaded.status_code == 302
    plant.work()
    assert plant.connect(theirs.issue("press-1", key_label="made at home"))
    plant.work()

    alarm = IssuerAlarm.objects.get()
    assert (alarm.client.name, alarm.ca_name, alarm.state) == ("press-1", "mill-ca", "open")
    told = NoticeRecipient.objects.filter(notice__event="issuer_alarm").values_list("user__username", flat=True)
    assert set(told) == {"lea", owner.username}
    assert OutgoingMail.objects.filter(user__username="lea").count() == 1
    assert WebhookDelivery.objects.filter(event="issuer_alarm").count() == 1
    page = lea_browser.get(reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])).content.decode()
    assert 'data-alarm="open"' in page
    assert "mill-ca" in page
    decide = reverse("namespaces:client_issuer_alarm", args=[namespace.pk, "press-1", alarm.pk])
    assert tom_browser.post(decide, {"decision": "expected"}).status_code == 403
    assert lea_browser.post(decide, {"decision": "disabled"}).status_code == 302
    plant.work()
    assert Client.objects.get(name="press-1").state == "Disabled"
    assert not plant.connect(theirs.issue("press-1", key_label="made at home"))
