"""Fixtures for all tests: each starts with an empty broker and an empty cache."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import caches
from django.db import connection
from hypothesis import settings as hypothesis_settings

from portal.serving.shared_cache import SharedCache
from tests.support.servers import own_broker

# Hypothesis tries the same examples in each run, so that a commit fails only for its own changes. To try new examples:
# `--hypothesis-profile=default`.
hypothesis_settings.register_profile("repeatable", derandomize=True)
hypothesis_settings.load_profile("repeatable")

# Emulators of the tests let a session connect again at once; a test of the limit sets it.
os.environ.setdefault("EMULATOR_CONNECTS_PER_SECOND", "0")

# Fixtures that several folders share come from plugins, so that each process of a run has one emulator for all of them.
pytest_plugins = [
    "tests.key_watch.plugin",
    "tests.support.database.append_only",
    "tests.support.distribution",
    "tests.support.hanging",
    "tests.support.database.migrated_database",
    "tests.support.azure.emulator_process",
    "tests.support.azure.emulated_azure",
    "tests.support.servers.identity_provider",
    "tests.sync.scripted_arm",
]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of another kind of run, so that a skip always means that a program is missing."""
    left_out = {
        "on_postgresql": connection.vendor != "postgresql",
        "on_own_broker": not own_broker.URL,
    }
    elsewhere = [item for item in items if any(left_out.get(mark.name) for mark in item.iter_markers())]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


def pytest_collection_finish() -> None:
    """Leave what has been loaded and collected out of garbage collection, which took a sixth of the processor time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _empty_state() -> Iterator[None]:
    """Delete messages and cached values after each test."""
    yield
    for each in ("default", "process"):
        if not isinstance(caches[each], SharedCache):  # which the end of a test empties with the database
            caches[each].clear()
    broker = Path(django_settings.BROKER_DIR)
    if broker.is_dir():
        shutil.rmtree(broker)
    own_broker.take_messages(own_broker.queue_of_this_process())


@pytest.fixture(scope="session", autouse=True)
def _leave_no_queue() -> Iterator[None]:
    yield
    own_broker.delete_queue(own_broker.queue_of_this_process())
