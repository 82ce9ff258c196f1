"""The data migrations do not change the final state of a row, whatever its push was doing when they ran."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from namespaces.actions.clients import change_authentication_name, delete_client
from namespaces.actions.topic_rules import update_permission_binding
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync import registry
from sync.actions import retry
from sync.arm.gateway import arm_gateway
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, claim, push
from sync.push.delivery import deliver
from tests.support.database.factories import make_client, make_namespace, make_permission_binding, make_topic_space
from tests.sync.arranging import (
    NEVER_ARRIVED,
    ON_ITS_WAY,
    again,
    change_in_azure,
    edit,
    lease_runs_out,
    make,
    recheck,
    scan,
    settled,
)
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("portal", "0003_activity_by_outcome"), ("sync", "0004_discards"), ("namespaces", "0008_role_since")]
BEFORE += [("certificates", "0004_lanes_of_urgent_bulks")]
KEYS = import_module("namespaces.migrations.0010_snake_case_keys")
STATES = import_module("certificates.migrations.0006_copy_sent_states")


def migrate(targets: list[tuple[str, str]]) -> Any:
    """Migrate to the given migrations, and return the models at that point."""
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def newest() -> list[tuple[str, str]]:
    return list(MigrationExecutor(connection).loader.graph.leaf_nodes())


@pytest.fixture(autouse=True)
def _newest_afterwards(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    settings.ARM_LATE_SECONDS = 3600  # a doubt outlasts the migrations, also on a slow machine
    monkeypatch.setattr(KEYS, "BATCH", 3)
    monkeypatch.setattr(STATES, "BATCH", 2)
    yield
    migrate(newest())


class Stage:
    """Rows of one namespace; the workers stopped at a different point of each push."""

    def __init__(self, arm: ScriptedArm, ada: User, namespace: Namespace) -> None:
        self.arm, self.ada, self.namespace = arm, ada, namespace
        self.rows: dict[str, Any] = {}
        self.late: list[Callable[[], None]] = []

    def arrange(self) -> None:
        for name in (
            *("new", "pending", "claimed", "claimed_half_replaced", "uncertain", "changed_by_others"),
            *("doubtful", "settled_in_doubt", "parked", "deleting", "deleting_claimed", "deleting_in_doubt"),
            *("kept_ours", "binding"),
        ):
            self.rows[name] = getattr(self, f"_{name}")(name.replace("_", "-"))

    def _new(self, name: str) -> Client:
        return make(self.ada, self.namespace, name)

    def _pending(self, name: str) -> Client:
        client = settled(self.ada, self.namespace, name)
        edit(self.ada, client, description="first")
        return edit(self.ada, client, description="second")

    def _claimed(self, name: str) -> Client:
        """The worker was killed after Azure had applied its change, and another edit followed."""
        client = self._pending(name)
        self._die(client)
        return edit(self.ada, client, description="third")

    def _claimed_half_replaced(self, name: str) -> Client:
        """The worker was killed between DELETE and PUT."""
        client = settled(self.ada, self.namespace, name)
        change_authentication_name(self.ada, client=client, authentication_name=f"{name}-renamed")
        self.arm.script("PUT", refused("TooManyRequests", 429))
        self._die(client)
        return client

    def _uncertain(self, name: str) -> Client:
        client = settled(self.ada, self.namespace, name)
        change_authentication_name(self.ada, client=client, authentication_name=f"{name}-renamed")
        self.arm.script("PUT", refused("TooManyRequests", 429))
        assert push(again(client)) is Pushed.DELAYED
        return client

    def _changed_by_others(self, name: str) -> Client:
        client = self._pending(name)
        self.arm.script("PUT", NEVER_ARRIVED)
        assert push(again(client)) is Pushed.DELAYED
        change_in_azure(self.arm, client, description="theirs")
        return client

    def _doubtful(self, name: str) -> Client:
        client = self._pending(name)
        self._lose_until_later("PUT", client)
        return edit(self.ada, client, description="third")

    def _settled_in_doubt(self, name: str) -> Client:
        """Replaced at the second try; the DELETE of the first try may still delete the successor."""
        client = settled(self.ada, self.namespace, name)
        change_authentication_name(self.ada, client=client, authentication_name=f"{name}-renamed")
        self._lose_until_later("DELETE", client)
        assert push(again(client)) is Pushed.SUCCEEDED
        assert again(client).recheck_at is not None
        return client

    def _parked(self, name: str) -> Client:
        client = self._pending(name)
        self.arm.script("PUT", refused("InvalidInput"))
        assert push(again(client)) is Pushed.PARKED
        return client

    def _deleting(self, name: str) -> Client:
        client = settled(self.ada, self.namespace, name)
        delete_client(self.ada, client=client)
        return client

    def _deleting_claimed(self, name: str) -> Client:
        client = self._deleting(name)
        self._die(client)
        return client

    def _deleting_in_doubt(self, name: str) -> Client:
        client = self._pending(name)
        self._lose_until_later("PUT", client)
        delete_client(self.ada, client=again(client))
        assert push(again(client)) is Pushed.STILL_DUE
        return client

    def _kept_ours(self, name: str) -> Client:
        """A retry of an uncertain change: the activity log has no state for its generation."""
        client = self._pending(name)
        self.arm.script("PUT", NEVER_ARRIVED)
        assert push(again(client)) is Pushed.DELAYED
        self.arm.script("PUT", refused("InvalidInput"))
        assert push(again(client)) is Pushed.PARKED
        retry(self.ada, row=again(client))
        return client

    def _binding(self, name: str) -> Any:
        space = make_topic_space(self.namespace, synced_generation=0)
        assert push(again(space)) is Pushed.SUCCEEDED
        row = make_permission_binding(self.namespace, name, group="$all", space=space.name, synced_generation=0)
        assert push(again(row)) is Pushed.SUCCEEDED
        for text in ("first", "second"):
            update_permission_binding(
                self.ada,
                binding=row,
                client_group_name=row.client_group_name,
                topic_space_name=row.topic_space_name,
                permission=row.permission,
                description=text,
            )
            if text == "first":
                self._die(row)
        return row

    def _die(self, row: Any) -> None:
        (claimed,) = claim(type(row), [row.pk])
        deliver(claimed, arm_gateway())
        lease_runs_out(row)

    def _lose_until_later(self, method: str, row: Any) -> None:
        self.arm.script(method, ON_ITS_WAY)
        assert push(again(row)) is Pushed.DELAYED
        self.late += self.arm.late
        self.arm.late.clear()

    def finish(self) -> dict[str, Any]:
        """Apply delayed requests, push everything, and return the state of each row and its resource."""
        first = {name: self._push(row) for name, row in self.rows.items()}
        for land in self.late:
            land()
        return {name: (first[name], self._end_of(row)) for name, row in self.rows.items()}

    def _push(self, row: Any) -> str:
        current = type(row).objects.filter(pk=row.pk).first()
        return str(push(again(row))) if current is not None else "gone"

    def _end_of(self, row: Any) -> tuple[Any, ...]:
        if type(row).objects.filter(pk=row.pk, recheck_at__isnull=False).exists():
            recheck(row)
            self._push(row)
        current = type(row).objects.filter(pk=row.pk).first()
        held = self.arm.held(row.arm_id()) or {}
        state = (current.sync_state, current.parked_code, current.is_in_doubt) if current is not None else None
        return state, held.get("authenticationName"), held.get("description")


class StoredKeys:
    """Two clients of one namespace, with entries of the activity log and a finding whose keys are converted."""

    def __init__(self, arm: ScriptedArm, ada: User, namespace: Namespace) -> None:
        attributes = {"validation_scheme": "a value, and no key"}
        self.client = settled(ada, namespace, attributes=attributes)
        azures = {"validationScheme": "DnsMatchesAuthenticationName"}
        change_in_azure(arm, self.client, clientCertificateAuthentication=azures)
        scan(namespace)
        for row in (make_client(namespace, "other", synced_generation=0), self.client):
            change_authentication_name(ada, client=row, authentication_name=f"{row.name}-renamed")
        self.finding = Finding.objects.get(scope=namespace.pk)
        self.converted = self.read()

    def read(self) -> tuple[Any, ...]:
        return (
            list(Activity.objects.order_by("pk").values_list("before", "after")),
            Finding.objects.get(pk=self.finding.pk).fields,
        )

    def check_labels(self, old: Any) -> None:
        """Check that the migrations back made labels of the keys, and left values alone."""
        entries = old.get_model("portal", "Activity").objects.filter(kind=self.client.kind)
        states = [state for entry in entries for state in (entry.after,) if state]
        assert all({"authentication name", "validation scheme"} <= state.keys() for state in states)
        own = entries.filter(object_pk=self.client.pk)
        assert next(entry.after["attributes"] for entry in own if entry.after) == self.client.attributes
        finding = old.get_model("sync", "Finding").objects.get(pk=self.finding.pk)
        assert "validation scheme" in [field["field"] for field in finding.fields]

    def check_keys(self, apps: Any) -> None:
        """Check that the keys are those of before, also when the conversion is run again."""
        assert self.read() == self.converted
        sent = list(Client.objects.order_by("pk").values_list("pk", "sent_states", "replaced_state"))
        of_ours = next(states for pk, states, _ in sent if pk == self.client.pk)
        assert [each["generation"] for each in of_ours] == [1, 2]
        with connection.schema_editor() as editor:  # as after an interruption
            KEYS.to_keys(apps, editor)
            STATES.copy_from_the_activity_log(apps, editor)
        assert list(Client.objects.order_by("pk").values_list("pk", "sent_states", "replaced_state")) == sent
        assert self.read() == self.converted


def test_migrating_back_and_forth_changes_no_stored_key_and_no_end_of_a_row(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    """One pass for both, which takes half a minute."""
    plant, press = (make_namespace(name, contributor=ada) for name in ("plant", "press"))
    stages = [Stage(arm, ada, namespace) for namespace in (factory, plant)]
    stages[0].arrange()
    expected = stages[0].finish()
    stages[1].arrange()
    stored = StoredKeys(arm, ada, press)
    stored.check_labels(migrate(BEFORE))
    stored.check_keys(migrate(newest()))
    assert stages[1].finish() == expected
    ends = {name: end for name, (_, end) in expected.items()}
    assert ends["claimed"] == (("Succeeded", "", False), "claimed", "third")
    assert ends["claimed_half_replaced"][0] == ("Succeeded", "", False)
    assert ends["changed_by_others"] == (("Failed", "ChangedInAzure", True), "changed-by-others", "theirs")
    assert ends["doubtful"] == (("Succeeded", "", False), "doubtful", "third")
    assert ends["settled_in_doubt"] == (("Succeeded", "", False), "settled-in-doubt-renamed", None)
    assert ends["binding"] == (("Succeeded", "", False), None, "second")
    assert ends["deleting_in_doubt"] == (None, None, None)


def test_every_synced_model_is_migrated() -> None:
    assert {f"{app}.{name}".lower() for app, name in STATES.MODELS} == {
        model._meta.label_lower for model in registry.models()
    }
