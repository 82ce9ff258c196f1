"""Fixtures of the sync tests."""

import pytest
from django.test import Client as Browser

from namespaces.models import Namespace
from portal.models import User
from tests.support.browsing import signed_in
from tests.support.emulated_azure import azure
from tests.support.emulator_process import emulator, own_emulator
from tests.support.factories import make_namespace, make_user
from tests.sync.scripted_arm import arm, authority

__all__ = ["arm", "authority", "azure", "emulator", "own_emulator"]


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def reader() -> User:
    return make_user("rita")


@pytest.fixture
def factory(ada: User, reader: User) -> Namespace:
    return make_namespace(contributor=ada, reader=reader)


@pytest.fixture
def browser(ada: User) -> Browser:
    return signed_in(ada)
