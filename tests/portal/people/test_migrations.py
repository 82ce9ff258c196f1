"""Migration 0006 keeps the members of teams, whose table Django had made for the relation."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

BEFORE = [("portal", "0005_sign_in_codes")]
AFTER = [("portal", "0006_memberships")]


def migrate(targets: list[tuple[str, str]]) -> Any:
    """Migrate to these migrations, and return the models at that point."""
    MigrationExecutor(connection).migrate(targets)
    return MigrationExecutor(connection).loader.project_state(targets).apps


@pytest.fixture(autouse=True)
def _newest_afterwards() -> Iterator[None]:
    yield
    migrate(list(MigrationExecutor(connection).loader.graph.leaf_nodes()))


def test_members_of_teams_survive_both_ways() -> None:
    old = migrate(BEFORE)
    user, team = old.get_model("portal.User"), old.get_model("portal.Team")
    ada, bert = user.objects.create(username="ada"), user.objects.create(username="bert")
    line_a, line_b = team.objects.create(name="Line A"), team.objects.create(name="Line B")
    line_a.members.add(ada, bert)
    line_b.members.add(bert)
    new = migrate(AFTER)
    membership = new.get_model("portal.Membership")
    held = membership.objects.values_list("team__name", "user__username", "is_lead", "by_sso")
    assert set(held) == {
        ("Line A", "ada", False, False),
        ("Line A", "bert", False, False),
        ("Line B", "bert", False, False),
    }
    membership.objects.create(team_id=line_b.pk, user_id=ada.pk, is_lead=True)
    old = migrate(BEFORE)
    names = set(old.get_model("portal.Team").objects.get(name="Line B").members.values_list("username", flat=True))
    assert names == {"ada", "bert"}
