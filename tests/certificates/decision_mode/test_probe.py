"""The check before a switch, with the service, the emulator's tokens and TLS: what passes, and what each failure is called."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from certificates.actions.decision_mode import Wanted, let_azure_decide, let_portal_decide, probe_endpoint
from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration
from namespaces.rules.configuration import NO_WEBHOOK, SYSTEM_ASSIGNED
from namespaces.rules.errors import RuleError
from sync.arm.decision_probe import has_passed, probe
from tests.certificates.decision_service.deciding import DecidingPortal
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.factories import make_configuration, make_namespace, owner_of

AUDIENCE = "api://decisions.contoso.example"
IDENTITY = {"identity": {"type": "SystemAssigned", "principalId": "77aa7e0f-2222-4c10-8a55-0b7a7e0f9c10"}}


@pytest.fixture(scope="module")
def service(
    emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[DecidingPortal]:
    """The service, with the emulator as the authority of tokens and its service principal as the one that may probe."""
    environment = {
        "DECISIONS_AUTHORITY": emulator.url,
        "DECISIONS_AUTHORITY_CA": emulator.ca,
        "DECISION_PROBE_PRINCIPALS": emulator.ready["object_id"],
        "AZURE_TENANT_ID": emulator.tenant,
    }
    portal = DecidingPortal(tmp_path_factory.mktemp("probed"), processes=1, environment=environment)
    yield portal
    portal.stop()


@pytest.fixture
def factory(
    service: DecidingPortal, azure: EmulatorProcess, settings: Any, django_db_blocker: Any
) -> Iterator[Namespace]:
    """A namespace in the service's database. Its endpoint has the service's address."""
    settings.DECISIONS_URL = f"https://127.0.0.1:{service.port}"
    settings.DECISIONS_CA = service.ca
    with service.database(django_db_blocker):
        Namespace.objects.all().delete()
        namespace = make_namespace("factory")
        Namespace.objects.update(resource=IDENTITY)
        namespace.refresh_from_db()
        make_configuration(namespace)
        yield namespace


def wanted(azure: EmulatorProcess, **changed: str) -> Wanted:
    values = {"audience": AUDIENCE, "tenant": azure.tenant, "identity": SYSTEM_ASSIGNED}
    return Wanted(**(values | changed))


def test_the_endpoint_passes_and_the_namespace_is_switched(azure: EmulatorProcess, factory: Namespace) -> None:
    actor = owner_of(factory)
    steps = probe_endpoint(actor, namespace=factory, wanted=wanted(azure))
    assert [(each.code, each.passed) for each in steps] == [
        (code, True) for code in ("reachable", "token", "forged", "accepted", "clock")
    ], steps
    row = NamespaceConfiguration.objects.select_related("namespace").get()
    row = let_portal_decide(actor, configuration=row, wanted=wanted(azure))
    point = DecisionPoint.objects.get()
    assert row.webhook_url.endswith(f"/decide/{point.key}")
    assert point.principals == [IDENTITY["identity"]["principalId"]]
    again = probe_endpoint(actor, namespace=factory, wanted=wanted(azure, audience=f"{AUDIENCE}/.default"))
    assert has_passed(again)  # once configured, too
    let_azure_decide(actor, configuration=row)
    assert NamespaceConfiguration.objects.get().webhook == NO_WEBHOOK


def test_an_endpoint_that_does_not_answer_is_not_switched_to(
    azure: EmulatorProcess, factory: Namespace, settings: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings.DECISIONS_URL = f"https://127.0.0.1:{port}"
    row = NamespaceConfiguration.objects.select_related("namespace").get()
    with pytest.raises(RuleError) as refusal:
        let_portal_decide(owner_of(factory), configuration=row, wanted=wanted(azure))
    assert refusal.value.code == "probe-failed"
    assert NamespaceConfiguration.objects.get().webhook == NO_WEBHOOK


def test_each_failure_is_named(azure: EmulatorProcess, factory: Namespace, settings: Any) -> None:
    point = DecisionPoint.objects.create(namespace=factory)
    url = f"{settings.DECISIONS_URL}/decide/{point.key}"

    def last(address: str = url, name: str = "factory", audience: str = AUDIENCE) -> tuple[str, bool]:
        step = probe(address, audience=audience, namespace=name, now=timezone.now())[-1]
        return step.code, step.passed

    assert last() == ("clock", True)
    assert last(name="another") == ("accepted", False)
    assert last(f"{settings.DECISIONS_URL}/decide/unknown") == ("forged", False)
    settings.AZURE_CLIENT_SECRET = "wrong"
    assert last() == ("token", False)
    settings.DECISIONS_CA = ""
    assert last() == ("reachable", False)
