"""Fixtures of the namespaces tests."""

import pytest

from portal.models import User
from tests.support.database.factories import make_user


@pytest.fixture
def ada() -> User:
    return make_user("ada")
