"""MQTT endpoints in a thread of this process, for tests that write rows into the store directly."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL

from certificates.samples.chain import ClientName, SampleCertificate, SampleChain, make_sample_chain
from emulator.authority import Authority, CertificateFiles
from emulator.credentials import Credentials
from emulator.mqtt.listeners.endpoints import MqttEndpoints
from emulator.mqtt.listeners.namespace_endpoint import NamespaceEndpoint
from emulator.mqtt.options import MqttOptions
from emulator.mqtt.transport.server_context import server_context
from emulator.mqtt.webhook.asker import WebhookAsker
from emulator.mqtt.webhook.settings import WebhookOptions
from emulator.profile import FEBRUARY_2025
from emulator.storage.store import (
    CA_CERTIFICATE,
    CLIENT,
    CLIENT_GROUP,
    NAMESPACE,
    PERMISSION_BINDING,
    TOPIC_SPACE,
    Resource,
    Store,
)
from emulator.token_issuer import TokenIssuer
from tests.emulator.mqtt.plant import NAMES
from tests.support.azure.emulator_keys import put_keys
from tests.support.waiting import until

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg"


class LocalPlant:
    """A namespace with an uploaded intermediate and clients, without ARM: rows are put as they are."""

    def __init__(
        self,
        folder: Path,
        options: MqttOptions | None = None,
        *,
        webhooks: WebhookOptions | None = None,
        **configuration: Any,
    ) -> None:
        self.folder = folder
        self.namespace_id = f"{GROUP}/providers/Microsoft.EventGrid/namespaces/local"
        self.store = Store(None)
        self._records: list[dict[str, Any]] = []
        self.chain: SampleChain = make_sample_chain([ClientName(name) for name in NAMES], at=datetime.now(UTC))
        put_keys(folder)
        self._authority = Authority(folder)
        self.credentials = Credentials.load(folder)
        # Unless a test is about it, a session may connect again at once.
        self._options = options or MqttOptions(connects_per_second=0)
        self.tokens = TokenIssuer(folder, self.credentials.tenant)
        self.webhooks = WebhookAsker(webhooks or WebhookOptions(), self.tokens)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.plant(**configuration)
        self.endpoints: MqttEndpoints = self.run(self._start())

    async def _start(self) -> MqttEndpoints:
        endpoints = MqttEndpoints(
            self.store,
            self._authority,
            "127.0.0.1",
            self._options,
            credentials=self.credentials,
            webhooks=self.webhooks,
        )
        await endpoints.start()
        return endpoints

    def run(self, work: Any) -> Any:
        """Run a coroutine in the endpoints' loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self.run(self.endpoints.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()
        self.store.close()

    @property
    def namespace(self) -> NamespaceEndpoint:
        return self.endpoints._endpoints[self.namespace_id]

    @cached_property
    def endpoint(self) -> dict[str, Any]:
        until(lambda: self.namespace_id in self.endpoints.endpoints, "the namespace listens")
        host, port = self.endpoints.endpoints[self.namespace_id]
        return {"host": host, "port": port, "ca": str(self._authority.ca_path)}

    def sample(self, name: str) -> SampleCertificate:
        return self.chain.clients[NAMES.index(name)]

    def files(self, sample: SampleCertificate) -> tuple[str, str]:
        certificate, key = self.folder / f"{sample.file_name}.crt", self.folder / f"{sample.file_name}.key"
        certificate.write_text(sample.certificate_pem)
        key.write_bytes(sample.key_pem)
        return str(certificate), str(key)

    def server_context(self) -> SSL.Context:
        """A TLS context as the namespace's listener has one, with a P-256 certificate: thousands of handshakes take a third of
        the time.
        """
        return server_context([CertificateFiles(self._authority.certificate_path, self._authority.key_path)])

    # Rows

    def plant(self, **configuration: Any) -> None:
        """The namespace, its CA certificate and its clients."""
        self.configure(**configuration)
        self.upload("intermediate", self.chain.intermediate.certificate_der)
        for name in NAMES:
            self.put_client(name, state="Disabled" if name == "disabled-1" else "Enabled")

    def _put(self, resource_type: str, name: str, properties: dict[str, Any], **columns: Any) -> None:
        resource_id = f"{self.namespace_id}/{resource_type.rpartition('/')[2]}/{name}"
        self.store.put(Resource(resource_id, resource_type, name, {"properties": properties}, **columns))

    def delete(self, kind: str, name: str) -> None:
        assert self.store.delete(f"{self.namespace_id}/{kind}/{name}") is not None

    def configure(self, **configuration: Any) -> None:
        settings = {"topicSpacesConfiguration": {"state": "Enabled", **configuration}}
        self.store.put(Resource(self.namespace_id, NAMESPACE, "local", {"properties": settings}))

    def put_network(self, **properties: Any) -> None:
        """The IP firewall of the namespace."""
        settings = {"topicSpacesConfiguration": {"state": "Enabled"}, **properties}
        self.store.put(Resource(self.namespace_id, NAMESPACE, "local", {"properties": settings}))

    def upload(self, name: str, der: bytes) -> None:
        self._put(CA_CERTIFICATE, name, {}, certificate=der)

    def put_client(self, name: str, *, authentication_name: str = "", unique_key: str = "", **properties: Any) -> None:
        wanted = {"authenticationName": authentication_name or name, **properties}
        self._put(CLIENT, name, wanted, unique_key=unique_key or wanted["authenticationName"])

    def put_group(self, name: str, query: str) -> None:
        self._put(CLIENT_GROUP, name, {"query": query})

    def put_space(self, name: str, *templates: str) -> None:
        self._put(TOPIC_SPACE, name, {"topicTemplates": list(templates)})

    def bind(self, group: str, space: str, permission: str) -> None:
        names = {"clientGroupName": group, "topicSpaceName": space, "permission": permission}
        self._put(PERMISSION_BINDING, f"{group.strip('$')}-{space}-{permission}", names)

    def log(self) -> list[dict[str, Any]]:
        """Return every record of the namespace; each is read once."""
        after = self._records[-1]["cursor"] if self._records else 0
        self._records += self.store.connections(self.namespace_id, after, 10_000)
        return list(self._records)

    def attempts_of(self, session_name: str) -> list[dict[str, Any]]:
        return [r for r in self.log() if r["properties"]["sessionName"] == session_name]

    def logged(self, category: str) -> list[dict[str, Any]]:
        return [record for record in self.log() if record["category"] == category]


@pytest.fixture
def local_plant(tmp_path: Path) -> Iterator[LocalPlant]:
    made = LocalPlant(tmp_path)
    yield made
    made.close()


@pytest.fixture
def plant_of_2025(tmp_path: Path) -> Iterator[LocalPlant]:
    """One that behaves as Azure did in February 2025."""
    made = LocalPlant(tmp_path, MqttOptions(azure=FEBRUARY_2025, connects_per_second=0))
    yield made
    made.close()


@pytest.fixture
def closed_plant(tmp_path: Path) -> Iterator[LocalPlant]:
    """One in which nothing is allowed without a permission binding, as in Azure."""
    made = LocalPlant(tmp_path, MqttOptions(open_topics=False, connects_per_second=0))
    yield made
    made.close()


@pytest.fixture
def lenient_plant(tmp_path: Path) -> Iterator[LocalPlant]:
    """A plant whose connections survive the deletion of their client or CA certificate."""
    made = LocalPlant(tmp_path, MqttOptions(end_sessions=False, connects_per_second=0))
    yield made
    made.close()
