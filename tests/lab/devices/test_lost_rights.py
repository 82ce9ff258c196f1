"""Devices of people who may no longer register clients end, whatever took the right away."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connections

from lab.actions.devices import allowed_among
from lab.devices import control, server
from lab.devices.keeper import Bounds
from lab.devices.problems import NoSuchDevice
from lab.devices.server import serve
from namespaces.connections.mqtt_endpoints import MqttEndpoint
from namespaces.models import Namespace, NamespaceRole
from namespaces.rights import rights_in, rights_of_many
from portal.models import Team, User
from tests.certificates.authentication.engine_table.cases import SUBJECT
from tests.support.database.factories import make_admin, make_namespace, make_team, make_user
from tests.support.waiting import until

Place = tuple[int, str]


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOOK_EVERY", 0.05)


def place(user: User, namespace: Namespace) -> Place:
    return user.pk, namespace.resource_key


@pytest.mark.django_db
def test_who_may_have_devices(django_assert_num_queries: Any) -> None:
    ada, bob, cleo, dan, eve = (make_user(name) for name in ("ada", "bob", "cleo", "dan", "eve"))
    team, other = make_team("Line 1", bob, cleo), make_team("Line 2")
    namespace, second = make_namespace("plant", owner=ada, client_manager=team), make_namespace("second", reader=dan)
    NamespaceRole.objects.create(namespace=namespace, user=dan, role="client_manager")  # and in no team
    NamespaceRole.objects.create(namespace=namespace, team=other, role="owner")
    NamespaceRole.objects.create(namespace=namespace, user=eve, role="contributor")
    User.objects.filter(pk=cleo.pk).update(is_active=False)
    people = [make_admin(), ada, bob, cleo, dan, eve]
    places = {place(user, each) for user in people for each in (namespace, second)} | {(ada.pk, "gone"), (4711, "gone")}
    with django_assert_num_queries(3):
        allowed = allowed_among(places)
    assert {(User.objects.get(pk=pk).username, key.rpartition("/")[2]) for pk, key in allowed} == {
        ("admin", "plant"),
        ("admin", "second"),
        ("ada", "plant"),
        ("bob", "plant"),
        ("eve", "plant"),
    }
    for user in people:
        for each in (namespace, second):
            many = rights_of_many([place(user, each)])[place(user, each)]
            user.refresh_from_db()
            assert set(many.grants) == set(rights_in(user, each.pk).grants)


def lose_the_role(user: User, namespace: Namespace) -> None:
    NamespaceRole.objects.filter(namespace=namespace).delete()


def leave_the_team(user: User, namespace: Namespace) -> None:
    Team.objects.get().members.remove(user)


def become_disabled(user: User, namespace: Namespace) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def lose_the_namespace(user: User, namespace: Namespace) -> None:
    namespace.delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lose", [lose_the_role, leave_the_team, become_disabled, lose_the_namespace])
def test_devices_end_at_once(tmp_path: Path, settings: Any, lose: Callable[[User, Namespace], None]) -> None:
    ada, olu = make_user("ada"), make_user("olu")
    namespace = make_namespace("plant", contributor=make_team("Line 1", ada))
    kept = make_namespace("kept", owner=olu)
    kept_devices: list[str] = []

    def scenario() -> None:
        first, second = made(ada, namespace), made(olu, kept)
        assert not is_gone(ada, namespace, first)
        lose(ada, namespace)
        until(lambda: is_gone(ada, namespace, first), "the device has ended")
        kept_devices.extend(key for key in [second] if not is_gone(olu, kept, key))

    with_process(tmp_path, settings, scenario, allowed_among)
    assert len(kept_devices) == 1


@pytest.mark.django_db(transaction=True)
def test_devices_stay_while_the_database_does_not_answer(tmp_path: Path, settings: Any, caplog: Any) -> None:
    ada = make_user("ada")
    namespace = make_namespace("plant", owner=ada)
    asked, is_back = 0, False

    def away(places: Collection[Place]) -> set[Place]:
        nonlocal asked
        asked += 1
        if is_back:
            return set()
        raise DatabaseError("away")

    def scenario() -> None:
        nonlocal is_back
        device = made(ada, namespace)
        until(lambda: asked >= 2, "the rights were asked for twice")
        assert not is_gone(ada, namespace, device)
        is_back = True
        until(lambda: is_gone(ada, namespace, device), "the device has ended")

    with_process(tmp_path, settings, scenario, away)
    assert [record.levelname for record in caplog.records if record.name == "lab.devices.server"] == ["WARNING"]


def made(user: User, namespace: Namespace) -> str:
    wanted = {"validation_scheme": SUBJECT, "fault": "", "sends_intermediate": False, "client_id": "x"}
    answer = control.ask(
        "make", owner=user.pk, namespace=namespace.resource_key, authentication_name="press-1", **wanted
    )
    return str(answer["device"])


def is_gone(user: User, namespace: Namespace, device: str) -> bool:
    try:
        control.ask("view", owner=user.pk, namespace=namespace.resource_key, device=device)
    except NoSuchDevice:
        return True
    return False


def with_process(
    folder: Path, settings: Any, scenario: Callable[[], None], allowed: Callable[[Collection[Place]], set[Place]]
) -> None:
    """Run the devices' process within this one, and a scenario beside it."""
    settings.DEVICES_FILE = folder / "browser-devices.json"
    endpoint = MqttEndpoint("127.0.0.1", 1, "")

    def in_thread() -> None:
        try:
            until(lambda: control.running_since() is not None, "the process listens")
            scenario()
        finally:
            connections.close_all()

    def closing(places: Collection[Place]) -> set[Place]:
        try:
            return allowed(places)
        finally:
            connections.close_all()  # each thread has its own

    async def both() -> None:
        serving = asyncio.create_task(serve(settings.DEVICES_FILE, lambda _: endpoint, closing, Bounds()))
        await asyncio.to_thread(in_thread)
        serving.cancel()
        await asyncio.wait([serving])

    asyncio.run(both())
