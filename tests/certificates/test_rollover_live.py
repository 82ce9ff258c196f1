"""A CA certificate is replaced while 200 devices connect all the time over TLS and MQTT: none is refused that should not be."""

import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from namespaces.models import Client, ConnectionAttempt, IssuerAlarm
from portal.models import Notice
from tests.namespaces.connections.live_plant import LivePlant
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_client, make_team, make_user, owner_of
from tests.support.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

SWITCHING, OTHERS, BY_THUMBPRINT, THREADS = 100, 60, 40, 4
PAUSE = 2.0  # seconds between the rounds of a thread: the portal has to read in time what the devices do


@dataclass
class Device:
    """A device that connects again and again. Once it may, it changes to its next certificate, at a time of its own."""

    name: str
    shown: Identity
    following: Identity | None
    waits: int  # connections before it changes
    accepted: Counter[str] = field(default_factory=Counter)  # by the issuer's name
    refused: list[str] = field(default_factory=list)

    def connect(self, plant: LivePlant, endpoint: Any, *, may_change: bool) -> None:
        if may_change and self.following is not None:
            self.waits -= 1
            if self.waits < 0:
                self.shown, self.following = self.following, None
        issuer = self.shown.certificate.issuer.rfc4514_string()
        if plant.connect(self.shown, self.name, endpoint=endpoint):
            self.accepted[issuer] += 1
        else:
            self.refused.append(issuer)


class Fleet:
    """Threads that let their devices connect in turn, each in an order of its own, until they are told to stop."""

    def __init__(self, plant: LivePlant, devices: list[Device]) -> None:
        self.plant, self.devices = plant, devices
        self.may_change, self.is_over = Event(), Event()
        self._endpoint = plant.endpoint

    def run(self, number: int) -> None:
        mine, order = self.devices[number::THREADS], random.Random(number)
        while not self.is_over.is_set():
            for device in order.sample(mine, len(mine)):
                device.connect(self.plant, self._endpoint, may_change=self.may_change.is_set())
            self.is_over.wait(PAUSE)

    def wait_for_a_round(self) -> None:
        """Wait until each device has connected twice more."""
        before = [device.accepted.total() + len(device.refused) for device in self.devices]
        until(
            lambda: all(
                device.accepted.total() + len(device.refused) >= count + 2
                for device, count in zip(self.devices, before, strict=True)
            ),
            "each device has connected twice",
            120,
        )

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Return name and issuer of each connection that was refused."""
        return [(device.name, issuer) for device in self.devices for issuer in device.refused]


def make_devices(old: Identity, new: Identity, other: Identity) -> list[Device]:
    order = random.Random(17)
    switching = [f"press-{number:03}" for number in range(SWITCHING)]
    devices = [
        Device(name, old.issue(name), new.issue(name, key_label=f"{name} next"), order.randrange(4))
        for name in switching
    ]
    devices += [Device(name, other.issue(name), None, 0) for name in (f"mill-{number:03}" for number in range(OTHERS))]
    alone = [f"gate-{number:03}" for number in range(BY_THUMBPRINT)]
    return devices + [Device(name, old.issue(name), None, 0) for name in alone]


class Wizard:
    """A person at the page *Replace*, and the workers behind it."""

    def __init__(self, plant: LivePlant, browser: Browser) -> None:
        self.plant, self.browser = plant, browser

    def url(self, name: str, *args: str) -> str:
        return reverse(f"certificates:ca_certificate_{name}", args=[self.plant.namespace.pk, *args])

    def page(self) -> str:
        self.plant.work()
        return self.browser.get(self.url("replace", "old")).content.decode()

    def step(self) -> str:
        return str(re.findall(r'data-replacement="(\w+)"', self.page())[0])

    def post(self, url: str, form: dict[str, Any]) -> None:
        assert self.browser.post(url, form).status_code == 302


def test_no_device_is_refused_while_a_ca_certificate_is_replaced(
    azure: EmulatorProcess, settings: Any, client: Browser
) -> None:
    plant, now = LivePlant(azure, settings), timezone.now()
    old, new, other = (authority(f"{name} CA", at=now) for name in ("Old", "New", "Other"))
    team = make_team("Presses", make_user("lea"))
    plant.namespace.roles.create(team=team, role="contributor")
    owner = owner_of(plant.namespace)
    for name, der in (("old", old.der), ("other", other.der)):
        make_ca_certificate(plant.namespace, name, der=der, team=team, synced_generation=0)
    devices = make_devices(old, new, other)
    for device in devices:
        by_thumbprint = device.name.startswith("gate")
        scheme = "ThumbprintMatch" if by_thumbprint else "SubjectMatchesAuthenticationName"
        thumbprints = [device.shown.thumbprint] if by_thumbprint else []
        fields = {"validation_scheme": scheme, "thumbprints": thumbprints, "synced_generation": 0, "team": team}
        make_client(plant.namespace, device.name, **fields)
    plant.work()
    client.login(username="lea", password=PASSWORD)
    wizard, fleet = Wizard(plant, client), Fleet(plant, devices)
    with ThreadPoolExecutor(THREADS) as threads:
        running = [threads.submit(fleet.run, number) for number in range(THREADS)]
        try:
            _replace(wizard, fleet, new)
        finally:
            fleet.is_over.set()
    for each in running:
        each.result()
    plant.work()
    assert fleet.refused == []
    assert not ConnectionAttempt.objects.filter(accepted=False).exists()
    assert all(set(device.accepted) == {"CN=Old CA", "CN=New CA"} for device in devices[:SWITCHING])
    assert not IssuerAlarm.objects.exists()
    assert set(Notice.objects.values_list("event", flat=True)) == {"ca_rollover"}
    assert Client.objects.filter(namespace=plant.namespace).count() == len(devices)
    assert owner.is_active


def _replace(wizard: Wizard, fleet: Fleet, new: Identity) -> None:
    """Go through the steps of the wizard while the devices connect, up to the deletion and its undoing."""
    fleet.wait_for_a_round()
    assert wizard.step() == "upload"
    wizard.post(wizard.url("upload"), {"name": "new", "pem": new.pem.decode(), "replaces": "old", "team": _team()})
    fleet.wait_for_a_round()
    wizard.post(wizard.url("replace_start", "old"), {"successor": "new"})
    assert wizard.step() == "move"
    fleet.may_change.set()
    until(lambda: 'data-verdict="safe"' in wizard.page(), "no client needs the old one", 240, every=1)
    assert wizard.step() == "delete"
    opened = wizard.browser.get(wizard.url("delete", "old")).context["opened"]
    wizard.post(wizard.url("delete", "old"), {"typed_name": "old", "generation": opened})
    wizard.plant.work()
    assert not CACertificate.objects.filter(name="old").exists()
    fleet.wait_for_a_round()
    form = wizard.browser.get(wizard.url("upload"), {"again": _rollover()}).context["form"]
    wizard.post(wizard.url("upload"), {name: form[name].value() for name in ("name", "pem", "team")})
    wizard.plant.work()
    fleet.wait_for_a_round()


def _team() -> int | None:
    return CACertificate.objects.get(name="old").team_id


def _rollover() -> int:
    return int(CACertificate.objects.get(name="new").rollovers_to.get().pk)
