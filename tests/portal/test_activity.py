"""The activity log: entries are settled once, by the generation that was sent."""

import pytest
from django.db.models import ProtectedError

from portal import activity
from portal.models import Activity
from tests.support.database.factories import make_team, make_user

pytestmark = pytest.mark.django_db


def record(generation: int, *, pk: int = 1, synced: bool = True) -> Activity:
    return activity.record(
        None,
        verb="Update client",
        kind="namespaces.client",
        object_pk=pk,
        object_name="sensor-1",
        generation=generation,
        synced=synced,
    )


def outcomes() -> list[str]:
    return list(Activity.objects.order_by("pk").values_list("outcome", flat=True))


def test_the_sent_generation_settles_and_older_ones_are_superseded() -> None:
    for generation in (1, 2, 3):
        record(generation)
    activity.settle("namespaces.client", 1, 2, Activity.Outcome.SUCCEEDED)
    assert outcomes() == ["superseded", "succeeded", "pending"]


def test_a_failure_keeps_azures_code_and_message() -> None:
    record(1)
    activity.settle("namespaces.client", 1, 1, Activity.Outcome.FAILED, "InvalidRequest", "No.")
    entry = Activity.objects.get()
    assert (entry.outcome, entry.outcome_code, entry.outcome_message) == ("failed", "InvalidRequest", "No.")
    assert entry.settled_at is not None


def test_entries_of_other_objects_and_local_ones_are_left_alone() -> None:
    record(1, pk=2)
    record(1, synced=False)
    activity.settle("namespaces.client", 1, 1, Activity.Outcome.SUCCEEDED)
    assert outcomes() == ["pending", "local"]


def test_a_person_in_the_log_is_never_deleted_and_the_name_of_a_team_stays() -> None:
    user, team = make_user("ada", first_name="Ada", last_name="L."), make_team()
    activity.record(user, verb="x", kind="k.k", object_pk=1, object_name="n", team=team)
    with pytest.raises(ProtectedError):
        user.delete()
    team.delete()
    entry = Activity.objects.get()
    assert (entry.actor, entry.actor_name, entry.team_name) == (user, "Ada L.", "Line 1")
