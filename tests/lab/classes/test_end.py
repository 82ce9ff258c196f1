"""The end closes every seat and keeps the report."""

import csv
import io

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from lab.models import Progress, TrainingClass
from namespaces.models import Namespace
from portal.models import User
from tests.lab.classes.joining import join, page
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.browsing import signed_in

pytestmark = pytest.mark.django_db


def test_the_end_closes_every_seat_and_keeps_the_report(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    browser, seat, code = join(training, "=Ines")
    assert seat.namespace is not None
    resource_id = seat.namespace.resource_id
    Progress.objects.create(
        user=seat.user, namespace=seat.namespace, exercise="upload", started_at=timezone.now(), hints_opened=2
    )
    trainer = signed_in(admin)
    assert trainer.post(page("class_end", training.pk)).status_code == 302
    assert browser.get(reverse("home:home")).status_code == 302
    answer = Browser().post(page("join_return"), {"return_code": code})
    assert answer.context["return_form"].errors.as_data()["return_code"][0].code == "ended"
    assert not User.objects.filter(seat__training=training, is_active=True).exists()
    assert not Namespace.objects.exists()
    assert azure.request("GET", resource_id)[0] == 404
    file = b"".join(trainer.get(page("class_report_csv", training.pk)).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [(row["First name"], row["Hints opened"]) for row in rows] == [("'=Ines", "2")]
    assert trainer.get(page("class_board", training.pk)).status_code == 200
    assert trainer.post(page("class_reset", training.pk)).status_code == 404
    assert trainer.get(page("class_list")).status_code == 200
