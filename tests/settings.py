"""The product's own settings in a state folder that lives as long as this test process, never in the developer's."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_state = Path(tempfile.mkdtemp(prefix="portal-tests-"))
atexit.register(shutil.rmtree, _state, ignore_errors=True)

for _name in [
    name for name in os.environ if name.startswith(("AZURE_", "PORTAL_", "CONNECTION_LOG_", "FAULT_", "MQTT_"))
]:
    del os.environ[_name]  # a developer's shell must not decide how tests end
os.environ["PORTAL_STATE_DIR"] = str(_state)
os.environ["PORTAL_SECRET_KEY"] = "only-for-tests-" + "x" * 40

from portal.settings import *  # noqa: E402, F403

# Signing in must not cost a second per test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
