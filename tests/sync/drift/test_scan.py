"""Each class of drift is found and shown, and deleted after its time."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from certificates.actions.ca_certificates import update_ca_certificate
from certificates.models import CACertificate
from certificates.x509.reading import to_azure_pem
from namespaces.actions.clients import delete_client
from namespaces.actions.namespaces import disconnect_namespace
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync import registry, tasks
from sync.arm.gateway import ArmGateway
from sync.drift import resolutions
from sync.drift import scan as drift
from sync.models import Finding, Scan
from sync.pages import metrics
from sync.push.claim_and_settle import Pushed, push
from sync.registry import Scope
from sync.tasks import sweep
from sync.workers.leases import exclusive
from tests.support.database.factories import make_ca_certificate, make_ca_der, make_namespace, owner_of
from tests.support.servers.metrics import samples
from tests.sync.arranging import (
    again,
    change_in_azure,
    changed,
    delete_in_azure,
    edit,
    make,
    scan,
    settled,
    the_finding,
)
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


# Found


def test_equal_states_give_no_finding(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    for number in range(3):
        settled(ada, factory, f"sensor-{number}")
    run = scan(factory)
    assert (run.found, run.resources, run.requests, run.error) == (0, 3, len(registry.models()), "")
    assert not Finding.objects.exists()


def test_a_change_in_azure_is_found_by_field(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="ours")
    change_in_azure(arm, client, description="theirs", state="Disabled")
    scan(factory)
    finding = the_finding()
    assert (finding.drift, finding.object_pk) == (Finding.Class.CHANGED, client.pk)
    values = {each["field"]: (each["base"], each["ours"], each["azure"]) for each in finding.fields}
    assert values == {"description": ("ours", "ours", "theirs"), "state": ("Enabled", "Enabled", "Disabled")}
    assert Activity.objects.filter(verb="Changed in Azure", object_pk=client.pk).exists()
    assert again(client).description == "ours"


def test_a_change_on_both_sides_is_found_as_such(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_in_azure(arm, client, description="theirs")
    edit(ada, client, description="ours")
    scan(factory)
    assert the_finding().drift == Finding.Class.BOTH


def test_a_resource_deleted_in_azure_is_found(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    delete_in_azure(arm, client)
    scan(factory)
    finding = the_finding()
    assert (finding.drift, finding.resource) == (Finding.Class.DELETED, None)
    assert Client.objects.exists()


def test_a_resource_that_appeared_in_azure_is_found(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    arm.hold(f"{factory.resource_id}/clients/stranger", {"authenticationName": "stranger"})
    scan(factory)
    finding = the_finding()
    assert (finding.drift, finding.name, finding.is_loud) == (Finding.Class.APPEARED, "stranger", False)
    assert not Client.objects.exists()


def test_an_unknown_ca_certificate_is_loud(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    pem = to_azure_pem(make_ca_der())
    arm.hold(f"{factory.resource_id}/caCertificates/stranger", {"encodedCertificate": pem})
    scan(factory)
    finding = the_finding()
    assert finding.is_loud
    assert finding.note == CACertificate.drift_alarm(None)


def test_a_foreign_ca_under_the_name_of_ours_stays_loud_after_a_scan(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    arm.hold(row.arm_id(), {"encodedCertificate": to_azure_pem(make_ca_der())})
    assert push(row) is Pushed.PARKED
    scan(factory)
    finding = the_finding()
    assert finding.is_loud
    assert finding.note == CACertificate.drift_alarm(None)


def test_an_edit_that_meets_a_ca_swapped_in_azure_is_loud(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    push(row)
    change_in_azure(arm, again(row), encodedCertificate=to_azure_pem(make_ca_der()))
    update_ca_certificate(ada, certificate=again(row), description="ours")
    assert push(again(row)) is Pushed.PARKED
    assert the_finding().is_loud


def test_an_edit_that_meets_another_description_is_not_loud(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    push(row)
    change_in_azure(arm, again(row), description="theirs")
    update_ca_certificate(ada, certificate=again(row), description="ours")
    assert push(again(row)) is Pushed.PARKED
    assert not the_finding().is_loud


def test_a_client_that_was_enabled_again_in_azure_is_loud(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, state="Disabled")
    change_in_azure(arm, client, state="Enabled")
    scan(factory)
    assert the_finding().is_loud


def test_an_equivalent_notation_is_no_drift(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_in_azure(arm, client, description=None, tagsOfTomorrow=[1])
    assert scan(factory).found == 0
    assert "tagsOfTomorrow" in again(client).base["properties"]


def test_rows_being_pushed_are_left_to_the_next_scan(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    made, going = make(ada, factory, "new"), settled(ada, factory, "going")
    delete_client(ada, client=going)
    assert scan(factory).found == 0
    assert push(again(made)) is Pushed.SUCCEEDED


def test_a_resource_deleted_during_a_scan_has_not_appeared(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    going = settled(ada, factory, "going")

    class Meanwhile(ArmGateway):
        def page_of_children(self, namespace_id: str, kind: str, link: str = "") -> tuple[list[dict[str, Any]], str]:
            listed = super().page_of_children(namespace_id, kind, link)
            if kind == "clients":
                delete_client(ada, client=going)
                assert push(again(going)) is Pushed.SUCCEEDED
                make(ada, factory, "coming")
            return listed

    run = drift.scan(Scope(factory.pk, factory.resource_id, factory.name), gateway=Meanwhile())
    assert (run.found, run.error) == (0, "")


def test_a_repeated_finding_stays_one_and_ends_with_its_cause(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_in_azure(arm, client, description="theirs")
    assert (scan(factory).found, scan(factory).found) == (1, 0)
    assert Finding.objects.count() == 1
    change_in_azure(arm, client, description="")
    scan(factory)
    assert Finding.objects.get().state == Finding.State.RESOLVED


def test_a_finding_about_a_deleted_resource_ends(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_in_azure(arm, client, description="theirs")
    scan(factory)
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.SUCCEEDED
    scan(factory)
    assert Finding.objects.get().state == Finding.State.RESOLVED


def test_a_rejected_scan_has_an_error_and_no_findings(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    settled(ada, factory)
    arm.script("GET", refused("AuthorizationFailed", 403))
    run = scan(factory)
    assert run.error.startswith("AuthorizationFailed")
    assert not Finding.objects.exists()


def test_a_namespace_is_compared_again_after_the_period(arm: ScriptedArm, factory: Namespace, settings: Any) -> None:
    assert [scope.pk for scope in drift.due_for_a_scan(timezone.now())] == [factory.pk]
    scan(factory)
    assert list(drift.due_for_a_scan(timezone.now())) == []
    settings.DRIFT_SCAN_SECONDS = 0
    assert [scope.pk for scope in drift.due_for_a_scan(timezone.now())] == [factory.pk]


def test_a_single_fault_of_azure_does_not_end_a_scan(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    settled(ada, factory)
    arm.script("GET", refused("ServiceUnavailable", 503, Retry_After="0"))
    run = scan(factory)
    assert (run.error, run.resources, run.requests) == ("", 1, len(registry.models()) + 1)


def test_a_failed_scan_is_repeated_soon_and_then_less_often(arm: ScriptedArm, factory: Namespace) -> None:
    at = timezone.now()

    def is_due(seconds: float) -> bool:
        return bool(list(drift.due_for_a_scan(at + timedelta(seconds=seconds))))

    def failed(ago: float) -> None:
        ended = at - timedelta(seconds=ago)
        Scan.objects.create(scope=factory.pk, started_at=ended, ended_at=ended, error="Azure did not answer in time")

    failed(0)
    assert (is_due(59), is_due(61)) == (False, True)
    failed(60)
    assert (is_due(119), is_due(121)) == (False, True)
    for number in range(2, 20):
        failed(60 * number)
    assert (is_due(899), is_due(901)) == (False, True)
    Scan.objects.create(scope=factory.pk, started_at=at + timedelta(seconds=1), ended_at=at + timedelta(seconds=9))
    assert (is_due(900), is_due(902)) == (False, True)  # counted from its start


def test_an_interrupted_scan_is_repeated(arm: ScriptedArm, factory: Namespace) -> None:
    Scan.objects.create(scope=factory.pk, started_at=timezone.now() - timedelta(seconds=90))
    assert [scope.pk for scope in drift.due_for_a_scan(timezone.now())] == [factory.pk]
    with exclusive(drift.lease_of(factory.pk), seconds=60):
        tasks.scan_all()
    assert Scan.objects.count() == 1  # it still runs in another process
    tasks.scan_all()
    assert Scan.objects.count() == 2


def test_a_scan_keeps_its_lease_while_it_waits_for_azure(
    arm: ScriptedArm, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.throttling.budgeted_reader.PROGRESS_INTERVAL", 0.0)
    with CaptureQueriesContext(connection) as asked:
        tasks.scan_all()
    written = [query["sql"] for query in asked if query["sql"].startswith('UPDATE "sync_lease"')]
    for name in ("drift", drift.lease_of(factory.pk)):
        taken_and_given_back = 2
        assert sum(f"'{name}'" in sql for sql in written) > taken_and_given_back + 1


# Forgotten


def test_findings_are_deleted_with_their_namespace(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    changed(arm, ada, factory)
    assert samples(metrics.exposition(), "portal_drift_open") == [({"class": "changed"}, 1)]
    disconnect_namespace(owner_of(factory), namespace=factory)
    assert not samples(metrics.exposition(), "portal_drift_open")
    assert not Scan.objects.exists()


def test_the_sweep_deletes_findings_of_a_scan_that_outlived_its_namespace(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    elsewhere = make_namespace("elsewhere")
    scope = Scope(factory.pk, factory.resource_id, factory.name)
    for namespace in (factory, elsewhere):
        arm.hold(f"{namespace.resource_id}/clients/stranger", {"authenticationName": "stranger"})
    scan(elsewhere)
    Namespace.objects.filter(pk=elsewhere.pk).update(unreachable_since=timezone.now())
    disconnect_namespace(owner_of(factory), namespace=factory)
    drift.scan(scope)
    assert Finding.objects.count() == 2
    sweep()
    assert list(Finding.objects.values_list("scope", flat=True)) == [elsewhere.pk]
    assert list(Scan.objects.values_list("scope", flat=True)) == [elsewhere.pk]


def test_only_findings_resolved_long_ago_are_deleted(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    for name in ("old", "fresh", "ignored"):
        change_in_azure(arm, settled(ada, factory, name), description="theirs")
    scan(factory)
    resolutions.take_azures(ada, finding=the_finding(name="old"))
    resolutions.take_azures(ada, finding=the_finding(name="fresh"))
    resolutions.ignore(ada, finding=the_finding(name="ignored"))
    Finding.objects.exclude(name="fresh").update(resolved_at=timezone.now() - timedelta(days=31))
    sweep()
    assert set(Finding.objects.values_list("name", flat=True)) == {"fresh", "ignored"}
