"""Where a demo is reached, and the certificate that is made for that."""

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from django.core.management import CommandError, call_command

from portal.demo.reach import Reach
from portal.demo.state import StateError, listen
from portal.demo.tls import LIFETIME, TlsFiles, tls_files

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def certificates(files: TlsFiles) -> tuple[x509.Certificate, x509.Certificate]:
    ca, server = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.ca, files.certificate))
    return ca, server


def test_without_a_host_it_stays_on_loopback(tmp_path: Path) -> None:
    reach = Reach.of("", tmp_path, now=NOW)
    assert (reach.address, reach.url(8000), reach.tls) == ("127.0.0.1", "http://127.0.0.1:8000/", None)
    assert (reach.settings(), reach.portal_options(), reach.emulator_options(), reach.announcement()) == (
        {},
        [],
        {},
        [],
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost"])
def test_a_host_is_served_over_tls(tmp_path: Path, host: str) -> None:
    reach = Reach.of(host, tmp_path, now=datetime.now(UTC))
    assert reach.tls is not None
    assert reach.url(8000) == f"https://{host}:8000/"
    assert reach.settings()["PORTAL_ALLOWED_HOSTS"] == host
    assert reach.emulator_options() == {"mqtt-host": host}
    assert any(reach.tls.fingerprint in line for line in reach.announcement())
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(reach.tls.certificate, reach.tls.key)
    listener = listen(0, print, "the test", address=reach.address)
    thread = threading.Thread(target=shake_hands, args=(listener, serving))
    thread.start()
    trusting = ssl.create_default_context(cafile=reach.ca)
    with socket.create_connection(listener.getsockname(), timeout=60) as plain:
        trusting.wrap_socket(plain, server_hostname=host).close()
    thread.join(60)
    listener.close()


def shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with context.wrap_socket(connection, server_side=True) as secured:
        secured.recv(1)


@pytest.mark.parametrize(
    ("host", "other"), [("127.0.0.2", "127.0.0.3"), ("localhost", "example.com"), ("127.0.0.2", "x.example")]
)
def test_the_ca_is_trusted_for_this_host_only(tmp_path: Path, host: str, other: str) -> None:
    files = tls_files(tmp_path, host, now=NOW)
    ca, server = certificates(files)
    verifier = PolicyBuilder().store(Store([ca])).time(NOW).build_server_verifier(name_of(host))
    verifier.verify(server, [])
    limits = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert [str(each.value).removesuffix("/32") for each in limits.value.permitted_subtrees or ()] == [host]
    assert not [path for path in tmp_path.iterdir() if b"PRIVATE KEY" in path.read_bytes() and path != files.key]
    assert files.key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(x509.verification.VerificationError):
        PolicyBuilder().store(Store([ca])).time(NOW).build_server_verifier(name_of(other)).verify(server, [])


def name_of(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def test_a_certificate_is_kept_until_it_expires_soon_or_the_host_changes(tmp_path: Path) -> None:
    first = tls_files(tmp_path, "127.0.0.2", now=NOW).certificate.read_bytes()
    assert tls_files(tmp_path, "127.0.0.2", now=NOW + timedelta(days=27)).certificate.read_bytes() == first
    renewed = tls_files(tmp_path, "127.0.0.2", now=NOW + LIFETIME - timedelta(days=1)).certificate.read_bytes()
    assert renewed != first
    assert tls_files(tmp_path, "127.0.0.3", now=NOW + LIFETIME).certificate.read_bytes() != renewed


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "0.0.0.0", "no such host", "-x", "a..b", "https://class", ""[:0] or "[::1]"]
)
def test_what_is_no_address_of_this_machine(tmp_path: Path, host: str) -> None:
    with pytest.raises(StateError, match="--host"):
        Reach.of(host, tmp_path, now=NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--class=2", "--sso"]])
def test_a_host_is_for_a_class_alone(tmp_path: Path, options: list[str]) -> None:
    with pytest.raises(CommandError, match="--host"):
        call_command("demo", f"--state={tmp_path / 'state'}", "--host=127.0.0.2", *options)
