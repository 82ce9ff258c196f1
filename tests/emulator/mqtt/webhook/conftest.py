"""A namespace in this process whose CONNECTs a webhook decides, over real TLS."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from emulator.authority import Authority
from emulator.events.allowed_urls import AllowedUrls
from emulator.fault_rules import WebhookPlan
from emulator.mqtt.options import MqttOptions
from emulator.mqtt.webhook.settings import WebhookOptions
from emulator.storage.store import NAMESPACE, Resource
from tests.emulator.events.webhook_server import Answer, Seen, WebhookServer, webhook_server
from tests.emulator.mqtt.in_process import LocalPlant
from tests.support.azure.emulator_keys import put_keys

AUDIENCE = "api://decisions/.default"
JSON = {"Content-Type": "application/json"}


def allow(name: str, **more: Any) -> Answer:
    return 200, JSON, json.dumps({"decision": "allow", "clientAuthenticationName": name, **more}).encode()


def deny(reason: str) -> Answer:
    return 200, JSON, json.dumps({"decision": "deny", "errorReason": reason}).encode()


@dataclass
class Asked:
    """A plant whose webhook is `server`. Each client id has its own answer; others are allowed by it."""

    plant: LocalPlant
    server: WebhookServer
    answers: dict[str, Callable[[Seen], Answer]] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, seen: Seen) -> Answer:
        client_id = str(seen.json["clientId"])
        own = self.answers.get(client_id)
        return own(seen) if own is not None else allow(client_id)

    def say(self, session: str, answer: Answer) -> None:
        self.answers[session] = lambda _: answer

    def hold(self, session: str) -> None:
        """Answer nothing before `released` is set."""

        def wait(_: Seen) -> Answer:
            assert self.released.wait(60)
            return allow(session)

        self.answers[session] = wait

    def posts_of(self, session: str) -> list[Seen]:
        return [seen for seen in self.server.hooks["/decide"].posts if seen.json["clientId"] == session]

    def record_of(self, session: str) -> dict[str, Any]:
        """The only attempt of a session."""
        (found,) = [
            record
            for record in self.plant.log()
            if record["properties"]["sessionName"] == session and record["operationName"].endswith("/connect")
        ]
        return found

    def point(self, url: str = "", tenant: str = "", **properties: Any) -> None:
        """Configure the webhook of the namespace."""
        hook = {
            "identity": {"type": "SystemAssigned"},
            "endpointUrl": url or f"{self.server.root}/decide",
            "azureActiveDirectoryApplicationIdOrUri": AUDIENCE,
            "azureActiveDirectoryTenantId": tenant or self.plant.credentials.tenant.upper(),
        }
        self.configure({"webhookAuthentication": hook}, **properties)

    def configure(self, authentication: Mapping[str, Any], **properties: Any) -> None:
        settings = {"state": "Enabled", "clientAuthentication": authentication, **properties}
        namespace = Resource(
            self.plant.namespace_id, NAMESPACE, "local", {"properties": {"topicSpacesConfiguration": settings}}
        )
        self.plant.store.put(namespace)
        self.plant.run(self._apply(namespace))

    async def _apply(self, namespace: Resource) -> None:
        self.plant.namespace.configure(namespace)

    @contextmanager
    def options(self, **changed: Any) -> Iterator[None]:
        asker = self.plant.webhooks
        before = asker.options
        asker.options = replace(before, **changed)
        try:
            yield
        finally:
            asker.options = before

    @contextmanager
    def plan(self, plan: WebhookPlan) -> Iterator[None]:
        asker = self.plant.webhooks
        before, asker.plan_of = asker.plan_of, lambda _: plan
        try:
            yield
        finally:
            asker.plan_of = before


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Shared by tests that use client ids of their own."""
    folder: Path = tmp_path_factory.mktemp("asked")
    put_keys(folder)
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_path, authority.key_path)
    with webhook_server(context) as server:
        allowed = AllowedUrls(hosts=["localhost:1", server.root.removeprefix("https://")])
        plant = LocalPlant(
            folder,
            MqttOptions(connects_per_second=0),
            webhooks=WebhookOptions(allowed, authority.ca_path, seconds=60.0),
        )
        made = Asked(plant, server)
        server.hook("/decide").on_post = made.answer
        assert plant.endpoint
        made.point()
        yield made
        made.released.set()
        plant.close()
