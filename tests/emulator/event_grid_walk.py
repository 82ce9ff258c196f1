"""Calls every operation of azure-mgmt-eventgrid that the emulator answers, synchronous or asynchronous.

It runs with either version of the package: `python -m tests.emulator.event_grid_walk SETTINGS` uses the one that Python
finds first, and prints its version.
"""

import asyncio
import inspect
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt import eventgrid
from azure.mgmt.eventgrid import models
from azure.mgmt.eventgrid.aio import EventGridManagementClient as AsyncClient

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem
from tests.emulator.clients import FAST, Address, StaticCredential, event_grid_client
from tests.support.azure.emulator_process import GROUP, LOCATION

CHAIN = make_sample_chain([ClientName("sensor-1")], at=datetime(2026, 6, 1, 12, tzinfo=UTC))
GROUPS = (
    "namespaces",
    "ca_certificates",
    "clients",
    "client_groups",
    "topic_spaces",
    "permission_bindings",
    "namespace_topics",
    "private_endpoint_connections",
    "private_link_resources",
    "operations",
)


@dataclass
class Settings:
    """The address of an emulator, for another process."""

    url: str
    ca: str
    subscription: str
    bearer: str

    def token(self) -> str:
        return self.bearer


class AsyncCredential(StaticCredential):
    async def get_token(self, *scopes: str, **options: Any) -> Any:  # type: ignore[override]
        return super().get_token(*scopes, **options)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> "AsyncCredential":
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Nothing is open."""


class Calls:
    """Calls operations of either client in the same way, and records which."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.called: set[tuple[str, str]] = set()

    async def do(self, group: str, operation: str, *arguments: Any, **options: Any) -> Any:
        """Return the result of an operation: of a poller its result, of a list all items."""
        self.called.add((group, operation))
        begun = getattr(getattr(self._client, group), operation)(*arguments, **options)
        if inspect.isawaitable(begun):
            begun = await begun
        if hasattr(begun, "result"):
            result = begun.result()
            return await result if inspect.isawaitable(result) else result
        if isinstance(begun, AsyncIterator):
            return [item async for item in begun]
        return list(begun) if hasattr(begun, "__next__") else begun

    def not_called(self) -> set[tuple[str, str]]:
        """Return the operations of these groups that were not called."""
        public = {
            (group, name)
            for group in GROUPS
            for name in dir(getattr(self._client, group))
            if not name.startswith("_") and name != "models" and callable(getattr(getattr(self._client, group), name))
        }
        return public - self.called


def client_for(emulator: Address, kind: str) -> Any:
    if kind == "sync":
        return event_grid_client(emulator)
    return AsyncClient(
        AsyncCredential(emulator.token()),
        emulator.subscription,
        base_url=emulator.url,
        credential_scopes=[f"{emulator.url}/.default"],
        connection_verify=emulator.ca,
        **FAST,
    )


BODIES: list[tuple[str, str, Any, str]] = [
    (
        "ca_certificates",
        "ca-1",
        models.CaCertificate(encoded_certificate=to_azure_pem(CHAIN.intermediate.certificate_der), description="x"),
        "description",
    ),
    ("clients", "client-1", models.Client(attributes={"floor": 3}, description="x"), "description"),
    ("client_groups", "group-1", models.ClientGroup(query="attributes.floor = 3", description="x"), "query"),
    ("topic_spaces", "space-1", models.TopicSpace(topic_templates=["a/#"], description="x"), "description"),
    (
        "permission_bindings",
        "bind-1",
        models.PermissionBinding(client_group_name="group-1", topic_space_name="space-1", permission="Subscriber"),
        "permission",
    ),
]


async def walk(calls: Calls) -> None:
    name = f"ns-{uuid.uuid4().hex[:12]}"
    at = (GROUP, name)
    wanted = models.Namespace(
        location=LOCATION, topic_spaces_configuration=models.TopicSpacesConfiguration(state="Enabled")
    )
    made = await calls.do("namespaces", "begin_create_or_update", *at, wanted)
    assert (made.name, made.provisioning_state) == (name, "Succeeded")
    update = models.NamespaceUpdateParameters(tags={"a": "b"})
    assert (await calls.do("namespaces", "begin_update", *at, update)).tags == {"a": "b"}
    assert (await calls.do("namespaces", "get", *at)).topic_spaces_configuration.state == "Enabled"
    for listed in (
        await calls.do("namespaces", "list_by_resource_group", GROUP, filter=f"name eq '{name}'"),
        await calls.do("namespaces", "list_by_subscription", filter=f"name eq '{name}'"),
    ):
        assert [each.name for each in listed] == [name]
    keys = await calls.do("namespaces", "list_shared_access_keys", *at)
    renewed = await calls.do(
        "namespaces", "begin_regenerate_key", *at, models.NamespaceRegenerateKeyRequest(key_name="key1")
    )
    assert keys.key1 != renewed.key1
    assert keys.key2 == renewed.key2
    domains = await calls.do("namespaces", "begin_validate_custom_domain_ownership", *at)
    assert domains.custom_domains_for_topics_configuration == []
    await walk_children(calls, at)
    await walk_topics(calls, at)
    await walk_links(calls, at)
    await calls.do("namespaces", "begin_delete", *at)
    with pytest.raises(ResourceNotFoundError):
        await calls.do("namespaces", "get", *at)


async def walk_children(calls: Calls, at: tuple[str, str]) -> None:
    for group, name, body, field in BODIES:
        made = await calls.do(group, "begin_create_or_update", *at, name, body)
        assert (made.name, made.provisioning_state) == (name, "Succeeded")
        assert getattr(made, field) == getattr(body, field)
        assert made.system_data.created_by_type == "Application"
        assert (await calls.do(group, "get", *at, name)).as_dict() == made.as_dict()
        listed = await calls.do(group, "list_by_namespace", *at, filter=f"name eq '{name}'", top=1)
        assert [each.as_dict() for each in listed] == [made.as_dict()]
    for group, name, _, _ in reversed(BODIES):
        await calls.do(group, "begin_delete", *at, name)
        with pytest.raises(ResourceNotFoundError):
            await calls.do(group, "get", *at, name)


async def walk_topics(calls: Calls, at: tuple[str, str]) -> None:
    topic = (*at, "topic-1")
    made = await calls.do("namespace_topics", "begin_create_or_update", *topic, models.NamespaceTopic())
    assert (made.name, made.event_retention_in_days, made.publisher_type) == ("topic-1", 1, "Custom")
    update = models.NamespaceTopicUpdateParameters(event_retention_in_days=2)
    assert (await calls.do("namespace_topics", "begin_update", *topic, update)).event_retention_in_days == 2
    assert (await calls.do("namespace_topics", "get", *topic)).input_schema == "CloudEventSchemaV1_0"
    assert [each.name for each in await calls.do("namespace_topics", "list_by_namespace", *at)] == ["topic-1"]
    keys = await calls.do("namespace_topics", "list_shared_access_keys", *topic)
    request = models.TopicRegenerateKeyRequest(key_name="key2")
    renewed = await calls.do("namespace_topics", "begin_regenerate_key", *topic, request)
    assert (renewed.key1, renewed.key2 == keys.key2) == (keys.key1, False)
    await calls.do("namespace_topics", "begin_delete", *topic)
    with pytest.raises(ResourceNotFoundError):
        await calls.do("namespace_topics", "get", *topic)


async def walk_links(calls: Calls, at: tuple[str, str]) -> None:
    group, name = at
    below = (group, "namespaces", name)
    links = await calls.do("private_link_resources", "list_by_resource", *below)
    assert [each.group_id for each in links] == ["topic", "topicspace"]
    assert (await calls.do("private_link_resources", "get", *below, "topic")).name == "topic"
    assert await calls.do("private_endpoint_connections", "list_by_resource", *below) == []
    for operation, body in (("get", ()), ("begin_update", (models.PrivateEndpointConnection(),))):
        with pytest.raises(ResourceNotFoundError):
            await calls.do("private_endpoint_connections", operation, *below, "pe-1", *body)
    await calls.do("private_endpoint_connections", "begin_delete", *below, "pe-1")
    names = [each.name for each in await calls.do("operations", "list")]
    assert "Microsoft.EventGrid/namespaces/clients/write" in names


async def walk_everything(emulator: Address, kind: str) -> None:
    """Call every operation of these groups. Fail if the package has one that is not called."""
    client = client_for(emulator, kind)
    calls = Calls(client)
    async with AsyncExitStack() as stack:
        if kind == "sync":
            stack.enter_context(client)
        else:
            await stack.enter_async_context(client)
        await walk(calls)
    assert calls.not_called() == set()


if __name__ == "__main__":
    found = Settings(**json.loads(sys.argv[1]))
    for each in ("sync", "async"):
        asyncio.run(walk_everything(found, each))
    print(eventgrid.__version__)
