"""The pages of a device, over HTTP, with the real process and the emulator: no key is ever in what they show or store."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.models import CACertificate
from lab.actions.devices import end_devices_of
from lab.devices import control, limits
from lab.models import BrowserDevice
from lab.pages.devices import shown_lines
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import ConnectionAttempt, Namespace, Role
from namespaces.rights import Rights
from portal.models import Activity, User
from tests.certificates.authentication.engine_table.cases import SUBJECT
from tests.emulator.mqtt.plant import Plant
from tests.key_watch.plugin import TRACES
from tests.lab.devices.process import DevicesProcess, running_devices
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_namespace, make_team, make_user
from tests.support.waiting import until

pytestmark = pytest.mark.django_db


class Pages:
    """What one person does on the pages of devices in one namespace."""

    def __init__(self, user: User, namespace: Namespace) -> None:
        self.user = user
        self.namespace = namespace
        self.browser: Browser = signed_in(user)
        self.seen: list[bytes] = []

    def url(self, name: str, *args: Any) -> str:
        return reverse(f"lab:device_{name}", args=[self.namespace.pk, *args])

    def get(self, name: str, *args: Any, **query: Any) -> Any:
        return self.keep(self.browser.get(self.url(name, *args), query))

    def post(self, name: str, *args: Any, **fields: Any) -> Any:
        return self.keep(self.browser.post(self.url(name, *args), fields))

    def keep(self, answer: Any) -> Any:
        self.seen.append(answer.content + repr(answer.headers).encode())
        return answer

    def create(self, name: str = "press-07", **fields: Any) -> BrowserDevice:
        answer = self.post("create", authentication_name=name, validation_scheme=SUBJECT, **fields)
        assert answer.status_code == 302, answer.content.decode()
        return BrowserDevice.objects.get(pk=int(answer.headers["Location"].split("/")[-2]))

    def state(self, device: BrowserDevice) -> str:
        found = re.search(r'id="device-live"[^>]*data-state="(\w+)"', self.get("live", device.pk).content.decode())
        assert found is not None
        return found[1]

    def connect(self, device: BrowserDevice, user_name: str = "press-07") -> str:
        self.post("connect", device.pk, **{"connect-user_name": user_name, "connect-version": "5"})
        until(lambda: self.state(device) != "connecting", "the endpoint has answered")
        return self.state(device)


@pytest.fixture
def namespace(factory: Plant) -> Namespace:
    return make_namespace("plant", resource_id=factory.namespace_id)


@pytest.fixture
def ada(namespace: Namespace, devices: DevicesProcess) -> Any:
    user = make_user("ada", pk=5001)
    namespace.roles.create(user=user, role="owner")
    yield Pages(user, namespace)
    control.ask("end-all", owner=user.pk, namespace="")


def code_in(answer: Any) -> set[str]:
    return set(re.findall(r'data-code="([\w-]+)"', answer.content.decode()))


def test_from_a_new_device_to_its_trace(ada: Pages, factory: Plant, devices: DevicesProcess, caplog: Any) -> None:
    """The whole way of a trainee; at the end no key is in any page, in the database, the messages, the logs or the files."""
    device = ada.create(client_id="ada-device")
    assert ada.connect(device) == "refused"
    page = ada.get("detail", device.pk).content.decode()
    assert 'data-packet="CONNACK" data-direction="received" data-reason="0x87"' in page
    assert "data-use-ca" in page
    # Its intermediate goes into the pane Upload certificate, and from there to Azure.
    pem = unescape(re.findall(r'name="pem" value="([^"]+)"', page)[0])
    check = reverse("certificates:ca_certificate_check_file", args=[ada.namespace.pk])
    pane = ada.keep(ada.browser.post(check, {"name": "device-ca", "pem": pem})).content.decode()
    assert 'value="device-ca"' in pane
    assert not re.search(r'id="id_(name|file|pem)_error"', pane)
    upload = reverse("certificates:ca_certificate_upload", args=[ada.namespace.pk])
    assert ada.browser.post(upload, {"name": "device-ca", "pem": pem}).status_code == 302
    factory.upload("device-ca", bytes(CACertificate.objects.get().der))
    try:
        assert ada.connect(device) == "connected"
        topic = f"devices/{device.thumbprint[:6]}"
        ada.post("subscribe", device.pk, **{"subscribe-topic_filter": topic, "subscribe-qos": "1"})
        ada.post("publish", device.pk, **{"publish-topic": topic, "publish-payload": "hello", "publish-qos": "1"})
        until(lambda: f"{topic}: hello" in ada.get("live", device.pk).content.decode(), "the message is shown")
        until(lambda: 'data-packet="PUBACK"' in ada.get("live", device.pk).content.decode(), "it is acknowledged")
        ada.post("unsubscribe", device.pk, topic_filter=topic)
        ada.post("disconnect", device.pk)
        until(lambda: ada.state(device) == "disconnected", "the device has disconnected")
    finally:
        factory.emulator.call("DELETE", f"{factory.namespace_id}/caCertificates/device-ca")
    records = factory.attempts_of("ada-device")
    ConnectionIntake().take(ada.namespace.pk, records, max(each["cursor"] for each in records))
    newest = ConnectionAttempt.objects.filter(thumbprint=device.thumbprint).order_by("-cursor")[0]
    live = ada.get("live", device.pk).content.decode()
    assert f'data-attempt="{newest.cursor}"' in live
    for which in ("root", "intermediate", "leaf"):
        file = ada.get("certificate", device.pk, which)
        assert file.content.startswith(b"-----BEGIN CERTIFICATE-----")
    ada.post("end", device.pk)
    assert not BrowserDevice.objects.exists()
    assert Activity.objects.filter(kind="lab.browserdevice").count() == 2
    assert devices.watch_keys() >= 3  # the plugin searches database, messages and files after this
    assert not TRACES.found_in(b"".join(ada.seen))
    assert not TRACES.found_in(caplog.text.encode() + devices.log_file.read_bytes())
    assert not TRACES.found_in(json.dumps(records).encode())


def test_nothing_polls_for_unchanged_packets(ada: Pages) -> None:
    device = ada.create()
    page = ada.get("detail", device.pk).content.decode()
    (url,) = re.findall(r'hx-get="([^"]+/live/[^"]+)"', page)
    assert ada.browser.get(unescape(url)).status_code == 204
    ada.post("connect", device.pk, **{"connect-user_name": "press-07", "connect-version": "5"})
    until(lambda: ada.browser.get(unescape(url)).status_code == 200, "there is news")
    last = ada.get("live", device.pk, round=450).content.decode()
    assert "hx-trigger" not in last
    assert "data-over" in last


def test_a_device_is_its_owners_alone(ada: Pages) -> None:
    device = ada.create()
    bob = make_user("bob", pk=5002)
    ada.namespace.roles.create(user=bob, role="owner")
    other = Pages(bob, ada.namespace)
    assert f'data-device="{device.pk}"' not in other.get("list").content.decode()
    for name in ("detail", "live"):
        assert other.get(name, device.pk).status_code == 404
    for name in ("connect", "disconnect", "publish", "subscribe", "unsubscribe", "end"):
        assert other.post(name, device.pk).status_code == 404
    assert other.get("certificate", device.pk, "leaf").status_code == 404
    assert ada.state(device) == "ready"


def test_a_device_ends_for_a_person_who_is_disabled_or_loses_the_role(
    ada: Pages, django_capture_on_commit_callbacks: Any
) -> None:
    device = ada.create()
    ada.namespace.roles.all().delete()
    for name in ("detail", "live"):
        assert ada.get(name, device.pk).status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        assert end_devices_of(ada.user) == {"browser_devices": 1}
    assert control.ask("states", owner=ada.user.pk, namespace="")["states"] == {}


def test_a_reader_has_no_devices_and_no_link_to_them(ada: Pages, settings: Any) -> None:
    reader = make_user("rea", pk=5003)
    ada.namespace.roles.create(user=reader, role="reader")
    assert Pages(reader, ada.namespace).get("list").status_code == 403


@pytest.mark.parametrize("capability", ["DEVICES_IN_BROWSER", "FAULT_CONTROL_GATEWAY"])
def test_there_are_no_devices_where_the_target_is_azure(ada: Pages, settings: Any, capability: str) -> None:
    setattr(settings, capability, "")
    assert ada.get("list").status_code == 404
    assert ada.post("create").status_code == 404


@pytest.mark.parametrize("mapped", ["", "{}", "without a CA"])
def test_a_namespace_without_an_emulator_endpoint(ada: Pages, settings: Any, mapped: str) -> None:
    if mapped == "without a CA":
        mapped = json.dumps({ada.namespace.resource_key: {"host": "localhost", "port": 1}})
    settings.MQTT_ENDPOINTS = mapped
    assert "no-endpoint" in code_in(ada.get("list"))


def test_the_page_of_a_device_whose_process_has_restarted(
    namespace: Namespace, emulator: EmulatorProcess, tmp_path: Path, settings: Any
) -> None:
    user = make_user("ada", pk=5004)
    namespace.roles.create(user=user, role="owner")
    with running_devices(tmp_path / "state", emulator) as own:
        own.use_in(settings)
        ada = Pages(user, namespace)
        device = ada.create()
        own.kill()
        assert "devices-away" in code_in(ada.get("detail", device.pk))
        assert ada.post("create", authentication_name="press-08", validation_scheme=SUBJECT).status_code == 422
        own.start()
        assert "device-restarted" in code_in(ada.get("detail", device.pk))
        assert 'data-state="gone"' in ada.get("list").content.decode()
        assert ada.post("connect", device.pk, **{"connect-version": "5"}).status_code == 302
        newer = ada.create("press-08")
        assert list(BrowserDevice.objects.all()) == [newer]  # the one that has ended is forgotten
        assert newer.thumbprint != device.thumbprint
        control.ask("end-all", owner=user.pk, namespace="")
        assert "device-gone" in code_in(ada.get("detail", newer.pk))
        own.watch_keys()


@pytest.mark.parametrize(
    ("name", "fields", "field", "code"),
    [
        ("create", {"authentication_name": ""}, "authentication_name", "required"),
        ("create", {"authentication_name": "x" * 129}, "authentication_name", "max_length"),
        ("create", {"authentication_name": "a\x07b"}, "authentication_name", "control-characters"),
        ("create", {"authentication_name": "é"}, "validation_scheme", "cannot-be-issued"),
        ("create", {"validation_scheme": "Nothing"}, "validation_scheme", "invalid_choice"),
        ("create", {"fault": "nonsense"}, "fault", "invalid_choice"),
        ("connect", {"connect-version": "9"}, "version", "invalid_choice"),
        ("connect", {"connect-user_name": "x" * 257}, "user_name", "max_length"),
        ("publish", {"publish-topic": "a/#"}, "topic", "wildcard"),
        ("publish", {"publish-topic": "é" * 200}, "topic", "too-long"),
        ("publish", {"publish-payload": "é" * 2049}, "payload", "too-long"),
        ("publish", {"publish-qos": "2"}, "qos", "invalid_choice"),
        ("subscribe", {"subscribe-topic_filter": "a#"}, "topic_filter", "wildcard"),
        ("subscribe", {"subscribe-topic_filter": "#/a"}, "topic_filter", "wildcard"),
        ("subscribe", {"subscribe-topic_filter": ""}, "topic_filter", "required"),
    ],
)
def test_a_wrong_value_is_refused_beside_its_field(
    ada: Pages, name: str, fields: dict[str, str], field: str, code: str
) -> None:
    right = {
        "create": {"authentication_name": "press-07", "validation_scheme": SUBJECT},
        "connect": {"connect-user_name": "press-07", "connect-version": "5"},
        "publish": {"publish-topic": "a", "publish-payload": "b", "publish-qos": "1"},
        "subscribe": {"subscribe-topic_filter": "a", "subscribe-qos": "1"},
    }
    args = [] if name == "create" else [ada.create().pk]
    answer = ada.post(name, *args, **right[name] | fields)
    assert answer.status_code == 422
    prefix = "" if name == "create" else f"{name}-"
    assert f'id="id_{prefix}{field}_error" data-code="{code}"' in answer.content.decode()


def test_the_limit_of_a_person_is_a_problem_of_the_form(ada: Pages) -> None:
    for number in range(limits.PER_PERSON):
        ada.create(f"press-{number}")
    answer = ada.post("create", authentication_name="one-more", validation_scheme=SUBJECT)
    assert (answer.status_code, "device-problem" in code_in(answer)) == (422, True)
    assert BrowserDevice.objects.count() == limits.PER_PERSON


def test_a_private_key_in_a_field_is_neither_sent_nor_shown(ada: Pages) -> None:
    device = ada.create()
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
    answer = ada.post("publish", device.pk, **{"publish-topic": "a", "publish-payload": key, "publish-qos": "0"})
    assert answer.status_code == 422
    assert "MHcCAQEE" not in answer.content.decode()


def test_names_of_other_teams_are_not_in_the_packets(namespace: Namespace) -> None:
    """The endpoint's reason may name a client that the person does not see."""
    make_client(namespace, "zulu-1", team=make_team("Line 9"))
    line = {
        "at": "2026-01-01T00:00:00+00:00",
        "direction": "received",
        "packet": "CONNACK",
        "code": "0x87",
        "is_bad": True,
    }
    told = [line | {"text": "Not authorized. It is registered as client zulu-1."}]
    namespace.rights = Rights(((Role.CLIENT_MANAGER, None),), hides_other_teams=True)
    assert "zulu-1" not in shown_lines(namespace, told)[0].text
    namespace.rights = Rights(((Role.OWNER, None),), hides_other_teams=True)
    assert "zulu-1" in shown_lines(namespace, told)[0].text
