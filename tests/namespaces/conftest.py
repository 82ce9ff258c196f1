"""Fixtures of the namespaces tests."""

import pytest

from portal.models import User
from tests.emulated_azure import azure
from tests.emulator_process import emulator
from tests.factories import make_user
from tests.sync.scripted_arm import arm, authority

__all__ = ["arm", "authority", "azure", "emulator"]


@pytest.fixture
def ada() -> User:
    return make_user("ada")
