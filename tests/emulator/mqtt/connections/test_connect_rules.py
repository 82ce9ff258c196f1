"""Rules that a CONNECT must meet beside its certificate: protocol level, authentication method, address, rate."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.mqtt.connect_decision.connect_rate import ConnectRate
from emulator.mqtt.connect_decision.ip_rules import IpRules
from emulator.mqtt.options import MqttOptions, mqtt_options
from emulator.options import parse_arguments
from emulator.profile import FEBRUARY_2025
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import Target, connected, wire

REFUSED_3 = b"\x20\x02\x00\x01"  # MQTT 3.1.1: unacceptable protocol version
METHOD, DATA = 0x15, 0x16


# Protocol level


def at_level(level: int, name: bytes = b"MQTT", session: str = "bridge") -> bytes:
    layout = 5 if level & 0x7F >= 5 else 4
    packet = bytearray(w.connect(session, "press-07", version=layout, protocol=name))
    packet[2 + 2 + len(name)] = level
    return bytes(packet)


def answer_to(plant: Target, packet: bytes) -> bytes:
    with wire(plant) as opened:
        opened.send(packet)
        said = b""
        while more := opened.tls.recv(1000):
            said += more
        return said


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (at_level(0x84), "mosquitto-bridge"),
        (at_level(0x83, b"MQIsdp"), "mosquitto-bridge"),
        (at_level(0x83), "mosquitto-bridge"),
        (at_level(0x80), "mosquitto-bridge"),
        (at_level(3, b"MQIsdp"), "unsupported-protocol-version"),
        (at_level(4, b"MQIsdp"), "unsupported-protocol-version"),
        (at_level(3), "unsupported-protocol-version"),
        (at_level(0), "unsupported-protocol-version"),
    ],
    ids=lambda value: value[4:14].hex() if isinstance(value, bytes) else value,
)
def test_an_old_level_or_a_bridge_is_answered_in_3_1_1(plant: Plant, packet: bytes, code: str) -> None:
    before = len(plant.attempts_of("bridge"))
    assert answer_to(plant, packet) == REFUSED_3
    record = plant.attempts_of("bridge")[before]
    assert (record["code"], record["userName"], record["resultType"]) == (code, "press-07", "Failed")


@pytest.mark.parametrize(
    ("level", "code"),
    [
        (0x85, "mosquitto-bridge"),
        (0xFF, "mosquitto-bridge"),
        (6, "unsupported-protocol-version"),
        (0x7F, "unsupported-protocol-version"),
    ],
)
def test_a_newer_level_is_answered_in_mqtt_5(plant: Plant, level: int, code: str) -> None:
    before = len(plant.attempts_of("bridge"))
    with wire(plant) as opened:
        opened.send(at_level(level))
        assert opened.expect(w.CONNACK).reason == 0x84
    assert plant.attempts_of("bridge")[before]["code"] == code


def test_a_bridge_whose_connect_cannot_be_read_gets_its_answer_too(plant: Plant) -> None:
    assert answer_to(plant, w.packet(0x10, w.text("MQTT") + b"\x84\xff")) == REFUSED_3
    assert answer_to(plant, w.packet(0x10, w.text("MQTT") + b"\x84")) == REFUSED_3
    assert "Traceback" not in plant.emulator.log()


# Authentication method


def method(name: str, data: bytes = b"") -> bytes:
    return bytes([METHOD]) + w.text(name) + (bytes([DATA]) + w.text(data) if data else b"")


TOKEN = b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwcmVzcy0wNyJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize("name", ["press-07", None], ids=["with a certificate", "without a certificate"])
@pytest.mark.parametrize("asked", ["CUSTOM-JWT", "OAUTH2-JWT", "custom-jwt", "SCRAM-SHA-1"])
def test_an_authentication_method_is_named_and_refused(plant: Plant, name: str | None, asked: str) -> None:
    session = uuid.uuid4().hex
    with wire(plant, name) as opened:
        opened.send(w.connect(session, None, properties=method(asked, TOKEN)))
        refused = opened.expect(w.CONNACK)
    assert refused.reason == 0x8C
    (record,) = plant.attempts_of(session)
    assert (record["code"], record["resultSignature"]) == ("authentication-method", "AuthenticationError")
    assert record["identity"]["authenticationType"] == "AccessToken"
    for said in (record["resultDescription"], refused.properties[0x1F]):
        assert asked.upper() in said
    assert TOKEN.decode() not in json.dumps(record)
    assert TOKEN.decode() not in plant.emulator.log()


@pytest.mark.parametrize("asked", [TOKEN.decode(), "x" * 41, "CUSTOM JWT\n", "méthode", " "])
def test_a_method_that_may_be_a_token_is_not_logged(plant: Plant, asked: str) -> None:
    session = uuid.uuid4().hex
    with wire(plant) as opened:
        opened.send(w.connect(session, "press-07", properties=method(asked)))
        assert opened.expect(w.CONNACK).reason == 0x8C
    (record,) = plant.attempts_of(session)
    assert "by an unknown method" in record["resultDescription"]


@pytest.mark.parametrize(
    ("auth", "reason", "code"),
    [
        (w.packet(0xF0, b"\x19" + w.block(method("OAUTH2-JWT", TOKEN))), 0x8C, "authentication-method"),
        (w.packet(0xF0, b"\x18" + w.block(method("CUSTOM-JWT", TOKEN))), 0x8C, "authentication-method"),
        (w.packet(0xF0), 0x82, "protocol-error"),
        (w.packet(0xF0, b"\x19"), 0x82, "protocol-error"),
        (w.packet(0xF0, b"\x19" + w.block(w.two(0x23, 1))), 0x81, "malformed-packet"),
    ],
    ids=["renew", "continue", "empty", "no method", "another property"],
)
def test_an_auth_packet_ends_the_connection_with_its_reason(plant: Plant, auth: bytes, reason: int, code: str) -> None:
    session = uuid.uuid4().hex
    with connected(plant, session) as opened:
        opened.send(auth)
        opened.expect_end(reason)
    record = plant.attempts_of(session)[1]
    assert record["code"] == code
    assert ("JWT" in record["resultDescription"]) == (reason == 0x8C)
    assert TOKEN.decode() not in json.dumps(record)


# Address


def set_network(plant: Plant, **properties: Any) -> None:
    plant.emulator.call("PATCH", plant.namespace_id, {"properties": properties})


HERE, ELSEWHERE = {"ipMask": "127.0.0.0/8", "action": "Allow"}, {"ipMask": "203.0.113.7", "action": "Allow"}


def test_an_address_outside_the_inbound_rules_is_refused_at_connect(own_plant: Plant) -> None:
    """Before the certificate is checked: even one without is told what the firewall says."""
    set_network(own_plant, inboundIpRules=[ELSEWHERE])
    for name in ("press-07", None):
        with wire(own_plant, name) as opened:
            opened.send(w.connect("s", "press-07"))
            refused = opened.expect(w.CONNACK)
        assert refused.reason == 0x87
        assert "127.0.0.1" in refused.properties[0x1F]
    with wire(own_plant) as opened:
        opened.send(w.connect("s", "press-07", version=4))
        assert opened.expect(w.CONNACK).reason == 5
    assert {(r["code"], r["resultSignature"]) for r in own_plant.attempts_of("s")} == {("ip-forbidden", "IpForbidden")}
    set_network(own_plant, inboundIpRules=[ELSEWHERE, HERE])
    with connected(own_plant, "s"):
        pass
    set_network(own_plant, inboundIpRules=[])
    with connected(own_plant, "s"):
        pass


def test_disabled_public_access_refuses_every_client(own_plant: Plant) -> None:
    set_network(own_plant, publicNetworkAccess="Disabled", inboundIpRules=[HERE])
    with wire(own_plant) as opened:
        opened.send(w.connect("s", "press-07"))
        assert opened.expect(w.CONNACK).reason == 0x87
    (record,) = own_plant.attempts_of("s")
    assert record["resultSignature"] == "IpForbidden"
    assert "publicNetworkAccess" in record["resultDescription"]


def test_a_new_rule_ends_the_connections_that_it_forbids(own_plant: Plant) -> None:
    with connected(own_plant, "s") as opened:
        set_network(own_plant, inboundIpRules=[HERE])
        assert opened.silent()
        set_network(own_plant, inboundIpRules=[ELSEWHERE])
        opened.expect_end(0x87)
    end = own_plant.attempts_of("s")[-1]
    assert (end["category"], end["resultSignature"], end["code"]) == (
        "MqttDisconnections",
        "IpForbidden",
        "ip-forbidden",
    )


@pytest.mark.parametrize(
    ("properties", "peer", "allowed"),
    [
        ({}, "198.51.100.1:5", True),
        ({"inboundIpRules": None, "publicNetworkAccess": None}, "198.51.100.1:5", True),
        ({"inboundIpRules": []}, "198.51.100.1:5", True),
        ({"inboundIpRules": [{"ipMask": "198.51.100.1"}]}, "198.51.100.1:5", True),
        ({"inboundIpRules": [{"ipMask": "198.51.100.1"}]}, "198.51.100.2:5", False),
        ({"inboundIpRules": [{"ipMask": "198.51.100.9/24"}]}, "198.51.100.200:5", True),
        ({"inboundIpRules": [{"ipMask": "10.0.0.0/8"}, {"ipMask": "198.51.100.0/24"}]}, "198.51.100.200:5", True),
        ({"inboundIpRules": [{"ipMask": "198.51.100.0/24"}]}, "::ffff:198.51.100.7:5", True),
        ({"inboundIpRules": [{"ipMask": "198.51.100.0/24"}]}, "::1:5", False),
        ({"inboundIpRules": [{"ipMask": "::1"}]}, "::1:5", True),
        ({"inboundIpRules": [{"ipMask": "fe80::/10"}]}, "fe80::1%eth0:5", True),
        ({"publicNetworkAccess": "Disabled"}, "198.51.100.1:5", False),
        ({"publicNetworkAccess": "SecuredByPerimeter"}, "198.51.100.1:5", False),
    ],
)
def test_the_rules_of_a_namespace(properties: dict[str, Any], peer: str, allowed: bool) -> None:
    assert (IpRules.of(properties).refusal(peer) is None) == allowed


@pytest.mark.parametrize(
    "options", [MqttOptions(azure=FEBRUARY_2025), MqttOptions(ip_rules=False)], ids=["2025-02", "--no-ip-rules"]
)
def test_the_rules_have_no_effect_where_they_are_off(tmp_path: Path, options: MqttOptions) -> None:
    plant = LocalPlant(tmp_path, options)
    try:
        plant.put_network(inboundIpRules=[ELSEWHERE])
        with connected(plant, "s") as opened:
            assert opened.silent()
    finally:
        plant.close()


# Rate


@pytest.fixture
def rated_plant(tmp_path: Path) -> Iterator[LocalPlant]:
    """One whose sessions may connect once an hour, so that a slow machine changes nothing."""
    made = LocalPlant(tmp_path, MqttOptions(), maximumClientSessionsPerAuthenticationName=10)
    made.namespace.connect_rate.least_seconds = 3600
    yield made
    made.close()


@pytest.mark.parametrize(("version", "code"), [(5, 0x9F), (4, 3)])
def test_a_session_that_connects_again_too_early_is_refused(rated_plant: LocalPlant, version: int, code: int) -> None:
    with connected(rated_plant, "s", version=version) as first:
        with wire(rated_plant) as again:
            again.send(w.connect("s", "press-07", version=version))
            assert again.expect(w.CONNACK).reason == code
        with connected(rated_plant, "other", version=version):
            pass
        assert first.silent()  # its session was not taken over
    (record,) = rated_plant.logged("FailedMqttConnections")
    assert (record["resultSignature"], record["code"]) == ("QuotaExceeded", "connect-rate")
    rated_plant.namespace.connect_rate.least_seconds = 0.001
    with connected(rated_plant, "s", version=version):
        pass


def test_only_accepted_connects_count() -> None:
    rate = ConnectRate(1)
    rate.connected("s", 100.0)
    assert [rate.refusal("s", at) is None for at in (100.0, 100.5, 100.999, 101.0)] == [False, False, False, True]
    assert rate.refusal("another", 100.0) is None
    rate.connected("another", 100.5)
    rate.forget_before(101.2)
    assert list(rate._last) == ["another"]


def test_sessions_without_a_name_are_not_limited(rated_plant: LocalPlant) -> None:
    for _ in range(3):
        with connected(rated_plant, ""):
            pass


@pytest.mark.parametrize(
    ("arguments", "each_second"),
    [([], 1), (["--connects-per-second=0"], 0), (["--connects-per-second=5"], 5), (["--azure=2025-02"], 0)],
)
def test_the_rate_is_azures_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], each_second: int
) -> None:
    monkeypatch.delenv("EMULATOR_CONNECTS_PER_SECOND")
    assert mqtt_options(parse_arguments(arguments)).connects_each_second == each_second
