"""Fixtures of the sync tests."""

import pytest

from namespaces.models import Namespace
from portal.models import User
from tests.emulator_process import emulator, own_emulator
from tests.factories import make_namespace, make_user
from tests.sync.scripted_arm import arm, authority

__all__ = ["arm", "authority", "emulator", "own_emulator"]


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def factory() -> Namespace:
    return make_namespace()
