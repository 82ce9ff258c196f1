"""What the tests of notifications share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from namespaces.models import Namespace
from portal.models import User
from tests.portal.notifications.receiver import Receiver, receiver
from tests.support.database.factories import make_admin, make_namespace, make_user


@pytest.fixture
def target(settings: Any, tmp_path: Path) -> Iterator[Receiver]:
    with receiver(settings, tmp_path) as started:
        yield started


@pytest.fixture
def admin() -> User:
    return make_admin()


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace("factory", owner=make_user("olga"))
