"""What a client is doing now, where the target reports it, which Azure does not: a setting names the gateway."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from django.conf import settings

from certificates.x509.key_masking import masked
from portal.deployment.renamed_paths import load
from sync.arm.gateway import arm_gateway

PATIENCE = 4.0  # seconds: a page waits for the response


class LiveState(Protocol):
    """Source of a client's sessions, subscriptions and message counts."""

    def read(self, namespace_id: str, client_name: str) -> Mapping[str, Any]:
        """Return what the client is doing now. Raise AzureNotFound, AzureRefused or AzureUnreachable."""


class ArmLiveState:
    """Read beside ARM: GET {namespace}/liveState?client=NAME."""

    def read(self, namespace_id: str, client_name: str) -> Mapping[str, Any]:
        query = {"client": client_name, "api-version": settings.ARM_API_VERSIONS["namespaces"]}
        found: Mapping[str, Any] = masked(arm_gateway().read(namespace_id, "liveState", query, patience=PATIENCE))
        return found


@cache
def _gateway_of(path: str) -> LiveState:
    gateway: LiveState = load(path)()
    return gateway


def live_state() -> LiveState | None:
    """Return the gateway that the settings name, or None where the target does not report this."""
    return _gateway_of(settings.LIVE_STATE_GATEWAY) if settings.LIVE_STATE_GATEWAY else None
