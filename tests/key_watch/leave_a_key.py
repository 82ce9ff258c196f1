"""Leave a private key in each of the places that LEAVE_A_KEY_IN names, separated by commas.

Not collected with the tests: `tests/key_watch/test_keys_left.py` runs this file and checks that each key is found.
"""

import os
from pathlib import Path

import pytest
from celery import current_app
from django.utils import timezone

from certificates.samples.chain import ClientName, make_sample_chain
from tests.certificates.uploads import SENSOR
from tests.support.database.factories import make_client, make_namespace

PLACES = os.environ["LEAVE_A_KEY_IN"].split(",")
KEY = make_sample_chain([ClientName("a")], at=timezone.now()).clients[0].key_pem.decode()


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=[pytest.mark.django_db] if place == "database" else []) for place in PLACES]
)
def test_that_leaves_a_key(tmp_path: Path, place: str) -> None:
    match place:
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
