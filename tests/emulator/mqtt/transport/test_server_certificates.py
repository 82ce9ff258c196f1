"""Which server certificate a client gets: P-384 or RSA 2048, by the suites and signatures that it offers in TLS."""

import contextlib
import shutil
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from emulator.authority import Authority
from emulator.mqtt.transport.server_context import server_context
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import client_context, wire
from tests.emulator.mqtt.transport.test_websocket import answer, frame, handshake, read_frame
from tests.support.azure.emulator_keys import put_keys
from tests.support.certificates.chains import authority
from tests.support.programs import require_program

EC, RSA = 384, 2048  # bits

# What a client offers, as options of `openssl s_client`, and the size of the key that it gets.
OFFERS = [
    ("", EC),
    ("-tls1_2", EC),
    ("-tls1_3", EC),
    ("-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", EC),
    ("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", EC),
    ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", EC),
    ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", RSA),
    ("-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", RSA),
    ("-tls1_2 -cipher ECDHE-RSA-AES128-SHA256", RSA),
    ("-tls1_2 -cipher ECDHE-RSA-AES256-SHA384", RSA),
    ("-tls1_2 -sigalgs RSA+SHA256", RSA),
    ("-tls1_2 -curves P-256", RSA),  # a P-384 certificate needs its curve in the hello
    ("-tls1_3 -sigalgs rsa_pss_rsae_sha256", RSA),
    ("-tls1_3 -sigalgs rsa_pss_rsae_sha384 -ciphersuites TLS_AES_256_GCM_SHA384", RSA),
    ("-tls1_3 -sigalgs rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256 -curves P-256", RSA),
    ("-tls1_3 -sigalgs rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384", EC),
]


@pytest.mark.parametrize(("offer", "bits"), OFFERS, ids=[offer or "everything" for offer, _ in OFFERS])
def test_the_certificate_is_chosen_by_what_the_client_offers(plant: Plant, offer: str, bits: int) -> None:
    """Each certificate is trusted by the CA file that `endpoints.json` and the ready file name."""
    done = s_client(plant, *offer.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Server public key is {bits} bit" in done.stdout
    assert plant.endpoint["ca"] == plant.emulator.ready["arm_ca"]


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("-tls1_2 -cipher AES128-GCM-SHA256", "tls-no-shared-cipher"),
        ("-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "tls-no-shared-cipher"),
        ("-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "tls-no-shared-cipher"),
        ("-tls1_3 -sigalgs ecdsa_secp256r1_sha256", "tls-no-shared-signature"),
        ("-tls1_1 -cipher DEFAULT:@SECLEVEL=0", "tls-old-version"),
    ],
)
def test_a_client_without_a_suite_in_common_is_told_in_the_log(own_plant: Plant, offer: str, code: str) -> None:
    assert s_client(own_plant, *offer.split()).returncode == 1
    (record,) = own_plant.log()
    assert (record["resultSignature"], record["code"]) == ("TlsError", code)


def s_client(plant: Plant, *options: str) -> "subprocess.CompletedProcess[str]":
    """Shake hands as openssl's own client, and verify the endpoint's certificate."""
    endpoint = plant.endpoint
    command = [require_program("openssl"), "s_client", "-connect", f"{endpoint['host']}:{endpoint['port']}"]
    command += ["-CAfile", endpoint["ca"], "-verify_return_error", "-verify_hostname", "localhost", *options]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=120, check=False)


def rsa_only_context(plant: Plant) -> ssl.SSLContext:
    """A device that knows TLS 1.2 with RSA alone, its own certificate included."""
    device = authority("RSA devices", key="RSA 2048", at=datetime.now(UTC))
    plant.upload("rsa-devices", device.der)
    certificate, key = plant.folder / "rsa.crt", plant.folder / "rsa.key"
    leaf = device.issue("press-07", key="RSA 2048", purposes=["clientAuth"])
    certificate.write_bytes(leaf.pem)
    key.write_bytes(leaf.key_pem)
    context = client_context(plant, None)
    context.load_cert_chain(certificate, key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    return context


def test_an_rsa_only_client_talks_mqtt(own_plant: Plant) -> None:
    with wire(own_plant, context=rsa_only_context(own_plant)) as opened:
        assert opened.tls.cipher() == ("ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2", 128)
        opened.send(w.connect("rsa", "press-07"))
        assert opened.expect(w.CONNACK).reason == 0
        opened.send(w.subscribe("rsa/topic"))
        opened.expect(w.SUBACK)
        opened.send(w.publish("rsa/topic", b"over RSA"))
        assert opened.expect(w.PUBLISH).payload() == b"over RSA"


def test_an_rsa_only_client_talks_mqtt_over_websocket(own_plant: Plant) -> None:
    with wire(own_plant, context=rsa_only_context(own_plant)) as opened:
        opened.send(handshake())
        answer(opened)
        opened.send(frame(0x82, w.connect("rsa", "press-07")))
        kind, content = read_frame(opened)
        assert (kind, content[0], content[3]) == (0x82, 0x20, 0)
    assert own_plant.attempts_of("rsa")[0]["properties"]["protocol"] == "MQTT5-WS"


RSA_SIGNATURES = "+SIGN-RSA-SHA256:+SIGN-RSA-PSS-RSAE-SHA256"
EC_SIGNATURES = "+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384"


@pytest.mark.parametrize("signatures", [RSA_SIGNATURES, EC_SIGNATURES], ids=["RSA", "ECDSA"])
def test_a_client_trusts_the_chain_with_signatures_of_one_kind(plant: Plant, signatures: str) -> None:
    """GnuTLS, unlike OpenSSL, accepts its signature algorithms alone also in the certificates."""
    endpoint = plant.endpoint
    command = [require_program("gnutls-cli"), "--port", str(endpoint["port"]), "--x509cafile", endpoint["ca"]]
    command += ["--priority", f"NORMAL:-SIGN-ALL:{signatures}", "localhost"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "certificate is trusted" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_session_is_resumed(plant: Plant, tmp_path: Path, version: str) -> None:
    session = tmp_path / "session.pem"
    first = s_client(plant, version, "-sess_out", str(session))
    assert first.returncode == 0
    again = ["-sess_in", str(session)] if session.exists() else []
    assert "Reused," not in s_client(plant, version, *again).stdout


# State folders


def presented(folder: Path, suites: bytes, trusted: Path) -> x509.Certificate:
    """Shake hands in memory and return the endpoint's certificate. Raise `SSL.Error` if it is not trusted."""
    certificates = Authority(folder).mqtt_certificates_for(["plant.localhost"])
    server, client = (
        SSL.Connection(server_context(certificates), None),
        SSL.Connection(client_with(suites, trusted), None),
    )
    server.set_accept_state()
    client.set_connect_state()
    for sender, receiver in ((client, server), (server, client)) * 2:
        with contextlib.suppress(SSL.WantReadError):
            sender.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            receiver.bio_write(sender.bio_read(65_536))
    client.do_handshake()
    found = client.get_peer_certificate()
    assert found is not None
    return found.to_cryptography()


def client_with(suites: bytes, trusted: Path) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(suites)
    context.load_verify_locations(str(trusted))
    context.set_verify(SSL.VERIFY_PEER)
    return context


@pytest.fixture
def earlier_folder(tmp_path: Path) -> Path:
    """A state folder of the version that had one certificate for everything, on P-256."""
    put_keys(tmp_path)
    Authority(tmp_path)
    for path in (*tmp_path.glob("emulator-mqtt-*"), tmp_path / "emulator-ca-rsa-key.pem"):
        path.unlink()
    ca = tmp_path / "emulator-ca.pem"
    ca.write_bytes(x509.load_pem_x509_certificate(ca.read_bytes()).public_bytes(Encoding.PEM))
    return tmp_path


def test_a_state_folder_of_an_earlier_version_gets_the_certificates(earlier_folder: Path) -> None:
    ca, copy = earlier_folder / "emulator-ca.pem", earlier_folder / "copy.pem"
    shutil.copy(ca, copy)
    arm = (earlier_folder / "emulator-server.pem").read_bytes()
    ec_key = presented(earlier_folder, b"ECDHE-ECDSA-AES128-GCM-SHA256", ca).public_key()
    rsa_key = presented(earlier_folder, b"ECDHE-RSA-AES128-GCM-SHA256", ca).public_key()
    assert isinstance(ec_key, ec.EllipticCurvePublicKey)
    assert isinstance(rsa_key, rsa.RSAPublicKey)
    assert (ec_key.curve.name, rsa_key.key_size) == ("secp384r1", 2048)
    # A copy of the CA from before is still enough for the EC certificate, and ARM's has not changed.
    assert presented(earlier_folder, b"ECDHE-ECDSA-AES128-GCM-SHA256", copy).public_key() == ec_key
    assert (earlier_folder / "emulator-server.pem").read_bytes() == arm
    assert ca.read_bytes().startswith(copy.read_bytes())


def test_the_certificates_stay_at_the_next_start(tmp_path: Path) -> None:
    put_keys(tmp_path)

    def contents() -> dict[str, bytes]:
        Authority(tmp_path).mqtt_certificates_for(["plant.localhost"])
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert contents() == contents()


@pytest.mark.parametrize("suites", [b"ECDHE-ECDSA-AES128-GCM-SHA256", b"ECDHE-RSA-AES128-GCM-SHA256"])
def test_a_ca_file_that_was_deleted_is_made_again(tmp_path: Path, suites: bytes) -> None:
    put_keys(tmp_path)
    before = presented(tmp_path, suites, tmp_path / "emulator-ca.pem")
    (tmp_path / "emulator-ca.pem").unlink()
    assert presented(tmp_path, suites, tmp_path / "emulator-ca.pem") != before


def test_each_certificate_comes_from_a_ca_of_its_kind(tmp_path: Path) -> None:
    put_keys(tmp_path)
    authorities = x509.load_pem_x509_certificates(Authority(tmp_path).ca_path.read_bytes())
    for ca, suites in zip(authorities, (b"ECDHE-ECDSA-AES128-GCM-SHA256", b"ECDHE-RSA-AES128-GCM-SHA256"), strict=True):
        leaf = presented(tmp_path, suites, tmp_path / "emulator-ca.pem")
        leaf.verify_directly_issued_by(ca)
        assert type(leaf.public_key()) is type(ca.public_key())
