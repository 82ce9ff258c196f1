"""A plant for MQTT tests: a namespace with an uploaded intermediate and clients, and the files a device would have."""

from tests.emulator.mqtt.in_process import closed_plant, lenient_plant, local_plant, plant_of_2025
from tests.emulator.mqtt.plant import own_plant, plant

__all__ = ["closed_plant", "lenient_plant", "local_plant", "own_plant", "plant", "plant_of_2025"]
