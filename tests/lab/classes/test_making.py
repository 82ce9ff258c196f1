"""Classes are made in the emulator, by administrators only."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from lab.actions.classes.making import create_class
from lab.models import TrainingClass
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.models import Namespace, NamespaceConfiguration
from portal.demo.checks import mqtt_answers
from portal.models import Activity, User
from sync.arm.gateway import arm_gateway
from tests.lab.classes.joining import page
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_admin, make_user
from tests.support.waiting import until

pytestmark = pytest.mark.django_db


def test_a_class_has_a_namespace_and_an_account_for_each_seat(training: TrainingClass, azure: EmulatorProcess) -> None:
    seats = list(training.seats.select_related("namespace", "team", "user"))
    assert [seat.number for seat in seats] == [1, 2, 3]
    for seat in seats:
        assert seat.namespace is not None
        assert seat.team is not None
        assert azure.call("GET", seat.namespace.resource_id)["name"] == seat.namespace.name
        assert seat.namespace.import_state == Namespace.Import.DONE
        assert NamespaceConfiguration.objects.get(namespace=seat.namespace).state == "Enabled"
        assert not seat.user.is_active
        assert not seat.user.has_usable_password()
        assert not seat.user.email
        assert list(seat.user.teams.all()) == [seat.team]
        assert [(role.role, role.user) for role in seat.team.namespace_roles.all()] == [("contributor", None)]
    assert Activity.objects.filter(verb="Create class", object_name=training.title).exists()


def test_the_form_makes_a_class_for_administrators_only(admin: User, azure: EmulatorProcess) -> None:
    posted = {"title": "Monday", "seats": "2"}
    assert signed_in(make_user("ada")).post(page("class_create"), posted).status_code == 403
    assert not TrainingClass.objects.exists()
    browser = signed_in(admin)
    for wrong, field in (({"seats": "0"}, "seats"), ({"seats": "61"}, "seats"), ({"title": ""}, "title")):
        answer = browser.post(page("class_create"), posted | wrong)
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
    assert not TrainingClass.objects.exists()
    made = browser.post(page("class_create"), posted)
    assert made.status_code == 302
    assert TrainingClass.objects.get().seats.count() == 2


def test_there_are_no_classes_without_an_emulator(admin: User, training: TrainingClass, settings: Any) -> None:
    settings.FAULT_CONTROL_GATEWAY = ""
    browser = signed_in(admin)
    for url in (page("class_list"), page("class_create"), page("class_board", training.pk), page("join")):
        assert browser.get(url).status_code == 404
    assert page("class_list") not in browser.get(reverse("home:home")).content.decode()


def test_an_unreachable_emulator_makes_no_class(admin: User, settings: Any) -> None:
    settings.AZURE_ARM_URL = settings.AZURE_AUTHORITY_URL = "https://127.0.0.1:1"
    arm_gateway.cache_clear()
    answer = signed_in(admin).post(page("class_create"), {"title": "Monday", "seats": "2"})
    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors().as_data()[0].code == "emulator"
    assert not TrainingClass.objects.exists()
    assert not Namespace.objects.exists()


def test_seats_have_endpoints_on_a_server(settings: Any, tmp_path: Path) -> None:
    """As docs/classes.md sets it up: the emulator keeps the file that the portal reads."""
    file = tmp_path / "endpoints.json"
    emulator = EmulatorProcess(tmp_path / "class", "--endpoints-file", str(file), "--mqtt-host", "127.0.0.2")
    try:
        for name, value in emulator.as_azure().items():
            setattr(settings, name, value)
        arm_gateway.cache_clear()
        settings.MQTT_ENDPOINTS = str(file)
        training = create_class(make_admin(), title="Monday", seats=2)
        seats = [seat.namespace for seat in training.seats.select_related("namespace") if seat.namespace]
        until(lambda: len(json.loads(file.read_text())) == 2, "both seats have endpoints")
        found = [mqtt_endpoint(namespace) for namespace in seats]
        assert [each.host for each in found if each] == ["127.0.0.2"] * 2
        assert all(each and mqtt_answers(each.host, each.port, each.ca) for each in found)
    finally:
        emulator.stop()
        arm_gateway.cache_clear()
