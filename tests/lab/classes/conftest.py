"""What tests of classes share: a class of three seats in the emulator."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from lab.actions.classes.making import create_class
from lab.models import TrainingClass
from portal.models import User
from tests.support.database.factories import make_admin


@pytest.fixture(autouse=True)
def _emulator_target(request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("azure")
        settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    yield
    cache.clear()


@pytest.fixture
def admin() -> User:
    return make_admin()


@pytest.fixture
def training(admin: User) -> TrainingClass:
    return create_class(admin, title="Certificates for MQTT", seats=3)
