"""`manage.py start_class` and `manage.py demo --class`."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from lab.models import TrainingClass
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.factories import make_admin

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _emulator_target(azure: EmulatorProcess, settings: Any) -> None:
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"


def started(seats: int) -> dict[str, Any]:
    output = StringIO()
    call_command("start_class", seats=seats, stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def test_a_class_is_made_once_and_found_again() -> None:
    make_admin()
    made = started(2)
    training = TrainingClass.objects.get()
    assert (made["class"], made["seats"]) == (training.pk, 2)
    assert made["board"] == reverse("classes:class_board", args=[training.pk])
    assert made["code"].startswith(f"{training.pk}-")
    assert started(5) == made


def test_a_class_needs_an_administrator() -> None:
    with pytest.raises(CommandError):
        started(2)
    assert not TrainingClass.objects.exists()


@pytest.mark.parametrize("seats", ["61", "-1"])
def test_the_demo_takes_a_possible_number_of_seats(seats: str) -> None:
    with pytest.raises(CommandError, match="--class"):
        call_command("demo", f"--class={seats}")
