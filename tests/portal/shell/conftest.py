"""Ada, who is signed in, and a namespace that she may read."""

import pytest
from django.test import Client as Browser

from namespaces.models import Namespace
from portal.models import User
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_user


@pytest.fixture
def ada() -> User:
    return make_user("ada", first_name="Ada", last_name="Lovelace")


@pytest.fixture
def browser(ada: User, client: Browser) -> Browser:
    client.force_login(ada)
    return client


@pytest.fixture
def namespace(ada: User) -> Namespace:
    namespace = make_namespace("factory", reader=ada)
    make_client(namespace, "press-1", authentication_name="urn:press:One")
    make_ca_certificate(namespace, "line-a")
    return namespace
