"""Fixtures of the certificates tests: a namespace and browsers signed in there. Some files override them."""

import pytest
from django.test import Client as Browser

from namespaces.models import Namespace
from tests.support.database.factories import PASSWORD, make_namespace, make_user


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace(contributor=make_user("ada"))


@pytest.fixture
def ada(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="ada", password=PASSWORD)
    return client


@pytest.fixture
def rita(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="rita", password=PASSWORD)
    return client
