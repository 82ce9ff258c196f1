"""The page Emulator: faults for training are turned on and off against a running emulator."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import PREVIEW, Namespace
from portal.models import Activity
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.capabilities.fault_training import LESSONS, EmulatorFaults
from sync.capabilities.webhook_order import ORDERS
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD, make_namespace, make_user

pytestmark = pytest.mark.django_db
WITH_WEBHOOK: dict[str, Any] = {
    "identity": {"type": "SystemAssigned"},
    "properties": {
        "topicSpacesConfiguration": {
            "clientAuthentication": {
                "webhookAuthentication": {
                    "identity": {"type": "SystemAssigned"},
                    "endpointUrl": "https://decisions.example/decide/key",
                    "azureActiveDirectoryApplicationIdOrUri": "api://decisions",
                    "azureActiveDirectoryTenantId": "00000000-0000-0000-0000-00000000000b",
                }
            }
        }
    },
}


@pytest.fixture
def factory(azure: EmulatorProcess, settings: Any, client: Browser) -> Iterator[Namespace]:
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    resource_id = azure.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)
    name = resource_id.rpartition("/")[2]
    yield make_namespace(name, resource_id=resource_id, contributor=make_user("ada"), reader=make_user("rea"))
    azure.request("DELETE", "/emulator/faults")


@pytest.fixture
def ada(client: Browser, factory: Namespace) -> Browser:
    client.login(username="ada", password=PASSWORD)
    return client


def at(namespace: Namespace, name: str = "emulator") -> str:
    return reverse(f"sync:{name}", args=[namespace.pk])


def html(answer: Any) -> str:
    return str(answer.content.decode())


def turn_on(browser: Browser, namespace: Namespace, **typed: str) -> Any:
    return browser.post(
        at(namespace, "fault_on"), {"fault": "broken", "share": "100", "count": "", **typed}, follow=True
    )


@pytest.mark.parametrize("code", [lesson.code for lesson in LESSONS])
def test_each_fault_is_turned_on_named_and_turned_off(ada: Browser, factory: Namespace, code: str) -> None:
    title = next(lesson.title for lesson in LESSONS if lesson.code == code)
    assert "data-no-fault" in html(ada.get(at(factory)))
    page = html(turn_on(ada, factory, fault=code))
    assert f'data-fault="{code}" data-share="100" data-left="" data-hits="0"' in on_one_line(page)
    assert title in page
    assert "data-no-fault" in html(ada.post(at(factory, "fault_off"), follow=True))
    assert list(Activity.objects.order_by("pk").values_list("verb", "object_name")) == [
        ("Turn fault on", title),
        ("Turn fault off", title),
    ]


def test_a_fault_affects_one_namespace_and_ends_automatically(ada: Browser, factory: Namespace) -> None:
    page = html(turn_on(ada, factory, count="1"))
    assert 'data-left="1"' in page
    other = factory.resource_id + "-b"
    with pytest.raises(AzureRefused):
        list(arm_gateway().list_children(other, "clients"))  # ARM's own 404
    with pytest.raises(AzureUnreachable):
        list(arm_gateway().list_children(factory.resource_id, "clients"))
    assert list(arm_gateway().list_children(factory.resource_id, "clients")) == []
    assert "data-no-fault" in html(ada.get(at(factory)))


def test_one_of_two_faults_is_turned_off(ada: Browser, factory: Namespace) -> None:
    turn_on(ada, factory)
    page = turn_on(ada, factory, fault="slow", share="30")
    first = re.findall(r'name="rule" value="(\w+)"', page.content.decode())[0]
    page = html(ada.post(at(factory, "fault_off"), {"rule": first}, follow=True))
    assert 'data-fault="slow" data-share="30"' in page
    assert 'data-fault="broken"' not in page
    again = ada.post(at(factory, "fault_off"), {"rule": first}, follow=True)
    assert 'data-fault="slow" data-share="30"' in html(again)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"fault": ""}, "fault"),
        ({"fault": "flood"}, "fault"),
        ({"share": "0"}, "share"),
        ({"share": "all"}, "share"),
        ({"share": "101"}, "share"),
        ({"count": "0"}, "count"),
        ({"count": "-1"}, "count"),
        ({"count": "²"}, "count"),
    ],
)
def test_invalid_input_is_explained_and_kept(
    ada: Browser, factory: Namespace, typed: dict[str, str], field: str
) -> None:
    answer = turn_on(ada, factory, **typed)
    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-error"', html(answer)) == [field]
    for value in typed.values():
        assert not value or value == "flood" or f'value="{value}"' in answer.content.decode()
    assert not Activity.objects.exists()


def test_a_reader_sees_faults_and_cannot_change_them(ada: Browser, factory: Namespace) -> None:
    turn_on(ada, factory)
    ada.login(username="rea", password=PASSWORD)
    page = ada.get(at(factory)).content.decode()
    assert 'data-fault="broken"' in page
    assert at(factory, "fault_on") not in page
    assert ada.post(at(factory, "fault_off")).status_code == 403


def test_another_namespaces_faults_are_only_counted(
    ada: Browser, factory: Namespace, emulator: EmulatorProcess
) -> None:
    emulator.call("POST", "/emulator/faults", {"kind": "latency", "path": "/nowhere"})
    page = html(ada.get(at(factory)))
    assert "data-no-fault" in page
    assert 'data-elsewhere="1"' in page


def test_an_unreachable_emulator_is_reported(ada: Browser, factory: Namespace, settings: Any) -> None:
    settings.AZURE_ARM_URL = settings.AZURE_AUTHORITY_URL = "https://127.0.0.1:9"
    arm_gateway.cache_clear()
    assert "data-outage" in html(ada.get(at(factory)))
    assert [message.level_tag for message in turn_on(ada, factory).context["messages"]] == ["error"]
    assert not Activity.objects.exists()


def test_without_fault_control_there_is_no_page(ada: Browser, factory: Namespace, settings: Any) -> None:
    settings.FAULT_CONTROL_GATEWAY = ""
    assert ada.get(at(factory)).status_code == 404
    assert ada.post(at(factory, "fault_on"), {"fault": "slow", "share": "1"}).status_code == 404


def test_faults_of_the_webhook_reach_its_questions_only(ada: Browser, factory: Namespace) -> None:
    for lesson in (each for each in LESSONS if each.is_of_webhook):
        page = html(turn_on(ada, factory, fault=lesson.code))
        assert f'data-fault="{lesson.code}"' in page
    assert page.count("data-watch") == 3
    assert {each["path"] for each in EmulatorFaults().all()} == {factory.resource_id}
    assert list(arm_gateway().list_children(factory.resource_id, "clients")) == []


def test_without_a_webhook_its_faults_and_order_say_that_they_have_no_effect(ada: Browser, factory: Namespace) -> None:
    assert "data-no-webhook" in html(ada.get(at(factory)))
    arm_gateway().patch(factory.resource_id, WITH_WEBHOOK, api_version=PREVIEW)
    page = html(ada.get(at(factory)))
    assert "data-no-webhook" not in page
    assert 'data-order="webhook-only" data-has-webhook="true"' in page


def test_who_is_asked_first_is_switched_and_recorded(ada: Browser, factory: Namespace) -> None:
    alone, first = (order.code for order in ORDERS)
    for wanted in (first, first, alone):
        page = html(ada.post(at(factory, "webhook_order"), {"order": wanted}, follow=True))
        assert f'data-order="{wanted}"' in page
    assert Activity.objects.filter(verb="Switch order").count() == 2
    answer = ada.post(at(factory, "webhook_order"), {"order": "both"})
    assert (answer.status_code, re.findall(r'id="(\w+)-error"', html(answer))) == (422, ["order"])
    ada.login(username="rea", password=PASSWORD)
    assert ada.post(at(factory, "webhook_order"), {"order": first}).status_code == 403
    page = html(ada.get(at(factory)))
    assert f'data-order="{alone}"' in page
    assert at(factory, "webhook_order") not in page
