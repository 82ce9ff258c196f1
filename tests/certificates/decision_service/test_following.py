"""How one process follows the database: what it must not miss, and what must not make it read everything again."""

import asyncio
import json
import pickle
from collections.abc import MutableMapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from certificates.decision_service.application import Application
from certificates.decision_service.following import News, Reader
from certificates.decision_service.loading import LoadedNamespace, load_namespace
from certificates.decision_service.recording import Recording
from certificates.models import IssuerBinding, PinnedKey
from certificates.namespace_rules import rules_of
from namespaces.decision_changes import decisions_changed
from namespaces.models import Client, DecisionChange, DecisionPoint, Namespace, NamespaceConfiguration
from sync.actions import mark_deleted
from tests.certificates.decision_service.deciding import AUDIENCE, KEYS, PRINCIPAL, TENANT, KeyServer, claims, signed
from tests.support.certificates.chains import authority
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_configuration,
    make_namespace,
    make_team,
    owner_of,
)

pytestmark = pytest.mark.django_db
FAR = 20_000  # more numbers than are asked for one by one


@pytest.fixture
def namespace() -> Namespace:
    made = make_namespace()
    make_configuration(made, webhook_url="https://decide.example.com", webhook_audience=AUDIENCE, webhook_tenant=TENANT)
    make_client(made, "sensor-1")
    DecisionPoint.objects.create(namespace=made, principals=[PRINCIPAL])
    return made


@pytest.fixture
def reader(namespace: Namespace) -> Reader:
    made = Reader()
    decisions_changed(namespace.pk)
    assert made.read().whole.keys() == {namespace.pk}
    news = made.read()
    assert (news.whole, news.parts, news.clients, news.gone) == ({}, {}, {}, set())
    return made


def number(reader: Reader, namespace: Namespace, pk: int) -> set[int]:
    """Note a change with this number, and return the namespaces of which the reader then reads the parts."""
    DecisionChange.objects.create(pk=pk, namespace_pk=namespace.pk)
    news = reader.read()
    assert not news.whole
    return set(news.parts)


@pytest.mark.parametrize("gap", [2, FAR])
def test_a_transaction_that_ends_late_is_noticed(reader: Reader, namespace: Namespace, gap: int) -> None:
    last = DecisionChange.objects.latest("pk").pk
    assert number(reader, namespace, last + gap) == {namespace.pk}
    assert number(reader, namespace, last + 1) == {namespace.pk}
    assert not reader.read().parts


def test_one_that_had_its_number_before_the_process_began_is_noticed(namespace: Namespace) -> None:
    DecisionChange.objects.create(pk=5, namespace_pk=namespace.pk)
    DecisionChange.objects.bulk_create(DecisionChange(pk=pk, namespace_pk=0) for pk in range(7, 1500))
    reader = Reader()
    reader.read()
    assert number(reader, namespace, 6) == {namespace.pk}


def test_numbers_that_begin_again_make_it_read_everything(reader: Reader, namespace: Namespace) -> None:
    """A database that was restored from a backup counts on from there."""
    last = DecisionChange.objects.latest("pk")
    last.delete()
    Client.objects.update(state=Client.ConnectionState.DISABLED)
    DecisionChange.objects.create(pk=last.pk, namespace_pk=0)
    DecisionChange.objects.filter(pk=last.pk).update(at=last.at + timedelta(seconds=1))
    (read,) = reader.read().whole.values()
    assert not read.clients["sensor-1"].enabled
    assert not reader.read().whole
    DecisionChange.objects.all().delete()  # old ones, once an hour
    assert reader.read().whole
    assert not reader.read().whole


def test_a_new_team_reloads_nothing_and_a_new_name_everything(reader: Reader) -> None:
    team = make_team("Line 1")
    assert not reader.read().whole
    team.name = "Line 2"
    team.save()
    assert reader.read().whole


def test_rules_of_what_is_gone_count_for_nobody(reader: Reader, namespace: Namespace) -> None:
    """The pin of a client does not count for the next one of its name, nor a group whose deletion Azure has not confirmed."""
    client = Client.objects.get()
    key = {"spki_sha256": "0a" * 32, "pinned_at": timezone.now()}
    PinnedKey.objects.create(client=client, **key)
    group = make_client_group(namespace)
    binding = IssuerBinding.objects.create(ca=make_ca_certificate(namespace), changed_at=timezone.now())
    binding.groups.add(group)
    rules = reader.read().parts[namespace.pk].state.rules
    assert set(rules.pins) == {"sensor-1"}
    assert [len(each.groups) for each in rules.bindings.values()] == [1]
    for row in (client, group):
        mark_deleted(owner_of(namespace), row=row, verb="Delete", before={}, scope_name="")
    rules = reader.read().parts[namespace.pk].state.rules
    assert not rules.pins
    assert [len(each.groups) for each in rules.bindings.values()] == [0]
    assert rules == rules_of(namespace.pk)


def test_each_decision_can_be_handed_to_the_process_that_records(namespace: Namespace) -> None:
    """One that cannot, by a fault, must not stop the others."""
    loaded = load_namespace(DecisionPoint.objects.select_related("namespace").get())
    assert pickle.loads(pickle.dumps(loaded.clients)) == loaded.clients
    recording = Recording()
    recording.put(lambda: None)  # type: ignore[arg-type]
    recording._hand_over()
    assert not recording._waiting


def test_a_request_is_decided_by_the_state_after_its_body(namespace: Namespace, settings: Any) -> None:
    at = timezone.now()
    line = authority("Line CA", at=at)
    make_ca_certificate(namespace, der=line.der)
    point = DecisionPoint.objects.select_related("namespace").get()
    keys = KeyServer(KEYS)
    settings.DECISIONS_AUTHORITY = keys.url
    before = load_namespace(point)
    Client.objects.update(state=Client.ConnectionState.DISABLED)
    disabled = load_namespace(point)
    DecisionPoint.objects.update(principals=[])
    without_caller = load_namespace(DecisionPoint.objects.select_related("namespace").get())
    token = signed(claims(SimpleNamespace(authority=keys)))  # type: ignore[arg-type]
    chain = {"clientCertificate": line.issue("sensor-1").pem.decode(), "clientCertificateChain": line.pem.decode()}
    body = json.dumps({"clientId": "c", "userName": "sensor-1", **chain}).encode()
    try:
        asked = [asyncio.run(ask(before, after, token, body)) for after in (before, disabled, without_caller, None)]
    finally:
        keys.shutdown()
        keys.server_close()
    assert [(status, answer.get("decision")) for status, answer in asked] == [
        (200, "allow"), (200, "deny"), (401, None), (404, None),
    ]  # fmt: skip


def test_a_tenant_without_keys_does_not_stop_the_one_that_azure_has(namespace: Namespace, settings: Any) -> None:
    row = NamespaceConfiguration.objects.get()
    webhook = {
        "endpointUrl": row.webhook_url,
        "azureActiveDirectoryApplicationIdOrUri": AUDIENCE,
        "azureActiveDirectoryTenantId": TENANT,
    }
    settings_there = {"clientAuthentication": {"webhookAuthentication": webhook}}
    row.base = {"properties": {"topicSpacesConfiguration": settings_there}}
    row.webhook_tenant = "9d1f2b3c-0000-4a36-9a0e-3c6f0c1a2b3c"
    row.save()
    keys = KeyServer(KEYS)
    settings.DECISIONS_AUTHORITY = keys.url
    loaded = load_namespace(DecisionPoint.objects.select_related("namespace").get())
    assert len(loaded.parts.callers) == 2
    body = json.dumps({"clientId": "c", "userName": "sensor-1"}).encode()
    try:
        asked = [
            asyncio.run(ask(loaded, loaded, signed(claims(SimpleNamespace(authority=keys), **changes)), body))  # type: ignore[arg-type]
            for changes in ({}, {"tid": row.webhook_tenant}, {"oid": TENANT})
        ]
    finally:
        keys.shutdown()
        keys.server_close()
    assert [(status, answer.get("decision"), answer.get("error")) for status, answer in asked] == [
        (200, "deny", None), (503, None, "keys-not-read"), (503, None, "keys-not-read"),
    ]  # fmt: skip


async def ask(
    before: LoadedNamespace, after: LoadedNamespace | None, token: str, body: bytes
) -> tuple[int, dict[str, Any]]:
    """Send a request about a namespace that is read again while the body is on its way."""
    application, sent = Application(), []
    service, pk = application.service, before.parts.pk
    service.take(News(asyncio.get_running_loop().time(), whole={pk: before}))
    assert await service._keys.refresh_for_unknown_key(TENANT)

    async def receive() -> MutableMapping[str, Any]:
        gone = {pk} if after is None else set()
        service.take(News(asyncio.get_running_loop().time(), whole={pk: after} if after else {}, gone=gone))
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode())]
    path = f"/decide/{before.parts.key}"
    await application({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])
