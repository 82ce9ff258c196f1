"""Preview of the names in a certificate, the matching clients, and lookalikes."""

import pytest

from certificates.authentication.confusables import is_case_twin, skeleton
from certificates.authentication.engine import ALTERNATIVE_SOURCES, NamespaceState, authentication_name_key
from certificates.authentication.preview import NamePreview, preview_names
from certificates.authentication.types import ClientRecord
from certificates.x509.certificate import load_certificate
from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.cases import DNS, IP, SUBJECT, THUMBPRINT, Case, Plant, a_client
from tests.support.certificates.chains import AT, name_of

PLANT = Plant(AT)
RICH = PLANT.line.issue(
    "sensor-1",
    subject=name_of("O=Plant", "CN=Sensor-1"),
    dns=["sensor-1.plant.example", "spare.plant.example"],
    ips=["2001:db8::1"],
)


def preview(*clients: ClientRecord, sources: tuple[str, ...] = ()) -> NamePreview:
    state = NamespaceState((), {authentication_name_key(c.authentication_name): c for c in clients}, sources)
    return preview_names(load_certificate(RICH.der), state)


def test_each_scheme_shows_what_it_reads() -> None:
    assert {entry.scheme.value: entry.values for entry in preview().schemes} == {
        "SubjectMatchesAuthenticationName": ("Sensor-1",),
        "DnsMatchesAuthenticationName": ("sensor-1.plant.example", "spare.plant.example"),
        "UriMatchesAuthenticationName": (),
        "IpMatchesAuthenticationName": ("2001:db8::1",),
        "EmailMatchesAuthenticationName": (),
        "ThumbprintMatch": (RICH.thumbprint,),
    }


def test_clients_that_match_stand_by_their_scheme() -> None:
    by_subject, by_dns = a_client("sensor-1", name="a"), a_client("spare.plant.example", DNS, name="b")
    found = preview(by_subject, by_dns, a_client("sensor-1.plant.example", SUBJECT, name="c"))
    assert {entry.scheme.value: entry.clients for entry in found.schemes if entry.clients} == {
        SUBJECT: (by_subject,),
        DNS: (by_dns,),
    }
    assert found.clients == (by_subject, by_dns)
    assert found.is_ambiguous


def test_one_certificate_registered_for_two_clients_is_ambiguous() -> None:
    pair = [a_client(f"c-{n}", THUMBPRINT, name=f"c-{n}", thumbprints=(RICH.thumbprint,)) for n in range(2)]
    assert next(entry for entry in preview(*pair).schemes if entry.scheme.value == THUMBPRINT).is_ambiguous


def test_sources_are_in_order_and_the_first_with_a_value_counts() -> None:
    found = preview(a_client("sensor-1.plant.example", DNS), sources=("ClientCertificateEmail", "ClientCertificateDns"))
    assert [entry.source for entry in found.sources][:2] == ["ClientCertificateEmail", "ClientCertificateDns"]
    assert {entry.source for entry in found.sources} == set(ALTERNATIVE_SOURCES)
    taken = found.taken
    assert taken is not None
    assert (taken.source, taken.value, taken.position) == ("ClientCertificateDns", "sensor-1.plant.example", 2)
    assert (taken.passed_over, taken.is_ambiguous) == (("spare.plant.example",), True)
    assert taken.matches


def test_a_source_finds_a_client_whose_scheme_refuses_it() -> None:
    found = preview(a_client("sensor-1", DNS), sources=("ClientCertificateSubject",))
    assert found.taken is not None
    assert (found.taken.client, found.taken.matches) == (a_client("sensor-1", DNS), False)


def test_an_address_is_found_in_another_notation() -> None:
    full = a_client("2001:0db8:0000:0000:0000:0000:0000:0001", IP)
    assert next(s for s in preview(full).sources if s.source == "ClientCertificateIp").client == full


def test_case_twins_and_confusable_names_are_told_apart() -> None:
    twin, confusable = a_client("sensor-1", name="twin"), a_client("s\u0435nsor-1", name="cyrillic")
    found = preview(twin, confusable, a_client("sensor-l", name="letter"), a_client("sensor-2", name="other"))
    assert [(entry.kind, entry.value, entry.client.name) for entry in found.lookalikes] == [
        ("case-twin", "Sensor-1", "twin"),
        ("confusable", "Sensor-1", "cyrillic"),
        ("confusable", "Sensor-1", "letter"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sensor-1", "sensor-l"),
        ("sensor-0", "sensor-O"),
        ("press", "рress"),  # Cyrillic er
        ("sensor-1", "sensor\u20111"),
        ("sensor-1", "sensor-\u200b1"),
        ("sensor-1", "ｓensor-1"),
        ("line_1", "line-1"),
    ],
)
def test_names_that_look_the_same_are_confusable(one: str, other: str) -> None:
    assert authentication_name_key(one) != authentication_name_key(other)
    assert skeleton(one) == skeleton(other) != skeleton("quite-different")


def test_the_same_name_in_other_case_is_a_twin() -> None:
    assert is_case_twin("Straße", "STRASSE")
    assert not is_case_twin("sensor-1", "sensor-1")
    assert is_case_twin("Sensor-1", "sensor-1")


ACCEPTED = [case for case in cases(AT) if case.accepted]


@pytest.mark.parametrize("case", ACCEPTED, ids=[case.id for case in ACCEPTED])
def test_the_preview_shows_every_client_that_the_engine_accepts(case: Case) -> None:
    assert case.der is not None
    found = preview_names(load_certificate(case.der), case.state())
    assert case.client in {client.name for client in found.clients}
    if case.source != "UserName":
        assert found.taken is not None
        assert (found.taken.source, found.taken.matches) == (case.source, True)
