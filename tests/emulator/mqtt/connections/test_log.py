"""The connection log: attempts that fail before CONNECT, successes and disconnections."""

import json
import socket
import ssl
import uuid
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from certificates.x509.key_masking import mask_of
from certificates.x509.reading import to_pem
from emulator.mqtt.recording.records import PUBLISH, evidence_of, record_of
from tests.certificates.x509.key_notations import NOTATIONS
from tests.certificates.x509.written_keys import keys
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import SECONDS, address_of, client_context, connected, wire
from tests.support.certificates.chains import authority, self_signed
from tests.support.waiting import until


def tcp(plant: Plant) -> socket.socket:
    return socket.create_connection((plant.endpoint["host"], plant.endpoint["port"]), timeout=SECONDS)


@pytest.mark.parametrize(
    ("spoken", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "tls-plain-http"),
        (w.connect("x", "press-07", version=4), "tls-not-spoken"),
        (b"\x16\x03\x01\x00\x05hello", "tls-failed"),
    ],
    ids=["HTTP", "MQTT without TLS", "a broken hello"],
)
def test_connections_without_tls_are_logged(plant: Plant, spoken: bytes, code: str) -> None:
    before = len(plant.log())
    with tcp(plant) as raw:
        address = address_of(raw)
        raw.sendall(spoken)
        while raw.recv(1000):
            pass
    record = plant.record_from(address, before)
    assert (record["resultType"], record["resultSignature"]) == ("Failed", "TlsError")
    assert record["code"] == code
    assert record["resultDescription"]
    assert record["callerIpAddress"].startswith("127.0.0.1:")


def test_a_connection_that_says_nothing_is_named(plant: Plant) -> None:
    before = len(plant.log())
    with tcp(plant) as raw:
        address = address_of(raw)
    assert plant.record_from(address, before)["code"] == "tls-closed"


def test_a_client_that_does_not_trust_the_endpoint_is_named(plant: Plant) -> None:
    before = len(plant.log())
    context = ssl.create_default_context()
    context.load_cert_chain(*plant.files(plant.sample("press-07")))
    with tcp(plant) as raw:
        address = address_of(raw)
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(raw, server_hostname="localhost")
    assert plant.record_from(address, before)["code"] == "tls-endpoint-not-trusted"


def test_a_client_that_leaves_before_connect_is_named_with_its_certificate(plant: Plant) -> None:
    before = len(plant.log())
    with wire(plant) as opened:
        address = opened.address
    record = plant.record_from(address, before)
    assert record["code"] == "closed-before-connect"
    assert record["presentedChain"][0] == plant.sample("press-07").certificate_pem


def test_an_unsupported_key_is_named(plant: Plant) -> None:
    """RSA 1024: too weak for TLS here, or else for the engine. Either way it is logged."""
    weak = authority("Weak CA", at=datetime.now(UTC)).issue("press-07", key="RSA 1024")
    certificate, key = plant.folder / "weak.crt", plant.folder / "weak.key"
    certificate.write_bytes(weak.pem)
    key.write_bytes(weak.key_pem)
    context = client_context(plant, None)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(certificate, key)
    before = len(plant.log())
    with tcp(plant) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        address = address_of(tls)
        try:
            tls.sendall(w.connect("weak", "press-07"))
            tls.recv(1000)
        except (ssl.SSLError, ConnectionError):
            pass
    record = plant.record_from(address, before)
    assert record["resultType"] == "Failed"
    assert record["resultDescription"]


@pytest.mark.parametrize(("version", "protocol"), [(4, "MQTT3"), (5, "MQTT5")])
def test_success_and_end_are_logged_with_azures_fields(plant: Plant, version: int, protocol: str) -> None:
    session = uuid.uuid4().hex
    with connected(plant, session, version=version) as opened:
        opened.leave(version=version)
    success, end = plant.attempts_of(session)
    assert (success["category"], end["category"]) == ("SuccessfulMqttConnections", "MqttDisconnections")
    assert success["operationName"] == "Microsoft.EventGrid/topicspaces/connect"
    assert end["operationName"] == "Microsoft.EventGrid/topicspaces/disconnect"
    assert end["resultSignature"] == "ClientInitiatedDisconnect"
    assert success["identity"] == {
        "authenticationType": "CACertificate",
        "clientIdentitySource": "UserName",
        "authenticationAuthority": "Local",
    }
    assert {r["properties"]["protocol"] for r in (success, end)} == {protocol}
    assert success["properties"]["traceId"] == end["properties"]["traceId"]
    assert (success["clientName"], success["caName"]) == ("press-07", "intermediate")
    assert success["decision"]["code"] == "accepted"


def test_a_cut_connection_is_logged_as_lost(plant: Plant) -> None:
    session = uuid.uuid4().hex
    with connected(plant, session) as opened:
        opened.cut()
    until(lambda: len(plant.attempts_of(session)) == 2, "the end is in the log")
    assert plant.attempts_of(session)[1]["resultSignature"] == "ConnectionLost"


@pytest.mark.parametrize("tls_version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(plant: Plant, tls_version: ssl.TLSVersion) -> None:
    context = client_context(plant, plant.sample("press-07"))
    context.minimum_version = context.maximum_version = tls_version
    with wire(plant, context=context) as opened:
        opened.send(w.connect(uuid.uuid4().hex, "press-07"))
        assert opened.expect(w.CONNACK).reason == 0
        assert opened.silent()


def test_a_client_that_shows_no_certificate_is_named_with_that_reason(plant: Plant) -> None:
    session = uuid.uuid4().hex
    with wire(plant, None) as opened:
        opened.send(w.connect(session, "press-07"))
        assert opened.expect(w.CONNACK).reason == 0x87
    (record,) = plant.attempts_of(session)
    assert record["presentedChain"] == []
    assert (record["code"], record["decision"]["code"]) == ("certificate-readable", "certificate-readable")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_an_old_version_of_tls_is_named(plant: Plant) -> None:
    context = client_context(plant, plant.sample("press-07"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    before = len(plant.log())
    with tcp(plant) as raw:
        address = address_of(raw)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(raw, server_hostname="localhost")
    record = plant.record_from(address, before)
    assert record["resultSignature"] == "TlsError"
    assert record["code"] == "tls-old-version"


def test_a_client_without_a_cipher_in_common_is_named(plant: Plant) -> None:
    """AES128-SHA needs a server certificate with an RSA key, and the endpoint's has none."""
    context = client_context(plant, plant.sample("press-07"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    before = len(plant.log())
    with tcp(plant) as raw:
        address = address_of(raw)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(raw, server_hostname="localhost")
    assert plant.record_from(address, before)["code"] == "tls-no-shared-cipher"


@pytest.mark.parametrize("name", ["base64 of DER", "hex", "url-encoded", "JSON string"])
def test_a_key_as_user_name_or_session_name_is_logged_as_its_hash(plant: Plant, name: str) -> None:
    key = keys()[3]
    text = NOTATIONS[name](key)
    before = len(plant.log())
    with wire(plant) as opened:
        opened.send(w.connect(text, text))
        opened.expect(w.CONNACK)
        told = plant.record_from(opened.address, before)
    assert told["resultType"] == "Failed"
    assert (told["userName"], told["properties"]["sessionName"]) == (mask_of(text), mask_of(text))
    stored = json.dumps(plant.log()[before:])
    assert text[40:60] not in stored
    assert not any(secret in stored for secret in key.secrets)


def test_a_key_in_a_certificate_or_sentence_is_logged_as_its_hash() -> None:
    text = NOTATIONS["hex"](keys()[1])
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text, _validate=False)])
    der = self_signed("press-07", subject=subject).der
    evidence = evidence_of((der,), None)
    assert json.loads(f"{{{evidence}}}")["presentedChain"] == [mask_of(to_pem(der))]
    told = record_of(
        PUBLISH, namespace_id="/x", succeeded=False, description=f"No topic space contains {text}.", peer="127.0.0.1:1"
    ).as_json()
    assert text[:40] not in told
    assert "private key removed" in told
