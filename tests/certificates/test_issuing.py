"""Sample chains do what the guide's step CLI does, and authenticate."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certificates.authentication import (
    VALIDATION_SCHEMES,
    ClientRecord,
    NamespaceState,
    TrustedCA,
    authenticate,
    authentication_name_key,
)
from certificates.decoding import load_certificate
from certificates.diagnosis import diagnose_ca_upload
from certificates.issuing import ClientName, IssuingError, make_sample_chain, sample_chain_zip

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
        assert "client2-b-example.crt" in archive.read("HOW-TO.txt").decode()
        load_pem_private_key(archive.read("client2-b-example.key"), None)


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
    ],
)
def test_a_name_that_cannot_stand_there_is_refused_with_its_field(name: str, scheme: str, field: str) -> None:
    with pytest.raises(IssuingError) as caught:
        make_sample_chain([ClientName(name, scheme)], at=AT)
    assert caught.value.field == field


def test_a_long_name_is_fine_with_a_dns_scheme() -> None:
    name = "a" * 60 + "." + "b" * 60
    assert make_sample_chain([ClientName(name, "DnsMatchesAuthenticationName")], at=AT).clients
