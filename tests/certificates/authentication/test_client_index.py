"""The clients of a certificate are looked up, without walking through all clients."""

import random
from collections.abc import Iterator

import pytest

from certificates.authentication.client_index import ClientIndex
from certificates.authentication.engine import ClientRecord, NamespaceState, authenticate, authentication_name_key
from certificates.authentication.matching import clients_of, matches_scheme
from certificates.authentication.types import VALIDATION_SCHEMES
from certificates.x509.certificate import load_certificate
from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.cases import Case, Plant, a_client
from tests.support.certificates.chains import AT

UNREADABLE = "certificate-readable"
CASES = [case for case in cases(AT) if case.presented is not None and case.fails_at != UNREADABLE]


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_they_are_those_whose_own_scheme_accepts_the_certificate(case: Case) -> None:
    assert case.presented is not None
    leaf = load_certificate(case.presented.der)
    names = {client.authentication_name for client in case.clients} | {"sensor-1", "10.0.0.9"}
    everybody = [
        ClientRecord(f"client-{number}", name, scheme.value, (leaf.thumbprint_sha256,) * (number % 2))
        for number, (name, scheme) in enumerate((n, s) for n in sorted(names) for s in VALIDATION_SCHEMES)
    ]
    for client in (*case.clients, *everybody):  # one at a time, as each name is one client's
        state = NamespaceState((), {authentication_name_key(client.authentication_name): client})
        assert clients_of(leaf, state) == ((client,) if matches_scheme(leaf, client) else ())


class _Watched(dict[str, ClientRecord]):
    """Clients that raise an error when iterated."""

    def _refuse(self) -> Iterator[str]:
        raise AssertionError("A refused CONNECT walked through all clients.")

    __iter__ = keys = values = items = _refuse  # type: ignore[assignment]


@pytest.mark.parametrize("user_name", ["nobody", "press-2", "sensor-2", " sensor-1", None])
def test_a_refused_connect_walks_through_no_clients(user_name: str | None) -> None:
    plant = Plant(AT)
    clients = {"sensor-1": a_client(name="press-1"), "sensor-2": a_client("sensor-2", name="press-2")}
    index = ClientIndex.of(clients)
    state = NamespaceState((), _Watched(clients), (), index)
    decision = authenticate(presented=plant.sensor.der, user_name=user_name, state=state, at=AT)
    assert not decision.accepted
    if user_name == "nobody":
        assert "press-1" in decision.fix
        assert "sensor-1" in decision.fix


def test_an_index_kept_through_changes_is_that_of_what_is_left() -> None:
    chance, clients, index = random.Random(7), dict[str, ClientRecord](), ClientIndex()
    for _ in range(500):
        key = chance.choice(["a", "b", "192.0.2.1", "2001:db8::1", "2001:db8:0::1"])
        before = clients.get(key)
        if chance.random() < 0.6:
            thumbprints = tuple(chance.sample(["1" * 64, "2" * 64, "3" * 64], chance.randint(0, 2)))
            clients[key] = ClientRecord(chance.choice(["x", "y"]), key, "ThumbprintMatch", thumbprints)
            index.put(key, clients[key], before)
        elif before is not None:
            del clients[key]
            index.discard(key, before)
        assert index == ClientIndex.of(clients)
