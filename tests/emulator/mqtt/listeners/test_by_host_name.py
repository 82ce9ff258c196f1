"""Several namespaces on one port, selected by the host name in TLS."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from emulator.mqtt.options import MqttOptions
from emulator.running import EmulatorStartError, RunningEmulator
from emulator.storage.store import NAMESPACE, Resource
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.http_api.calls import PUBLISH_VERSION, token_of
from tests.emulator.mqtt.in_process import GROUP, LocalPlant
from tests.emulator.mqtt.raw_client import SECONDS, Wire, client_context
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

HOST = "local.westeurope-1.ts.eventgrid.localhost"


@pytest.fixture
def named_plant(tmp_path: Path) -> Iterator[LocalPlant]:
    made = LocalPlant(tmp_path, MqttOptions(sni_port=0, connects_per_second=0), hostname=HOST)
    yield made
    made.close()


def open_by_name(plant: LocalPlant, host: str | None, *, check: bool = True) -> Wire:
    assert plant.endpoints.by_name is not None
    context = client_context(plant, plant.sample("press-07"))
    if not check:
        context.check_hostname = False
    raw = socket.create_connection(plant.endpoints.by_name, timeout=SECONDS)
    return Wire(context.wrap_socket(raw, server_hostname=host))


@pytest.mark.parametrize("host", [HOST, HOST.upper(), "local.localhost"])
def test_a_client_reaches_its_namespace_by_host_name(named_plant: LocalPlant, host: str) -> None:
    opened = open_by_name(named_plant, host)
    with opened.tls:
        opened.send(w.connect("s", "press-07"))
        assert opened.expect(w.CONNACK).reason == 0
        assert opened.silent()
    assert named_plant.logged("SuccessfulMqttConnections")[0]["clientName"] == "press-07"


def test_http_reaches_its_namespace_by_host_name_too(named_plant: LocalPlant) -> None:
    head = (
        f"POST /mqtt/messages?topic=a&retain=1&api-version={PUBLISH_VERSION} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Authorization: Bearer {token_of(named_plant)}\r\nContent-Length: 1\r\n\r\n"
    )
    opened = open_by_name(named_plant, HOST)
    with opened.tls:
        opened.send(head.encode() + b"x")
        assert opened.tls.recv(100).startswith(b"HTTP/1.1 204 ")
    assert len(named_plant.namespace.broker.retained) == 1


@pytest.mark.parametrize("host", [None, "other.localhost"])
def test_without_the_name_of_a_namespace_the_connection_is_closed(named_plant: LocalPlant, host: str | None) -> None:
    opened = open_by_name(named_plant, host, check=False)
    with opened.tls:
        assert opened.receive() is None


def test_sessions_are_the_same_at_both_ports(named_plant: LocalPlant) -> None:
    by_name = open_by_name(named_plant, HOST)
    with by_name.tls, w.connected(named_plant, "s") as at_port:
        by_name.send(w.connect("s", "press-07"))
        assert by_name.expect(w.CONNACK).reason == 0
        at_port.expect_end(0x8E)


def test_a_new_namespace_is_there_by_name_without_disturbing_others(named_plant: LocalPlant) -> None:
    opened = open_by_name(named_plant, HOST)
    with opened.tls:
        opened.send(w.connect("s", "press-07"))
        assert opened.expect(w.CONNACK).reason == 0
        second = f"{GROUP}/providers/Microsoft.EventGrid/namespaces/second"
        settings = {"topicSpacesConfiguration": {"state": "Enabled", "hostname": "second.example.localhost"}}
        named_plant.store.put(Resource(second, NAMESPACE, "second", {"properties": settings}))
        until(lambda: second in named_plant.endpoints.endpoints, "the second namespace listens")
        other = open_by_name(named_plant, "second.example.localhost")
        with other.tls:
            other.send(w.connect("s", "press-07"))
            assert other.expect(w.CONNACK).reason == 0x87  # it has no clients
        assert opened.silent()


def test_a_short_name_that_two_namespaces_have_leads_to_neither(
    named_plant: LocalPlant, caplog: pytest.LogCaptureFixture
) -> None:
    """Azure's own host names differ by location."""

    def reaches(host: str) -> bool:
        opened = open_by_name(named_plant, host, check=False)
        with opened.tls:
            opened.send(w.connect("s", "press-07"))
            return opened.receive() is not None

    assert reaches("local.localhost")
    second = named_plant.namespace_id.replace("resourceGroups/rg", "resourceGroups/other")
    elsewhere = HOST.replace("westeurope", "northeurope")
    settings = {"topicSpacesConfiguration": {"state": "Enabled", "hostname": elsewhere}}
    named_plant.store.put(Resource(second, NAMESPACE, "local", {"properties": settings}))
    until(lambda: second in named_plant.endpoints.endpoints, "the second namespace listens")
    assert not reaches("local.localhost")
    assert reaches(HOST)
    assert reaches(elsewhere)
    named_plant.configure(hostname=HOST)  # applied again, but not logged again
    both = (named_plant.namespace_id, second)
    warnings = [record.getMessage() for record in caplog.records if "local.localhost" in record.getMessage()]
    assert sum(all(each in said for each in both) for said in warnings) == 1
    named_plant.store.delete(second)
    until(lambda: second not in named_plant.endpoints.endpoints, "the second namespace is gone")
    until(lambda: reaches("local.localhost"), "the name is the first one's again")


def test_a_failed_handshake_is_in_the_log_of_the_namespace_that_was_named(named_plant: LocalPlant) -> None:
    assert named_plant.endpoints.by_name is not None
    with socket.create_connection(named_plant.endpoints.by_name, timeout=SECONDS) as raw:
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(raw, server_hostname=HOST)
    until(lambda: bool(named_plant.logged("FailedMqttConnections")), "the failure is in the log")
    assert named_plant.logged("FailedMqttConnections")[0]["resultSignature"] == "TlsError"


def test_the_emulator_offers_the_port_and_names_it_in_its_ready_file(tmp_path: Path) -> None:
    emulator = EmulatorProcess(tmp_path / "emulator", "--mqtt-sni-port", "0")
    try:
        namespace_id = emulator.make_namespace("by-name")
        until(lambda: namespace_id in emulator.mqtt_endpoints, "the namespace listens")
        host = emulator.call("GET", namespace_id)["properties"]["topicSpacesConfiguration"]["hostname"]
        where = emulator.ready["mqtt_by_name"]
        context = ssl.create_default_context(cafile=emulator.ca)
        with socket.create_connection((where["host"], where["port"]), timeout=SECONDS) as raw:
            with context.wrap_socket(raw, server_hostname=host) as tls:
                opened = Wire(tls)
                opened.send(w.connect("s", "nobody"))
                assert opened.expect(w.CONNACK).reason == 0x87
    finally:
        emulator.stop()


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(EmulatorStartError) as caught:
            RunningEmulator("--mqtt-sni-port", str(port))
    assert f"127.0.0.1 port {port}" in str(caught.value)
    assert "--mqtt-sni-port" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_an_invalid_port_in_the_environment_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATOR_MQTT_SNI_PORT", "abc")
    with pytest.raises(EmulatorStartError, match="--mqtt-sni-port: invalid int value: 'abc'") as caught:
        RunningEmulator()
    assert "Traceback" not in str(caught.value)
    monkeypatch.setenv("EMULATOR_MQTT_SNI_PORT", "0")
    with RunningEmulator() as emulator:
        assert emulator.ready["mqtt_by_name"]["port"] > 0


@pytest.mark.parametrize(
    ("arguments", "host"),
    [
        (("--host", "0.0.0.0"), "localhost"),
        (("--host-name", "localhost,plant.test"), "localhost"),
        ((), "127.0.0.1"),
    ],
    ids=["every address", "names", "loopback"],
)
def test_the_announced_host_is_in_the_certificate(arguments: tuple[str, ...], host: str) -> None:
    with RunningEmulator(*arguments, "--mqtt-sni-port", "0") as emulator:
        namespace_id = emulator.make_namespace("told")
        told, port = emulator.mqtt_endpoint(namespace_id)
        assert told == emulator.ready["mqtt_by_name"]["host"] == urlsplit(emulator.url).hostname == host
        context = ssl.create_default_context(cafile=emulator.ca)
        with socket.create_connection((told, port), timeout=SECONDS) as raw:
            with context.wrap_socket(raw, server_hostname=told) as tls:
                opened = Wire(tls)
                opened.send(w.connect("s", "nobody"))
                assert opened.expect(w.CONNACK).reason == 0x87
