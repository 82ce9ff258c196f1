"""Fixtures of the sync tests."""

from collections.abc import Iterator

import pytest
from django.test import Client as Browser

from namespaces.models import Namespace
from portal.models import User
from sync.push import pump
from sync.workers import heartbeats
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_namespace, make_user


@pytest.fixture(autouse=True)
def _own_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make each test that pushes a worker of its own, which saves one heartbeat and stays alive however long the test takes.

    A background thread that saves another one would lock the database of this test or write into that of the next.
    """
    monkeypatch.setattr(heartbeats, "BEAT_SECONDS", 3600.0)
    yield
    if heartbeats._worker is not None:
        heartbeats._worker.stop_beating()
        heartbeats._worker = None


@pytest.fixture(autouse=True)
def _ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pump that has nothing to do end after a moment: no one saves anything else."""
    monkeypatch.setattr(pump, "LINGER", 0.05)


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
