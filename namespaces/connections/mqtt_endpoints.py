"""Where MQTT clients reach a namespace: ARM's hostname on 8883, unless the setting MQTT_ENDPOINTS says otherwise."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from namespaces.models import Namespace

MQTT_PORT = 8883


@dataclass(frozen=True)
class MqttEndpoint:
    """Host, port and, where the server's certificate is not publicly trusted, the file of the CA that signed it."""

    host: str
    port: int
    ca: str = ""


def mqtt_endpoint(namespace: Namespace) -> MqttEndpoint | None:
    """Return the namespace's endpoint, or None while its MQTT broker is off."""
    mapped = _mapping().get(namespace.resource_key)
    if mapped:
        return MqttEndpoint(str(mapped["host"]), int(mapped["port"]), str(mapped.get("ca") or ""))
    return MqttEndpoint(namespace.hostname, MQTT_PORT) if namespace.hostname else None


def emulator_endpoint(resource_key: str) -> MqttEndpoint | None:
    """Return the endpoint of a namespace (its lower-case resource ID) at an emulator, which has an authority of its own."""
    mapped = _mapping().get(resource_key)
    if not mapped or not mapped.get("ca"):
        return None
    return MqttEndpoint(str(mapped["host"]), int(mapped["port"]), str(mapped["ca"]))


def emulator_ca() -> str:
    """Return the path of the file of the CA that signed the emulator's endpoints, or ""."""
    return next((str(each["ca"]) for each in _mapping().values() if each.get("ca")), "")


def _mapping() -> dict[str, Any]:
    """Return the setting, which is JSON or names a JSON file. The file may change while the portal runs."""
    text = settings.MQTT_ENDPOINTS.strip()
    if not text:
        return {}
    if not text.startswith("{"):
        try:
            text = Path(text).read_text(encoding="utf-8")
        except OSError:
            return {}
    try:
        return {key.lower(): value for key, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {}
