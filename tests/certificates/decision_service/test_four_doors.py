"""One decision, whatever asks: the engine, the emulator that decides, the emulator that asks the webhook, and Test authentication.

The table of certificates × users goes through the first, second and fourth door in `test_certificate_table` and
`test_authentication_trace_table`; here it goes through the third, over TLS and MQTT to the emulator, and over TLS with its token to the
application of the decision service. The rules that Azure does not have go through the three doors that know them.
"""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from certificates.authentication.engine import Decision, authenticate
from certificates.decision_service.application import Application
from certificates.decision_service.following import News
from certificates.decision_service.loading import load_namespace
from certificates.decision_service.messages import content_of
from certificates.pages.authentication_trace import namespace_state, run_authentication_test
from certificates.pages.presented_chain import PresentedChain
from emulator.authority import Authority
from emulator.events.allowed_urls import AllowedUrls
from emulator.mqtt.options import MqttOptions
from emulator.mqtt.webhook.settings import WebhookOptions
from emulator.token_issuer import Identity as ManagedIdentity
from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration
from tests.certificates.authentication.engine_table.arranging import arranged
from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.cases import Case
from tests.certificates.decision_rules.arranging import ARRANGED, Plant
from tests.emulator.events.webhook_server import Answer, Seen, webhook_server
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.arranging import arrange, context_of
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import wire
from tests.emulator.mqtt.webhook.conftest import Asked
from tests.support.azure.emulator_keys import put_keys
from tests.support.waiting import until

pytestmark = pytest.mark.django_db

AUDIENCE = "api://decisions"
CASES = [case for case in cases(datetime.now(UTC)) if case.presentable]


class Webhook:
    """The application of the decision service in this process, without its thread that follows the database."""

    def __init__(self) -> None:
        self.application = Application()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def load(self, namespace: Namespace) -> str:
        """Decide about this namespace alone, and return the key of its address."""
        point = DecisionPoint.objects.select_related("namespace").get(namespace=namespace)
        loaded, service = load_namespace(point), self.application.service
        news = News(time.monotonic(), whole={namespace.pk: loaded}, gone=set(service._by_pk) - {namespace.pk})

        async def take() -> None:
            service.take(news)

        async def has_keys() -> bool:
            tenants = loaded.parts.tenants
            service._keys.renew(tenants)
            return all(service._keys.of(tenant) is not None for tenant in tenants)

        self.run(take())
        until(lambda: self.run(has_keys()), "the keys of the tenant are read")
        return point.key

    def answer(self, seen: Seen) -> Answer:
        status, body = self.run(self._asked(seen))
        return status, {"Content-Type": "application/json"}, body

    async def _asked(self, seen: Seen) -> tuple[int, bytes]:
        sent: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": seen.body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(name.encode(), value.encode("latin-1")) for name, value in seen.headers.items()]
        scope = {"type": "http", "method": seen.method, "path": seen.target, "headers": headers}
        await self.application(scope, receive, send)
        return sent[0]["status"], sent[1]["body"]


class Doors:
    """A namespace of the emulator that asks the webhook about each CONNECT."""

    def __init__(self, asked: Asked, webhook: Webhook) -> None:
        self.asked, self.webhook = asked, webhook
        self.plant = asked.plant

    def decides_about(self, namespace: Namespace) -> None:
        """Let the portal decide about this namespace of its database for the namespace of the emulator."""
        principal = ManagedIdentity.of_resource(self.plant.namespace_id).principal
        configuration = NamespaceConfiguration.objects.filter(namespace=namespace).first()
        configuration = configuration or NamespaceConfiguration(
            namespace=namespace, name=namespace.name, state="Enabled"
        )
        configuration.webhook_url, configuration.webhook_identity = "https://decide.example.com", "SystemAssigned"
        configuration.webhook_audience, configuration.webhook_tenant = AUDIENCE, self.plant.credentials.tenant
        configuration.save()
        confirmed = timezone.now()
        DecisionPoint.objects.create(namespace=namespace, principals=[principal], confirmed_at=confirmed)
        key = self.webhook.load(namespace)
        self.asked.server.hook(f"/decide/{key}").on_post = self.webhook.answer
        self.asked.point(f"{self.asked.server.root}/decide/{key}")

    def attempts(self) -> list[dict[str, Any]]:
        return [record for record in self.plant.log() if record["operationName"].endswith("/connect")]

    def connect(self, context: ssl.SSLContext, user_name: str | None) -> Decision:
        """Connect, and return what the webhook decided; the emulator did as it said."""
        before = len(self.attempts())
        with wire(self.plant, context=context) as opened:
            opened.send(w.connect("session", user_name, version=5))
            answer = opened.expect(w.CONNACK)
            record = self.attempts()[before]
            if answer.reason == 0:
                opened.leave(version=5)
        decided: Decision = content_of(self.webhook.application.recording._waiting[-1].decision)
        assert answer.reason == (0 if decided.accepted else 0x87)
        assert record["webhook"]["outcome"] == ("allow" if decided.accepted else "deny")
        if not decided.accepted:
            assert f"{decided.reason} ({decided.code})".startswith(answer.properties[0x1F][:40])
        return decided


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder: Path = tmp_path_factory.mktemp("doors")
    put_keys(folder)
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_path, authority.key_path)
    with webhook_server(context) as server:
        allowed = AllowedUrls(hosts=[server.root.removeprefix("https://")])
        options = WebhookOptions(allowed, authority.ca_path, seconds=60.0)
        plant = LocalPlant(folder, MqttOptions(connects_per_second=0), webhooks=options)
        plant.tokens.base = server.root
        published = json.dumps({"keys": plant.tokens.published()}).encode()
        server.hook(f"/{plant.credentials.tenant}/discovery/v2.0/keys").on_post = lambda _: (200, {}, published)
        with override_settings(DECISIONS_AUTHORITY=server.root, DECISIONS_AUTHORITY_CA=str(authority.ca_path)):
            webhook = Webhook()
            assert plant.endpoint
            yield Doors(Asked(plant, server), webhook)
            webhook.close()
        plant.close()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_the_webhook_decides_as_the_engine_and_as_the_table_says(doors: Doors, case: Case, tmp_path: Path) -> None:
    arrange(doors.plant, case)
    doors.decides_about(arranged(case))
    decided = doors.connect(context_of(doors.plant, case, tmp_path), case.user_name)
    assert decided.code == (case.fails_at or "accepted")
    ders = [sent.der for sent in case.chain]
    state = case.state()
    expected = authenticate(presented=case.der, chain=ders, user_name=case.user_name, state=state, at=datetime.now(UTC))
    assert (decided.code, decided.anchor, decided.client and decided.client.name) == (
        expected.code,
        expected.anchor,
        expected.client and expected.client.name,
    )
    assert decided.reason == expected.reason


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule, (_, code) in ARRANGED.items()], ids=list(ARRANGED))
def test_a_rule_decides_alike_through_each_door(doors: Doors, rule: str, code: str, tmp_path: Path) -> None:
    made = Plant()
    ARRANGED[rule][0](made)
    doors.decides_about(made.namespace)
    assert doors.connect(context_of(doors.plant, Case("rule", made.device, {}), tmp_path), "press-1").code == code
    state, now = namespace_state(made.namespace), timezone.now()
    assert authenticate(presented=made.device.der, user_name="press-1", state=state, at=now).code == code
    presented = PresentedChain((made.device.der,))
    test = run_authentication_test(
        made.namespace, presented, user_name="press-1", at=now, protocol="5", now=now, may_change=False
    )
    assert test.decision.code == code
