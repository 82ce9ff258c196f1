"""The row stores what was last sent, so labels may be reworded and the activity log pruned at any time."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.signals import post_save

from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync import registry
from sync.arm.gateway import arm_gateway
from sync.models import PushRecord, SyncedModel
from sync.push.claim_and_settle import Pushed, claim, push, settle
from sync.push.delivery import deliver
from sync.push.sent_states import note_sent
from tests.support.database.append_only import triggers_off
from tests.sync.arranging import again, edit, lease_runs_out, make, settled
from tests.sync.push.test_freed_names import *  # noqa: F403 - the same tests, without labels and without the log
from tests.sync.push.test_lost_answers import *  # noqa: F403
from tests.sync.push.test_recreating import *  # noqa: F403
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


def _prune(sender: Any, instance: Activity, **_: Any) -> None:
    with triggers_off():
        Activity.objects.filter(pk=instance.pk).delete()


@pytest.fixture(autouse=True)
def _neither_labels_nor_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for model in registry.models():
        monkeypatch.setattr(model, "field_labels", {})
    post_save.connect(_prune, sender=Activity)
    yield
    post_save.disconnect(_prune, sender=Activity)
    assert not Activity.objects.exists()


def descriptions(row: Any) -> list[tuple[int, Any]]:
    return [(each["generation"], (each["state"] or {}).get("description")) for each in row.sent_states]


def test_a_claim_keeps_what_is_sent_and_what_it_replaces(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="old")
    edit(ada, client, description="new")
    claim(Client, [client.pk])
    claimed = again(client)
    assert descriptions(claimed) == [(1, "old"), (2, "new")]
    assert claimed.replaced_state["description"] == "old"


def test_uncertain_claims_add_to_the_sent_states(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="old")
    for text in ("lost", "newer"):
        edit(ada, client, description=text)
        claim(Client, [client.pk])
        lease_runs_out(client)
    assert descriptions(again(client)) == [(1, "old"), (2, "lost"), (3, "newer")]
    assert again(client).replaced_state["description"] == "old"


def test_an_edit_never_claimed_is_not_a_sent_state(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="old")
    edit(ada, client, description="never sent")
    edit(ada, client, description="new")
    claim(Client, [client.pk])
    assert descriptions(again(client)) == [(1, "old"), (3, "new")]


def test_a_worker_that_lost_its_claim_writes_no_sent_states(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory, description="first")
    (slow,) = claim(Client, [client.pk])
    lease_runs_out(client)
    claim(Client, [client.pk])
    kept = again(client).sent_states
    slow.row.description = "of the slow one"  # type: ignore[attr-defined]
    note_sent(Client, [slow.row])
    assert again(client).sent_states == kept


def test_a_push_record_keeps_the_former_state(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="old")
    assert PushRecord.objects.latest("pk").former_states is None
    edit(ada, client, description="new")
    assert push(again(client)) is Pushed.SUCCEEDED
    (former,) = PushRecord.objects.latest("pk").former_states
    assert (former["name"], former["description"]) == ("sensor-1", "old")


def test_a_rejection_waits_for_no_name_given_up_long_before(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    """Only a push that Azure answered after the rejected request can make the rejection obsolete."""
    giver = settled(ada, factory, "giver")
    taker = make(ada, factory, "taker")
    Client.objects.filter(pk=giver.pk).update(authentication_name="new", authentication_key="new", generation=2)
    assert push(again(giver)) is Pushed.SUCCEEDED
    Client.objects.filter(pk=taker.pk).update(authentication_name="giver")
    arm.script("PUT", refused("AuthenticationNameTaken", 409))
    (claimed,) = claim(Client, [taker.pk])
    assert settle([deliver(claimed, arm_gateway())]) == [Pushed.PARKED]


@pytest.mark.parametrize("model", registry.models(), ids=lambda model: model._meta.model_name)
def test_states_are_stored_under_snake_case_keys(model: type[SyncedModel]) -> None:
    columns = {field.name for field in model._meta.concrete_fields}
    for key in model().describe():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", key)
        assert set(model.columns_of(key)) <= columns
    assert model.unchangeable <= model().describe().keys()
