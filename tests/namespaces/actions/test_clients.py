"""Changes of clients: what is saved, what is rejected, and what is recorded."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from namespaces.actions import clients as actions
from namespaces.models import Client, Namespace
from namespaces.rules.errors import RuleError
from portal.celery import app as celery_app
from portal.models import Activity
from sync.models import SyncState
from sync.workers import wakeups
from tests.support.database.factories import make_client, make_namespace, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

SUBJECT = "SubjectMatchesAuthenticationName"


def create(namespace: Namespace, name: str = "sensor-1", **fields: Any) -> Client:
    actor = fields.pop("actor", None) or owner_of(namespace)
    return actions.create_client(
        actor,
        **{
            "namespace": namespace,
            "team": None,
            "name": name,
            "authentication_name": name,
            "validation_scheme": SUBJECT,
            **fields,
        },
    )


def refused(call: Any, *args: Any, **kwargs: Any) -> RuleError:
    with pytest.raises(RuleError) as refusal:
        call(*args, **kwargs)
    return refusal.value


def test_a_new_client_is_due_and_its_activity_waits_for_the_sync() -> None:
    user = make_user()
    team = make_team("Line 1", user)
    client = create(make_namespace(contributor=user), actor=user, team=team, attributes={"floor": 2})
    assert client.sync_state is SyncState.PENDING
    assert list(Client.objects.due(timezone.now())) == [client]
    entry = Activity.objects.get()
    assert (entry.verb, entry.actor, entry.team_name) == ("Create client", user, "Line 1")
    assert entry.outcome == Activity.Outcome.PENDING
    assert entry.before is None
    assert entry.after["attributes"] == {"floor": 2}


def test_an_empty_authentication_name_is_the_name() -> None:
    assert create(make_namespace(), authentication_name="").authentication_name == "sensor-1"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ".."}, "name"),
        ({"name": "a b"}, "name"),
        ({"authentication_name": "x" * 129}, "authentication_name"),
        ({"validation_scheme": "Anything"}, "validation_scheme"),
        ({"thumbprints": ["a" * 64]}, "thumbprints"),
        ({"validation_scheme": "ThumbprintMatch"}, "thumbprints"),
        ({"state": "Paused"}, "state"),
        ({"description": "x" * 513}, "description"),
        ({"attributes": {"on": True}}, "attributes"),
    ],
)
def test_what_the_rules_refuse_is_not_stored(fields: dict[str, Any], field: str) -> None:
    assert refused(create, make_namespace(), **fields).field == field
    assert not Client.objects.exists()
    assert not Activity.objects.exists()


def test_a_name_that_differs_only_in_case_is_taken() -> None:
    namespace = make_namespace()
    create(namespace, "Sensor-1")
    refusal = refused(create, namespace, "sensor-1", authentication_name="other")
    assert (refusal.field, refusal.code) == ("name", "taken")
    assert "Sensor-1" in refusal.sentence


def test_an_authentication_name_that_differs_only_in_case_is_taken_also_beyond_ascii() -> None:
    namespace = make_namespace()
    create(namespace, "one", authentication_name="GRÖßE")
    assert refused(create, namespace, "two", authentication_name="grösse").field == "authentication_name"


def test_the_same_names_are_free_in_another_namespace() -> None:
    create(make_namespace("one"), "sensor-1")
    create(make_namespace("two"), "sensor-1")
    assert Client.objects.count() == 2


def test_the_database_refuses_what_no_action_let_through() -> None:
    namespace = make_namespace()
    make_client(namespace, "sensor-1")
    for name, authentication_name in (("SENSOR-1", "x"), ("sensor-2", "Sensor-1"), ("..", "y")):
        with pytest.raises(IntegrityError), transaction.atomic():
            make_client(namespace, name, authentication_name=authentication_name)


def test_someone_elses_team_is_refused() -> None:
    assert refused(create, make_namespace(), team=make_team("Line 2")).field == "team"


def test_a_full_namespace_takes_no_more_clients(settings: Any) -> None:
    settings.MAX_CLIENTS = 1
    namespace = make_namespace()
    create(namespace, "one")
    assert refused(create, namespace, "two").code == "limit"


def update(client: Client, actor: Any = None, **fields: Any) -> Client:
    now = {
        "validation_scheme": client.validation_scheme,
        "thumbprints": client.thumbprints,
        "state": client.state,
        "description": client.description,
        "attributes": client.attributes,
    }
    return actions.update_client(actor or owner_of(client.namespace), client=client, **{**now, **fields})


def test_an_edit_raises_the_generation_and_tells_before_and_after() -> None:
    client = make_client(make_namespace())
    update(client, state="Disabled")
    client.refresh_from_db()
    assert (client.generation, client.synced_generation, client.state) == (2, 1, "Disabled")
    entry = Activity.objects.get()
    assert (entry.before["state"], entry.after["state"], entry.generation) == ("Enabled", "Disabled", 2)


def test_an_edit_that_changes_nothing_is_no_change() -> None:
    client = make_client(make_namespace())
    update(client)
    client.refresh_from_db()
    assert client.is_settled
    assert not Activity.objects.exists()


def test_an_edit_of_a_parked_row_makes_it_due_again() -> None:
    client = make_client(make_namespace(), generation=2, parked_code="InvalidRequest", parked_message="No.")
    update(client, description="better")
    client.refresh_from_db()
    assert client.parked_code == ""
    assert Client.objects.due(timezone.now()).exists()


def test_an_edit_keeps_what_a_worker_wrote_meanwhile() -> None:
    client = make_client(make_namespace(), generation=2)
    Client.objects.filter(pk=client.pk).update(synced_generation=2, base={"properties": {"kept": 1}})
    update(client, description="new")
    client.refresh_from_db()
    assert (client.synced_generation, client.generation) == (2, 3)
    assert client.base == {"properties": {"kept": 1}}


def test_a_changed_authentication_name_is_one_change() -> None:
    client = make_client(make_namespace())
    actions.change_authentication_name(owner_of(client.namespace), client=client, authentication_name="Halle 7")
    client.refresh_from_db()
    assert (client.authentication_name, client.authentication_key) == ("Halle 7", "halle 7")
    assert Activity.objects.get().verb == "Change authentication name"


def test_an_authentication_name_of_another_client_is_refused_on_change() -> None:
    namespace = make_namespace()
    make_client(namespace, "one")
    two = make_client(namespace, "two")
    user = owner_of(namespace)
    refusal = refused(actions.change_authentication_name, user, client=two, authentication_name="ONE")
    assert refusal.field == "authentication_name"


def test_a_deleted_client_stays_until_azure_confirms_and_takes_no_edits() -> None:
    client = make_client(make_namespace())
    user = owner_of(client.namespace)
    actions.delete_client(user, client=client)
    client.refresh_from_db()
    assert client.sync_state is SyncState.DELETING
    assert refused(update, client, user).code == "gone"
    assert refused(actions.delete_client, user, client=client).code == "gone"


def test_a_name_that_waits_for_deletion_is_revived() -> None:
    client = make_client(make_namespace())
    user = owner_of(client.namespace)
    actions.delete_client(user, client=client)
    again = create(client.namespace, client.name, description="back")
    assert again.pk == client.pk
    assert again.deleted_at is None
    assert (again.generation, again.description) == (3, "back")


def test_an_authentication_name_that_waits_for_deletion_says_so() -> None:
    client = make_client(make_namespace(), "old", authentication_name="press")
    user = owner_of(client.namespace)
    actions.delete_client(user, client=client)
    assert refused(create, client.namespace, "new", authentication_name="press").code == "being-deleted"


@pytest.mark.parametrize(
    "url", ["filesystem://", "amqp://127.0.0.1:1//"], ids=["its folder is blocked", "nobody listens"]
)
def test_a_broker_that_is_away_fails_no_request(
    url: str,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    blocked = tmp_path / "a-file-where-the-broker-should-be"
    blocked.write_text("")
    options = {"data_folder_out": str(blocked), "data_folder_in": str(blocked)}
    app: Any = celery_app
    before = app.conf.broker_transport_options, app.conf.broker_write_url
    app.conf.broker_transport_options = options if url.startswith("filesystem") else {}
    app.conf.broker_write_url = url
    monkeypatch.setattr(wakeups, "_woken_at", 0.0)  # otherwise an earlier message would hold this one back
    app.pool.force_close_all()
    app.amqp._producer_pool = None
    try:
        with django_capture_on_commit_callbacks(execute=True):
            create(make_namespace())
    finally:
        app.conf.broker_transport_options, app.conf.broker_write_url = before
        app.pool.force_close_all()
        app.amqp._producer_pool = None
    assert Client.objects.due(timezone.now()).count() == 1
    assert [(each.name, each.levelname) for each in caplog.records if each.name == "portal.celery"] == [
        ("portal.celery", "WARNING")
    ]
