"""The process of devices for tests: `manage.py devices` with an emulator, and what a test needs to look into it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lab.devices.address_file import Address, read_address
from tests.key_watch.plugin import TRACES
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"


class DevicesProcess:
    """Runs in `folder`, with the endpoints that `emulator` has when they are written."""

    def __init__(self, folder: Path, emulator: EmulatorProcess, *options: str) -> None:
        self.folder = folder
        self._emulator = emulator
        self._options = options
        self._keys = folder / "keys"
        self._keys.mkdir(parents=True)
        self.endpoints = folder / "mqtt-endpoints.json"
        self.address_file = folder / "browser-devices.json"
        self.log_file = folder / "devices.log"
        self.write_endpoints()
        self.start()

    def write_endpoints(self) -> None:
        self.endpoints.write_text(json.dumps(self._emulator.mqtt_endpoints))

    def start(self) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "AZURE_"))},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_STATE_DIR": str(self.folder),
            "MQTT_ENDPOINTS": str(self.endpoints),
            "FAULT_CONTROL_GATEWAY": GATEWAY,
            "DEVICES_IN_BROWSER": "true",
            "WATCHED_KEYS": str(self._keys),
        }
        self.address_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.lab.devices.watched_process", *self._options]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        until(lambda: self.has_ended or read_address(self.address_file) is not None, "the devices' process listens")
        assert not self.has_ended, self.log_file.read_text()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def address(self) -> Address:
        found = read_address(self.address_file)
        assert found is not None
        return found

    def stop(self) -> int:
        if not self.has_ended:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """Kill it, as a power cut does. The file with its address stays."""
        self.process.kill()
        self.process.wait(60)

    def watch_keys(self) -> int:
        """Have the key watch search for the keys made so far, also after this test. Return their number."""
        found = sorted(self._keys.glob("*.key"))
        for path in found:
            key = load_pem_private_key(path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            TRACES.add(key, anywhere=True)
        return len(found)

    def use_in(self, settings: Any) -> None:
        """Let the portal of this test use it."""
        settings.DEVICES_FILE = self.address_file
        settings.DEVICES_IN_BROWSER = True
        settings.FAULT_CONTROL_GATEWAY = GATEWAY
        settings.MQTT_ENDPOINTS = str(self.endpoints)


@contextmanager
def running_devices(folder: Path, emulator: EmulatorProcess, *options: str) -> Iterator[DevicesProcess]:
    """Run a process of a test's own for the block."""
    process = DevicesProcess(folder, emulator, *options)
    try:
        yield process
    finally:
        process.stop()
