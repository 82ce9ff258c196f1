"""An emulator that may call one webhook server, with Event Grid's times shortened to a thousandth."""

import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from emulator.authority import Authority
from tests.emulator.events.webhook_server import Hook, WebhookServer, webhook_server
from tests.emulator.mqtt.plant import Plant, make_plant
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

SCALE = 0.001
CLOUD_EVENTS = "CloudEventSchemaV1_0"


@dataclass
class Hooked:
    """`emulator` may call `server`, below /hooks/."""

    emulator: EmulatorProcess
    server: WebhookServer
    plant: Plant

    @property
    def namespace_id(self) -> str:
        return self.plant.namespace_id

    def hook(self) -> Hook:
        """A webhook of this test alone."""
        return self.server.hook(f"/hooks/{uuid.uuid4().hex}")

    def path(self, name: str) -> str:
        return f"{self.namespace_id}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"

    def request(self, url: str, name: str = "", **properties: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
        """PUT a subscription. Return status, headers and JSON."""
        destination = {"endpointType": "WebHook", "properties": {"endpointUrl": url}}
        body = {"properties": {"destination": destination, "eventDeliverySchema": CLOUD_EVENTS, **properties}}
        return self.emulator.request("PUT", self.path(name or f"sub-{uuid.uuid4().hex[:12]}"), body)

    def operation_of(self, headers: dict[str, str]) -> dict[str, Any]:
        """Wait for the end of an operation and return its status."""
        link = headers["azure-asyncoperation"].removeprefix(self.emulator.url)
        found: dict[str, Any] = {}

        def has_ended() -> bool:
            found.update(self.emulator.call("GET", link, api_version=None))
            return bool(found["status"] != "InProgress")

        until(has_ended, "the operation ends")
        return found

    def subscribe(self, hook: Hook, name: str = "", query: str = "", **properties: Any) -> str:
        """Create a subscription whose webhook agrees. Return its id."""
        status, headers, body = self.request(hook.url + query, name, **properties)
        assert status == 201, body
        operation = self.operation_of(headers)
        assert operation["status"] == "Succeeded", operation
        return str(body["id"])

    def state_of(self, subscription_id: str) -> str:
        return str(self.emulator.call("GET", subscription_id)["properties"]["provisioningState"])

    def counts_of(self, subscription_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.emulator.call("GET", "/emulator/events", api_version=None)["subscriptions"]
        return dict(found[subscription_id])


@pytest.fixture(scope="session")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    """One for each test process. A reconnect at once is allowed in 2025-02."""
    folder = tmp_path_factory.mktemp("hooked")
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_path, authority.key_path)
    with webhook_server(context) as server:
        options = ("--allow-webhook", f"{server.root}/hooks/", "--webhook-ca", str(authority.ca_path))
        scale = ("--event-time-scale", str(SCALE), "--azure=2025-02")
        emulator = EmulatorProcess(folder / "emulator", *options, *scale)
        yield Hooked(emulator, server, make_plant(emulator, folder, maximumClientSessionsPerAuthenticationName=100))
        emulator.stop()
