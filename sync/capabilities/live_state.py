"""What one client is doing now, where the target tells it: a setting names the gateway. Azure does not."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from django.conf import settings

from portal.deployment.renamed_paths import load
from sync.arm.gateway import arm_gateway

PATIENCE = 4.0  # seconds: a page waits for the answer


class LiveState(Protocol):
    """Where a client's sessions, subscriptions and message counts come from."""

    def read(self, namespace_id: str, client_name: str) -> Mapping[str, Any]:
        """What the client is doing now. Raises AzureNotFound, AzureRefused, AzureUnreachable."""


class ArmLiveState:
    """Read beside ARM: GET {namespace}/liveState?client=NAME."""

    def read(self, namespace_id: str, client_name: str) -> Mapping[str, Any]:
        query = {"client": client_name, "api-version": settings.ARM_API_VERSIONS["namespaces"]}
        return arm_gateway().read(namespace_id, "liveState", query, patience=PATIENCE)


@cache
def _gateway_of(path: str) -> LiveState:
    gateway: LiveState = load(path)()
    return gateway


def live_state() -> LiveState | None:
    """The gateway that the settings name, or None where nothing of this is told."""
    return _gateway_of(settings.LIVE_STATE_GATEWAY) if settings.LIVE_STATE_GATEWAY else None
