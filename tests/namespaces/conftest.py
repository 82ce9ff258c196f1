"""Fixtures of the namespaces tests."""

import pytest

from portal.models import User
from tests.support.emulated_azure import azure
from tests.support.emulator_process import emulator
from tests.support.factories import make_user
from tests.sync.scripted_arm import arm, authority

__all__ = ["arm", "authority", "azure", "emulator"]


@pytest.fixture
def ada() -> User:
    return make_user("ada")
