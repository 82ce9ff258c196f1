"""The test database: a copy of one that was migrated before. Migrating takes five seconds of each process of a run."""

import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.db import connection

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / ".local"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Fill the test database, whose tables tests.settings leaves to this fixture on SQLite."""
    if connection.vendor != "sqlite":
        return
    path = kept_database()
    with django_db_blocker.unblock(), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
        connection.ensure_connection()
        source.backup(connection.connection)


def kept_database() -> Path:
    """Return the file of the migrated database, for copies. It is made when it is needed for the first time."""
    path = KEPT / f"migrated-{digest()}.sqlite3"
    if not path.exists():
        migrate_into(path)
    return path


def digest() -> str:
    """Return a hash of all that the migrated database depends on."""
    found = hashlib.sha256(f"{django.__version__} {sqlite3.sqlite_version}".encode())
    for model in apps.get_models(include_auto_created=True):  # rows of permissions name them
        found.update(f"{model._meta.label} {model._meta.verbose_name} {model._meta.default_permissions}".encode())
    for path in migrations():
        found.update(path.read_bytes())
    return found.hexdigest()[:24]


def migrations() -> Iterator[Path]:
    for config in apps.get_app_configs():
        try:
            package = import_module(f"{config.name}.migrations")
        except ModuleNotFoundError:
            continue
        yield from sorted(Path(str(package.__file__)).parent.glob("*.py"))


def migrate_into(path: Path) -> None:
    """Migrate a database from its beginning, and keep it as `path`."""
    path.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        migrate(PORTAL_STATE_DIR=folder)
        (made,) = Path(folder).glob("*.sqlite3")
        whole = Path(folder) / "whole"
        with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(whole)) as target:
            source.backup(target)
        whole.rename(path)
    for old in path.parent.glob("migrated-*.sqlite3"):
        if old != path and old.stat().st_mtime < time.time() - 86_400:
            old.unlink(missing_ok=True)


def migrate(**settings: str) -> None:
    """Migrate the database that these environment variables name, with the settings of the product."""
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings"} | settings
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
