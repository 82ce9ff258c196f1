"""Rows of progress."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from lab.models import Progress
from tests.support.database.factories import make_namespace, make_user

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def test_an_exercise_is_begun_once_in_a_namespace() -> None:
    place = {"user": make_user("tia"), "namespace": make_namespace("training"), "exercise": "upload-the-ca"}
    Progress.objects.create(**place, started_at=START)
    with pytest.raises(IntegrityError), transaction.atomic():
        Progress.objects.create(**place, started_at=START)


def test_a_wrong_turn_has_its_time() -> None:
    place = {"user": make_user("tia"), "namespace": make_namespace("training"), "exercise": "upload-the-ca"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Progress.objects.create(**place, started_at=START, wrong_turn="leaf")
