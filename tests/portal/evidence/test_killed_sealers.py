"""Processes that seal are killed by the kernel, and the log is restored and tampered with as an attacker would."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
ENTRIES = 2000
FILL = f"""
import django; django.setup()
from portal import activity
activity.record_many([
    activity.entry_of(None, verb="v", kind="k.k", object_pk=pk, object_name="n", generation=1, synced=True)
    for pk in range({ENTRIES})
])
"""
SEAL = """
import math, django; django.setup()
from portal.evidence import sealing
sealing.BATCH = 20
while True:
    sealing.seal_entries(math.inf)
"""

pytestmark = pytest.mark.long


class Portal:
    """Commands of the portal on a SQLite file of its own."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "portal.sqlite3"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "PORTAL_STATE_DIR": str(folder),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = [sys.executable, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment, text=True, **pipes)  # type: ignore[call-overload,no-any-return]

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def manage(self, *arguments: str) -> tuple[int, str]:
        return self.run("manage.py", *arguments)

    def count(self, table: str) -> int:
        with closing(sqlite3.connect(self.database)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    made = Portal(tmp_path)
    for arguments in (("manage.py", "migrate"), ("-c", FILL)):
        code, output = made.run(*arguments)
        assert code == 0, output
    return made


def head_of(output: str) -> str:
    return output.rpartition("Head: ")[2].strip()


def test_nothing_is_lost_or_sealed_twice_when_sealers_are_killed(portal: Portal) -> None:
    for _ in range(2):
        before = portal.count("portal_activitylink")
        sealers = [portal.start("-c", SEAL) for _ in range(2)]
        until(lambda: portal.count("portal_activitylink") > before + 100, "links")  # noqa: B023
        for each in sealers:
            each.send_signal(signal.SIGKILL)
            each.communicate()
        assert portal.count("portal_activitylink") + portal.count("portal_unsealedpart") == ENTRIES
        code, output = portal.manage("verify_activity")
        assert code == 0, output
    older = portal.database.with_name("older.sqlite3")
    with closing(sqlite3.connect(portal.database)) as source, closing(sqlite3.connect(older)) as target:
        source.backup(target)
    sealer = portal.start("-c", SEAL)
    until(lambda: portal.count("portal_unsealedpart") == 0, "all links")
    sealer.kill()
    sealer.communicate()
    code, output = portal.manage("verify_activity")
    assert (code, head_of(output).partition(":")[0]) == (0, str(ENTRIES)), output
    _tamper_and_restore(portal, head_of(output), older)


def _tamper_and_restore(portal: Portal, head: str, older: Path) -> None:
    with closing(sqlite3.connect(portal.database)) as connection, connection:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("UPDATE portal_activity SET verb = 'other' WHERE object_pk = 1000")
        connection.execute("DROP TRIGGER portal_activity_no_update")
        connection.execute("UPDATE portal_activity SET verb = 'other' WHERE object_pk = 1000")
    code, output = portal.manage("verify_activity")
    assert (code, "[entry_altered]" in output) == (1, True), output
    for each in portal.database.parent.glob("portal.sqlite3-*"):
        each.unlink()
    shutil.copy(older, portal.database)
    code, output = portal.manage("verify_activity", f"--head={head}")
    assert (code, "[cut_off]" in output) == (1, True), output
    code, output = portal.manage("verify_activity")
    assert code == 0, output
