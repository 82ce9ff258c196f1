"""The timeline of a change: beginning and end are shown and kept, however many tries it took."""

from datetime import timedelta

import pytest
from django.utils import timezone

from namespaces.models import Namespace
from portal.models import Activity, User
from sync.arm.call_recording import Call
from sync.models import RECORDS_KEPT, PushRecord, forget_old_records
from sync.pages.timeline import timeline_of
from sync.push.claim_and_settle import Pushed, push
from sync.push.steps import steps_of
from tests.sync.arranging import again, make
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


def codes(entry: Activity) -> list[str]:
    return [step.code for step in timeline_of(entry)]


@pytest.mark.parametrize("failures", [3, 14, 15, 40])
def test_a_change_with_many_tries_shows_its_real_end(
    arm: ScriptedArm, ada: User, factory: Namespace, failures: int
) -> None:
    client = make(ada, factory)
    arm.script("PUT", *[refused("InternalServerError", 500)] * failures)
    for _ in range(failures):
        assert push(again(client)) is Pushed.DELAYED
    assert push(again(client)) is Pushed.SUCCEEDED
    steps = timeline_of(Activity.objects.get())
    assert (steps[0].code, steps[-1].code, steps[-2].code) == ("queued", "succeeded", "sent")
    shown = sum(step.code == "delayed" for step in steps)
    between = [step for step in steps if step.code == "more_tries"]
    if failures <= 14:
        assert (shown, between) == (failures, [])
    else:
        assert shown == 14
        count = failures - 14
        assert [step.title.split()[0] for step in between] == [str(count)]
        assert between[0].detail == f"{count} × InternalServerError: InternalServerError, says the script."
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_a_client_may_have_the_name_of_an_operation() -> None:
    space = "/subscriptions/s/resourceGroups/operations/providers/Microsoft.EventGrid/namespaces/operation"

    def step(path: str) -> str:
        return str(steps_of([Call("GET", path, "", timezone.now())])[0]["step"])

    assert step(f"{space}/clients/operation-1") == "read"
    assert (
        step("/subscriptions/s/providers/Microsoft.EventGrid/locations/west/operationsStatus/1") == "Azure's operation"
    )
    assert (
        step("/subscriptions/s/providers/Microsoft.EventGrid/locations/west/operationResults/1") == "Azure's operation"
    )
    assert step(f"{space}/operationResults/1") == "Azure's operation"


def test_the_push_that_settled_a_change_is_kept_with_its_activity(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("InternalServerError", 500))
    push(client)
    push(again(client))
    forget_old_records(timezone.now() + RECORDS_KEPT - timedelta(minutes=1))
    assert PushRecord.objects.count() == 2
    forget_old_records(timezone.now() + RECORDS_KEPT + timedelta(minutes=1))
    assert PushRecord.objects.get().outcome == "succeeded"
    assert codes(Activity.objects.get())[-2:] == ["sent", "succeeded"]
    assert all(
        step.request_id for step in timeline_of(Activity.objects.get()) if step.seconds and step.code != "queued"
    )


def test_a_rejection_is_kept_with_its_activity(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("InvalidInput"))
    push(client)
    forget_old_records(timezone.now() + 20 * RECORDS_KEPT)
    assert codes(Activity.objects.get())[-1] == "parked"
