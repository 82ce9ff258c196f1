"""Each kind of uploaded file gets its code, next step and fix."""

import base64
import hashlib
import re
from datetime import timedelta

import pytest

from certificates.diagnosis.upload import Diagnosis, diagnose_upload
from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from certificates.x509.containers import from_base64, from_hex
from certificates.x509.reading import read_upload
from tests.certificates.uploads import LINE, ROOT, RSA_ROOT, RSA_SENSOR, SENSOR, Upload, uploads
from tests.certificates.uploads.key_uploads import key_files
from tests.support.certificates.chains import AT, Identity, key_identifier

LINE_2 = ROOT.issue("Line 2 CA", ca=True)
UPLOADS = uploads()
KEY_FILES = key_files()
each_upload = pytest.mark.parametrize("upload", UPLOADS, ids=[upload.id for upload in UPLOADS])
each_key_file = pytest.mark.parametrize("data", [data for _, data in KEY_FILES], ids=[name for name, _ in KEY_FILES])


def diagnose(upload: Upload) -> Diagnosis:
    return diagnose_upload(
        upload.data,
        existing=[(name, identity.der) for name, identity in upload.existing],
        known=[load_certificate(identity.der) for identity in upload.known],
        at=AT,
    )


@each_upload
def test_an_upload_gets_its_code_and_next_step(upload: Upload) -> None:
    found = diagnose(upload)
    assert found.code == upload.code, found.title
    if upload.detail:
        assert found.problem is not None
        assert found.problem.detail == upload.detail
    assert upload.says in found.title
    assert upload.next_step in found.next_step
    assert found.next_step
    assert re.fullmatch(r"[A-Z].*\.", found.title)
    assert (found.chosen is not None) is (upload.code == "accepted")


@each_upload
def test_a_one_click_fix_is_offered_where_possible(upload: Upload) -> None:
    fix = diagnose(upload).fix
    assert (fix.action if fix else "") == upload.fix
    if fix is not None:
        assert fix.certificate.subject == upload.fix_subject
        assert fix.label


@each_upload
def test_warnings_do_not_block(upload: Upload) -> None:
    found = diagnose(upload)
    if found.chosen is not None and not upload.id.startswith("good"):
        assert tuple(warning.code for warning in found.warnings) == upload.warns
    for warning in found.warnings:
        assert warning.sentence.endswith(".")
        assert warning.next_step.endswith(".")


def test_there_are_enough_files() -> None:
    assert len(UPLOADS) + len(KEY_FILES) >= 45
    assert len({upload.id for upload in UPLOADS}) == len(UPLOADS)


@each_key_file
def test_a_private_key_is_recognised_before_anything_else(data: bytes) -> None:
    found = diagnose_upload(data, at=AT)
    assert (found.code, found.chosen, found.certificates, found.fix) == ("private-key", None, (), None)


@each_key_file
def test_the_refusal_repeats_nothing_of_a_private_key(data: bytes) -> None:
    with pytest.raises(DecodingError) as refusal:
        read_upload(data)
    error = refusal.value
    said = f"{error!r} {error.sentence} {error.next_step} {error.__context__!r} {error.__cause__!r}"
    readable = data.decode("latin-1")
    assert not [word for word in re.findall(r"[A-Za-z0-9+/]{12,}", said) if word in readable]


def test_an_encrypted_key_that_begins_like_der_is_recognised() -> None:
    encrypted = b"\x30\x24" + b"".join(hashlib.sha256(bytes([n])).digest() for n in range(4))[2:]
    assert diagnose_upload(base64.b64encode(encrypted), at=AT).code == "private-key"


def test_a_bundle_shows_each_certificate_with_its_role() -> None:
    found = diagnose_upload(SENSOR.pem + LINE.pem + ROOT.pem, at=AT)
    assert [(entry.certificate.subject, entry.label, entry.is_best) for entry in found.certificates] == [
        ("CN=sensor-1", "client certificate", False),
        ("CN=Line 1 CA", "intermediate CA", True),
        ("CN=Plant Root CA", "root CA", False),
    ]


@pytest.mark.parametrize(
    ("bundle", "offered"),
    [
        ([ROOT, RSA_ROOT], [ROOT, RSA_ROOT]),
        ([ROOT, LINE, LINE_2], [ROOT, LINE, LINE_2]),
        ([SENSOR, ROOT], []),
        ([SENSOR, LINE, ROOT], []),
        ([ROOT, LINE], []),
    ],
)
def test_each_ca_certificate_can_be_chosen_when_the_signer_is_unknown(
    bundle: list[Identity], offered: list[Identity]
) -> None:
    found = diagnose_upload(b"".join(identity.pem for identity in bundle), at=AT)
    assert found.problem is not None
    assert [choice.certificate.der for choice in found.problem.choices] == [identity.der for identity in offered]
    for choice in found.problem.choices:
        assert diagnose_upload(choice.certificate.der, at=AT).code == "accepted"


def test_a_full_namespace_is_an_error_for_every_upload() -> None:
    for data, codes in (
        (LINE.pem, ["limit"]),
        (SENSOR.pem, ["leaf", "limit"]),
        (SENSOR.pem + LINE.pem, ["several-certificates", "limit"]),
    ):
        found = diagnose_upload(data, full_at=10, at=AT)
        assert [problem.code for problem in found.errors] == codes
        assert found.chosen is None
        assert "10" in found.errors[-1].sentence


def test_every_error_is_found_not_only_the_first() -> None:
    both = ROOT.issue("Line 2 CA", ca=True, key="RSA 1024", not_after=AT - timedelta(days=1))
    assert [problem.code for problem in diagnose_upload(both.pem, at=AT).errors] == ["expired", "weak-key"]


def test_the_fix_of_a_bundle_makes_an_accepted_upload() -> None:
    fix = diagnose_upload(SENSOR.pem + LINE.pem + ROOT.pem, at=AT).fix
    assert fix is not None
    assert diagnose_upload(fix.certificate.der, at=AT).code == "accepted"


def test_a_leaf_names_its_issuer_and_proposes_a_thumbprint_client() -> None:
    problem = diagnose_upload(SENSOR.pem, at=AT).problem
    assert problem is not None
    assert problem.values == (
        ("expected subject", "CN=Line 1 CA"),
        ("expected key identifier", key_identifier(LINE)),
    )
    assert problem.fix is not None
    assert problem.fix.values == (
        ("authentication_name", "sensor-1"),
        ("validation_scheme", "ThumbprintMatch"),
        ("thumbprint", SENSOR.thumbprint),
    )


def test_a_leaf_of_a_known_ca_proposes_the_scheme_that_fits() -> None:
    fix = diagnose_upload(SENSOR.pem, existing=[("line-1", LINE.der)], at=AT).fix
    assert fix is not None
    assert dict(fix.values) == {
        "authentication_name": "sensor-1",
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "thumbprint": "",
    }


def test_every_notation_gives_the_same_certificate() -> None:
    read = {u.id: read_upload(u.data)[0] for u in UPLOADS if u.id.startswith("good") and "RSA" not in u.id}
    assert {certificate.der for certificate in read.values()} == {LINE.der}


def test_an_unreadable_certificate_among_others_is_an_error() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    assert diagnose_upload(LINE.pem + broken, at=AT).code == "broken-certificate"


def test_unreadable_existing_certificates_are_passed_over() -> None:
    assert diagnose_upload(LINE.pem, existing=[("odd", b"nonsense")], at=AT).code == "accepted"


@pytest.mark.parametrize("size", [1_048_576, 1_048_575])
@pytest.mark.parametrize(
    "unit",
    [
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----END CERTIFICATE-----",
        b"aa:",
        b"0",
        b"<",
        b"PK\x03\x04",
        b"\\n",
        b"\\",
        b"-",
    ],
    ids=["begin", "end", "hex", "digit", "html", "zip", "escapes", "backslashes", "dashes"],
)
def test_a_megabyte_of_fragments_is_refused_quickly(unit: bytes, size: int) -> None:
    data = (unit * (size // len(unit) + 1))[:size]
    with pytest.raises(DecodingError):
        read_upload(data)


def test_invalid_hex_and_base64_give_nothing() -> None:
    assert (from_hex(b"zz"), from_hex(b"abc"), from_base64(b"?")) == (b"", b"", b"")


def test_facts_are_those_of_the_certificate() -> None:
    facts: Certificate = load_certificate(RSA_SENSOR.der)
    assert (facts.key, facts.key_bits, facts.signature) == ("RSA 2048", 2048, "RSA with SHA-256")
    assert facts.extended_key_usage == ("clientAuth",)
    assert [name for name, _, _ in facts.extensions][:2] == ["basicConstraints", "keyUsage"]
