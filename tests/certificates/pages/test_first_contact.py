"""Registration on first contact through the pages: the template, waiting devices and blocked names."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.first_contact.registering import Outcome, meet
from certificates.models import BlockedName, CACertificate, RegistrationTemplate, WaitingDevice
from namespaces.models import Client, ControlPolicy, LastAttempt, Namespace
from portal.models import User
from tests.certificates.first_contacts import LINE, device_of
from tests.support.database.factories import (
    make_blocked_name,
    make_ca_certificate,
    make_namespace,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db
FIELDS: dict[str, Any] = {
    "mode": "queue",
    "source": "ClientCertificateSubject",
    "scheme": "name",
    "per_minute": 10,
    "per_hour": 100,
    "cap": 100,
    "patterns": "",
    "attributes-TOTAL_FORMS": 2,
    "attributes-INITIAL_FORMS": 0,
    "attributes-0-key": "kind",
    "attributes-0-type": "string",
    "attributes-0-value": "press",
}


class Place:
    """A namespace with a CA certificate, and Ada, who contributes in team Line 1."""

    def __init__(self) -> None:
        self.ada = make_user("ada")
        self.team = make_team("Line 1", self.ada)
        self.namespace: Namespace = make_namespace("factory", contributor=self.ada)
        self.ca: CACertificate = make_ca_certificate(self.namespace, "line-ca", der=LINE.der, team=self.team)
        self.browser = self.of(self.ada)

    def of(self, user: User) -> Browser:
        browser = Browser()
        browser.force_login(user)
        return browser

    def url(self, page: str, *args: Any) -> str:
        return reverse(f"certificates:{page}", args=[self.namespace.pk, *args])

    def save(self, **changes: Any) -> Any:
        fields = {**FIELDS, "team": self.team.pk, **changes}
        return self.browser.post(self.url("ca_certificate_contact", "line-ca"), fields)

    def get(self, page: str, *args: Any, **asked: str) -> str:
        return self.browser.get(self.url(page, *args), asked).content.decode()


@pytest.fixture
def place() -> Place:
    return Place()


def test_the_form_sets_a_template(place: Place) -> None:
    page = place.get("ca_certificate_contact", "line-ca")
    assert ('data-first-contact="off"' in page, 'data-enforcement="azure"' in page) == (True, True)
    assert place.save(edition="0", patterns="press-*\n").status_code == 302
    row = RegistrationTemplate.objects.get()
    assert (row.mode, row.team, row.attributes, row.patterns) == ("queue", place.team, {"kind": "press"}, ["press-*"])
    assert row.changed_by == place.ada
    assert 'data-first-contact="queue"' in place.get("ca_certificate_contact", "line-ca")
    assert place.save(edition="1", mode="off").status_code == 302
    assert RegistrationTemplate.objects.get().mode == "off"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mode": "always"}, "invalid_choice"),
        ({"source": "UserName"}, "invalid_choice"),
        ({"scheme": ""}, "required"),
        ({"per_minute": "0"}, "min_value"),
        ({"cap": "9" * 30}, "max_value"),
        ({"per_hour": "many"}, "invalid"),
        ({"patterns": "*"}, "every-name"),
        ({"patterns": "a\u202eb"}, "invisible"),
        ({"team": "99999"}, "invalid_choice"),
        ({"team": "9" * 30}, "invalid_choice"),
        ({"attributes-0-key": "a b"}, "key"),
        ({"edition": "7"}, ""),
    ],
)
def test_bad_input_is_shown_at_its_field(place: Place, fields: dict[str, str], code: str) -> None:
    answer = place.save(**fields)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert not code or f'data-code="{code}"' in page
    assert 'value="press"' in page  # other input stays
    assert not RegistrationTemplate.objects.exists()


def test_the_preview_names_devices_that_were_refused(place: Place) -> None:
    for name in ("press-9", "pump-1"):
        leaf = LINE.issue(name)
        facts = {"thumbprint": leaf.thumbprint, "der": leaf.der, "user_name": name, "at": timezone.now()}
        LastAttempt.objects.create(namespace=place.namespace, accepted=False, **facts)
    page = place.save(preview="1", patterns="press-*").content.decode()
    assert 'data-tried="2" data-would="1"' in page
    assert not RegistrationTemplate.objects.exists()


def test_waiting_devices_are_registered_and_dismissed(place: Place) -> None:
    place.save()
    for name in ("press-7", "press-8", "press-9"):
        assert meet(device_of(place.ca, name)).outcome == Outcome.WAITING
    rows = {row.authentication_name: row.pk for row in WaitingDevice.objects.all()}
    page = place.get("waiting_devices")
    assert page.count("data-waiting-device") == 3
    assert place.get("waiting_devices", q="press-8").count("data-waiting-device") == 1
    register, dismiss = place.url("waiting_devices_register"), place.url("waiting_devices_dismiss")
    place.browser.post(register, {"device": [rows["press-7"], "x", "9" * 30]})
    client = Client.objects.get(authentication_name="press-7")
    assert (client.created_by, client.team, client.attributes) == (place.ada, place.team, {"kind": "press"})
    place.browser.post(dismiss, {"only": rows["press-8"], "device": [rows["press-9"]]})
    assert set(WaitingDevice.objects.values_list("authentication_name", flat=True)) == {"press-9"}
    assert meet(device_of(place.ca, "press-8")).outcome == Outcome.BLOCKED
    blocked = BlockedName.objects.get(authentication_key="press-8", thumbprint="")
    assert f'data-blocked-name="{blocked.pk}"' in place.get("blocked_names")
    place.browser.post(place.url("blocked_name_release", blocked.pk))
    assert not BlockedName.objects.filter(authentication_key="press-8").exists()
    assert place.browser.post(register, {}).status_code == 302  # none chosen


def test_a_device_that_is_refused_by_now_is_not_registered(place: Place) -> None:
    place.save()
    meet(device_of(place.ca, "press-9"))
    row = WaitingDevice.objects.get()
    make_blocked_name(place.namespace, "press-9", team=place.team)
    place.browser.post(place.url("waiting_devices_register"), {"only": row.pk})
    BlockedName.objects.all().delete()
    place.save(patterns="pump-*", edition="1")
    place.browser.post(place.url("waiting_devices_register"), {"only": row.pk})
    place.save(mode="off", edition="2")
    place.browser.post(place.url("waiting_devices_register"), {"only": row.pk})
    assert not Client.objects.filter(authentication_name="press-9").exists()
    assert WaitingDevice.objects.exists()


def test_a_click_needs_approval_where_the_policy_asks(place: Place) -> None:
    place.save()
    meet(device_of(place.ca, "press-9"))
    ControlPolicy.objects.create(namespace=place.namespace, enabled=True, needs=["client_create"])
    answer = place.browser.post(place.url("waiting_devices_register"), {"only": WaitingDevice.objects.get().pk})
    assert "change-set" in answer.headers["Location"]
    assert not Client.objects.filter(authentication_name="press-9").exists()


def test_other_teams_devices_are_hidden_and_left_alone(place: Place) -> None:
    place.save()
    meet(device_of(place.ca, "press-9"))
    make_blocked_name(place.namespace, "press-8", team=place.team)
    bob = make_user("bob")
    make_team("Line 2", bob)
    place.namespace.roles.create(user=bob, role="contributor")
    browser, row = place.of(bob), WaitingDevice.objects.get()
    page = browser.get(place.url("waiting_devices")).content.decode()
    assert ("data-waiting-device" in page, 'name="only"' in page) == (True, False)
    browser.post(place.url("waiting_devices_dismiss"), {"only": row.pk})
    assert WaitingDevice.objects.exists()
    Namespace.objects.update(hides_other_teams=True)
    for name, hook in (("waiting_devices", "data-waiting-device"), ("blocked_names", "data-blocked-name")):
        assert hook not in browser.get(place.url(name)).content.decode()
        assert hook in place.get(name)


def test_the_rules_list_the_templates_that_are_on(place: Place) -> None:
    def listed() -> list[str]:
        return re.findall(r'data-template="([^"]+)"', place.browser.get(place.url("rules")).content.decode())

    assert listed() == []
    place.save()
    assert listed() == ["line-ca"]
    assert place.url("ca_certificate_contact", "line-ca") in place.browser.get(place.url("rules")).content.decode()
    place.save(mode="off", edition="1")
    assert listed() == []
