"""Who connected, as the pages show it."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import ConnectionAttempt, Namespace
from tests.factories import PASSWORD, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace(client: Browser, settings: Any) -> Namespace:
    settings.CONNECTION_LOG_GATEWAY = "sync.connections.ArmConnectionLog"
    namespace = make_namespace(reader=make_user("rea"))
    client.login(username="rea", password=PASSWORD)
    return namespace


def make_attempt(namespace: Namespace, cursor: int = 1, **fields: Any) -> ConnectionAttempt:
    values = {
        "at": timezone.now(),
        "accepted": True,
        "client_name": "press-1",
        "protocol": "MQTT5",
        "record": {},
        **fields,
    }
    return ConnectionAttempt.objects.create(namespace=namespace, cursor=cursor, **values)


def list_of(browser: Browser, namespace: Namespace, **asked: str) -> str:
    return browser.get(reverse("namespaces:connection_list", args=[namespace.pk]), asked).content.decode()


@pytest.mark.parametrize("asked", [{"q": "nowhere"}, {"verdict": "refused"}])
def test_a_filter_without_hits_says_so_and_can_be_cleared(
    client: Browser, namespace: Namespace, asked: dict[str, str]
) -> None:
    make_attempt(namespace)
    page = list_of(client, namespace, **asked)
    assert "No attempt matches" in page
    assert "Clear the filter" in page
    assert "Nobody has tried" not in page


def test_without_a_filter_an_empty_list_says_that_nobody_came(client: Browser, namespace: Namespace) -> None:
    for asked in ({}, {"verdict": "no verdict"}):
        page = list_of(client, namespace, **asked)
        assert "Nobody has tried to connect yet" in page
        assert "No attempt matches" not in page
