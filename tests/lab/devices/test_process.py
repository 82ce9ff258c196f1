"""The process of devices, asked as the portal asks it: real connections to the emulator over TLS."""

import json
import socket
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from certificates.x509.reading import read_upload
from lab.devices import control, limits
from lab.devices.address_file import Address, write_address
from lab.devices.problems import DeviceProblem, DevicesAway, NoSuchDevice
from tests.certificates.authentication.engine_table.cases import SUBJECT
from tests.emulator.mqtt.plant import Plant
from tests.lab.devices.process import DevicesProcess, running_devices
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

PEOPLE = count(1000)
UPLOADED: list[str] = []


class Person:
    """A person who asks the process about devices in one namespace."""

    def __init__(self, namespace_id: str) -> None:
        self.owner = next(PEOPLE)
        self.namespace = namespace_id.lower()

    def ask(self, command: str, **values: Any) -> dict[str, Any]:
        return control.ask(command, owner=self.owner, namespace=self.namespace, **values)

    def make(self, name: str = "press-07", **values: Any) -> "Made":
        wanted: dict[str, Any] = {"validation_scheme": SUBJECT, "fault": "", "sends_intermediate": False}
        wanted |= {"client_id": f"{name}-{self.owner}"}
        return Made(self, self.ask("make", authentication_name=name, **wanted | values))


class Made:
    def __init__(self, person: Person, answer: dict[str, Any]) -> None:
        self.person = person
        self.key = answer["device"]
        self.certificates = answer["certificates"]

    def ask(self, command: str, **values: Any) -> dict[str, Any]:
        return self.person.ask(command, device=self.key, **values)

    def view(self) -> dict[str, Any]:
        return self.ask("view")

    def connect(self, user_name: str = "press-07", version: str = "5") -> str:
        """Connect and return the state that this leads to."""
        self.ask("connect", user_name=user_name, version=version)
        until(lambda: self.view()["state"] != "connecting", "the endpoint has answered")
        return str(self.view()["state"])

    def packets(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self.view()["packets"] if each["packet"] == name]

    def wait_for(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        until(lambda: len(self.packets(name)) >= count, f"there is a {name}")
        return self.packets(name)


@pytest.fixture
def person(devices: DevicesProcess, factory: Plant) -> Any:
    made = Person(factory.namespace_id)
    yield made
    made.ask("end-all")
    for name in UPLOADED:  # a namespace has at most ten
        factory.emulator.call("DELETE", f"{factory.namespace_id}/caCertificates/{name}")
    UPLOADED.clear()


def trust(plant: Plant, made: Made) -> None:
    (certificate,) = read_upload(made.certificates["intermediate"].encode())
    name = f"device-{made.certificates['thumbprint'][:8]}"
    plant.upload(name, certificate.der)
    UPLOADED.append(name)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_device_connects_publishes_and_receives(factory: Plant, person: Person, version: str) -> None:
    made = person.make()
    trust(factory, made)
    assert made.connect(version=version) == "connected"
    (connack,) = made.packets("CONNACK")
    assert (connack["code"], connack["is_bad"]) == ("0x00" if version == "5" else "0", False)
    topic = f"devices/{person.owner}"
    made.ask("subscribe", topic_filter=topic, qos=1)
    made.wait_for("SUBACK")
    assert made.view()["filters"] == {topic: 1}
    made.ask("publish", topic=topic, payload="hällo", qos=1)
    made.wait_for("PUBACK")
    made.wait_for("PUBLISH", 2)
    received = [each for each in made.packets("PUBLISH") if each["direction"] == "received"]
    assert [f"{topic}: hällo" in each["text"] for each in received] == [True]
    made.ask("unsubscribe", topic_filter=topic)
    made.wait_for("UNSUBACK")
    assert made.view()["filters"] == {}
    made.ask("disconnect")
    until(lambda: made.view()["state"] == "disconnected", "the device has disconnected")
    assert made.packets("DISCONNECT")[-1]["direction"] == "sent"
    assert made.connect(version=version) == "connected"  # with the same key
    (attempt, again) = factory.attempts_of(f"press-07-{person.owner}")[:2]
    assert attempt["properties"]["sessionName"] == again["properties"]["sessionName"]


def test_the_packets_have_the_reason_of_a_refusal(factory: Plant, person: Person) -> None:
    made = person.make()
    assert made.connect() == "refused"
    (connack,) = made.packets("CONNACK")
    assert (connack["code"], connack["is_bad"]) == ("0x87", True)
    assert "Device" in connack["text"]  # it names the issuer that was not found
    assert made.view()["log"]


def test_a_refusal_has_the_return_code_of_its_version(person: Person) -> None:
    made = person.make()
    assert made.connect(version="3.1.1") == "refused"
    assert made.packets("CONNACK")[0]["code"] == "5"


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("expired", "refused"),
        ("not-yet-valid", "refused"),
        ("wrong-purpose", "refused"),
        ("other-ca", "refused"),
        ("leaf-as-ca", "refused"),
        ("sha-1", "refused"),
        ("wrong-san-kind", "refused"),
        ("wrong-case", "connected"),
    ],
)
def test_each_kind_of_certificate_of_the_training_set(factory: Plant, person: Person, fault: str, state: str) -> None:
    made = person.make(fault=fault)
    trust(factory, made)
    assert made.connect() == state
    assert made.certificates["expected"]


def test_a_root_is_enough_where_the_intermediate_is_sent(factory: Plant, person: Person) -> None:
    made = person.make(sends_intermediate=True)
    (root,) = read_upload(made.certificates["root"].encode())
    factory.upload(f"root-{person.owner}", root.der)
    UPLOADED.append(f"root-{person.owner}")
    assert made.connect() == "connected"


def test_a_device_sends_the_user_name_that_is_asked_for(factory: Plant, person: Person) -> None:
    made = person.make()
    trust(factory, made)
    assert made.connect(user_name="nobody") == "refused"
    assert made.connect(user_name="") == "refused"
    assert made.connect() == "connected"
    with pytest.raises(DeviceProblem) as refused:
        made.connect()
    assert refused.value.code == "already-connected"


def test_commands_that_need_a_connection(person: Person) -> None:
    made = person.make()
    for command, values in (
        ("publish", {"topic": "a", "payload": "b", "qos": 0}),
        ("subscribe", {"topic_filter": "a", "qos": 0}),
        ("unsubscribe", {"topic_filter": "a"}),
    ):
        with pytest.raises(DeviceProblem) as refused:
            made.ask(command, **values)
        assert refused.value.code == "not-connected"
    made.ask("disconnect")  # nothing to do
    assert made.view()["state"] == "ready"


def test_a_person_has_few_devices(person: Person) -> None:
    made = [person.make(f"sensor-{number}") for number in range(limits.PER_PERSON)]
    with pytest.raises(DeviceProblem) as refused:
        person.make("one-more")
    assert refused.value.code == "too-many-devices"
    made[0].ask("end")
    person.make("one-more")
    assert len(person.ask("states")["states"]) == limits.PER_PERSON


def test_a_device_is_its_owners_in_its_namespace_only(person: Person, emulator: EmulatorProcess) -> None:
    made = person.make()
    stranger = Person(person.namespace)
    elsewhere = Person("/subscriptions/elsewhere")
    elsewhere.owner = person.owner
    for other in (stranger, elsewhere):
        for command in ("view", "connect", "end", "disconnect"):
            with pytest.raises(NoSuchDevice):
                other.ask(command, device=made.key, user_name="press-07", version="5")
    assert stranger.ask("states")["states"] == {}
    with pytest.raises(DeviceProblem) as refused:
        elsewhere.make()
    assert refused.value.code == "no-endpoint"


def test_a_name_that_no_certificate_can_have(person: Person) -> None:
    with pytest.raises(DeviceProblem) as refused:
        person.make("x" * 129)
    assert refused.value.code == "cannot-be-issued-name"


def test_memory_is_bounded(factory: Plant, person: Person) -> None:
    made = person.make()
    trust(factory, made)
    assert made.connect() == "connected"
    for number in range(limits.PACKETS_KEPT + 20):
        made.ask("publish", topic=f"t/{number}", payload="\x07😀" * 800, qos=0)
    view = made.view()
    assert (len(view["packets"]), len(view["log"])) == (limits.PACKETS_KEPT, limits.LOG_KEPT)
    assert max(len(each["text"]) for each in view["packets"]) <= limits.LONGEST_TEXT


def raw(address: Address, line: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", address.port), timeout=60) as connection:
        try:
            connection.sendall(line)
            return connection.makefile("rb").read()
        except ConnectionError:
            return b""


def test_nothing_is_answered_without_the_secret(devices: DevicesProcess, person: Person) -> None:
    address = devices.address
    assert devices.address_file.stat().st_mode & 0o777 == 0o600
    asked = {"command": "states", "owner": person.owner, "namespace": person.namespace}
    right = json.dumps({**asked, "secret": address.secret}).encode()
    assert b"states" in raw(address, right + b"\n")
    for line in (
        json.dumps(asked).encode(),
        json.dumps({**asked, "secret": "é"}).encode(),
        json.dumps({**asked, "secret": None}).encode(),
        b"[]",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"\xff\x00",
        b"[" * 5000,
        right + b" " * limits.MOST_REQUEST,
    ):
        assert raw(address, line + b"\n") == b"", line[:60]
    assert b"bad-request" in raw(address, json.dumps({"secret": address.secret}).encode() + b"\n")
    assert person.ask("states") == {"states": {}}


def test_the_process_is_away(tmp_path: Path, settings: Any) -> None:
    settings.DEVICES_FILE = tmp_path / "none.json"
    with pytest.raises(DevicesAway):
        control.ask("states", owner=1, namespace="")
    assert control.running_since() is None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # listens to nobody
        write_address(settings.DEVICES_FILE, Address(taken.getsockname()[1], "secret", 0.0))
        with pytest.raises(DevicesAway):
            control.ask("states", owner=1, namespace="")


def test_a_restart_makes_a_new_secret_and_forgets_every_device(
    factory: Plant, emulator: EmulatorProcess, tmp_path: Path, settings: Any
) -> None:
    with running_devices(tmp_path / "state", emulator, "--idle=0.5") as own:
        own.use_in(settings)
        before = own.address
        made = Person(factory.namespace_id).make()
        own.kill()
        with pytest.raises(DevicesAway):
            made.view()
        own.start()
        assert own.address.secret != before.secret
        with pytest.raises(NoSuchDevice):
            made.view()
        idle = Person(factory.namespace_id)
        idle.make()
        until(lambda: idle.ask("states")["states"] == {}, "the unused device has ended")
        assert own.stop() == 0
        assert not own.address_file.exists()
        assert own.watch_keys() == 6
