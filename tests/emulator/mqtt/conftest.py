"""A plant for MQTT tests: a namespace with an uploaded intermediate and clients, and the files a device would have."""

from tests.emulator.mqtt.plant import own_plant, plant
from tests.emulator_process import emulator, own_emulator

__all__ = ["emulator", "own_emulator", "own_plant", "plant"]
