"""All devices of the process: who may have how many, and when they end."""

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from certificates.samples.chain import IssuingError
from lab.devices import limits
from lab.devices.device import Device
from lab.devices.problems import DeviceProblem, NoSuchDevice
from namespaces.connections.mqtt_endpoints import MqttEndpoint

ENDING_SECONDS = 2.0
EndpointOf = Callable[[str], MqttEndpoint | None]  # by the lower-case resource ID of a namespace


@dataclass(frozen=True)
class Bounds:
    """How many devices there may be, and how long each lives. Seconds."""

    per_person: int = limits.PER_PERSON
    most: int = limits.MOST_DEVICES
    idle: float = limits.IDLE_SECONDS
    longest: float = limits.LONGEST_SECONDS


class Keeper:
    """The devices by their random identifiers. Every command names the person and the namespace that a device must have."""

    def __init__(self, endpoint_of: EndpointOf, bounds: Bounds) -> None:
        self._endpoint_of = endpoint_of
        self._bounds = bounds
        self._devices: dict[str, Device] = {}
        self._commands: dict[str, Callable[[Device, Mapping[str, Any]], Any]] = {
            "view": lambda device, _: None,
            "connect": self._connect,
            "disconnect": lambda device, _: device.disconnect(),
            "publish": lambda device, asked: device.publish(asked["topic"], asked["payload"], asked["qos"]),
            "subscribe": lambda device, asked: device.subscribe(asked["topic_filter"], asked["qos"]),
            "unsubscribe": lambda device, asked: device.unsubscribe(asked["topic_filter"]),
        }

    async def perform(self, command: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Perform a command and return what the page needs. Raise DeviceProblem; KeyError and TypeError for a bad request."""
        owner, namespace = int(asked["owner"]), str(asked["namespace"])
        if command == "make":
            return self._make(asked, owner, namespace)
        if command == "states":
            return {"states": {key: each.state for key, each in self._devices.items() if each.owner == owner}}
        if command == "end-all":
            await self._end([key for key, each in self._devices.items() if each.owner == owner])
            return {}
        device = self._devices.get(str(asked["device"]))
        if device is None or (device.owner, device.namespace) != (owner, namespace):
            raise NoSuchDevice
        device.used_at = time.monotonic()
        if command == "end":
            await self._end([str(asked["device"])])
            return {}
        self._commands[command](device, asked)
        return device.as_dict()

    def _make(self, asked: Mapping[str, Any], owner: int, namespace: str) -> dict[str, Any]:
        if sum(each.owner == owner for each in self._devices.values()) >= self._bounds.per_person:
            raise DeviceProblem(
                "too-many-devices",
                f"You have {self._bounds.per_person} devices, which is the limit. End one of them first.",
            )
        if len(self._devices) >= self._bounds.most:
            raise DeviceProblem("devices-full", "All devices are in use. Try again in a few minutes.")
        self._endpoint(namespace)
        try:
            device = Device(asked, owner=owner, namespace=namespace, at=datetime.now(UTC))
        except IssuingError as refusal:
            raise DeviceProblem(f"cannot-be-issued-{refusal.field}", refusal.sentence) from None
        key = secrets.token_hex(16)
        self._devices[key] = device
        return {"device": key, **device.as_dict()}

    def _connect(self, device: Device, asked: Mapping[str, Any]) -> None:
        endpoint = self._endpoint(device.namespace)
        device.connect(endpoint, user_name=str(asked["user_name"]), version=str(asked["version"]))

    def _endpoint(self, namespace: str) -> MqttEndpoint:
        """Return the emulator's endpoint of a namespace, read here and not taken from the request."""
        endpoint = self._endpoint_of(namespace)
        if endpoint is None:
            raise DeviceProblem("no-endpoint", "The emulator has no MQTT endpoint for this namespace now.")
        return endpoint

    async def end_the_idle(self) -> None:
        """End the devices that nobody has used for a while."""
        now = time.monotonic()
        await self._end(
            [
                key
                for key, each in self._devices.items()
                if now - each.used_at > self._bounds.idle or now - each.made_at > self._bounds.longest
            ]
        )

    def places(self) -> set[tuple[int, str]]:
        """Return the people who have devices, each with the namespace."""
        return {(each.owner, each.namespace) for each in self._devices.values()}

    async def end_in(self, places: Collection[tuple[int, str]]) -> None:
        """End the devices of these people in these namespaces."""
        await self._end([key for key, each in self._devices.items() if (each.owner, each.namespace) in places])

    async def end_all(self) -> None:
        await self._end(list(self._devices))

    async def _end(self, keys: list[str]) -> None:
        ended = [self._devices.pop(key).disconnect() for key in keys]
        waiting = [task for task in ended if task is not None]
        if waiting:
            await asyncio.wait(waiting, timeout=ENDING_SECONDS)
