"""Not collected with the tests: `tests/key_watch/test_keys_left.py` runs it to see that a key that is left somewhere is found."""

import os
from pathlib import Path

import pytest
from celery import current_app
from django.core.cache import cache
from django.utils import timezone

from certificates.samples.chain import ClientName, make_sample_chain
from tests.certificates.uploads import SENSOR
from tests.support.factories import make_client, make_namespace

WHERE = os.environ["LEAVE_A_KEY_IN"]
KEY = make_sample_chain([ClientName("a")], at=timezone.now()).clients[0].key_pem.decode()


@pytest.mark.django_db
def test_that_leaves_a_key(tmp_path: Path) -> None:
    cache.clear()
    match WHERE:
        case "file":
            (tmp_path / "emulator.log").write_text(f"POST {KEY!r}")
        case "file for a client":
            (tmp_path / "client.key").write_text(KEY)
        case "uploaded":
            (tmp_path / "store.sqlite3").write_bytes(b"\x00\x01" + SENSOR.key_pem)
        case "output":
            print(KEY)
        case "database":
            make_client(make_namespace(), description=KEY)
        case "message":
            current_app.send_task("portal.tasks.heartbeat", args=(KEY,))
