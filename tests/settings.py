"""The product's settings, with a state folder that is deleted at the end of this process.

Messages are files in that folder, or go to a queue of this process on the broker at TEST_BROKER_URL.
"""

import atexit
import os
import shutil
import tempfile
import uuid
from pathlib import Path

_state = Path(tempfile.mkdtemp(prefix="portal-tests-"))
atexit.register(shutil.rmtree, _state, ignore_errors=True)

_OF_THE_PRODUCT = ("AZURE_", "PORTAL_", "CELERY_", "CONNECTION_LOG_", "FAULT_", "MQTT_")
for _name in [name for name in os.environ if name.startswith(_OF_THE_PRODUCT)]:
    del os.environ[_name]  # the developer's environment must not change the results
if os.environ.get("TEST_BROKER_URL"):
    os.environ["CELERY_BROKER_URL"] = os.environ["TEST_BROKER_URL"]
    os.environ["CELERY_TASK_DEFAULT_QUEUE"] = f"tests-{uuid.uuid4().hex}"
os.environ["PORTAL_STATE_DIR"] = str(_state)
os.environ["PORTAL_SECRET_KEY"] = "only-for-tests-" + "x" * 40
os.environ["PORTAL_ACTIVITY_KEY"] = "also-only-for-tests-" + "x" * 40

from portal.settings import *  # noqa: E402, F403

# Tests get a copy of a migrated database: tests/support/database/migrated_database.py.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"].setdefault("TEST", {})["MIGRATE"] = False  # noqa: F405

# A database on the same PostgreSQL server that was migrated before, and that the test database is copied from.
if os.environ.get("TEST_DATABASE_TEMPLATE"):
    DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ["TEST_DATABASE_TEMPLATE"], "MIGRATE": False}  # noqa: F405

# Signing in must not cost a second in each test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A test sees at once what it has put into the database.
SHORT_CACHE_SECONDS = 0

# Look static files up when they are asked for: each client of a test would list them all.
WHITENOISE_AUTOREFRESH = True

# Counts of rate limits stay in the process, apart from the tests of the shared cache.
CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "tests"}  # noqa: F405
