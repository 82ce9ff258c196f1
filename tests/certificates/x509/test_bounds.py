"""Reading any megabyte takes a bounded amount of work and memory, native memory included."""

import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certificates.authentication.certification_paths import signed_by
from certificates.diagnosis.chain_roles import MAX_SIGNATURES_CHECKED
from certificates.diagnosis.upload import diagnose_upload
from certificates.x509.certificate import MAX_PARTS, Certificate
from certificates.x509.private_keys import private_key_kind
from certificates.x509.reading import MAX_CERTIFICATES, MAX_UPLOAD_BYTES, DecodingError, load_certificate
from tests.support.certificates.chains import AT, authority, name_of

MEGABYTE = MAX_UPLOAD_BYTES
ONE = x509.NameAttribute(NameOID.COMMON_NAME, "a")
OID = ObjectIdentifier("1.2")


def crafted(subject: x509.Name | None = None, *extensions: x509.ExtensionType) -> bytes:
    ca = authority("Crafted CA", subject=subject, extensions=[(extension, False) for extension in extensions])
    return x509.load_der_x509_certificate(ca.der).public_bytes(Encoding.PEM)


def many(pem: bytes) -> bytes:
    return pem * min(MAX_CERTIFICATES, MEGABYTE // len(pem))


def der_depth(depth: int) -> bytes:
    """Nested sequences, each with a length that reaches the end."""
    return b"".join(b"\x30\x83" + (depth * 5 - at * 5).to_bytes(3, "big") for at in range(1, depth + 1))


SHAPES: dict[str, Callable[[], bytes]] = {
    "names in the subject": lambda: many(crafted(x509.Name([ONE] * 3300))),
    "values in one part of the subject": lambda: many(
        crafted(x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, str(n)) for n in range(2800)])]))
    ),
    "alternative names": lambda: many(crafted(None, x509.SubjectAlternativeName([x509.DNSName("")] * 20_000))),
    "alternative names, just allowed": lambda: many(
        crafted(None, x509.SubjectAlternativeName([x509.DNSName(f"d{n}.example") for n in range(MAX_PARTS)]))
    ),
    "parts of the subject, just allowed": lambda: many(crafted(x509.Name([ONE] * (MAX_PARTS - 60)))),
    "policies": lambda: many(
        crafted(None, x509.CertificatePolicies([x509.PolicyInformation(OID, None)] * 9000))
    ),
    "revocation points": lambda: many(
        crafted(None, x509.CRLDistributionPoints([x509.DistributionPoint([x509.DNSName("")], None, None, None)] * 4500))
    ),
    "extensions": lambda: many(
        crafted(None, *(x509.UnrecognizedExtension(ObjectIdentifier(f"1.2.3.{n}"), b"") for n in range(3000)))
    ),
    "a long name": lambda: many(crafted(name_of(f"O={'n' * 45_000}"))),
    "padded armour": lambda: many(crafted().replace(b"\n", b"\n" * 900, 20)[: MEGABYTE // 60]),
    "BEGIN lines": lambda: (b"-----BEGIN CERTIFICATE-----\n" * 40_000)[:MEGABYTE],
    "BEGIN and END lines": lambda: (b"-----BEGIN A-----\n-----END A-----\n" * 40_000)[:MEGABYTE],
    "dashes": lambda: b"-" * MEGABYTE,
    "base64 of zeroes": lambda: b64encode(b"\x30" + b"\x00" * 700_000),
    "hex": lambda: b"30" * (MEGABYTE // 2),
    "DER in DER": lambda: der_depth(MEGABYTE // 5),
    "spaces": lambda: b" " * MEGABYTE,
    "line breaks": lambda: b"\r\n" * (MEGABYTE // 2),
    "wide text": lambda: ("\ufeff" + "\u202e" * 300_000).encode("utf-16")[:MEGABYTE],
    "braces": lambda: b"{" * MEGABYTE,
}  # fmt: skip
# What the search for private keys has to undo.
NOTATIONS: dict[str, Callable[[], bytes]] = {
    "decimals": lambda: b"48, 130, " * (MEGABYTE // 9),
    "escapes of JSON": lambda: b"\\u002d" * (MEGABYTE // 6),
    "escapes of addresses": lambda: b"%2525" * (MEGABYTE // 5),
    "escapes of HTML": lambda: b"&#45;" * (MEGABYTE // 5),
    "literals": lambda: b'"a" + ' * (MEGABYTE // 6),
    "labels": lambda: b"private key: " * (MEGABYTE // 13),
    "beginnings of gzip in base64": lambda: b64encode(b"\x1f\x8b\x08\x00" * (MEGABYTE // 6)),
}
MOST_CALLS = 400_000  # fifty certificates of a thousand names, a handful of calls for each
MOST_MEGABYTES = 50
MEASURE = """
import sys, warnings
from datetime import UTC, datetime
warnings.simplefilter("ignore")
from certificates.diagnosis.upload import diagnose_upload

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

at = datetime(2026, 3, 1, tzinfo=UTC)
diagnose_upload(open(sys.argv[1], "rb").read(), at=at)
data = open(sys.argv[2], "rb").read()
before = peak()
diagnose_upload(data, at=at)
print(peak() - before)
"""


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_costs_a_bounded_number_of_calls(shape: str) -> None:
    """Calls are counted, not seconds, so that the machine does not matter."""
    data = SHAPES[shape]()
    calls = certificates_read = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls, certificates_read
        calls += event in {"call", "c_call"}
        certificates_read += event == "call" and frame.f_code is load_certificate.__code__

    sys.setprofile(count)
    try:
        found = diagnose_upload(data, at=AT)
    finally:
        sys.setprofile(None)
    assert found.code
    assert certificates_read <= MAX_CERTIFICATES
    assert calls < MOST_CALLS, calls


@pytest.mark.long
@pytest.mark.parametrize("shape", NOTATIONS)
def test_the_search_for_keys_in_a_megabyte_costs_a_bounded_number_of_calls(shape: str) -> None:
    data = NOTATIONS[shape]()
    calls = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        found = private_key_kind(data)
    finally:
        sys.setprofile(None)
    assert found == ""
    assert calls < MOST_CALLS, calls


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_takes_less_than_50_megabytes_with_what_libraries_take(shape: str, tmp_path: Path) -> None:
    small, large = tmp_path / "small.pem", tmp_path / "large.pem"
    small.write_bytes(crafted())
    large.write_bytes(SHAPES[shape]())
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)], capture_output=True, text=True, timeout=120, check=True
    )
    assert float(measured.stdout) < MOST_MEGABYTES


def signatures_checked(data: bytes, known: list[Certificate]) -> int:
    checked = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal checked
        checked += event == "call" and frame.f_code is signed_by.__code__

    sys.setprofile(count)
    try:
        assert diagnose_upload(data, known=known, at=AT).code
    finally:
        sys.setprofile(None)
    return checked


def test_of_many_issuers_of_one_name_few_signatures_are_checked() -> None:
    cas = [authority("Twin CA", key_label=f"twin {n}", has_ski=False) for n in range(25)]
    stranger = authority("Twin CA", key_label="stranger")
    leaves = [stranger.issue(f"s-{n}", aki=None, key_label="one") for n in range(25)]
    known = [load_certificate(stranger.issue(f"k-{n}", aki=None, key_label="one").der) for n in range(300)]
    bundle = b"".join(identity.pem for identity in (*cas, *leaves))
    assert 0 < signatures_checked(bundle, known) <= MAX_SIGNATURES_CHECKED
    assert 0 < signatures_checked(cas[0].pem, known) <= MAX_SIGNATURES_CHECKED


@pytest.mark.parametrize("key", ["RSA 16384", "RSA 2048 wide"])
def test_no_signature_is_checked_with_a_key_that_burns_cpu(key: str) -> None:
    root = authority("Plant Root CA")
    large = root.issue("Large CA", ca=True, key=key, has_ski=False)
    leaf = root.issue("s", issuer=large.subject, aki=None)
    known = [load_certificate(leaf.der)]
    assert signatures_checked(large.pem + leaf.pem, known) == 0
    assert signatures_checked(large.pem, known) == 0


def test_more_parts_than_any_certificate_needs_are_refused() -> None:
    wide = x509.SubjectAlternativeName([x509.DNSName("a")] * (MAX_PARTS + 1))
    found = diagnose_upload(crafted(None, wide), at=datetime(2026, 3, 1, tzinfo=UTC))
    assert found.code == "broken-certificate"
    assert found.problem is not None
    assert found.problem.detail == "too-many-parts"
    with pytest.raises(DecodingError) as refusal:
        load_certificate(authority("Wide CA", subject=x509.Name([ONE] * 1100)).der)
    assert refusal.value.detail == "too-many-parts"


def test_as_many_names_as_are_allowed_are_read() -> None:
    names = [f"d{n}.example" for n in range(MAX_PARTS)]
    assert len(load_certificate(authority("Wide CA").issue("wide", dns=names).der).dns_names) == MAX_PARTS
