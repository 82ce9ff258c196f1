"""A namespace with an uploaded intermediate and clients, and paho-mqtt clients that keep what they receive."""

import queue
import ssl
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from certificates.samples.chain import ClientName, SampleCertificate, SampleChain, make_sample_chain
from certificates.x509.reading import to_azure_pem
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.servers.paho_loop import stop_loop
from tests.support.waiting import until

NAMES = ("press-07", "robot-1", "robot-2", "disabled-1")
V3, V5 = MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5


@dataclass
class Plant:
    """`namespace_id` in `emulator`; `folder` holds each client's .crt and .key."""

    emulator: EmulatorProcess
    namespace_id: str
    chain: SampleChain
    folder: Path

    @cached_property
    def endpoint(self) -> dict[str, Any]:
        return self.emulator.mqtt_endpoints[self.namespace_id]

    def files(self, sample: SampleCertificate) -> tuple[str, str]:
        certificate, key = self.folder / f"{sample.file_name}.crt", self.folder / f"{sample.file_name}.key"
        certificate.write_text(sample.certificate_pem)
        key.write_bytes(sample.key_pem)
        return str(certificate), str(key)

    def sample(self, name: str) -> SampleCertificate:
        return self.chain.clients[NAMES.index(name)]

    def put_client(self, name: str, **properties: Any) -> None:
        self.emulator.call("PUT", f"{self.namespace_id}/clients/{name}", {"properties": properties})

    def configure(self, **configuration: Any) -> None:
        """Change the namespace's topicSpacesConfiguration."""
        body = {"properties": {"topicSpacesConfiguration": {"state": "Enabled", **configuration}}}
        self.emulator.call("PATCH", self.namespace_id, body, api_version="2025-07-15-preview")

    def upload(self, name: str, der: bytes) -> None:
        body = {"properties": {"encodedCertificate": to_azure_pem(der)}}
        self.emulator.call("PUT", f"{self.namespace_id}/caCertificates/{name}", body)

    def log(self) -> list[dict[str, Any]]:
        """Every record of the namespace, page by page."""
        found: list[dict[str, Any]] = []
        cursor = 0
        while True:
            page = self.emulator.call("GET", f"{self.namespace_id}/connectionLog?after={cursor}&limit=1000")
            if not page["value"]:
                return found
            found += page["value"]
            cursor = page["cursor"]

    def record_from(self, address: str, after: int) -> dict[str, Any]:
        """Wait for the first record of a connection from this address, behind the first `after` records, and return it.

        Ends of other connections may be recorded in between, and addresses are used again.
        """
        found: list[dict[str, Any]] = []

        def is_recorded() -> bool:
            found[:] = [record for record in self.log()[after:] if record["callerIpAddress"] == address]
            return bool(found)

        until(is_recorded, "the connection is in the log")
        return found[0]

    def attempts_of(self, session_name: str) -> list[dict[str, Any]]:
        return [r for r in self.log() if r["properties"]["sessionName"] == session_name]


def make_plant(emulator: EmulatorProcess, folder: Path, **configuration: Any) -> Plant:
    """A new namespace that listens; `configuration` goes into its topicSpacesConfiguration."""
    namespace_id = emulator.make_namespace(f"plant-{uuid.uuid4().hex[:8]}")
    made = Plant(
        emulator, namespace_id, make_sample_chain([ClientName(n) for n in NAMES], at=datetime.now(UTC)), folder
    )
    if configuration:
        made.configure(**configuration)
    made.upload("intermediate", made.chain.intermediate.certificate_der)
    for name in NAMES:
        made.put_client(name, authenticationName=name, state="Disabled" if name == "disabled-1" else "Enabled")
    until(lambda: namespace_id in emulator.mqtt_endpoints, "the namespace listens")
    return made


@pytest.fixture(scope="session")
def plant(emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """Shared by tests that leave no session behind."""
    return make_plant(emulator, tmp_path_factory.mktemp("plant"))


@pytest.fixture
def own_plant(emulator: EmulatorProcess, tmp_path: Path) -> Plant:
    """A namespace that a test has for itself."""
    return make_plant(emulator, tmp_path)


def let_go(client: paho.Client) -> None:
    """Take its callbacks away: in a circle with them it would leave sockets of its own to the garbage collector."""
    client.on_connect = client.on_message = client.on_subscribe = client.on_publish = client.on_disconnect = None


@dataclass
class Device:
    """A paho-mqtt client that keeps what it receives."""

    client: paho.Client
    connected: "queue.Queue[tuple[int, str]]" = field(default_factory=queue.Queue)
    messages: "queue.Queue[paho.MQTTMessage]" = field(default_factory=queue.Queue)
    subscribed: "queue.Queue[list[int]]" = field(default_factory=queue.Queue)
    published: "queue.Queue[int]" = field(default_factory=queue.Queue)
    ended: "queue.Queue[int]" = field(default_factory=queue.Queue)

    def connack(self) -> tuple[int, str]:
        """The reason code of CONNACK and its reason string."""
        return self.connected.get(timeout=60)

    def subscribe(self, topic_filter: str, qos: int = 1) -> list[int]:
        self.client.subscribe(topic_filter, qos)
        return self.subscribed.get(timeout=60)

    def message(self) -> paho.MQTTMessage:
        return self.messages.get(timeout=60)

    def disconnect(self) -> None:
        self.client.disconnect()
        stop_loop(self.client)
        let_go(self.client)


def connect(
    plant: Plant,
    sample: SampleCertificate | None,
    *,
    user_name: str | None,
    version: MQTTProtocolVersion = V5,
    session_name: str = "",
    keep_alive: int = 30,
    properties: Properties | None = None,
    before: Any = None,
    websocket: bool = False,
) -> Device:
    """Connect with paho-mqtt and return before CONNACK; `before(client)` may set a will."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        session_name or uuid.uuid4().hex,
        protocol=version,
        reconnect_on_failure=False,
        transport="websockets" if websocket else "tcp",
    )
    device = Device(client)
    context = ssl.create_default_context(cafile=plant.endpoint["ca"])
    if sample is not None:
        context.load_cert_chain(*plant.files(sample))
    client.tls_set_context(context)
    client.username_pw_set(user_name)

    def on_connect(_c: Any, _u: Any, _f: Any, reason: Any, given: Any) -> None:
        device.connected.put((reason.value, getattr(given, "ReasonString", "")))

    client.on_connect = on_connect
    client.on_message = lambda _c, _u, message: device.messages.put(message)
    client.on_subscribe = lambda _c, _u, _m, reasons, _p: device.subscribed.put([r.value for r in reasons])
    client.on_publish = lambda _c, _u, _m, reason, _p: device.published.put(reason.value)
    client.on_disconnect = lambda _c, _u, _f, reason, _p: device.ended.put(reason.value)
    if before is not None:
        before(client)
    endpoint = plant.endpoint
    client.connect(endpoint["host"], endpoint["port"], keep_alive, properties=properties)
    client.loop_start()
    return device
