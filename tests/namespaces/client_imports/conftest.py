"""Fixtures of the tests of imports."""

from datetime import UTC, datetime

import pytest
from django.test import Client as Browser

from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from namespaces.models import Namespace
from portal.models import User
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_namespace


@pytest.fixture(scope="module")
def chain() -> SampleChain:
    return make_sample_chain([ClientName(f"press-{n}") for n in range(1, 4)], at=datetime.now(UTC))


@pytest.fixture
def place(ada: User) -> Namespace:
    return make_namespace(contributor=ada)


@pytest.fixture
def browser(ada: User) -> Browser:
    return signed_in(ada)
