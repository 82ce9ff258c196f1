"""MQTT devices: paho-mqtt, a client by others, with a certificate and a key in files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.support.servers.paho_loop import stop_loop

V3_1_1 = MQTTProtocolVersion.MQTTv311
V5 = MQTTProtocolVersion.MQTTv5
SECONDS = 60.0


@dataclass(frozen=True)
class Identity:
    """A certificate chain and a key as PEM files."""

    certificate: Path
    key: Path


class Device:
    """One connection attempt and, when it is accepted, one session."""

    def __init__(
        self, endpoint: dict[str, Any], identity: Identity, user_name: str, version: MQTTProtocolVersion
    ) -> None:
        self.code = -1
        self.reason = ""
        self.messages: list[tuple[str, bytes]] = []
        self._answered = threading.Event()
        self._subscribed = threading.Event()
        self._received = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{user_name}-session",
            protocol=version,
            reconnect_on_failure=False,
        )
        self._client.tls_set(endpoint["ca"], str(identity.certificate), str(identity.key))
        self._client.username_pw_set(user_name)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect(endpoint["host"], endpoint["port"], keepalive=30)
        self._client.loop_start()
        assert self._answered.wait(SECONDS), "The endpoint did not answer CONNECT."

    @property
    def is_connected(self) -> bool:
        return self.code == 0

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason_code: Any, properties: Any) -> None:
        self.code = reason_code.value
        self.reason = getattr(properties, "ReasonString", "") if properties is not None else ""
        self._answered.set()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload)))
        self._received.set()

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        assert self._subscribed.wait(SECONDS), "The endpoint did not acknowledge SUBSCRIBE."

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(SECONDS)

    def wait_message(self) -> tuple[str, bytes]:
        assert self._received.wait(SECONDS), "No message arrived."
        return self.messages[-1]

    def close(self) -> None:
        self._client.disconnect()
        stop_loop(self._client)
        # In a circle with its callbacks it would leave sockets of its own to the garbage collector.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None


@contextmanager
def connecting(
    endpoint: dict[str, Any], identity: Identity, user_name: str, version: MQTTProtocolVersion = V5
) -> Iterator[Device]:
    """Try to connect a device; its `code` and `reason` hold the answer."""
    device = Device(endpoint, identity, user_name, version)
    try:
        yield device
    finally:
        device.close()
