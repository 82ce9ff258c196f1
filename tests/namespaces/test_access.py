"""Who may do what in a namespace: one table, one door."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from namespaces.access import get_client, get_namespace, may, may_connect, teams_of, visible_namespaces
from namespaces.models import Role
from namespaces.rights import Verb, rights_in
from tests.support.database.factories import make_admin, make_client, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "read", "contribute", "own"),
    [("owner", True, True, True), ("contributor", True, True, False), ("reader", True, False, False)],
)
@pytest.mark.parametrize("through_a_team", [False, True])
def test_a_role_allows_its_verbs(role: str, read: bool, contribute: bool, own: bool, through_a_team: bool) -> None:
    user = make_user()
    holder = make_team("Line 1", user) if through_a_team else user
    roles: dict[str, Any] = {role: holder}
    namespace = make_namespace(**roles)
    allowed = {Verb.READ: read, Verb.CONTRIBUTE: contribute, Verb.OWN: own}
    for verb, expected in allowed.items():
        assert may(user, namespace, verb) is expected
        if expected:
            assert get_namespace(user, namespace.pk, verb) == namespace
        else:
            with pytest.raises(PermissionDenied):
                get_namespace(user, namespace.pk, verb)


def test_a_stranger_meets_404_at_every_door() -> None:
    namespace = make_namespace(owner=make_user("owner"))
    make_client(namespace)
    stranger = make_user("stranger")
    for verb in Verb:
        with pytest.raises(Http404):
            get_namespace(stranger, namespace.pk, verb)
        with pytest.raises(Http404):
            get_client(stranger, namespace.pk, "sensor-1", verb)
    assert not visible_namespaces(stranger).exists()


def test_the_strongest_of_own_and_team_roles_counts() -> None:
    user = make_user()
    namespace = make_namespace(reader=user, contributor=make_team("Line 1", user))
    assert rights_in(user, namespace.pk).role is Role.CONTRIBUTOR
    assert list(visible_namespaces(user)) == [namespace]


def test_an_administrator_owns_every_namespace_and_connects_new_ones() -> None:
    admin, namespace = make_admin(), make_namespace()
    assert rights_in(admin, namespace.pk).role is Role.OWNER
    assert may_connect(admin)
    assert not may_connect(make_user())


def test_someone_who_was_deactivated_sees_nothing() -> None:
    gone = make_user("gone", is_active=False)
    namespace = make_namespace(owner=gone)
    assert rights_in(gone, namespace.pk).role is None
    with pytest.raises(Http404):
        get_namespace(gone, namespace.pk)


def test_a_client_of_another_namespace_is_not_found_through_this_one() -> None:
    user = make_user()
    mine, other = make_namespace("mine", owner=user), make_namespace("other")
    make_client(other, "theirs")
    with pytest.raises(Http404):
        get_client(user, mine.pk, "theirs")


def test_a_client_is_found_whatever_the_case_of_its_name() -> None:
    user = make_user()
    client = make_client(make_namespace(owner=user), "Sensor_1")
    assert get_client(user, client.namespace_id, "sensor_1") == client
    with pytest.raises(Http404):
        get_client(user, client.namespace_id, "sensorx1")


def test_people_add_things_for_their_own_teams() -> None:
    user = make_user()
    mine = make_team("Line 1", user)
    make_team("Line 2")
    assert list(teams_of(user)) == [mine]
    assert teams_of(make_admin()).count() == 2
