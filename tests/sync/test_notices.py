"""What sync announces: rejected and parked changes, and differences in Azure, each once."""

import pytest

from certificates.models import CACertificate
from certificates.x509.reading import to_azure_pem
from namespaces.models import Namespace
from portal.models import Notice, NoticeRecipient, User
from sync.push.claim_and_settle import Pushed, push
from tests.support.database.factories import make_ca_certificate, make_ca_der, make_team, make_user, owner_of
from tests.sync.arranging import again, change_in_azure, edit, scan, settled
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


def announced() -> list[tuple[str, str, int]]:
    return list(Notice.objects.order_by("pk").values_list("event", "object_name", "count"))


def test_a_rejected_change_is_announced_once(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, "sensor-1")
    edit(ada, client, description="ours")
    arm.script("PUT", refused("QuotaExceeded"))
    assert push(again(client)) is Pushed.PARKED
    assert push(again(client)) is Pushed.NOT_CLAIMED
    assert announced() == [("sync_rejected", "sensor-1", 1)]
    notice = Notice.objects.get()
    assert (notice.scope, notice.url) == (factory.pk, f"/namespaces/{factory.pk}/sync/")


def test_many_rejected_changes_are_one_notice(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    for number in range(3):
        client = settled(ada, factory, f"sensor-{number}")
        edit(ada, client, description="ours")
        arm.script("PUT", refused("QuotaExceeded"))
        assert push(again(client)) is Pushed.PARKED
    assert announced() == [("sync_rejected", "sensor-0", 3)]


def test_a_conflict_is_announced_as_parked(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, "sensor-1")
    change_in_azure(arm, client, description="theirs")
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.PARKED
    assert announced() == [("sync_parked", "sensor-1", 1)]


def test_differences_are_announced_once_and_to_their_team(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    line = make_team("Line 1", make_user("lea"))
    factory.roles.create(team=line, role="reader")
    for number in range(3):
        client = settled(ada, factory, f"sensor-{number}")
        type(client).objects.filter(pk=client.pk).update(team=line if number else None)
        change_in_azure(arm, client, description="theirs")
    scan(factory)
    scan(factory)
    assert [(event, count) for event, _, count in announced()] == [("drift_found", 1), ("drift_found", 2)]
    found = NoticeRecipient.objects.filter(notice__team=line).values_list("user__username", flat=True)
    assert list(found) == ["lea"]


def test_an_unknown_ca_is_announced_to_the_owners(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make_ca_certificate(factory, "strange", der=make_ca_der())
    arm.hold(row.arm_id(), {"encodedCertificate": to_azure_pem(bytes(row.der))})
    CACertificate.objects.all().delete()
    owner = owner_of(factory)
    scan(factory)
    scan(factory)
    assert announced() == [("unknown_ca", "strange", 1)]
    assert list(NoticeRecipient.objects.values_list("user", flat=True)) == [owner.pk], "not to Contributors"
