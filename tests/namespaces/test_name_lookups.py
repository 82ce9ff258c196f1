"""A row is found by its name through an index, whatever the case: on SQLite here, on PostgreSQL by `test_on_postgresql`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certificates.models import CACertificate
from namespaces.access import get_resource
from namespaces.actions.clients import create_client
from namespaces.connections.log_import import ConnectionIntake
from namespaces.importing.runs import take_resource
from namespaces.models import Client, ClientGroup, Namespace, PermissionBinding, TopicSpace
from portal.models import User
from sync.models import Finding, SyncedModel
from sync.push.conflicts import upsert_finding
from tests.support.database.factories import (
    make_ca_certificate,
    make_client_group,
    make_namespace,
    make_permission_binding,
    make_topic_space,
    make_user,
)
from tests.support.database.query_plans import conditions_on, forget_statistics

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
MANY = 2000 if connection.vendor == "postgresql" else 100  # few rows PostgreSQL reads one by one, whatever the indexes


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def factory(ada: User) -> Namespace:
    return make_namespace("factory", owner=ada)


def make_many(factory: Namespace) -> None:
    rows = []
    for number in range(MANY):
        rows.append(Client(namespace=factory, name=f"Sensor-{number}", synced_generation=1))
        rows[-1].validation_scheme = "SubjectMatchesAuthenticationName"
        rows[-1].set_authentication_name(f"sensor-{number}")
    Client.objects.bulk_create(rows)
    Finding.objects.bulk_create(
        Finding(kind="namespaces.client", scope=factory.pk, name=f"Sensor-{number}", found_at=AT, seen_at=AT)
        for number in range(MANY)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def resource(factory: Namespace, name: str) -> dict[str, Any]:
    properties = {"authenticationName": name, "state": "Enabled"}
    return {"id": f"{factory.resource_id}/clients/{name}", "name": name, "properties": properties}


def open_client(ada: User, factory: Namespace) -> None:
    assert get_resource(ada, Client, factory.pk, "sensor-77").name == "Sensor-77"


def import_client(ada: User, factory: Namespace) -> None:
    assert take_resource(Client, factory, resource(factory, "sensor-77")).pk is not None


def add_client(ada: User, factory: Namespace) -> None:
    scheme = "SubjectMatchesAuthenticationName"
    create_client(ada, namespace=factory, team=None, name="new", authentication_name="", validation_scheme=scheme)


def log_connection(ada: User, factory: Namespace) -> None:
    record = {"cursor": 1, "time": AT.isoformat(), "resultType": "Succeeded", "clientName": "sensor-77"}
    ConnectionIntake().take(factory.pk, [record], 1)
    assert Client.objects.filter(namespace=factory).named("SENSOR-77").get().last_seen_at == AT


def find_difference(ada: User, factory: Namespace) -> None:
    found = upsert_finding(kind="namespaces.client", scope=factory.pk, name="sensor-77", at=AT)
    assert found.name == "Sensor-77"


# The second has the order of the list behind the name; PostgreSQL takes either.
CLIENTS = ("client_name_unique_ignoring_case", "clients_in_order")


@pytest.mark.parametrize(
    ("table", "indexes", "use"),
    [
        ("namespaces_client", CLIENTS, open_client),
        ("namespaces_client", CLIENTS, import_client),
        pytest.param("namespaces_client", CLIENTS, add_client, marks=pytest.mark.django_db(transaction=True)),
        ("namespaces_client", CLIENTS, log_connection),
        ("sync_finding", ("one_unresolved_finding_per_resource",), find_difference),
    ],
)
def test_names_are_looked_up_by_an_index(
    ada: User, factory: Namespace, table: str, indexes: tuple[str, ...], use: Callable[[User, Namespace], None]
) -> None:
    make_many(factory)
    with CaptureQueriesContext(connection) as asked:
        use(ada, factory)
    # SQLite writes the lower-case name as <expr>, and could use the index for the namespace alone.
    conditions = conditions_on(asked, table)
    forget_statistics()  # one of these tests commits
    by_name = [each for each in conditions if "<expr>=?" in each or "lower(" in each]
    assert any(index in each for each in by_name for index in indexes), conditions


@pytest.mark.parametrize(
    ("model", "make"),
    [
        (CACertificate, make_ca_certificate),
        (ClientGroup, make_client_group),
        (TopicSpace, make_topic_space),
        (PermissionBinding, make_permission_binding),
    ],
)
def test_names_ignore_case(ada: User, factory: Namespace, model: type[SyncedModel], make: Callable[..., Any]) -> None:
    """Names are matched as they are, too: `_` and `%` stand for nothing else."""
    row = make(factory, "Line-A")
    make(factory, "Line-B")
    assert get_resource(ada, model, factory.pk, "lINE-a").pk == row.pk
    rows: Any = model._default_manager
    assert not rows.named("Line_A").exists()
    assert not rows.named("Line%").exists()
