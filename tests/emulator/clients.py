"""The client libraries of Azure, connected to a running emulator."""

import time
from typing import Any, Protocol

from azure.core.credentials import AccessToken
from azure.mgmt.eventgrid import EventGridManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

FAST: dict[str, Any] = {"polling_interval": 1, "retry_total": 0, "connection_timeout": 5, "read_timeout": 20}


class Address(Protocol):
    """Where an emulator is, and a token for it."""

    @property
    def url(self) -> str: ...
    @property
    def ca(self) -> str: ...
    @property
    def subscription(self) -> str: ...
    def token(self) -> str: ...


class StaticCredential:
    """A credential with one token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self._token, int(time.time()) + 3600)


def resource_client(emulator: Address) -> ResourceManagementClient:
    return ResourceManagementClient(
        StaticCredential(emulator.token()),
        emulator.subscription,
        base_url=emulator.url,
        credential_scopes=[f"{emulator.url}/.default"],
        connection_verify=emulator.ca,
        **FAST,
    )


def event_grid_client(emulator: Address) -> EventGridManagementClient:
    return EventGridManagementClient(
        StaticCredential(emulator.token()),
        emulator.subscription,
        base_url=emulator.url,
        credential_scopes=[f"{emulator.url}/.default"],
        connection_verify=emulator.ca,
        **FAST,
    )
