"""Faults for the seats of one class and no other namespace."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.certificate import load_certificate
from lab.actions.classes.making import create_class
from lab.actions.exercises.progress import Begun, begin
from lab.catalogue.reading import exercise as exercise_of
from lab.models import TrainingClass
from namespaces.models import ClientCertificate, ConnectionAttempt, Namespace
from namespaces.rights import rights_in
from portal.demo.checks import mqtt_answers
from portal.models import Activity, User
from tests.lab.classes.joining import join, page
from tests.lab.conftest import Classroom
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.browsing import signed_in
from tests.support.waiting import until

pytestmark = pytest.mark.django_db


def statuses(azure: EmulatorProcess, *namespaces: Namespace | None) -> list[int]:
    return [azure.request("GET", f"{each.resource_id}/clients")[0] for each in namespaces if each is not None]


def test_a_fault_is_for_the_seats_of_one_class_only(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    other = create_class(admin, title="Tuesday", seats=1)
    seats = [seat.namespace for seat in training.seats.select_related("namespace")]
    elsewhere = other.seats.get(number=1).namespace
    trainer, url = signed_in(admin), page("class_fault", training.pk)
    for _ in range(2):  # twice is once
        assert trainer.post(url, {"fault": "throttle", "do": "start"}).status_code == 302
    assert statuses(azure, *seats, elsewhere) == [429, 429, 429, 200]
    board = trainer.get(page("class_board", training.pk)).context["board"]
    assert [each.fault.code for each in board.faults if each.on_for] == ["throttle"]
    trainer.post(url, {"fault": "throttle", "do": "end"})
    assert statuses(azure, *seats, elsewhere) == [200] * 4
    training.refresh_from_db()
    assert training.faults == {}


def test_the_broker_is_dropped_for_the_seats_and_comes_back(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    other = create_class(admin, title="Tuesday", seats=1)
    ids = [seat.namespace.resource_id for seat in training.seats.all() if seat.namespace]
    elsewhere = other.seats.get(number=1).namespace
    assert elsewhere is not None
    until(lambda: {*ids, elsewhere.resource_id} <= azure.mqtt_endpoints.keys(), "all endpoints listen")

    def answering() -> list[bool]:
        endpoints = azure.mqtt_endpoints
        each = [endpoints[name] for name in (*ids, elsewhere.resource_id)]
        return [mqtt_answers(found["host"], found["port"], found["ca"]) for found in each]

    trainer, url = signed_in(admin), page("class_fault", training.pk)
    trainer.post(url, {"fault": "broker", "do": "start"})
    until(lambda: answering() == [False, False, False, True], "the broker of the seats is down")
    trainer.post(url, {"fault": "broker", "do": "end"})
    until(lambda: answering() == [True] * 4, "all are back")


def test_the_end_of_a_class_ends_its_faults(training: TrainingClass, admin: User, azure: EmulatorProcess) -> None:
    trainer = signed_in(admin)
    trainer.post(page("class_fault", training.pk), {"fault": "throttle", "do": "start"})
    before = len(azure.control.faults())
    trainer.post(page("class_end", training.pk))
    assert len(azure.control.faults()) == before - 1
    assert trainer.post(page("class_fault", training.pk), {"fault": "throttle"}).status_code == 404


# Expire all


def ahead_in_the_emulator(azure: EmulatorProcess) -> dict[str, int]:
    every = azure.request("GET", "/emulator/judging", api_version=None)[2]["value"]
    return {each["id"]: each["aheadSeconds"] for each in every}


def moved_days(training: TrainingClass) -> set[int]:
    return {seat.namespace.judged_ahead.days for seat in training.seats.select_related("namespace") if seat.namespace}


def test_all_certificates_of_one_class_expire_and_are_valid_again(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    other = create_class(admin, title="Tuesday", seats=1)
    ids = {seat.namespace.resource_id for seat in training.seats.select_related("namespace") if seat.namespace}
    trainer, url = signed_in(admin), page("class_fault", training.pk)
    for _ in range(2):  # twice is once
        assert trainer.post(url, {"fault": "expire", "do": "start"}).status_code == 302
    assert (moved_days(training), moved_days(other)) == ({101}, {0})
    emulated = ahead_in_the_emulator(azure)
    assert {name: emulated[name] for name in ids} == dict.fromkeys(ids, 101 * 86_400)
    assert not {seat.namespace.resource_id for seat in other.seats.all() if seat.namespace} & emulated.keys()
    board = trainer.get(page("class_board", training.pk)).context["board"]
    assert {each.fault.code: bool(each.on_for) for each in board.faults}["expire"]
    trainer.post(url, {"fault": "expire", "do": "end"})
    assert moved_days(training) == {0}
    assert not ids & ahead_in_the_emulator(azure).keys()
    verbs = Activity.objects.filter(kind="lab.trainingclass", object_name__startswith="Expire all").order_by("pk")
    assert [entry.verb for entry in verbs] == ["Start fault", "End fault"]


def test_the_moment_is_after_every_certificate_that_a_client_has_shown(training: TrainingClass, admin: User) -> None:
    seat, now = training.seats.get(number=2), timezone.now()
    shown = {"client_name": "press-1", "der": b"", "seen_at": now, "namespace": seat.namespace}
    for days in (400, 9000):  # the second is beyond what is moved for
        ClientCertificate.objects.create(**shown, thumbprint=str(days), not_after=now + timedelta(days=days))
    signed_in(admin).post(page("class_fault", training.pk), {"fault": "expire"})
    (days,) = moved_days(training)
    assert days in {401, 402}  # the moment of the fault is a little later than the one above


def test_a_seat_that_is_reset_stays_at_the_moment_of_its_class(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    _, seat, _ = join(training, "Ines")
    assert seat.namespace is not None
    trainer = signed_in(admin)
    trainer.post(page("class_fault", training.pk), {"fault": "expire"})
    assert trainer.post(page("seat_reset", training.pk, seat.number)).status_code == 302
    assert moved_days(training) == {101}
    assert ahead_in_the_emulator(azure)[seat.namespace.resource_id] == 101 * 86_400


def test_the_end_of_a_class_leaves_no_moment_moved(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    ids = {seat.namespace.resource_id for seat in training.seats.select_related("namespace") if seat.namespace}
    trainer = signed_in(admin)
    trainer.post(page("class_fault", training.pk), {"fault": "expire"})
    assert ids <= ahead_in_the_emulator(azure).keys()
    trainer.post(page("class_end", training.pk))
    assert not ids & ahead_in_the_emulator(azure).keys()


def test_a_trainee_sees_at_which_moment_the_pages_judge(training: TrainingClass, admin: User) -> None:
    browser, seat, _ = join(training, "Ines")
    own = reverse("namespaces:namespace_overview", args=[seat.namespace_id])
    assert "data-judged-at" not in browser.get(own).content.decode()
    signed_in(admin).post(page("class_fault", training.pk), {"fault": "expire"})
    assert "data-judged-at" in browser.get(own).content.decode()
    assert "data-judged-ahead" in browser.get(reverse("home:home")).content.decode()


def test_an_emulator_that_is_away_moves_nothing(
    training: TrainingClass, admin: User, settings: Any, request: pytest.FixtureRequest
) -> None:
    from sync.arm.gateway import arm_gateway

    settings.AZURE_ARM_URL = settings.AZURE_AUTHORITY_URL = "https://127.0.0.1:1"
    arm_gateway.cache_clear()
    request.addfinalizer(arm_gateway.cache_clear)
    assert signed_in(admin).post(page("class_fault", training.pk), {"fault": "expire"}).status_code == 302
    training.refresh_from_db()
    assert (training.faults, moved_days(training)) == ({}, {0})


def test_a_refusal_at_a_moved_moment_says_when_it_was_judged(
    training: TrainingClass, admin: User, azure: EmulatorProcess, settings: Any
) -> None:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    browser, seat, _ = join(training, "Ines")
    assert seat.namespace is not None
    resource_id = seat.namespace.resource_id
    signed_in(admin).post(page("class_fault", training.pk), {"fault": "expire"})
    until(lambda: resource_id in azure.mqtt_endpoints, "the endpoint listens")
    settings.MQTT_ENDPOINTS = json.dumps({key.lower(): value for key, value in azure.mqtt_endpoints.items()})
    exercise = exercise_of("the-client-is-disabled")
    assert exercise is not None
    seat.namespace.refresh_from_db()
    seat.namespace.rights = rights_in(seat.user, seat.namespace.pk)
    begun = begin(seat.user, namespace=seat.namespace, exercise=exercise)
    assert begun.chain is not None
    renewed = load_certificate(begun.chain.clients[0].certificate_der)
    assert renewed.not_after > timezone.now() + timedelta(days=101)
    old = make_sample_chain([ClientName("press-1")], at=timezone.now())
    assert not Classroom(seat.user, seat.namespace).connect(Begun(begun.progress, old), "press-1")
    attempt = ConnectionAttempt.objects.get(namespace=seat.namespace_id)
    assert (attempt.code, attempt.judged_at - attempt.at) == ("within-validity", timedelta(days=101))
    shown = browser.get(reverse("namespaces:connection_detail", args=[seat.namespace_id, attempt.cursor]))
    assert "data-judged-at><dt>" in shown.content.decode()
