"""The engine beyond the table: times, hostile chains, and invalid entries in the namespace."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from certificates.authentication import certification_paths
from certificates.authentication.engine import Decision, NamespaceState, TrustedCA, authenticate
from certificates.diagnosis.upload import diagnose_upload
from certificates.x509.algorithms import EXPLICIT_CURVE
from tests.certificates.authentication.engine_table.cases import THUMBPRINT, Plant, a_client
from tests.support.certificates.chains import AT, Identity, malformed, name_of

SECOND = timedelta(seconds=1)
CLIENTS = {"sensor-1": a_client()}


def decide(
    leaf: Identity,
    *uploaded: Identity,
    chain: tuple[Identity, ...] = (),
    at: datetime = AT,
    sources: tuple[str, ...] = (),
) -> Decision:
    state = NamespaceState(tuple(TrustedCA(ca.name, ca.der) for ca in uploaded), CLIENTS, sources)
    user_name = None if sources else "sensor-1"
    sent = [identity.der for identity in chain]
    return authenticate(presented=leaf.der, chain=sent, user_name=user_name, state=state, at=at)


def test_both_ends_of_the_validity_are_inside() -> None:
    plant = Plant(AT)
    ca = plant.root.issue("Day CA", ca=True, not_before=AT - timedelta(days=1), not_after=AT)
    leaf = ca.issue("sensor-1", not_before=AT - timedelta(days=1), not_after=AT)
    assert decide(leaf, ca, at=AT).accepted
    assert decide(leaf, ca, at=AT - timedelta(days=1)).accepted
    assert decide(leaf, ca, at=AT + SECOND).code == "within-validity"
    assert decide(leaf, ca, at=AT - timedelta(days=1) - SECOND).code == "within-validity"


def test_both_ends_of_a_ca_certificates_validity_are_inside() -> None:
    plant = Plant(AT)
    ca = plant.root.issue("Day CA", ca=True, not_before=AT - timedelta(days=1), not_after=AT)
    leaf = ca.issue("sensor-1")
    assert decide(leaf, ca, at=AT).accepted
    assert decide(leaf, ca, at=AT + SECOND).code == "chain-verified"


def test_the_verdict_depends_on_the_time() -> None:
    plant = Plant(AT)
    leaf = plant.leaf(not_after=AT + timedelta(days=30))
    assert decide(leaf, plant.line).accepted
    assert decide(leaf, plant.line, at=AT + timedelta(days=31)).code == "within-validity"


def test_a_time_without_time_zone_is_an_error() -> None:
    plant = Plant(AT)
    with pytest.raises(ValueError, match="aware"):
        decide(plant.sensor, plant.line, at=AT.replace(tzinfo=None))


def test_an_unreadable_uploaded_certificate_is_ignored() -> None:
    plant = Plant(AT)
    broken = replace(plant.root, der=b"nonsense")
    assert decide(plant.sensor, broken, plant.line).accepted


def test_an_unknown_source_is_ignored() -> None:
    plant = Plant(AT)
    assert decide(plant.sensor, plant.line, sources=("ClientCertificateShoeSize", "ClientCertificateSubject")).accepted


def test_an_unknown_scheme_is_refused_by_name() -> None:
    plant = Plant(AT)
    state = NamespaceState((TrustedCA("line-1", plant.line.der),), {"sensor-1": a_client(scheme="ShoeSizeMatch")})
    decision = authenticate(presented=plant.sensor.der, user_name="sensor-1", state=state, at=AT)
    assert decision.code == "scheme-compared"
    assert "ShoeSizeMatch" in decision.reason


def test_only_ten_sent_certificates_are_used() -> None:
    plant = Plant(AT)
    strangers = tuple(plant.root.issue(f"Stranger {n}", ca=True) for n in range(10))
    assert decide(plant.sensor, plant.root, chain=(*strangers[:9], plant.line)).accepted
    assert decide(plant.sensor, plant.root, chain=(*strangers, plant.line)).code == "issuer-found"


def test_a_maze_of_cross_signed_certificates_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten certificates with one name and key, each signed by every other, have 10! paths."""
    plant = Plant(AT)
    name = name_of("CN=Maze CA")
    first = plant.root.issue("Maze CA", ca=True, issuer=name, aki=None)
    maze = tuple(first.issue("Maze CA", ca=True, not_after=AT + timedelta(days=n + 1)) for n in range(10))
    asked = 0
    signed_by = certification_paths.signed_by

    def counted(*pair: object) -> bool:
        nonlocal asked
        asked += 1
        return signed_by(*pair)  # type: ignore[arg-type]

    monkeypatch.setattr(certification_paths, "signed_by", counted)
    decision = decide(first.issue("sensor-1"), plant.line, chain=maze)
    assert decision.code == "chain-verified"
    assert asked <= 11 * 11


def test_an_unknown_kind_of_key_gets_a_decision() -> None:
    """OpenSSL rejects such a certificate without a reason and cannot encode it again."""
    plant = Plant(AT)
    ec_key, unknown = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("0607a88648ce3d0201")
    odd = replace(plant.sensor, der=plant.sensor.der.replace(ec_key, unknown))
    decision = decide(odd, plant.line)
    assert not decision.accepted
    assert decision.fix


def test_names_of_64_kilobytes_make_no_long_sentences() -> None:
    plant = Plant(AT)
    issuer = plant.root.issue("Long CA", ca=True, subject=name_of("O=" + "o" * 20_000, "CN=Long CA"))
    leaf = issuer.issue("sensor-2", dns=[f"{number}.plant.example" for number in range(1500)])
    for decision in (decide(leaf, plant.line), decide(leaf, issuer), decide(leaf, plant.root, chain=(issuer,))):
        assert not decision.accepted
        for step in decision.steps:
            assert max(map(len, (step.sentence, step.fix))) <= 1000
            assert all(len(value) <= 2000 for _, value in step.values)


def test_a_diagnosis_of_long_names_is_short_too() -> None:
    plant = Plant(AT)
    long_ca = plant.root.issue("Long CA", ca=True, subject=name_of("O=" + "o" * 20_000, "CN=Long CA"))
    leaf = long_ca.issue("sensor-1")
    for data in (leaf.pem, leaf.pem + long_ca.pem):
        problem = diagnose_upload(data, at=AT).problem
        assert problem is not None
        assert max(map(len, (problem.sentence, problem.next_step))) <= 1000
        assert all(len(value) <= 2000 for _, value in problem.values)


def test_a_malformed_extension_is_named_but_accepted_by_thumbprint() -> None:
    """OpenSSL's own clients cannot present such a certificate; others can."""
    ca = Plant(AT).line
    leaf = ca.issue("sensor-1", extensions=[malformed("2.5.29.31")])
    decision = decide(leaf, ca)
    assert (decision.accepted, decision.code) == (False, "chain-verified")
    assert all(named in decision.reason for named in ("CRL distribution points", "CN=sensor-1"))
    registered = a_client(scheme=THUMBPRINT, thumbprints=(leaf.thumbprint,))
    state = NamespaceState((), {"sensor-1": registered})
    assert authenticate(presented=leaf.der, user_name="sensor-1", state=state, at=AT).accepted


def test_a_name_that_openssl_cannot_read_is_named() -> None:
    """As VisibleString: no TLS server accepts it."""
    plant = Plant(AT)
    decision = decide(plant.leaf(swap=(b"\x0c\x08sensor-1", b"\x1a\x08sensor-1")), plant.line)
    assert decision.code == "chain-verified"
    assert dict(decision.failing.values)["at"] == "CN=sensor-1" if decision.failing else False


@pytest.mark.parametrize("explicit", ["ca", "client"])
def test_a_curve_described_by_parameters_is_refused(explicit: str) -> None:
    ca = Plant(AT).root.issue("Line 1 CA", ca=True, explicit_curve=explicit == "ca")
    leaf = ca.issue("sensor-1", explicit_curve=explicit == "client")
    decision = decide(leaf, ca)
    assert decision.code == "chain-verified"
    assert decision.failing is not None
    assert EXPLICIT_CURVE in dict(decision.failing.values)["key"]


@pytest.mark.parametrize("after", [b"\x00", b"\x05\x00", bytes(200)])
def test_bytes_after_the_certificate_make_it_unreadable(after: bytes) -> None:
    """Also where the library's objections to other parts are set aside: its thumbprint would be another one."""
    plant = Plant(AT)
    odd = plant.leaf(swap=(b"\x0c\x08sensor-1", b"\x14\x08s\xe9nsor-1"))
    for leaf in (plant.sensor, odd):
        decision = decide(replace(leaf, der=leaf.der + after), plant.line)
        assert decision.code == "certificate-readable"
