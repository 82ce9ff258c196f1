"""The known clients of a CA certificate: who signed them, who else is trusted, and when they expire."""

from datetime import timedelta

import pytest

from certificates.authentication.ca_usage import CAInsight, KnownCertificate, inspect_ca
from certificates.authentication.engine import NamespaceState, TrustedCA
from tests.certificates.authentication.engine_table.cases import THUMBPRINT, Plant, a_client
from tests.support.certificates.chains import AT, YEAR, Identity, authority

PLANT = Plant(AT)
OTHER = authority("Other Root CA")
SENSOR_1, SENSOR_2 = PLANT.line.issue("sensor-1"), PLANT.line.issue("sensor-2", not_after=AT + timedelta(days=9))


def known(name: str, leaf: Identity, *chain: Identity) -> KnownCertificate:
    return KnownCertificate(name, leaf.der, tuple(identity.der for identity in chain))


def inspect(name: str, uploaded: dict[str, Identity], *entries: KnownCertificate) -> CAInsight:
    cas = tuple(TrustedCA(ca_name, identity.der) for ca_name, identity in uploaded.items())
    clients = {"by-thumbprint": a_client("by-thumbprint", THUMBPRINT, name="by-thumbprint")}
    return inspect_ca(name, NamespaceState(cas, clients), entries, at=AT)


def test_the_clients_it_signed_are_named_the_first_to_end_first() -> None:
    found = inspect("line-1", {"line-1": PLANT.line}, known("s-1", SENSOR_1), known("s-2", SENSOR_2))
    assert [client.client_name for client in found.signed] == ["s-2", "s-1"]
    assert all(client.is_direct for client in found.signed)
    assert found.signed[0].client_name == "s-2"


def test_clients_of_other_cas_are_not_its_own() -> None:
    found = inspect("other", {"line-1": PLANT.line, "other": OTHER}, known("s-1", SENSOR_1))
    assert (found.is_used, found.dependents) == (False, ())


def test_a_client_without_another_trusted_issuer_is_a_dependent() -> None:
    found = inspect("line-1", {"line-1": PLANT.line, "other": OTHER}, known("s-1", SENSOR_1))
    assert [client.client_name for client in found.dependents] == ["s-1"]


def test_a_client_that_sends_its_chain_still_reaches_the_root() -> None:
    uploaded = {"line-1": PLANT.line, "plant-root": PLANT.root}
    found = inspect("line-1", uploaded, known("with", SENSOR_1, PLANT.line), known("without", SENSOR_2))
    assert {client.client_name: client.other_anchor for client in found.signed} == {"with": "plant-root", "without": ""}
    assert [client.client_name for client in found.dependents] == ["without"]


def test_a_root_counts_the_clients_below_its_intermediate() -> None:
    found = inspect("plant-root", {"plant-root": PLANT.root}, known("s-1", SENSOR_1, PLANT.line))
    assert [(client.is_direct, client.would_lose_issuer) for client in found.signed] == [(False, True)]


def test_a_renewed_ca_certificate_takes_over() -> None:
    renewed = PLANT.root.issue("Line 1 CA", ca=True, path_length=0, not_after=AT + 12 * YEAR)
    found = inspect("line-1", {"line-1": PLANT.line, "renewed": renewed}, known("s-1", SENSOR_1))
    assert [client.other_anchor for client in found.signed] == ["renewed"]


def test_another_key_under_the_same_name_signed_nothing() -> None:
    twin = PLANT.root.issue("Line 1 CA", ca=True, path_length=0, key_label="twin")
    assert not inspect("twin", {"twin": twin}, known("s-1", SENSOR_1)).is_used


def test_clients_that_outlive_their_ca_certificate_are_told() -> None:
    short = PLANT.root.issue("Short CA", ca=True, not_after=AT + timedelta(days=20))
    leaves = known("long", short.issue("long")), known("brief", short.issue("brief", not_after=AT + timedelta(days=5)))
    found = inspect("short", {"short": short}, *leaves)
    assert [client.client_name for client in found.expire_later] == ["long"]


def test_thumbprint_clients_and_what_cannot_be_read_are_left_out() -> None:
    entries = known("by-thumbprint", SENSOR_1), KnownCertificate("odd", b"nonsense", (b"more",))
    assert not inspect("line-1", {"line-1": PLANT.line}, *entries).is_used


def test_an_expired_client_is_not_a_dependent() -> None:
    expired = PLANT.line.issue("old", not_after=AT - timedelta(days=1))
    found = inspect("line-1", {"line-1": PLANT.line}, known("old", expired))
    assert [(client.is_trusted, client.would_lose_issuer) for client in found.signed] == [(False, False)]


def test_an_unknown_name_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        inspect("nobody", {"line-1": PLANT.line})
