"""npm's @azure/arm-resources against the emulator."""

import json
import os
import subprocess
import uuid
from datetime import UTC, datetime

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem
from emulator.faults_client import EmulatorControl, Fault
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.programs import NODE_FOLDER, require_node

CHAIN = make_sample_chain([ClientName("press-7")], at=datetime(2026, 6, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize("is_slow", [False, True], ids=["synchronous", "long-running"])
def test_arm_resources_creates_changes_lists_and_deletes(
    emulator: EmulatorProcess, control: EmulatorControl, is_slow: bool
) -> None:
    node = require_node("@azure/arm-resources")
    if is_slow:
        control.add(Fault(kind="long-running", seconds=0.3, path="*/namespaces/*"))
    group_name = f"rg-{uuid.uuid4().hex[:8]}"
    settings = {
        "url": emulator.url,
        "token": emulator.token(),
        "subscription": emulator.subscription,
        "group": group_name,
        "namespace": f"ns-{uuid.uuid4().hex[:12]}",
        "certificate": to_azure_pem(CHAIN.intermediate.certificate_der),
    }
    done = subprocess.run(
        [node, "arm_resources.mjs", json.dumps(settings)],
        cwd=NODE_FOLDER,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": emulator.ca},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    group = f"/subscriptions/{emulator.subscription}/resourceGroups/{group_name}"
    answer = json.loads(done.stdout)
    assert answer.pop("ca").startswith("20")
    assert answer == {
        "state": "Succeeded",
        "tags": {group_name: "a"},
        "listed": [f"{group}/providers/Microsoft.EventGrid/namespaces/{settings['namespace']}"],
        "refused": "400 InvalidRequest",
        "attributes": {"floor": 3},
        "exists": False,
    }
    assert emulator.request("HEAD", group)[0] == 404
