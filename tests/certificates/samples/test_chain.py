"""Sample chains do what the guide's step CLI does, and authenticate."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certificates.authentication.engine import (
    VALIDATION_SCHEMES,
    ClientRecord,
    NamespaceState,
    TrustedCA,
    authenticate,
    authentication_name_key,
)
from certificates.authentication.types import FAILED_TITLES
from certificates.diagnosis.upload import diagnose_ca_upload
from certificates.samples.chain import (
    SAMPLE_FAULTS,
    TEACHING_NAMES,
    ClientName,
    IssuingError,
    SampleChain,
    make_sample_chain,
    sample_chain_zip,
)
from certificates.x509.reading import load_certificate
from namespaces.connections.sample_programs import Trial

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME_FOR = {
    "SubjectMatchesAuthenticationName": "client1-authnID",
    "DnsMatchesAuthenticationName": "client1.plant.example",
    "UriMatchesAuthenticationName": "urn:plant:client1",
    "IpMatchesAuthenticationName": "2001:db8::1",
    "EmailMatchesAuthenticationName": "client1@plant.example",
    "ThumbprintMatch": "Prüfstand-7",
}


@pytest.mark.parametrize("scheme", [s.value for s in VALIDATION_SCHEMES])
def test_a_sample_client_is_accepted_with_its_intermediate_uploaded(scheme: str) -> None:
    chain = make_sample_chain([ClientName(NAME_FOR[scheme], scheme)], at=AT)
    client = chain.clients[0]
    record = ClientRecord("c", NAME_FOR[scheme], scheme, (client.thumbprint,) if scheme == "ThumbprintMatch" else ())
    state = NamespaceState(
        (TrustedCA("int", chain.intermediate.certificate_der),), {authentication_name_key(NAME_FOR[scheme]): record}
    )
    decision = authenticate(presented=client.certificate_der, user_name=NAME_FOR[scheme], state=state, at=AT)
    assert decision.accepted, decision.reason
    assert decision.anchor == ("" if scheme == "ThumbprintMatch" else "int")


def test_clients_live_2400_hours_and_the_intermediate_may_be_uploaded() -> None:
    chain = make_sample_chain([ClientName("a")], at=AT)
    assert load_certificate(chain.clients[0].certificate_der).not_after == AT + timedelta(hours=2400)
    intermediate = load_certificate(chain.intermediate.certificate_der)
    assert intermediate.path_length == 0
    assert diagnose_ca_upload([intermediate], at=AT).problems == ()


def test_the_archive_has_matching_keys_thumbprints_and_a_how_to() -> None:
    chain = make_sample_chain([ClientName("a/../b"), ClientName("b.example", "DnsMatchesAuthenticationName")], at=AT)
    with zipfile.ZipFile(io.BytesIO(sample_chain_zip(chain))) as archive:
        names = archive.namelist()
        assert all("/" not in name and ".." not in name for name in names)
        assert {"HOW-TO.txt", "thumbprints.txt", "root_ca.crt", "intermediate_ca.crt"} <= set(names)
        assert chain.clients[1].thumbprint in archive.read("thumbprints.txt").decode()
        assert "b.example.crt" in archive.read("HOW-TO.txt").decode()
        load_pem_private_key(archive.read("b.example.key"), None)


def test_file_names_are_unique_and_those_that_try_it_expects() -> None:
    subject = "SubjectMatchesAuthenticationName"
    asked = [
        ("press-1", ""), ("PRESS-1", "expired"), ("press-1", "expired"), ("press-1", ""), ("sensor-5@plant.example", ""),
        ("root_ca", ""), ("--help", ""), ("a/../b", ""), ("...", ""), ("a.", ""),
    ]  # fmt: skip
    chain = make_sample_chain([ClientName(name, subject, fault) for name, fault in asked], at=AT)
    assert [client.file_name for client in chain.clients] == [
        "press-1", "PRESS-1-expired", "press-1-2", "press-1-3", "sensor-5_plant.example",
        "root_ca-2", "help", "a__._b", "__", "a",
    ]  # fmt: skip
    shown = [Trial("h", 1, "", "x", name, "t").file_name for name, _ in asked]
    assert [shown[n] == chain.clients[n].file_name for n in (0, 4, 6, 7, 8, 9)] == [True] * 6
    teaching = make_sample_chain(TEACHING_NAMES, at=AT)
    for name, client in zip(teaching.names, teaching.clients, strict=True):
        assert Trial("h", 1, "", "x", name.authentication_name, "t").file_name == client.file_name


@pytest.mark.parametrize(
    ("name", "scheme", "field"),
    [
        ("", "SubjectMatchesAuthenticationName", "name"),
        ("x" * 65, "SubjectMatchesAuthenticationName", "scheme"),
        ("Prüfstand", "SubjectMatchesAuthenticationName", "scheme"),
        ("Prüfstand", "DnsMatchesAuthenticationName", "scheme"),
        ("not-an-ip", "IpMatchesAuthenticationName", "name"),
        ("nobody", "EmailMatchesAuthenticationName", "name"),
        ("a\nb", "SubjectMatchesAuthenticationName", "name"),
        ("x" * 129, "ThumbprintMatch", "name"),
        ("a", "NoSuchScheme", "scheme"),
        ("a\u0085b", "ThumbprintMatch", "name"),
        ("a\ud800b", "ThumbprintMatch", "name"),
    ],
)
def test_a_name_that_cannot_be_issued_is_refused_with_its_field(name: str, scheme: str, field: str) -> None:
    with pytest.raises(IssuingError) as caught:
        make_sample_chain([ClientName(name, scheme)], at=AT)
    assert caught.value.field == field


def test_a_long_name_is_fine_with_a_dns_scheme() -> None:
    name = "a" * 60 + "." + "b" * 60
    assert make_sample_chain([ClientName(name, "DnsMatchesAuthenticationName")], at=AT).clients


# The step at which each fault fails: with schemes that check the chain, and with Thumbprint Match.
EXPECTED = {
    "expired": ("within-validity", "within-validity"),
    "not-yet-valid": ("within-validity", "within-validity"),
    "wrong-purpose": ("client-authentication-allowed", ""),
    "other-ca": ("issuer-found", ""),
    "leaf-as-ca": ("chain-verified", ""),
    "sha-1": ("chain-verified", ""),
    "wrong-san-kind": ("scheme-compared", ""),
    "wrong-case": ("", ""),
}


def failing_step(chain: SampleChain, index: int = 0) -> str:
    name, client = chain.names[index], chain.clients[index]
    thumbprints = (client.thumbprint,) if name.validation_scheme == "ThumbprintMatch" else ()
    record = ClientRecord("c", name.authentication_name, name.validation_scheme, thumbprints)
    state = NamespaceState(
        (TrustedCA("int", chain.intermediate.certificate_der),),
        {authentication_name_key(name.authentication_name): record},
    )
    decision = authenticate(
        presented=client.certificate_der, chain=client.chain, user_name=name.authentication_name, state=state, at=AT
    )
    return decision.failing.code if decision.failing else ""


@pytest.mark.parametrize("fault", [fault.code for fault in SAMPLE_FAULTS])
@pytest.mark.parametrize("scheme", [s.value for s in VALIDATION_SCHEMES])
def test_a_faulty_certificate_fails_at_the_expected_step(scheme: str, fault: str) -> None:
    chain = make_sample_chain([ClientName(NAME_FOR[scheme], scheme, fault)], at=AT)
    expected = EXPECTED[fault][scheme == "ThumbprintMatch"]
    assert (failing_step(chain), chain.clients[0].fails_at) == (expected, expected)
    assert (FAILED_TITLES[expected] in chain.clients[0].expected) if expected else chain.clients[0].expected


def test_the_training_set_has_every_scheme_and_every_fault() -> None:
    chain = make_sample_chain(TEACHING_NAMES, at=AT)
    for index, client in enumerate(chain.clients):
        assert failing_step(chain, index) == client.fails_at
    assert {name.validation_scheme for name in chain.names if not name.fault} == {s.value for s in VALIDATION_SCHEMES}
    assert {name.fault for name in chain.names} - {""} == {fault.code for fault in SAMPLE_FAULTS}


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(IssuingError) as caught:
        make_sample_chain([ClientName("a", fault="haunted")], at=AT)
    assert caught.value.field == "fault"


def test_the_archive_has_the_expected_results_and_private_keys() -> None:
    chain = make_sample_chain([ClientName("a"), ClientName("b", fault="expired")], at=AT)
    with zipfile.ZipFile(io.BytesIO(sample_chain_zip(chain))) as archive:
        how_to = archive.read("HOW-TO.txt").decode()
        assert [how_to.count(client.expected) for client in chain.clients] == [1, 1]
        assert FAILED_TITLES["within-validity"] in chain.clients[1].expected
        for entry in archive.infolist():
            assert entry.external_attr >> 16 == (0o100600 if entry.filename.endswith(".key") else 0o100644)
