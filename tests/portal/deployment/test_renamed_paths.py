"""Names that operators and their systems use keep working: settings, tasks, entry points, `python -m`."""

import importlib
import importlib.util
import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from portal.deployment.renamed_paths import NEW_PATHS, current_path, load
from sync.capabilities import connection_log, fault_training, live_state

ROOT: Path = django_settings.BASE_DIR
TASKS = {
    "sync.tasks.pump",
    "sync.tasks.sweep",
    "sync.tasks.discard",
    "sync.tasks.scan",
    "sync.tasks.scan_all",
    "sync.tasks.take_in_connections",
    "sync.tasks.end_sessions",
    "namespaces.tasks.import_namespace",
    "namespaces.tasks.refresh_namespaces",
    "namespaces.tasks.import_clients",
    "namespaces.tasks.tidy_client_imports",
    "namespaces.tasks.apply_change_set",
    "namespaces.tasks.follow_change_sets",
    "namespaces.tasks.tidy_change_sets",
    "certificates.tasks.fetch_revocation_lists",
    "portal.tasks.heartbeat",
    "portal.tasks.tidy_sign_ins",
    "portal.tasks.seal_activity",
    "portal.tasks.send_mails",
    "portal.tasks.send_webhooks",
    "portal.tasks.tidy_notices",
}
# Django loads these itself, from the settings module of an operator.
MODULE = """
from portal.settings import *

def old(paths):
    return [OLD.get(path, path) for path in paths]

from portal.deployment.renamed_paths import NEW_PATHS
OLD = {new: name for name, new in NEW_PATHS.items()}
MIDDLEWARE = old(MIDDLEWARE)
FILE_UPLOAD_HANDLERS = old(FILE_UPLOAD_HANDLERS)
TEMPLATES[0]["OPTIONS"]["context_processors"] = old(TEMPLATES[0]["OPTIONS"]["context_processors"])
"""
SIGN_IN = """
import django
django.setup()
from django.conf import settings
from django.test import Client
assert Client(SERVER_NAME="localhost").get("/sign-in/").status_code == 200
print(*settings.MIDDLEWARE, *settings.FILE_UPLOAD_HANDLERS, *settings.TEMPLATES[0]["OPTIONS"]["context_processors"])
"""


@pytest.mark.parametrize("old", NEW_PATHS)
def test_each_old_path_loads_what_it_named(old: str) -> None:
    with pytest.raises(ImportError):
        import_string(old)  # else the entry is not needed
    assert load(old) is import_string(NEW_PATHS[old])
    assert current_path(NEW_PATHS[old]) == NEW_PATHS[old]


@pytest.mark.parametrize(
    ("setting", "old", "find"),
    [
        ("CONNECTION_LOG_GATEWAY", "sync.connections.ArmConnectionLog", connection_log.connection_log),
        ("LIVE_STATE_GATEWAY", "sync.live_state.ArmLiveState", live_state.live_state),
        ("FAULT_CONTROL_GATEWAY", "sync.training.EmulatorFaults", fault_training.fault_control),
    ],
)
def test_each_gateway_is_found_by_its_old_path(settings: Any, setting: str, old: str, find: Any) -> None:
    setattr(settings, setting, old)
    assert type(find()) is import_string(NEW_PATHS[old])


def test_a_settings_module_with_old_paths_serves_pages(tmp_path: Path) -> None:
    (tmp_path / "operator_settings.py").write_text(MODULE)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "operator_settings",
        "PORTAL_STATE_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-c", SIGN_IN], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    in_force = set(ended.stdout.split())
    assert not in_force & set(NEW_PATHS)
    assert in_force >= {new for new in NEW_PATHS.values() if new.startswith("portal.")}


def test_every_task_keeps_its_name() -> None:
    for module in ("sync.tasks", "namespaces.tasks", "certificates.tasks", "portal.tasks"):
        importlib.import_module(module)
    ours = {name for name in current_app.tasks if not name.startswith("celery.")}
    assert ours == TASKS
    assert {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()} <= TASKS


def test_the_schedule_of_celery_keeps_its_entries() -> None:
    assert set(django_settings.CELERY_BEAT_SCHEDULE) >= {
        *("sweep", "scan-drift", "take-in-connections", "refresh-namespaces", "heartbeat"),
    }


@pytest.mark.parametrize(
    ("group", "name"), [("project.scripts", "eventgrid-emulator"), ("pytest11", "eventgrid-emulator")]
)
def test_each_entry_point_loads(group: str, name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = project["scripts"] if group == "project.scripts" else project["entry-points"][group]
    assert EntryPoint(name, found[name], group).load()


@pytest.mark.parametrize(
    "module",
    ["emulator", "emulator.__main__", "portal", "portal.celery", "portal.wsgi", "portal.settings", "tests.sync.chaos"],
)
def test_each_module_that_operators_name_exists(module: str) -> None:
    assert importlib.util.find_spec(module) is not None
