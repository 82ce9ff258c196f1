"""Fixtures of the sync tests."""

import pytest
from django.test import Client as Browser

from namespaces.models import Namespace
from portal.models import User
from tests.support.browsing import signed_in
from tests.support.factories import make_namespace, make_user


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
