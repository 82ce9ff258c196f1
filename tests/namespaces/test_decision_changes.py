"""Every change that decisions depend on is noted in its transaction, and a change that is rolled back is not."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from namespaces.actions.clients import delete_client
from namespaces.actions.ownership import assign_team_to_many
from namespaces.decision_changes import KEPT, decisions_changed, forget_old_changes
from namespaces.models import Client, DecisionChange
from sync.actions import commit_change
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_configuration,
    make_namespace,
    make_team,
    owner_of,
)

pytestmark = pytest.mark.django_db


def noted() -> list[tuple[int, int | None]]:
    return list(DecisionChange.objects.order_by("pk").values_list("namespace_pk", "client_pk"))


def test_changes_of_clients_name_them_and_others_do_not() -> None:
    namespace = make_namespace()
    actor, row = owner_of(namespace), make_client(namespace)
    with transaction.atomic():
        row.state = Client.ConnectionState.DISABLED
        commit_change(actor, row=row, verb="Update client", before={}, after={}, scope_name="")
    others = [make_ca_certificate(namespace), make_configuration(namespace)]
    for each in others:
        commit_change(actor, row=each, verb="Update", before={}, after={}, scope_name="")
    row.refresh_from_db()
    delete_client(actor, client=row)
    assert noted() == [(namespace.pk, row.pk), (namespace.pk, None), (namespace.pk, None), (namespace.pk, row.pk)]


def test_a_retry_is_no_change() -> None:
    namespace = make_namespace()
    row = make_client(namespace)
    commit_change(owner_of(namespace), row=row, verb="Retry", before={}, after=None, scope_name="", edits=False)
    assert noted() == []


def test_a_team_given_to_many_names_each() -> None:
    namespace = make_namespace()
    rows = [make_client(namespace, name) for name in ("one", "two")]
    team = make_team("Line 1", owner_of(namespace))
    assign_team_to_many(
        owner_of(namespace), model=Client, scope_pk=namespace.pk, pks=[row.pk for row in rows], team=team
    )
    assert noted() == [(namespace.pk, row.pk) for row in rows]


def test_what_is_rolled_back_is_not_noted() -> None:
    namespace = make_namespace()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        decisions_changed(namespace.pk)
        raise ZeroDivisionError
    assert noted() == []


def test_old_changes_are_forgotten() -> None:
    now = timezone.now()
    decisions_changed(1, clients=[1, 2])
    DecisionChange.objects.filter(client_pk=1).update(at=now - KEPT - timedelta(seconds=1))
    forget_old_changes(now)
    assert noted() == [(1, 2)]
