"""A large change set is written in pieces: nothing of it is sent before all of it is written, and it is put back where it cannot be."""

import itertools
from typing import Any

import pytest
from django.utils import timezone

from namespaces.actions.change_sets import applying, pieces, writing
from namespaces.actions.change_sets.requests import (
    keep_draft,
    note_those_that_no_longer_apply,
    rebase,
    request_approval,
)
from namespaces.actions.clients import delete_client, update_client
from namespaces.control.gate import NeedsApproval
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.models import ChangeSet, Client, NamespaceRole
from namespaces.rules.errors import RuleError
from sync.models import SyncedModel
from sync.push.claim_and_settle import claim
from tests.namespaces.control.conftest import Plant, approve_now
from tests.support.database.factories import make_client

pytestmark = pytest.mark.django_db
MANY = writing.AT_ONCE + 1


@pytest.fixture(autouse=True)
def one_change_in_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (writing, pieces):
        monkeypatch.setattr(module, "PIECE", 0.0)
        monkeypatch.setattr(module, "PAUSE", 0.0)


def new(plant: Plant, name: str) -> Draft:
    values = {
        "name": name,
        "authentication_name": name,
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "thumbprints": [],
        "state": "Enabled",
        "description": "",
        "attributes": {},
        "team": plant.line_a.pk,
    }
    return Draft("client", "create", name, team=plant.line_a, values=values)


def changed(client: Client) -> Draft:
    now = client.describe()
    values = now | {"description": "changed", "team": client.team_id}
    return Draft("client", "update", client.name, edition=client.edition, team=client.team, before=now, values=values)


def deleted(client: Client) -> Draft:
    before = client.describe() | {"team": client.team_id}
    return Draft("client", "delete", client.name, edition=client.edition, team=client.team, before=before)


def settled(plant: Plant, name: str) -> Client:
    client = make_client(plant.namespace, name, team=plant.line_a)
    Client.objects.filter(pk=client.pk).update(synced_generation=client.generation, base={"name": name})
    client.refresh_from_db()
    return client


def approved(plant: Plant, *drafts: Draft) -> ChangeSet:
    """Request these changes and enough new clients to make the set a large one, and let Olga approve them."""
    policy = plant.policy
    policy.needs = [need.value for need in (Need.CLIENT_CREATE, Need.CLIENT_CHANGE, Need.CLIENT_DELETE)]
    policy.save()
    more = [new(plant, f"new-{number:02}") for number in range(MANY - len(drafts))]
    held = NeedsApproval(plant.namespace.pk, [Need.CLIENT_CREATE], [*drafts, *more])
    made = request_approval(plant.dana, change_set=keep_draft(plant.dana, held), title="Many", reason="A new line.")
    return approve_now(plant.olga, made)


def write_some(change_set: ChangeSet, count: int) -> None:
    """Write the first changes, as a worker that dies then."""
    for _ in range(count):
        applying._step(change_set.pk)
    assert change_set.changes.filter(held=True).count() == count


def state(rows: list[Client]) -> list[object]:
    for row in rows:
        row.refresh_from_db()
    return [(row.describe(), row.team_id, row.sync_state, row.deleted_at) for row in rows]


def claimed(rows: list[int]) -> set[int]:
    found: list[SyncedModel] = [each.row for each in claim(Client, rows)]
    Client.objects.filter(pk__in=rows).update(claim_token=None, claimed_until=None, claimed_by="")
    return {row.pk for row in found}


def test_nothing_is_sent_before_all_is_written(plant: Plant) -> None:
    old = settled(plant, "old")
    made = approved(plant, changed(old))
    write_some(made, 3)
    rows = [pk for pk in made.changes.order_by("position").values_list("object_pk", flat=True) if pk]
    assert (len(rows), claimed(rows)) == (3, set())
    applying.run_change_set(made.pk)
    made.refresh_from_db()
    assert (made.state, made.changes.filter(held=True).exists()) == ("sending", False)
    every = [pk for pk in made.changes.values_list("object_pk", flat=True) if pk]
    assert (len(every), claimed(every)) == (MANY, set(every))


def test_others_leave_alone_what_is_held(plant: Plant) -> None:
    old = settled(plant, "old")
    made = approved(plant, changed(old))
    write_some(made, 1)
    settings: dict[str, Any] = {
        "validation_scheme": old.validation_scheme,
        "state": "Disabled",
        "description": "",
        "attributes": {},
    }
    with pytest.raises(RuleError) as refused:
        update_client(plant.olga, client=old, **settings)
    assert refused.value.code == "being-applied"
    with pytest.raises(RuleError) as refused:
        delete_client(plant.olga, client=old)
    assert refused.value.code == "being-applied"


def test_what_no_longer_applies_is_put_back(plant: Plant) -> None:
    one, two, unsent = (
        settled(plant, "one"),
        settled(plant, "two"),
        make_client(plant.namespace, "unsent", team=plant.line_a),
    )
    going = settled(plant, "going")
    before = state([one, two, unsent, going])
    made = approved(plant, changed(one), changed(two), changed(unsent), deleted(going))
    write_some(made, 5)
    assert state([one, two]) != before[:2]
    make_client(plant.namespace, "new-10")  # the name is taken
    applying.run_change_set(made.pk)
    made.refresh_from_db()
    assert (made.state, made.problem_code, made.applied_at) == ("stale", "taken", None)
    assert not made.changes.filter(written_at__isnull=False).exists()
    assert state([one, two, unsent, going]) == before
    assert not Client.objects.filter(name__startswith="new-").exclude(name="new-10").exists()
    assert claimed([one.pk, two.pk]) == set()


def test_a_worker_goes_on_putting_back(plant: Plant) -> None:
    old = settled(plant, "old")
    before = state([old])
    made = approved(plant, changed(old))
    write_some(made, 4)
    applying._turn_back(made.pk, "taken", "Its name is taken.")
    applying._step(made.pk)
    assert made.changes.filter(held=True).count() == 3
    applying.run_change_set(made.pk)
    made.refresh_from_db()
    assert (made.state, state([old])) == ("stale", before)


def test_an_approval_that_ends_midway_puts_it_back_and_asks_again(plant: Plant) -> None:
    old = settled(plant, "old")
    before = state([old])
    made = approved(plant, changed(old))
    write_some(made, 4)
    NamespaceRole.objects.filter(namespace=plant.namespace, user=plant.olga).delete()
    applying.run_change_set(made.pk)
    made.refresh_from_db()
    assert (made.state, made.problem, made.approvals.count()) == ("open", "", 0)
    assert (state([old]), Client.objects.filter(name__startswith="new-").count()) == (before, 0)


def test_deletions_are_held_until_all_of_them_are_written(plant: Plant) -> None:
    rows = [settled(plant, f"old-{number:02}") for number in range(MANY)]
    made = approved(plant, *map(deleted, rows))
    applying._start_in_pieces(made.pk)
    for _ in itertools.takewhile(lambda _: made.changes.filter(written_at=None).count() > 1, itertools.count()):
        applying._follow(made.pk)
    assert claimed([row.pk for row in rows]) == set()
    applying.run_change_set(made.pk)
    assert Client.objects.filter(namespace=plant.namespace, deleted_at__isnull=False).count() == MANY
    assert claimed([row.pk for row in rows]) == {row.pk for row in rows}


def test_a_large_request_is_tried_and_rebased(plant: Plant) -> None:
    old = settled(plant, "old")
    made = approved(plant, changed(old))
    ChangeSet.objects.filter(pk=made.pk).update(state="open")
    Client.objects.filter(pk=old.pk).update(edited_generation=old.generation + 1, generation=old.generation + 1)
    found = note_those_that_no_longer_apply(timezone.now())
    made.refresh_from_db()
    assert (found, made.state, made.problem_code) == (1, "stale", "changed-meanwhile")
    assert rebase(plant.dana, change_set=made).state == "open"
