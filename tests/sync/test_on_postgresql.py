"""Repeat tests on a real PostgreSQL server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database.migrated_database import migrate
from tests.support.servers.postgresql_and_redis import postgresql_server

MIGRATED = "migrated"

SAME_TESTS = {
    "rows": (
        *(
            "push/test_claim_and_settle.py",
            "push/test_lost_answers.py",
            "push/test_overwriting.py",
            "push/test_recreating.py",
        ),
        *("push/test_freed_names.py", "workers/test_leases.py", "arm/test_long_running.py", "push/test_deleting.py"),
        *("push/test_claiming.py", "pages/test_backlog.py", "pages/test_timeline.py"),
        "test_migrations.py",
        "push/test_sent_states.py",
        "../namespaces/test_name_lookups.py",
        "../namespaces/test_lost_update_race.py",
    ),
    "fuzz": tuple(
        f"../portal/test_fuzz.py::{test}[short {number}]"
        for test in ("test_forms", "test_parameters")
        for number in range(12)
    ),
    "sign-in": tuple(f"../portal/sign_in/test_{name}.py" for name in ("rate_limits", "signing_in", "sessions")),
    "notifications": (
        *(
            f"../portal/notifications/test_{name}.py"
            for name in ("announcing", "claiming", "digests", "outbox", "webhooks")
        ),
        *("test_notices.py", "../certificates/notices/test_expiry_notices.py"),
    ),
    "people": tuple(f"../portal/people/test_{name}.py" for name in ("accounts", "invitations", "migrations", "teams")),
    "change sets": (
        *("../namespaces/control/change_sets", "../namespaces/control/test_imports_and_leads.py"),
        "../namespaces/control/test_no_self_approval.py::test_no_sequence_approves_itself",
    ),
    "lists": (
        "../namespaces/pages/test_list_places.py",
        *(f"../portal/web/test_{name}.py" for name in ("csv_files", "exports", "export_progress")),
        "../portal/listing",
    ),
    "pump and budget": ("push/test_pump.py", "throttling/test_budget.py", "push/test_database_faults.py"),
}


@pytest.fixture(scope="module")
def server_with_migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with a migrated database, from which each run copies its own: migrating takes seventeen seconds."""
    with postgresql_server() as server:
        url = server.create_database(MIGRATED)
        migrate(DATABASE_URL=url, PORTAL_STATE_DIR=str(tmp_path_factory.mktemp("migrated")))
        yield server.url


def test_the_repeated_tests_exist() -> None:
    paths = [Path(__file__).parent / name.partition("::")[0] for names in SAME_TESTS.values() for name in names]
    assert [str(path) for path in paths if not path.exists()] == []


@pytest.mark.long
@pytest.mark.parametrize("names", SAME_TESTS.values(), ids=SAME_TESTS)
def test_the_same_tests_hold_on_postgresql(server_with_migrated: str, names: tuple[str, ...]) -> None:
    here = Path(__file__).parent
    tests = [str(here / name) for name in names]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests],
        cwd=here.parent.parent,
        env={**os.environ, "DATABASE_URL": server_with_migrated, "TEST_DATABASE_TEMPLATE": MIGRATED},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:]
