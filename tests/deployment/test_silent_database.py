"""A database that accepts connections and never answers is reported, and holds no thread for long."""

import json
import os
import socket
import subprocess
import sys
import time

from tests.deployment.page import ROOT

ASK = """
import django, json
django.setup()
from sync.pages.readiness import readiness
print(json.dumps(readiness()))
"""


def test_a_silent_database_is_reported_in_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections wait in its backlog
        environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": f"postgresql://portal@127.0.0.1:{silent.getsockname()[1]}/portal?connect_timeout=2",
        }
        began = time.monotonic()
        command = [sys.executable, "-c", ASK]
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert time.monotonic() - began < 45
    parts = json.loads(run.stdout)
    assert parts["database"]
    assert parts["workers"] == "unknown"


def test_the_options_of_the_url_take_precedence() -> None:
    show = "from django.conf import settings; import json; print(json.dumps(settings.DATABASES['default']['OPTIONS']))"
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": "postgresql://portal@/portal?host=/run/postgresql&connect_timeout=30",
    }
    command = [sys.executable, "-c", show]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    options = json.loads(run.stdout)
    assert (int(options["connect_timeout"]), options["host"]) == (30, "/run/postgresql")
    assert options["tcp_user_timeout"] == 20_000
