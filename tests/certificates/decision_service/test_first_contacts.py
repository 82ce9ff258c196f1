"""Devices without a client at the decision service: over TLS, by two processes, with a database that may be away."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from certificates.actions.decision_rules.bindings import bind_issuer
from certificates.actions.first_contact.blocks import release_name
from certificates.actions.first_contact.templates import TemplateValues, set_template
from certificates.models import BlockedName, CACertificate, RegisteredDevice, RegistrationTemplate, WaitingDevice
from namespaces.actions.clients import delete_client
from namespaces.models import Client, ConnectionAttempt
from tests.certificates.decision_service.conftest import Asking, make_asking
from tests.certificates.decision_service.deciding import DecidingPortal
from tests.support.database.factories import owner_of
from tests.support.waiting import until

VALUES = TemplateValues(mode="register", attributes={"line": 9}, per_minute=100)
AZURE_WAITS = 5.0  # seconds


@pytest.fixture
def database(deciding: DecidingPortal, django_db_blocker: Any) -> Iterator[None]:
    with deciding.database(django_db_blocker):
        yield


@pytest.fixture
def asking(deciding: DecidingPortal, database: None, request: pytest.FixtureRequest) -> Asking:
    """A namespace of the test's own, whose CA certificate registers devices, as both processes know."""
    made = make_asking(deciding, request.node.name.replace("_", "-")[:40].strip("-"))
    set_to(made, VALUES)
    until(lambda: all(made.ask()[0] == 200 for _ in range(20)), "each process knows the namespace")
    return made


def set_to(asking: Asking, values: TemplateValues) -> None:
    ca = CACertificate.objects.get(namespace=asking.namespace)
    set_template(owner_of(asking.namespace), ca=ca, values=values)


def comes(asking: Asking, name: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Let a device of this name connect, with a certificate of the namespace's CA."""
    return asking.ask(clientCertificate=asking.line.issue(name).pem.decode(), userName=name, **changes)


def rows(asking: Asking, name: str) -> Any:
    return Client.objects.filter(namespace=asking.namespace, authentication_name=name)


def attempts(asking: Asking, outcome: str) -> list[ConnectionAttempt]:
    found = ConnectionAttempt.objects.filter(namespace=asking.namespace)
    return [each for each in found if each.record.get("firstContact") == outcome]


def test_a_device_is_let_in_when_its_client_is_committed(asking: Asking) -> None:
    status, answer = comes(asking, "press-9")
    assert (status, answer["decision"], answer["attributes"]) == (200, "allow", {"line": 9})
    assert rows(asking, "press-9").get().created_by == owner_of(asking.namespace)
    assert all(comes(asking, "press-9")[1]["decision"] == "allow" for _ in range(20))  # by each process
    assert RegisteredDevice.objects.filter(ca__namespace=asking.namespace).count() == 1
    until(lambda: len(attempts(asking, "registered")) == 1, "the connection log names it")
    row = attempts(asking, "registered")[0]
    assert (row.accepted, row.client_name, row.record["decision"]["code"]) == (True, "press-9", "accepted")


def test_many_connections_at_once_make_one_client(asking: Asking) -> None:
    names = [f"press-{at % 3}" for at in range(24)]
    with ThreadPoolExecutor(len(names)) as threads:
        answers = list(threads.map(lambda name: comes(asking, name), names))
    assert {(status, answer.get("decision")) for status, answer in answers} == {(200, "allow")}
    assert [rows(asking, name).count() for name in ("press-0", "press-1", "press-2")] == [1, 1, 1]
    assert RegisteredDevice.objects.filter(ca__namespace=asking.namespace).count() == 3


def test_without_the_database_nobody_is_registered(asking: Asking) -> None:
    """503 within the time that Azure waits, and meanwhile clients that are known are let in at once."""
    with closing(sqlite3.connect(asking.portal.database_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as threads:
            began = time.monotonic()
            held = threads.submit(comes, asking, "press-9")
            known = [asking.ask() for _ in range(20)]
            took = time.monotonic() - began
            assert held.result() == (503, {"error": "database-away"})
            assert time.monotonic() - began < AZURE_WAITS
        assert {status for status, _ in known} == {200}
        assert took < AZURE_WAITS / 2
        other.execute("ROLLBACK")
    until(lambda: comes(asking, "press-9")[0] == 200, "the database answers again")
    assert comes(asking, "press-9")[1]["decision"] == "allow"
    assert rows(asking, "press-9").count() == 1


def test_a_deleted_client_comes_back_only_when_it_is_released(asking: Asking) -> None:
    owner = owner_of(asking.namespace)
    assert comes(asking, "press-9")[1]["decision"] == "allow"
    delete_client(owner, client=rows(asking, "press-9").get())
    rows(asking, "press-9").delete()  # Azure has confirmed it
    until(lambda: all(comes(asking, "press-9")[1]["decision"] == "deny" for _ in range(20)), "each process refuses it")
    assert "client-found" in comes(asking, "press-9")[1]["errorReason"]
    release_name(owner, blocked=BlockedName.objects.get(namespace=asking.namespace, thumbprint=""))
    assert comes(asking, "press-9")[1]["decision"] == "allow"
    until(lambda: bool(attempts(asking, "blocked")), "the connection log says why")


def test_a_device_waits_or_is_refused_with_its_reason(asking: Asking) -> None:
    set_to(asking, replace(VALUES, mode="queue", patterns=("press-*",)))
    until(lambda: all("waits" in comes(asking, "press-9")[1].get("errorReason", "") for _ in range(10)), "it waits")
    row = WaitingDevice.objects.get(namespace=asking.namespace)
    assert (row.authentication_name, row.times >= 10, row.held) == ("press-9", True, "queue")
    assert comes(asking, "pump-1")[1]["decision"] == "deny"
    until(lambda: bool(attempts(asking, "refused") and attempts(asking, "waiting")), "the connection log names both")
    ca = CACertificate.objects.get(namespace=asking.namespace)
    bind_issuer(owner_of(asking.namespace), ca=ca, teams=[], groups=[], patterns=["pump-*"])
    set_to(asking, VALUES)
    until(lambda: comes(asking, "pump-1")[1]["decision"] == "allow", "the CA is bound to this name")
    until(lambda: "press" in comes(asking, "press-9")[1].get("errorReason", ""), "and to no other one")
    set_to(asking, replace(VALUES, mode="off"))
    until(lambda: all(comes(asking, "pump-2")[1].get("decision") == "deny" for _ in range(20)), "it is off everywhere")
    assert RegistrationTemplate.objects.get(ca=ca).mode == "off"
    assert not rows(asking, "press-9").exists()
